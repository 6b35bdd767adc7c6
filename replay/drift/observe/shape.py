"""The shape of bodies: which marks were seen at each path, how often, and on which days.

A `Shape` counts marks per path. Whether a field is always present, can be null or is a map's value
is derived from the counts where it is asked for. It is never stored, or the result would depend on
the order of merging.

A `Calendar` knows the days. Stripe gates removals, renames and changes of type by version, but
additions reach old versions too, on the day they ship. So a field that old recordings lack until a
day, and have from then on, is a matter of that day and not of the version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from replay.drift.observe.marks import (
    MAPS,
    Mark,
    Marks,
    Node,
    Repeated,
    count_repeated,
    walk,
)
from replay.drift.observe.pointers import ANY, key, parent

CAP = 24
"""At most this many tokens, prefixes or hosts are told apart at one path; more count as any."""

KEY_SETS = 64
"""At most this many sets of keys are told apart at one path. Stripe sends every key: few occur."""

KINDS = ("null", "bool", "int", "num", "str", "obj", "arr")

_LARGE = 4 * CAP  # marks of one path, at which they are capped in between
_BODIES = 1024  # different bodies that wait to be counted

Days = tuple[str, str]


class Calendar:
    """First and last day of each set of keys, per path. The order of adding does not matter."""

    def __init__(self) -> None:
        # Path of an object -> its keys -> first and last day; empty where too many were seen.
        self._days: dict[str, dict[frozenset[str], Days]] = {}
        self._crowded: set[str] = set()

    def add(self, path: str, keys: tuple[str, ...], first: str, last: str) -> None:
        """Note that objects at a path with exactly these keys were recorded between two days."""
        if path in self._crowded:
            return
        sets = self._days.setdefault(path, {})
        names = frozenset(keys)
        found = sets.get(names)
        if found is not None:
            first, last = min(found[0], first), max(found[1], last)
        sets[names] = first, last
        if len(sets) > KEY_SETS:
            self._crowded.add(path)
            sets.clear()

    def merge(self, other: Calendar) -> None:
        """Add the days of another calendar."""
        for path in other._crowded:
            self._crowded.add(path)
            self._days[path] = {}
        for path, sets in other._days.items():
            for names, (first, last) in sets.items():
                self.add(path, tuple(names), first, last)

    def first_seen(self, path: str) -> str:
        """The first day on which a path was seen; empty where it never was."""
        name, sets = key(path), self._days.get(parent(path), {})
        return min((first for names, (first, _) in sets.items() if name in names), default="")

    def last_absent(self, path: str) -> str:
        """The last day on which a path's parent was seen without it; empty where it never was."""
        name, sets = key(path), self._days.get(parent(path), {})
        return max((last for names, (_, last) in sets.items() if name not in names), default="")

    def arrived(self, path: str) -> bool:
        """Whether a path was absent until a day and always there from a later day on."""
        absent = self.last_absent(path)
        return bool(absent) and absent < self.first_seen(path)


class Witness(NamedTuple):
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

    @classmethod
    def of(cls, text: str) -> Witness:
        """The witness that a text names, as ``str`` writes it."""
        file, _, place = text.partition(".yaml#")
        take, slash, pointer = place.partition("/")
        return cls(f"{file}.yaml", int(take), slash + pointer)


@dataclass(frozen=True, slots=True)
class Stat:
    """The observations at one path.

    Attributes:
        marks: mark -> how often.
        bodies: in how many bodies.
        witness: the first of the places in sorted order; one that is not null, if there is any.
    """

    marks: Mapping[str, int]
    bodies: int
    witness: Witness

    @property
    def seen(self) -> int:
        """How often the path was present."""
        return sum(self.marks.values())

    @property
    def parents(self) -> int:
        """How often an object, and no deleted one's stub, was there: how often a key could be."""
        return self.marks.get("obj", 0)

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds seen, null included."""
        return kinds(self.marks)

    def count(self, kind: str) -> int:
        """How often a kind was seen."""
        return sum(n for mark, n in self.marks.items() if mark.split(":", 1)[0] == kind)

    def tokens(self) -> Mapping[str, int] | None:
        """Enum-like value -> how often; None where other text or too many values were seen."""
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
"""Path -> the observations there. The body itself is the path ``""``."""


def kinds(marks: Iterable[str]) -> frozenset[str]:
    """The JSON types of some marks, as `KINDS` names them."""
    return frozenset(mark.split(":", 1)[0] for mark in marks)


def is_map(shape: Shape, path: str) -> bool:
    """Whether an object is a map from keys that are values, not a record of fields."""
    stat = shape.get(path)
    return (
        stat is not None
        and stat.parents > 0
        and (key(path) in MAPS or (f"{path}/{ANY}" in shape and "arr" not in stat.marks))
    )


def names_below(paths: Iterable[str], path: str) -> frozenset[str]:
    """The last segments of the paths directly below a path."""
    head = f"{path}/"
    below = (name[len(head) :] for name in paths if name.startswith(head))
    return frozenset(name for name in below if "/" not in name)


class _Cell:
    """The counts of a builder at one path."""

    __slots__ = ("bodies", "marks", "null", "witness")

    def __init__(self, null: bool, witness: Witness) -> None:
        self.marks: dict[str, int] = {}
        self.bodies = 0
        self.null = null
        self.witness = witness


@dataclass(slots=True)
class _Seen:
    """How often a tree was seen, the first place in sorted order, the first and last day."""

    count: int
    place: Witness
    first: str
    last: str

    def add(self, count: int, place: Witness, first: str, last: str) -> None:
        self.count += count
        self.place = min(self.place, place)
        self.first = min(self.first, first)
        self.last = max(self.last, last)


class ShapeBuilder:
    """Builds one shape from many bodies. The result does not depend on their order.

    Bodies are collected in batches. Equal bodies of a batch are counted, and walked once.
    """

    def __init__(self) -> None:
        self._cells: dict[str, _Cell] = {}
        self._waiting: dict[Node, _Seen] = {}
        self._calendar = Calendar()
        self._shape: Shape | None = None  # once it was worked out, until something is added

    def add(self, marks: Marks, file: str, take: int, at: str = "", day: str = "") -> None:
        """Count one body.

        Args:
            marks: which paths the body has, and what is there.
            file, take: where it was recorded.
            at: the JSON pointer of the body in that take; empty for the whole.
            day: when it was recorded.
        """
        place = Witness(file, take, at)
        seen = self._waiting.get(marks.root)
        if seen is not None:
            seen.add(1, place, day, day)
            return
        self._waiting[marks.root] = _Seen(1, place, day, day)
        if len(self._waiting) > _BODIES:
            self._count_waiting()

    def _count_waiting(self) -> None:
        """Count the bodies that wait, level by level: equal trees within them are counted once."""
        level = {("", node): seen for node, seen in self._waiting.items()}
        self._waiting = {}
        self._shape = None if level else self._shape
        for seen in level.values():
            self._count("", {"obj": seen.count}, seen.count, seen.place)
        while level:
            below: dict[tuple[str, Node], _Seen] = {}
            for (path, node), seen in level.items():
                self._calendar.add(path, node.names, seen.first, seen.last)
                for name, child in zip(node.names, node.children, strict=True):
                    where = f"{path}/{name}"
                    place = _below(seen.place, where)
                    if not isinstance(child, Node):
                        self._count(where, {child: seen.count}, seen.count, place)
                        continue
                    self._count(where, {child.mark: seen.count}, seen.count, place)
                    if not child.is_record:
                        self._items(child, where, seen)
                    elif (where, child) in below:
                        below[where, child].add(seen.count, seen.place, seen.first, seen.last)
                    else:
                        below[where, child] = _Seen(seen.count, seen.place, seen.first, seen.last)
            level = below

    def _items(self, node: Node, path: str, seen: _Seen) -> None:
        repeated: dict[str, Repeated] = {}
        for where, child, mark, pointer in walk(node, path, path):
            count_repeated(repeated, where, mark, pointer)
            if isinstance(child, Node) and child.is_record:
                self._calendar.add(where, child.names, seen.first, seen.last)
        for where, found in repeated.items():
            marks = {mark: n * seen.count for mark, n in found.marks.items()}
            self._count(where, marks, seen.count, _below(seen.place, found.first))

    def _count(self, path: str, marks: Mapping[Mark, int], bodies: int, witness: Witness) -> None:
        null = len(marks) == 1 and "null" in marks
        cell = self._cells.get(path)
        if cell is None:
            cell = self._cells[path] = _Cell(null, witness)
        elif (null, witness) < (cell.null, cell.witness):
            cell.null, cell.witness = null, witness
        cell.bodies += bodies
        counts = cell.marks
        for mark, n in marks.items():
            counts[mark] = counts.get(mark, 0) + n
        if len(counts) > _LARGE:
            # Keeps memory bounded where every body has a value of its own.
            cell.marks = _capped(counts)

    def __getstate__(self) -> dict[str, Any]:
        self._count_waiting()
        return self.__dict__

    @property
    def calendar(self) -> Calendar:
        """On which days keys were seen."""
        self._count_waiting()
        return self._calendar

    def merge(self, shape: Shape, calendar: Calendar | None = None) -> None:
        """Add what another builder counted: its shape, and its calendar."""
        self._shape = None
        for path, stat in shape.items():
            self._count(path, stat.marks, stat.bodies, stat.witness)
        if calendar is not None:
            self._calendar.merge(calendar)

    def shape(self) -> Shape:
        """The shape of all bodies so far."""
        self._count_waiting()
        if self._shape is None:
            self._shape = {
                path: Stat(_capped(cell.marks), cell.bodies, cell.witness)
                for path, cell in sorted(self._cells.items())
            }
        return self._shape


def _below(place: Witness, pointer: str) -> Witness:
    return Witness(place.file, place.take, place.pointer + pointer)


def merge(*shapes: Shape) -> Shape:
    """The sum of some shapes. Merging is associative and commutative; ``{}`` is its identity."""
    shapes = tuple(filter(None, shapes))
    if len(shapes) == 1:
        return shapes[0]
    builder = ShapeBuilder()
    for shape in shapes:
        builder.merge(shape)
    return builder.shape()


def _capped(counts: Mapping[str, int]) -> dict[str, int]:
    if len(counts) == 1:
        return dict(counts)
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
