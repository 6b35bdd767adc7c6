"""Measures `replay verify` of 10,000 cassettes beside the least that any check of them must do.

`make bench` runs it. The bare loop of the default check reads the same files and hashes them; that
of `--deep` also builds the values from libyaml's events. All in one process, as `replay verify` is.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import process_time

sys.path.insert(0, str(Path(__file__).parents[1]))

from drift import made, values

from replay.library import Library
from replay.redaction.policy import default_policy
from replay.upkeep.verify.check import verify


def contents(library: Library) -> Iterator[bytes]:
    """What each file holds, read as plainly as can be."""
    for folder, _, names in os.walk(library.root):
        for name in names:
            if name.endswith(".yaml"):
                with open(f"{folder}/{name}", "rb") as file:  # noqa: PTH123 - the least there is
                    yield file.read()


def hashed(library: Library) -> None:
    """The bare loop of the default check."""
    for data in contents(library):
        hashlib.sha256(data).hexdigest()


def parsed(library: Library) -> None:
    """The bare loop of the deep check."""
    for data in contents(library):
        hashlib.sha256(data).hexdigest()
        values(data)


def seconds(work: Callable[[], object]) -> float:
    """The processor time of some work."""
    gc.collect()
    began = process_time()
    work()
    return process_time() - began


def main() -> None:
    """Measure, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--objects", type=int, default=5000, help="invoices, each at two versions")
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    policy = default_policy()
    with tempfile.TemporaryDirectory() as folder:
        library = made(Path(folder) / "cassettes", given.objects)
        report = verify(library, policy=policy)  # loads what is loaded once, and must be clean
        assert (2 * given.objects, ()) == (report.checked, report.problems)
        pairs: tuple[tuple[str, Callable[[], object], Callable[[], object]], ...] = (
            ("verify", lambda: hashed(library), lambda: verify(library)),
            ("verify --deep", lambda: parsed(library), lambda: verify(library, policy=policy)),
        )
        print(f"\ncheck of {2 * given.objects} cassettes, one process, median of {given.rounds}")
        for name, bare, ours in pairs:
            rounds = [(seconds(bare), seconds(ours)) for _ in range(given.rounds)]
            loop, took = (median(times) for times in zip(*rounds, strict=True))
            ratios = sorted(b / a for a, b in rounds)
            print(
                f"  bare loop           {loop:7.2f} s\n"
                f"  replay {name:<13}{took:7.2f} s   {median(ratios):.2f} times the bare loop "
                f"({ratios[0]:.2f}-{ratios[-1]:.2f})"
            )


if __name__ == "__main__":
    main()
