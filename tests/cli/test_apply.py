"""`replay diff --apply`: an example suite, its edit, and what the suite says before and after."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import Done, replay_command
from support.recordings import NEW, OLD, recording, twins
from support.suites import Suite
from support.writing import shelve

BOTH = "2024-12-18.acacia"
IDS = [f"sub_1MowQVLkdIwHu7i{n}" for n in range(4)]
CODE = """# Caf\u00e9
def subscription_of(invoice):
    return invoice.subscription  # the old place


def plan_of(invoice):
    return getattr(invoice, "subscription")
"""


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A suite, run once with tracking; one of four invoices has no subscription."""
    made = Suite(tmp_path / "suite")
    monkeypatch.chdir(made.folder)
    olds = [{"object": "invoice", "subscription": id} for id in (*IDS, None)]
    news = [{"object": "invoice", "parent": {"subscription": id} if id else None}
            for id in (*IDS, None)]  # fmt: skip
    both = {"object": "invoice", "id": "in_1A0000", **olds[0], **news[0]}
    shelve(made.folder / "cassettes", [*twins(olds, news), recording(both, BOTH, id="in_1A0000")])
    (made.folder / "billing.py").write_text(CODE, "utf-8")
    made.write("""
        import sys; sys.path.insert(0, "."); import billing

        @pytest.mark.cassettes
        def test_it():
            assert billing.subscription_of(get("in_1A0000", OLD)) == ID

        @pytest.mark.cassettes
        def test_none():
            if not VERSION == BOTH:
                assert billing.subscription_of(get("in_1A0004", OLD)) is None

        @pytest.mark.cassettes
        def test_dynamic():
            if VERSION == OLD:
                assert billing.plan_of(get("in_1A0000", OLD))
    """)
    text = Path("test_suite.py").read_text("utf-8")
    head = f"OLD, BOTH, ID = {OLD!r}, {BOTH!r}, {IDS[0]!r}\n"
    head += "import os; VERSION = os.environ.get('V', OLD)\n"
    Path("test_suite.py").write_text(head + text, "utf-8")
    ran = made.run("--replay-track-fields")
    assert {"passed": 3} == ran.outcomes, ran.out
    return made


def apply(*more: str) -> Done:
    return replay_command("diff", OLD, NEW, "--used", "used-fields.json", "--apply", *more)


def at(suite: Suite, version: str) -> dict[str, int]:
    return suite.run(f"--replay-api-version={version}", V=version).outcomes


def test_a_suite_that_fails_at_the_new_version_passes_after_the_edit(suite: Suite) -> None:
    """And still passes where both places exist; a second run changes nothing."""
    assert {"failed": 2, "passed": 1} == at(suite, NEW)
    done = apply("--write")
    assert 1 == done.code  # one line is left
    assert {"passed": 3} == at(suite, NEW)
    assert {"passed": 3} == at(suite, BOTH)
    edited = Path("billing.py").read_bytes()
    again = apply("--write")
    assert "" == again.out
    assert edited == Path("billing.py").read_bytes()


def test_the_edit_is_a_diff_that_patch_takes_and_nothing_is_written(suite: Suite) -> None:
    """On standard output alone; what may be None and what is left is named beside it."""
    done = apply()
    assert CODE == Path("billing.py").read_text("utf-8")
    assert "-    return invoice.subscription  # the old place\n" in done.out
    new = "(invoice.parent.subscription if invoice.parent is not None else None)"
    assert f"+    return {new}  # the old place\n" in done.out
    assert (
        "billing.py:3: invoice.subscription: may be None here (parent: null in 1 of 5)" in done.err
    )
    assert "billing.py:7: invoice.subscription: no chain of attributes" in done.err
    assert "1 edit in 1 file can be made, 1 left to you" in done.err
    Path("a.diff").write_text(done.out, "utf-8")
    git = shutil.which("git")
    assert git
    subprocess.run([git, "apply", "--unsafe-paths", "a.diff"], check=True)
    assert new in Path("billing.py").read_text("utf-8")


def test_a_line_for_a_person_is_listed_once(suite: Suite) -> None:
    """Also where two expressions of it are left for one reason."""
    code = "def pair(a, b):\n    return a.subscription, b.subscription\n"
    Path("billing.py").write_text(code, "utf-8")
    sites = [
        {"file": "billing.py", "line": 2, "column": column, "end_line": 2,
         "end_column": column + 14, "tests": ["test_suite.py::test_it"]}
        for column in (12, 28)
    ]  # fmt: skip
    body = {"resource": "invoices", "type": "invoice", "version": OLD,
            "paths": ["/subscription"], "sites": {"/subscription": sites}}  # fmt: skip
    Path("used-fields.json").write_text(json.dumps({"format": 1, "bodies": [body]}), "utf-8")
    said = apply().err.splitlines()
    assert "billing.py:2: invoice.subscription: 2 reads of that name on the line" == said[0]
    assert "0 edits in 0 files can be made, 1 left to you" == said[1]


def test_only_files_of_this_folder_are_written(suite: Suite, tmp_path: Path) -> None:
    """Not what a link leads to; and what is gone, or in another encoding, is named."""
    outside = tmp_path / "outside.py"
    outside.write_text(CODE, "utf-8")
    code = Path("billing.py")
    code.unlink()
    code.symlink_to(outside)
    assert "a link leads out of this folder" in apply("--write").err
    assert CODE == outside.read_text("utf-8")
    code.unlink()
    assert "there is no such file below this folder" in apply("--write").err
    code.write_bytes(CODE.encode("latin-1"))
    assert "this file is not UTF-8" in apply("--write").err


def test_the_brief_has_the_edit_and_the_lines_that_are_left(suite: Suite) -> None:
    """The same as --apply says, below the finding; nothing is written."""
    done = replay_command("diff", OLD, NEW, "--used", "used-fields.json", "--format", "brief")
    _, _, task = done.out.partition("## 1. `invoice.subscription`")
    assert "+    return (invoice.parent.subscription if" in task
    assert "billing.py:7: no chain of attributes" in task
    assert CODE == Path("billing.py").read_text("utf-8")


def test_without_libcst_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "libcst", None)
    done = apply()
    assert 2 == done.code
    assert "pip install 'replay-cassettes[apply]'" in done.err


@pytest.mark.parametrize(
    "options",
    [("--apply",), (OLD, NEW, "--apply"), ("--used", "u.json", "--apply"), (OLD, NEW, "--write"),
     (OLD, NEW, "--used", "u.json", "--apply", "--format", "json")],
)  # fmt: skip
def test_options_that_do_not_go_together_are_refused(options: tuple[str, ...]) -> None:
    """Edits need two versions, and the lines."""
    assert 2 == replay_command("diff", *options).code
