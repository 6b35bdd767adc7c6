"""Which recordings stand on which side: API versions and their order, dates, libraries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from replay.stripe_api.versions import version_order

OLD_LIBRARY, NEW_LIBRARY = "in the old library", "in the new library"


class Epoch(NamedTuple):
    """One side of a comparison.

    Attributes:
        version: the API version.
        span: which recordings of it, in words such as ``before 2026-01-01``; empty for all.
    """

    version: str
    span: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is compared with what; by default, each version with the next one.

    Attributes:
        versions: old and new; None for neighbouring pairs.
        since: neighbouring pairs from this version on; empty for all.
        before: a day as ``YYYY-MM-DD``; with it, `versions` names one version twice, whose
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
            found = Epoch(version, OLD_LIBRARY if older else NEW_LIBRARY)
            return found if wanted else None
        if self.versions is not None and version not in self.versions:
            return None
        if self.before:
            early = recorded_at[:10] < self.before
            return Epoch(version, f"{'before' if early else 'from'} {self.before}")
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
            spans = (f"before {self.before}", f"from {self.before}") if self.before else ("", "")
            found = [(Epoch(old, spans[0]), Epoch(new, spans[1]))]
        else:
            return list(pairwise(sorted(seen, key=epoch_order)))
        possible = {pair for pair in found if pair[0] in seen and pair[1] in seen}
        return sorted(possible, key=lambda pair: (epoch_order(pair[0]), epoch_order(pair[1])))


NEIGHBOURS = Selection()


def epoch_order(epoch: Epoch) -> tuple[tuple[int, str, int, str], bool, str]:
    """Sorts epochs by version, then span: the old library before the new one."""
    return version_order(epoch.version), epoch.span == NEW_LIBRARY, epoch.span
