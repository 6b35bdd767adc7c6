"""Ctrl-C ends what asks a live source: the source is not asked for anything new after it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest
from support.command import replay_command
from support.paced import Command
from support.standin import NEW, OLD, StandIn, generated
from support.waiting import wait_until

from replay.recording.paced_pool import WORKERS

IDS = [generated("in", f"n{n}") for n in range(12)]
BOTH = ("--api-version", OLD, "--api-version", NEW)
RATE = 50


@pytest.fixture(autouse=True)
def source(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A source that has a dozen invoices."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_PRIVATEkey")
    monkeypatch.setenv("STRIPE_API_BASE", stand_in.url)
    for id in IDS:
        stand_in.add_invoice(id)
    yield stand_in
    if stand_in.hold is not None:
        stand_in.hold.set()


def record(*args: str) -> None:
    done = replay_command("record", "invoice", *args, "--rate", "900")
    assert 0 == done.code, done.err


@pytest.mark.parametrize(
    ("command", "calls"),
    [
        (("upgrade", NEW, "--yes"), 2),
        (("record", "invoice", *IDS, *BOTH, "--mode", "all"), 2),
        (("verify", "--live"), 1),
    ],
    ids=["upgrade", "record", "verify"],
)
def test_nothing_new_is_begun(source: StandIn, command: tuple[str, ...], calls: int) -> None:
    """Only what is half fetched is asked for once more, and at the rate that was asked for."""
    record(*IDS, "--api-version", OLD)
    source.hits.clear()
    source.hold = threading.Event()
    running = Command(*command, "--rate", str(RATE))
    wait_until(lambda: source.held == WORKERS)
    begun = set(source.hits)
    running.stop(signal.SIGINT)
    source.hold.set()
    code, _, err = running.end()
    assert (130, False) == (code, "Traceback" in err), err
    assert dict.fromkeys(begun, calls) == source.hits
    assert running.watched.keep(RATE)


def test_a_second_one_waits_for_nothing(source: StandIn) -> None:
    """Half-fetched twins are given up, the source may never answer; what is recorded is whole."""
    record(IDS[0], *BOTH)
    source.hold, source.free = threading.Event(), 1
    running = Command("record", "invoice", IDS[1], *BOTH, "--rate", "1000")
    wait_until(lambda: source.held)
    running.stop(signal.SIGINT)
    assert running.process.poll() is None
    running.process.send_signal(signal.SIGINT)
    code, _, err = running.end()
    assert (130, "stopped at once; what was recorded before is kept\n") == (code, err)
    assert 1 == source.held
    done = replay_command("verify", "--deep", "--format", "json")
    assert (0, 2) == (done.code, done.json["checked"])
