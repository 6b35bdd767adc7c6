"""What is proven was run: reading works on the old recording and fails, or differs, on the new."""

from __future__ import annotations

import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.command import replay_command
from support.recordings import NEW, OLD, Shelf, recording, twins
from support.writing import shelve

from replay.drift.guide.witnesses import FAILING, MARK, Witnesses, read
from replay.drift.judge.findings import Comparison, Finding, Grade, Severity, Side
from replay.drift.judge.rules import CATALOGUE, sentence
from replay.drift.report import report

HOSTILE = 'a"""\'\\ \n import os; {x} %s \u202e/~'
"""A key that would end a string, a comment or a line where it is not quoted."""


def invoice(n: int, **fields: Any) -> dict[str, Any]:
    """An invoice with an ID of its own."""
    return {"id": f"in_{n}A", "object": "invoice", **fields}


def item(n: int, **fields: Any) -> dict[str, Any]:
    """An item of a list."""
    return {"id": f"il_{n}A", **fields}


OLDS = [
    invoice(
        n, gone=True, nulled=5, typed=n, total=n * 100, sometimes="x",
        lines={"object": "list", "data": [item(1, price="a"), item(2, price="b")]},
        **{HOSTILE: 1},
    )
    for n in range(4)
]  # fmt: skip
NEWS = [
    invoice(
        n, nulled=None, typed={"a": 1}, total=f"{n * 100}",
        lines={"object": "list", "data": [item(2), item(1)]},
    )
    for n in range(4)
]  # fmt: skip
EXPECTED = {"/gone", "/nulled", "/typed", "/total", "/sometimes", "/lines/data/*/price"}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four twins in which much was lost."""
    return shelve(tmp_path_factory.mktemp("w") / "cassettes", twins(OLDS, NEWS))


@pytest.fixture(scope="module")
def written(library: Path) -> Path:
    """The folder of their witnesses."""
    folder = library.parent / "witnesses"
    done = replay_command("diff", OLD, NEW, "--library", library, "--witnesses", folder)
    assert 1 == done.code
    assert f"7 tests in {folder}: REPLAY_API_VERSION={NEW} pytest {folder}" in done.err
    return folder


def test_each_proven_break_was_confirmed_by_reading() -> None:
    """Removed, null, of another type, in lists whose items changed places: all can be run."""
    (comparison,) = report(Shelf(twins(OLDS, NEWS))).comparisons
    proven = [f for f in comparison.findings if (f.severity, f.grade) == (2, 2)]
    assert len(EXPECTED) + 1 == len(proven)
    assert EXPECTED < {finding.path for finding in proven}
    assert all(finding.confirmed and finding.reading for finding in proven)
    (price,) = (finding.reading for finding in proven if finding.path == "/lines/data/*/price")
    assert price is not None
    assert ("lines", "data", ("id", "il_1A"), "price") == price.steps


def test_the_written_tests_pass_at_the_old_version_and_fail_at_the_new(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file by itself; hostile keys included."""
    files = sorted(written.glob("*.py"))
    assert 7 == len(files)
    for file in files:
        tests = [run for name, run in runpy.run_path(str(file)).items() if name[:5] == "test_"]
        assert 1 == len(tests)
        monkeypatch.delenv("REPLAY_API_VERSION", raising=False)
        tests[0]()
        monkeypatch.setenv("REPLAY_API_VERSION", NEW)
        with pytest.raises((KeyError, AssertionError)):
            tests[0]()
        monkeypatch.setenv("REPLAY_API_VERSION", "2099-01-01")
        with pytest.raises(pytest.skip.Exception):
            tests[0]()


def test_pytest_runs_them(written: Path) -> None:
    """As a suite, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(written)],
        capture_output=True, text=True, check=False, cwd=written.parent,
    )  # fmt: skip
    assert 0 == done.returncode, done.stdout
    assert "7 passed" in done.stdout


def test_they_are_written_alike_again_and_say_what_failing_means(
    library: Path, written: Path
) -> None:
    """Names and texts follow from the findings; each file says what it shows."""
    before = {file.name: file.read_text("utf-8") for file in written.glob("*.py")}
    assert all(text.startswith(MARK) and text.isascii() for text in before.values())
    (nulled,) = (text for name, text in before.items() if "nulled" in name)
    assert "# Failing means: the value is None, where the same object had one." in nulled
    replay_command("diff", OLD, NEW, "--library", library, "--witnesses", written)
    assert before == {file.name: file.read_text("utf-8") for file in written.glob("*.py")}


def test_a_foreign_file_in_the_way_is_told_and_nothing_is_written(
    library: Path, written: Path, tmp_path: Path
) -> None:
    """Neither a file of the user's nor the target of a link is replaced; an old one is named."""
    name = min(file.name for file in written.glob("*.py"))
    folder = tmp_path / "w"
    folder.mkdir()
    mine = tmp_path / "mine.py"
    mine.write_text(f"{MARK}\n")
    arguments = "diff", OLD, NEW, "--library", library, "--witnesses", folder
    for make in (lambda path: path.write_text("mine\n"), lambda path: path.symlink_to(mine)):
        make(folder / name)
        done = replay_command(*arguments)
        assert (2, [name]) == (done.code, [file.name for file in folder.iterdir()])
        assert f"{name}\n  next: move it away, or name another folder" in done.err
        (folder / name).unlink()
    (folder / "test_old.py").write_text(f"{MARK}\n")
    done = replay_command(*arguments)
    assert "not of this report, and left as they are: test_old.py" in done.err
    assert f"{MARK}\n" == mine.read_text()


@pytest.mark.parametrize("below", ["", "invoices", "new/folder"])
def test_no_tests_are_written_into_a_library(below: str, library: Path) -> None:
    """It holds recordings, and what else lies in it is damage."""
    before = sorted(library.rglob("*"))
    folder = library / below
    done = replay_command("diff", OLD, NEW, "--library", library, "--witnesses", folder)
    assert (2, before) == (done.code, sorted(library.rglob("*")))
    assert "next: name a folder of your tests" in done.err


@pytest.mark.parametrize(
    "arguments",
    [(), (OLD, NEW, "--matrix"), (OLD, NEW, "--id", "in_1A"), (OLD, NEW, "--apply", "--used", "x")],
)
def test_misuse(arguments: tuple[str, ...], library: Path, tmp_path: Path) -> None:
    """Witnesses show the breaks between two versions."""
    done = replay_command("diff", *arguments, "--library", library, "--witnesses", tmp_path / "w")
    assert 2 == done.code
    assert not (tmp_path / "w").exists()


def comparison(finding: Finding) -> Comparison:
    """A comparison of one finding."""
    return Comparison("invoices", "invoice", False, OLD, NEW, (), (1, 1, 1), 1, (finding,))


CLAIM = Finding(
    "field-removed", Severity.BREAKING, Grade.PROVEN, "/a/b", None, None,  # type: ignore[arg-type]
    (f"invoices/in_1A/{OLD}.yaml#0/a/b", f"invoices/in_1A/{NEW}.yaml#0/a"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "old", "new", "confirmed"),
    [
        ("field-removed", {"a": {"b": 1}}, {"a": {}}, True),
        ("field-removed", {"a": {"b": 1}}, {}, True),
        ("field-removed", {"a": {"b": 1}}, {"a": {"b": 2}}, False),
        ("field-removed", {"a": {"b": 1}}, {"a": None}, False),
        ("field-removed", {"a": {}}, {"a": {}}, False),
        ("became-nullable", {"a": {"b": 1}}, {"a": {"b": None}}, True),
        ("became-nullable", {"a": {"b": None}}, {"a": {"b": None}}, False),
        ("became-nullable", {"a": {"b": 1}}, {"a": {}}, False),
        ("type-changed", {"a": {"b": 1}}, {"a": {"b": "1"}}, True),
        ("type-changed", {"a": {"b": 1}}, {"a": {"b": 2}}, False),
        ("type-changed", {"a": {"b": 1}}, {"a": {"b": None}}, False),
        ("type-changed", {"a": {"b": 1}}, {"a": {}}, False),
        ("enum-value-new", {"a": {"b": "x"}}, {"a": {"b": "y"}}, False),
    ],
)
def test_what_does_not_confirm_is_likely(
    rule: str, old: Any, new: Any, confirmed: bool
) -> None:  # fmt: skip
    """A claim that its own recordings do not show loses its grade; null above it shows nothing."""
    shelf = Shelf([recording(invoice(1, **old), OLD), recording(invoice(1, **new), NEW)])
    done = Witnesses(shelf, shelf).confirmed(comparison(replace(CLAIM, rule=rule)))
    (found,) = done.findings
    grade = Grade.PROVEN if confirmed else Grade.LIKELY
    assert (grade, confirmed, confirmed) == (
        found.grade, found.confirmed, found.reading is not None,
    )  # fmt: skip
    assert confirmed is not sentence(done, replace(found, old=Side(), new=Side())).endswith(
        "did not confirm it"
    )


def test_pools_are_confirmed_by_two_objects() -> None:
    """Code reads the first item that has the rest, in one object and in the other."""
    olds = [invoice(n, l=[{"p": 1}], status="paid") for n in range(40)]
    news = [invoice(n + 50, l=[{"q": 1}], status="paid") for n in range(40)]
    entries = [
        recording(body, version, id=body["id"])
        for bodies, version in ((olds, OLD), (news, NEW)) for body in bodies
    ]  # fmt: skip
    (found,) = report(Shelf(entries)).comparisons
    (lost,) = (f for f in found.findings if f.path == "/l/*/p")
    assert (Grade.PROVEN, True) == (lost.grade, lost.confirmed)
    assert lost.reading is not None
    assert ("l", None, "p") == lost.reading.steps
    assert lost.reading.old.file != lost.reading.new.file


def test_every_breaking_rule_of_recordings_says_what_failing_means() -> None:
    """So each of them can be confirmed; a specification has no recordings to run."""
    breaking = {
        rule.id for rule in CATALOGUE
        if rule.severity is Severity.BREAKING and not rule.id.startswith("spec-")
    }  # fmt: skip
    assert set() == breaking - FAILING.keys()


def test_reading_tells_a_missing_key_from_nothing_to_read() -> None:
    """KeyError for a key that is not there; another error for null and for an empty list."""
    assert 1 == read({"a": [{}, {"b": 1}]}, ("a", None, "b"))
    for steps, value, error in (
        (("a",), {}, KeyError),
        (("a", None, "b"), {"a": [{"c": 1}, None]}, KeyError),
        (("a", None, "b"), {"a": []}, LookupError),
        (("a", "b"), {"a": None}, TypeError),
        (("a", ("id", "x")), {"a": [{"id": "y"}]}, IndexError),
    ):
        with pytest.raises(error) as caught:
            read(value, steps)
        assert error is caught.type
