"""The refusal of a call that is not recorded: what is recorded instead, and the command to run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from urllib.parse import unquote_plus

from replay.errors import CassetteNotFound, LibraryError, VersionNotRecorded
from replay.library import Library
from replay.library.library import storage_of
from replay.library.location import display_path, fake_files_hint
from replay.library.lookup import takes_of
from replay.model.cassette import Cassette
from replay.redaction.policy_source import PolicySource
from replay.redaction.pseudonyms import is_masked
from replay.stripe_api.call import BY_TEST, Call, expand_of
from replay.stripe_api.routes import types_elsewhere
from replay.stripe_api.versions import is_version, meant_version, version_order

_SHOWN = 3


def refusal(library: Library, call: Call, policy: PolicySource) -> CassetteNotFound:
    """Why a call that nothing answers is refused, and what to do next.

    Args:
        library: where nothing answers it.
        call: the call that is refused.
        policy: decides whether the refusal may name the call's IDs and parameters.

    Returns:
        `VersionNotRecorded` where the object is recorded, but not so that it answers this call.

    Raises:
        CassetteDamaged: what is recorded of the object cannot be used.
    """
    cassettes = library.recorded(call.key)
    resource, id = call.key.resource, call.key.id
    where = f"library {display_path(library.root)}"
    if not _may_be_named(call, policy):
        # A person may have chosen the ID: the message has neither the ID nor a command with it.
        nearest = storage_of(library).nearest(call.key)
        near = ", ".join(nearest) or "nothing"
        return CassetteNotFound(
            f"{resource}: the object is not recorded, and its ID may be private: "
            "it does not look like one that Stripe made",
            where=where,
            hint=f"if it is a typo: recorded {call.route.resource} with the nearest IDs: {near}\n"
            "if people choose these IDs: replay records them where the policy keeps them, "
            "docs/redaction.md",
            resource=resource, id=id, nearest=nearest,
        )  # fmt: skip
    name = _name(call)
    command = _command(call, library)
    record = f"record it: {command}"
    if call.pinned and (meant := meant_version(call.pinned)):
        command = ""
        record = f"there is no version {call.pinned}: did you mean {meant}? the client names it"
    masked = any(map(is_masked, (*call.key.parents, id)))
    if masked:
        # The command would ask for the stand-in. The code under test knows the ID itself.
        command, record = "", f"its ID is a stand-in here: {BY_TEST}"
    if types := types_elsewhere(call.route, id):
        command = ""
        record = f"{id} is the ID of another resource: {' or '.join(types)}"
    if call.key.query is not None and (why := _why_private(call, policy)):
        command = ""
        record = (
            f"replay does not record it: {why}\n"
            "stub this call, or keep the parameter in replay-policy.toml: docs/redaction.md"
        )
    if not cassettes:
        if (hidden := fake_files_hint(library.root)) and not library.exists():
            record, command = hidden, ""
        nearest = storage_of(library).nearest(call.key)
        near = f"recorded {call.route.resource} with the nearest IDs: {', '.join(nearest)}\n"
        if call.key.query is not None and (others := _asked_nearby(library, call, policy)):
            record = f"recorded with other parameters: {', '.join(others)}\n{record}"
        return CassetteNotFound(
            f"{name} is not recorded",
            where=where,
            hint=near + record if nearest and command else record,
            resource=resource, id=id, nearest=nearest, command=command,
        )  # fmt: skip
    versions = tuple(cassette.api_version for cassette in cassettes)
    listed = ", ".join(versions)
    if call.pinned in versions or (call.pinned is None and not _fitting(cassettes, call)):
        what = f"{name} is not recorded {_expanded(call.expand)}"
        hint = f"recorded {_expand_sets(cassettes, call)}\n{record}"
    elif call.pinned is None:
        what = f"{name} is recorded at several API versions, and the call names none"
        command = ""
        hint = (f"recorded: {listed}\n"
                "choose one: use_cassettes(api_version=…), REPLAY_API_VERSION=… or "
                "replay serve --api-version …")  # fmt: skip
    else:
        what = f"{name} is not recorded at API version {call.pinned}"
        hint = f"recorded: {listed}\n{record}"
        if command or masked:
            ways = list(_other_ways(call.pinned, versions, library))
            # `upgrade` cannot ask for a stand-in either.
            hint += "".join(f"\nor {way}" for way in (ways[:1] if masked else ways))
    return VersionNotRecorded(
        what, where=where, hint=hint, resource=resource, id=id, command=command, recorded=versions
    )


def _asked_nearby(library: Library, call: Call, policy: PolicySource) -> list[str]:
    """The parameters of a few recordings of the same path, where the policy keeps their values."""
    found: set[str] = set()
    for path in storage_of(library).beside(call.key):
        with suppress(LibraryError):
            cassette = library.read(path)
            if cassette is not None and cassette.key.query is not None:
                found.add(cassette.key.query)
    kept = [
        query
        for query in sorted(found, key=lambda query: (len(query), query))
        if not _why_private(replace(call, key=replace(call.key, query=query)), policy)
    ]
    return [unquote_plus(query) or "none at all" for query in kept[:_SHOWN]]


def _other_ways(pinned: str, versions: tuple[str, ...], library: Library) -> Iterator[str]:
    """Hints that help all objects of the library at once, where a client asks for a version."""
    last = max(versions, key=version_order)
    if is_version(last):
        yield (
            f"answer every call at a version that is recorded: REPLAY_API_VERSION={last} or "
            f"use_cassettes(api_version={last!r})"
        )
    if is_version(pinned) and is_version(last):
        # By itself, the command takes older recordings to a newer version.
        older = any(version_order(version) < version_order(pinned) for version in versions)
        nearest = min(filter(is_version, versions), key=version_order)
        parts = ["replay", "upgrade", pinned, *([] if older else ["--from", nearest])]
        command = shlex.join([*parts, "--library", display_path(library.root)])
        yield f"record the whole library at this version: {command}"


def _may_be_named(call: Call, policy: PolicySource) -> bool:
    rules = policy.load()
    return all(rules.keeps_id(resource, id) for resource, id in call.key.ids)


def _why_private(call: Call, policy: PolicySource) -> str:
    from replay.redaction.policy import why_private

    return why_private(call, policy.load())


def _name(call: Call) -> str:
    if not call.key.account:
        return str(call.key)
    context = call.key.account.startswith("ctx-")
    return f"{call.key} of {'this Stripe-Context' if context else 'a connected account'}"


def _command(call: Call, library: Library) -> str:
    command = call.command(call.pinned) if call.pinned else call.command()
    if command.startswith("replay "):
        command += f" --library {shlex.quote(display_path(library.root))}"
    return command


def _fitting(cassettes: tuple[Cassette, ...], call: Call) -> list[Cassette]:
    return [cassette for cassette in cassettes if takes_of(cassette, call)]


def _expand_sets(cassettes: tuple[Cassette, ...], call: Call) -> str:
    sets = {
        _expanded(expand_of(take.request))
        for cassette in cassettes
        for take in cassette.interactions
        if call.pinned in {None, cassette.api_version}
    }
    return ", ".join(sorted(sets))


def _expanded(expand: tuple[str, ...]) -> str:
    return "with expand " + ", ".join(expand) if expand else "without expand"
