"""Takes that say the same: which of them a cassette keeps, and which are the twins of others."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from replay.library import Library
from replay.model.cassette import Interaction, ObjectKey

MOST = 1000
"""So many repeats in a row are written before a take that says something else."""


def same(one: Interaction, other: Interaction) -> bool:
    """Whether two takes say the same: all but when, where from and in which batch."""
    return (
        one.response == other.response
        and one.request == other.request
        and one.redacted == other.redacted
    )


def collapsed(
    takes: Sequence[Interaction], held: Collection[str] = frozenset()
) -> list[Interaction]:
    """Takes without the repeats at their end, but for the newest: replay repeats it anyway.

    Repeats of the batches in `held` stay: they are the twins of other recordings.
    """
    start = len(takes)
    while start and same(takes[start - 1], takes[-1]):
        start -= 1
    newest = list(takes[-1:])
    batches = {*held} - {take.batch for take in newest}
    return [*takes[:start], *(take for take in takes[start:-1] if take.batch in batches), *newest]


def held(library: Library, key: ObjectKey, versions: Collection[str]) -> frozenset[str]:
    """The batches that an object has at other versions than these, evidence included.

    Takes of these batches are the twins of others, and prove what lies between the two.
    """
    return frozenset(
        take.batch
        for place in (library, library.evidence)
        for cassette in place.recorded(key)
        if cassette.api_version not in versions
        for take in cassette.interactions
    ) - {""}
