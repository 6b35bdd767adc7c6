"""Counts the events between the two sides of pairs, path by path. They are judged elsewhere.

As with shapes, pairs wait until many are there, and equal ones wait together: then each different
pair of trees is compared once, however often it came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from replay.drift.observe.marks import Mark, Node, Repeated, flatten, has_fields, joined
from replay.drift.observe.pairs import Pair, covers
from replay.drift.observe.pointers import ANY, parent
from replay.drift.observe.shape import Witness, kinds, names_below

_WAITING = 1024  # different pairs that wait to be counted

Places = tuple[Witness, Witness]


@dataclass(slots=True)
class Event:
    """Something that happened at a path between the two sides of pairs.

    Attributes:
        count: in how many pairs.
        confirmed: in how many of them a second look at one version confirmed it.
        twins: how many of them were fetched back to back.
        old, new: where the first of those pairs, in sorted order, shows it.
    """

    count: int
    confirmed: int
    twins: int
    old: Witness
    new: Witness


@dataclass(slots=True)
class _Seen:
    """How often two trees were a pair, and the first of the places in sorted order."""

    count: int
    places: Places

    def add(self, count: int, places: Places) -> None:
        self.count += count
        self.places = min(self.places, places)


class _Doubt(NamedTuple):
    """What of a pair the version alone may not explain.

    Attributes:
        events: events that its dates may explain.
        places: JSON pointers at which a second look at one version showed something else.
        looked: whether there was a second look.
        twins: whether the two were fetched back to back.
        only: whether to count what is doubtful alone; else all but that.
    """

    events: frozenset[str]
    places: frozenset[str]
    looked: bool
    twins: bool
    only: bool


class PairEvents:
    """The events of some pairs, per path.

    The events: ``lost`` and ``gained`` (its parent is an object on both sides), ``nulled`` and
    ``denulled``, ``retyped`` (no type in common), ``widened``, ``narrowed``, ``restyled`` (another
    format, prefix or host), ``remapped`` (a map became a record, or the reverse), and an enum-like
    value that the old side did not have, which is counted under its own mark, such as
    ``str:token:draft``.

    Attributes:
        pairs: how many pairs were added.
    """

    def __init__(self) -> None:
        self.pairs = 0
        self._in_both: dict[str, int] = {}
        self._events: dict[tuple[str, str], Event] = {}
        self._waiting: dict[tuple[Node, Node, _Doubt], _Seen] = {}

    def add(self, pair: Pair, doubtful: PairEvents | None = None) -> None:
        """Count one pair.

        Args:
            pair: the takes of one object at both versions.
            doubtful: counts, in place of this, the events that the dates may explain, and those
                that a second look at one version did not confirm.
        """
        self.pairs += 1
        looked, none = pair.unconfirmed, frozenset[str]()
        doubt = _Doubt(none, none, looked is not None, pair.twins, only=False)
        if doubtful is not None:
            doubt = doubt._replace(events=pair.unsure, places=looked or none)
            if doubt.events or doubt.places:
                doubtful._wait(pair, doubt._replace(only=True))
        self._wait(pair, doubt)

    def _wait(self, pair: Pair, doubt: _Doubt) -> None:
        """Let a pair wait to be counted: without what is doubtful, or with that alone."""
        what = pair.old.marks.root, pair.new.marks.root, doubt
        places = pair.old.place, pair.new.place
        seen = self._waiting.get(what)
        if seen is not None:
            seen.add(1, places)
            return
        self._waiting[what] = _Seen(1, places)
        if len(self._waiting) > _WAITING:
            self._count_waiting()

    @property
    def in_both(self) -> Mapping[str, int]:
        """Path -> in how many pairs both sides have it."""
        self._count_waiting()
        return self._in_both

    def event(self, what: str, path: str) -> Event | None:
        """An event at a path; None where it never happened."""
        self._count_waiting()
        return self._events.get((what, path))

    def count(self, what: str, path: str) -> int:
        """In how many pairs an event happened at a path."""
        event = self.event(what, path)
        return event.count if event else 0

    def merge(self, other: PairEvents) -> None:
        """Add the events of other pairs."""
        self.pairs += other.pairs
        for path, n in other.in_both.items():
            self._in_both[path] = self._in_both.get(path, 0) + n
        for (what, path), event in other._events.items():
            counts = event.count, event.confirmed, event.twins
            self._count(what, path, counts, event.old, event.new)

    def __getstate__(self) -> dict[str, Any]:
        self._count_waiting()
        return self.__dict__

    def _count_waiting(self) -> None:
        """Count the pairs that wait, level by level: equal trees within them are compared once."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        levels: dict[_Doubt, Level] = {}
        for (a, b, doubt), seen in waiting.items():
            levels.setdefault(doubt, {})["", a, b] = seen
        for doubt, level in levels.items():
            _Comparer(self, doubt).compare(level)

    def _count(
        self, what: str, path: str, counts: tuple[int, int, int], old: Witness, new: Witness
    ) -> None:
        event = self._events.get((what, path))
        if event is None:
            self._events[what, path] = Event(*counts, old, new)
            return
        event.count += counts[0]
        event.confirmed += counts[1]
        event.twins += counts[2]
        if (old, new) < (event.old, event.new):
            event.old, event.new = old, new


Level = dict[tuple[str, Node, Node], _Seen]


class _Comparer:
    """Compares pairs of trees.

    Attributes:
        found: where it counts what it finds.
    """

    def __init__(self, found: PairEvents, doubt: _Doubt) -> None:
        self.found = found
        self._doubt = doubt
        self._same: dict[tuple[str, Node], int] = {}

    def compare(self, level: Level) -> None:
        """Compare the trees of one level, and then those of all levels below."""
        for seen in level.values():
            self._seen_in_both("", seen.count)
        while level:
            below: Level = {}
            for (path, a, b), seen in level.items():
                if a is b:
                    self._same[path, a] = self._same.get((path, a), 0) + seen.count
                elif a.is_record and b.is_record and (not path or a.mark == b.mark == "obj"):
                    self._records(path, a, b, seen, below)
                else:
                    self._flat(path, a, b, seen)
            level = below
        self._unchanged()

    def _records(self, path: str, a: Node, b: Node, seen: _Seen, below: Level) -> None:
        olds = dict(zip(a.names, a.children, strict=True))
        for name, new in zip(b.names, b.children, strict=True):
            where = f"{path}/{name}"
            old = olds.pop(name, None)
            if old is None:
                self._event("gained", where, seen, path, where)
                continue
            self._seen_in_both(where, seen.count)
            if old is new:
                if isinstance(old, Node):
                    self._same[where, old] = self._same.get((where, old), 0) + seen.count
                continue
            x, y = (child.mark if isinstance(child, Node) else child for child in (old, new))
            if x != y:
                for what in _changes(x, y):
                    self._event(what, where, seen, where, where)
            if isinstance(old, Node) and isinstance(new, Node):
                if (where, old, new) in below:
                    below[where, old, new].add(seen.count, seen.places)
                else:
                    below[where, old, new] = _Seen(seen.count, seen.places)
        for name in olds:
            self._event("lost", f"{path}/{name}", seen, f"{path}/{name}", path)

    def _flat(self, path: str, a: Node, b: Node, seen: _Seen) -> None:
        """Compare the content of two nodes if one of them is a list, a map or a stub."""
        old, firsts = _marks(path, a)
        new, seconds = _marks(path, b)
        for where in sorted(old.keys() | new.keys()):
            x, y = old.get(where), new.get(where)
            if where == path:
                continue
            if x is not None and y is not None:
                self._seen_in_both(where, seen.count)
                if x != y:
                    pointers = firsts.get(where, where), seconds.get(where, where)
                    for what in _changes(x, y):
                        self._event(what, where, seen, *pointers)
                continue
            above = parent(where)
            if not (_open(old, above) and _open(new, above)):
                continue
            here, there = firsts.get(above, above), seconds.get(above, above)
            if where.endswith(f"/{ANY}"):
                if _remapped(old, new, above):
                    self._event("remapped", above, seen, here, there)
            elif y is None:
                self._event("lost", where, seen, firsts.get(where, where), there)
            else:
                self._event("gained", where, seen, here, seconds.get(where, where))

    def _unchanged(self) -> None:
        """Count the paths of trees that were the same on both sides."""
        level, self._same = self._same, {}
        while level:
            below: dict[tuple[str, Node], int] = {}
            for (path, node), count in level.items():
                if not node.is_record:
                    for where in _marks(path, node)[0]:
                        if where != path:
                            self._seen_in_both(where, count)
                    continue
                for name, child in zip(node.names, node.children, strict=True):
                    where = f"{path}/{name}"
                    self._seen_in_both(where, count)
                    if isinstance(child, Node):
                        below[where, child] = below.get((where, child), 0) + count
            level = below

    def _seen_in_both(self, path: str, count: int) -> None:
        if not self._doubt.only:
            in_both = self.found._in_both
            in_both[path] = in_both.get(path, 0) + count

    def _event(self, what: str, path: str, seen: _Seen, at_old: str, at_new: str) -> None:
        doubt = self._doubt
        doubtful = what in doubt.events or any(covers(place, path) for place in doubt.places)
        if doubtful is not doubt.only:
            return
        old, new = seen.places
        confirmed = seen.count if doubt.looked and not doubtful else 0
        self.found._count(
            what,
            path,
            (seen.count, confirmed, seen.count if doubt.twins else 0),
            Witness(old.file, old.take, old.pointer + at_old),
            Witness(new.file, new.take, new.pointer + at_new),
        )


def _marks(path: str, node: Node) -> tuple[dict[str, str], dict[str, str]]:
    """The content at and below a node: path -> joined marks, path -> its first JSON pointer."""
    once: dict[str, Mark] = {path: node.mark}
    repeated: dict[str, Repeated] = {}
    flatten(node, path, once, repeated)
    return joined(once, repeated), {where: found.first for where, found in repeated.items()}


def _remapped(old: Mapping[str, str], new: Mapping[str, str], path: str) -> bool:
    a, b = names_below(old, path), names_below(new, path)
    return (a == {ANY} and has_fields(b)) or (b == {ANY} and has_fields(a))


def _open(marks: Mapping[str, str], path: str) -> bool:
    return "obj" in marks.get(path, "").split("|")


def _changes(old: str, new: str) -> Iterator[str]:
    """The events between the marks of two sides, each joined by ``|``."""
    a, b = frozenset(old.split("|")), frozenset(new.split("|"))
    null_a, null_b = "null" in a, "null" in b
    if null_b and not null_a:
        yield "nulled"
    elif null_a and not null_b:
        yield "denulled"
    x, y = kinds(a) - {"null"}, kinds(b) - {"null"}
    if x and y and x != y:
        if not x & y:
            yield "retyped"
        elif y - x:
            yield "widened"
        else:
            yield "narrowed"
    elif x and y and _coarse(a) != _coarse(b):
        yield "restyled"
    if x and y:
        yield from sorted(mark for mark in b - a if mark.startswith("str:token:"))


def _coarse(marks: frozenset[str]) -> frozenset[str]:
    return frozenset("str:token" if m.startswith("str:token:") else m for m in marks if m != "null")
