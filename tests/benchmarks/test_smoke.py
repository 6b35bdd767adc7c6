"""The benchmarks run: every row is printed. What the figures are is not looked at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROWS = [
    "enter and leave",
    "enter, retrieve, leave",
    "StripeClient retrieve",
    "requests GET",
    "requests",
    "urllib3",
    "httpx",
    "httpx, async",
    "httpx2",
    "aiohttp",
    "http.client",
    "urllib.request",
    "StripeClient",
    "StripeClient, async",
    "N = 1, with entering and leaving",
    "N = 100, with entering and leaving",
    "N = 1, calls alone",
    "N = 100, calls alone",
    "elapsed",
    "CPU time of the recording process",
    "import",
    "import, enter, one requests GET, leave",
    "--help of the command",
    "an object each, StripeClient",
    "an object each, requests",
    "20 tests share an object, StripeClient",
    "20 tests share an object, requests",
    "four writes each, StripeClient",
]
QUESTIONS = ("the amount is", "a parameter is", "two threads come", "a random e-mail")
AIMS = 10


def test_a_quick_run_of_replay_alone_prints_every_row_and_every_aim() -> None:
    script = Path(__file__).with_name("run.py")
    done = subprocess.run(
        [sys.executable, str(script), "--quick", "--only", "replay"],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()

    assert (0, "") == (done.returncode, done.stderr)
    assert ROWS == [row for row in ROWS if any(_is(row, line) for line in lines)]
    verdicts = [line.split()[-1] for line in lines if line.startswith(QUESTIONS)]
    assert ["refused", "refused", "right", "right"] == verdicts
    assert AIMS == sum(line.endswith(("met", "MISSED", "not measured")) for line in lines)


@pytest.mark.parametrize(
    ("script", "rows"),
    [
        (
            "drift.py",
            [
                "bare loop",
                "replay diff",
                "bare loop",
                "replay diff",
                "memory of a process, at most",
                "bare interpreter",
                "start of replay diff",
                "with --id",
            ],
        ),
        ("verify.py", ["bare loop", "replay verify", "bare loop", "replay verify --deep"]),
    ],
)
def test_a_small_corpus_is_compared_and_checked(script: str, rows: list[str]) -> None:
    """The rows of many cassettes, in their order."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(script)), "--objects", "5", "--rounds", "1"],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    lines = [line.strip() for line in done.stdout.splitlines()]

    assert (0, "") == (done.returncode, done.stderr)
    assert rows == [row for line in lines if (row := line.partition("  ")[0]) in rows]


def test_a_small_tree_is_scanned() -> None:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("scan.py")), "20"],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    rows = [line for line in done.stdout.splitlines() if line.startswith("replay scan")]

    assert (0, "") == (done.returncode, done.stderr)
    assert 3 == len(rows)
    assert all("exit code 1 " in row and " MB at most" in row for row in rows)


def test_the_cost_of_noting_reads_is_measured() -> None:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("tracking.py")),
         "--sessions", "2", "--rounds", "1"],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip

    assert (0, "") == (done.returncode, done.stderr)
    assert "aim 1.50" in done.stdout


def _is(row: str, line: str) -> bool:
    return line.startswith(f"{row}  ") and line.rstrip("- ").endswith((" ms", " us"))
