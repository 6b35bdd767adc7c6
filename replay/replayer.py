"""Finds the takes that answer a call: which version, which expand set. Reads a library only."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from replay.call import Call, expand_of
from replay.cassette import Cassette, Interaction
from replay.errors import CassetteNotFound, VersionNotRecorded
from replay.library import Library


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


def find(library: Library, call: Call) -> Found:
    """The takes that answer a call.

    Raises:
        CassetteNotFound: nothing is recorded for the object.
        VersionNotRecorded: it is, but not so that it answers this call.
        CassetteDamaged: what is recorded cannot be used.
    """
    found = search(library, call)
    if found is None:
        raise _refusal(library, call, library.recorded(call.key))
    return found


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


def _refusal(library: Library, call: Call, cassettes: tuple[Cassette, ...]) -> CassetteNotFound:
    wanted = call.pinned
    where = f"library {library.shown}"
    name = str(call.key)
    if not _may_be_shown(call):
        # Neither the ID nor a command with it: a person may have chosen it.
        return CassetteNotFound(
            f"{call.key.resource}: the object is not recorded, and its ID may be private",
            where=where,
            hint="replay records it where the policy keeps such IDs: docs/redaction.md",
            resource=call.key.resource, id=call.key.id,
        )  # fmt: skip
    if call.key.account:
        context = call.key.account.startswith("ctx-")
        name += " of this Stripe-Context" if context else " of a connected account"
    record = call.command(wanted) if wanted else call.command()
    if record.startswith("replay "):
        record += f" --library {shlex.quote(library.shown)}"
    if not cassettes:
        near = library.nearest(call.key)
        hint = f"record it: {record}"
        if near:
            hint = f"recorded {call.route.resource} with the nearest IDs: {', '.join(near)}\n{hint}"
        return CassetteNotFound(
            f"{name} is not recorded",
            where=where, hint=hint, resource=call.key.resource, id=call.key.id, nearest=near,
            command=record,
        )  # fmt: skip
    versions = tuple(c.api_version for c in cassettes)
    fitting = [c.api_version for c in cassettes if takes_of(c, call)]
    if wanted in versions or (wanted is None and not fitting):
        sets = sorted({_shown(expand_of(t.request)) for c in cassettes
                       for t in c.interactions if wanted in {None, c.api_version}})  # fmt: skip
        what = f"{name} is not recorded {_shown(call.expand)}"
        hint = f"recorded {', '.join(sets)}\nrecord it: {record}"
    elif wanted is None:
        what = f"{name} is recorded at several API versions, and the call names none"
        record = ""
        hint = (f"recorded: {', '.join(versions)}\n"
                "choose one: use_cassettes(api_version=…), REPLAY_API_VERSION=… or "
                "replay serve --api-version …")  # fmt: skip
    else:
        what = f"{name} is not recorded at API version {wanted}"
        hint = f"recorded: {', '.join(versions)}\nrecord it: {record}"
    error = VersionNotRecorded(
        what, where=where, hint=hint, resource=call.key.resource, id=call.key.id, command=record
    )
    error.recorded = versions
    return error


def _may_be_shown(call: Call) -> bool:
    from replay.redaction.policy import default_policy

    policy = default_policy()
    ids = (*call.key.parents, call.key.id)
    return all(policy.keeps_id(call.key.resource, id) for id in ids)


def _shown(expand: tuple[str, ...]) -> str:
    return "with expand " + ", ".join(expand) if expand else "without expand"
