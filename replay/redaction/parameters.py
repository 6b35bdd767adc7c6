"""Decides which query parameters, paths with a query, and names to expand may be written. Pure.

Default deny, as for bodies: a parameter that ``data/parameters.toml`` does not list is private. So
is a listed one whose value does not look like its kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import parse_qsl, unquote

from replay.redaction.page_tokens import is_opaque
from replay.redaction.pseudonyms import PAGE, is_masked
from replay.redaction.team_policy import TeamPolicy
from replay.redaction.values import is_generated, may_be_kept
from replay.stripe_api.routes import match


class ParameterRules(Protocol):
    """The part of a policy that these decisions need. A `Policy` has it, and uses this module."""

    @property
    def parameters(self) -> Mapping[str, tuple[str, ...]]:
        """Parameter, by its last name -> the kinds that its value may be kept as."""

    @property
    def vocabulary(self) -> frozenset[str]:
        """The API's own words."""

    @property
    def team(self) -> TeamPolicy:
        """The team's own rules."""

    @property
    def prefixes(self) -> frozenset[str]:
        """Prefixes of generated IDs."""

    def keeps(self, kind: str, value: object) -> bool:
        """Whether a value looks like a kept kind."""

    def keeps_id(self, resource: str, id: str) -> bool:
        """Whether an ID may be written."""


_NAME = re.compile(r"([a-z][a-z0-9_]{0,63})((?:\[(?:[a-z][a-z0-9_]{0,63}|\d{0,3})\]){0,8})\Z")
_WORD = re.compile(r"[a-z][a-z0-9_]*")
_RANGE = frozenset({"gt", "gte", "lt", "lte"})

_INT = re.compile(r"-?\d{1,12}\Z", re.ASCII)  # an amount; a card's number has more
_PATH = re.compile(r"[a-z0-9_*]+(?:\.[a-z0-9_*]+){0,3}\Z")
_CLAUSE = re.compile(
    r"-?(?P<field>[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*) ?(?P<op>[<>]=|[:~<>]) ?"
    r"(?:'(?P<single>[^'\\]*)'|\"(?P<double>[^\"\\]*)\"|(?P<bare>[^\s'\"\\()]+))"
)
_JOINT = re.compile(r"\s+(?:and|or)\s+|\s+", re.IGNORECASE)


def keeps_parameter(resource: str, name: str, value: str, rules: ParameterRules) -> bool:
    """Whether a parameter may be written as it is; see `policy.keeps_parameter`."""
    found = _NAME.match(name)
    if found is None or len(value) > 2048:
        return False
    words = [found[1], *_WORD.findall(found[2])]
    if words[-1] in _RANGE and len(words) > 1:
        words.pop()
    if rules.team.keeps_value("parameter", words[-1], value) and may_be_kept(value):
        return True
    if not set(words) <= rules.parameters.keys():
        return False
    return _keeps(resource, words[-1], value, rules)


def is_time_parameter(name: str, rules: ParameterRules) -> bool:
    """Whether a parameter of a read takes unix times: ``created[gte]``, ``arrival_date``."""
    words = _WORD.findall(name)
    if len(words) > 1 and words[-1] in _RANGE:
        words.pop()
    return bool(words) and "time" in rules.parameters.get(words[-1], ())


def last_word(name: str) -> str:
    """The name that a parameter is listed by: ``product`` of ``recurring[product]``."""
    words = _WORD.findall(name)
    return words[-1] if words else ""


def holds_id(name: str, rules: ParameterRules) -> bool:
    """Whether a parameter's value is an ID, which somebody may have chosen."""
    return not _IDS.isdisjoint(rules.parameters.get(last_word(name), ()))


def keeps_expand(name: str, rules: ParameterRules) -> bool:
    """Whether a name to expand is made of the API's own words only."""
    return _PATH.match(name) is not None and {*name.split(".")} <= rules.vocabulary | {"*"}


def keeps_url(url: str, rules: ParameterRules) -> bool:
    """Whether each part of an API path and of its query may be kept."""
    path, _, query = url.partition("?")
    if path[:4] not in {"/v1/", "/v2/"} or any(private_parts(path, rules)):
        return False
    found = match(path)
    resource = found.route.resource if found else ""
    return all(
        keeps_parameter(resource, name, value, rules)
        for name, value in parse_qsl(query, keep_blank_values=True)
    )


def private_parts(path: str, rules: ParameterRules) -> list[bool]:
    """For each segment of an API path, whether it may be private.

    It may not if it is a word of the API, a generated ID, or an ID that a body may have too.
    """
    parts = path.split("/")[1:]
    return [
        part not in rules.vocabulary
        and not is_generated(part, rules.prefixes)
        and not _keeps_id_of("/" + "/".join(parts[:length]), rules)
        for length, part in enumerate(parts, 1)
    ]


def _keeps_id_of(path: str, rules: ParameterRules) -> bool:
    """Whether the ID at the end of a path may be kept, such as a coupon's, which people choose."""
    found = match(path)
    return (
        found is not None
        and found.id != ""
        and rules.keeps_id(found.route.resource, unquote(found.id))
    )


def _keeps(resource: str, name: str, value: str, rules: ParameterRules) -> bool:
    """Whether a value fits one of the kinds that its parameter may be kept as."""
    kinds = rules.parameters.get(name, ())
    return (value == "" and bool(kinds)) or any(
        _KINDS[kind](resource, value, rules) for kind in kinds
    )


def _is_time(value: str, rules: ParameterRules) -> bool:
    return _INT.match(value) is not None or rules.keeps("time", value)


def _is_named_id(value: str, rules: ParameterRules) -> bool:
    return rules.keeps("id", value) or rules.keeps("chosen", value)


def _is_query(resource: str, value: str, rules: ParameterRules) -> bool:
    """Whether each clause of a search query may be kept, and the query holds nothing else."""
    position = 0
    while clause := _CLAUSE.match(value, position):
        if not _keeps_clause(resource, clause, rules):
            return False
        position = clause.end()
        if position == len(value):
            return True
        joint = _JOINT.match(value, position)
        if joint is None:
            return False
        position = joint.end()
    return False


def _keeps_clause(resource: str, clause: re.Match[str], rules: ParameterRules) -> bool:
    """Whether a clause of a search query, such as ``status:'open'``, may be kept."""
    words = clause["field"].split(".")
    if not set(words) <= rules.parameters.keys() or words[-1] == "query":
        return False
    given = next(
        part for part in (clause["single"], clause["double"], clause["bare"]) if part is not None
    )
    return given.lower() == "null" or _keeps(resource, words[-1], given, rules)


_KINDS: Mapping[str, Callable[[str, str, ParameterRules], bool]] = {
    "int": lambda _, value, __: _INT.match(value) is not None,
    "time": lambda _, value, rules: _is_time(value, rules),
    "decimal": lambda _, value, rules: rules.keeps("decimal", value) and len(value) <= 13,
    "bool": lambda _, value, __: value.lower() in {"true", "false"},
    "enum": lambda _, value, rules: rules.keeps("enum", value),
    "currency": lambda _, value, rules: rules.keeps("currency", value),
    "country": lambda _, value, rules: rules.keeps("country", value),
    "id": lambda _, value, rules: rules.keeps("id", value),
    "chosen_id": lambda _, value, rules: _is_named_id(value, rules),
    "cursor": lambda resource, value, rules: rules.keeps_id(resource, value),
    "lookup_key": lambda _, value, rules: rules.keeps(
        "id" if is_masked(value) else "chosen", value
    ),
    "page": lambda _, value, rules: (
        PAGE.fullmatch(value) is not None or is_opaque(value, rules.vocabulary, rules.prefixes)
    ),
    "expand": lambda _, value, rules: keeps_expand(value, rules),
    "query": _is_query,
    "group": lambda *_: False,
}
KINDS = frozenset(_KINDS)
_IDS = frozenset({"id", "chosen_id", "cursor", "lookup_key"})
