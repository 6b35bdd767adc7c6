"""The evidence of the recordings for one comparison: support, grade, witnesses.

The strongest evidence is a controlled pair: one object, both versions, one state. Pools of
different objects prove a difference only where chance cannot explain it. Suppose that n of n + m
recordings of one version have a field, and split them at random into n and m: that the n all fall
on one side has the probability 1/C(n+m, n). That is how likely "always here, never there" is
without any drift. (It is the extreme case of Fisher's exact test.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import comb

from replay.drift.judge.findings import Finding, Grade, Severity, Support, side
from replay.drift.judge.rules import RULES
from replay.drift.observe.pair_events import PairEvents
from replay.drift.observe.pointers import parent
from replay.drift.observe.shape import Calendar, Shape, Stat

MIN_OBJECTS = 5
"""Fewer objects on a side prove nothing in a pool. As many controlled pairs that do not show an
event rule it out, see `Evidence.ruled_out`."""

CHANCE = 1e-8
"""A pool proves a difference where chance is at most this likely. A library has about a thousand
paths: at one comparison for each, that is one false proof in a hundred thousand runs."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Both sides of a comparison.

    Attributes:
        old, new: the shapes of all bodies.
        pools: for each state that both sides show, the shapes of one body per object.
        controlled: the events in twins and pairs of one state.
        loose: the events in pairs whose state may have changed.
        calendars: on which days the paths of either side were seen.
    """

    old: Shape
    new: Shape
    pools: Sequence[tuple[Shape, Shape]]
    controlled: PairEvents
    loose: PairEvents
    calendars: tuple[Calendar, Calendar]

    def finding(
        self,
        rule: str,
        path: str,
        what: str = "",
        *,
        pool: bool = False,
        severity: Severity | None = None,
        detail: str = "",
    ) -> Finding:
        """A finding with its grade, support and witnesses.

        Args:
            rule: the rule's ID.
            path: the path.
            what: the event of pairs that shows it; empty where no event can: it is unobserved.
            pool: whether the pools prove it.
            severity: in place of the rule's own.
            detail: the end of the rule's sentence.
        """
        above = parent(path)
        old, new = self.old.get(path), self.new.get(path)
        grade, support = Grade.UNOBSERVED, None
        witnesses = (_witness(self.old, path), _witness(self.new, path))
        if what:
            grade = Grade.PROVEN if pool else Grade.LIKELY
            for events in (self.controlled, self.loose):
                event = events.event(what, path)
                if event is not None:
                    if events is self.controlled:
                        grade = Grade.PROVEN
                    pairs = events.in_both.get(path, 0)
                    if what in ("lost", "gained"):
                        pairs += event.count
                    support = Support(event.count, pairs, events is self.controlled)
                    witnesses = (str(event.old), str(event.new))
                    break
        return Finding(
            rule,
            RULES[rule].severity if severity is None else severity,
            grade,
            path,
            side(old, _chances(self.old, path, above)),
            side(new, _chances(self.new, path, above)),
            witnesses,
            support=support,
            detail=detail,
        )

    def unobserved(self, rule: str, path: str, blind: str, below: str = "") -> Finding:
        """A finding that one side showed nothing to compare with.

        Args:
            rule: the rule's ID.
            path: the path.
            blind: the side that showed nothing, ``old`` or ``new``.
            below: what the other side showed below the path, for its witness: ``/*`` for a list's
                items.
        """
        finding = self.finding(rule, path)
        old, new = finding.witnesses
        if blind == "new":
            old = _witness(self.old, path + below)
        else:
            new = _witness(self.new, path + below)
        return replace(finding, blind=blind, witnesses=(old, new))

    def happened(self, what: str, path: str) -> bool:
        """Whether a controlled pair shows an event."""
        return self.controlled.count(what, path) > 0

    def count(self, what: str, path: str) -> int:
        """In how many pairs an event happened, controlled or not."""
        return self.controlled.count(what, path) + self.loose.count(what, path)

    def ruled_out(self, what: str, path: str) -> bool:
        """Whether enough controlled pairs have the path on both sides and do not show an event.

        Then a difference between the pools comes from which objects were recorded.
        """
        return (
            self.controlled.in_both.get(path, 0) >= MIN_OBJECTS
            and self.controlled.count(what, path) == 0
        )

    def pool_presence(self, path: str) -> bool:
        """Whether pools prove that a path is always there on one side and never on the other."""
        above = parent(path)
        old, new = self.calendars
        has_it, lacks_it = (old, new) if path in self.old else (new, old)
        if lacks_it.last_absent(path) < has_it.first_seen(path):
            return False  # what shipped in between is on one side only, whichever the version
        for pool in self.pools:
            has, lacks = pool if path in pool[0] else (pool[1], pool[0])
            stat, of, without = has.get(path), has.get(above), lacks.get(above)
            if stat is None or of is None or without is None or path in lacks:
                continue
            if stat.seen == of.parents and proves(_with_object(of), _with_object(without)):
                return True
        return False

    def pool_kinds(self, path: str) -> bool:
        """Whether pools prove that the JSON types at a path are others on the two sides."""
        for a, b in self.pools:
            x, y = a.get(path), b.get(path)
            if x is None or y is None or (x.kinds & y.kinds) - {"null"}:
                continue
            if proves(x.bodies - x.count("null"), y.bodies - y.count("null")):
                return True
        return False


def proves(n: int, m: int) -> bool:
    """Whether "always" in n objects against "never" in m is beyond coincidence."""
    return min(n, m) >= MIN_OBJECTS and 1 / comb(n + m, n) <= CHANCE


def _with_object(stat: Stat) -> int:
    # Bodies that surely showed a living object here, however many items their lists have.
    return stat.bodies - (stat.seen - stat.parents)


def _chances(shape: Shape, path: str, above: str) -> int:
    stat = shape.get(above)
    if stat is None:
        return 0
    return stat.count("arr") if path.endswith("/*") else stat.parents


def _witness(shape: Shape, path: str) -> str:
    while path not in shape:
        path = parent(path)
    return str(shape[path].witness)
