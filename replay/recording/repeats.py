"""Takes that repeat one another: which of them a cassette keeps, and which are twins of others."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from replay.library import Library
from replay.model.cassette import Interaction, ObjectKey

MOST_REPEATS = 1000
"""At most this many equal takes in a row are written before one that differs."""


def same_answer(one: Interaction, other: Interaction) -> bool:
    """Whether two takes differ in nothing but time, source and batch."""
    return (
        one.response == other.response
        and one.request == other.request
        and one.redacted == other.redacted
    )


def without_trailing_repeats(
    takes: Sequence[Interaction], in_use: Collection[str] = frozenset()
) -> list[Interaction]:
    """Takes without the repeats at their end, except the newest: replay repeats the last anyway.

    Repeats whose batch is in `in_use` stay: they are the twins of other recordings.
    """
    start = len(takes)
    while start and same_answer(takes[start - 1], takes[-1]):
        start -= 1
    newest = list(takes[-1:])
    batches = {*in_use} - {take.batch for take in newest}
    return [*takes[:start], *(take for take in takes[start:-1] if take.batch in batches), *newest]


def batches_in_use(library: Library, key: ObjectKey, versions: Collection[str]) -> frozenset[str]:
    """The batches that an object has at other versions than these, evidence included.

    A take of such a batch is the twin of another recording. The two together prove what differs
    between their versions.
    """
    return frozenset(
        take.batch
        for place in (library, library.evidence)
        for cassette in place.recorded(key)
        if cassette.api_version not in versions
        for take in cassette.interactions
    ) - {""}
