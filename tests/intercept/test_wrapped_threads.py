"""Threads whose `run` tracing tools wrap too: they run, inside the session that started them."""

from __future__ import annotations

import contextvars
import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from support.clients import HEADERS
from support.standin import DRAFT, StandIn

import replay

Start = Callable[[threading.Thread], None]


def _sentry(start: Start) -> Start:
    # As sentry_sdk.integrations.threading: the function below the method, called with the thread.
    def sentry_start(thread: Any) -> None:
        old = getattr(thread.run, "__func__", thread.run)

        @functools.wraps(old)
        def run(*args: Any, **kwargs: Any) -> Any:
            return old(threading.current_thread(), *args[1:], **kwargs)

        thread.run = run
        start(thread)

    return sentry_start


def _streamlit(start: Start) -> Start:
    # The context of who starts a thread, as its users are told to hand it over.
    def start_in_context(thread: Any) -> None:
        thread.run = functools.partial(contextvars.copy_context().run, thread.run)
        start(thread)

    return start_in_context


def _method(start: Start) -> Start:
    def start_method(thread: Any) -> None:
        run = thread.run.__func__ if hasattr(thread.run, "__func__") else None

        def traced(own: Any) -> Any:
            return run(own) if run is not None else None

        thread.run = traced.__get__(thread)
        start(thread)

    return start_method


def _on_the_class(start: Start) -> Start:
    # As OpenTelemetry and ddtrace: the thread is marked when it starts, the class's `run` looks.
    def start_marked(thread: Any) -> None:
        thread.trace = "here"
        start(thread)

    return start_marked


WAYS = {
    "sentry": _sentry,
    "streamlit": _streamlit,
    "a method": _method,
    "opentelemetry and ddtrace": _on_the_class,
}


class Asks(threading.Thread):
    """A thread with a `run` of its own."""

    def __init__(self, url: str, found: list[str]) -> None:
        super().__init__()
        self.url, self.found = url, found

    def run(self) -> None:
        """Ask for the invoice."""
        self.found.append(requests.get(self.url, headers=HEADERS, timeout=5).json()["id"])


@pytest.mark.parametrize("first", [True, False], ids=["before the session", "inside"])
@pytest.mark.parametrize("wrap", WAYS.values(), ids=WAYS)
def test_a_thread_that_others_wrap_runs_in_the_session_that_started_it(
    wrap: Callable[[Start], Start], first: bool, stand_in: StandIn, library: Path,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Whoever came first; a thread of a subclass too. Another open session is not asked."""
    url = f"{stand_in.url}/v1/invoices/{DRAFT}"
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        requests.get(url, headers=HEADERS, timeout=5)
    stand_in.hits.clear()
    (tmp_path / "empty").mkdir()
    found: list[str] = []

    def patch() -> None:
        monkeypatch.setattr(threading.Thread, "start", wrap(threading.Thread.start))
        run = threading.Thread.run
        monkeypatch.setattr(threading.Thread, "run", lambda thread: run(thread))

    if first:
        patch()
    with (
        replay.use_cassettes(tmp_path / "empty", api_base=stand_in.url),
        replay.use_cassettes(library, api_base=stand_in.url) as session,
    ):
        if not first:
            patch()
        plain = threading.Thread(target=Asks(url, found).run)
        for thread in (plain, Asks(url, found)):
            thread.start()
            thread.join(10)
        monkeypatch.undo()
    assert [DRAFT] * 2 == found
    assert 2 == session.counts.played
    assert not stand_in.hits
