"""Where a scan's files come from: the disk, the changes of a branch, or a whole git history."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO

from replay.errors import ConfigError, LibraryError
from replay.upkeep.git import git

MAX_BYTES = 64 * 1024 * 1024
"""Larger files are not searched, but named."""

_SKIPPED = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache",
     ".ruff_cache", ".pytest_cache", ".hypothesis", ".tox", ".nox", ".replay"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """One file to search.

    Attributes:
        path: its name, in POSIX form; ``path@blob`` in a history.
        data: its bytes; None where it is larger than `MAX_BYTES`.
    """

    path: str
    data: bytes | None


def on_disk(paths: Iterable[str]) -> Iterator[Source]:
    """The files below paths, sorted; in a git checkout without those that git ignores.

    Raises:
        ConfigError: a path that does not exist.
        LibraryError: a file that cannot be read.
    """
    for name in paths:
        path = Path(name)
        if path.is_dir():
            for file in _listed(path):
                yield from _read(file)
        elif path.exists():
            yield from _read(path)
        else:
            raise ConfigError("there is no such file", where=name)


def changed_since(base: str) -> Iterator[tuple[Source, Source | None]]:
    """Files that changed since the branch left `base`, each with its state there (None for new).

    Raises:
        ConfigError: this is not a git checkout, or `base` names nothing in it.
    """
    start = git("merge-base", base, "HEAD").decode().strip()
    top = Path(git("rev-parse", "--show-toplevel").decode().strip())
    names = git("diff", "--name-only", "--no-renames", "-z", start, cwd=top)
    new = git("ls-files", "--others", "--exclude-standard", "-z", cwd=top)
    for raw in sorted({*names.split(b"\0"), *new.split(b"\0")} - {b""}):
        name = os.fsdecode(raw)
        path = top / name
        if _is_file(path):
            old = git("cat-file", "blob", f"{start}:{name}", cwd=top, missing=b"\xff")
            for source in _read(path):
                before = None if old == b"\xff" else Source(name, old)
                yield Source(name, source.data), before


def at(base: str, suffix: str) -> Iterator[Source]:
    """The files, with a name that ends in `suffix`, of the commit where the branch left `base`."""
    start = git("merge-base", base, "HEAD").decode().strip()
    rows = git("ls-tree", "-r", "-z", "--full-tree", start).split(b"\0")
    found = [row.partition(b"\t") for row in rows if row.endswith(suffix.encode())]
    names = {head.split()[2].decode(): os.fsdecode(name) for head, _, name in found}
    yield from _blobs(names)


def history() -> Iterator[Source]:
    """Every blob that any reference or reflog of this repository reaches, each once.

    Raises:
        ConfigError: this is not a git checkout.
    """
    rows = git("rev-list", "--objects", "--all", "--reflog").decode("utf-8", "replace").split("\n")
    names: dict[str, str] = {}
    for row in rows:
        id, _, name = row.partition(" ")
        if name:
            names.setdefault(id, name)
    yield from _blobs(names, suffixed=True)


def _listed(folder: Path) -> list[Path]:
    """The files below a folder, sorted."""
    listing = "ls-files", "--cached", "--others", "--exclude-standard", "-z"
    if (names := _git_names(folder, listing)) is not None:
        files = {folder / name for name in names}
        return sorted(file for file in files if _is_file(file))
    found: list[Path] = []
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        found += [Path(where, name) for name in sorted(names)]
    return [file for file in found if _is_file(file)]


def _git_names(folder: Path, listing: tuple[str, ...]) -> list[str] | None:
    """The files that git lists in a folder; None outside a checkout and in an ignored folder."""
    try:
        inside = git("rev-parse", "--is-inside-work-tree", cwd=folder, missing=b"")
        if inside.strip() != b"true" or git("check-ignore", ".", cwd=folder, missing=b""):
            return None
        return [os.fsdecode(name) for name in git(*listing, cwd=folder).split(b"\0") if name]
    except ConfigError:  # no git on this machine
        return None


def _is_file(path: Path) -> bool:
    # Not by Path.is_file: since Python 3.14 a file that this user may not look at is none there,
    # and would pass unread.
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            return False
        raise LibraryError(f"the file cannot be read: {error.strerror}", where=str(path)) from error


def _read(path: Path) -> Iterator[Source]:
    try:
        found = path.stat()
        large = found.st_size > MAX_BYTES
        data = None if large or not stat.S_ISREG(found.st_mode) else path.read_bytes()
    except OSError as error:
        raise LibraryError(f"the file cannot be read: {error.strerror}", where=str(path)) from error
    yield Source(path.as_posix(), data)


def _blobs(names: dict[str, str], *, suffixed: bool = False) -> Iterator[Source]:
    """The blobs of these IDs, read by one git process; other objects are left out."""
    command = ["git", "cat-file", "--batch", "--buffer"]
    ids = "".join(f"{id}\n" for id in names).encode()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 - no shell, fixed words
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101 - as above
        # A thread writes the IDs: else git and we would both wait on full pipes.
        Thread(target=_feed, args=(process.stdin, ids), daemon=True).start()
        for id, name in names.items():
            head = process.stdout.readline().split()
            if len(head) < 3:
                continue
            data = process.stdout.read(int(head[2]))
            process.stdout.read(1)
            if head[1] == b"blob":
                kept = data if len(data) <= MAX_BYTES else None
                yield Source(f"{name}@{id[:12]}" if suffixed else name, kept)


def _feed(pipe: IO[bytes], ids: bytes) -> None:
    with suppress(OSError):
        pipe.write(ids)
        pipe.close()
