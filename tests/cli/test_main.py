"""What the command says when the system refuses: what happened, where, and what to do."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from replay.cli.main import main
from replay.drift.acceptance import own_files
from replay.errors import LibraryError

REPLAY = Path(sys.executable).with_name("replay")
NOBODY = 65534
LIBRARY = Path(__file__).parents[2] / "cassettes"
REPORT = ("diff", "2024-06-20", "2025-03-31.basil", "--library", str(LIBRARY),
          "--format", "markdown")  # fmt: skip


def run(command: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_working_directory_that_is_gone(tmp_path: Path) -> None:
    script = f'rmdir "$PWD" && exec "{REPLAY}" list'
    (tmp_path / "gone").mkdir()
    done = run(["sh", "-c", script], tmp_path / "gone")
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        ["error: the working directory no longer exists", "  next: cd to a folder that exists"],
    )


@pytest.mark.parametrize(
    ("code_pages", "environment", "arrow"),
    [
        (True, {}, "→".encode()),
        (True, {"PYTHONIOENCODING": "cp1252"}, rb"\u2192"),
        (False, {}, rb"\u2192"),
    ],
    ids=["Windows, to a file", "Windows, as asked for", "elsewhere"],
)
def test_a_charset_without_arrows_stops_no_report(
    code_pages: bool,
    environment: dict[str, str],
    arrow: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Into a file it is UTF-8 on Windows too; else what the charset lacks is escaped."""
    monkeypatch.delenv("PYTHONIOENCODING", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("replay.cli.main._CODE_PAGES", code_pages)
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "cp1252"))
    monkeypatch.setattr(sys, "argv", ["replay", *REPORT])
    with pytest.raises(SystemExit) as ended:
        main()
    assert 1 == ended.value.code
    assert arrow in written.getvalue()


@pytest.fixture
def locked() -> Iterator[Path]:
    """A file in a folder that this user may not enter; root gives up its rights meanwhile."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name, "locked")
        folder.mkdir()
        (folder / "c.yaml").write_text("{}", "utf-8")
        folder.chmod(0)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(NOBODY)
        try:
            yield folder / "c.yaml"
        finally:
            if is_root:
                os.seteuid(0)
            folder.chmod(0o700)


@pytest.mark.parametrize("command", ["scan", "seal"])
def test_a_folder_that_this_user_may_not_enter(
    command: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setattr(sys, "argv", ["replay", command, "/dev/null"])
    with pytest.raises(SystemExit):
        main()  # imports, which the other user may not
    capsys.readouterr()
    file = request.getfixturevalue("locked")
    monkeypatch.setattr(sys, "argv", ["replay", command, str(file)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "Permission denied" in said
    assert f"where: {file}" in said
    assert "next: give this user the right" in said


@pytest.mark.parametrize("command", ["list", "scan", "--help"])
def test_an_output_that_is_closed(command: str, tmp_path: Path) -> None:
    done = run(["sh", "-c", f'exec "{REPLAY}" {command} >&-'], tmp_path)
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        [
            "error: the output cannot be written: it is closed",
            "  next: give it a file, or /dev/null",
        ],
    )


@pytest.mark.parametrize("command", [("diff", "--format", "jsn"), ("scan", "--format", "jsn")])
def test_a_misspelt_choice_is_told_the_word_that_was_meant(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each option that takes one of a few words says so."""
    monkeypatch.setattr(sys, "argv", ["replay", *command])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "Did you mean 'json'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        (["diff", "--formt", "json"], "--format"), (["diff", "--formt=json"], "--format"),
        (["record", "--libary", "x"], "--library"), (["show", "--xyzzy"], None),
        (["show", "-9"], None), (["list", "--resorce", "invoice"], "--resource"),
        (["record", "--no-confrim"], "--no-confirm"),
    ],
)  # fmt: skip
def test_a_misspelt_option_is_told_the_one_that_was_meant(
    command: list[str],
    meant: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The nearest option is named, and none where none is near, below the command's own usage."""
    monkeypatch.setattr(sys, "argv", ["replay", *command])
    with pytest.raises(SystemExit, match="2"):
        main()
    usage, _, said = capsys.readouterr().err.partition("Error: ")
    word = command[1].partition("=")[0]
    hint = f" Did you mean '{meant}'?" if meant else ""
    assert f"Usage: replay {command[0]} " in usage
    assert said == f"No such option '{word}'.{hint}\n"


def test_a_lock_of_another_users_folder_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is locked is a file of the team's, not a library."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "taken"))
    (tmp_path / "taken").touch()
    with (
        pytest.raises(LibraryError, match=r"baseline\.json cannot be locked"),
        own_files.locked(tmp_path / "baseline.json"),
    ):
        pytest.fail("nothing is locked")
