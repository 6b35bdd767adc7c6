"""Finds the recorded takes that answer a call. Reads one library, and nothing else.

Which takes answer depends on the API version that the client pins:

- A pinned call is answered by the cassette of that version. Takes of clients that pinned the same
  version come first; without any, takes of clients that pinned none answer.
- If that cassette does not exist, a cassette of another version answers, if its takes were asked
  for at the pinned version: the source may answer at another version than it was asked for.
- A call without a pin is answered by the newest cassette that was recorded without a pin, or by
  the only cassette there is.

The expand set must match in every case.
"""

from __future__ import annotations

from dataclasses import dataclass

from replay.library import Library
from replay.model.cassette import Cassette, Interaction
from replay.stripe_api.call import Call, expand_of


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recorded takes that answer one call.

    Attributes:
        version: the API version of the cassette that they are in.
        takes: never empty, in the order recorded.
    """

    version: str
    takes: tuple[Interaction, ...]


def find(library: Library, call: Call) -> Recorded | None:
    """The takes that answer a call; None where nothing does.

    `replay.session.not_recorded.refusal` says why nothing does, which costs a search for the
    nearest IDs.

    Raises:
        CassetteDamaged: a cassette of the object cannot be used.
        LibraryError: the file system refuses.
    """
    pinned = call.pinned
    if pinned is not None:
        cassette = library.load(call.key, pinned)
        if cassette is not None and (takes := takes_of(cassette, call)):
            return Recorded(pinned, takes)
    cassettes = library.recorded(call.key)
    if pinned is not None:
        for cassette in cassettes:
            asked = tuple(t for t in takes_of(cassette, call) if not from_other_pin(t, call))
            if asked:
                return Recorded(cassette.api_version, asked)
        return None
    fitting = [(c, takes) for c in cassettes if (takes := takes_of(c, call))]
    unpinned = [pair for pair in fitting if any(t.pinned is None for t in pair[1])]
    if unpinned:
        cassette, takes = max(unpinned, key=lambda pair: max(t.recorded_at for t in pair[1]))
        return Recorded(cassette.api_version, takes)
    if len(fitting) == 1:
        cassette, takes = fitting[0]
        return Recorded(cassette.api_version, takes)
    return None


def takes_of(cassette: Cassette, call: Call) -> tuple[Interaction, ...]:
    """The takes in a cassette with the call's expand set, recorded by clients with the same pin.

    If no client with the same pin recorded any, all takes with the expand set.
    """
    fitting = [t for t in cassette.interactions if expand_of(t.request) == call.expand]
    return tuple([t for t in fitting if t.pinned == call.pinned] or fitting)


def from_other_pin(take: Interaction, call: Call) -> bool:
    """Whether a take was recorded by a client that pinned another version than the call does."""
    return take.pinned != call.pinned
