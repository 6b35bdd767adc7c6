"""What every test has: a clean environment, a stand-in for the API, a library of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.standin import StandIn

from replay.intercept import current_session
from replay.testing import decorator

_TESTS = str(Path(__file__).parent)


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
    project_of = decorator._project_of
    monkeypatch.setattr(
        decorator, "_project_of", lambda file: "" if file.startswith(_TESTS) else project_of(file)
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


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A directory for a library; not made yet."""
    return tmp_path / "cassettes"
