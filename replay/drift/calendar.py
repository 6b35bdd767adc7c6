"""When keys were seen: additions reach old versions too, on the day they ship.

Only removals, renames and changes of type are gated by version. So a field that old recordings lack
until a day, and have from then on, is a matter of that day.
"""

from __future__ import annotations

from replay.drift.reading import key, parent

CAP = 64
"""Sets of keys of one object that are told apart: it has few, for Stripe sends every key."""

Days = tuple[str, str]


class Calendar:
    """First and last day of each set of keys, per path. The order of what is added is no matter."""

    def __init__(self) -> None:
        # Path of an object -> its keys -> first and last day; empty keys: too many were seen.
        self._days: dict[str, dict[frozenset[str], Days]] = {}
        self._crowded: set[str] = set()

    def add(self, path: str, keys: tuple[str, ...], first: str, last: str) -> None:
        """Note that objects at a path with exactly these keys were recorded between two days."""
        if path in self._crowded:
            return
        sets = self._days.setdefault(path, {})
        names = frozenset(keys)
        found = sets.get(names)
        if found is not None:
            first, last = min(found[0], first), max(found[1], last)
        sets[names] = first, last
        if len(sets) > CAP:
            self._crowded.add(path)
            sets.clear()

    def merge(self, other: Calendar) -> None:
        """Add what another calendar has."""
        for path in other._crowded:
            self._crowded.add(path)
            self._days[path] = {}
        for path, sets in other._days.items():
            for names, (first, last) in sets.items():
                self.add(path, tuple(names), first, last)

    def first_seen(self, path: str) -> str:
        """The first day that showed a path; empty where none did."""
        name, sets = key(path), self._days.get(parent(path), {})
        return min((first for names, (first, _) in sets.items() if name in names), default="")

    def last_absent(self, path: str) -> str:
        """The last day that showed the path's parent without it; empty where none did."""
        name, sets = key(path), self._days.get(parent(path), {})
        return max((last for names, (_, last) in sets.items() if name not in names), default="")

    def arrived(self, path: str) -> bool:
        """Whether a path was absent until a day and always there from a later day on."""
        absent = self.last_absent(path)
        return bool(absent) and absent < self.first_seen(path)
