"""Two recordings of one object at two versions: whether they are a fair pair, and what changed.

Absence and state are what makes version drift hard to see: an invoice that was paid between two
recordings differs for reasons that no API version has. A pair is *controlled* when its two sides
were fetched back to back (twins), or when nothing in them says that the object's state moved on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from replay.drift.shape import ANY, Reading, Witness, kinds, parent

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
    """

    file: str
    number: int
    body: Any
    redacted: Mapping[str, str]
    batch: str
    reading: Reading = field(repr=False)

    def witness(self, path: str) -> Witness:
        """Where a path occurs first in this body."""
        return Witness(self.file, self.number, self.reading.pointer(path))


@dataclass(frozen=True, slots=True)
class Pair:
    """An object at two versions.

    Attributes:
        controlled: whether differences between the two are the version's doing.
    """

    old: Take
    new: Take
    controlled: bool


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
            yield Pair(a, b, _status(a.body) == _status(b.body))
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
    format class, prefix or host), and an enum-like value that the old side did not have, which
    is counted under its own mark, such as ``str:token:draft``.

    Attributes:
        pairs: how many pairs were added.
        kept: path -> in how many pairs both sides have it.
    """

    def __init__(self) -> None:
        self.pairs = 0
        self.kept: dict[str, int] = {}
        self._events: dict[tuple[str, str], Event] = {}

    def add(self, pair: Pair) -> None:
        """Count one pair."""
        self.pairs += 1
        old, new = pair.old.reading.marks, pair.new.reading.marks
        kept = self.kept
        for path in old.keys() & new.keys():
            kept[path] = kept.get(path, 0) + 1
        for path in {path for path, _ in old.items() ^ new.items()}:
            a, b = old.get(path), new.get(path)
            if a is None or b is None:
                above = parent(path)
                if path.endswith(f"/{ANY}") or not (_open(old, above) and _open(new, above)):
                    continue
                if b is None:
                    self._event("lost", path, pair, path, above)
                else:
                    self._event("gained", path, pair, above, path)
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

    def _event(self, what: str, path: str, pair: Pair, at_old: str, at_new: str) -> None:
        old, new = pair.old.witness(at_old), pair.new.witness(at_new)
        event = self._events.get((what, path))
        if event is None:
            self._events[what, path] = Event(1, old, new)
            return
        event.count += 1
        if (old, new) < (event.old, event.new):
            event.old, event.new = old, new


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
