"""What was found by fuzzing stays mended, and the targets can be broken.

`make fuzz` looks for more; see `run.py`.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import pytest
from support.proof import rounds

from replay.library.format import fast_reader
from replay.model.cassette import Cassette

from . import run, targets

FINDINGS = sorted(
    path for path in (Path(__file__).parent / "findings").rglob("*") if path.is_file()
)


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_findings_stay_mended(path: Path) -> None:
    """Each input that once broke a law is taken or refused in order."""
    targets.TARGETS[path.parent.name].check(path.read_bytes())


@pytest.mark.parametrize("name", targets.TARGETS)
def test_seeds_and_their_neighbours(name: str) -> None:
    """A target takes what it starts from, and what a few edits make of it, in bounded time."""
    target, chance = targets.TARGETS[name], random.Random(name)
    start = time.process_time()
    for seed in target.seeds():
        target.check(seed)
        for _ in range(rounds(5, 200)):
            at = chance.randrange(len(seed) + 1)
            new = bytes(chance.choices(b"\n :'\"#-[]{}\0\xff09aZ%&=", k=chance.randrange(4)))
            target.check(seed[:at] + new + seed[at + chance.randrange(9) :])
    assert time.process_time() - start < 60


def test_an_input_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that is printed runs the target's check on the file, and on nothing else."""
    monkeypatch.setitem(sys.modules, "targets", targets)
    (tmp_path / "found").write_bytes(targets._bodies()[0])
    line = ["run.py", "--here", "readers", "--input", str(tmp_path / "found")]
    monkeypatch.setattr(sys, "argv", line)
    assert 0 == run.main()
    monkeypatch.setattr(fast_reader, "read", lambda text: 1)
    with pytest.raises(AssertionError, match="two readers"):
        run.main()


def test_every_target_is_run() -> None:
    """The command knows them without importing them."""
    assert list(targets.TARGETS) == run._names()


def test_a_reader_that_disagrees_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The law of the two readers can be broken."""
    read = fast_reader.read

    def other(text: bytes) -> Cassette | None:
        found = read(text)
        return None if found is None else Cassette(found.key, "1", "x", found.interactions)

    monkeypatch.setattr(fast_reader, "read", other)
    with pytest.raises(AssertionError, match="two readers"):
        targets.TARGETS["readers"].check(targets._bodies()[0])


def test_a_message_with_a_private_value_is_found() -> None:
    """The law of messages can be broken."""
    with pytest.raises(AssertionError, match="private"), targets._in_order():
        raise targets.ReplayError(f"it says {targets.PRIVATE}")
