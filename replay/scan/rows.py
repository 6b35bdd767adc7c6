"""Gathers hits into rows: one for each rule and field, with a count and the first places.

A tree of recordings can have hundreds of thousands of hits. Each is counted and let go, so memory
does not grow with them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from replay.scan.rules import RULES, Confidence, Hit

PLACES = 5
"""How many places of a row are kept."""

_MOST_ROWS = 2000
"""Further fields of a rule share one row: a recording can invent names of fields without end."""


@dataclass(frozen=True, slots=True)
class Row:
    """All hits of one rule in one field.

    Attributes:
        rule: the rule's ID.
        field: the field, as `Hit.field`; empty where the rule has none.
        count: how many hits there are.
        files: how many files they are in.
        places: the first of them, at most `PLACES`.
    """

    rule: str
    field: str
    count: int
    files: int
    places: tuple[Hit, ...]

    @property
    def confidence(self) -> Confidence:
        """The confidence of its rule."""
        return RULES[self.rule].confidence


class _Open:
    """A row that is still being counted."""

    __slots__ = ("count", "files", "last", "places")

    def __init__(self) -> None:
        self.count = self.files = 0
        self.last = ("", "")
        self.places: list[Hit] = []

    def add(self, hit: Hit) -> None:
        self.count += 1
        if (hit.path, hit.version) != self.last:
            self.last = hit.path, hit.version
            self.files += 1
        if len(self.places) < PLACES:
            self.places.append(hit)


class Gathering:
    """Counts hits as they come, file after file."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], _Open] = {}

    def add(self, hit: Hit) -> None:
        """Count one hit."""
        key = hit.rule, hit.field
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= _MOST_ROWS:
                key = hit.rule, "other fields"
            row = self._rows.setdefault(key, _Open())
        row.add(hit)

    def rows(self) -> tuple[Row, ...]:
        """All rows: the surest first, then as the rules are listed, the most frequent first."""
        order = list(RULES)
        made = [
            Row(rule, field, row.count, row.files, tuple(row.places))
            for (rule, field), row in self._rows.items()
        ]
        return tuple(
            sorted(made, key=lambda r: (r.confidence.rank, order.index(r.rule), -r.count, r.field))
        )


def counted_by_rule(rows: tuple[Row, ...]) -> Counter[str]:
    """How many hits each rule has."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row.rule] += row.count
    return counts
