"""Finds values that the version replaces, in every pair of twins and in one way.

A field keeps its path and its type, and means something else: amounts are a hundred times as large,
a word stands for another, a flag is flipped, a list is cut. Only twins can show that: in other
pairs the object may have changed. One function must fit all twins, and it must change the value in
at least three of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from replay.drift.judge.evidence import ENOUGH, Evidence
from replay.drift.judge.findings import Finding, Grade, Support
from replay.drift.judge.side_by_side import matched, together
from replay.drift.observe.marks import mark
from replay.drift.observe.pairs import Pair, covers
from replay.drift.observe.pointers import ANY, escape, key, parent
from replay.drift.observe.shape import Shape

RULE = "value-changed"

LIVE = frozenset({
    "account_balance", "attempt_count", "attempted", "available", "balance", "cash_balance",
    "connect_reserved", "credit_balance", "current_balance", "ending_balance", "frozen_time",
    "has_more", "instant_available", "last_attempt_at", "next_payment_attempt", "now", "pending",
    "pending_webhooks", "starting_balance", "times_redeemed", "total_count", "updated",
    "updated_at", "webhooks_delivered_at",
})  # fmt: skip
"""Fields that change by themselves: between two calls they may differ at one version too."""

_SHOWN = 3
_TOKEN = "str:token"  # noqa: S105 - the mark of an enum-like word
_DECIMALS = ("str:decimal", "str:integer")

Values = list[tuple[Any, Any]]
"""What one pair shows at a path: old and new values, those of list items that belong together."""


@dataclass(frozen=True, slots=True)
class Change:
    """Values that all twins replaced in one way.

    Attributes:
        path: the path.
        how: the way, in words.
        moved: the pairs whose value was changed, out of `pairs`.
        old, new: the witnesses of the first of them.
    """

    path: str
    how: str
    moved: int
    pairs: int
    old: str
    new: str


def replaced(samples: Sequence[Pair], old: Shape, new: Shape) -> list[Change]:
    """The values that twins replaced in one way, in the order of their paths.

    Args:
        samples: pairs with their bodies.
        old, new: the shapes of all bodies.
    """
    twins = [pair for pair in samples if pair.twins and pair.controlled]
    if len(twins) < ENOUGH:
        return []
    differing: dict[str, int] = {}
    for pair in twins:
        for path in set(_differing(pair.old.body, pair.new.body, "")):
            differing[path] = differing.get(path, 0) + 1
    found = []
    for path in sorted(path for path, n in differing.items() if n >= ENOUGH):
        if path in old and path in new and not _lives(old, path):
            change = _change(twins, path, old, new)
            if change is not None:
                found.append(change)
    return found


def findings(evidence: Evidence, changes: Iterable[Change]) -> Iterator[Finding]:
    """The finding of each change."""
    for change in changes:
        found = evidence.finding(RULE, change.path, detail=change.how)
        support = Support(change.moved, change.pairs, controlled=True)
        witnesses = change.old, change.new
        yield replace(found, grade=Grade.PROVEN, support=support, witnesses=witnesses)


def _differing(old: Any, new: Any, path: str) -> Iterator[str]:
    """The paths at which two bodies hold different values of one type."""
    if old == new and type(old) is type(new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in old.keys() & new.keys():
            yield from _differing(old[name], new[name], f"{path}/{escape(name)}")
    elif isinstance(old, list) and isinstance(new, list):
        if len(new) < len(old):
            yield path
        for n, m in matched(old, new):
            yield from _differing(old[n], new[m], f"{path}/{ANY}")
    elif type(old) is type(new):
        yield path


def _lives(shape: Shape, path: str) -> bool:
    """Whether what is at a path changes by itself."""
    above = path
    while above:
        name = key(above)
        if name in LIVE or name == "url" or name.endswith("_url"):
            return True
        above = parent(above)
    # The items of a page are those of the moment.
    return key(path) == "data" and f"{parent(path)}/has_more" in shape


def _change(twins: Sequence[Pair], path: str, old: Shape, new: Shape) -> Change | None:
    values: Values = []
    moved = pairs = 0
    first: tuple[str, str] | None = None
    for pair in twins:
        doubtful = pair.unconfirmed or ()
        met = [
            one
            for one in together(pair.old.body, pair.new.body, path)
            if one[0] not in pair.old.redacted
            and one[2] not in pair.new.redacted
            and not any(covers(place, one[0]) for place in doubtful)
        ]
        if not met:
            continue
        pairs += 1
        changed = [(a, b) for a, one, b, other in met if one != other]
        moved += bool(changed)
        values += [(one, other) for _, one, _, other in met if one is not None or other is not None]
        for a, b in changed:
            here = f"{pair.old.place}{a}", f"{pair.new.place}{b}"
            first = here if first is None else min(first, here)
    if moved < ENOUGH or first is None:
        return None
    how = _way(values)
    looked = all(pair.unconfirmed is not None for pair in twins)
    if not how or (key(path) == "status" and not looked and not _renamed(values, path, old, new)):
        return None
    return Change(path, how, moved, pairs, *first)


def _renamed(values: Values, path: str, old: Shape, new: Shape) -> bool:
    """Whether no new recording has the old words, and no old one the new words.

    A status also changes by itself, and always forward: where nobody looked twice, only that tells
    a renamed status from one that moved on.
    """
    pairs = {(was, now) for was, now in values if was != now}
    words = old[path].marks, new[path].marks
    return not any(
        f"{_TOKEN}:{was}" in words[1] or f"{_TOKEN}:{now}" in words[0] for was, now in pairs
    )


def _way(values: Values) -> str:
    """The one function that fits all values, in words; empty where none does."""
    kinds = {type(value) for both in values for value in both}
    if kinds == {bool}:
        return _flags(values)
    if kinds == {str}:
        styles = {mark(value) for both in values for value in both}
        if all(style.startswith(_TOKEN) for style in styles):
            return _words(values)
        if styles <= {*_DECIMALS}:
            return _numbers([(Decimal(a), Decimal(b)) for a, b in values])
        return ""
    if kinds and kinds <= {int, float}:
        return _numbers([(Decimal(str(a)), Decimal(str(b))) for a, b in values])
    if kinds == {list}:
        return _lists(values)
    return ""


def _words(values: Values) -> str:
    meant: dict[str, str] = {}
    for was, now in values:
        if meant.setdefault(was, now) != now:
            return ""
    told = sorted(f"{was} is now {now}" for was, now in meant.items() if was != now)
    if len(told) == sum(was != now for was, now in values):
        return ""  # any words fit where none comes twice
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return ", ".join(told[:_SHOWN]) + more


def _flags(values: Values) -> str:
    after = {now for _, now in values}
    if len(after) == 1:
        return f"always {str(after.pop()).lower()}"
    return "flipped" if all(was != now for was, now in values) else ""


def _numbers(values: list[tuple[Decimal, Decimal]]) -> str:
    told = [(was, now) for was, now in values if was or now]
    inputs = {was for was, _ in told}
    if len(inputs) > 1 and Decimal(0) not in inputs:
        if all(now == -was for was, now in told):
            return "negated"
        factors = {now / was for was, now in told}
        if len(factors) == 1:
            factor = factors.pop()
            power = factor.adjusted()
            if power and factor == Decimal(10) ** power:
                return f"times {format(factor.normalize(), 'f')}"
    after = {now for _, now in values}
    return f"always {format(after.pop().normalize(), 'f')}" if len(after) == 1 else ""


def _lists(values: Values) -> str:
    """A list that is cut at one length, or that the same items are taken out of."""
    if not any(now for _, now in values):
        return ""  # of the items nothing is known
    lengths = {len(now) for was, now in values if len(now) < len(was)}
    if len(lengths) == 1:
        (length,) = lengths
        if all(now == was[:length] for was, now in values):
            return f"at most {length} items"
    gone: set[str] = set()
    for was, now in values:
        if not all(isinstance(item, str) for item in was):
            return ""
        gone |= {*was} - {*now}
    again = len(gone) < sum(was != now for was, now in values)
    if again and all(now == [item for item in was if item not in gone] for was, now in values):
        return "without " + ", ".join(sorted(gone)[:_SHOWN])
    return ""
