"""What is recorded bears the real date, whatever Python says the time is."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest
import requests
from support.clients import HEADERS
from support.standin import DRAFT, StandIn

import replay
from replay.library import Library
from replay.recording import clock

FROZEN = 1_924_992_000.0


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> float:
    """The time before Python's clocks were frozen at 2031, as freezegun does it."""
    before, gmtime = time.time(), time.gmtime
    monkeypatch.setattr(time, "time", lambda: FROZEN)
    monkeypatch.setattr(time, "time_ns", lambda: int(FROZEN * 1e9))
    monkeypatch.setattr(time, "clock_gettime", lambda _clock: FROZEN)
    monkeypatch.setattr(time, "gmtime", lambda when=FROZEN: gmtime(when))
    return before


def test_a_frozen_clock_is_not_evidence(real: float, stand_in: StandIn, library: Path) -> None:
    """The take of a test that froze the clock says when it was recorded."""
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        requests.get(f"{stand_in.url}/v1/invoices/{DRAFT}", headers=HEADERS, timeout=5)
    ((_, cassette),) = Library(library).cassettes()
    said = datetime.fromisoformat(cassette.interactions[0].recorded_at)
    assert abs(said.timestamp() - real) < 60
    assert UTC == said.tzinfo


def test_where_no_file_can_be_made_python_is_asked(
    real: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without a folder for temporary files records all the same."""

    def fails() -> NoReturn:
        raise FileNotFoundError("no usable temporary directory")

    assert clock.seconds() - real < 60
    monkeypatch.setattr(tempfile, "TemporaryFile", fails)
    assert FROZEN == clock.seconds()
