"""The redaction policy: which fields of which type may be kept, read from data files.

Default deny: what no file names is replaced. A file lists paths by the kind that is kept there
(``[kept]``) or the class that the stand-in has (``[replaced]``); ``a.*.b`` is any key of a map,
``a.**.b`` is a field of that name at any depth. Lists are transparent. Files are checked strictly,
because a misspelt word would silently keep too much or too little.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from replay.errors import PolicyError
from replay.redaction import parameters
from replay.redaction.pseudonyms import CONSTANTS, DEFAULT_POLICY, NUMBER_CONSTANTS
from replay.redaction.secret_forms import is_secret
from replay.redaction.tokens import is_opaque
from replay.redaction.values import SIMPLE_KINDS, is_generated
from replay.routes import table

KEPT_KINDS = frozenset(SIMPLE_KINDS) | {"id", "object", "list_url", "page", "partial"}
"""Kinds that ``[kept]`` may name; ``partial`` is some fields of the object beside it."""

STRING_CLASSES = frozenset(CONSTANTS) | {"email", "name", "line", "text", "url", "secret"}
"""Classes of strings that a field may declare."""

REPLACED_KINDS = STRING_CLASSES | frozenset(NUMBER_CONSTANTS) | {"map", "message", "value"}
"""Classes that ``[replaced]`` may name; ``map`` is a whole subtree whose values all go,
``value`` one that is replaced as it looks."""

_PATH = re.compile(r"(?:\*\*\.)?[a-z0-9_]+(?:\.(?:[a-z0-9_]+|\*\*?))*\Z")
_FOLDERS = ("types", "generated")  # the reviewed ones go first
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


@dataclass(frozen=True, eq=False)
class Policy:
    """A redaction policy.

    Attributes:
        name: names the rules; part of every pseudonym's seed.
        sources: file name -> text. Types are read from it when they are first met.
    """

    name: str
    sources: Mapping[str, str] = field(repr=False)
    _types: dict[str, TypePolicy] = field(default_factory=dict, repr=False)

    @cached_property
    def digest(self) -> str:
        """12 hex digits over the files' content: changes whenever a rule does."""
        content = "".join(f"{name}\n{text}\n" for name, text in sorted(self.sources.items()))
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """How a cassette names the policy: ``stripe-1 sha256:<12 hex>``."""
        return f"{self.name} sha256:{self.digest}"

    def type(self, name: str) -> TypePolicy:
        """The policy of an object type; the rules that hold for every type where it has no file.

        Raises:
            PolicyError: the type's file cannot be used; names file and line.
        """
        found = self._types.get(name)
        if found is None:
            # The base is no type: an answer cannot ask for it, or for a path, by its `object`.
            places = (f"types/{name}.toml", f"generated/{name}.toml")
            file = next((place for place in places if place in self.sources), "base.toml")
            found = self._types[name] = _Reader(self.sources, self._shapes).type(file)
        return found

    def keeps(self, kind: str, value: object) -> bool:
        """Whether a value looks like a kept kind and holds no secret."""
        match kind:
            case "id":
                fits = is_generated(value, self.prefixes)
            case "object":
                fits = value in self.objects
            case "list_url":
                fits = isinstance(value, str) and parameters.keeps_url(value, self)
            case "page":
                fits = is_opaque(value, self.vocabulary, self.prefixes)
            case "partial":
                return False
            case _:
                fits = SIMPLE_KINDS[kind](value)
        return fits and not (isinstance(value, str) and is_secret(value))

    def keeps_id(self, resource: str, id: str) -> bool:
        """Whether an ID in a request's path may be written to disk.

        Args:
            resource: the resource path, such as ``invoices`` or ``customers/sources``.
            id: the ID, percent-decoded; empty for a singleton.
        """
        if not id or self.keeps("id", id):
            return True
        return resource in self._known["chosen"]["resources"] and self.keeps("chosen", id)

    @cached_property
    def prefixes(self) -> frozenset[str]:
        """Prefixes of generated IDs, without their last underscore."""
        return frozenset(self._known["generated"]["prefixes"])

    @cached_property
    def objects(self) -> frozenset[str]:
        """Known values of `object`."""
        routed = {name for route in table() for name in route.objects}
        own = {name.partition("/")[2].removesuffix(".toml") for name in self.sources}
        return frozenset((routed | own | set(self._known["objects"]["other"])) - {""})

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The API's own words: field names of all types, object types, path segments."""
        words = set(self.objects) | self._segments
        for text in self.sources.values():
            for line in text.split("\n"):
                words.update(re.findall(r"[A-Za-z0-9_]+", line.partition("#")[0]))
        return frozenset(words)

    @cached_property
    def parameters(self) -> Mapping[str, tuple[str, ...]]:
        """Query parameter, by its last name -> the kinds that its value may be kept as."""
        return _Reader(self.sources, {}).parameters("parameters.toml")

    @cached_property
    def _segments(self) -> frozenset[str]:
        parts = {part for route in table() for part in route.path.split("/")}
        return frozenset(part for part in parts if part[:1] != "{")

    @cached_property
    def _known(self) -> dict[str, dict[str, list[str]]]:
        return _Reader(self.sources, {}).known("known.toml")

    @cached_property
    def _shapes(self) -> dict[str, dict[str, Any]]:
        return _Reader(self.sources, {}).shapes("shapes.toml")


@cache
def default_policy() -> Policy:
    """The policy that ships with replay; its types are read when they are first met.

    Raises:
        PolicyError: a data file cannot be used; names file and line.
    """
    return load(files("replay.redaction").joinpath("data"), DEFAULT_POLICY)


def load(directory: Traversable, name: str) -> Policy:
    """The policy that a directory holds."""
    sources = {}
    for folder, prefix in ((directory, ""), *((directory.joinpath(n), f"{n}/") for n in _FOLDERS)):
        for file in folder.iterdir():
            if file.name.endswith(".toml"):
                text = file.read_bytes().decode("utf-8").replace("\r\n", "\n")
                sources[prefix + file.name] = text
    return Policy(name, sources)


_Tree = dict[str, Any]  # {"kind": str | None, "children": {name: _Tree}, "deep": {name: _Tree}}


def _tree() -> _Tree:
    return {"kind": None, "children": {}, "deep": {}}


def _merge(tree: _Tree, other: _Tree) -> None:
    # What the tree says itself wins; the other one is shared and stays as it is.
    tree["kind"] = tree["kind"] or other["kind"]
    for part in ("children", "deep"):
        for name, child in other[part].items():
            _merge(tree[part].setdefault(name, _tree()), child)


class _Reader:
    """Reads policy files; every complaint names file and line."""

    def __init__(self, sources: Mapping[str, str], shapes: dict[str, _Tree]) -> None:
        self.sources = sources
        self.known_shapes = shapes
        self.file = ""

    def type(self, file: str) -> TypePolicy:
        document = self.document(file)
        tree = self.tree(document)
        if file != "base.toml":
            base = _Reader(self.sources, self.known_shapes)
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
        return TypePolicy(_node(tree), repeats)

    def shapes(self, file: str) -> dict[str, _Tree]:
        for name, section in self.document(file, sections=None).items():
            self.known_shapes[name] = self.tree(section)  # may use the shapes above it
        return self.known_shapes

    def known(self, file: str) -> dict[str, dict[str, list[str]]]:
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
        found: dict[str, tuple[str, ...]] = {}
        for kind, names in self.document(file, sections=("kept",)).get("kept", {}).items():
            if kind not in parameters.KINDS:
                raise self.error(kind, f"{kind!r} is no word of [kept]")
            for name in self.words(kind, names):
                found[name] = (*found.get(name, ()), kind)
        return found

    def document(self, file: str, sections: tuple[str, ...] | None = _SECTIONS) -> dict[str, Any]:
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
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise self.error(key, f"{key!r} wants a list of strings")
        return value

    def error(self, word: str, what: str) -> PolicyError:
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
