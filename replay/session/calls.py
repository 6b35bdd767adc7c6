"""Which call a request is, and the session's state of each call.

A server gets requests without end. So memory grows with the recordings, never with the requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Lock
from typing import Generic, Protocol, TypeVar

from replay.model.cassette import Request
from replay.stripe_api.call import Call, StripeHeaders, read_call, stripe_headers

_SPELLINGS, _LONGEST_SPELLING = 8192, 2048
"""At most 8,192 request spellings are cached, each up to 2,048 characters."""

_PINNED = 64
"""At most this many versions that requests pin are remembered."""


class CallReader:
    """Reads requests as calls, at the API version and under the IDs that recordings are kept under.

    Args:
        api_version: answers regardless of a request's pin; None leaves it to the request.
        masked: gives a call the IDs and page tokens that recordings hold, see `Recorder.masked`;
            None where a client has no others.

    Attributes:
        pinned: the versions that requests pinned where `api_version` answered instead.
    """

    def __init__(self, api_version: str | None, masked: Callable[[Call], Call] | None) -> None:
        self.pinned: set[str | None] = set()
        self._api_version = api_version
        self._masked = masked

    def read(self, request: Request, headers: StripeHeaders | None = None) -> Call:
        """The call that a request makes; `headers` are its `stripe_headers`, where they are known.

        Raises:
            CallRefused: it is not a read that replay knows.
        """
        call = read_call(request, headers)
        if self._api_version is not None:
            if len(self.pinned) < _PINNED:
                self.pinned.add(call.pinned)
            call = replace(call, pinned=self._api_version)
        return call if self._masked is None else self._masked(call)


class _Entry(Protocol):
    @property
    def call(self) -> Call: ...

    @property
    def position(self) -> int: ...

    def after_fork(self) -> None: ...


E = TypeVar("E", bound=_Entry)


class CallTable(Generic[E]):
    """A session's state of each call, found by the request. Safe to share between threads.

    Args:
        reader: reads a request that was not seen before.
        make: makes the entry of a call that was not asked for before.
    """

    def __init__(self, reader: CallReader, make: Callable[[Call], E]) -> None:
        self._reader = reader
        self._make = make
        self._entries: dict[Call, E] = {}
        self._by_spelling: dict[tuple[object, ...], E] = {}
        self._lock = Lock()

    def __iter__(self) -> Iterator[E]:
        return iter(list(self._entries.values()))

    def after_fork(self) -> None:
        """In a forked child: make the locks new, the entries' too."""
        self._lock = Lock()
        for entry in self:
            entry.after_fork()

    def of(self, request: Request) -> E:
        """The entry of the call that a request makes.

        Raises:
            CallRefused: it is not a read that replay knows.
        """
        # Clients repeat themselves. To read a request takes longer than all else of an answer.
        headers = stripe_headers(request.headers)
        spelling = request.method, request.uri, headers, request.body, request.unread
        entry = self._by_spelling.get(spelling)
        if entry is None:
            call = self._reader.read(request, headers)
            with self._lock:
                entry = self._entries.get(call)
                if entry is None:
                    entry = self._entries[call] = self._make(call)
                if len(self._by_spelling) >= _SPELLINGS:
                    self._by_spelling.clear()
                if len(request.uri) + len(request.body or b"") <= _LONGEST_SPELLING:
                    self._by_spelling[spelling] = entry
        return entry

    def remember(self, entry: E) -> None:
        """Keep an entry that something was recorded for, even if it was forgotten since."""
        with self._lock:
            found = self._entries.get(entry.call)
            if found is None or not found.position:
                self._entries[entry.call] = entry

    def forget(self, entry: E) -> None:
        """Drop an entry that answered nothing: the next request then looks for new recordings."""
        with self._lock:
            if self._entries.get(entry.call) is entry:
                del self._entries[entry.call]
                self._by_spelling.clear()
