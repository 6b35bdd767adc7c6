"""Sessions by name: a request's ``Replay-Session`` header chooses one, a reset ends it.

Parallel suites name theirs, so that the takes of one do not move on because another was served.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from replay.config import Config
from replay.errors import CallRefused, ReplayError
from replay.session.session import OpenSession, open_session

MAX_SESSIONS = 256
"""So many sessions are open at once."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}\Z")
_KEPT = 100


class _Recent(list[ReplayError]):
    """Keeps no refusals: a server's session is asked without end, and its answers say them."""

    def append(self, error: ReplayError) -> None:
        """Let a refusal go."""


@dataclass(slots=True)
class Hosted:
    """A session of the server.

    Attributes:
        name: its name; empty for that of requests that name none.
        session: the session.
        refused: how many requests were refused.
        refusals: the messages of the last of them.
        lent: whether it belongs to somebody else, who closes it.
    """

    name: str
    session: OpenSession
    refused: int = 0
    refusals: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT))
    lent: bool = False

    def summary(self) -> dict[str, object]:
        """What was played, recorded and refused, as JSON has it."""
        counts = self.session.counts
        return {
            "session": self.name,
            "played": counts.played,
            "recorded": counts.recorded,
            "refused": self.refused,
        }


def opener(config: Config, *, allow_live: bool = False) -> Callable[[], OpenSession]:
    """What opens sessions with these settings."""

    def opened() -> OpenSession:
        session = open_session(config, allow_live=allow_live)
        session.refusals = _Recent()
        return session

    return opened


class Sessions:
    """The sessions of one server. Safe to share between threads.

    Args:
        open_session: opens one; what it raises is the request's refusal.
    """

    def __init__(self, open_session: Callable[[], OpenSession]) -> None:
        self._open_session = open_session
        self._open: dict[str, Hosted] = {}
        self._lock = Lock()

    def of(self, name: str) -> Hosted:
        """The session of a name, opened if there is none.

        Raises:
            CallRefused: the name is malformed, or too many sessions are open.
        """
        found = self._open.get(name)
        if found is not None:
            return found
        if name and not _NAME.match(name):
            raise CallRefused(
                "this is no name of a session",
                where="header Replay-Session",
                hint="use up to 100 letters, digits and . _ : / -, a letter or digit first",
            )
        with self._lock:
            if name not in self._open:
                if len(self._open) >= MAX_SESSIONS:
                    raise CallRefused(
                        f"{MAX_SESSIONS} sessions are open, which is as many as may be",
                        where="header Replay-Session",
                        hint="end each when it is done with: POST /_replay/reset, with its name "
                        "in the header",
                    )
                self._open[name] = Hosted(name, self._open_session())
            return self._open[name]

    @property
    def open(self) -> Mapping[str, Hosted]:
        """The open sessions by name, at this moment."""
        return dict(self._open)

    def lend(self, session: OpenSession | None) -> None:
        """Let requests that name no session ask this one, which its owner closes; None ends it."""
        with self._lock:
            if session is None:
                self._open.pop("", None)
            else:
                self._open[""] = Hosted("", session, lent=True)

    def reset(self, name: str, *, failed: bool = False) -> Hosted | None:
        """End a session, and write what mode ``all`` recorded anew; the next request opens another.

        Args:
            name: its name; empty for that of requests that name none.
            failed: its takes are not complete: old files stay.

        Returns:
            The session that ended; None where none of the name was open.

        Raises:
            CallRefused: it belongs to a test, and ends with it.
            ReplayError: a re-recording could not be written; the old file stays.
        """
        with self._lock:
            found = self._open.get(name)
            if found is not None and found.lent:
                raise CallRefused(
                    "this session is a test's own, and ends with the test", where="/_replay/reset"
                )
            self._open.pop(name, None)
        if found is not None:
            found.session.close(failed=failed)
        return found

    def close(self, *, failed: bool = False) -> list[Hosted]:
        """End all sessions but lent ones; returns those that were open.

        Raises:
            ReplayError: the first re-recording that could not be written; all are ended.
        """
        with self._lock:
            ended = [hosted for hosted in self._open.values() if not hosted.lent]
            self._open = {name: hosted for name, hosted in self._open.items() if hosted.lent}
        first: ReplayError | None = None
        for hosted in ended:
            try:
                hosted.session.close(failed=failed)
            except ReplayError as error:
                first = first or error
        if first is not None:
            raise first
        return ended
