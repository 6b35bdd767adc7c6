"""The files of a redaction policy: how they are read, and the tree that looks them up.

A file lists paths by the kind that is kept there (``[kept]``) or by the class that the stand-in has
(``[replaced]``). In a path, ``a.*.b`` is any key of a map and ``a.**.b`` a field of that name at
any depth; lists are transparent. Files are checked strictly: a misspelt word would silently keep
too much or too little.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from replay.errors import PolicyError
from replay.model import strict_toml
from replay.model.strict_toml import Table, did_you_mean
from replay.redaction import parameters
from replay.redaction.pseudonyms import CONSTANTS, NUMBER_CONSTANTS
from replay.redaction.team_policy import PATH_HINT, TeamPolicy
from replay.redaction.values import SIMPLE_KINDS

KEPT_KINDS = frozenset(SIMPLE_KINDS) | {
    "id", "object", "context", "list_url", "page", "partial"
}  # fmt: skip
"""Kinds that ``[kept]`` may name. ``context`` is one ID or several, as `Stripe-Context` has them;
``partial`` is some fields of the object beside it."""

STRING_CLASSES = frozenset(CONSTANTS) | {"email", "name", "line", "text", "url", "secret"}
"""Classes of strings that a field may declare."""

REPLACED_KINDS = (
    STRING_CLASSES
    | frozenset(NUMBER_CONSTANTS)
    | {
        "map",
        "message",
        "value",
        "lookup_key",
    }
)
"""Classes that ``[replaced]`` may name; ``map`` is a whole subtree whose values are all replaced,
``value`` one that is replaced as it looks, ``lookup_key`` a text that is asked for like an ID."""

_PATH = re.compile(r"(?:\*\*\.)?[a-z0-9_]+(?:\.(?:[a-z0-9_]+|\*\*?))*\Z")
_SECTIONS = ("kept", "replaced", "shapes", "repeats")


@dataclass(frozen=True, slots=True)
class FieldPolicy:
    """The policy's entry for one path.

    Attributes:
        kind: the kind that a value there is kept or replaced as; None for a container.
        children: named fields; ``*`` stands for any other key of a map.
        deep: names of fields, at any depth below.
    """

    kind: str | None = None
    children: Mapping[str, FieldPolicy] = field(default_factory=dict)
    deep: Mapping[str, FieldPolicy] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TypePolicy:
    """The policy of one object type.

    Attributes:
        root: the type's fields.
        repeats: field -> (field that names the owner, slot at that owner), for fields that repeat
            a value of another object: ``customer_email`` is the ``email`` of its ``customer``.
    """

    root: FieldPolicy
    repeats: Mapping[str, tuple[str, str]]


class Known(NamedTuple):
    """Facts about Stripe's IDs and object types that the route table does not have.

    Attributes:
        prefixes: of generated IDs, without the last underscore.
        chosen: resource paths whose IDs people choose, and that are kept all the same.
        words: resource paths whose IDs are words of the API.
        objects: values of ``object`` that no route answers with.
    """

    prefixes: tuple[str, ...]
    chosen: tuple[str, ...]
    words: tuple[str, ...]
    objects: tuple[str, ...]


class PolicyFiles:
    """Reads the files of one policy, each when it is first needed.

    Args:
        sources: file name -> text.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def type(self, name: str, team: TeamPolicy) -> TypePolicy:
        """The policy of an object type; the rules for every type where it has no file.

        Raises:
            PolicyError: the file cannot be used; names file and line.
        """
        # `base.toml` is not offered: an answer cannot ask for it by its `object`.
        files = (f"types/{name}.toml", f"generated/{name}.toml")
        file = next((file for file in files if file in self._sources), None)
        if file is None:
            tree, repeats = _tree(), {}
            _merge(tree, self._base)
        else:
            document = self._document(file, _SECTIONS)
            tree = _fields(document, self._shapes)
            _merge(tree, self._base)
            repeats = _repeats(document.table("repeats"), tree)
        _apply(team, name, tree)
        return TypePolicy(_node(tree), repeats)

    @cached_property
    def parameters(self) -> Mapping[str, tuple[str, ...]]:
        """Query parameter, by its last name -> the kinds that its value may be kept as."""
        found: dict[str, tuple[str, ...]] = {}
        kept = self._document("parameters.toml", ("kept",)).table("kept")
        kept.only(parameters.KINDS, "kind")
        for kind in kept.values:
            for name in kept.texts(kind):
                found[name] = (*found.get(name, ()), kind)
        return found

    @cached_property
    def known(self) -> Known:
        """The content of ``known.toml``."""
        keys = {
            "generated": "prefixes",
            "chosen": "resources",
            "words": "resources",
            "objects": "other",
        }
        document = self._document("known.toml", tuple(keys))
        found = []
        for section, key in keys.items():
            table = document.table(section)
            table.only((key,), f"key of [{section}]")
            if key not in table:
                raise table.wrong(f"[{section}] needs the key {key!r}", hint=f'add {key} = ["…"]')
            found.append(table.texts(key))
        return Known(*found)

    @cached_property
    def _shapes(self) -> Mapping[str, _Tree]:
        """Parts that several types share."""
        shapes: dict[str, _Tree] = {}
        document = self._document("shapes.toml", None)
        for name in document.values:
            shapes[name] = _fields(document.table(name), shapes)  # may use the shapes above it
        return shapes

    @cached_property
    def _base(self) -> _Tree:
        return _fields(self._document("base.toml", _SECTIONS), self._shapes)

    def _document(self, file: str, sections: tuple[str, ...] | None) -> Table:
        document = strict_toml.parse(self._sources[file], f"redaction/data/{file}", PolicyError)
        if sections is not None:
            document.only(sections, "section")
        return document


_Tree = dict[str, Any]  # {"kind": str | None, "children": {name: _Tree}, "deep": {name: _Tree}}


def _tree() -> _Tree:
    return {"kind": None, "children": {}, "deep": {}}


def _fields(document: Table, shapes: Mapping[str, _Tree]) -> _Tree:
    """The fields that a document lists."""
    root = _tree()
    for section, allowed in (
        ("kept", KEPT_KINDS), ("replaced", REPLACED_KINDS), ("shapes", shapes)
    ):  # fmt: skip
        listed = document.table(section)
        listed.only(allowed, f"word of [{section}]")
        for kind in listed.values:
            for path in listed.texts(kind):
                if not _PATH.match(path):
                    raise listed.wrong(f"{path!r} is not a path", kind, word=path, hint=PATH_HINT)
                node, deep = root, False
                for step in path.split("."):
                    if step == "**":
                        deep = True
                        continue
                    node = node["deep" if deep else "children"].setdefault(step, _tree())
                    deep = False
                if section == "shapes":
                    _merge(node, shapes[kind])
                elif node["kind"] is not None:
                    raise listed.wrong(
                        f"{path!r} is listed twice", kind, word=path, hint="remove one of the two"
                    )
                else:
                    node["kind"] = kind
    return root


def _repeats(listed: Table, tree: _Tree) -> dict[str, tuple[str, str]]:
    """Field -> owner and slot, as ``[repeats.<owner>]`` lists them."""
    fields, repeats = tree["children"], {}
    for owner in listed.values:
        slots = listed.table(owner)
        for name in slots.values:
            for field_ in (name, owner):
                if field_ not in fields:
                    raise slots.wrong(
                        f"{field_!r} is not a field of this type",
                        name,
                        hint=did_you_mean(field_, fields),
                    )
            repeats[name] = (owner, slots.text(name))
    return repeats


def _merge(tree: _Tree, other: _Tree) -> None:
    """Add another tree's fields; what the tree has already wins. The other one is never changed."""
    tree["kind"] = tree["kind"] or other["kind"]
    for part in ("children", "deep"):
        for name, child in other[part].items():
            _merge(tree[part].setdefault(name, _tree()), child)


def _apply(team: TeamPolicy, name: str, tree: _Tree) -> None:
    """Put a team's rules for a type on top of its fields."""
    for number, keep in enumerate(team.keeps):
        if keep.type not in {"*", name} or not (keep.path or keep.metadata):
            continue
        maps = [_at(tree, keep.path)] if keep.path else _maps(tree)
        for node in maps:
            node = node["children"].setdefault(keep.metadata, _tree()) if keep.metadata else node
            node["kind"] = f"pattern:{number}"
    for rule in team.redacts:
        if rule.type in {"*", name}:
            _at(tree, rule.path).update(_tree(), kind="map")


def _at(tree: _Tree, path: str) -> _Tree:
    """The field at a path, made where it is missing."""
    for step in path.split("."):
        tree = tree["children"].setdefault(step, _tree())
    return tree


def _maps(tree: _Tree) -> list[_Tree]:
    """All fields that are called ``metadata``, at any depth."""
    found: list[_Tree] = []
    for step, child in tree["children"].items():
        found += [child] if step == "metadata" else _maps(child)
    return found


def _node(tree: _Tree) -> FieldPolicy:
    return FieldPolicy(
        tree["kind"],
        {name: _node(child) for name, child in tree["children"].items()},
        {name: _node(child) for name, child in tree["deep"].items()},
    )
