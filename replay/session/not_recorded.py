"""The refusal of a call that is not recorded: what is there instead, and the command to run."""

from __future__ import annotations

import shlex

from replay.errors import CassetteNotFound, VersionNotRecorded
from replay.library import Library
from replay.library.lookup import Recorded, find, takes_of
from replay.model.cassette import Cassette
from replay.stripe_api.call import Call, expand_of


def require(library: Library, call: Call) -> Recorded:
    """The takes that answer a call.

    Raises:
        CassetteNotFound: nothing is recorded for the object.
        VersionNotRecorded: it is, but not so that it answers this call.
        CassetteDamaged: what is recorded cannot be used.
    """
    found = find(library, call)
    if found is None:
        raise _refusal(library, call, library.recorded(call.key))
    return found


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
    return VersionNotRecorded(
        what, where=where, hint=hint, resource=call.key.resource, id=call.key.id, command=record,
        recorded=versions,
    )  # fmt: skip


def _may_be_shown(call: Call) -> bool:
    from replay.redaction.policy import default_policy

    policy = default_policy()
    ids = (*call.key.parents, call.key.id)
    return all(policy.keeps_id(call.key.resource, id) for id in ids)


def _shown(expand: tuple[str, ...]) -> str:
    return "with expand " + ", ".join(expand) if expand else "without expand"
