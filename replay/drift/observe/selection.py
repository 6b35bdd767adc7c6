"""Which recordings are compared with which: versions, dates, libraries.

A comparison has an old and a new side. A side is an `Epoch`: the recordings of one API version, all
of them or one slice of them, such as those made before a day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import NamedTuple

from replay.stripe_api.versions import is_preview, version_order


class Which(IntEnum):
    """Which of a version's recordings stand on a side, in the order that sides are sorted."""

    ALL = 0
    BEFORE = 1
    SINCE = 2
    OLD_LIBRARY = 3
    NEW_LIBRARY = 4
    SPECIFIED = 5
    """None: the side is an OpenAPI file."""
    RECORDED = 6
    """All: the other side is an OpenAPI file."""


_LABELS = {
    Which.ALL: "",
    Which.BEFORE: "before {day}",
    Which.SINCE: "from {day}",
    Which.OLD_LIBRARY: "in the old library",
    Which.NEW_LIBRARY: "in the new library",
    Which.SPECIFIED: "as specified",
    Which.RECORDED: "as recorded",
}


class Slice(NamedTuple):
    """A part of the recordings that were made at one API version.

    Attributes:
        which: the rule that selects them.
        day: for `Which.BEFORE` and `Which.SINCE`, the first day of recording that is in the later
            part, as ``YYYY-MM-DD``. Empty for the other rules.
    """

    which: Which = Which.ALL
    day: str = ""

    @property
    def label(self) -> str:
        """In words, such as ``before 2026-01-01``; empty for all."""
        return _LABELS[self.which].format(day=self.day)


ALL = Slice()
OLD_LIBRARY, NEW_LIBRARY = Slice(Which.OLD_LIBRARY), Slice(Which.NEW_LIBRARY)


class Epoch(NamedTuple):
    """One side of a comparison.

    Attributes:
        version: the API version.
        slice: which of its recordings.
    """

    version: str
    slice: Slice = ALL

    @property
    def label(self) -> str:
        """In words: ``2024-06-20``, ``2024-06-20 before 2026-01-01``."""
        return f"{self.version} {self.slice.label}".strip()


@dataclass(frozen=True, slots=True)
class Selection:
    """The two sides of a comparison; by default, each version and the next one of its channel.

    A preview is compared with the next preview, a release with the next release: what a preview has
    more is no removal in the release that follows it.

    Attributes:
        versions: old and new; None for neighbouring pairs.
        since: only neighbouring pairs from this version on; empty for all.
        before: a day as ``YYYY-MM-DD``. With it, `versions` names one version twice: its
            recordings made before that day are compared with the later ones.
        libraries: whether the old side is another library. Then, without `versions`, each version
            is compared with itself.
    """

    versions: tuple[str, str] | None = None
    since: str = ""
    before: str = ""
    libraries: bool = False

    def epoch(self, version: str, recorded_at: str, older: bool = False) -> Epoch | None:
        """The side that a recording stands on; None where it is not asked for.

        Args:
            version: its API version.
            recorded_at: its date, in ISO 8601.
            older: whether it is from the old library.
        """
        if self.libraries:
            wanted = self.versions is None or version == self.versions[0 if older else 1]
            return Epoch(version, OLD_LIBRARY if older else NEW_LIBRARY) if wanted else None
        if self.versions is not None and version not in self.versions:
            return None
        if self.before:
            early = recorded_at[:10] < self.before
            return Epoch(version, Slice(Which.BEFORE if early else Which.SINCE, self.before))
        if self.since and version_order(version) < version_order(self.since):
            return None
        return Epoch(version)

    def pairs(self, seen: Iterable[Epoch]) -> list[tuple[Epoch, Epoch]]:
        """The comparisons that some sides allow, oldest first."""
        seen = set(seen)
        if self.libraries:
            old, new = self.versions or ("", "")
            found = [
                (Epoch(old or one.version, OLD_LIBRARY), Epoch(new or one.version, NEW_LIBRARY))
                for one in seen
            ]
        elif self.versions is not None:
            old, new = self.versions
            slices = (ALL, ALL)
            if self.before:
                slices = Slice(Which.BEFORE, self.before), Slice(Which.SINCE, self.before)
            found = [(Epoch(old, slices[0]), Epoch(new, slices[1]))]
        else:
            found = []
            for channel in (False, True):
                same = [one for one in seen if is_preview(one.version) is channel]
                found += pairwise(sorted(same, key=epoch_order))
            return sorted(found, key=lambda pair: epoch_order(pair[0]))
        possible = {pair for pair in found if pair[0] in seen and pair[1] in seen}
        return sorted(possible, key=lambda pair: (epoch_order(pair[0]), epoch_order(pair[1])))


NEIGHBOURS = Selection()
"""Each version with the next one."""


def epoch_order(epoch: Epoch) -> tuple[tuple[int, str, int, str], Slice]:
    """Sorts epochs by version, then slice: the old library before the new one."""
    return version_order(epoch.version), epoch.slice
