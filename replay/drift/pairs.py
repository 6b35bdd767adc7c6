"""Two recordings of one object at two versions: whether they are a fair pair, and what changed.

Absence and state are what makes version drift hard to see: an invoice that was paid between two
recordings differs for reasons that no API version has. A pair is *controlled* when its two sides
were fetched back to back (twins), or when nothing in them says that the object's state moved on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from replay.drift.shape import ANY, Reading, Witness, children, is_record, kinds, parent

_TAKES = 12
"""Takes per side that are tried for an agreeing pair: the last ones."""


@dataclass(frozen=True, slots=True)
class Take:
    """One recorded body of an object, read.

    Attributes:
        file: the cassette, relative to the library.
        number: the number of the take.
        body: the parsed body.
        redacted: pointer -> class of the replaced values.
        batch: the batch it was fetched in; empty for a lone one.
        reading: the body, read flat.
        at: the pointer of the body in what was recorded; empty unless it lies inside.
        day: the day it was recorded on, as ``YYYY-MM-DD``.
    """

    file: str
    number: int
    body: Any
    redacted: Mapping[str, str]
    batch: str
    reading: Reading = field(repr=False)
    at: str = ""
    day: str = ""

    @property
    def place(self) -> Witness:
        """Where the body is."""
        return Witness(self.file, self.number, self.at)

    def witness(self, path: str) -> Witness:
        """Where a path occurs first in this body."""
        return Witness(self.file, self.number, self.at + self.reading.pointer(path))


@dataclass(frozen=True, slots=True)
class Pair:
    """An object at two versions.

    Attributes:
        controlled: whether differences between the two are the version's doing.
        twins: whether they were fetched back to back.
    """

    old: Take
    new: Take
    controlled: bool
    twins: bool = False

    @property
    def unsure(self) -> frozenset[str]:
        """The events that the dates explain: what the later side has may have shipped in between.

        Additions reach every version on the day they ship; removals are gated by version.
        """
        if self.twins or self.old.day == self.new.day:
            return frozenset()
        return frozenset(["gained" if self.old.day < self.new.day else "lost"])


def pairs(old: Sequence[Take], new: Sequence[Take]) -> Iterator[Pair]:
    """The fair pairs of one object's takes at two versions; else the last of each, as they are.

    Neither side may be empty.

    Twins come first: one pair per batch that holds both versions. Where there are none, the
    latest two takes that agree in status and dates.
    """
    olds = {take.batch: take for take in old if take.batch}
    news = {take.batch: take for take in new if take.batch}
    batches = sorted(olds.keys() & news.keys())
    if batches:
        for batch in batches:
            a, b = olds[batch], news[batch]
            yield Pair(a, b, _status(a.body) == _status(b.body), twins=True)
        return
    for b in reversed(new[-_TAKES:]):
        for a in reversed(old[-_TAKES:]):
            if agree(a.body, b.body):
                yield Pair(a, b, controlled=True)
                return
    yield Pair(old[-1], new[-1], controlled=False)


def agree(a: Any, b: Any) -> bool:
    """Whether two bodies show the object in one state.

    State lives in statuses, times, counts, amounts and flags, and in how long lists are: where
    both bodies have such a value, it must be the same, and no time may have been set or cleared.
    What only one body has says nothing: it may be the very drift that is looked for.
    """
    if isinstance(a, dict) and isinstance(b, dict):
        for name in a.keys() & b.keys():
            x, y = a[name], b[name]
            if name == "status" and isinstance(x, str) and isinstance(y, str) and x != y:
                return False
            if not agree(x, y):
                return False
        return a.get("deleted") == b.get("deleted")
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(agree, a, b))
    if a is None or b is None:
        return not (_is_time(a) or _is_time(b))
    if isinstance(a, int) and isinstance(b, int):
        return a == b
    return True


def _is_time(value: Any) -> bool:
    return isinstance(value, int) and 10**9 <= value < 5 * 10**9


def _status(body: Any) -> Any:
    return body.get("status") if isinstance(body, dict) else None


@dataclass(slots=True)
class Event:
    """Something that happened at a path between the two sides of pairs.

    Attributes:
        count: in how many pairs.
        old, new: where the least of those pairs shows it.
    """

    count: int
    old: Witness
    new: Witness


class Tally:
    """Counts, per path, what happened between the two sides of pairs.

    The events: ``lost`` and ``gained`` (its parent is an object on both sides), ``nulled`` and
    ``denulled``, ``retyped`` (no kind in common), ``widened``, ``narrowed``, ``restyled`` (another
    format class, prefix or host), ``remapped`` (a map became a record, or the reverse), and an
    enum-like value that the old side did not have, which
    is counted under its own mark, such as ``str:token:draft``.

    Attributes:
        pairs: how many pairs were added.
        kept: path -> in how many pairs both sides have it.
    """

    def __init__(self) -> None:
        self.pairs = 0
        self.kept: dict[str, int] = {}
        self._events: dict[tuple[str, str], Event] = {}

    def add(self, pair: Pair, doubtful: Tally | None = None) -> None:
        """Count one pair.

        Args:
            pair: the pair.
            doubtful: counts the events that the dates of the two explain.
        """
        self.pairs += 1
        unsure = pair.unsure if doubtful is not None else frozenset()
        old, new = pair.old.reading.marks, pair.new.reading.marks
        kept = self.kept
        for path in old.keys() & new.keys():
            kept[path] = kept.get(path, 0) + 1
        for path in {path for path, _ in old.items() ^ new.items()}:
            a, b = old.get(path), new.get(path)
            if a is None or b is None:
                above = parent(path)
                if not (_open(old, above) and _open(new, above)):
                    continue
                if path.endswith(f"/{ANY}"):
                    if _remapped(old, new, above):
                        self._event("remapped", above, pair, above, above)
                    continue
                what = "lost" if b is None else "gained"
                places = (path, above) if b is None else (above, path)
                to = doubtful if doubtful is not None and what in unsure else self
                to._event(what, path, pair, *places)
            else:
                for what in _changes(frozenset(a.split("|")), frozenset(b.split("|"))):
                    self._event(what, path, pair, path, path)

    def event(self, what: str, path: str) -> Event | None:
        """What was counted of an event at a path."""
        return self._events.get((what, path))

    def count(self, what: str, path: str) -> int:
        """In how many pairs an event happened at a path."""
        event = self._events.get((what, path))
        return event.count if event else 0

    def merge(self, other: Tally) -> None:
        """Add what another tally counted."""
        self.pairs += other.pairs
        for path, n in other.kept.items():
            self.kept[path] = self.kept.get(path, 0) + n
        for (what, path), event in other._events.items():
            self._count(what, path, event.count, event.old, event.new)

    def _event(self, what: str, path: str, pair: Pair, at_old: str, at_new: str) -> None:
        self._count(what, path, 1, pair.old.witness(at_old), pair.new.witness(at_new))

    def _count(self, what: str, path: str, count: int, old: Witness, new: Witness) -> None:
        event = self._events.get((what, path))
        if event is None:
            self._events[what, path] = Event(count, old, new)
            return
        event.count += count
        if (old, new) < (event.old, event.new):
            event.old, event.new = old, new


def _remapped(old: Mapping[str, str], new: Mapping[str, str], path: str) -> bool:
    a, b = children(old, path), children(new, path)
    return (a == {ANY} and is_record(b)) or (b == {ANY} and is_record(a))


def _open(marks: Mapping[str, str], path: str) -> bool:
    return "obj" in marks.get(path, "").split("|")


def _changes(a: frozenset[str], b: frozenset[str]) -> Iterator[str]:
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
