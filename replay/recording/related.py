"""Fetches the lists that hold now what a version moved out of an object.

`replay upgrade` and `replay record --related` fetch them along, so that `replay diff` can say where
the values are now. They are no part of what the user asked to be recorded: one that fails is
named, and leaves no recording of an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from replay.errors import CallRefused, ReplayError
from replay.library import Library
from replay.library.library import storage_of
from replay.library.lookup import find
from replay.model.cassette import ObjectKey, Request
from replay.recording.paced_pool import Pace
from replay.recording.recorder import Recorder
from replay.recording.twins import Status, fetch, request_for
from replay.stripe_api.call import API_BASE, Call, read_call
from replay.stripe_api.relations import Relation


@dataclass(frozen=True, slots=True)
class Related:
    """A list to fetch along with an object.

    Attributes:
        of: the object.
        call: asks for the list, at the version that has it.
        account: the connected account to ask for; empty for none.
        context: the context to ask in; empty for none.
    """

    of: ObjectKey
    call: Call
    account: str = ""
    context: str = ""


@dataclass(frozen=True, slots=True)
class RelatedResult:
    """The result of one fetch.

    Attributes:
        related: what was asked for.
        status: how it ended.
        http: the answer's HTTP status; 0 where the source was not asked, or did not answer.
        reason: why it failed; a note for people.
        error: the error behind that, if there was one.
    """

    related: Related
    status: Status
    http: int = 0
    reason: str = ""
    error: ReplayError | None = None


def related_to(
    relation: Relation, key: ObjectKey, body: Mapping[str, Any], version: str | None,
    account: str = "", context: str = "",
) -> Related | None:  # fmt: skip
    """The list that a relation names for an object; None where the object does not say which.

    Args:
        relation: the relation.
        key: the object's key.
        body: its recorded body.
        version: the API version to ask for the list; None to name none.
        account: the connected account, as Stripe-Account names it.
        context: the context, as Stripe-Context names it.
    """
    target = relation.asks(body)
    if not target:
        return None
    headers = [("Stripe-Version", version)] if version else []
    headers += [("Stripe-Account", account)] if account else []
    headers += [("Stripe-Context", context)] if context else []
    try:
        call = read_call(Request("GET", API_BASE + target, tuple(headers)))
    except CallRefused:
        return None  # an ID that is none
    return Related(key, call, account, context)


def is_recorded(library: Library, call: Call) -> bool:
    """Whether a list was recorded before, at its version."""
    return find(library, call) is not None


def fetch_related(
    recorder: Recorder, wanted: Related, api_key: str, pace: Pace, *, again: bool
) -> RelatedResult:
    """Fetch one list and record it.

    Args:
        recorder: writes into its library.
        wanted: what to fetch.
        api_key: the key for the live source.
        pace: shared by all callers of the same source.
        again: whether to fetch it even if it is recorded.

    Returns:
        The result. An error is a result, too.

    Raises:
        CancelledError: the run was stopped before it was fetched.
    """
    try:
        call = recorder.masked(wanted.call)
        with storage_of(recorder.library).lock(call.key):
            if not again and is_recorded(recorder.library, call):
                return RelatedResult(wanted, Status.KEPT)
            request = request_for(call, api_key, wanted.account, wanted.context)
            outcome = fetch(recorder, call, request, "", pace)
            http = outcome.response.status
            if http >= 400 or outcome.take is None:
                reason = outcome.unkept or f"the source answers status {http}"
                return RelatedResult(wanted, Status.REFUSED, http, reason)
            stored = recorder.replace(call, outcome.version, [outcome])
            return RelatedResult(wanted, Status(stored.value), http)
    except ReplayError as error:
        return RelatedResult(wanted, Status.REFUSED, reason=error.what, error=error)


def as_asked(related: Related) -> str:
    """The list in words: ``invoice_payments by invoice``, ``customers/tax_ids cus_…``."""
    return str(replace(related.call.key, account=""))
