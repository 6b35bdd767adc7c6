"""Who answers a call: the one question that a session asks of its stores.

A session asks its stores in turn. `Store.next` says one of four things:

==================  ==============================================================================
a take              it is the answer
a `Fetch`           the live source must answer: who claims the fetch asks it, and tells the store
a `ReplayError`     the call is this store's to answer, and it is refused (raised, not returned)
None                the call is not this store's: the next one is asked
==================  ==============================================================================

A store knows the recordings and what the record mode allows. It never asks the live source, and
it writes only answers that it is given.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from replay.errors import UpstreamError
from replay.model.cassette import Interaction, Request, Response
from replay.recording.recorder import Outcome, Recorder
from replay.stripe_api.call import Call


@dataclass(frozen=True, slots=True)
class Served:
    """A call that a session answered from a recording, once or more.

    Attributes:
        call: the call, as the client made it.
        api_version: the API version of the answers.
        take: the recorded answer that was served last.
    """

    call: Call
    api_version: str
    take: Interaction


class Store(Protocol):
    """Takes that a session may answer with."""

    @property
    def fetches(self) -> bool:
        """Whether `next` may return a `Fetch`."""

    def next(self, request: Request) -> Interaction | Fetch | None:
        """The store's reply to a request, as in the table above.

        Raises:
            ReplayError: the refusal.
        """

    def served(self) -> Iterator[Served]:
        """The calls that were answered so far, each once."""

    def after_fork(self) -> None:
        """In a forked child: make the locks new, and forget fetches of other threads."""

    def close(self, *, failed: bool) -> None:
        """End the session's use of the store.

        Args:
            failed: the code under test raised: what was recorded may not be complete.

        Raises:
            ReplayError: something could not be written.
        """


class Fetch(ABC):
    """One call on its way to the live source, for all who ask for it until it is answered.

    Attributes:
        label: the call as notes name it: a path without IDs.
        answered: for all who wait: the answer, and whether it is recorded; None if the claimer gave
            up before it asked, so that all ask again; or an error.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self._claimed = Lock()
        self.answered: Future[tuple[Response, bool] | None] = Future()

    def claim(self) -> bool:
        """Whether the caller is the one who fetches; all others wait for `answered`."""
        return self._claimed.acquire(blocking=False)

    def finish(self, response: Response, recorded: bool) -> None:
        """Hand the answer to all who wait."""
        self.release()
        self.answered.set_result((response, recorded))

    def give_up(self) -> None:
        """Let all who wait ask again: the claimer was cancelled before it asked."""
        self.release()
        self.answered.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Hand an error to all who wait, unless it only interrupts the claimer."""
        self.release()
        if not isinstance(error, Exception):
            error = UpstreamError("the fetch of this call was interrupted", hint="ask again")
        self.answered.set_exception(error)

    @abstractmethod
    def unrecordable(self, recorder: Recorder) -> str:
        """Why the call may not be recorded, whatever the answer; empty where it may."""

    @abstractmethod
    def ask(self, recorder: Recorder, request: Request) -> Outcome:
        """Ask the live source. The claimer calls it once, and holds the `lock`.

        Raises:
            ReplayError: the call may not be made, or the source did not answer.
        """

    @abstractmethod
    def lock(self) -> AbstractContextManager[object]:
        """The lock that the claimer holds while it asks the live source and tells the store."""

    @abstractmethod
    def recorded_meanwhile(self) -> Interaction | None:
        """A take that another session or process recorded while the claimer waited for the lock."""

    @abstractmethod
    def tell(self, outcome: Outcome) -> None:
        """Take note of what came. An outcome that has a take is recorded.

        Raises:
            ReplayError: it could not be written.
        """

    @abstractmethod
    def release(self) -> None:
        """Let the next who asks start a fetch of its own."""


class CallFetch(Fetch):
    """The fetch of a read that replay knows.

    Attributes:
        call: the call to fetch.
    """

    def __init__(self, call: Call) -> None:
        super().__init__(call.route.path)
        self.call = call

    def unrecordable(self, recorder: Recorder) -> str:
        """As `Fetch`."""
        return recorder.why_private(self.call)

    def ask(self, recorder: Recorder, request: Request) -> Outcome:
        """As `Fetch`."""
        return recorder.fetch(self.call, request)
