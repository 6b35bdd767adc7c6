"""Is any test broken by a busy machine? `python tests/stress.py`, also as `make stress`.

All tests of `make test` run twice beside busy loops, then those that wait run five times. Prints
one line a run, and each failed test; the exit status is 1 if there was one. With PATHS only the
tests there run: `python tests/stress.py tests/session`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOP = """
import os
parent = os.getppid()
while os.getppid() == parent:  # however that ended
    for _ in range(1_000_000): pass
"""
OUTCOME = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """Keep the machine busy meanwhile."""
    running = [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(loops)]
    try:
        yield
    finally:
        for loop in running:
            loop.kill()
            loop.wait()


def run(name: str, *args: str) -> list[str]:
    """Run pytest once: the tests that failed."""
    start = time.monotonic()
    pytest = Path(sys.executable).with_name("pytest")  # as a module it would test the checkout
    command = [
        pytest,
        "-q",
        "-n",
        "3",
        "--dist",
        "worksteal",
        "--ignore",
        "tests/benchmarks",
        *args,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout.rstrip().splitlines() or [done.stderr]
    print(f"{name}: {said[-1]}  ({time.monotonic() - start:.0f} s)", flush=True)
    failed = OUTCOME.findall(done.stdout)
    if done.returncode:  # at once: who ends this program early has seen why
        print(done.stdout + done.stderr, flush=True)
    if done.returncode and not failed:
        failed = [f"{name}: pytest ended with status {done.returncode}"]
    return failed


def main() -> int:
    """Run, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loops", type=int, default=4, help="busy loops beside the tests")
    parser.add_argument("--whole", type=int, default=2, help="runs of all tests")
    parser.add_argument("--waits", type=int, default=5, help="runs of the tests that wait")
    parser.add_argument("paths", nargs="*", help="files or folders of tests, all by default")
    asked = parser.parse_args()
    failed: Counter[str] = Counter()
    with busy(asked.loops):
        for n in range(asked.whole):
            failed.update(run(f"all tests, {n + 1} of {asked.whole}", *asked.paths))
        for n in range(asked.waits):
            failed.update(
                run(f"those that wait, {n + 1} of {asked.waits}", "-m", "waits", *asked.paths)
            )
    for test, times in failed.most_common():
        print(f"failed {times} times: {test}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
