"""Records one object at several API versions back to back: twins, the controlled experiment.

The command line's way to record. A session records what a test happens to ask for; here the
object is asked for on purpose, with patience: retries, and a pace that the source allows.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from enum import StrEnum
from threading import Event, Lock
from typing import TYPE_CHECKING

from replay.errors import ReplayError, UpstreamError
from replay.library.library import storage_of
from replay.library.lookup import find
from replay.model.cassette import Interaction, ObjectKey, Request, header
from replay.model.modes import RecordMode
from replay.recording.preload import load
from replay.recording.recorder import Outcome, Recorder, Stored
from replay.recording.repeats import batches_in_use, same_answer
from replay.stripe_api.call import Call

if TYPE_CHECKING:
    from tenacity import RetryCallState

ATTEMPTS = 5
"""How often a call is tried in all, where the source asks to come back."""

LONGEST_WAIT = 60.0
"""Seconds that a Retry-After is honoured for; longer ones wait this long."""


class Status(StrEnum):
    """What became of one call."""

    RECORDED = "recorded"
    UNCHANGED = "unchanged"
    KEPT = "kept"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one call.

    Attributes:
        call: the call.
        status: what became of it.
        version: the API version that answered, or of the kept recording; empty if refused.
        http: the answer's HTTP status; 0 where the source was not asked.
        reason: why it was refused or kept; a note for people.
        error: the error behind a refusal, if there was one.
    """

    call: Call
    status: Status
    version: str = ""
    http: int = 0
    reason: str = ""
    error: ReplayError | None = None


class Pace:
    """Spreads calls of all threads evenly: at most `rate` per second.

    Attributes:
        stop: once set, nothing is begun any more, and no call is tried again.
    """

    def __init__(self, rate: float) -> None:
        self.stop = Event()
        self._interval = 1 / rate
        self._next = 0.0
        self._held = 0.0
        self._lock = Lock()

    def wait(self, *, halfway: bool = False) -> None:
        """Sleep until it is this caller's turn.

        Args:
            halfway: whether the call completes what was begun before: it gets its turn, at the
                same pace, also after `stop`, unless the source has asked to come back later.

        Raises:
            CancelledError: the run was stopped; the call is not to be made.
        """
        while True:
            with self._lock:
                now = time.monotonic()
                turn = max(now, self._next, self._held)
                self._next = turn + self._interval
            if self.stop.wait(turn - now):
                if not halfway or self._held > now:
                    raise CancelledError
                time.sleep(max(0.0, turn - time.monotonic()))
            if self._held <= turn:  # nobody was told meanwhile to come back later
                return

    def hold(self, seconds: float) -> None:
        """Let nobody have a turn for so long: the source limits all who ask it, not one caller."""
        with self._lock:
            self._held = max(self._held, time.monotonic() + seconds)


def record(
    recorder: Recorder, calls: Sequence[Call], api_key: str, mode: RecordMode, pace: Pace,
    account: str = "", context: str = "",
) -> list[Result]:  # fmt: skip
    """Record one object's calls, which differ in their API version only.

    Args:
        recorder: writes into its library.
        calls: the calls; fetched back to back if there are several to fetch.
        api_key: the key for the live source.
        mode: what to do with calls that are recorded already; ``none`` records nothing.
        pace: shared by all that ask the same source.
        account: the connected account, as Stripe-Account names it.
        context: the context, as Stripe-Context names it.

    Returns:
        A result for each call, in their order. Errors that concern this object alone are
        results; what it could record is recorded.

    Raises:
        CancelledError: the run was stopped before all were fetched; nothing is recorded of them.
    """
    calls = [recorder.masked(call) for call in calls]
    request = asking(calls[0], api_key, account, context)
    results: dict[Call, Result] = {}
    fetched: dict[Call, Outcome] = {}
    try:
        with storage_of(recorder.library).lock(calls[0].key):
            present = {call: _last(recorder, call) for call in calls}
            for call, last in present.items():
                if last is not None and mode in {RecordMode.ONCE, RecordMode.NONE}:
                    version, take = last
                    why = f"recorded on {take.recorded_at[:10]}"
                    results[call] = Result(call, Status.KEPT, version, reason=why)
            wanted = [call for call in calls if call not in results]
            batch = secrets.token_hex(6) if len(wanted) > 1 else ""
            for call in wanted:
                try:
                    fetched[call] = fetch(
                        recorder, call, request, batch, pace, halfway=bool(fetched)
                    )
                except ReplayError as error:
                    results[call] = _refused(call, error)
            results.update(_store(recorder, calls[0].key, fetched, present, mode))
    except ReplayError as error:
        for call in calls:
            results.setdefault(call, _refused(call, error))
    return [results[call] for call in calls]


def asking(call: Call, api_key: str, account: str = "", context: str = "") -> Request:
    """The request of a call, with what the source is to know of who asks."""
    headers = [("Authorization", f"Bearer {api_key}")]
    if account:
        headers.append(("Stripe-Account", account))
    if context:
        headers.append(("Stripe-Context", context))
    return Request(call.route.method, call.uri, tuple(headers))


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
        last is not None and outcome.take is not None and same_answer(last[1], outcome.take)
        for last, outcome in zip(lasts, kept.values(), strict=True)
    )
    anew = len(kept) > 1 and not (unchanged and len(before) == 1 and "" not in before)
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
            stored = store(call, outcome.version, [outcome], refresh=anew, in_use=batches)
        except ReplayError as error:
            results[call] = _refused(call, error)
            continue
        status = Status.RECORDED if stored is Stored.RECORDED else Status.UNCHANGED
        results[call] = Result(call, status, outcome.version, http)
    return results


def fetch(
    recorder: Recorder, call: Call, request: Request, batch: str, pace: Pace,
    *, halfway: bool = False,
) -> Outcome:  # fmt: skip
    """Fetch a call, and again while the source asks to come back. Writes nothing.

    Args:
        recorder: who fetches and redacts.
        call: what is asked for, as `Recorder.masked` gave it.
        request: carries the key and the account, as `asking` made it.
        batch: names recordings that are fetched back to back.
        pace: shared by all that ask the same source.
        halfway: whether it completes a batch that was begun, see `Pace.wait`.

    Raises:
        CancelledError: the run was stopped before it was this call's turn.
        LiveDataRefused: a live-mode key or body, without ``allow_live``.
        UpstreamError: the source did not answer, however often it was asked.
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
        nonlocal halfway
        load()  # before the pace: calls that wait for it would go out together
        recorder.ready()
        pace.wait(halfway=halfway)
        halfway = False  # after `stop`, no call is tried again
        return recorder.fetch(call, request, batch=batch)

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(_come_back)
        | tenacity.retry_if_exception_type(UpstreamError),
        wait=wait,
        stop=tenacity.stop_after_attempt(ATTEMPTS) | tenacity.stop_when_event_set(pace.stop),
        sleep=tenacity.sleep_using_event(pace.stop),
        # Out of tries: the last answer, or the last error, speaks for itself.
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    outcome: Outcome = retrying(attempt)
    return outcome


def _come_back(outcome: Outcome) -> bool:
    """Whether the source wants to be asked again, as Stripe's own clients decide it."""
    advice = header(outcome.retry, "Stripe-Should-Retry")
    if advice is not None:
        return advice == "true"
    return outcome.response.status == 429 or outcome.response.status >= 500
