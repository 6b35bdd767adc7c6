"""Reads the files of a redaction policy; every complaint names file and line.

A file lists paths by the kind that is kept there (``[kept]``) or the class that the stand-in has
(``[replaced]``); ``a.*.b`` is any key of a map, ``a.**.b`` a field of that name at any depth. Lists
are transparent. Files are checked strictly: a misspelt word would silently keep too much or too
little.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from replay.errors import PolicyError
from replay.redaction import parameters
from replay.redaction.pseudonyms import CONSTANTS, NUMBER_CONSTANTS
from replay.redaction.team_policy import Team
from replay.redaction.values import SIMPLE_KINDS

KEPT_KINDS = frozenset(SIMPLE_KINDS) | {"id", "object", "list_url", "page", "partial"}
"""Kinds that ``[kept]`` may name; ``partial`` is some fields of the object beside it."""

STRING_CLASSES = frozenset(CONSTANTS) | {"email", "name", "line", "text", "url", "secret"}
"""Classes of strings that a field may declare."""

REPLACED_KINDS = STRING_CLASSES | frozenset(NUMBER_CONSTANTS) | {"map", "message", "value"}
"""Classes that ``[replaced]`` may name; ``map`` is a whole subtree whose values all go,
``value`` one that is replaced as it looks."""

_PATH = re.compile(r"(?:\*\*\.)?[a-z0-9_]+(?:\.(?:[a-z0-9_]+|\*\*?))*\Z")
_SECTIONS = ("kept", "replaced", "shapes", "repeats")


@dataclass(frozen=True, slots=True)
class Node:
    """What the policy says about one path.

    Attributes:
        kind: what a value there may be kept as, or is replaced as; None where it is a container.
        children: named fields; ``*`` stands for any other key of a map.
        deep: fields by name at any depth below.
    """

    kind: str | None = None
    children: Mapping[str, Node] = field(default_factory=dict)
    deep: Mapping[str, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TypePolicy:
    """The policy of one object type.

    Attributes:
        root: the type's fields.
        repeats: field -> (field that names the owner, slot at that owner), for fields that repeat
            what another object says: ``customer_email`` is the ``email`` of its ``customer``.
    """

    root: Node
    repeats: Mapping[str, tuple[str, str]]


_Tree = dict[str, Any]  # {"kind": str | None, "children": {name: _Tree}, "deep": {name: _Tree}}


def _tree() -> _Tree:
    return {"kind": None, "children": {}, "deep": {}}


def _merge(tree: _Tree, other: _Tree) -> None:
    # What the tree says itself wins; the other one is shared and stays as it is.
    tree["kind"] = tree["kind"] or other["kind"]
    for part in ("children", "deep"):
        for name, child in other[part].items():
            _merge(tree[part].setdefault(name, _tree()), child)


def _apply(team: Team, name: str, tree: _Tree) -> None:
    for number, keep in enumerate(team.keeps):
        if keep.type not in {"*", name} or not (keep.path or keep.metadata):
            continue
        maps = [_at(tree, keep.path)] if keep.path else _maps(tree)
        for node in maps:
            node = node["children"].setdefault(keep.metadata, _tree()) if keep.metadata else node
            node["kind"] = f"pattern:{number}"
    for type, path in team.redacts:
        if type in {"*", name}:
            _at(tree, path).update(_tree(), kind="map")


def _at(tree: _Tree, path: str) -> _Tree:
    for step in path.split("."):
        tree = tree["children"].setdefault(step, _tree())
    return tree


def _maps(tree: _Tree) -> list[_Tree]:
    # Shapes are shared between types; a type's own tree is not, and is as deep as its paths.
    found: list[_Tree] = []
    for step, child in tree["children"].items():
        found += [child] if step == "metadata" else _maps(child)
    return found


class Reader:
    """Reads policy files; every complaint names file and line."""

    def __init__(self, sources: Mapping[str, str], shapes: dict[str, _Tree]) -> None:
        self.sources = sources
        self.known_shapes = shapes
        self.file = ""

    def type(self, file: str, own: str, team: Team) -> TypePolicy:
        """The policy of a type, with what its file inherits and the team adds."""
        document = self.document(file)
        tree = self.tree(document)
        if file != "base.toml":
            base = Reader(self.sources, self.known_shapes)
            inherited = base.tree(base.document("base.toml"))
            _merge(tree, inherited)
        repeats = {}
        for owner, fields in document.get("repeats", {}).items():
            if not isinstance(fields, dict):
                raise self.error(owner, f"[repeats.{owner}] maps fields to slots")
            for name, slot in fields.items():
                if name not in tree["children"] or owner not in tree["children"]:
                    raise self.error(name, f"{name!r} or {owner!r} is no field of this type")
                repeats[name] = (owner, str(slot))
        _apply(team, own, tree)
        return TypePolicy(_node(tree), repeats)

    def shapes(self, file: str) -> dict[str, _Tree]:
        """Parts that several types share."""
        for name, section in self.document(file, sections=None).items():
            self.known_shapes[name] = self.tree(section)  # may use the shapes above it
        return self.known_shapes

    def known(self, file: str) -> dict[str, dict[str, list[str]]]:
        """What is known about IDs and types."""
        document = self.document(file, sections=("generated", "chosen", "objects"))
        wanted = {"generated": {"prefixes"}, "chosen": {"resources"}, "objects": {"other"}}
        for section, keys in wanted.items():
            found = document.get(section, {})
            for key in sorted(found.keys() - keys):
                raise self.error(key, f"[{section}] has the keys {sorted(keys)}, not {key!r}")
            for key in sorted(keys):
                if key not in found:
                    raise self.error(section, f"[{section}] needs the key {key!r}")
                self.words(key, found[key])
        return document

    def parameters(self, file: str) -> dict[str, tuple[str, ...]]:
        """Query parameter -> kinds that its value may be kept as."""
        found: dict[str, tuple[str, ...]] = {}
        for kind, names in self.document(file, sections=("kept",)).get("kept", {}).items():
            if kind not in parameters.KINDS:
                raise self.error(kind, f"{kind!r} is no word of [kept]")
            for name in self.words(kind, names):
                found[name] = (*found.get(name, ()), kind)
        return found

    def document(self, file: str, sections: tuple[str, ...] | None = _SECTIONS) -> dict[str, Any]:
        """A file, its sections checked."""
        self.file = file
        try:
            document = tomllib.loads(self.sources[file])
        except tomllib.TOMLDecodeError as error:
            raise PolicyError(f"no TOML: {error}", where=f"redaction/data/{file}") from None
        for name in document:
            if sections is not None and name not in sections:
                raise self.error(name, f"[{name}] is none of {', '.join(sections)}")
        return document

    def tree(self, document: dict[str, Any]) -> _Tree:
        """The fields of a document."""
        root = _tree()
        kinds = {"kept": KEPT_KINDS, "replaced": REPLACED_KINDS, "shapes": self.known_shapes}
        for section, allowed in kinds.items():
            for kind, paths in document.get(section, {}).items():
                if kind not in allowed:
                    raise self.error(kind, f"{kind!r} is no word of [{section}]")
                for path in self.words(kind, paths):
                    self.put(root, path, kind, section)
        return root

    def put(self, root: _Tree, path: str, kind: str, section: str) -> None:
        """Add one path to the fields."""
        if not _PATH.match(path):
            raise self.error(path, f"{path!r} is no path")
        node, deep = root, False
        for step in path.split("."):
            if step == "**":
                deep = True
                continue
            node = node["deep" if deep else "children"].setdefault(step, _tree())
            deep = False
        if section == "shapes":
            _merge(node, self.known_shapes[kind])
        elif node["kind"] is not None:
            raise self.error(path, f"{path!r} is listed twice")
        else:
            node["kind"] = kind

    def words(self, key: str, value: object) -> list[str]:
        """A list of strings, checked."""
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise self.error(key, f"{key!r} wants a list of strings")
        return value

    def error(self, word: str, what: str) -> PolicyError:
        """The error, with the line of a word in the current file."""
        near = re.compile(rf"(?<![\w.*]){re.escape(word)}(?![\w.*])")
        lines = self.sources[self.file].split("\n")
        hits = [n for n, line in enumerate(lines, 1) if near.search(line.partition("#")[0])]
        # The later of two listings is the one too many.
        line = hits[-1] if hits else 1
        return PolicyError(what, where=f"redaction/data/{self.file}:{line}")


def _node(tree: _Tree) -> Node:
    return Node(
        tree["kind"],
        {name: _node(child) for name, child in tree["children"].items()},
        {name: _node(child) for name, child in tree["deep"].items()},
    )
