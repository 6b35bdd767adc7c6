"""Watches how a command asks its live source: when calls have their turn, and when it is stopped.

`Watched` is filled by what happens in this process, inside `watching()`. `Command` runs
`replay ARGS` in a process of its own, which runs this file as a script and writes the same down.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))

from replay.recording import paced_pool
from support.waiting import HANGS, wait_until


@dataclass
class Watched:
    """What was seen.

    Attributes:
        turns: when each call had its turn, by `time.monotonic`, in the order of the turns.
        holds: for each Retry-After, when it had come in, and until when it holds all calls.
        stopped: whether the run was told to begin nothing more.
        loaded: modules, and files of packages, that a thread loaded after its first turn.
    """

    turns: list[float] = field(default_factory=list)
    holds: list[tuple[float, float]] = field(default_factory=list)
    stopped: bool = False
    loaded: list[str] = field(default_factory=list)

    def note(self, what: str, value: Any) -> None:
        """Take in one thing that was seen."""
        if what == "stopped":
            self.stopped = True
        else:
            getattr(self, what).append(value)

    def keep(self, rate: float) -> bool:
        """Whether no two turns were closer than this rate allows."""
        turns = sorted(self.turns)
        return all(later >= turn + 1 / rate for turn, later in pairwise(turns))


@contextmanager
def watching(note: Any) -> Iterator[None]:
    """Tell `note` what happens in this process while the block runs."""
    wait, hold = paced_pool.Pace.wait, paced_pool.Pace.hold

    class Stop(threading.Event):
        def set(self) -> None:
            super().set()
            note("stopped", True)

    def wait_and_note(self: paced_pool.Pace, *, completing: bool = False) -> float:
        turn = wait(self, completing=completing)
        note("turns", turn)
        return turn

    def hold_and_note(self: paced_pool.Pace, seconds: float) -> None:
        hold(self, seconds)
        with self._lock:
            note("holds", (paced_pool.time.monotonic(), self._held))

    with (
        mock.patch.object(paced_pool, "Event", Stop),
        mock.patch.object(paced_pool.Pace, "wait", wait_and_note),
        mock.patch.object(paced_pool.Pace, "hold", hold_and_note),
    ):
        yield


class Command:
    """`replay ARGS`, running in a process of its own."""

    def __init__(self, *args: str) -> None:
        self._log = Path("watched.log").absolute()
        self._log.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(self._log), *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    @property
    def watched(self) -> Watched:
        """What was seen until now."""
        found = Watched()
        written = self._log.read_text("utf-8") if self._log.exists() else ""
        for line in written.splitlines():
            found.note(*json.loads(line))
        return found

    def stop(self, signal: int) -> None:
        """Send the signal, and return when the run was told to begin nothing more."""
        self.process.send_signal(signal)
        wait_until(lambda: self.watched.stopped)

    def end(self) -> tuple[int, str, str]:
        """Wait for its end: the exit status, and both outputs."""
        out, err = self.process.communicate(timeout=HANGS)
        return self.process.returncode, out, err


def _main(log: str, *args: str) -> None:
    with Path(log).open("ab", buffering=0) as written:

        def note(what: str, value: Any) -> None:
            os.write(written.fileno(), json.dumps([what, value]).encode() + b"\n")

        this = threading.local()
        packages = tuple(path for path in sys.path if path.endswith("-packages"))
        packages += (str(Path(paced_pool.__file__).parents[2] / "replay"),)

        def audit(event: str, args: tuple[Any, ...]) -> None:
            if not getattr(this, "had_turn", False):
                return
            if event == "import" or (event == "open" and str(args[0]).startswith(packages)):
                note("loaded", str(args[0]))

        def first(what: str, value: Any) -> None:
            note(what, value)
            if what == "turns":
                this.had_turn = True

        sys.addaudithook(audit)
        sys.argv = ["replay", *args]
        with watching(first):
            from replay.cli.main import main

            main()


if __name__ == "__main__":
    _main(*sys.argv[1:])
