"""The sessions of a test run: each marked test has one, from before its fixtures to after them.

The hooks in HTTP clients are installed once, and stay for the run. A fixture of a wider scope has a
session of its own, open while it is set up and while it is torn down. So a test's session is the
same whether or not the test is the first to need the fixture.
"""

from __future__ import annotations

import functools
import gc
import inspect
import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from replay.config import Config, resolve
from replay.errors import CallRefused, ConfigError, ReplayError
from replay.intercept import current_session, elsewhere, installation, network_warning
from replay.intercept.unittest import refusal_in
from replay.intercept.user_frames import Line, Place
from replay.library.library import clear_cache
from replay.model.cassette import Request
from replay.session.session import OpenSession, open_session
from replay.session.store import Served
from replay.testing import frozen_clock, recording_age
from replay.testing.decorator import swallowed
from replay.testing.drift_hints import DriftHints
from replay.testing.markers import MarkerSettings
from replay.testing.options import MARKER, blocks_network, needs_session
from replay.testing.scenarios import scenario_of, scenario_of_fixture
from replay.testing.stand_in_hints import stand_in_text
from replay.testing.summary import summary_of
from replay.testing.tracebacks import RefusalLog, drop_repetition, excinfo_of, refusals_text

if TYPE_CHECKING:
    from replay.session.scenario.store import ScenarioOptions, ScenarioStore
    from replay.testing.server_fixture import ReplayServer


class _RefuseAll:
    """The store of a test that is not marked: it refuses every call."""

    fetches = False

    def __init__(self, test: str) -> None:
        self._test = test

    def next(self, request: Request) -> NoReturn:
        """As `Store`."""
        raise CallRefused(
            "a test that is not marked called the API, and calls are blocked",
            where=self._test,
            hint="mark it with @pytest.mark.cassettes, or let unmarked tests go online: "
            "replay_block_network = false in pytest's configuration",
        )

    def after_fork(self) -> None:
        """As `Store`."""

    def served(self) -> Iterator[Served]:
        """As `Store`."""
        return iter(())

    def close(self, *, failed: bool) -> None:
        """As `Store`."""


class _Test:
    """A running test that has a session.

    Attributes:
        item: the test.
        session: what answers its calls.
        blocked: whether it is not marked, so that its session refuses every call.
        before: the session that the context had before.
        refusals: the refusals of its sessions that no report has yet.
        failed: whether its set-up, call or teardown failed.
        collected: how many of the session's refusals are in `refusals`, or were.
        clock: its frozen clock, if it has one.
    """

    def __init__(self, item: pytest.Item, session: OpenSession, blocked: bool) -> None:
        self.item = item
        self.session = session
        self.blocked = blocked
        self.before: OpenSession | None = None
        self.refusals: list[tuple[ReplayError, list[Line]]] = []
        self.failed = False
        self.collected = 0
        self.clock = ExitStack()


class Run:
    """pytest's hooks around tests. They are registered when a test of the run needs them.

    One session answers at a time. While a wider fixture is set up or torn down, its session answers
    in place of the test's, which then goes on. Between two of them there is a pause, in which calls
    of other threads wait.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._settings = MarkerSettings(config)
        self._blocks = blocks_network(config)
        self._max_age = recording_age.limit_of(config)
        self._blocking: Config | None = None
        self._summary = summary_of(config)
        self._test: _Test | None = None
        self._setup_error: ReplayError | None = None
        self._open: list[OpenSession] = []  # the last one answers; the others go on when it ends
        self._ended_fixtures: list[tuple[OpenSession, bool]] = []
        self._finished = False
        self._fixture_scenarios: list[ScenarioStore] = []
        self._server: ReplayServer | None = None
        try:
            self._drift_hints = DriftHints(config)
            installation.hold(self._ended)
        except ReplayError as error:
            raise pytest.UsageError(str(error)) from None
        if not self._blocks:
            elsewhere.listeners.append(self._went_online)
            config.add_cleanup(lambda: elsewhere.listeners.remove(self._went_online))
        config.add_cleanup(clear_cache)
        config.add_cleanup(lambda: installation.release(self._ended))

    def session_of(self, item: pytest.Item) -> OpenSession:
        """The running test's session; opened now, if the test has none yet.

        Raises:
            ConfigError: the settings cannot be used.
        """
        test = self._test
        if test is not None and test.blocked:
            self._close(test)  # it asks for a fixture of replay's after all
            test = None
        if test is None:
            test = self._begin(item, self._settings.session_of(item, scenario_of(item)))
        return test.session

    def server(self) -> ReplayServer:
        """The run's replay server, started when it is first asked for.

        Raises:
            ConfigError: the extra ``server`` is not installed.
        """
        if self._server is None:
            from replay.testing.server_fixture import ReplayServer

            self._server = ReplayServer(self._open_named)
            self._config.add_cleanup(self._server.stop)
            self._update_server()
        return self._server

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Open the test's session: after its skip marks were looked at, before all fixtures."""
        self._test = None
        self._drift_hints.begin()
        try:
            if needs_session(item):
                self._begin(item, self._settings.session_of(item, scenario_of(item)))
            elif self._blocks:
                if self._blocking is None:
                    self._blocking = resolve(mode="none")
                blocked = open_session(self._blocking, first=[_RefuseAll(item.nodeid)])
                self._begin(item, blocked, blocked=True)
        except ReplayError as error:
            self._setup_error = error
            raise
        finally:
            current_session.resume()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
        """Give an async test its session: its loop may be older, with a context of its own."""
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
        scenario = scenario_of_fixture(fixturedef, request, self._settings)
        session = self._with_log(self._session_for(request.node, test.item, scenario))
        self._hold_fixture(session, fixturedef)
        # Finalizers run in reverse order: the session is entered before the fixture's own, and left
        # after them.
        failed: list[bool] = []
        fixturedef.addfinalizer(lambda: self._leave_fixture(session, failed=any(failed)))
        self._enter(session, wider=True)
        try:
            return (yield)
        except BaseException:  # skips and exits are none
            failed.append(True)
            raise
        finally:
            failed.append(bool(session.refusals))
            self._leave_fixture(session)
            fixturedef.addfinalizer(lambda: self._enter(session, wider=True))

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
        """Make a refusal the test's failure; if the test failed by itself, add it to the report.

        Then `tracebacks.report_refusal` is called.
        """
        test = self._test
        if call.when == "teardown":
            self._test = None
        if test is not None:
            self._collect(test)
        drop_repetition(call)
        if call.excinfo is None and (test is None or not test.refusals):
            self._setup_error = None
            return
        raised = call.excinfo.value if call.excinfo is not None else None
        refused = refusal_in(raised)
        unreported = test.refusals if test is not None else []
        # A pool of threads raises the refusal itself, without `Refused` around it.
        plain = next((error for error, _ in unreported if error is raised), None)
        refusal = plain if refused is None else refused.error
        if refusal is not None and raised is not None:
            lines = next((lines for error, lines in unreported if error is refusal), [])
            if plain is not None or isinstance(raised, BaseExceptionGroup):
                # Out of a shared runner of anyio it comes as itself, also from a task group.
                # CPython 3.11 fails with a SystemError in pytest's reading of the source if it
                # happens to collect what a task group left behind while it does so.
                gc.collect()
            trace = (refused or refusal).__traceback__
            call.excinfo = excinfo_of(refusal, trace, lines, self._config)
        elif raised is not None and raised is self._setup_error:
            call.excinfo = excinfo_of(self._setup_error, None, [], self._config)
        elif unreported and (raised is None or isinstance(raised, pytest.skip.Exception)):
            error = swallowed([error for error, _ in unreported])
            call.excinfo = excinfo_of(error, None, unreported[0][1], self._config)
        elif unreported:
            item.add_report_section(
                call.when, "replay", refusals_text([error for error, _ in unreported])
            )
        unreported.clear()
        self._setup_error = None
        if call.excinfo is not None:
            self._drift_hints.add_to_report(item, call, test.session if test is not None else None)
            if test is not None:
                test.failed = True
                if stand_in := stand_in_text(call.excinfo.value):
                    item.add_report_section(call.when, "replay stand-ins", stand_in)
            if isinstance(call.excinfo.value, pytest.skip.Exception) and (
                needs_session(item) or getattr(getattr(item, "obj", None), "replay_wrapped", False)
            ):
                self._summary.skipped += 1

    def pytest_sessionfinish(self) -> None:
        """Write which fields were read. This comes before the entry module finishes the summary."""
        current_session.resume()
        self._finished = True
        self._summary.add_refusals(())
        self._summary.notes.update(self._drift_hints.finish())

    def _went_online(self) -> None:
        self._summary.unmarked += 1

    def _begin(self, item: pytest.Item, session: OpenSession, *, blocked: bool = False) -> _Test:
        freeze = False if blocked else self._settings.of(item).freeze
        when = frozen_clock.moment(freeze, session) if freeze is not False else None
        file, line, _ = item.reportinfo()
        network_warning.found(Place(os.fspath(file), (line or 0) + 1))
        if session.scenario is not None:
            session.scenario.outer = lambda: self._fixture_scenarios
        test = _Test(item, self._with_log(session), blocked)
        test.before = current_session.current.get()
        self._enter(test.session)
        if when is not None:
            test.clock.enter_context(frozen_clock.frozen(when))
        self._test = test
        if blocked:
            self._update_server()
        return test

    def _hold_fixture(self, session: OpenSession, fixture: pytest.FixtureDef[Any]) -> None:
        """Let tests and other fixtures name the IDs that a fixture's scenario makes."""
        store = session.scenario
        if store is not None:
            store.outer = lambda: [one for one in self._fixture_scenarios if one is not store]
            self._fixture_scenarios.append(store)
            fixture.addfinalizer(lambda: self._fixture_scenarios.remove(store))

    def _session_for(
        self, scope: pytest.Item | pytest.Collector, item: pytest.Item, scenario: ScenarioOptions
    ) -> OpenSession:
        # The markers of the fixture's own class or module; without any, those of the test.
        with suppress(ConfigError):
            if scope.get_closest_marker(MARKER) is not None:
                return self._settings.session_of(scope, scenario)
        return self._settings.session_of(item, scenario)

    def _open_named(self, scenario: ScenarioOptions | None) -> OpenSession | None:
        # What the server refuses to the test's programs counts as the test's refusals.
        test = self._test
        if test is None or test.blocked:
            return None
        settings = self._settings.of(test.item)
        named = scenario or scenario_of(test.item)
        session = settings.session(named, writes=scenario is not None)
        session.refusals = test.session.refusals
        return session

    def _update_server(self) -> None:
        if self._server is not None:
            blocked = self._test is not None and self._test.blocked
            self._server.set_default(self._open[-1] if self._open and not blocked else None)

    def _end_named(self, *, failed: bool) -> None:
        if self._server is not None:
            for session in self._server.end_named(failed=failed):
                session.refusals = []
                self._summary.add(session)

    def _close(self, test: _Test) -> None:
        test.clock.close()
        # Threads that belong to no test wait for the next test, which will answer them.
        current_session.pause(test.session.config.api_base)
        self._leave(test.session)
        self._collect(test)
        current_session.restore(test.before)
        failed = test.failed or bool(test.session.refusals)
        try:
            try:
                self._end_named(failed=failed)
            finally:
                test.session.close(failed=failed)
        finally:
            self._summary.add(test.session, library=not test.blocked)
            if not test.blocked:
                old = recording_age.too_old(test.session, self._max_age)
                if old:
                    self._summary.old[test.item.nodeid] = old
                self._summary.notes.update(self._drift_hints.exemptions(test.session))

    @staticmethod
    def _with_log(session: OpenSession) -> OpenSession:
        session.refusals = RefusalLog()
        return session

    @staticmethod
    def _collect(test: _Test) -> None:
        refusals = test.session.refusals
        if len(refusals) == test.collected:
            return
        for error in refusals[test.collected :]:
            assert isinstance(refusals, RefusalLog)  # noqa: S101 - made by _with_log
            test.refusals.append((error, refusals.lines(error)))
        test.collected = len(refusals)

    def _enter(self, session: OpenSession, *, wider: bool = False) -> None:
        before = self._open[-1] if self._open else None
        self._open.append(session)
        self._update_server()
        if before is None:
            installation.enter(session)
        else:
            current_session.pause(before.config.api_base)
            installation.leave(before, None)
            installation.enter(session)
            current_session.resume()
        if wider:
            # Loops and threads that the fixture starts outlive this test. So they get no session of
            # their own: the only session that is open answers them.
            current_session.current.set(None)

    def _leave(self, session: OpenSession) -> None:
        self._open.remove(session)
        self._update_server()
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
        """Leave a wider fixture's session; for good if `failed` says whether its set-up failed."""
        self._leave(session)
        refusals = session.refusals
        if self._test is not None and isinstance(refusals, RefusalLog):
            self._test.refusals += [(error, refusals.lines(error)) for error in refusals]
        if failed is not None:
            self._ended_fixtures.append((session, failed or bool(refusals)))
            if self._finished:  # an interrupted run tears its fixtures down outside of tests
                self._close_fixtures(failed=False)
        else:
            self._summary.add_refusals(refusals)
            session.refusals = RefusalLog()

    def _close_fixtures(self, *, failed: bool) -> None:
        """Close the sessions of wider fixtures: only now is it known whether a teardown failed."""
        while self._ended_fixtures:
            session, broken = self._ended_fixtures.pop(0)
            try:
                session.close(failed=failed or broken)
            finally:
                self._summary.add(session)

    def _ended(self, session: OpenSession) -> None:
        # Sessions of `use_cassettes` count, too. Those of tests are counted when they are closed.
        if session not in self._open and not isinstance(session.refusals, RefusalLog):
            self._summary.add(session)
            self._drift_hints.ended(session)
            self._summary.notes.update(self._drift_hints.exemptions(session))
