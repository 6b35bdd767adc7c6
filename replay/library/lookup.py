"""Finds the takes that answer a call: which version, which expand set. Reads a library only."""

from __future__ import annotations

from dataclasses import dataclass

from replay.library import Library
from replay.model.cassette import Cassette, Interaction
from replay.stripe_api.call import Call, expand_of


@dataclass(frozen=True, slots=True)
class Found:
    """The takes of one call key.

    Attributes:
        version: the API version of the cassette.
        takes: never empty, in the order recorded.
    """

    version: str
    takes: tuple[Interaction, ...]


def takes_of(cassette: Cassette, call: Call) -> tuple[Interaction, ...]:
    """A cassette's takes of a call: of its expand set, recorded by a client that pins as it does.

    Where none of the expand set were, those of clients that pin otherwise.
    """
    fitting = [t for t in cassette.interactions if expand_of(t.request) == call.expand]
    return tuple([t for t in fitting if t.pinned == call.pinned] or fitting)


def is_lent(take: Interaction, call: Call) -> bool:
    """Whether a take that answers a call was recorded by a client that pins otherwise."""
    return take.pinned != call.pinned


def search(library: Library, call: Call) -> Found | None:
    """The takes that answer a call, as `find` finds them; None where there are none.

    A refusal compares all recorded IDs with the missing one: who is going to record it anyway
    asks here.

    Raises:
        CassetteDamaged: what is recorded cannot be used.
    """
    wanted = call.pinned
    if wanted is not None:
        cassette = library.load(call.key, wanted)
        if cassette is not None and (takes := takes_of(cassette, call)):
            return Found(wanted, takes)
    cassettes = library.recorded(call.key)
    if wanted is not None:
        # The source may answer in another version than it was asked for.
        for cassette in cassettes:
            asked = tuple(t for t in takes_of(cassette, call) if not is_lent(t, call))
            if asked:
                return Found(cassette.api_version, asked)
        return None
    fitting = [(c, takes) for c in cassettes if (takes := takes_of(c, call))]
    unpinned = [pair for pair in fitting if any(t.pinned is None for t in pair[1])]
    if unpinned:
        cassette, takes = max(unpinned, key=lambda pair: max(t.recorded_at for t in pair[1]))
        return Found(cassette.api_version, takes)
    if len(fitting) == 1:
        cassette, takes = fitting[0]
        return Found(cassette.api_version, takes)
    return None
