"""What was observed at each path of bodies: marks, counted and merged; nothing is judged here.

A *mark* says what one value was, as far as a comparison needs it: ``null``, ``bool``, ``int``,
``int:time``, ``num``, ``arr``, ``obj``, ``obj:deleted``, ``str:text``, ``str:id:sub``,
``str:token:draft``, … A `Shape` counts marks per path. Presence, nullability and map-likeness are
derived from the counts when reporting and never stored, or the order of merging would leak in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from replay.cassette import NOTHING

CAP = 24
"""How many tokens, prefixes or hosts are told apart at one path before they count as any."""

ANY = "*"
"""Any list item or map value in a path; any detail in a mark whose family outgrew `CAP`."""

_LARGE = 4 * CAP

MAPS = frozenset({"metadata", "currency_options"})
"""Objects whose keys are the user's, not the API's."""

KINDS = ("null", "bool", "int", "num", "str", "obj", "arr")

_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")
_CURRENCY = re.compile(r"[a-z]{3}")
_ID = re.compile(r"([a-z]+(?:_[a-z]+)*)_(?=[A-Za-z]*[A-Z0-9])[A-Za-z0-9]+")
_TOKEN = re.compile(r"(?=.{1,48}$)[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")
_CODE = re.compile(r"[A-Z]{3}")
_INTEGER = re.compile(r"-?\d+")
_DECIMAL = re.compile(r"-?\d+\.\d+")
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?")
_URL = re.compile(r"https?://(?:[^/?#@]*@)?([^/?#:]+)")
_TIMES = range(10**9, 5 * 10**9)


@dataclass(frozen=True, slots=True, order=True)
class Witness:
    """Where a value was seen.

    Attributes:
        file: the cassette, relative to the library.
        take: the number of the take, from 0.
        pointer: the JSON pointer in the body.
    """

    file: str
    take: int
    pointer: str = ""

    def __str__(self) -> str:
        return f"{self.file}#{self.take}{self.pointer}"


@dataclass(frozen=True, slots=True)
class Stat:
    """What was seen at one path.

    Attributes:
        marks: mark -> how often.
        bodies: in how many bodies.
        witness: the least of the places, null ones last.
    """

    marks: Mapping[str, int]
    bodies: int
    witness: Witness

    @property
    def seen(self) -> int:
        """How often the path was there."""
        return sum(self.marks.values())

    @property
    def parents(self) -> int:
        """How many living objects were there: the chances a key of theirs had."""
        return self.marks.get("obj", 0)

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds seen, null included."""
        return kinds(self.marks)

    def count(self, kind: str) -> int:
        """How often a kind was seen."""
        return sum(n for mark, n in self.marks.items() if mark.split(":", 1)[0] == kind)

    def tokens(self) -> Mapping[str, int] | None:
        """The counted enum-like values; None where other text or too many values were seen."""
        found: dict[str, int] = {}
        for mark, n in self.marks.items():
            kind, _, rest = mark.partition(":")
            if kind == "str":
                style, _, value = rest.partition(":")
                if style != "token" or value == ANY:
                    return None
                found[value] = n
        return found

    def styles(self) -> frozenset[str]:
        """The format classes of the strings: ``id``, ``decimal``, ``text``, ``token``, …"""
        return frozenset(m.split(":")[1] for m in self.marks if m.startswith("str:"))

    def details(self, style: str) -> frozenset[str]:
        """The prefixes, hosts or codes seen in strings of one format class."""
        head = f"str:{style}:"
        return frozenset(m[len(head) :] for m in self.marks if m.startswith(head))


Shape = Mapping[str, Stat]
"""path -> what was seen there. The body itself is the path ``""``."""


def kinds(marks: Iterable[str]) -> frozenset[str]:
    """The kinds of some marks."""
    return frozenset(mark.split(":", 1)[0] for mark in marks)


def parent(path: str) -> str:
    """The path of the enclosing object or list."""
    return path.rpartition("/")[0]


def key(path: str) -> str:
    """The last segment of a path, as it is written in the pointer."""
    return path.rpartition("/")[2]


def is_map(shape: Shape, path: str) -> bool:
    """Whether an object is a map from the user's keys to values, not a record."""
    stat = shape.get(path)
    return (
        stat is not None
        and stat.parents > 0
        and (key(path) in MAPS or (f"{path}/{ANY}" in shape and "arr" not in stat.marks))
    )


def children(paths: Iterable[str], path: str) -> frozenset[str]:
    """The last segments of the paths directly below one."""
    head = f"{path}/"
    return frozenset(
        p[len(head) :] for p in paths if p.startswith(head) and "/" not in p[len(head) :]
    )


def is_record(names: Iterable[str]) -> bool:
    """Whether some keys, at least one of them, are fields: no currencies, IDs or free text."""
    return any(_IDENTIFIER.fullmatch(n) and not _CURRENCY.fullmatch(n) for n in names) and not any(
        n == ANY for n in names
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """One body, read flat.

    Attributes:
        single: path -> mark, outside lists and maps, where a path occurs once.
        many: path -> mark -> how often, within them.
        first: path of `many` -> the pointer of its first occurrence.
        marks: path -> its marks, sorted and joined by ``|``: what pairs are compared by.
    """

    single: Mapping[str, str]
    many: Mapping[str, Mapping[str, int]]
    first: Mapping[str, str]
    marks: Mapping[str, str] = field(repr=False)

    def pointer(self, path: str) -> str:
        """Where a path of this body occurs first."""
        return self.first.get(path, path)


def read(body: Any, redacted: Mapping[str, str] = NOTHING) -> Reading:
    """Read a parsed body.

    Args:
        body: the value that the JSON text stands for.
        redacted: pointer of each replaced value -> its class. Such leaves contribute their kind
            and format class, never a value.
    """
    single: dict[str, str] = {}
    many: dict[str, dict[str, int]] = {}
    first: dict[str, str] = {}

    def walk(value: Any, path: str, pointer: str | None) -> None:
        # The pointer is None until a list or map is crossed: up to there it is the path.
        mark = _mark(value, (path if pointer is None else pointer) in redacted)
        if not path and mark == "obj:deleted":
            mark = "obj"  # a stub that was asked for is compared with its like
        if pointer is None:
            single[path] = mark
        else:
            counts = many.get(path)
            if counts is None:
                many[path] = {mark: 1}
                first[path] = pointer
            else:
                counts[mark] = counts.get(mark, 0) + 1
        if mark == "obj":
            if _is_map(path, value):
                here = path if pointer is None else pointer
                for name, child in value.items():
                    walk(child, f"{path}/*", f"{here}/{escape(name)}")
            else:
                for name, child in value.items():
                    step = "/" + (escape(name) if "/" in name or "~" in name else name)
                    walk(child, path + step, None if pointer is None else pointer + step)
        elif mark == "arr":
            here = path if pointer is None else pointer
            for index, child in enumerate(value):
                walk(child, f"{path}/*", f"{here}/{index}")

    walk(body, "", None)
    joined = {path: "|".join(sorted(counts)) for path, counts in many.items()}
    return Reading(single, many, first, {**single, **joined})


def escape(name: str) -> str:
    """A key as a segment of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def unescape(segment: str) -> str:
    """A segment of a JSON pointer as a key."""
    return segment.replace("~1", "/").replace("~0", "~")


def _is_map(path: str, value: Mapping[str, Any]) -> bool:
    if key(path) in MAPS:
        return True
    if not path or not value:
        return False
    if len(value) > 2 and all(map(_CURRENCY.fullmatch, value)):
        return True  # `{"eur": …, "gbp": …, "usd": …}`; two such keys may be a record's
    return all(_ID.fullmatch(name) or not _IDENTIFIER.fullmatch(name) for name in value)


def _mark(value: Any, redacted: bool) -> str:
    if isinstance(value, str):
        return _redacted_style(value) if redacted else _style(value)
    if value is None:
        return "null"
    if value is True or value is False:
        return "bool"
    if isinstance(value, dict):
        return "obj:deleted" if value.get("deleted") is True else "obj"
    if isinstance(value, list):
        return "arr"
    if isinstance(value, int):
        return "int:time" if value in _TIMES else "int"
    return "num"


def _style(value: str) -> str:
    found = _ID.fullmatch(value)
    if found:
        return f"str:id:{found[1]}"
    if _CODE.fullmatch(value):
        return "str:code"
    if _TOKEN.fullmatch(value):
        return f"str:token:{value}"
    found = _URL.match(value)
    if found:
        return f"str:url:{found[1].lower()}"
    return _redacted_style(value)


def _redacted_style(value: str) -> str:
    if _INTEGER.fullmatch(value):
        return "str:integer"
    if _DECIMAL.fullmatch(value):
        return "str:decimal"
    if _ISO_TIME.fullmatch(value):
        return "str:iso-time"
    return "str:text"


class _Cell:
    """What a builder has of one path."""

    __slots__ = ("bodies", "marks", "null", "witness")

    def __init__(self, null: bool, witness: Witness) -> None:
        self.marks: dict[str, int] = {}
        self.bodies = 0
        self.null = null
        self.witness = witness

    def count(self, marks: Mapping[str, int], bodies: int, null: bool, witness: Witness) -> None:
        _count(self.marks, marks)
        self.bodies += bodies
        if (null, witness) < (self.null, self.witness):
            self.null, self.witness = null, witness


class Builder:
    """Adds up readings. What comes out does not depend on the order they come in."""

    def __init__(self) -> None:
        self._cells: dict[str, _Cell] = {}

    def add(self, reading: Reading, file: str, take: int, at: str = "") -> None:
        """Count one body; `at` is its pointer in what was recorded."""
        cells = self._cells
        for path, mark in reading.single.items():
            # Spelled out, not called: this line of the program runs most often.
            null = mark == "null"
            cell = cells.get(path)
            if cell is None:
                cell = cells[path] = _Cell(null, Witness(file, take, at + path))
            elif null <= cell.null:
                least = cell.witness
                if null < cell.null or (file, take) <= (least.file, least.take):
                    here = Witness(file, take, at + path)
                    cell.null, cell.witness = min((null, here), (cell.null, least))
            marks = cell.marks
            marks[mark] = marks.get(mark, 0) + 1
            cell.bodies += 1
            if len(marks) > _LARGE:
                _shrink(marks)
        for path, added in reading.many.items():
            null = len(added) == 1 and "null" in added
            here = Witness(file, take, at + reading.first[path])
            if path not in cells:
                cells[path] = _Cell(null, here)
            cells[path].count(added, 1, null, here)

    def merge(self, shape: Shape) -> None:
        """Add what another builder counted."""
        for path, stat in shape.items():
            null = stat.kinds == {"null"}
            if path not in self._cells:
                self._cells[path] = _Cell(null, stat.witness)
            self._cells[path].count(stat.marks, stat.bodies, null, stat.witness)

    def shape(self) -> Shape:
        """What was counted so far."""
        return {
            path: Stat(_capped(cell.marks), cell.bodies, cell.witness)
            for path, cell in sorted(self._cells.items())
        }


def merge(*shapes: Shape) -> Shape:
    """The shape of all bodies of some shapes: associative, commutative, ``{}`` is its identity."""
    builder = Builder()
    for shape in shapes:
        builder.merge(shape)
    return builder.shape()


def _count(counts: dict[str, int], added: Mapping[str, int]) -> None:
    for mark, n in added.items():
        counts[mark] = counts.get(mark, 0) + n
    if len(counts) > _LARGE:
        _shrink(counts)


def _shrink(counts: dict[str, int]) -> None:
    # Keeps memory flat where every body brings a value of its own.
    small = _capped(counts)
    counts.clear()
    counts.update(small)


def _capped(counts: Mapping[str, int]) -> dict[str, int]:
    families: dict[str, list[str]] = {}
    for mark in _detailed(counts):
        families.setdefault(mark.rpartition(":")[0], []).append(mark)
    capped = dict(counts)
    for family, marks in families.items():
        rest = f"{family}:{ANY}"
        if len(marks) > CAP or rest in capped:
            total = sum(capped.pop(mark) for mark in marks)
            capped[rest] = total
    return dict(sorted(capped.items()))


def _detailed(marks: Iterable[str]) -> Iterator[str]:
    return (mark for mark in marks if mark.count(":") > 1)
