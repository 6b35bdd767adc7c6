"""`replay diff --witnesses`: writes a small test for each break that was confirmed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from replay.errors import ConfigError

if TYPE_CHECKING:
    from replay.drift.judge.findings import Report
    from replay.library import Library


def write_witnesses(report: Report, folder: Path, old: Library, new: Library) -> list[str]:
    """Write the witnesses of a report, and say what was done.

    Nothing is written where one of the names is taken by a file that was not written here.

    Args:
        report: the report.
        folder: the folder; it is made if it is not there.
        old, new: the libraries of either side.

    Returns:
        Lines for people.

    Raises:
        ConfigError: a file is in the way, or the folder is a library's.
        LibraryError: the file system refuses.
    """
    from replay.drift.acceptance import own_files
    from replay.drift.guide.witnesses import MARK, Source, files
    from replay.library import files as system

    instead = "another folder: --witnesses DIR"
    for library in (old, new):
        if folder.resolve().is_relative_to(library.root.resolve()):
            raise ConfigError(
                "witnesses are tests, and this folder is a library's",
                where=str(folder), hint="name a folder of your tests: --witnesses tests/witnesses",
            )  # fmt: skip
    sources = [
        Source(os.path.relpath(library.root, folder.resolve()), library.follow_links)
        for library in (old, new)
    ]
    made = files(report, sources[0], sources[1])
    for name in made:
        path = folder / name
        if path.is_symlink() or (path.exists() and not _is_ours(path, MARK)):
            raise ConfigError(
                "this file is not one of replay's, and a witness would take its place",
                where=str(path), hint=f"move it away, or name {instead}",
            )  # fmt: skip
    if made:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise system.translated(
                error, "the folder cannot be made", str(folder), instead
            ) from error
    for name, text in made.items():
        with own_files.locked(folder / name):
            own_files.write(folder / name, text, "a witness", instead)
    left = sorted(name for name in _ours(folder, MARK) if name not in made)
    return list(_told(len(made), left, folder, report))


def _told(made: int, left: list[str], folder: Path, report: Report) -> Iterator[str]:
    if not made:
        yield "no breaking finding is proven, so there is no witness to write"
    else:
        new = report.comparisons[0].new
        tests = "1 test" if made == 1 else f"{made} tests"
        yield f"{tests} in {folder}: REPLAY_API_VERSION={new} pytest {folder}"
    if left:
        yield f"not of this report, and left as they are: {', '.join(left)}"


def _ours(folder: Path, mark: str) -> Iterator[str]:
    if folder.is_dir():
        for path in folder.glob("test_*.py"):
            if not path.is_symlink() and path.is_file() and _is_ours(path, mark):
                yield path.name


def _is_ours(path: Path, mark: str) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(mark)) == mark.encode()
    except OSError:
        return False
