"""Ctrl-C ends what asks a live source: the source is not asked for anything new after it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.command import replay_command
from support.standin import NEW, OLD, StandIn, generated

RATE = 4
"""Calls per second: slow enough to stop between two."""

BEFORE = 7


@pytest.mark.parametrize(
    ("command", "calls"),
    [
        (("upgrade", NEW, "--yes"), 2),
        (
            (
                "record",
                "invoice",
                "IDS",
                "--api-version",
                OLD,
                "--api-version",
                NEW,
                "--mode",
                "all",
            ),
            2,
        ),
        (("verify", "--live"), 1),
    ],
)
def test_nothing_new_is_begun(
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    calls: int,
) -> None:
    """Only what is half fetched is asked for once more, and at the rate that was asked for."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_PRIVATEkey")
    monkeypatch.setenv("STRIPE_API_BASE", stand_in.url)
    ids = [stand_in.add_invoice(generated("in", f"n{n}")) for n in range(12)]
    assert (
        0 == replay_command("record", "invoice", *ids, "--api-version", OLD, "--rate", "900").code
    )
    hits: list[tuple[float, str]] = []
    for path, serve in list(stand_in.objects.items()):

        def timed(version: str, expand: list[str], serve: Any = serve, path: str = path) -> Any:
            hits.append((time.monotonic(), path))
            return serve(version, expand)

        stand_in.objects[path] = timed
    arguments = [part for one in command for part in (ids if one == "IDS" else [one])]
    running = subprocess.Popen(
        [sys.executable, "-m", "replay", *arguments, "--rate", str(RATE)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while len(hits) < BEFORE:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    told = time.monotonic()
    _, err = running.communicate(timeout=30)
    assert 130 == running.returncode, err
    assert "Traceback" not in err
    asked = {path for at, path in hits if at <= told}
    later = [path for at, path in hits if at > told]
    # One may have had its turn when the signal came.
    assert len(set(later) - asked) <= 1, later
    assert max(map([path for _, path in hits].count, {path for _, path in hits})) <= calls
    gaps = [after - at for (at, _), (after, _) in pairwise(hits)]
    assert all(gap > 0.5 / RATE for gap in gaps), gaps


def test_a_second_one_waits_for_nothing(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half-fetched twins that wait for their turn are given up; what is recorded is whole."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_PRIVATEkey")
    monkeypatch.setenv("STRIPE_API_BASE", stand_in.url)
    ids = [stand_in.add_invoice(generated("in", f"n{n}")) for n in range(4)]
    versions = ("--api-version", OLD, "--api-version", NEW)
    running = subprocess.Popen(
        [sys.executable, "-m", "replay", "record", "invoice", *ids, *versions, "--rate", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    paths = [f"/v1/invoices/{id}" for id in ids]
    # One pair is recorded, and another is half fetched.
    while len(list(Path("cassettes").rglob("*.yaml"))) < 2 or 1 not in map(
        stand_in.hits.get, paths
    ):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(0.2)  # the other twins are to be completed
    running.send_signal(signal.SIGINT)
    told = time.monotonic()
    _, err = running.communicate(timeout=30)
    assert time.monotonic() - told < 0.5
    assert (130, "stopped at once; what was recorded before is kept\n") == (running.returncode, err)
    done = replay_command("verify", "--deep", "--format", "json")
    assert (0, 2) == (done.code, done.json["checked"])
