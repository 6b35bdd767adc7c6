"""What a server was asked lately, for the page: what was served, and what was missing.

It outlives resets, so that the page still says what a finished suite missed. Bounded. A request is
kept without its headers; what of it may be shown is settled when the page asks.
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
from replay.server.error_responses import Refusal
from replay.session.session import OpenSession

_SERVED, _MISSING = 200, 500


@dataclass(slots=True)
class _Missing:
    refusal: Refusal
    session: str
    count: int = 0
    last: float = 0.0


class Journal:
    """What was served and what was refused, the last of each. Safe to share between threads.

    Attributes:
        answered: how many requests were answered since the server started.
        refused: how many were refused.
    """

    def __init__(self) -> None:
        self.answered = 0
        self.refused = 0
        self._served: deque[tuple[float, str, str, str, int, Headers]] = deque(maxlen=_SERVED)
        self._missing: OrderedDict[str, _Missing] = OrderedDict()
        self._lock = Lock()

    def served(self, session: str, request: Request, status: int, headers: Headers) -> None:
        """Note an answer."""
        self.answered += 1
        self._served.append((time(), session, request.method, request.uri, status, headers))

    def missed(self, session: str, refusal: Refusal) -> bool:
        """Note a refusal; whether it is the first of its kind."""
        with self._lock:
            self.refused += 1
            found = self._missing.get(refusal.message)
            first = found is None
            if found is None:
                found = self._missing[refusal.message] = _Missing(refusal, session)
                if len(self._missing) > _MISSING:
                    self._missing.popitem(last=False)
            found.session, found.last = session, time()
            found.count += 1
            self._missing.move_to_end(refusal.message)
        return first

    def missing(self) -> list[dict[str, Any]]:
        """What was refused, the last first, as JSON has it."""
        with self._lock:
            return [
                {
                    "code": found.refusal.code,
                    "message": found.refusal.message,
                    "command": found.refusal.command or None,
                    "session": found.session,
                    "count": found.count,
                    "last": found.last,
                }
                for found in reversed(self._missing.values())
            ]

    def recent(self, session: OpenSession) -> Iterator[dict[str, Any]]:
        """What was served, the last first, as JSON has it.

        Args:
            session: knows the policy, which says what of a request may be shown.
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
