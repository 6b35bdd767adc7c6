"""The replay server of a test run, for programs that tests start: answered by the running test's
session.

One per process, started when a test first asks for it, at the same address until the run ends.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from urllib.parse import urlsplit

from replay.errors import NoSession
from replay.server import require_extra
from replay.session.session import OpenSession


class ReplayServer:
    """What the fixture `replay_server` is.

    Attributes:
        url: the base address for clients.
        host: its host, for clients that take it apart.
        port: its port.

    Args:
        open_session: opens a session for requests that name one with ``Replay-Session``; None
            where no test is running that they could belong to.

    Raises:
        ConfigError: the extra ``server`` is not installed.
    """

    def __init__(self, open_session: Callable[[], OpenSession | None]) -> None:
        require_extra()
        from replay.server.app import Door
        from replay.server.running import Beside
        from replay.server.sessions import Sessions

        def opened() -> OpenSession:
            session = open_session()
            if session is None:
                raise NoSession(
                    "no test is running that this call could belong to",
                    where="replay_server",
                    hint="mark the test: @pytest.mark.cassettes, or let it ask for replay_server",
                )
            return session

        self._sessions = Sessions(opened)
        # The thread is nobody's: it outlives the test that needs it first.
        self._beside = Context().run(Beside, Door(self._sessions))
        self.url = self._beside.url
        parts = urlsplit(self.url)
        self.host, self.port = str(parts.hostname), int(parts.port or 0)

    def __repr__(self) -> str:
        return f"<ReplayServer at {self.url}>"

    def lend(self, session: OpenSession | None) -> None:
        """Answer requests that name no session from this one; None leaves none to answer."""
        self._sessions.lend(session)

    def end_named(self, *, failed: bool) -> list[OpenSession]:
        """End the sessions that requests named; returns them.

        Raises:
            ReplayError: a re-recording could not be written; the old file stays.
        """
        return [hosted.session for hosted in self._sessions.close(failed=failed)]

    def stop(self) -> None:
        """End it; requests in flight are answered."""
        self._beside.stop()
