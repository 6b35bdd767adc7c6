"""`make kills`: kill a recording process at a random moment, again and again; look at what it left.

python tests/proofs/kills.py            1,000 kills, minutes
python tests/proofs/kills.py --reduced  40 kills, seconds
python tests/proofs/kills.py 9          as many

A process that has imported everything forks one that records without end, and kills it with
signal 9. One of 25 is `replay record` as a command of its own. Every live answer has a number, so
that it is known of each take whether it was there before. One of four records a
scenario, whose steps all have the number of the recording.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import count
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from support import payments
from support.ledger import Ledger
from support.numbered import Numbered, invoice_id, on_disk, request
from support.runs import another_run
from support.standin import StandIn

from replay.config import resolve
from replay.library import Library
from replay.session.session import open_session

KILLS, TOGETHER, COMMANDS = 1000, 25, 25
"""In all; as many on one set of objects, so that cassettes stay small; one of these a command."""

WRITING = 4
"""One of these kills a process that records the scenario."""

MODES = ("new_episodes", "all")


def names(turn: int) -> dict[str, list[str]]:
    """Mode -> the invoices that are recorded so around a kill."""
    return {mode: [f"{mode} {turn // TOGETHER} {n}" for n in range(2)] for mode in MODES}


def record(url: str, library: str, turn: int, mode: str) -> None:
    """One session that records all of a mode's invoices once more."""
    another_run()
    session = open_session(resolve(library=library, mode=mode, api_base=url))
    for name in names(turn)[mode]:
        while session.answer(request(url, name)) and mode == "new_episodes":
            if session.counts.recorded:
                break
    session.close()


def nursery(url: str, writes: str, library: str) -> None:
    """Forks a recording process for each line of its input (turn, seconds), and kills it."""
    record(url, f"{library}-warm", 0, "all")  # everything is imported
    payments.record(writes, f"{library}-warm", (1, 1, 1))
    print("ready", flush=True)
    for line in sys.stdin:
        turn, seconds = line.split()
        child = os.fork()
        if not child:
            for number in count(int(turn) * 1000 + 1):
                if int(turn) % WRITING:
                    for mode in MODES:
                        record(url, library, int(turn), mode)
                else:
                    payments.record(writes, library, (number, number, number))
        time.sleep(float(seconds))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status), flush=True)


def command(url: str, library: Path, turn: int, seconds: float) -> int:
    """Kills a `replay record` process; its signal, or its exit code if it ended before."""
    ids = [invoice_id(name) for name in names(turn)["all"]] * 20
    with subprocess.Popen(
        [sys.executable, "-m", "replay", "record", "invoice", *ids, "--mode", "all",
         "--api-base", url, "--library", str(library), "--rate", "1000"],
        env={**os.environ, "STRIPE_API_KEY": "sk_test_x"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        time.sleep(seconds)
        process.kill()
        return -process.wait()


def wrong(before: dict[str, list[int]], after: dict[str, list[int]], source: Numbered,
          appended: set[str]) -> list[str]:  # fmt: skip
    """What a kill cost or made up."""
    found = []
    for id, numbers in before.items():
        left = after.get(id, [])
        if id in appended and left[: len(numbers)] != numbers:
            found.append(f"{id}: had {numbers}, has {left}")
        if max(left, default=0) < max(numbers):
            found.append(f"{id}: went back from {numbers} to {left}")
    for id, numbers in after.items():
        if len(set(numbers)) < len(numbers) or not set(numbers) <= set(source.served[id]):
            found.append(f"{id}: {numbers} is not what the source said")
    return found


def mixed(library: Path, last: int) -> tuple[int, str]:
    """The number of the scenario's recording, and what is wrong with it; empty if nothing is."""
    numbers = payments.amounts(library)  # an error here is a file that is not whole
    if numbers is None:
        return 0, f"the scenario of {last} is gone" if last else ""
    whole = len(numbers) == 3 and len(set(numbers)) == 1 and numbers[0] >= last
    return numbers[0], "" if whole else f"the scenario went from {last} to {numbers}"


def run(kills: int, seed: int = 5) -> tuple[Counter[str], list[str]]:
    """Kill that often. Returns what was counted, and what was wrong."""
    rng, counted, errors = random.Random(seed), Counter[str](), []
    with StandIn() as server, Ledger() as ledger, TemporaryDirectory() as folder:
        source, library = Numbered(server), Path(folder, "cassettes")
        for turn in range(0, kills, TOGETHER):
            source.offer(name for group in names(turn).values() for name in group)
        forking = subprocess.Popen(
            [sys.executable, __file__, "nursery", source.url, ledger.url, str(library)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        with forking:
            assert forking.stdin is not None
            assert forking.stdout is not None
            assert forking.stdout.readline() == "ready\n"
            before: dict[str, list[int]] = {}
            scenario = 0
            for turn in range(kills):
                if turn % COMMANDS == COMMANDS // 2:
                    while command(source.url, library, turn, 0.3 + rng.random()) != signal.SIGKILL:
                        pass  # it had ended before
                    counted["commands"] += 1
                else:
                    most = 0.15 if turn % WRITING else 0.6
                    print(turn, rng.random() * most, file=forking.stdin, flush=True)
                    assert int(forking.stdout.readline()) == signal.SIGKILL
                counted["killed"] += 1
                stale = list(library.rglob("*.tmp"))
                counted["stale"] += len(stale)
                after = on_disk(library)  # an error here is a cassette that is not whole
                listed = [str(library / path) for path in Library(library).paths()] if after else []
                assert not set(map(str, stale)) & set(listed)
                appended = {invoice_id(name) for name in names(turn)["new_episodes"]}
                last, (scenario, trouble) = scenario, mixed(library, scenario)
                errors += filter(None, [trouble])
                counted["scenarios"] += last != scenario
                counted["changed"] += after != before or last != scenario
                errors += wrong(before, after, source, appended)
                before = after
                if (turn + 1) % TOGETHER == 0 or turn + 1 == kills:
                    # A later run: what the killed ones noted as re-recorded is nothing to it.
                    rmtree(library / ".replay" / "rerecorded", ignore_errors=True)
                    start = time.monotonic()
                    for mode in MODES:
                        record(source.url, str(library), turn, mode)
                    scenario = turn * 1000 + 999
                    payments.record(ledger.url, library, (scenario, scenario, scenario))
                    counted["slow"] += time.monotonic() - start > 10  # a lock was not free
                    counted["left"] += len(list(library.rglob("*.tmp")))
                    before = on_disk(library)
            forking.stdin.close()
        counted["cassettes"] = len(before)
    return counted, errors


def main() -> None:
    """Print the figures; the exit code is 1 if anything is wrong."""
    if sys.argv[1:2] == ["nursery"]:
        return nursery(*sys.argv[2:])
    start, kills = time.monotonic(), 40 if "--reduced" in sys.argv else KILLS
    kills = next((int(argument) for argument in sys.argv[1:] if argument.isdigit()), kills)
    counted, errors = run(kills)
    for number, what in (
        (counted["killed"], "processes killed while they recorded"),
        (counted["commands"], "of them were a `replay record`"),
        (counted["changed"], "of them had recorded something"),
        (counted["stale"], "temporary files that they left"),
        (counted["left"], "temporary files left after the next recording"),
        (counted["scenarios"], "times a scenario was new, whole each time, and never an older one"),
        (counted["cassettes"], "cassettes, each whole, sealed, and the old or the new one"),
        (len(errors), "takes and steps lost, doubled or made up"),
        (counted["slow"], "recordings that waited for a dead process's lock"),
    ):
        print(f"{number:>7,}  {what}")
    for error in errors[:5]:
        print("        ", error)
    print(f"         {time.monotonic() - start:.0f} s")
    sys.exit(bool(errors or counted["left"] or counted["slow"]))


if __name__ == "__main__":
    main()
