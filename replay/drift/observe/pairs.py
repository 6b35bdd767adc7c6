"""Two recordings of one object at two versions, and whether they are a fair pair.

Absence and state are what makes version drift hard to see: an invoice that was paid between two
recordings differs for reasons that no API version has. A pair is *controlled* when its two sides
were fetched back to back (twins), or when nothing in them says that the object's state moved on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from replay.drift.observe.marks import Reading, is_keyed, mark, read, tree
from replay.drift.observe.shape import Witness, kinds
from replay.model.cassette import NOTHING

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

    def __reduce__(self) -> tuple[Any, ...]:
        # Reading a body once more is cheaper than to send its reading to another process.
        made = (self.file, self.number, self.body, dict(self.redacted))
        return _again, (*made, self.batch, self.at, self.day)

    @property
    def place(self) -> Witness:
        """Where the body is."""
        return Witness(self.file, self.number, self.at)

    def witness(self, path: str) -> Witness:
        """Where a path occurs first in this body."""
        return Witness(self.file, self.number, self.at + self.reading.pointer(path))


def _again(
    file: str, number: int, body: Any, redacted: dict[str, str], batch: str, at: str, day: str
) -> Take:
    return Take(file, number, body, redacted, batch, read(body, redacted), at, day)


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
    latest two takes that show one state.
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
            if agree(a.body, b.body, {**a.redacted, **b.redacted}):
                yield Pair(a, b, controlled=True)
                return
    yield Pair(old[-1], new[-1], controlled=False)


def agree(a: Any, b: Any, redacted: Mapping[str, str] = NOTHING) -> bool:
    """Whether two bodies show the object in one state.

    Where both have a value of one kind, it must be the same: texts, IDs, flags, amounts, times,
    the lengths of lists and the keys of maps. Nothing may have been set or cleared: a null on one
    side is what an edit looks like. What only one body has says nothing, nor does what is written
    otherwise: either may be the very drift that is looked for.

    Args:
        a, b: the parsed bodies.
        redacted: pointer -> class of what was replaced in either; such values are not compared.
    """
    return _agree(a, b, tree(redacted))


def _agree(a: Any, b: Any, hidden: Any, name: str = "") -> bool:
    if a is None or b is None:
        return a is b
    if a == b:
        return True
    below = (hidden or NOTHING).get
    if isinstance(a, dict) and isinstance(b, dict):
        if a.keys() != b.keys() and is_keyed(name, a) and is_keyed(name, b):
            return False
        return a.get("deleted") == b.get("deleted") and all(
            _agree(a[key], b[key], below(key), key) for key in a.keys() & b.keys()
        )
    if isinstance(a, list) and isinstance(b, list):
        items = enumerate(zip(a, b, strict=False))
        return len(a) == len(b) and all(_agree(x, y, below(str(n))) for n, (x, y) in items)
    if hidden is not None:
        return True
    if isinstance(a, str) and isinstance(b, str):
        return _rewritten(a, b)
    if {type(a), type(b)} == {int, float}:
        return False
    return kinds([mark(a)]) != kinds([mark(b)])


def _rewritten(a: str, b: str) -> bool:
    """Whether two texts may be one value, written in two ways."""
    styles = {mark(text).split(":")[1] for text in (a, b)}
    if styles <= {"decimal", "integer"}:
        return Decimal(a) == Decimal(b)
    return styles == {"integer", "iso-time"} or (
        styles == {"token", "code"} and a.lower() == b.lower()
    )


def _status(body: Any) -> Any:
    return body.get("status") if isinstance(body, dict) else None
