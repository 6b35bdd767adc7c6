"""`make nasty`: seventy-two nasty inputs, and what each of them gets.

python tests/proofs/nasty.py             the table of all rows, minutes
python tests/proofs/nasty.py --reduced   fewer truncations and flips, seconds
python tests/proofs/nasty.py 3 14        these rows alone

Each row runs in a process of its own, which measures its own memory: one that dies is seen.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from support import nasty, nasty_answers, nasty_doors, nasty_files, nasty_trees
from support.nasty import MEGABYTES, ROWS, SECONDS, Bench, Row
from support.standin import StandIn

PARTS = (nasty_files, nasty_answers, nasty_doors, nasty_trees)
"""The modules that enter their rows into the table."""


@dataclass(frozen=True)
class Outcome:
    """What a row got: a few words, seconds of its slowest refusal or answer, peak memory in MB."""

    got: str
    expected: bool
    seconds: float
    megabytes: float


def alone(row: Row, full: bool) -> Outcome:
    """Try one row in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "w") as out:
            json.dump(asdict(tried(row, full)), out)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        text = told.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) or not text:
        return Outcome(f"the process died: {status}", False, 0, 0)
    return Outcome(**json.loads(text))


def tried(row: Row, full: bool) -> Outcome:
    """Try one row in this process."""
    with TemporaryDirectory() as folder, StandIn() as source:
        os.chdir(folder)
        bench = Bench(Path(folder) / "bench", source, full=full)
        bench.folder.mkdir()
        try:
            got, fits = row.run(bench), True
        except AssertionError as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            got, fits = f"NOT AS PROMISED: {error or frame.line} ({frame.lineno})", False
        except Exception as error:  # noqa: BLE001 - whatever it is, the row is not as promised
            traceback.print_exc()
            got, fits = f"{type(error).__name__}: {error}", False
        finally:
            bench.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    limited = bench.slowest < SECONDS and peak < MEGABYTES
    return Outcome(got, fits and (limited or 25 < row.number < 61), bench.slowest, peak)


def rows(numbers: list[int]) -> list[Row]:
    """The rows of these numbers in order; all where none is named."""
    assert {*range(1, 73)} == {row.number for row in ROWS}
    chosen = [row for row in ROWS if not numbers or row.number in numbers]
    return sorted(chosen, key=lambda row: row.number)


def main() -> None:
    """Print the table; the exit code is 1 if a row is not as promised."""
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    print(
        "row  promised  input                                         CPU     peak  what happened"
    )
    done = []
    for row in rows(numbers):
        outcome = alone(row, full="--reduced" not in sys.argv)
        done.append(outcome)
        mark = "  " if outcome.expected else "!!"
        print(f"{row.number:>3}{mark}{row.promised:<9} {row.what:<42} {outcome.seconds:>6.3f} s "
              f"{outcome.megabytes:>4.0f} MB  {outcome.got[:110]}", flush=True)  # fmt: skip
    wrong = sum(not outcome.expected for outcome in done)
    print(f"{len(done)} rows, {wrong} not as promised")
    print(
        "R typed error, file untouched, no network, in every record mode, in under "
        f"{SECONDS:.0f} s and {nasty.MEGABYTES} MB; P exact round trip; D recorded and redacted;"
    )
    print("F is named by `replay scan`, and a cassette that loads by `replay verify --deep` too;")
    print("N served or refused as live, not recorded, and said why; 4 an HTTP 4xx")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
