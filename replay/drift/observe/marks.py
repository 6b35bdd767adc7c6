"""Reduces bodies to marks: the facts about each value that a comparison needs, not the value.

A *mark* names a value's JSON type and its format: ``null``, ``bool``, ``int``, ``int:time``,
``num``, ``arr``, ``obj``, ``obj:deleted``, ``str:text``, ``str:id:sub``, ``str:token:draft``, …
Two recordings of one object differ in values often, and in marks hardly ever.

A body becomes a tree of `Node`. Equal trees are the same object, so that a tree that comes a
thousand times is walked once and counted a thousand times.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from replay.drift.observe.pointers import ANY, escape, unescape
from replay.model.cassette import NOTHING

MAPS = frozenset({"metadata", "currency_options"})
"""Objects whose keys the user chose: they are values, not fields."""

UNNAMED = "redacted_*"
"""Stands for all fields whose names were redacted. Their stand-ins differ from object to object."""

_STAND_IN = re.compile(r"redacted_[0-9a-f]{8}")
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")
_CURRENCY = re.compile(r"[a-z]{3}")
_ID = re.compile(r"([a-z]+(?:_[a-z]+)*)_(?=[A-Za-z]*[A-Z0-9])[A-Za-z0-9]+")
_WORD = re.compile(_ID.pattern + r"|(?=.{1,48}\Z)[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")
_CODE = re.compile(r"[A-Z]{3}")
_INTEGER = re.compile(r"-?\d+")
_DECIMAL = re.compile(r"-?\d+\.\d+")
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?")
_URL = re.compile(r"https?://(?:[^/?#@]*@)?([^/?#:]+)")

_CACHED = 1 << 16

Mark = str


class Node:
    """An object or a list, by the marks in it. Equal ones are the same object while they last.

    Attributes:
        mark: its own mark.
        names: the keys as segments of a path; of a list, the positions.
        children: a mark for each plain value, a node for each object or list.
        is_record: whether its keys are fields, each with a path of its own. Where they are not (a
            list, a map), all children share one path.
    """

    __slots__ = ("children", "is_record", "mark", "names")

    def __init__(
        self, mark: Mark, names: tuple[str, ...], children: tuple[Any, ...], is_record: bool
    ) -> None:
        self.mark = mark
        self.names = names
        self.children = children
        self.is_record = is_record


@dataclass(frozen=True, slots=True)
class Repeated:
    """The marks at one path within lists and maps, where a path may occur several times.

    Attributes:
        marks: mark -> how often.
        first: the JSON pointer of the first occurrence.
    """

    marks: dict[Mark, int]
    first: str


@dataclass(frozen=True)
class Marks:
    """The marks of one body. All but the tree is worked out when it is asked for.

    Attributes:
        root: the tree.
    """

    root: Node

    @cached_property
    def _flat(self) -> tuple[dict[str, Mark], dict[str, Repeated]]:
        once: dict[str, Mark] = {"": "obj"}  # the body counts as an object, also a deleted one's
        repeated: dict[str, Repeated] = {}
        flatten(self.root, "", once, repeated)
        return once, repeated

    @property
    def once(self) -> Mapping[str, Mark]:
        """Path -> mark, outside lists and maps, where a path occurs once."""
        return self._flat[0]

    @property
    def repeated(self) -> Mapping[str, Mapping[Mark, int]]:
        """Path -> mark -> how often, within lists and maps."""
        return {path: found.marks for path, found in self._flat[1].items()}

    @property
    def by_path(self) -> dict[str, str]:
        """Path -> its marks, sorted and joined by ``|``."""
        return joined(*self._flat)

    def path(self, pointer: str) -> str:
        """The path of a JSON pointer into the body."""
        node: Any = self.root
        path = ""
        for segment in pointer.split("/")[1:]:
            named = segment in node.names
            step = segment if named else UNNAMED
            path += f"/{step if node.is_record else ANY}"
            node = node.children[node.names.index(segment)] if named else NO_MARKS.root
        return path

    def pointer(self, path: str) -> str:
        """The JSON pointer at which a path occurs first."""
        found = self._flat[1].get(path)
        return path if found is None else found.first


def joined(once: Mapping[str, Mark], repeated: Mapping[str, Repeated]) -> dict[str, str]:
    """Path -> its marks, sorted and joined by ``|``."""
    return {**once, **{path: "|".join(sorted(found.marks)) for path, found in repeated.items()}}


def flatten(node: Node, path: str, once: dict[str, Mark], repeated: dict[str, Repeated]) -> None:
    """Note the marks of everything below a node.

    Args:
        node: the node, which occurs once in its body.
        path: where the node is in its body.
        once: path -> mark; added to.
        repeated: the marks within lists and maps; new ones are added to it.
    """
    if not node.is_record:
        for where, _, mark, pointer in walk(node, path, path):
            count_repeated(repeated, where, mark, pointer)
        return
    for name, child in zip(node.names, node.children, strict=True):
        below = f"{path}/{name}"
        if isinstance(child, Node):
            once[below] = child.mark
            flatten(child, below, once, repeated)
        else:
            once[below] = child


def count_repeated(repeated: dict[str, Repeated], path: str, mark: Mark, pointer: str) -> None:
    """Count a mark at a path that may occur several times."""
    found = repeated.get(path)
    if found is None:
        repeated[path] = Repeated({mark: 1}, pointer)
    else:
        found.marks[mark] = found.marks.get(mark, 0) + 1


def walk(node: Node, path: str, pointer: str) -> Iterator[tuple[str, Any, Mark, str]]:
    """Everything below a node, parents first: path, child, its mark, its JSON pointer."""
    for name, child in zip(node.names, node.children, strict=True):
        where = f"{path}/{name}" if node.is_record else f"{path}/{ANY}"
        here = f"{pointer}/{name}"
        if isinstance(child, Node):
            yield where, child, child.mark, here
            yield from walk(child, where, here)
        else:
            yield where, child, child, here


_NONE: dict[str, Any] = {}
_EMPTY = Node("arr", (), (), is_record=False)
NO_MARKS = Marks(Node("obj", (), (), is_record=True))
"""Those of an object without a key."""

# Caches. To mark 1,000 redacted invoices takes 55 ms; without the cache of texts it takes 80 ms,
# without that of redacted pointers 71 ms, without that of ID prefixes 60 ms.
_nodes: dict[Any, Node] = {}
_marks: dict[str, Mark] = {}
_trees: dict[tuple[str, ...], Any] = {}
_prefixes: dict[str, Mark] = {}  # the prefix of IDs -> their mark


def marks_of(body: Mapping[str, Any], redacted: Mapping[str, str] = NOTHING) -> Marks:
    """The marks of a parsed body.

    Args:
        body: a parsed JSON object.
        redacted: JSON pointer of each replaced value -> its class. Of such a value only the type
            and format are marked, never what it says.
    """
    for cache in (_nodes, _marks, _trees):
        if len(cache) > _CACHED:
            cache.clear()
    return Marks(_object(body, "", tree(redacted), top=True))


def _object(value: Mapping[str, Any], name: str, hidden: Any, *, top: bool = False) -> Node:
    keys = tuple(value)
    get = _marks.get
    if hidden:
        children = _hidden(value.items(), hidden)
    else:
        # One expression, by exact type, the most frequent first. With a function for each value a
        # whole comparison takes an eighth longer.
        children = [
            "null" if v is None
            else (get(v) or _style(v)) if type(v) is str
            else ("int:time" if 1_000_000_000 <= v < 5_000_000_000 else "int") if type(v) is int
            else "bool" if v is True or v is False
            else _object(v, key, None) if type(v) is dict
            else _list(v, None) if type(v) is list
            else "num"
            for key, v in value.items()
        ]  # fmt: skip
    # `deleted` is the only flag whose value counts.
    deleted = value.get("deleted") is True
    spelled = keys, tuple(children), name in MAPS, top, deleted
    node = _nodes.get(spelled)
    if node is None:
        mapped = not top and keys_are_values(name, keys)
        fields = dict(zip(map(escape, keys), children, strict=True))
        if not mapped and any(map(_STAND_IN.fullmatch, keys)):
            fields = {key: child for key, child in fields.items() if not _STAND_IN.fullmatch(key)}
            fields[UNNAMED] = "null"  # all that can be said is that there are some
        mark = "obj:deleted" if deleted else "obj"
        node = Node(mark, tuple(fields), tuple(fields.values()), not mapped)
        _nodes[spelled] = node
    return node


def _hidden(items: Iterable[tuple[str, Any]], hidden: Any) -> list[Any]:
    """As in `_object`, where some values were replaced."""
    get, below = _marks.get, hidden.get
    return [
        "null" if v is None
        else (_redacted_style(v) if below(key) is not None else get(v) or _style(v))
        if type(v) is str
        else ("int:time" if 1_000_000_000 <= v < 5_000_000_000 else "int") if type(v) is int
        else "bool" if v is True or v is False
        else _object(v, key, below(key)) if type(v) is dict
        else _list(v, below(key)) if type(v) is list
        else "num"
        for key, v in items
    ]  # fmt: skip


def _list(value: list[Any], hidden: Any) -> Node:
    if not value:
        return _EMPTY
    positions = tuple(map(str, range(len(value))))
    found = _hidden(zip(positions, value, strict=True), hidden or _NONE)
    children = tuple(found)
    node = _nodes.get(children)
    if node is None:
        node = _nodes[children] = Node("arr", positions, children, is_record=False)
    return node


def tree(redacted: Mapping[str, str]) -> Any:
    """JSON pointers as a tree of keys, for a walk that takes one step at a time."""
    if not redacted:
        return None
    pointers = tuple(redacted)
    found = _trees.get(pointers)
    if found is None:
        found = {}
        for pointer in pointers:
            node = found
            for segment in pointer.split("/")[1:]:
                node = node.setdefault(unescape(segment), {})
        _trees[pointers] = found
    return found


def mark(value: Any) -> Mark:
    """The mark of a plain value that was not replaced; of a container, its kind."""
    (found,) = _hidden((("", value),), _NONE)
    return found.mark if isinstance(found, Node) else str(found)


def has_fields(names: Iterable[str]) -> bool:
    """Whether at least one of some keys is a field: no currency, ID or free text."""
    names = list(names)
    return ANY not in names and any(
        _IDENTIFIER.fullmatch(name) and not _CURRENCY.fullmatch(name) for name in names
    )


def keys_are_values(name: str, names: Collection[str]) -> bool:
    """Whether all keys of an object are values: IDs, free text, or at least three currencies.

    Args:
        name: the key of the object itself.
        names: the keys in it.
    """
    if name in MAPS:
        return True
    # `{"eur": …, "gbp": …, "usd": …}`; two such keys may be a record's.
    if len(names) > 2 and all(map(_CURRENCY.fullmatch, names)):
        return True
    return bool(names) and all(
        _ID.fullmatch(name) or not _IDENTIFIER.fullmatch(name) for name in names
    )


def _style(value: str) -> Mark:
    head, _, tail = value.rpartition("_")
    known = _prefixes.get(head)
    if known is not None and tail.isalnum() and tail.isascii() and not _is_word(tail):
        _marks[value] = known
        return known
    first = value[:1]
    if "a" <= first <= "z":
        found = _WORD.fullmatch(value)
        if found is None:
            url = _URL.match(value)
            return f"str:url:{url[1].lower()}" if url else "str:text"
        style = f"str:id:{found[1]}" if found[1] else f"str:token:{value}"
        if found[1] and len(_prefixes) < _CACHED:
            _prefixes[found[1]] = style
    elif len(value) == 3 and _CODE.fullmatch(value):
        style = "str:code"
    else:
        return "str:text" if first > "9" else _redacted_style(value)
    # Cached: IDs come again at the other version, words everywhere.
    _marks[value] = style
    return style


def _is_word(tail: str) -> bool:
    return tail.isalpha() and tail.islower()


def _redacted_style(value: str) -> Mark:
    # All formats below begin with a digit or a minus.
    if not "-" <= value[:1] <= "9":
        return "str:text"
    if _INTEGER.fullmatch(value):
        return "str:integer"
    if _DECIMAL.fullmatch(value):
        return "str:decimal"
    if _ISO_TIME.fullmatch(value):
        return "str:iso-time"
    return "str:text"
