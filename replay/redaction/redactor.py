"""Redacts a parsed body: values that the policy lists stay, all others become stand-ins.

Pure: the input is never changed. Two bodies that differ only in private values of the same class
give the same result, and redacting a result again changes nothing. Null, booleans and "" stay.

The walk goes down the body and, beside it, down the policy's tree of fields (`node`). On the way it
keeps track of whose values it meets (`_Place`): the owner is the nearest enclosing object that has
an ID, and the slot is the path from there. Owner and slot make the stand-in. An object that names
its type has that type's rules, at any place in the body.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from replay.errors import NotRecordable
from replay.redaction.page_tokens import encodes_text, in_address, is_opaque, with_token
from replay.redaction.policy import Policy, default_policy
from replay.redaction.policy_files import STRING_CLASSES, FieldPolicy
from replay.redaction.pseudonyms import NUMBER_CONSTANTS, masked_id, stand_in
from replay.redaction.secrets import is_secret
from replay.redaction.values import is_generated, is_plain_key, look
from replay.stripe_api.error_texts import published

MAX_DEPTH = 100
"""Levels of nesting that a body may have; Stripe's own have about a dozen."""


@dataclass(frozen=True, slots=True)
class Original:
    """A value that was replaced. Only the gate may see it, so the repr does not show it.

    Attributes:
        pointer: JSON pointer in the redacted body.
        kind: the value's class.
        value: the value that stood there.
    """

    pointer: str
    kind: str
    value: str | int | float = field(repr=False)


@dataclass(frozen=True, slots=True)
class Redaction:
    """A redacted body, and the values that were replaced in it.

    Attributes:
        body: the redacted body.
        redacted: JSON pointer -> class, for each replaced leaf; a renamed key has the class
            ``key``, and ``key+<class>`` where its value was replaced too.
        originals: the replaced values, without those that were stand-ins already.
        unknown: fields that the policy does not know, such as ``invoice/new_field``.
        ids: stand-in -> ID or page token, where one is asked for by its stand-in.
    """

    body: Any
    redacted: Mapping[str, str]
    originals: tuple[Original, ...] = field(repr=False)
    unknown: tuple[str, ...] = ()
    ids: Mapping[str, str] = field(default_factory=dict, repr=False)


def redact(
    body: Any,
    *,
    owner: str,
    policy: Policy | None = None,
    listed: Mapping[str, str] = MappingProxyType({}),
) -> Redaction:
    """Redact a parsed JSON body.

    Args:
        body: the result of `json.loads`.
        owner: the call key's seed, such as ``invoices in_…``. It owns the values that no enclosing
            object owns. Its last word is the ID that was asked for.
        policy: the policy; by default the one that ships with replay.
        listed: the stand-ins that a recorded body claims to have, as `Redaction.redacted`. A key
            that is listed as one, and is not the one that belongs there, is an original.

    Raises:
        NotRecordable: the body nests too deep.
        PolicyError: the policy's data cannot be used.
    """
    walk = _Walk(policy or default_policy(), asked=owner.rpartition(" ")[2], listed=listed)
    label = _envelope(body)
    node = walk.policy.type(label).root if label else _UNKNOWN
    place = _Place(owner, "", "", label or "body", known=bool(label))
    redacted = walk.value(body, node, place, {}, 0)
    return Redaction(redacted, walk.redacted, tuple(walk.originals), tuple(walk.unknown), walk.ids)


def unix_times(body: Any, policy: Policy) -> tuple[str, ...]:
    """The pointers of the unix times that a policy keeps in a body, redacted or not.

    Raises:
        PolicyError: the policy's data cannot be used.
    """
    walk = _Times(policy, asked="", listed={})
    label = _envelope(body)
    node = policy.type(label).root if label else _UNKNOWN
    walk.value(body, node, _Place("", "", "", label or "body", known=bool(label)), {}, 0)
    return tuple(walk.found)


def _envelope(body: Any) -> str:
    """The type of a body that does not name its type: an error, or a page of a v2 list."""
    if not isinstance(body, dict) or "object" in body:
        return ""
    if isinstance(body.get("error"), dict):
        return "error"
    return "list" if isinstance(body.get("data"), list) and "next_page_url" in body else ""


_NO_FIELDS: Mapping[str, FieldPolicy] = {}
_UNKNOWN = FieldPolicy(None, {"id": FieldPolicy("id"), "object": FieldPolicy("object")})
_CONTAINER = FieldPolicy()
_PRIVATE = FieldPolicy("map")
_ID_KINDS = frozenset({"id", "chosen"})
_PAGES = frozenset({"page", "list_url"})
_ASKED_FOR = _ID_KINDS | {"lookup_key"}
_NO_SUCH = re.compile(
    r"No such ([a-z_ ]{1,60}): '?([^\s';]{1,255})'?"
    r"(?:; a similar object exists in (?:live|test) mode, but a (?:live|test) mode key was used"
    r" to make this request\.)?\Z"
)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk is.

    Attributes:
        owner: whose value it is.
        slot: the path from the owner to the value.
        pointer: the JSON pointer, from the body on.
        label: type and field names without list indexes, for the log: ``invoice/parent/type``.
        known: whether the policy knows the field.
        deep: rules that hold for a field of that name at any depth below.
    """

    owner: str
    slot: str
    pointer: str
    label: str
    known: bool
    deep: Mapping[str, FieldPolicy] = field(default_factory=lambda: _NO_FIELDS)

    def step(self, name: str | int, *, known: bool) -> _Place:
        """One level down; the label leaves out a list's index."""
        slot = f"{self.slot}/{name}" if self.slot else str(name)
        label = f"{self.label}/{name}" if isinstance(name, str) else self.label
        return _Place(self.owner, slot, f"{self.pointer}/{name}", label, known, self.deep)


class _Walk:
    """One pass over one body, and what it collects on the way."""

    def __init__(self, policy: Policy, asked: str, listed: Mapping[str, str]) -> None:
        self.policy = policy
        self.asked = asked
        self.listed = listed
        self.redacted: dict[str, str] = {}
        self.originals: list[Original] = []
        self.unknown: dict[str, None] = {}
        self.ids: dict[str, str] = {}

    def value(
        self, value: Any, node: FieldPolicy, at: _Place, beside: dict[str, Any], depth: int
    ) -> Any:
        """Redact one value; `beside` is the object that it is a field of."""
        if not isinstance(value, dict | list):
            return self.leaf(value, node, at, beside)
        if depth >= MAX_DEPTH:
            raise NotRecordable(f"the answer nests deeper than {MAX_DEPTH} levels")
        if isinstance(value, dict):
            return self.mapping(value, node, at, depth + 1)
        return [
            self.value(item, node, at.step(index, known=at.known), beside, depth + 1)
            for index, item in enumerate(value)
        ]

    def mapping(
        self, value: dict[str, Any], node: FieldPolicy, at: _Place, depth: int
    ) -> dict[str, Any]:
        """Redact an object: each field by its rule, and rename keys that may be private."""
        node, at, repeats = self.enter(value, node, at)
        result: dict[str, Any] = {}
        renamed = 0
        for key, child in value.items():
            child_node = self.child_node(node, at, key, child)
            name = key
            if not (key in node.children or key in at.deep):
                # A stand-in key is never the name of another field.
                while not self.is_plain(name) or (
                    name != key and (name in value or name in result)
                ):
                    name = str(self.stand_in(at.owner, f"{at.slot}/#{renamed}", "key"))
                    renamed += 1
                if self.listed and name == key and self.is_listed(key, at):
                    renamed = self.check_key(key, at, renamed, value.keys() | result.keys())
            there = at.step(name, known=child_node is not None)
            if child_node is None and at.known:
                self.unknown[there.label] = None
            if child_node is not None and child_node.kind == "partial":
                child_node, there = self.partial(value.get("object"), there)
            if key in repeats:
                there = self.repeated(there, *repeats[key], value)
            result[name] = self.value(child, child_node or _UNKNOWN, there, value, depth)
            if name != key:
                kind = self.redacted.get(there.pointer)
                self.redacted[there.pointer] = f"key+{kind}" if kind else "key"
                self.originals.append(Original(there.pointer, "key", key))
        return result

    def is_listed(self, key: str, at: _Place) -> bool:
        """Whether a recorded key claims to be a stand-in."""
        return self.listed.get(f"{at.pointer}/{key}", "").startswith("key")

    def check_key(self, key: str, at: _Place, renamed: int, taken: Collection[str]) -> int:
        """Note a key that claims to be a stand-in and is not; how many keys are renamed by then."""
        while True:
            expected = str(self.stand_in(at.owner, f"{at.slot}/#{renamed}", "key"))
            renamed += 1
            if expected == key:
                return renamed
            if expected not in taken:
                self.originals.append(Original(f"{at.pointer}/{key}", "key", key))
                return renamed

    def is_plain(self, key: str) -> bool:
        """Whether a map's key may stay."""
        return is_plain_key(key, self.policy.prefixes) and not encodes_text(key)

    def enter(
        self, value: dict[str, Any], node: FieldPolicy, at: _Place
    ) -> tuple[FieldPolicy, _Place, Mapping[str, tuple[str, str]]]:
        """The rules that hold inside an object, with its ID as the owner of its values."""
        if node.kind == "map":
            return node, at, {}
        repeats: Mapping[str, tuple[str, str]] = {}
        name = value.get("object")
        if isinstance(name, str) and name in self.policy.objects:
            policy = self.policy.type(name)
            node, repeats = policy.root, policy.repeats
            at = _Place(at.owner, at.slot, at.pointer, name, known=True)
        elif node.deep:
            at = replace(at, deep={**at.deep, **node.deep})
        own = self.own_id(value, node)
        return node, replace(at, owner=own, slot="") if own else at, repeats

    def partial(self, whole: Any, at: _Place) -> tuple[FieldPolicy, _Place]:
        """The rules for a map of some fields of an object: those of the object itself."""
        name = whole.get("object") if isinstance(whole, dict) else None
        if not isinstance(name, str) or name not in self.policy.objects:
            return _PRIVATE, at
        root = self.policy.type(name).root
        own = self.own_id(whole, root)
        there = replace(at, label=name)
        return root, replace(there, owner=own, slot="") if own else there

    def child_node(self, node: FieldPolicy, at: _Place, key: str, child: Any) -> FieldPolicy | None:
        """The rule of a field; None if the policy does not know the field."""
        if node.kind == "map":
            return node.children.get(key, _PRIVATE)
        found = node.children.get(key) or at.deep.get(key) or node.children.get("*")
        if found is None and at.deep and (child is None or isinstance(child, dict | list)):
            return _CONTAINER
        return found

    def own_id(self, value: dict[str, Any], node: FieldPolicy) -> str | None:
        """The ID of an object as it is written; None if the policy does not keep it."""
        own = value.get("id")
        kind = (node.children.get("id") or _UNKNOWN.children["id"]).kind
        if not isinstance(own, str) or not kind:
            return None
        if self.policy.keeps(kind, own):
            return own
        return (self.policy.chosen_stand_in(own) or None) if kind in _ID_KINDS else None

    def repeated(self, at: _Place, owner: str, slot: str, beside: dict[str, Any]) -> _Place:
        """The place at the object whose value this field repeats, if its ID is there."""
        other = beside.get(owner)
        if isinstance(other, dict):
            other = self.own_id(other, _UNKNOWN)
        if not self.policy.keeps("id", other):
            other = self.policy.chosen_stand_in(other)
        return replace(at, owner=str(other), slot=slot) if other else at

    def leaf(self, value: Any, node: FieldPolicy, at: _Place, beside: dict[str, Any]) -> Any:
        """Redact a value that is neither an object nor a list."""
        if value is None or isinstance(value, bool) or value == "":
            return value
        if node.kind in _PAGES and isinstance(value, str):
            paged = self.page(value, node.kind, at, beside)
            if paged:
                return paged
        if self.keeps(value, node):
            return self.masked(value, at)
        if node.kind == "message" and isinstance(value, str):
            return self.message(value, at, beside)
        if node.kind in _ASKED_FOR and (name := self.policy.chosen_stand_in(value)):
            self.ids[name] = str(value)
            return self.put(value, "id", name, at)
        kind = _class(value, node)
        return self.put(value, kind, self.stand_in(at.owner, at.slot, kind), at)

    def page(self, value: str, kind: str, at: _Place, beside: dict[str, Any]) -> str:
        """The token of another page, or its address, with a stand-in for the token.

        Empty where the token tells nothing, or the address may be private apart from it.
        """
        token = value if kind == "page" else in_address(value)
        if not token or is_opaque(token, self.policy.vocabulary, self.policy.prefixes):
            return ""
        items = beside.get("data")
        edge = items[0 if "previous" in at.slot else -1] if isinstance(items, list) and items else 0
        own = self.own_id(edge, _UNKNOWN) if isinstance(edge, dict) else None
        name = str(self.stand_in(f"{at.owner} {own or ''}", at.slot, "page"))
        written = name if kind == "page" else with_token(value, name)
        if kind != "page" and not self.policy.keeps(kind, written):
            return ""
        self.redacted[at.pointer] = "page"
        if token != name:
            self.originals.append(Original(at.pointer, "page", token))
            self.ids[name] = token
        return str(self.masked(written, at)) if self.policy.masks_ids else written

    def keeps(self, value: str | int | float, node: FieldPolicy) -> bool:
        """Whether a value may stay in its field."""
        if node.kind is None or node.kind == "value":
            # Nobody has reviewed this field. An ID in a new place is what upgrades are about, and
            # it tells nothing private.
            return is_generated(value, self.policy.prefixes, strict=True) and not is_secret(
                str(value)
            )
        if node.kind == "lookup_key":
            return self.policy.keeps("chosen", value)
        return self.policy.is_kept(node.kind) and self.policy.keeps(node.kind, value)

    def message(self, value: str, at: _Place, beside: dict[str, Any]) -> str:
        """An error's message: kept if all its parts may be, else a stand-in that names the code."""
        if value in published():
            return value
        found = _NO_SUCH.match(value)
        if found and found[1].replace(" ", "_") in self.policy.vocabulary and not is_secret(value):
            chosen = found[2] == self.asked and self.policy.keeps("chosen", found[2])
            if chosen or self.policy.keeps("id", found[2]):
                return str(self.masked(value, at))
            name = self.policy.chosen_stand_in(found[2])
            if name and name == self.asked:
                start, end = found.span(2)
                return str(self.put(value, "id", value[:start] + name + value[end:], at))
        code = beside.get("code") or beside.get("type")
        named = f" ({code})" if self.policy.keeps("enum", code) else ""
        return str(self.put(value, "message", f"Redacted message{named}", at))

    def masked(self, value: str | int | float, at: _Place) -> str | int | float:
        """A kept value, with pseudonyms for its IDs if the policy replaces IDs."""
        if not self.policy.masks_ids or not isinstance(value, str):
            return value
        ids = self.policy.ids_in(value)
        if not ids:
            return value
        self.ids.update({masked_id(id): id for id in ids if id != masked_id(id)})
        return self.put(value, "id", self.policy.masked(value), at)

    def put(
        self, value: str | int | float, kind: str, stand_in: str | int | float, at: _Place
    ) -> str | int | float:
        """Note that a value is replaced, and give the stand-in."""
        self.redacted[at.pointer] = kind
        if value != stand_in:
            self.originals.append(Original(at.pointer, kind, value))
        return stand_in

    def stand_in(self, owner: str, slot: str, kind: str) -> str | int | float:
        return stand_in(owner, slot, kind, policy=self.policy.name)


class _Times(_Walk):
    """A pass that replaces nothing, and notes where unix times stand."""

    def __init__(self, policy: Policy, asked: str, listed: Mapping[str, str]) -> None:
        super().__init__(policy, asked, listed)
        self.found: list[str] = []

    def leaf(self, value: Any, node: FieldPolicy, at: _Place, beside: dict[str, Any]) -> Any:
        """Note a unix time."""
        if node.kind == "time" and type(value) is int and look(value) == "time":
            self.found.append(at.pointer)
        return value


def _class(value: str | int | float, node: FieldPolicy) -> str:
    """The class of a value to replace: as declared if the JSON type agrees, else by its look."""
    kind = node.kind
    if isinstance(value, str):
        if kind == "list_url":
            return "path"
        if kind in STRING_CLASSES:
            return kind
        if kind == "lookup_key":
            return "text"
    elif isinstance(value, int) and kind in NUMBER_CONSTANTS:
        return kind
    return look(value)
