"""The sessions of a test run: each marked test has one, from before its fixtures to after them.

Hooks are put in once and held for the run. A fixture of a wider scope has a session of its own,
open while it is set up and torn down: whichever test comes first, the tests find their sessions
untouched.
"""

from __future__ import annotations

import functools
import gc
import inspect
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from replay.config import resolve
from replay.errors import CallRefused, ConfigError, ReplayError
from replay.intercept import current_session, installation, user_frames
from replay.intercept.user_frames import Line
from replay.library.library import clear_cache
from replay.model.cassette import Request
from replay.session.session import OpenSession, open_session
from replay.session.store import Served
from replay.testing.decorator import refusal_in, swallowed
from replay.testing.drift_hints import Rehearsal
from replay.testing.markers import Settings
from replay.testing.options import MARKER, blocks, wants
from replay.testing.summary import account_of
from replay.testing.tracebacks import Refusals, failure, told

if TYPE_CHECKING:
    from replay.testing.server_fixture import ReplayServer


class _Blocked:
    """The store of a test that is not marked: it refuses every call."""

    fetches = False

    def __init__(self, test: str) -> None:
        self._test = test

    def next(self, request: Request) -> NoReturn:
        """As `Store`."""
        raise CallRefused(
            "a test that is not marked called the API, and calls are blocked",
            where=self._test,
            hint="mark it with @pytest.mark.cassettes, or leave out --replay-block-network",
        )

    def served(self) -> Iterator[Served]:
        """As `Store`."""
        return iter(())

    def close(self, *, failed: bool) -> None:
        """As `Store`."""


class _Test:
    """A running test that has a session.

    Attributes:
        item: the test.
        session: its session.
        blocked: whether it is not marked, so that its session refuses every call.
        before: what the context had before.
        refusals: what was refused in its sessions and is in no report yet.
        failed: whether something of it failed.
        taken: how many of the session's refusals were looked at.
    """

    def __init__(self, item: pytest.Item, session: OpenSession, blocked: bool) -> None:
        self.item = item
        self.session = session
        self.blocked = blocked
        self.before: OpenSession | None = None
        self.refusals: list[tuple[ReplayError, list[Line]]] = []
        self.failed = False
        self.taken = 0


class Run:
    """The hooks that are called around tests, registered once a test needs them."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._settings = Settings(config)
        self._blocks = blocks(config)
        self._account = account_of(config)
        self._test: _Test | None = None
        self._broken: ReplayError | None = None
        self._open: list[OpenSession] = []  # the last one answers, the others wait for it to end
        self._left: list[tuple[OpenSession, bool]] = []
        self._finished = False
        self._server: ReplayServer | None = None
        try:
            self._rehearsal = Rehearsal(config)
            installation.hold(self._ended)
        except ReplayError as error:
            raise pytest.UsageError(str(error)) from None
        config.add_cleanup(clear_cache)
        config.add_cleanup(lambda: installation.release(self._ended))

    def session_of(self, item: pytest.Item) -> OpenSession:
        """The running test's session, opened if it has none that answers.

        Raises:
            ConfigError: the settings cannot be used.
        """
        test = self._test
        if test is None:
            test = self._begin(item, self._settings.of(item).session())
        return test.session

    def server(self) -> ReplayServer:
        """The run's replay server, started when it is first asked for.

        Raises:
            ConfigError: the extra ``server`` is not installed.
        """
        if self._server is None:
            from replay.testing.server_fixture import ReplayServer

            self._server = ReplayServer(self._named)
            self._config.add_cleanup(self._server.stop)
            self._lend()
        return self._server

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Open the session. Comes after skip marks are looked at, and before all fixtures."""
        self._test = None
        self._rehearsal.begin()
        try:
            if wants(item):
                self._begin(item, self._settings.of(item).session())
            elif self._blocks:
                blocked = open_session(resolve(mode="none"), first=[_Blocked(item.nodeid)])
                self._begin(item, blocked, blocked=True)
        except ReplayError as error:
            self._broken = error
            raise
        finally:
            current_session.resume()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
        """Tie an async test's own context to its session: its loop may be older than that."""
        test, function = self._test, pyfuncitem.obj
        if test is None or not inspect.iscoroutinefunction(function):
            return (yield)

        @functools.wraps(function)
        async def inside(*args: Any, **kwargs: Any) -> Any:
            before = current_session.current.get()
            current_session.current.set(test.session)
            try:
                return await function(*args, **kwargs)
            finally:
                current_session.current.set(before)

        pyfuncitem.obj = inside
        try:
            return (yield)
        finally:
            pyfuncitem.obj = function

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, Any, Any]:
        """Give a fixture of a wider scope a session of its own."""
        test = self._test
        if fixturedef.scope == "function" or test is None or test.blocked:
            return (yield)
        session = self._noting(self._session_for(request.node, test.item))
        # Finalizers run backwards: around the fixture's own, the session is entered and left.
        failed: list[bool] = []
        fixturedef.addfinalizer(lambda: self._leave_fixture(session, failed=any(failed)))
        self._enter(session, wide=True)
        try:
            return (yield)
        except BaseException:  # skips and exits are none
            failed.append(True)
            raise
        finally:
            failed.append(bool(session.refusals))
            self._leave_fixture(session)
            fixturedef.addfinalizer(lambda: self._enter(session, wide=True))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Close the session, after all fixtures."""
        try:
            result = yield
        except BaseException:  # skips and exits are none
            if self._test is not None:
                self._test.failed = True
                self._close(self._test)
            self._close_fixtures(failed=True)
            raise
        if self._test is not None:
            self._close(self._test)
        self._close_fixtures(failed=False)
        return result

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Turn a refusal into the test's failure; below a failure of its own, say it too."""
        test = self._test
        if call.when == "teardown":
            self._test = None
        if test is not None:
            self._take(test)
        if call.excinfo is None and (test is None or not test.refusals):
            self._broken = None
            return
        raised = call.excinfo.value if call.excinfo is not None else None
        refused = refusal_in(raised)
        fresh = test.refusals if test is not None else []
        # Out of a pool of threads it comes as itself.
        plain = next((error for error, _ in fresh if error is raised), None)
        refusal = plain if refused is None else refused.error
        if refusal is not None and raised is not None:
            lines = next((lines for error, lines in fresh if error is refusal), [])
            if isinstance(raised, BaseExceptionGroup):
                # CPython 3.11 fails with a SystemError in pytest's reading of the source if it
                # happens to collect what a task group left behind while it does so.
                gc.collect()
            trace = (refused or refusal).__traceback__
            call.excinfo = failure(refusal, trace, lines, self._config)
        elif raised is not None and raised is self._broken:
            call.excinfo = failure(self._broken, None, [], self._config)
        elif fresh and (raised is None or isinstance(raised, pytest.skip.Exception)):
            error = swallowed([error for error, _ in fresh])
            call.excinfo = failure(error, None, fresh[0][1], self._config)
        elif fresh:
            if not self._config.option.fulltrace:
                user_frames.keep_users_lines(raised)
            item.add_report_section(call.when, "replay", told([error for error, _ in fresh]))
        fresh.clear()
        self._broken = None
        if call.excinfo is not None:
            self._rehearsal.tell(item, call, test.session if test is not None else None)
            if test is not None:
                test.failed = True
            if isinstance(call.excinfo.value, pytest.skip.Exception) and (
                wants(item) or getattr(getattr(item, "obj", None), "replay_wrapped", False)
            ):
                self._account.skipped += 1

    def pytest_sessionfinish(self) -> None:
        """Write what was read of answers. Comes before the account is settled."""
        current_session.resume()
        self._finished = True
        self._account.add_refusals(())
        self._account.notes.update(self._rehearsal.finish())

    def _begin(self, item: pytest.Item, session: OpenSession, *, blocked: bool = False) -> _Test:
        test = _Test(item, self._noting(session), blocked)
        test.before = current_session.current.get()
        self._enter(test.session)
        self._test = test
        return test

    def _session_for(self, scope: pytest.Item | pytest.Collector, item: pytest.Item) -> OpenSession:
        # The markers of the fixture's own class or module; without any, those of the test.
        with suppress(ConfigError):
            if scope.get_closest_marker(MARKER) is not None:
                return self._settings.of(scope).session()
        return self._settings.of(item).session()

    def _named(self) -> OpenSession | None:
        # What a test's server refuses is the test's, in whichever of its sessions.
        test = self._test
        if test is None or test.blocked:
            return None
        session = self._settings.of(test.item).session()
        session.refusals = test.session.refusals
        return session

    def _lend(self) -> None:
        if self._server is not None:
            self._server.lend(self._open[-1] if self._open else None)

    def _end_named(self, *, failed: bool) -> None:
        if self._server is not None:
            for session in self._server.end_named(failed=failed):
                session.refusals = []
                self._account.add(session)

    def _close(self, test: _Test) -> None:
        # Whoever belongs to no test, and would be answered by the next, waits for it.
        current_session.pause(test.session.config.api_base)
        self._leave(test.session)
        self._take(test)
        current_session.current.set(
            test.before if test.before in current_session.open_sessions() else None
        )
        failed = test.failed or bool(test.session.refusals)
        try:
            try:
                self._end_named(failed=failed)
            finally:
                test.session.close(failed=failed)
        finally:
            self._account.add(test.session, library=not test.blocked)
            if not test.blocked:
                self._account.notes.update(self._rehearsal.exempt(test.session))

    @staticmethod
    def _noting(session: OpenSession) -> OpenSession:
        session.refusals = Refusals()
        return session

    @staticmethod
    def _take(test: _Test) -> None:
        refusals = test.session.refusals
        if len(refusals) == test.taken:
            return
        for error in refusals[test.taken :]:
            assert isinstance(refusals, Refusals)  # noqa: S101 - made by _noting
            test.refusals.append((error, refusals.lines(error)))
        test.taken = len(refusals)

    def _enter(self, session: OpenSession, *, wide: bool = False) -> None:
        before = self._open[-1] if self._open else None
        self._open.append(session)
        self._lend()
        if before is None:
            installation.enter(session)
        else:
            current_session.pause(before.config.api_base)
            installation.leave(before, None)
            installation.enter(session)
            current_session.resume()
        if wide:
            # Loops and threads that outlive this test are not tied to one session: as long as a
            # single one is open, that one answers them.
            current_session.current.set(None)

    def _leave(self, session: OpenSession) -> None:
        self._open.remove(session)
        self._lend()
        if not self._open:
            installation.leave(session, None)
        else:
            waiting = self._open[-1]
            current_session.pause(session.config.api_base)
            installation.leave(session, None)
            installation.enter(waiting)
            current_session.resume()
            if self._test is None or waiting is not self._test.session:
                current_session.current.set(None)

    def _leave_fixture(self, session: OpenSession, *, failed: bool | None = None) -> None:
        """Leave a wide fixture's session; for good where it is said whether its set-up failed."""
        self._leave(session)
        refusals = session.refusals
        if self._test is not None and isinstance(refusals, Refusals):
            self._test.refusals += [(error, refusals.lines(error)) for error in refusals]
        if failed is not None:
            self._left.append((session, failed or bool(refusals)))
            if self._finished:  # a run that is broken off ends its fixtures outside of tests
                self._close_fixtures(failed=False)
        else:
            self._account.add_refusals(refusals)
            session.refusals = Refusals()

    def _close_fixtures(self, *, failed: bool) -> None:
        """Close what wide fixtures left: only here it is known whether their ends failed."""
        while self._left:
            session, broken = self._left.pop(0)
            try:
                session.close(failed=failed or broken)
            finally:
                self._account.add(session)

    def _ended(self, session: OpenSession) -> None:
        # Sessions of `use_cassettes` count too; our own are counted when they are closed.
        if session not in self._open and not isinstance(session.refusals, Refusals):
            self._account.add(session)
            self._rehearsal.ended(session)
            self._account.notes.update(self._rehearsal.exempt(session))
