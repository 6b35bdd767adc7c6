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
from replay.drift.observe.pointers import ANY, key, parent
from replay.drift.observe.shape import Calendar, Shape, Stat, names_below

MIN_OBJECTS = 5
"""As many controlled pairs that do not show an event rule it out, see `Evidence.ruled_out`."""

ENOUGH = 3
"""Fewer twins, or fewer pairs that lost what not all had, may be a coincidence or an edit."""

CHANCE = 1e-8
"""Pools prove a difference where chance is at most this likely, at one of the paths looked at."""

LIKELY_CHANCE = 2e-2
"""Pools make a difference likely where chance is at most this likely: from four objects against
four. One version against itself then fails a build in fewer than one of a hundred runs;
`tests/proofs/halves.py` tries it."""

_DIFFERING = 1 / 5
"""Where more of an object's keys come and go, what it holds depends on what it is."""


@dataclass(frozen=True)
class Evidence:
    """Both sides of a comparison.

    Attributes:
        old, new: the shapes of all bodies.
        pools: for each state that both sides show, the shapes of one body per object.
        controlled: the events in twins and pairs of one state.
        loose: the events in pairs whose state may have changed.
        objects: the shapes of one body per object, whatever its state.
        calendars: on which days the paths of either side were seen.
        one_account: whether both sides are recordings of one account. Pools of two accounts differ
            in what the accounts use.
        replaced: the paths of values that every pair of twins replaced in one way.
    """

    old: Shape
    new: Shape
    pools: Sequence[tuple[Shape, Shape]]
    controlled: PairEvents
    loose: PairEvents
    objects: tuple[Shape, Shape]
    calendars: tuple[Calendar, Calendar]
    one_account: bool = True
    replaced: frozenset[str] = frozenset()

    def finding(
        self,
        rule: str,
        path: str,
        what: str = "",
        *,
        pool: Grade = Grade.UNOBSERVED,
        severity: Severity | None = None,
        detail: str = "",
    ) -> Finding:
        """A finding with its grade, support and witnesses.

        Args:
            rule: the rule's ID.
            path: where in the body, as a pattern.
            what: the event in pairs that shows it; empty if it was not observed.
            pool: how surely recordings of different objects show it, without pairs.
            severity: in place of the rule's own.
            detail: the end of the rule's sentence.
        """
        above = parent(path)
        old, new = self.old.get(path), self.new.get(path)
        grade, support = Grade.UNOBSERVED, None
        witnesses = (_witness(self.old, path), _witness(self.new, path))
        if what:
            grade = max(pool, Grade.LIKELY)
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
            carried=_carried(old, _chances(self.old, path, above)) if rule in _REMOVALS else None,
            detail=detail,
        )

    def unobserved(self, rule: str, path: str, blind: str, below: str = "") -> Finding:
        """A finding that one side showed nothing to compare with.

        Args:
            rule: the rule's ID.
            path: where in the body, as a pattern.
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

    def twins(self, what: str, path: str) -> int:
        """In how many pairs of controlled twins an event happened."""
        event = self.controlled.event(what, path)
        return event.twins if event else 0

    def pool_presence(self, path: str) -> Grade:
        """How surely pools show that a path is always there on one side, never on the other.

        Where objects differ much in their keys, as the options of payment methods do, what they
        are decides which keys they have: those say nothing.

        Returns:
            `UNOBSERVED` where chance can explain it, or what the objects are: a list or tag around
            it names the key, or the two sides are recordings of two accounts.
        """
        old, new = self.calendars
        gone = path in self.old
        has_it, lacks_it = (old, new) if gone else (new, old)
        if lacks_it.last_absent(path) < has_it.first_seen(path):
            return Grade.UNOBSERVED  # what shipped in between is on one side only
        above, chance = parent(path), 1.0
        if self._of_other_types(path):
            return Grade.UNOBSERVED
        met = 0
        for pool in self.pools:
            has, lacks = pool if gone else (pool[1], pool[0])
            stat, of, without = has.get(path), has.get(above), lacks.get(above)
            if stat is None or of is None or without is None or path in lacks:
                continue
            if stat.seen == of.parents and not _differing(has, above, has_it):
                n, m = _with_object(of), _with_object(without)
                met += min(n, m)
                chance *= at_random(n, m)
        # Where all have it, whatever their state, the state does not choose.
        together = chance
        has, lacks = self.objects if gone else (self.objects[1], self.objects[0])
        stat, of, without = has.get(path), has.get(above), lacks.get(above)
        always = stat is not None and of is not None and stat.seen == of.parents
        if met and of and without and always and not _differing(has, above, has_it):
            together = at_random(_with_object(of), _with_object(without))
        return self._sure(chance, together)

    def pool_kinds(self, path: str) -> Grade:
        """How surely pools show that the JSON types at a path are others on the two sides.

        Either side has types that the other does not have; null does not count.
        """
        x, y = (shape[path].kinds - {"null"} for shape in (self.old, self.new))
        chance = 1.0
        if self._of_other_types(path):
            return Grade.UNOBSERVED
        for a, b in self.pools:
            if path not in a or path not in b:
                continue
            n, m = (pool[path].bodies - pool[path].count("null") for pool in (a, b))
            if n < 1 or m < 1:
                continue
            if not x & y:
                chance *= at_random(n, m)
            else:
                fresh = min(m, sum(b[path].count(kind) for kind in y - x))
                # That all with the new type are among the m.
                chance *= comb(m, fresh) / comb(n + m, fresh)
        return self._sure(chance, chance)

    def _of_other_types(self, path: str) -> bool:
        """Whether an object around a path has a `type` that none had on the other side."""
        above = parent(path)
        while above:
            stats = [shape.get(f"{above}/type") for shape in (self.old, self.new)]
            words = [(stat.tokens() if stat is not None else None) or {} for stat in stats]
            if all(words) and words[0].keys().isdisjoint(words[1]):
                return True
            above = parent(above)
        return False

    def _sure(self, chance: float, together: float) -> Grade:
        """The grade of what pools show.

        Args:
            chance: how likely it is that each state shows it by chance.
            together: how likely that is where the state does not matter.
        """
        if not self.one_account:
            return Grade.UNOBSERVED
        if chance * len(self.old.keys() | self.new.keys()) <= CHANCE:
            return Grade.PROVEN
        return Grade.LIKELY if min(chance, together) <= LIKELY_CHANCE else Grade.UNOBSERVED

    def named_by(self, path: str) -> str:
        """The list or tag, anywhere on the way up, whose values say why a key is not there.

        It holds the key's name in the old recordings that have the key, and in no new one:
        `payment_method_types` for `payment_method_options.us_bank_account`.

        Returns:
            its path; empty where there is none.
        """
        word, gone = f"str:token:{key(path)}", self.old[path]
        for place, stat in self.old.items():
            if stat.marks.get(word, 0) < max(1, min(gone.seen, gone.bodies)):
                continue
            named = place.removesuffix(f"/{ANY}")
            if named not in self.new or not path.startswith(f"{parent(named)}/"):
                continue
            now = self.new.get(place)
            if now is None or word not in now.marks:
                return named
        return ""


_REMOVALS = frozenset({"field-removed", "field-unseen"})


def at_random(n: int, m: int) -> float:
    """How likely it is by chance that n objects all have a field, and none of m others."""
    return 1 / comb(n + m, n)


def _differing(shape: Shape, path: str, calendar: Calendar) -> bool:
    """Whether many keys of an object come and go, other than by having come on a day."""
    stat, names = shape[path], names_below(shape, path) - {ANY}
    below = (f"{path}/{name}" for name in names)
    loose = [one for one in below if shape[one].seen < stat.parents and not calendar.arrived(one)]
    return len(loose) > _DIFFERING * len(names)


def _carried(stat: Stat | None, parents: int) -> tuple[int, int] | None:
    return None if stat is None else (stat.seen - stat.count("null"), parents)


def _with_object(stat: Stat) -> int:
    # Bodies that surely showed a living object here, however many items their lists have.
    return max(0, stat.bodies - (stat.seen - stat.parents))


def _chances(shape: Shape, path: str, above: str) -> int:
    stat = shape.get(above)
    if stat is None:
        return 0
    return stat.count("arr") if path.endswith("/*") else stat.parents


def _witness(shape: Shape, path: str) -> str:
    while path not in shape:
        path = parent(path)
    return str(shape[path].witness)
