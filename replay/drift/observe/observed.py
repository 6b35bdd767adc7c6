"""What recordings of one part show: in one epoch, and in pairs of two."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Sequence
from functools import cached_property

from replay.drift.observe.pair_events import Tally
from replay.drift.observe.pairs import Pair, Take
from replay.drift.observe.shape import Builder, Calendar, Shape, Witness, merge

SAMPLES = 64
"""Pairs per comparison whose bodies are kept, to follow values that moved."""


class Observed:
    """One part in one epoch.

    Attributes:
        objects: how many objects were seen.
        pools: state -> the last body of each object that was last seen in it. One body per
            object, because the takes of one object are no independent evidence.
        rest: their other bodies; the same body again is no evidence at all.
    """

    def __init__(self) -> None:
        self.objects = 0
        self.pools: dict[str, Builder] = {}
        self.rest = Builder()

    def add(self, takes: Sequence[tuple[bytes, Take]]) -> None:
        """Count the takes of one object, each with the text of its body."""
        self.objects += 1
        _, last = takes[-1]
        self.pool(state(last)).add(last.reading, *last.place, last.day)
        if len(takes) > 1:
            told = {digest(takes[-1][0])}
            for text, take in takes[:-1]:
                if (named := digest(text)) not in told:
                    told.add(named)
                    self.rest.add(take.reading, *take.place, take.day)

    def pool(self, state: str) -> Builder:
        """The pool of a state."""
        return self.pools.setdefault(state, Builder())

    @cached_property
    def total(self) -> Shape:
        """The shape of all bodies, once all of them were counted."""
        return merge(*self.shapes())

    def shapes(self) -> list[Shape]:
        """The shapes that it is the sum of."""
        return [self.rest.shape(), *(pool.shape() for pool in self.pools.values())]

    def merge(self, other: Observed) -> None:
        """Add what was observed of other objects."""
        self.objects += other.objects
        self.rest.merge(other.rest.shape(), other.rest.calendar)
        for state, pool in other.pools.items():
            self.pool(state).merge(pool.shape(), pool.calendar)

    def calendar(self) -> Calendar:
        """When keys were seen."""
        made = Calendar()
        for builder in (self.rest, *self.pools.values()):
            made.merge(builder.calendar)
        return made


class Paired:
    """One part in two epochs: the objects that were recorded in both.

    Attributes:
        objects: how many objects.
        controlled: what happened in twins and in pairs that agree in status and dates.
        loose: what happened in other pairs, and what the dates of agreeing pairs explain.
        samples: some pairs with their bodies, controlled ones first; always the same ones.
    """

    def __init__(self) -> None:
        self.objects = 0
        self.controlled = Tally()
        self.loose = Tally()
        self._samples: list[tuple[bool, int, Witness, Witness, int, Pair]] = []
        self._added = 0  # keeps the heap from ever comparing pairs

    def add(self, found: Iterable[Pair]) -> None:
        """Count the pairs of one object."""
        for pair in found:
            if pair.controlled:
                self.controlled.add(pair, self.loose)
            else:
                self.loose.add(pair)
            name = f"{pair.old.file}#{pair.old.number}{pair.old.at}"
            rank = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())
            # A heap of the largest: ranks are negated, so that the least ranks stay.
            self._push(pair.controlled, -rank, pair.old.place, pair.new.place, pair)

    def merge(self, other: Paired) -> None:
        """Add the pairs of other objects."""
        self.objects += other.objects
        self.controlled.merge(other.controlled)
        self.loose.merge(other.loose)
        for controlled, rank, old, new, _, pair in other._samples:
            self._push(controlled, rank, old, new, pair)

    def _push(self, controlled: bool, rank: int, old: Witness, new: Witness, pair: Pair) -> None:
        self._added += 1
        heapq.heappush(self._samples, (controlled, rank, old, new, self._added, pair))
        if len(self._samples) > SAMPLES:
            heapq.heappop(self._samples)

    @property
    def samples(self) -> tuple[Pair, ...]:
        """Some pairs with their bodies."""
        return tuple(item[-1] for item in sorted(self._samples, key=lambda i: i[:4], reverse=True))


def state(take: Take) -> str:
    """The state that pools compare within: an open invoice has fields that a draft never had."""
    tags = (take.body.get(name) for name in ("status", "type"))
    return "|".join(tag if isinstance(tag, str) else "" for tag in tags)


def digest(body: bytes) -> bytes:
    """Tells bodies apart."""
    return hashlib.blake2b(body, digest_size=16).digest()
