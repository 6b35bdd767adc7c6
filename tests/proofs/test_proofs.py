"""What the proofs print is what the manual quotes, and they can fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_the_manual_quotes_the_corpus_as_printed() -> None:
    """Every secret is found, at least 99 % of what is found is one, and the page shows how many."""
    done = subprocess.run(
        [sys.executable, HERE / "scan_corpus.py"], capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    page = (HERE.parents[1] / "docs" / "scan.md").read_text("utf-8")
    assert f"```text\n{done.stdout}```\n" in page


def test_a_row_that_is_not_as_promised_is_told() -> None:
    """What is answered, too slow, too large or dead is not taken for a refusal."""
    # In a process of its own: what this one has in memory would count as the row's.
    done = subprocess.run(
        [sys.executable, __file__], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parent}"},
    )  # fmt: skip
    assert 0 == done.returncode, done.stdout + done.stderr


def rows_that_are_not_as_promised() -> None:
    """Each of them is told; one that is as promised is not."""
    import nasty
    from support.nasty import Bench, Row

    def answered(bench: Bench) -> str:
        bench.refused(bench.recorded())
        return "refused"

    def slow(bench: Bench) -> str:
        bench.slowest = 2.0
        return "refused"

    def large(bench: Bench) -> str:
        assert b"x" * 250_000_000
        return "refused"

    def dead(bench: Bench) -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return "unreachable"

    def quick(bench: Bench) -> str:
        return "refused"

    for run, expected in (
        (answered, "answered"), (slow, "refused"), (large, "refused"), (dead, "the process died"),
    ):  # fmt: skip
        outcome = nasty.alone(Row(1, "", "R", run), full=False)
        assert not outcome.expected
        assert expected in outcome.got
    assert nasty.alone(Row(1, "", "R", quick), full=False).expected


if __name__ == "__main__":
    rows_that_are_not_as_promised()
