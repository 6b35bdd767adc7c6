"""Records one object at several API versions back to back.

Such recordings are twins: differences between them are due to the version, not to time. The
command line records this way. A session records the calls of a test; here the user names the
object, and the call is retried, at a rate that the source allows.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from replay.errors import ReplayError, UpstreamError
from replay.library.library import storage_of
from replay.library.lookup import find
from replay.model.cassette import Interaction, ObjectKey, Request, header
from replay.model.modes import RecordMode
from replay.recording.paced_pool import Pace
from replay.recording.preload import load
from replay.recording.recorder import Outcome, Recorder, Stored
from replay.recording.repeats import batches_in_use, same_answer
from replay.recording.second_look import compared
from replay.stripe_api.call import Call

if TYPE_CHECKING:
    from tenacity import RetryCallState

ATTEMPTS = 5
"""How often a call is made at most, if the source asks for a retry or does not answer."""

LONGEST_WAIT = 60.0
"""Seconds to wait at most for a Retry-After, even if it names more."""


class Status(StrEnum):
    """How the recording of one call ended."""

    RECORDED = "recorded"
    UNCHANGED = "unchanged"
    KEPT = "kept"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one call.

    Attributes:
        call: what was asked for.
        status: how it ended.
        version: the API version that answered, or of the kept recording; empty if refused.
        http: the answer's HTTP status, also of a kept error; 0 where the source was not asked.
        reason: why it was refused or kept; a note for people.
        error: the error behind a refusal, if there was one.
    """

    call: Call
    status: Status
    version: str = ""
    http: int = 0
    reason: str = ""
    error: ReplayError | None = None


def record(
    recorder: Recorder, calls: Sequence[Call], api_key: str, mode: RecordMode, pace: Pace,
    account: str = "", context: str = "", *, confirm: bool = True,
) -> list[Result]:  # fmt: skip
    """Record one object's calls, which differ in their API version only.

    Args:
        recorder: writes into its library.
        calls: the calls; fetched back to back if there are several to fetch.
        api_key: the key for the live source.
        mode: what to do with calls that are recorded already. ``none`` only looks at what is
            recorded: it asks the source for nothing and writes nothing.
        pace: shared by all callers of the same source.
        account: the connected account, as Stripe-Account names it.
        context: the context, as Stripe-Context names it.
        confirm: whether to fetch a version once more where it differs from its later twins.

    Returns:
        A result for each call, in their order. Errors that concern this object alone are
        results; what it could record is recorded.

    Raises:
        CancelledError: the run was stopped before all were fetched; nothing is recorded of them.
    """
    calls = [recorder.masked(call) for call in calls]
    if mode is RecordMode.NONE:
        return [_looked_up(recorder, call) for call in calls]
    request = request_for(calls[0], api_key, account, context)
    results: dict[Call, Result] = {}
    fetched: dict[Call, Outcome] = {}
    try:
        with storage_of(recorder.library).lock(calls[0].key):
            present = {call: _last(recorder, call) for call in calls}
            for call, last in present.items():
                if mode is RecordMode.ONCE and (kept := _kept(call, last)) is not None:
                    results[call] = kept
            wanted = [call for call in calls if call not in results]
            batch = secrets.token_hex(6) if len(wanted) > 1 else ""
            for call in wanted:
                try:
                    fetched[call] = fetch(
                        recorder, call, request, batch, pace, completing=bool(fetched)
                    )
                except ReplayError as error:
                    results[call] = _refused(call, error)
            if len(fetched) > 1:
                asked = list(fetched)

                def again(number: int) -> Outcome:
                    return fetch(recorder, asked[number], request, "", pace)

                found = compared(list(fetched.values()), again if confirm else None)
                fetched = dict(zip(asked, found, strict=True))
            results.update(_store(recorder, calls[0].key, fetched, present, mode))
    except ReplayError as error:
        for call in calls:
            results.setdefault(call, _refused(call, error))
    return [results[call] for call in calls]


def request_for(call: Call, api_key: str, account: str = "", context: str = "") -> Request:
    """The request of a call, with the key, account and context to send."""
    headers = [("Authorization", f"Bearer {api_key}")]
    if account:
        headers.append(("Stripe-Account", account))
    if context:
        headers.append(("Stripe-Context", context))
    return Request(call.route.method, call.uri, tuple(headers))


def _kept(call: Call, last: tuple[str, Interaction] | None) -> Result | None:
    if last is None:
        return None
    version, take = last
    reason = f"recorded on {take.recorded_at[:10]}"
    http = take.response.status if take.response.status >= 400 else 0
    if http:
        reason += f"; it is an error ({http}): --mode all asks again"
    return Result(call, Status.KEPT, version, http, reason)


def _looked_up(recorder: Recorder, call: Call) -> Result:
    try:
        kept = _kept(call, _last(recorder, call))
    except ReplayError as error:
        return _refused(call, error)
    why = "it is not recorded, and mode none records nothing"
    return kept if kept is not None else Result(call, Status.REFUSED, reason=why)


def _refused(call: Call, error: ReplayError) -> Result:
    return Result(call, Status.REFUSED, reason=error.what, error=error)


def _last(recorder: Recorder, call: Call) -> tuple[str, Interaction] | None:
    found = find(recorder.library, call)
    return (found.version, found.takes[-1]) if found is not None else None


def _store(
    recorder: Recorder,
    key: ObjectKey,
    fetched: dict[Call, Outcome],
    present: dict[Call, tuple[str, Interaction] | None],
    mode: RecordMode,
) -> dict[Call, Result]:
    # Twins are written together: one of them alone would lose the batch that proves the pair.
    kept = {call: o for call, o in fetched.items() if o.take is not None}
    lasts = [present[call] for call in kept]
    before = {last[1].batch for last in lasts if last is not None}
    unchanged = all(
        last is not None and outcome.take is not None and _is_known(last[1], outcome.take)
        for last, outcome in zip(lasts, kept.values(), strict=True)
    )
    refresh = len(kept) > 1 and not (unchanged and len(before) == 1 and "" not in before)
    versions = {outcome.version for outcome in kept.values()}
    batches = batches_in_use(recorder.library, key, versions) if before else frozenset()
    store = recorder.replace if mode is RecordMode.ALL else recorder.append
    results: dict[Call, Result] = {}
    for call, outcome in fetched.items():
        http = outcome.response.status
        if outcome.take is None:
            results[call] = Result(call, Status.REFUSED, outcome.version, http, outcome.unkept)
            continue
        try:
            stored = store(call, outcome.version, [outcome], refresh=refresh, in_use=batches)
        except ReplayError as error:
            results[call] = _refused(call, error)
            continue
        status = Status.RECORDED if stored is Stored.RECORDED else Status.UNCHANGED
        results[call] = Result(call, status, outcome.version, http)
    return results


def _is_known(last: Interaction, take: Interaction) -> bool:
    """Whether a new take says what the last one said, and what was noted beside it."""
    confirms = last.unconfirmed is None and take.unconfirmed is not None
    return same_answer(last, take) and not confirms and last.equal_values == take.equal_values


def fetch(
    recorder: Recorder, call: Call, request: Request, batch: str, pace: Pace,
    *, completing: bool = False,
) -> Outcome:  # fmt: skip
    """Fetch a call, and retry it while the source asks for that. Writes nothing.

    Args:
        recorder: fetches and redacts.
        call: the call, as `Recorder.masked` returned it.
        request: carries the key and the account, as `request_for` made it.
        batch: the name shared by recordings that are fetched back to back.
        pace: shared by all callers of the same source.
        completing: whether the call completes twins, see `Pace.wait`.

    Raises:
        CancelledError: the run was stopped before it was this call's turn.
        LiveDataRefused: a live-mode key or body, without ``allow_live``.
        UpstreamError: the source did not answer, and the last retry failed too.
    """
    import tenacity

    backoff = tenacity.wait_exponential(multiplier=0.5, max=8) + tenacity.wait_random(0, 0.5)

    def wait(state: RetryCallState) -> float:
        outcome = state.outcome
        if outcome is not None and not outcome.failed:
            asked = header(outcome.result().retry, "Retry-After") or ""
            if asked.isdigit():
                pace.hold(seconds := min(float(asked), LONGEST_WAIT))
                return seconds
        return backoff(state)

    def attempt() -> Outcome:
        nonlocal completing
        load()  # before the pace: calls that waited for imports would go out together
        recorder.ready()
        pace.wait(completing=completing)
        completing = False  # a retry is not begun after `stop`
        return recorder.fetch(call, request, batch=batch)

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(_should_retry)
        | tenacity.retry_if_exception_type(UpstreamError),
        wait=wait,
        stop=tenacity.stop_after_attempt(ATTEMPTS) | tenacity.stop_when_event_set(pace.stop),
        sleep=tenacity.sleep_using_event(pace.stop),
        # After the last try, return the last answer or raise the last error.
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    outcome: Outcome = retrying(attempt)
    return outcome


def _should_retry(outcome: Outcome) -> bool:
    """Whether to make the call again. Stripe's own clients decide by the same rule."""
    advice = header(outcome.retry, "Stripe-Should-Retry")
    if advice is not None:
        return advice == "true"
    return outcome.response.status == 429 or outcome.response.status >= 500
