"""The redaction policy: which fields of which object type may be kept.

The rules are data files, and a team's own file on top. Default deny: a field that no file names is
replaced.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache

from replay.model import own_data
from replay.redaction import parameters
from replay.redaction.page_tokens import encodes_text, is_opaque
from replay.redaction.personal import form_of
from replay.redaction.policy_files import KEPT_KINDS, PolicyFiles, TypePolicy
from replay.redaction.pseudonyms import (
    DEFAULT_POLICY,
    GENERATED,
    chosen_stand_in,
    is_masked,
    masked_id,
)
from replay.redaction.secrets import is_secret
from replay.redaction.team_policy import TeamPolicy, parse_team_policy
from replay.redaction.values import SIMPLE_KINDS, is_generated, may_be_kept
from replay.stripe_api import routes
from replay.stripe_api.asked_for import is_test_alias
from replay.stripe_api.call import Call

TEAM = "team.toml"
"""Names the team's own file among the sources; its words are not words of the API."""

_FOLDERS = ("types", "generated")  # the reviewed ones go first


@dataclass(frozen=True, eq=False)
class Policy:
    """A redaction policy.

    Attributes:
        name: the policy's name; part of every pseudonym's seed.
        sources: file name -> text. A type's file is read when the type is first met.
        team: a team's own rules.
        masks_ids: whether generated IDs are replaced with their pseudonyms.
        keeps_chosen: whether IDs that people choose for plans, prices, coupons and products stay.
            If not, each of these and every other chosen ID gets a stand-in of its own.
    """

    name: str
    sources: Mapping[str, str] = field(repr=False)
    team: TeamPolicy = field(default_factory=TeamPolicy, repr=False)
    masks_ids: bool = field(default=False, repr=False)
    keeps_chosen: bool = field(default=True, repr=False)
    _types: dict[str, TypePolicy] = field(default_factory=dict, repr=False)

    @cached_property
    def digest(self) -> str:
        """12 hex digits of a hash over all files: another rule gives another digest."""
        content = "".join(f"{name}\n{text}\n" for name, text in sorted(self.sources.items()))
        masks = "pseudonymise_ids\n" if self.masks_ids else ""
        chosen = "" if self.keeps_chosen else "keep_chosen_ids = false\n"
        return hashlib.sha256((content + masks + chosen).encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """How a cassette names the policy: ``stripe-1 sha256:<12 hex>``."""
        return f"{self.name} sha256:{self.digest}"

    def type(self, name: str) -> TypePolicy:
        """The policy of an object type; where it has no file, the rules that hold for every type.

        Raises:
            PolicyError: the type's file cannot be used; names file and line.
        """
        found = self._types.get(name)
        if found is None:
            found = self._types[name] = self._files.type(name, self.team)
        return found

    def keeps(self, kind: str, value: object) -> bool:
        """Whether a value looks like a kept kind and holds no secret.

        Args:
            kind: the kind that the field may be kept as; ``pattern:<n>`` is the team's n-th rule.
            value: any JSON value.
        """
        if kind[:8] == "pattern:":
            fits = self.team.matches(int(kind[8:]), value)
            return fits and not (isinstance(value, str) and is_secret(value))
        match kind:
            case "id":
                fits = is_generated(value, self.prefixes) or self._names_id(value)
            case "object":
                fits = value in self.objects
            case "context":
                fits = isinstance(value, str) and all(
                    is_generated(part, self.prefixes) for part in value.split("/")
                )
            case "list_url":
                fits = isinstance(value, str) and parameters.keeps_url(value, self)
            case "chosen":
                fits = self.keeps("id", value) or (
                    self.keeps_chosen and SIMPLE_KINDS[kind](value) and not encodes_text(str(value))
                )
            case "page":
                fits = is_opaque(value, self.vocabulary, self.prefixes)
            case _:  # other words only name how to replace
                fits = kind in SIMPLE_KINDS and SIMPLE_KINDS[kind](value)
        return fits and not (isinstance(value, str) and is_secret(value))

    def keeps_id(self, resource: str, id: str) -> bool:
        """Whether an ID in a request's path may be written to disk.

        Args:
            resource: the resource path, such as ``invoices`` or ``customers/sources``.
            id: the ID, percent-decoded; empty for a singleton.
        """
        generated = is_generated(id, self.prefixes) and not is_secret(id)
        if not id or generated or is_test_alias(resource, id):
            return True
        if self._is_teams("resource", resource, id):
            return True
        known = self._files.known
        kinds = (("word", known.words), ("chosen", known.chosen))
        return any(resource in listed and self.keeps(kind, id) for kind, listed in kinds)

    def keeps_id_of_any(self, id: str) -> bool:
        """Whether an ID may be written to disk as that of a resource that is not known."""
        return self.keeps_id("", id) or self._names_id(id)

    def _names_id(self, value: object) -> bool:
        """Whether a team's own rule for a resource keeps an ID, and may do so."""
        return bool(self.team.keeps) and self.team.keeps_id(value) and may_be_kept(str(value))

    def _is_teams(self, place: str, name: str, value: str) -> bool:
        """Whether a team's own rule keeps an ID or a parameter's value, and may do so."""
        return self.team.keeps_value(place, name, value) and may_be_kept(value)

    def ids_in(self, text: str) -> list[str]:
        """The generated IDs in a text."""
        found: list[str] = GENERATED.findall(text)
        return [id for id in found if is_generated(id, self.prefixes)]

    def masked(self, text: str) -> str:
        """A text with pseudonyms in place of its generated IDs, if this policy masks IDs."""
        if not self.masks_ids:
            return text
        ids = set(self.ids_in(text))
        return GENERATED.sub(lambda m: masked_id(m[0]) if m[0] in ids else m[0], text)

    @property
    def masks(self) -> bool:
        """Whether recordings hold stand-ins in place of IDs of any kind."""
        return self.masks_ids or not self.keeps_chosen

    def chosen_stand_in(self, value: object) -> str:
        """The stand-in of an ID that a person chose; empty if it has none.

        It has none if this policy keeps such IDs, if Stripe made the ID, or if it has the form of a
        secret or of a person's number: those are so few that a digest would give them away. A
        stand-in is its own.
        """
        if self.keeps_chosen or not isinstance(value, str) or not 0 < len(value) <= 255:
            return ""
        if is_generated(value, self.prefixes):
            return value if is_masked(value) else ""
        if is_secret(value) or form_of(value) is not None:
            return ""
        return chosen_stand_in(value, self.prefixes)

    def masked_id(self, resource: str, id: str) -> str:
        """An ID of a request's path as recordings hold it."""
        if not self.keeps_chosen and not (
            resource in self._files.known.words
            or is_test_alias(resource, id)
            or self._is_teams("resource", resource, id)
        ):
            return self.masked(self.chosen_stand_in(id) or id)
        return self.masked(id)

    def masked_parameter(self, resource: str, name: str, value: str) -> str:
        """A query parameter's value as recordings hold it."""
        if not self.keeps_chosen and parameters.holds_id(name, self):
            cursor = name in {"starting_after", "ending_before"}
            word = cursor and resource in self._files.known.words
            teams = self._is_teams("parameter", parameters.last_word(name), value)
            if not (word or teams or self._names_id(value)):
                value = self.chosen_stand_in(value) or value
        return self.masked(value)

    def is_kept(self, kind: str | None) -> bool:
        """Whether values may be kept as a kind at all; some kinds only name how to replace."""
        return kind is not None and (kind in KEPT_KINDS or kind[:8] == "pattern:")

    @cached_property
    def prefixes(self) -> frozenset[str]:
        """The prefixes of generated IDs, without their last underscore."""
        return frozenset(self._files.known.prefixes)

    @cached_property
    def objects(self) -> frozenset[str]:
        """The known object types: values of `object`."""
        routed = {name for route in routes.table() for name in route.objects}
        own = {name.partition("/")[2].removesuffix(".toml") for name in self.sources}
        return frozenset((routed | own | set(self._files.known.objects)) - {""})

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The API's own words: field names of all types, object types, path segments."""
        words = set(self.objects) | routes.words()
        for text in (text for name, text in self.sources.items() if name != TEAM):
            for line in text.split("\n"):
                words.update(re.findall(r"[A-Za-z0-9_]+", line.partition("#")[0]))
        return frozenset(words)

    @cached_property
    def parameters(self) -> Mapping[str, tuple[str, ...]]:
        """Query parameter, by its last name -> the kinds that its value may be kept as."""
        return self._files.parameters

    @cached_property
    def _files(self) -> PolicyFiles:
        return PolicyFiles(self.sources)


@cache
def default_policy() -> Policy:
    """The policy that ships with replay; its types are read when they are first met.

    Raises:
        PolicyError: a data file cannot be used; names file and line.
    """
    package, sources = "replay.redaction", {}
    for prefix in ("", *(f"{folder}/" for folder in _FOLDERS)):
        for name in own_data.names(package, f"data/{prefix}"):
            if name.endswith(".toml"):
                sources[prefix + name] = own_data.read_text(package, f"data/{prefix}{name}")
    return Policy(DEFAULT_POLICY, sources)


@lru_cache(maxsize=16)
def with_team(
    text: str, where: str, *, masks_ids: bool = False, keeps_chosen: bool = True
) -> Policy:
    """The shipped policy with a team's own rules.

    Args:
        text: the team's file; empty for none.
        where: names the file in errors.
        masks_ids: replace generated IDs with their pseudonyms.
        keeps_chosen: keep the IDs that people choose for plans, prices, coupons and products.

    Raises:
        PolicyError: the file cannot be used; names file and line.
    """
    shipped = default_policy()
    if not text and not masks_ids and keeps_chosen:
        return shipped
    sources = {**shipped.sources, TEAM: text} if text else shipped.sources
    team = parse_team_policy(text, where, shipped.objects)
    return Policy(shipped.name, sources, team, masks_ids, keeps_chosen)


def keeps_parameter(resource: str, name: str, value: str, *, policy: Policy | None = None) -> bool:
    """Whether a parameter of a list, search or preview may be written as it is.

    A call with a parameter that may not be written is answered, but not recorded.

    Args:
        resource: the collection's resource path, such as ``invoices`` or ``invoices/search``.
        name: the parameter as sent, decoded: ``limit``, ``created[gte]``, ``expand[]``.
        value: its value, decoded.
        policy: the policy; by default the one that ships with replay.
    """
    return parameters.keeps_parameter(resource, name, value, policy or default_policy())


def keeps_expand(name: str, *, policy: Policy | None = None) -> bool:
    """Whether a name to expand is made of the API's own words only."""
    return parameters.keeps_expand(name, policy or default_policy())


def why_private(call: Call, policy: Policy) -> str:
    """Why a call may not be recorded, independent of the answer; empty where it may."""
    if not all(policy.keeps_id(resource, id) for resource, id in call.key.ids):
        return "the ID in the path may be private: the policy does not keep it"
    if not all(keeps_expand(name, policy=policy) for name in call.expand):
        return "a name to expand is none of the API's own"
    for name, value in call.parameters:
        if not keeps_parameter(call.key.resource, name, value, policy=policy):
            words = re.findall(r"[a-z_]+", name)
            shown = name if words and {*words} <= policy.vocabulary else "a parameter"
            return f"the value of {shown} may be private: the policy does not keep it"
    return ""
