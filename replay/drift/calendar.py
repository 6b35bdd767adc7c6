"""When paths were seen: additions reach old versions too, on the day they ship.

Only removals, renames and changes of type are gated by version. So a field that old recordings lack
until a day, and have from then on, is a matter of that day.
"""

from __future__ import annotations

from collections.abc import Iterable

from replay.drift.shape import ANY, parent

CAP = 512
"""Sets of paths that are told apart; bodies of one type have few, for Stripe sends every key."""


class Calendar:
    """First and last day of each set of paths. What comes out does not depend on the order."""

    def __init__(self) -> None:
        self._days: dict[frozenset[str], tuple[str, str]] = {}
        self._full = False

    def add(self, paths: Iterable[str], first: str, last: str) -> None:
        """Note that bodies with exactly these paths were recorded between two days."""
        if self._full:
            return
        paths = frozenset(paths)
        found = self._days.get(paths, (first, last))
        self._days[paths] = min(found[0], first), max(found[1], last)
        if len(self._days) > CAP:
            self._full = True
            self._days.clear()

    def merge(self, other: Calendar) -> None:
        """Add what another calendar has."""
        if other._full:
            self._full = True
            self._days.clear()
        for paths, (first, last) in other._days.items():
            self.add(paths, first, last)

    def first_seen(self, path: str) -> str:
        """The first day that showed a path; empty where none did."""
        return min((first for paths, (first, _) in self._days.items() if path in paths), default="")

    def last_absent(self, path: str) -> str:
        """The last day that showed the path's parent without it; empty where none did."""
        above = parent(path)
        inside = f"{above}/"
        return max(
            (
                last
                for paths, (_, last) in self._days.items()
                if path not in paths
                and (
                    not above or any(p.startswith(inside) and p != f"{inside}{ANY}" for p in paths)
                )
            ),
            default="",
        )

    def arrived(self, path: str) -> bool:
        """Whether a path was absent until a day and always there from a later day on."""
        absent = self.last_absent(path)
        return bool(absent) and absent < self.first_seen(path)
