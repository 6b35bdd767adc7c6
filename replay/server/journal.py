"""What the server served and refused last, for the page at ``/_replay/``.

The journal outlives resets, so that the page still shows what a finished suite was missing. It
keeps a limited number of entries. A request is kept without its headers; when the page asks, the
policy decides what of it may be shown.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from time import time
from typing import Any

from replay.errors import ReplayError
from replay.model.cassette import Headers, Request, header
from replay.server.error_responses import ErrorResponse
from replay.session.session import OpenSession

_MOST_SERVED, _MOST_MISSING = 200, 500


@dataclass(slots=True)
class _Missing:
    response: ErrorResponse
    session: str
    count: int = 0
    last: float = 0.0


class Journal:
    """The last requests that were served and refused. Safe to share between threads.

    Attributes:
        answered: how many requests were answered since the server started.
        refused: how many were refused.
    """

    def __init__(self) -> None:
        self.answered = 0
        self.refused = 0
        self._served: deque[tuple[float, str, str, str, int, Headers]] = deque(maxlen=_MOST_SERVED)
        self._missing: OrderedDict[str, _Missing] = OrderedDict()
        self._lock = Lock()

    def served(self, session: str, request: Request, status: int, headers: Headers) -> None:
        """Note an answer."""
        self.answered += 1
        self._served.append((time(), session, request.method, request.uri, status, headers))

    def missed(self, session: str, response: ErrorResponse) -> bool:
        """Note a refusal. Returns whether it is the first with this message."""
        with self._lock:
            self.refused += 1
            found = self._missing.get(response.message)
            first = found is None
            if found is None:
                found = self._missing[response.message] = _Missing(response, session)
                if len(self._missing) > _MOST_MISSING:
                    self._missing.popitem(last=False)
            found.session, found.last = session, time()
            found.count += 1
            self._missing.move_to_end(response.message)
        return first

    def missing(self) -> list[dict[str, Any]]:
        """What was refused, the last first, as JSON has it."""
        with self._lock:
            return [
                {
                    "code": found.response.code,
                    "message": found.response.message,
                    "command": found.response.command or None,
                    "session": found.session,
                    "count": found.count,
                    "last": found.last,
                }
                for found in reversed(self._missing.values())
            ]

    def recent(self, session: OpenSession) -> Iterator[dict[str, Any]]:
        """What was served, the last first, as JSON has it.

        Args:
            session: its policy decides which parts of a request may be shown.
        """
        for at, name, method, uri, status, headers in reversed(list(self._served)):
            try:
                shown = session.name_of(Request(method, uri))
            except ReplayError:
                shown = "a call"
            yield {
                "at": at,
                "session": name,
                "method": method,
                "call": shown,
                "api_version": header(headers, "Stripe-Version"),
                "status": status,
            }
