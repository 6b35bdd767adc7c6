"""`replay scan --history`: everything that anything in a repository reaches."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from replay.cli.main import cli
from replay.errors import LibraryError
from replay.redaction.policy import default_policy
from replay.scan import sources
from replay.scan.run import scan

KEY = "sk_test_51QaTestAbCdEfGhIjKl"


def git(*arguments: str, **options: Any) -> str:
    done = subprocess.run(["git", *arguments], check=True, capture_output=True, **options)  # noqa: S607
    return done.stdout.decode().strip()


def blob(text: str) -> str:
    return git("hash-object", "-w", "--stdin", input=text.encode())


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "main")
    git("config", "user.email", "greta@kiesel-werft.de")
    git("config", "user.name", "Greta Ohm")
    git("commit", "-q", "--allow-empty", "-m", "begin")
    return tmp_path


def found() -> list[tuple[str, str]]:
    result = CliRunner().invoke(cli, ["scan", "--history", "--format", "json", "--all"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return [(row["rule"], row["path"]) for row in json.loads(result.stdout)["findings"]]


def test_authors_and_their_addresses_are_no_findings():
    assert [] == found()


def test_a_blob_that_a_tag_alone_reaches_is_found():
    git("tag", "light", blob(f"a {KEY}"))
    git("tag", "-a", "full", "-m", "x", blob(f"b {KEY}"))
    git("tag", "-a", "nested", "-m", "x", "full")
    assert ["secret-key"] * 2 == [rule for rule, _ in found()]


def test_a_tree_that_a_tag_alone_reaches_is_found():
    tree = git("mktree", input=f"100644 blob {blob(KEY)}\tdeep.txt\n".encode())
    git("tag", "tree", tree)
    assert [("secret-key", "deep.txt")] == found()


def test_messages_of_commits_and_tags_are_found():
    git("commit", "-q", "--allow-empty", "-m", f"the key is {KEY}")
    head = git("rev-parse", "HEAD")[:12]
    git("commit", "-q", "--amend", "--allow-empty", "-m", "sorry")  # the reflog has it
    git("tag", "-a", "v1", "-m", f"released with {KEY}x")
    assert {("secret-key", f"commit {head}"), ("secret-key", "tag v1")} == set(found())


def test_names_of_branches_and_authors_are_searched_for_secrets():
    git("branch", f"work/{KEY}")
    git("commit", "-q", "--allow-empty", "-m", "x", "--author", f"{KEY}x <a@example.com>")
    assert 2 == len(found())
    assert ("secret-key", "names of branches and tags") in found()


def test_what_is_staged_stashed_or_noted_is_found():
    Path("a.txt").write_text(KEY)
    git("add", "a.txt")
    Path("a.txt").unlink()
    assert [("secret-key", "a.txt")] == found()
    git("rm", "-q", "--cached", "a.txt")
    git("notes", "add", "-m", f"{KEY}n")
    Path("b.txt").write_text("x")
    git("add", "b.txt")
    git("commit", "-q", "-m", "x")
    Path("b.txt").write_text(f"{KEY}s")
    git("stash", "-q")
    assert 2 == len(found())


def test_each_blob_is_read_once():
    for name in ("a.txt", "b.txt"):
        Path(name).write_text(KEY)
        git("add", "-A")
        git("commit", "-q", "-m", "x")
    assert 1 == len(found())


def test_a_large_blob_is_named_and_not_read(monkeypatch):
    Path("big.bin").write_bytes(b"x" * 5000)
    Path("small.txt").write_text(KEY)
    git("add", "-A")
    git("commit", "-q", "-m", "x")
    monkeypatch.setattr(sources, "MAX_BYTES", 1000)
    monkeypatch.setattr(sources, "_CHUNK", 300)
    assert {("unread-file", "big.bin"), ("secret-key", "small.txt")} == set(found())


def test_a_history_that_git_cannot_read_is_an_error(checkout):
    Path("a.txt").write_text("x")
    git("add", "-A")
    git("commit", "-q", "-m", "x")
    id = git("rev-parse", "HEAD:a.txt")
    (checkout / ".git/objects" / id[:2] / id[2:]).unlink()
    with pytest.raises(LibraryError, match="git cannot"):
        scan([], default_policy(), history=True)
    git("checkout", "-q", "--orphan", "other")
    (checkout / ".git/refs/heads/broken").write_text("1" * 40 + "\n")
    with pytest.raises(LibraryError, match="git cannot"):
        scan([], default_policy(), history=True)


def test_a_part_of_a_history_is_named_as_such(tmp_path, monkeypatch):
    git("commit", "-q", "--allow-empty", "-m", "second")
    clone = tmp_path / "clone"
    git("clone", "-q", "--depth", "1", f"file://{tmp_path}", str(clone))
    result = CliRunner().invoke(cli, ["scan", "--history"])
    assert "note" not in result.output
    monkeypatch.chdir(clone)
    result = CliRunner().invoke(cli, ["scan", "--history"])
    assert "note: this clone has only a part of the history: git fetch --unshallow" in result.output


def test_a_scan_that_stops_early_leaves_no_process():
    Path("a.txt").write_text(KEY)
    git("add", "-A")
    git("commit", "-q", "-m", "x")
    found = sources.history()
    next(found)
    next(found)
    found.close()  # waits for git; it would hang here
