"""The replay server of a test run, for programs that tests start.

The running test's session answers. There is one server per process. It starts when a test first
asks for it, and keeps its address until the run ends.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from replay.errors import NoSession
from replay.intercept.elsewhere import OWN
from replay.server import require_extra
from replay.session.session import OpenSession

if TYPE_CHECKING:
    from replay.session.scenario.store import ScenarioOptions


class ReplayServer:
    """The value of the fixture `replay_server`.

    Attributes:
        url: the base address for clients.
        host: its host, for clients that take it apart.
        port: the port, for such clients.

    Args:
        open_session: opens a session for requests that name one with ``Replay-Session``, or a
            scenario; None where no test is running that they could belong to.

    Raises:
        ConfigError: the extra ``server`` is not installed.
    """

    def __init__(
        self, open_session: Callable[[ScenarioOptions | None], OpenSession | None]
    ) -> None:
        require_extra()
        from replay.server.app import App
        from replay.server.running import ServerThread
        from replay.server.sessions import Sessions

        def open_named(scenario: ScenarioOptions | None) -> OpenSession:
            session = open_session(scenario)
            if session is None:
                raise NoSession(
                    "no test is running that this call could belong to",
                    where="replay_server",
                    hint="mark the test: @pytest.mark.cassettes, or let it ask for replay_server",
                )
            return session

        self._sessions = Sessions(open_named)
        # In a context of its own: the thread outlives the test that needs it first.
        self._thread = Context().run(ServerThread, App(self._sessions))
        self.url = self._thread.url
        parts = urlsplit(self.url)
        self.host, self.port = str(parts.hostname), int(parts.port or 0)
        OWN.add((self.host, self.port))

    def __repr__(self) -> str:
        return f"<ReplayServer at {self.url}>"

    def set_default(self, session: OpenSession | None) -> None:
        """Answer requests that name no session from this one; with None they are refused."""
        self._sessions.set_default(session)

    def end_named(self, *, failed: bool) -> list[OpenSession]:
        """End the sessions that requests named; returns them.

        Raises:
            ReplayError: a re-recording could not be written; the old file stays.
        """
        return [hosted.session for hosted in self._sessions.close(failed=failed)]

    def stop(self) -> None:
        """Stop the server; open requests are answered."""
        self._thread.stop()
        OWN.discard((self.host, self.port))
