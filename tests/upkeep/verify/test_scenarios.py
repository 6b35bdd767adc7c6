"""`replay verify` of scenarios: each thing that can be wrong with a file is named."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.command import replay_command
from support.written import FOLDER, NEW, OLD, PAY, edit, pay, scenario_in, written

import replay
from replay.library import Library, names
from replay.library.format import seals
from replay.library.library import storage_of
from replay.library.scenarios import ScenarioFiles

FILE = FOLDER / f"{OLD}.yaml"
SHOWN = FILE.relative_to("cassettes").as_posix()
TEST = "class TestPay:\n    def test_pay(self): ...\n"


@pytest.fixture(autouse=True)
def library() -> Library:
    """./cassettes with the scenario at two versions."""
    return written()


def found(*options: object, code: int = 1) -> set[tuple[str, str]]:
    """The path and rule of each finding."""
    done = replay_command("verify", "--format", "json", *options)
    assert code == done.code, done.err + done.out
    return {(row["path"], row["rule"]) for row in done.json["findings"]}


def test_what_was_recorded_is_clean() -> None:
    """Scenario files are counted beside the cassettes, and proven by the deep check."""
    done = replay_command("verify", "--deep")
    assert (0, "0 cassettes and 2 scenario files in cassettes: no findings\n") == (
        done.code, done.out,
    )  # fmt: skip
    assert 2 == replay_command("verify", "--format", "json").json["scenarios"]


def test_the_folder_above_is_no_library() -> None:
    """A library of scenarios alone is found inside the folder that was named."""
    Path("outer").mkdir()
    Path("cassettes").rename("outer/cassettes")
    shutil.rmtree("outer/cassettes/.replay")
    done = replay_command("verify", "--library", "outer")
    assert 2 == done.code
    assert "replay verify --library outer/cassettes" in done.err


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda data: b"", "damaged"),
        (lambda data: data[:-1], "unsealed"),
        (lambda data: data.replace(b"amount", b"amounts", 1), "unsealed"),
        (lambda data: b"<<<<<<< a\n" + data + b"=======\n" + data + b">>>>>>> b\n", "conflict"),
        (lambda data: data.replace(b"scenario 1", b"scenario 2", 1), "too-new"),
        (lambda data: data.replace(b"scenario 1", b"cassette 1", 1), "misplaced"),
        (lambda data: b"x" * (seals.MAX_BYTES + 1), "damaged"),
    ],
    ids=["empty", "cut", "edited", "conflict", "later", "a cassette", "too large"],
)
def test_a_file_that_cannot_be_used(change: Callable[[bytes], bytes], rule: str) -> None:
    """It is named with what is wrong; the other file is checked all the same."""
    FILE.write_bytes(change(FILE.read_bytes()))
    assert {(SHOWN, rule)} == found()


@pytest.mark.parametrize(
    "to",
    ["scenarios/tests/test_pay.py/TestPay/test_refund/2024-06-20.yaml",
     "scenarios/tests/test_pay.py/TestPay/test_pay/2023-10-16.yaml",
     "customers/cus_1/2024-06-20.yaml"],
)  # fmt: skip
def test_a_file_at_another_place(to: str) -> None:
    """A scenario belongs at the place of its name and version, below ``scenarios/``."""
    Path("cassettes", to).parent.mkdir(parents=True, exist_ok=True)
    FILE.rename(Path("cassettes", to))
    assert {(to, "misplaced")} == found()


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({r"email: 'any#1'": "email: ann@shop.example"}, "request"),
        ({r"customers/\{0/id\}": "customers/ann.other"}, "request"),
        ({r"metadata\[order\]": "metadata[ann@shop.example]"}, "request"),
        ({r"/name: '?0 name'?": "/names: 0 name"}, "request"),
        ({r'"name": "Redacted \w+"': '"name": "Ann"'}, "stand-in"),
        ({r'"name": "Redacted \w+"': '"name": "Redacted 00000000"'}, "stand-in"),
        ({r"req_replay\w\w": "req_replay00"}, "stand-in"),
        (
            {r'"name": "Redacted \w+"': '"name": "Ann"', " +/name: \\w+\n": "",
             r" +/name: '0 name'\n": ""},
            "not-kept",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_the_deep_check_finds_a_value_that_was_written_in(
    changes: dict[str, str], rule: str
) -> None:
    """A private value under a seal that fits is a finding of the deep check."""
    text = FILE.read_text()
    for pattern, new in changes.items():
        text, count = re.subn(pattern, new, text, count=1)
        assert count, text
    FILE.write_text(text)
    edit(FILE)
    assert set() == found(code=0)
    assert rule in {kind for _, kind in found("--deep")}


def test_a_secret_in_a_variable() -> None:
    """What a test calls a variable is searched for secrets like everything else."""
    key = "sk_" + "test_" + "4eC39HqLyjWDarjtT1zdp7dc"
    edit(FILE, ("steps:\n", f"  variables:\n    key: {key}\nsteps:\n"))
    assert {(SHOWN, "secret")} == found("--deep")


def test_age() -> None:
    """A scenario has the age of its recording; one of next year was recorded by a wrong clock."""
    text = FILE.read_text()
    when = text.partition("recorded_at: '")[2][:20]
    edit(FILE, (when, "2020-01-02T03:04:05Z"))
    assert {(SHOWN, "old")} == found("--older-than", "1y")
    edit(FILE, ("2020-01-02T03:04:05Z", "2220-01-02T03:04:05Z"))
    assert {(SHOWN, "future")} == found()


@pytest.mark.parametrize(
    ("code", "gone"),
    [
        (TEST, ""),
        ("class TestPay:\n    def test_refund(self): ...\n", "test_pay is gone"),
        ("class TestOther:\n    def test_pay(self): ...\n", "TestPay is gone"),
        (None, "test_pay.py is gone"),
        ("class TestPay(Shared): ...\n", ""),
        ("from shared import TestPay\n", ""),
        ("if True:\n    " + TEST.replace("\n", "\n    ") + "\n", ""),
        ("class TestPay:\n    test_pay = make()\n", ""),
        ("def broken(:\n", ""),
    ],
)
def test_a_scenario_whose_test_is_gone(code: str | None, gone: str) -> None:
    """The test's file is parsed, never imported; what may be there is no finding."""
    Path("tests").mkdir()
    Path("tests/test_other.py").write_text("raise SystemExit('imported')\n")
    if code is None:
        _named(Path("cassettes"), "tests/test_other.py::test_it")
        Path("tests/test_other.py").write_text("def test_it(): ...\nraise SystemExit\n")
    else:
        Path("tests/test_pay.py").write_text("import nowhere\n" + code)
    folder = FOLDER.relative_to("cassettes").as_posix()
    done = replay_command("verify")
    if not gone:
        assert (0, 1) == (done.code, done.out.count("\n"))
        return
    assert 1 == done.code
    assert f"{folder}: no-test: its test is not there any more: {gone}\n" in done.out
    assert f"replay scenario rename {PAY} NEW" in done.out
    assert f"rm -r cassettes/{folder}\n" in done.out


def _named(library: Path, name: str) -> None:
    """One more scenario, of another name."""
    scenario = replace(scenario_in(FILE), name=name)
    ScenarioFiles(storage_of(Library(library)), name).write(scenario, lambda *_: None)


def test_a_library_in_an_archive() -> None:
    """Scenarios in a zip file are checked, listed and played, and cannot be renamed there."""
    shutil.make_archive("packed", "zip", ".", "cassettes")
    packed = "packed.zip/cassettes"
    assert set() == found("--deep", "--library", packed, code=0)
    rows = replay_command("list", "--scenarios", "--library", packed, "--format", "json").json
    assert [OLD, NEW] == [row["api_version"] for row in rows["scenarios"]]
    with replay.use_cassettes(packed, mode="none", scenario=PAY):
        pay(OLD)
    done = replay_command("scenario", "rename", PAY, "x", "--library", packed)
    assert (2, True) == (done.code, "inside an archive can only be read" in done.err)


def test_a_test_in_a_hidden_folder() -> None:
    """A scenario is named after its test, wherever that is."""
    _named(Path("cassettes"), ".ci/tests/test_it.py::test_it")
    assert set() == found("--deep", code=0)
    assert 3 == len(replay_command("list", "--scenarios", "--format", "json").json["scenarios"])


def test_tests_that_are_elsewhere() -> None:
    """Where none of the tests' files is found, nothing is said of them."""
    assert set() == found(code=0)


def test_other_walks_of_a_library(library: Library) -> None:
    """Scenarios are no cassettes: nothing lists, counts or notes them as such."""
    assert [] == library.paths()
    assert [] == storage_of(library).notes()
    listed = replay_command("list", "--format", "json")
    assert (0, []) == (listed.code, listed.json["cassettes"])
    assert names.is_of_scenarios(SHOWN)
    assert NEW in {path.stem for path in FOLDER.iterdir()}
