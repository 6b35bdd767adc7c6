"""What decorated code may do besides: work that comes later, cleanups, other folders, threads."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import runpy
import sys
import threading
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from support.clients import HEADERS
from support.standin import DRAFT, StandIn, generated
from support.suites import Suite

import replay
from replay.intercept import current_session
from replay.testing import wrap

ABSENT = generated("in", "absent")


@pytest.fixture
def recorded(stand_in: StandIn, library: Path) -> Path:
    """A library with one invoice; the source goes on and counts."""
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        ask(stand_in, DRAFT)
    stand_in.hits.clear()
    return library


def ask(stand_in: StandIn, id: str) -> Any:
    """Ask the live source for an invoice."""
    url = f"{stand_in.url}/v1/invoices/{id}"
    return requests.get(url, headers=HEADERS, timeout=5).json()


def timed(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator as people write them."""

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        return function(*args)

    return call


def test_below_another_decorator_an_async_function_has_its_session(
    stand_in: StandIn, recorded: Path
) -> None:
    """What comes back is awaited in a session, and nothing arrives."""

    @replay.use_cassettes(recorded, api_base=stand_in.url)
    @timed
    async def fetch(id: str) -> Any:
        return ask(stand_in, id)["id"]

    assert DRAFT == asyncio.run(fetch(DRAFT))
    with pytest.raises(replay.CassetteNotFound):
        asyncio.run(fetch(ABSENT))
    assert {} == stand_in.hits


def test_what_is_awaitable_is_awaited_in_a_session(stand_in: StandIn, recorded: Path) -> None:
    """Also an object that is no coroutine; a future comes back as it is."""

    class Later:
        def __await__(self) -> Any:
            yield from ()
            return ask(stand_in, DRAFT)["id"]

    future: asyncio.Future[int] = asyncio.new_event_loop().create_future()
    opened = replay.use_cassettes(recorded, api_base=stand_in.url)
    assert DRAFT == asyncio.run(opened(lambda: Later())())
    assert opened(lambda: future)() is future
    future.get_loop().close()
    assert {} == stand_in.hits


def later(stand_in: StandIn) -> list[Callable[[], Any]]:
    """Functions whose work comes after they returned."""

    @timed
    def generator() -> Iterator[Any]:
        yield ask(stand_in, ABSENT)

    @contextlib.contextmanager
    def block() -> Iterator[Any]:
        yield ask(stand_in, ABSENT)

    @contextlib.asynccontextmanager
    async def async_block() -> Any:
        yield ask(stand_in, ABSENT)

    return [generator, block, async_block]


@pytest.mark.parametrize("n", range(3))
def test_work_after_the_session_is_refused(stand_in: StandIn, recorded: Path, n: int) -> None:
    """A generator or block that another decorator gives back would run without a session."""
    decorated = replay.use_cassettes(recorded, api_base=stand_in.url)(later(stand_in)[n])
    with pytest.raises(replay.ConfigError, match="after the session"):
        decorated()
    assert {} == stand_in.hits


@pytest.mark.parametrize("base", [unittest.TestCase, unittest.IsolatedAsyncioTestCase])
def test_cleanups_are_called_in_a_session(stand_in: StandIn, recorded: Path, base: Any) -> None:
    """Of a test and of a class: answered or refused, and the run goes on either way."""
    seen: list[str] = []

    def clean_up(who: str, id: str) -> None:
        seen.append(f"{who} {ask(stand_in, id)['id']}")

    @replay.use_cassettes(recorded, api_base=stand_in.url)
    class Case(base):  # type: ignore[misc]  # either of two
        @classmethod
        def setUpClass(cls) -> None:
            cls.addClassCleanup(clean_up, "class", DRAFT)

        def test_answered(self) -> None:
            self.addCleanup(clean_up, "test", DRAFT)

        def test_refused(self) -> None:
            self.addCleanup(clean_up, "refused", ABSENT)
            self.addCleanup(clean_up, "first", DRAFT)

    class Other(Case):
        @classmethod
        def setUpClass(cls) -> None:
            cls.addClassCleanup(clean_up, "other", DRAFT)
            cls.addClassCleanup(clean_up, "class", ABSENT)

    loader, result = unittest.defaultTestLoader, unittest.TestResult()
    unittest.TestSuite(map(loader.loadTestsFromTestCase, (Other, Case))).run(result)
    assert (4, 3) == (result.testsRun, len(result.errors))
    assert all("is not recorded" in text for _, text in result.errors), result.errors
    assert ["test", "first", "other", "test", "first", "class"] == [who.split()[0] for who in seen]
    assert {} == stand_in.hits


def test_async_cleanups_are_called_in_a_session(stand_in: StandIn, recorded: Path) -> None:
    """What `addAsyncCleanup` was given, too."""

    async def clean_up() -> None:
        ask(stand_in, ABSENT)

    @replay.use_cassettes(recorded, api_base=stand_in.url)
    class Case(unittest.IsolatedAsyncioTestCase):
        async def test_it(self) -> None:
            self.addAsyncCleanup(clean_up)

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert "is not recorded" in result.errors[0][1]
    assert {} == stand_in.hits


def test_another_working_directory_changes_nothing(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Library, configuration and policy are those of where the function was decorated."""
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir()
    away.mkdir()
    (home / "replay.toml").write_text("pseudonymise_ids = true\n")
    (home / "replay-policy.toml").write_text('[[redact]]\ntype = "invoice"\npath = "status"\n')
    monkeypatch.chdir(home)
    (home / "suite.py").write_text(
        "import replay\ndef open(**given): return replay.use_cassettes('cassettes', **given)\n"
    )
    suite = runpy.run_path(str(home / "suite.py"))
    decorated = suite["open"](mode="once", api_base=stand_in.url)
    monkeypatch.setenv("REPLAY_LIBRARY", "others")
    by_environment = replay.use_cassettes(mode="once", api_base=stand_in.url)
    monkeypatch.chdir(away)
    for opened in (decorated, by_environment):
        with opened as session:
            ask(stand_in, DRAFT)
        assert session.config.pseudonymise_ids
        assert str(home / "replay-policy.toml") == session.config.policy
    assert [] == list(away.iterdir())
    kept = list(home.rglob("*.yaml"))
    assert 2 == len(kept)
    assert not any(DRAFT in str(path) or DRAFT in path.read_text() for path in kept)


@pytest.mark.parametrize("option", ["allow_live", "keep_errors"])
@pytest.mark.parametrize("value", ["false", "no", 0, None])
def test_a_switch_is_true_or_false(recorded: Path, option: str, value: Any) -> None:
    """No text counts as true."""
    with pytest.raises(replay.ConfigError, match="neither True nor False") as raised:
        replay.use_cassettes(recorded, **{option: value})
    assert f"write {option}=True" in raised.value.hint


def test_a_swallowed_refusal_keeps_the_old_takes(stand_in: StandIn, library: Path) -> None:
    """Mode `all` replaces a file by complete takes only, even if the test caught the refusal."""
    with replay.use_cassettes(library, mode="new_episodes", api_base=stand_in.url):
        ask(stand_in, DRAFT)
    (file,) = library.rglob("*.yaml")
    before = file.read_bytes()
    stand_in.add_invoice(DRAFT, status="open")

    @replay.use_cassettes(library, mode="all", api_base=stand_in.url)
    def swallow() -> None:
        assert "open" == ask(stand_in, DRAFT)["status"]
        with contextlib.suppress(replay.Refused):
            requests.post(f"{stand_in.url}/v1/invoices", timeout=5)

    with pytest.raises(replay.CallRefused):
        swallow()
    assert before == file.read_bytes()


def test_threads_that_share_an_object_leave_their_own_sessions(recorded: Path) -> None:
    """One `use_cassettes(…)` entered from many threads at once."""
    shared, failed = replay.use_cassettes(recorded), []
    interval = sys.getswitchinterval()

    def enter_and_leave() -> None:
        try:
            for _ in range(200):
                with shared as session:
                    assert current_session.current.get() is session
                assert session not in current_session.open_sessions()
        except Exception as error:  # noqa: BLE001 - shown below
            failed.append(error)

    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=enter_and_leave) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert ([], ()) == (failed, current_session.open_sessions())


@pytest.mark.parametrize("arguments", ["self", "self, method"])
def test_what_pytest_calls_around_tests_has_as_many_arguments_as_before(
    arguments: str, tmp_path: Path
) -> None:
    """pytest looks at the code of `setup_method` and its like, to see what it takes."""
    suite = Suite(tmp_path / "suite")
    (suite.folder / "cassettes").mkdir()
    suite.write(f"""
        done = []

        @replay.use_cassettes("cassettes")
        class TestIt:
            @classmethod
            def setup_class(cls):
                done.append("class")

            def setup_method({arguments}):
                done.append("method")

            def teardown_method({arguments}):
                done.append("torn")

            def test_a(self):
                assert done == ["class", "method"]

            @classmethod
            def teardown_class(cls):
                assert done == ["class", "method", "torn"]
    """)
    assert {"passed": 1} == suite.run().outcomes


def test_above_a_static_method() -> None:
    """The decorator may stand above staticmethod and classmethod too."""
    opened = []

    class Opened: ...

    @contextmanager
    def opens(_test: str) -> Iterator[Any]:
        opened.append(1)
        yield Opened()

    class Of:
        one = wrap.wrapped(opens, staticmethod(lambda n: n))
        two = wrap.wrapped(opens, classmethod(lambda cls, n: (cls, n)))

    assert (1, (Of, 2)) == (Of.one(1), Of.two(2))
    assert [1, 1] == opened
