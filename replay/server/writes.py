"""The store of `replay serve --writes-to`: writes go to another stand-in, reads to the library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from replay.errors import CallRefused, LiveDataRefused
from replay.model.cassette import Request, Response
from replay.recording.recorder import Outcome, Recorder
from replay.session.scenario.asked import label_of
from replay.session.store import Fetch, Served
from replay.stripe_api.call import read_call
from replay.stripe_api.headers import served_headers
from replay.stripe_api.live_mode import live_key_in
from replay.stripe_api.versions import UNVERSIONED

if TYPE_CHECKING:
    from replay.recording.upstream import Upstream


class WritesElsewhere:
    """A store that sends every call but reads to another address. Nothing of it is recorded.

    Args:
        base: the address of the stand-in.
    """

    fetches = True

    def __init__(self, base: str) -> None:
        self._base = base
        self._upstream: Upstream | None = None

    def next(self, request: Request) -> Fetch | None:
        """As `Store`."""
        try:
            read_call(request)
        except CallRefused:
            if request.method in {"GET", "HEAD"}:
                return None
        else:
            return None
        if place := live_key_in(request):
            raise LiveDataRefused(
                "a live-mode key is sent to no stand-in", where=place, hint="use a test-mode key"
            )
        return _Sent(self, label_of(request))

    def send(self, request: Request) -> Response:
        """Send a request on, once."""
        from replay.recording.upstream import Upstream

        if self._upstream is None:
            self._upstream = Upstream(self._base)
        return self._upstream.send(request)

    def served(self) -> Iterator[Served]:
        """As `Store`."""
        return iter(())

    def after_fork(self) -> None:
        """As `Store`."""
        self._upstream = None

    def close(self, *, failed: bool) -> None:
        """As `Store`."""
        if self._upstream is not None:
            self._upstream.close()
            self._upstream = None


class _Sent(Fetch):
    def __init__(self, store: WritesElsewhere, label: str) -> None:
        super().__init__(label)
        self._store = store

    def unrecordable(self, recorder: Recorder) -> str:
        return "it was sent on"

    def ask(self, recorder: Recorder, request: Request) -> Outcome:
        answer = self._store.send(request)
        headers = served_headers(answer.headers, "Content-Type", "Idempotent-Replayed")
        response = Response(answer.status, answer.reason, headers, answer.body)
        return Outcome(response, UNVERSIONED, None, f"it was sent to {self._store._base}", ())

    def lock(self) -> AbstractContextManager[object]:
        return nullcontext()

    def recorded_meanwhile(self) -> None:
        return None

    def tell(self, outcome: Outcome) -> None:
        """Nothing is recorded."""

    def release(self) -> None:
        """Nobody waits."""
