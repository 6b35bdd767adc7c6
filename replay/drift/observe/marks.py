"""Reads bodies as trees of marks. Equal trees are one object, so that most are counted, not walked.

A *mark* says what one value was, as far as a comparison needs it: ``null``, ``bool``, ``int``,
``int:time``, ``num``, ``arr``, ``obj``, ``obj:deleted``, ``str:text``, ``str:id:sub``,
``str:token:draft``, … Two recordings of one state differ in values, and hardly ever in marks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from replay.model.cassette import NOTHING

ANY = "*"
"""Any list item or map value in a path; any detail in a mark whose family outgrew its cap."""

MAPS = frozenset({"metadata", "currency_options"})
"""Objects whose keys are the user's, not the API's."""

UNNAMED = "redacted_*"
"""All fields of a record whose names were redacted: each object has other stand-ins."""

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
    """An object or a list, by the marks in it. Equal ones are the same object, while they last.

    Attributes:
        mark: its own mark.
        names: the keys as segments of a pointer; of a list, the positions.
        kids: a mark for each plain value, a node for each object or list.
        single: whether its keys are fields, so that each has a path of its own; else all that is
            in it shares one.
    """

    __slots__ = ("kids", "mark", "names", "single")

    def __init__(
        self, mark: Mark, names: tuple[str, ...], kids: tuple[Any, ...], single: bool
    ) -> None:
        self.mark = mark
        self.names = names
        self.kids = kids
        self.single = single


@dataclass(frozen=True, slots=True)
class Many:
    """What stands at one path within lists and maps.

    Attributes:
        marks: mark -> how often.
        first: the pointer of the first occurrence.
    """

    marks: dict[Mark, int]
    first: str


@dataclass(frozen=True)
class Reading:
    """One body, read. All but the tree is worked out when it is asked for.

    Attributes:
        node: the tree.
    """

    node: Node

    @cached_property
    def _flat(self) -> tuple[dict[str, Mark], dict[str, Many]]:
        single: dict[str, Mark] = {"": "obj"}  # a stub that was asked for is like its like
        many: dict[str, Many] = {}
        flatten(self.node, "", single, many)
        return single, many

    @property
    def single(self) -> Mapping[str, Mark]:
        """Path -> mark, outside lists and maps, where a path occurs once."""
        return self._flat[0]

    @property
    def many(self) -> Mapping[str, Mapping[Mark, int]]:
        """Path -> mark -> how often, within them."""
        return {path: found.marks for path, found in self._flat[1].items()}

    @property
    def marks(self) -> dict[str, str]:
        """Path -> its marks, sorted and joined by ``|``."""
        return joined(*self._flat)

    def pointer(self, path: str) -> str:
        """Where a path of this body occurs first."""
        found = self._flat[1].get(path)
        return path if found is None else found.first


def joined(single: Mapping[str, Mark], many: Mapping[str, Many]) -> dict[str, str]:
    """Path -> its marks, sorted and joined by ``|``."""
    return {**single, **{path: "|".join(sorted(found.marks)) for path, found in many.items()}}


def flatten(node: Node, path: str, single: dict[str, Mark], many: dict[str, Many]) -> None:
    """Note what stands below a node that occurs once, the node itself excepted."""
    if not node.single:
        for where, _, mark, pointer in within(node, path, path):
            note(many, where, mark, pointer)
        return
    for name, kid in zip(node.names, node.kids, strict=True):
        below = f"{path}/{name}"
        if isinstance(kid, Node):
            single[below] = kid.mark
            flatten(kid, below, single, many)
        else:
            single[below] = kid


def note(many: dict[str, Many], path: str, mark: Mark, pointer: str) -> None:
    """Count a mark at a path that may occur several times."""
    found = many.get(path)
    if found is None:
        many[path] = Many({mark: 1}, pointer)
    else:
        found.marks[mark] = found.marks.get(mark, 0) + 1


def within(node: Node, path: str, pointer: str) -> Iterator[tuple[str, Any, Mark, str]]:
    """All that stands below a node: path, kid, mark, pointer; parents before their children."""
    for name, kid in zip(node.names, node.kids, strict=True):
        where = f"{path}/{name}" if node.single else f"{path}/{ANY}"
        here = f"{pointer}/{name}"
        if isinstance(kid, Node):
            yield where, kid, kid.mark, here
            yield from within(kid, where, here)
        else:
            yield where, kid, kid, here


_NONE: dict[str, Any] = {}
_EMPTY = Node("arr", (), (), single=False)
_nodes: dict[Any, Node] = {}
_marks: dict[str, Mark] = {}
_trees: dict[tuple[str, ...], Any] = {}
_prefixes: dict[str, Mark] = {}  # what stands before an ID's last part -> the mark of such IDs


def read(body: Mapping[str, Any], redacted: Mapping[str, str] = NOTHING) -> Reading:
    """Read a parsed body.

    Args:
        body: the value that the JSON text stands for.
        redacted: pointer of each replaced value -> its class. Such leaves contribute their kind
            and format class, never a value.
    """
    for cache in (_nodes, _marks, _trees):
        if len(cache) > _CACHED:
            cache.clear()
    return Reading(_object(body, "", tree(redacted), top=True))


def _object(value: Mapping[str, Any], name: str, hidden: Any, *, top: bool = False) -> Node:
    keys = tuple(value)
    get = _marks.get
    if hidden:
        kids = _hidden(value.items(), hidden)
    else:
        # By exact type, the most frequent first: this line is most of what a comparison does.
        kids = [
            "null" if v is None
            else (get(v) or _style(v)) if type(v) is str
            else ("int:time" if 1_000_000_000 <= v < 5_000_000_000 else "int") if type(v) is int
            else "bool" if v is True or v is False
            else _object(v, key, None) if type(v) is dict
            else _list(v, None) if type(v) is list
            else "num"
            for key, v in value.items()
        ]  # fmt: skip
    # The marks say it all: whether a flag was true is the only value that counts.
    deleted = value.get("deleted") is True
    spelled = keys, tuple(kids), name in MAPS, top, deleted
    node = _nodes.get(spelled)
    if node is None:
        mapped = not top and is_keyed(name, keys)
        fields = dict(zip(map(escape, keys), kids, strict=True))
        if not mapped and any(map(_STAND_IN.fullmatch, keys)):
            fields = {key: kid for key, kid in fields.items() if not _STAND_IN.fullmatch(key)}
            fields[UNNAMED] = "null"  # that there are some is all that can be said
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
    positions = _positions(len(value))
    found = _hidden(zip(positions, value, strict=True), hidden or _NONE)
    kids = tuple(found)
    node = _nodes.get(kids)
    if node is None:
        node = _nodes[kids] = Node("arr", positions, kids, single=False)
    return node


@lru_cache(maxsize=256)
def _positions(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


def tree(redacted: Mapping[str, str]) -> Any:
    """Pointers as a tree of keys, so that a walk finds them step by step."""
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


def is_record(names: Iterable[str]) -> bool:
    """Whether some keys, at least one of them, are fields: no currencies, IDs or free text."""
    names = list(names)
    return ANY not in names and any(
        _IDENTIFIER.fullmatch(name) and not _CURRENCY.fullmatch(name) for name in names
    )


def is_keyed(name: str, names: Collection[str]) -> bool:
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


def escape(name: str) -> str:
    """A key as a segment of a JSON pointer; the key ``*`` is ``~2``, for that is no list item."""
    return "~2" if name == ANY else name.replace("~", "~0").replace("/", "~1")


def unescape(segment: str) -> str:
    """A segment of a JSON pointer as a key."""
    return ANY if segment == "~2" else segment.replace("~1", "/").replace("~0", "~")


def parent(path: str) -> str:
    """The path of the enclosing object or list."""
    return path.rpartition("/")[0]


def key(path: str) -> str:
    """The last segment of a path, as it is written in the pointer."""
    return path.rpartition("/")[2]


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
    # Worth remembering: IDs come again at the other version, words everywhere.
    _marks[value] = style
    return style


def _is_word(tail: str) -> bool:
    return tail.isalpha() and tail.islower()


def _redacted_style(value: str) -> Mark:
    # No style begins with another character than a digit, but for a number's sign.
    if not "-" <= value[:1] <= "9":
        return "str:text"
    if _INTEGER.fullmatch(value):
        return "str:integer"
    if _DECIMAL.fullmatch(value):
        return "str:decimal"
    if _ISO_TIME.fullmatch(value):
        return "str:iso-time"
    return "str:text"
