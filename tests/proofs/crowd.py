"""`make crowd`: many processes record into one library at once, while others replay it.

python tests/proofs/crowd.py            8 processes of 200 rounds, minutes
python tests/proofs/crowd.py --reduced  4 processes of 10 rounds, seconds
python tests/proofs/crowd.py 2 3        2 processes of 3 rounds

A round of a process is four calls: a key that all record at once (`once`), one that all add to
(`new_episodes`), one that all re-record (`all`), and one of its own. Every live answer has a
number, so that at the end it is known of each take whether it is there, and how often.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.numbered import Numbered, invoice_id, number, on_disk, request
from support.standin import StandIn

from replay.config import resolve
from replay.errors import CassetteNotFound, ReplayError
from replay.session.session import open_session

PROCESSES, ROUNDS, READERS = 8, 200, 2
TOGETHER = 8
"""Rounds that share their keys of `new_episodes` and `all`."""


def keys(process: int, turn: int) -> dict[str, str]:
    """Mode -> name of the invoice that a process asks for in a round; its own is the last."""
    group = turn // TOGETHER
    return {
        "once": f"once {turn}",
        "new_episodes": f"added {group} {turn % 2}",
        "all": f"again {group}",
        "own": f"own {process} {group}",
    }


def ask(url: str, library: str, mode: str, name: str) -> tuple[str, list[int], int]:
    """One session: asks until it recorded, at most once more than there are takes.

    Returns:
        The invoice's ID, the numbers it was served, and how many of them it recorded.
    """
    session = open_session(resolve(library=library, mode=mode, api_base=url))
    served = []
    while not session.counts.recorded and (mode == "new_episodes" or not served):
        served.append(number(session.answer(request(url, name)).body))
    session.close()
    return invoice_id(name), served, session.counts.recorded


def write(process: int, rounds: int, url: str, library: str) -> None:
    """A recording process: prints a line for each call."""
    for turn in range(rounds):
        for mode, name in keys(process, turn).items():
            mode = "new_episodes" if mode == "own" else mode
            try:
                print(json.dumps([mode, *ask(url, library, mode, name)]))
            except ReplayError as error:
                print(json.dumps(["error", type(error).__name__, str(error), 0]))


def read(url: str, library: str, rounds: int, told: str) -> None:
    """A replaying process, until it is told to stop: writes a line for each round through keys."""
    names = sorted({name for turn in range(rounds) for name in keys(0, turn).values()})
    turn, stop = 0, Path(library, "stop")
    with open(told, "w", encoding="utf-8") as out:  # noqa: PTH123 - a pipe would fill up
        print("ready", flush=True)
        while not stop.exists():
            session = open_session(resolve(library=library, mode="none", api_base=url))
            served, absent = [], 0
            for name in names[turn % 7 :: 7]:
                id = invoice_id(name)
                if not Path(library, "invoices", id).exists():
                    continue
                try:
                    served.append((id, number(session.answer(request(url, name)).body)))
                except CassetteNotFound:
                    absent += 1
                except ReplayError as error:
                    print(json.dumps(["error", type(error).__name__, str(error)]), file=out)
            session.close()
            print(json.dumps(["read", served, absent]), file=out)
            turn += 1


@dataclass
class Figures:
    """What came of it."""

    calls: int = 0
    recorded: int = 0
    reads: int = 0
    lost: int = 0
    twice: int = 0
    torn: int = 0
    fetched_twice: int = 0
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.twice or self.torn or self.fetched_twice or self.errors)


def run(processes: int, rounds: int) -> Figures:
    """Let the crowd in, and count."""
    start = time.monotonic()
    with StandIn() as server, TemporaryDirectory() as folder:
        source, library = Numbered(server), Path(folder, "cassettes")
        library.mkdir()
        names = {n for p in range(processes) for t in range(rounds) for n in keys(p, t).values()}
        source.offer(names)
        for group in range(0, rounds, TOGETHER):  # something to re-record
            ask(source.url, str(library), "once", keys(0, group)["all"])
        told = [Path(folder, f"reader {n}") for n in range(READERS)]
        readers = [_start("read", source.url, library, rounds, path) for path in told]
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "ready\n"
        writers = [_start("write", n, rounds, source.url, library) for n in range(processes)]
        written = [line for out in _outputs(writers) for line in out]
        (library / "stop").touch()
        _outputs(readers)
        replayed = [json.loads(line) for path in told for line in path.read_text().splitlines()]
        figures = _figures(source, written, replayed, on_disk(library))
    figures.seconds = time.monotonic() - start
    return figures


def _start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def _outputs(processes: list[subprocess.Popen[str]]) -> list[list[list]]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(processes)) as pool:
        outputs = list(pool.map(lambda process: process.communicate(timeout=1800)[0], processes))
    assert [0] * len(processes) == [process.returncode for process in processes]
    return [[json.loads(line) for line in output.splitlines()] for output in outputs]


def _figures(
    source: Numbered, written: list[list], replayed: list[list], disk: dict[str, list[int]]
) -> Figures:
    figures = Figures()
    added, again, once = defaultdict(list), defaultdict(list), defaultdict(set)
    for mode, id, served, recorded in written:
        if mode == "error":
            figures.errors.append(f"{id}: {served}")
            continue
        figures.calls += len(served)
        figures.recorded += recorded
        if mode == "once":
            once[id].update(served)
        elif recorded:
            (again if mode == "all" else added)[id].append(served[-1])
    for id, numbers in added.items():
        there = Counter(disk.get(id, []))
        figures.lost += sum(n not in there for n in numbers)
        figures.twice += sum(count - 1 for count in there.values())
        figures.torn += len(there.keys() - set(numbers))
    for id, numbers in once.items():
        figures.lost += disk.get(id) != [min(numbers)]
        figures.fetched_twice += len(source.served[id]) - 1
    for id, numbers in again.items():  # of several that re-record, the last one's take stands
        figures.lost += not (len(disk.get(id, [])) == 1 and disk[id][0] in numbers)
    for kind, *rest in replayed:
        if kind == "error":
            figures.torn += 1
            figures.errors.append(": ".join(rest))
            continue
        figures.reads += len(rest[0])
        figures.torn += sum(n not in source.served[id] for id, n in rest[0])
    return figures


def main() -> None:
    """Print the figures; the exit code is 1 if anything is wrong."""
    if sys.argv[1:2] == ["write"]:
        return write(int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
    if sys.argv[1:2] == ["read"]:
        return read(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
    given = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    reduced = (4, 10) if "--reduced" in sys.argv else (PROCESSES, ROUNDS)
    processes, rounds = given or reduced
    figures = run(processes, rounds)
    print(f"{processes} processes of {rounds} rounds, {READERS} replaying all the while")
    for count, what in (
        (figures.calls, "answers to the recording processes"),
        (figures.recorded, "takes recorded"),
        (figures.reads, "answers to the replaying processes"),
        (figures.lost, "takes lost"),
        (figures.twice, "takes twice in a cassette"),
        (figures.fetched_twice, "first takes fetched more than once (mode once)"),
        (figures.torn, "reads of a torn, unsealed or foreign cassette"),
        (len(figures.errors), "errors, such as a lock that was never free"),
    ):
        print(f"{count:>8,}  {what}")
    for error in figures.errors[:5]:
        print("         ", error)
    print(f"          {figures.seconds:.0f} s")
    sys.exit(not figures.clean)


if __name__ == "__main__":
    main()
