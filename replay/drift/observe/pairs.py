"""Pairs: two recordings of one object at two versions, and whether a comparison of them is fair.

An invoice that was paid between two recordings differs for reasons that no API version has. So a
pair is *controlled* only where its two sides were fetched back to back (twins), or where nothing
in them says that the object's state changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from replay.drift.observe.marks import Marks, keys_are_values, mark, marks_of, tree
from replay.drift.observe.pointers import ANY
from replay.drift.observe.shape import Witness, kinds
from replay.model.cassette import NOTHING

_TAKES = 12
"""Only the last takes of each side are tried for a pair of one state."""


@dataclass(frozen=True, slots=True)
class Take:
    """One recorded body of an object.

    Attributes:
        file: the cassette, relative to the library.
        number: the number of the take in it, from 0.
        body: the parsed body.
        redacted: JSON pointer -> class of the values that were replaced.
        batch: the batch that it was fetched in; empty where it was fetched alone.
        marks: which paths the body has, and what is there.
        at: the JSON pointer of the body in the take; empty unless it is nested in another object.
        day: the day it was recorded on, as ``YYYY-MM-DD``.
        unconfirmed: where a second look at its version, right after its twins, showed something
            else, as JSON pointers in the body; None without a second look.
        equal_values: JSON pointer in the body -> the name of a value that a twin has at another
            place.
    """

    file: str
    number: int
    body: Any
    redacted: Mapping[str, str]
    batch: str
    marks: Marks = field(repr=False)
    at: str = ""
    day: str = ""
    unconfirmed: tuple[str, ...] | None = None
    equal_values: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    def __reduce__(self) -> tuple[Any, ...]:
        # To work out the marks again is cheaper than to send them to another process.
        made = (self.file, self.number, self.body, dict(self.redacted))
        twin = (self.unconfirmed, dict(self.equal_values))
        return _rebuilt, (*made, self.batch, self.at, self.day, *twin)

    @property
    def place(self) -> Witness:
        """Where the body was recorded."""
        return Witness(self.file, self.number, self.at)

    def witness(self, path: str) -> Witness:
        """Where a path occurs first in this body."""
        return Witness(self.file, self.number, self.at + self.marks.pointer(path))


def _rebuilt(
    file: str, number: int, body: Any, redacted: dict[str, str], batch: str, at: str, day: str,
    unconfirmed: tuple[str, ...] | None, equal_values: dict[str, str],
) -> Take:  # fmt: skip
    marks = marks_of(body, redacted)
    return Take(
        file, number, body, redacted, batch, marks, at, day, unconfirmed, equal_values or NOTHING
    )


@dataclass(frozen=True, slots=True)
class Pair:
    """An object at two versions.

    Attributes:
        old, new: the two recordings.
        controlled: whether what differs between them can be put down to the version.
        twins: whether they were fetched back to back.
    """

    old: Take
    new: Take
    controlled: bool
    twins: bool = False

    @property
    def unconfirmed(self) -> frozenset[str] | None:
        """Where a difference may be due to time, although the two are twins, as JSON pointers.

        One version was asked once more right after both had been fetched, and its second answer
        was another one there, or below. None where neither was asked once more.
        """
        if not self.twins:
            return None
        marks = [t.unconfirmed for t in (self.old, self.new) if t.unconfirmed is not None]
        return frozenset(pointer for mark in marks for pointer in mark) if marks else None

    def is_confirmed(self, path: str) -> bool:
        """Whether a second look confirmed what the old side shows at a pointer, or at a path."""
        doubtful = self.unconfirmed
        return doubtful is not None and not any(covers(place, path) for place in doubtful)

    @property
    def equal_places(self) -> dict[str, tuple[str, str]]:
        """Where the new side has a value of the old side's, as noted while recording.

        JSON pointer in the old body -> pointer in the new one, and the value's name: ``id-…`` for
        an ID of Stripe's, ``text-…`` for anything else.
        """
        if not self.twins or not self.old.equal_values or not self.new.equal_values:
            return {}
        places = {name: pointer for pointer, name in self.new.equal_values.items()}
        return {
            pointer: (places[name], name)
            for pointer, name in self.old.equal_values.items()
            if name in places
        }

    @property
    def unsure(self) -> frozenset[str]:
        """The events that the dates may explain, and not the version.

        Additions reach every version on the day they ship; removals are gated by version. So what
        only the later side has may have shipped in between.
        """
        if self.twins or self.old.day == self.new.day:
            return frozenset()
        return frozenset(["gained" if self.old.day < self.new.day else "lost"])


def covers(place: str, path: str) -> bool:
    """Whether a path, or a pointer, is at or below a pointer; ``*`` in the path is any item."""
    above, below = place.split("/"), path.split("/")
    return len(above) <= len(below) and all(
        a == b or b == ANY for a, b in zip(above, below, strict=False)
    )


def pairs(old: Sequence[Take], new: Sequence[Take]) -> Iterator[Pair]:
    """The pairs of one object's takes at two versions.

    Twins come first: one pair for each batch that holds both versions. Where there are none, the
    latest two takes that show the object in one state. Where there are no such either, the last
    take of each side, as a pair that is not controlled.

    Args:
        old, new: the takes of either version, never empty.
    """
    olds = {take.batch: take for take in old if take.batch}
    news = {take.batch: take for take in new if take.batch}
    batches = sorted(olds.keys() & news.keys())
    if batches:
        for batch in batches:
            a, b = olds[batch], news[batch]
            made = Pair(a, b, controlled=True, twins=True)
            moved = status_of(a) != status_of(b) and not made.is_confirmed("/status")
            yield replace(made, controlled=False) if moved else made
        return
    for b in reversed(new[-_TAKES:]):
        for a in reversed(old[-_TAKES:]):
            if same_state(a.body, b.body, {**a.redacted, **b.redacted}):
                yield Pair(a, b, controlled=True)
                return
    yield Pair(old[-1], new[-1], controlled=False)


def same_state(a: Any, b: Any, redacted: Mapping[str, str] = NOTHING) -> bool:
    """Whether two bodies show the object in one state.

    Where both have a value of one type, it must be the same: texts, IDs, flags, amounts, times,
    the lengths of lists and the keys of maps. No value may be null on one side only: that is what
    an edit looks like. A field that only one body has does not count, nor does a value that is
    written in another way: either may be the very drift that is looked for.

    Args:
        a, b: the parsed bodies.
        redacted: JSON pointer -> class of each value replaced in either. Such values are not
            compared.
    """
    return _same_state(a, b, tree(redacted))


def _same_state(a: Any, b: Any, hidden: Any, name: str = "") -> bool:
    if a is None or b is None:
        return a is b
    if a == b:
        return True
    below = (hidden or NOTHING).get
    if isinstance(a, dict) and isinstance(b, dict):
        if a.keys() != b.keys() and keys_are_values(name, a) and keys_are_values(name, b):
            return False
        return a.get("deleted") == b.get("deleted") and all(
            _same_state(a[key], b[key], below(key), key) for key in a.keys() & b.keys()
        )
    if isinstance(a, list) and isinstance(b, list):
        items = enumerate(zip(a, b, strict=False))
        return len(a) == len(b) and all(_same_state(x, y, below(str(n))) for n, (x, y) in items)
    if hidden is not None:
        return True
    if isinstance(a, str) and isinstance(b, str):
        return _rewritten(a, b)
    if {type(a), type(b)} == {int, float}:
        return False
    return kinds([mark(a)]) != kinds([mark(b)])


def _rewritten(a: str, b: str) -> bool:
    """Whether two texts may be one value that is written in two ways."""
    styles = {mark(text).split(":")[1] for text in (a, b)}
    if styles <= {"decimal", "integer"}:
        return Decimal(a) == Decimal(b)
    return styles == {"integer", "iso-time"} or (
        styles == {"token", "code"} and a.lower() == b.lower()
    )


def status_of(take: Take) -> Any:
    """The status of the object; None where it has none."""
    return take.body.get("status") if isinstance(take.body, dict) else None
