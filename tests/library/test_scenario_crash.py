"""Scenario files on a file system that fails, under kills, crowds and damage: old or new, whole."""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from support import forks
from support.forks import Piped
from support.layers import Faults
from support.ledger import Ledger
from support.payments import NAME, amounts, record
from support.proof import FULL
from support.waiting import HANGS
from support.written import FOLDER, OLD, PAY, pay, written

import replay
from replay.errors import CassetteDamaged, LibraryError, ReplayError, ScenarioNotRecorded
from replay.library import Library
from replay.library.format import scenario_format
from replay.library.library import storage_of
from replay.library.scenarios import ScenarioFiles


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """A source that takes writes."""
    with Ledger() as source:
        yield source


def leftovers(library: Path) -> list[Path]:
    return list(library.rglob("*.tmp"))


@pytest.mark.slow
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC], ids=errno.errorcode.get)
@pytest.mark.parametrize("once", [True, False], ids=["once", "persistently"])
@pytest.mark.parametrize("before", [None, (1, 2)], ids=["the first", "again"])
def test_every_operation_can_fail(
    before: tuple[int, ...] | None, once: bool, code: int, ledger: Ledger, tmp_path: Path
) -> None:
    """Whichever operation fails, the file is the old one or the new one, and the error says so.

    The k-th fails, k = 1, 2, … until a run passes untouched; every eleventh where it must be short.
    """
    if not FULL and once == (code == errno.EIO):
        pytest.skip("half of the combinations, where it must be short: make crash runs all")
    failures = 0
    for k in count(1, 1 if FULL else 11):
        library = tmp_path / str(k)
        if before:
            record(ledger.url, library, before)
        faults, error = Faults(library, k, once=once, code=code), None
        with faults.armed():
            try:
                record(ledger.url, library, (3, 4, 5))
            except ReplayError as caught:
                # Without its frames: they would keep a lock whose unlocking failed.
                error = type(caught)(caught.what, where=caught.where, hint=caught.hint)
        found = amounts(library)
        if error is None:
            assert (3, 4, 5) == found
        else:
            failures += 1
            assert found in (before, (3, 4, 5))
            assert isinstance(error, LibraryError)
            assert error.where.startswith(str(library)), error
            assert os.strerror(code) in error.what, error
            assert error.hint, error
        record(ledger.url, library, (6,))
        assert (6,) == amounts(library)
        assert [] == leftovers(library)
        if faults.count < k:
            break
        shutil.rmtree(library)
    assert error is None
    assert failures >= (20 if FULL else 2)


KILLED = """
import itertools, sys
sys.path[:0] = [{here!r}, {tests!r}]
from support.payments import record
from test_scenario_crash import pause_before_renaming
if sys.argv[4:]:
    pause_before_renaming()
print("ready", flush=True)
for n in itertools.count(int(sys.argv[3])):
    record(sys.argv[1], sys.argv[2], (n, n, n))
    print(n, flush=True)
"""


def pause_before_renaming() -> None:
    """Say that a file was written, in place of giving it its name."""

    def pause(*_: object) -> None:
        print("written", flush=True)
        time.sleep(HANGS)

    os.replace = pause


def program() -> str:
    """Records the scenario without end, and prints the amount of each recording."""
    here = Path(__file__).parent
    return KILLED.format(here=str(here), tests=str(here.parent))


def test_a_killed_recording_leaves_the_old_file_or_the_new_one(
    ledger: Ledger, tmp_path: Path
) -> None:
    """After each kill the file is whole, and no older than the last recording that ended."""
    library, known = tmp_path / "cassettes", 0
    for turn in range(40 if FULL else 2):
        start = turn * 100_000 + 1
        arguments = ["-c", program(), ledger.url, str(library), str(start)]
        with Piped(arguments, imported=forks.REPLAY) as process:
            assert "ready\n" == process.stdout.readline()
            said = [process.stdout.readline() for _ in range(1 + turn % 4)]
            process.kill()
            said += process.stdout.read().splitlines()
            process.wait()
        known = int([line for line in said if line.strip()][-1])
        found = amounts(library)
        assert found is not None
        assert 1 == len(set(found))
        assert 3 == len(found)
        assert known <= found[0] <= known + 1
        for stale in leftovers(library):
            assert str(stale) not in str(
                ScenarioFiles(storage_of(Library(library)), NAME).path(OLD)
            )
    record(ledger.url, library, (7,))
    assert (7,) == amounts(library)
    assert [] == leftovers(library)


def test_a_recording_that_is_killed_before_its_file_has_its_name(
    ledger: Ledger, tmp_path: Path
) -> None:
    """The new text lies beside the old file, which stays and is read; the next recording sweeps."""
    library = tmp_path / "cassettes"
    record(ledger.url, library, (1, 2))
    arguments = ["-c", program(), ledger.url, str(library), "3", "paused"]
    with Piped(arguments, imported=forks.REPLAY) as process:
        assert "ready\n" == process.stdout.readline()
        assert "written\n" == process.stdout.readline()
        assert (1, 2) == amounts(library)
        assert 1 == len(leftovers(library))
        process.kill()
    assert (1, 2) == amounts(library)
    record(ledger.url, library, (7,))
    assert ((7,), []) == (amounts(library), leftovers(library))


def test_a_crowd_records_one_scenario(ledger: Ledger, tmp_path: Path) -> None:
    """Processes that record it at once each write it whole: the file is one of theirs."""
    library = tmp_path / "cassettes"
    record(ledger.url, library, (9, 9, 9))
    processes = [
        Piped(
            ["-c", program(), ledger.url, str(library), str(n * 1_000_000 + 1)],
            imported=forks.REPLAY,
        )
        for n in range(3)
    ]
    try:
        assert {"ready\n"} == {process.stdout.readline() for process in processes}
        for _ in range(4):
            for process in processes:
                assert process.stdout.readline().strip().isdigit()
            found = amounts(library)
            assert found is not None
            assert (3, 1) == (len(found), len(set(found)))
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert amounts(library) is not None


def test_every_damaged_byte_is_refused() -> None:
    """Each truncation and each changed byte of a scenario file is an error that names the file."""
    written()
    data = (FOLDER / f"{OLD}.yaml").read_bytes()
    assert scenario_format.loads(data, "here")
    damaged = [data[:end] for end in range(len(data))]
    damaged += [data[:at] + bytes([byte ^ bit]) + data[at + 1 :]
                for at, byte in enumerate(data) for bit in (1, 128)]  # fmt: skip
    for one in damaged:
        with pytest.raises(CassetteDamaged) as caught:
            scenario_format.loads(one, "here")
        assert "here" == caught.value.where
        assert caught.value.hint


@pytest.mark.parametrize("mode", ["none", "once"])
def test_a_damaged_file_is_never_taken_for_a_missing_one(mode: str, ledger: Ledger) -> None:
    """The test is refused by the file's name; nothing is asked, and the file stays."""
    written()
    file = FOLDER / f"{OLD}.yaml"
    file.write_bytes(file.read_bytes()[:-1])
    before = file.read_bytes()
    with pytest.raises(CassetteDamaged, match=re.escape(str(file))):
        _play(mode, ledger.url)
    assert [] == ledger.arrived
    assert before == file.read_bytes()
    file.unlink()
    if mode == "none":
        with pytest.raises(ScenarioNotRecorded):
            _play(mode, ledger.url)


def _play(mode: str, url: str) -> None:
    with replay.use_cassettes("cassettes", mode=mode, api_base=url, scenario=PAY):
        pay(OLD)
