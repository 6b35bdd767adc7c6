"""What every test has: a clean environment, a stand-in for the API, a library of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from support import authorities, proof
from support.standin import StandIn

from replay.intercept import current_session
from replay.testing import decorator

_TESTS = str(Path(__file__).parent)

assert proof  # imported for its profile of hypothesis, which knows no deadline
authorities.leave_out()


WAITING = (
    "asyncio", "concurrent", "multiprocessing", "signal", "subprocess", "threading", "time",
    "anyio", "trio", "support.suites", "support.forks", "support.waiting", "support.paced",
)  # fmt: skip
"""A test module that imports one of these, or a name from one of these, has tests that wait."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of modules that can wait for something: `make stress` repeats them."""
    for item in items:
        if isinstance(item, pytest.Function) and _waits(item.module):
            item.add_marker("waits")


@cache
def _waits(module: ModuleType) -> bool:
    found = (
        value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        for value in vars(module).values()
    )
    return any((name or "").startswith(WAITING) for name in found if isinstance(name, str))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine reaches a test, and no configuration file of the checkout."""
    for name in (
        "CI", "REPLAY_MODE", "REPLAY_LIBRARY", "REPLAY_API_VERSION", "STRIPE_API_BASE",
        "STRIPE_API_KEY", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_COLOR",
        "http_proxy", "https_proxy", "all_proxy",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REPLAY_RUN", "")  # each test is a run of its own
    monkeypatch.chdir(tmp_path)
    # A relative library is the test's own folder, not the samples beside the checkout's pyproject.
    project_of = decorator.project_of
    monkeypatch.setattr(
        decorator, "project_of", lambda file: "" if file.startswith(_TESTS) else project_of(file)
    )


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_is_heard() -> None:
    """A shell lets what it starts in the background ignore Ctrl-C, and that is inherited."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def hooks_are_out() -> Iterator[None]:
    """No test leaves a session open."""
    yield
    assert () == current_session.open_sessions()


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """A stand-in for the live API on loopback."""
    with StandIn() as server:
        yield server


@pytest.fixture(params=["as here", "as in Python 3.14"])
def every_path_lib(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With this Python's pathlib, and with one whose questions hide what the system refuses."""
    if request.param == "as here":
        return
    for method, function in (
        ("is_file", os.path.isfile), ("is_dir", os.path.isdir), ("exists", os.path.exists),
    ):  # fmt: skip
        monkeypatch.setattr(Path, method, lambda self, function=function: function(self))


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A directory for a library; not made yet."""
    return tmp_path / "cassettes"
