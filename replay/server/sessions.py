"""Named sessions: a request's ``Replay-Session`` header chooses one, a reset ends it.

Suites that run in parallel name their sessions, so that each gets the takes of a call in order.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from replay.config import Config
from replay.errors import CallRefused, ReplayError
from replay.server.writes import WritesElsewhere
from replay.session.scenario.store import ScenarioOptions
from replay.session.session import OpenSession, open_session

MAX_SESSIONS = 256
"""At most this many sessions are open at once."""

SessionOpener = Callable[["ScenarioOptions | None"], OpenSession]
"""Opens a session, with the scenario that answers its writes."""

_SCENARIO = "scenario "
_SCENARIO_NAME = re.compile(r"[!-~](?:[ -~]{0,198}[!-~])?")
_AGAIN = "replay serve --mode all, and run its test"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}\Z")
_MOST_REFUSALS = 100


class _KeepsNone(list[ReplayError]):
    """Keeps no refusals: a server runs without end, and each answer tells its client."""

    def append(self, error: ReplayError) -> None:
        """Drop a refusal."""


@dataclass(slots=True)
class NamedSession:
    """A session of the server.

    Attributes:
        name: its name; empty for requests that name none.
        session: the open session that answers its requests.
        refused: how many requests were refused.
        refusals: the messages of the last of them.
        borrowed: whether it is a test's own session, which the test closes.
    """

    name: str
    session: OpenSession
    refused: int = 0
    refusals: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_REFUSALS))
    borrowed: bool = False

    def summary(self) -> dict[str, object]:
        """What was played, recorded and refused, as JSON has it."""
        counts = self.session.counts
        return {
            "session": self.name,
            "played": counts.played,
            "recorded": counts.recorded,
            "refused": self.refused,
            "overridden": counts.overridden,
        }


def session_opener(
    config: Config, *, allow_live: bool = False, writes_to: str = ""
) -> SessionOpener:
    """A function that opens sessions with these settings.

    Args:
        config: the settings.
        allow_live: record with live-mode keys, and live-mode data.
        writes_to: the address of a stand-in that gets the writes of sessions without a scenario.
    """

    def open_one(scenario: ScenarioOptions | None) -> OpenSession:
        first = [WritesElsewhere(writes_to)] if writes_to and scenario is None else []
        session = open_session(config, first=first, allow_live=allow_live, scenario=scenario)
        session.refusals = _KeepsNone()
        return session

    return open_one


class Sessions:
    """The sessions of one server. Safe to share between threads.

    Args:
        open_session: opens a session; what it raises is the answer to the request.
    """

    def __init__(self, open_session: SessionOpener) -> None:
        self._open_session = open_session
        self._holder = ""
        self._open: dict[str, NamedSession] = {}
        self._lock = Lock()

    def of(self, name: str, scenario: str = "") -> NamedSession:
        """The session of a name, opened if there is none.

        Args:
            name: the session that a request names; empty for none.
            scenario: the scenario that it names; empty for none.

        Raises:
            CallRefused: a name is malformed, or too many sessions are open.
        """
        if scenario:
            return self._of_scenario(scenario)
        if self._holder and not name:
            name = _SCENARIO + self._holder
        found = self._open.get(name)
        if found is not None:
            return found
        if name and not _NAME.match(name):
            raise CallRefused(
                "this is not a session name",
                where="header Replay-Session",
                hint="use up to 100 letters, digits and . _ : / -, a letter or digit first",
            )
        with self._lock:
            if name not in self._open:
                if len(self._open) >= MAX_SESSIONS:
                    raise CallRefused(
                        f"{MAX_SESSIONS} sessions are open, and no more are allowed",
                        where="header Replay-Session",
                        hint="end each session when its suite is done: POST /_replay/reset, with "
                        "its name in the header",
                    )
                self._open[name] = NamedSession(name, self._open_session(None))
            return self._open[name]

    def _of_scenario(self, scenario: str) -> NamedSession:
        if not _SCENARIO_NAME.fullmatch(scenario):
            raise CallRefused(
                "this is not the name of a scenario",
                where="header Replay-Scenario",
                hint="use up to 200 printable characters, such as checkout/refund",
            )
        key = _SCENARIO + scenario
        with self._lock:
            if key not in self._open:
                if len(self._open) >= MAX_SESSIONS:
                    raise CallRefused(
                        f"{MAX_SESSIONS} sessions are open, and no more are allowed",
                        where="header Replay-Scenario",
                        hint="end each scenario when its test is done: "
                        "POST /_replay/scenarios/NAME/end",
                    )
                options = ScenarioOptions(scenario, command=_AGAIN)
                self._open[key] = NamedSession(key, self._open_session(options))
            return self._open[key]

    def begin(self, scenario: str) -> NamedSession:
        """Let a scenario answer all requests that name no session, until it ends.

        Raises:
            CallRefused: another scenario does, or the name is malformed.
        """
        if self._holder:
            raise CallRefused(
                f"the scenario {self._holder} has not ended: one holds the server at a time",
                where="/_replay/scenarios/NAME/begin",
                hint="end it first, or name the scenario in each call: header Replay-Scenario",
            )
        named = self._of_scenario(scenario)
        self._holder = scenario
        return named

    def end(self, scenario: str, *, failed: bool = False) -> NamedSession:
        """End a scenario: what was recorded is written, unless its test failed.

        Raises:
            CallRefused: it has not begun.
            ReplayError: the scenario could not be written, or writes were not played.
        """
        key = _SCENARIO + scenario
        with self._lock:
            found = self._open.pop(key, None)
            if self._holder == scenario:
                self._holder = ""
        if found is None:
            raise CallRefused(
                "this scenario has not begun",
                where="/_replay/scenarios/NAME/end",
                hint="POST /_replay/scenarios/NAME/begin first, or send Replay-Scenario: NAME",
            )
        found.session.close(failed=failed or found.refused > 0)
        return found

    @property
    def open(self) -> Mapping[str, NamedSession]:
        """Name -> session, of those that are open at this moment."""
        return dict(self._open)

    def set_default(self, session: OpenSession | None) -> None:
        """Let this session answer requests that name none; its owner closes it.

        Args:
            session: the session; with None, a new one answers.
        """
        with self._lock:
            if session is None:
                self._open.pop("", None)
            else:
                self._open[""] = NamedSession("", session, borrowed=True)

    def reset(self, name: str, *, failed: bool = False) -> NamedSession | None:
        """End a session, and write what mode ``all`` re-recorded; the next request opens another.

        Args:
            name: its name; empty for the session of requests that name none.
            failed: whether its takes are incomplete, so that old files stay.

        Returns:
            The session that ended; None where none of the name was open.

        Raises:
            CallRefused: it is a test's own session, and ends with the test.
            ReplayError: a re-recording could not be written; the old file stays.
        """
        with self._lock:
            found = self._open.get(name)
            if found is not None and found.borrowed:
                raise CallRefused(
                    "this session is a test's own, and ends with the test",
                    where="/_replay/reset",
                    hint="send no reset, or name a session of your own in Replay-Session",
                )
            self._open.pop(name, None)
        if found is not None:
            found.session.close(failed=failed)
        return found

    def close(self, *, failed: bool = False) -> list[NamedSession]:
        """End all sessions but borrowed ones; returns those that were ended.

        Raises:
            ReplayError: the first re-recording that could not be written; all are ended.
        """
        with self._lock:
            ended = [named for named in self._open.values() if not named.borrowed]
            self._open = {name: named for name, named in self._open.items() if named.borrowed}
        first: ReplayError | None = None
        self._holder = ""
        for named in ended:
            try:
                # A scenario that was not ended is not known to be whole.
                cut_off = named.name.startswith(_SCENARIO)
                named.session.close(failed=failed or cut_off)
            except ReplayError as error:
                first = first or error
        if first is not None:
            raise first
        return ended
