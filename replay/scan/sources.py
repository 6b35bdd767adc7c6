"""Where a scan's files come from: the disk, the changes of a branch, or a whole git history."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha1, sha256
from pathlib import Path
from threading import Thread
from typing import IO, Any

from replay.errors import ConfigError, LibraryError
from replay.upkeep.git import git

MAX_BYTES = 64 * 1024 * 1024
"""Larger files are not searched, but named."""

_SKIPPED = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache",
     ".ruff_cache", ".pytest_cache", ".hypothesis", ".tox", ".nox", ".replay"}
)  # fmt: skip

_TOO_LARGE = f"it is larger than {MAX_BYTES // 1024 // 1024} MB"
STAGED = "staged"
"""The version of a file that git's index holds, and the working tree does not."""
_SUBMODULE, _LINK = "160000", "120000"
_FORM = "%(objectname) %(objecttype) %(objectsize) %(rest)"
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """One file to search.

    Attributes:
        path: its name, in POSIX form; bytes that are no UTF-8 are lone surrogates, as in `os`.
        data: its bytes; None where it was not read.
        version: the blob that holds it in a history; `STAGED` for what git's index holds; empty for
            the file on disk.
        unread: why it was not read.
    """

    path: str
    data: bytes | None = field(repr=False)
    version: str = ""
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A file that a branch changed.

    Attributes:
        path: its name, from the top of the checkout.
        new: what it holds now; None if it was deleted.
        old: what it held where the branch began; None if it is new.
        blob: the blob that git has for its new state, if it is what was read; else empty. An
            attribute can have git write a file in another encoding than it keeps.
    """

    path: str
    new: Source | None
    old: Source | None
    blob: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """The branch that is checked out, compared with the one that it will be merged into.

    Attributes:
        top: the folder of the checkout.
        base: the commit that it will be merged into.
        start: the commit where it left that one.
    """

    top: Path
    base: str
    start: str

    @classmethod
    def of(cls, base: str) -> Branch:
        """The branch that is checked out.

        Raises:
            ConfigError: this is not a git checkout, or `base` names no commit in it that the branch
                has an ancestor in common with, or more than one.
        """
        top = Path(os.fsdecode(git("rev-parse", "--show-toplevel").removesuffix(b"\n")))
        named = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}",
                    missing=b"")  # fmt: skip
        commit = named.decode().strip()
        kinds = [f"refs/{kind}/{base}" for kind in ("heads", "tags", "remotes")]
        if base and len(git("for-each-ref", "--format=%(refname)", *kinds).split()) > 1:
            raise ConfigError(
                "this names several things: a branch and a tag can have the same name",
                where=f"--diff {base}",
                hint=f"name it in full, such as refs/remotes/{base}",
            )
        if not commit:
            raise ConfigError(
                "there is no such branch or commit", where=f"--diff {base}",
                hint="fetch it first, for example with git fetch origin main",
            )  # fmt: skip
        start = git("merge-base", commit, "HEAD", missing=b"").decode().split()
        if not start:
            raise ConfigError(
                "this checkout does not have the commit where the branch began",
                where=f"--diff {base}",
                hint="fetch the whole history: git fetch --unshallow, or fetch-depth: 0 in the"
                " checkout of a workflow",
            )
        return cls(top, commit, start[0])

    def changes(self) -> Iterator[Change]:
        """Files that differ from where the branch began, committed or not.

        Those that were there before come first, then the new ones; each part is sorted by name.
        """
        options = "--raw", "--no-renames", "--no-abbrev", "--no-ext-diff", "-z"
        listed = git("diff", *options, "--ignore-submodules=none", self.start, cwd=self.top)
        rows = listed.split(b"\0")
        found = {
            os.fsdecode(name): head.decode().removeprefix(":").split()
            for head, name in zip(rows[::2], rows[1::2], strict=False)
        }
        new = git("ls-files", "--others", "--exclude-standard", "-z", cwd=self.top)
        for raw in new.split(b"\0"):
            if raw:
                found.setdefault(os.fsdecode(raw), ["000000", "100644", "", "0" * 40, "A"])
        had = {
            name: row[2]
            for name, row in sorted(found.items())
            if row[0] not in {"000000", _SUBMODULE} and row[2]
        }
        before = self.read_at(had)
        for name in (*had, *sorted(found.keys() - had.keys())):
            _, new_mode, _, new_id, _ = found[name]
            old = next(before) if name in had else None
            now = self._now(name, new_mode, new_id)
            yield Change(name, now, old, new_id if _is_blob(now, new_id) else "")

    def _now(self, name: str, mode: str, id: str) -> Source | None:
        """What a changed file holds now."""
        if mode == _SUBMODULE:
            return Source(name, None, unread="it is a submodule")
        path = self.top / name
        if mode == _LINK:
            with suppress(OSError):
                return Source(name, os.fsencode(os.readlink(path)))  # noqa: PTH115 - as bytes
        if _is_file(path):
            found = read(path)
            return Source(name, found.data, unread=found.unread)
        # A sparse checkout leaves out files that the branch has all the same.
        return Source(name, git("cat-file", "blob", id, cwd=self.top)) if id.strip("0") else None

    def staged_changes(self, known: set[str]) -> Iterator[Source]:
        """What git's index holds of the files that differ there from where the branch began.

        Args:
            known: blobs that are read already, such as those of files that are in the working tree
                as they are staged.
        """
        options = "--cached", "--raw", "--no-renames", "--no-abbrev", "--no-ext-diff", "-z"
        rows = git("diff", *options, self.start, cwd=self.top).split(b"\0")
        found: dict[str, str] = {}
        for head, raw in zip(rows[::2], rows[1::2], strict=False):
            _, mode, _, id, _ = head.decode().removeprefix(":").split()
            name = os.fsdecode(raw)
            if mode == _SUBMODULE:
                if not (self.top / name).is_dir():
                    yield Source(name, None, STAGED, "it is a submodule")
            elif id.strip("0") and id not in known:
                found[name] = id
        for source in self.read_at(found):
            yield replace(source, version=STAGED)

    def files_staged(self) -> dict[str, tuple[str, str]]:
        """All files of git's index: name -> mode and blob; without those in a conflict."""
        found = {}
        for row in git("ls-files", "--stage", "-z", cwd=self.top).split(b"\0"):
            head, _, name = row.partition(b"\t")
            if name:
                mode, id, stage = head.decode().split()
                if stage == "0":
                    found[os.fsdecode(name)] = mode, id
        return found

    def is_staged_as_it_is(self) -> bool:
        """Whether the working tree holds each file as git's index does."""
        return not git("diff", "--raw", "--no-ext-diff", cwd=self.top)

    def commits(self, known: set[str]) -> Iterator[Source]:
        """The messages and blobs of the branch's commits, but for blobs that are known."""
        for source in _objects("HEAD", f"^{self.start}", f"^{self.base}", cwd=self.top):
            if source.version not in known:
                yield source

    def staged(self, name: str) -> bytes:
        """What git's index holds of a file."""
        return git("cat-file", "blob", f":{name}", cwd=self.top)

    def left_out(self) -> set[str]:
        """The files that a sparse checkout leaves out of the working tree."""
        listed = git("ls-files", "-t", "-z", cwd=self.top).split(b"\0")
        return {os.fsdecode(row[2:]) for row in listed if row.startswith(b"S ")}

    def files_now(self) -> list[str]:
        """All files of the checkout, but for those that git ignores."""
        listed = git("ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=self.top)
        return [os.fsdecode(name) for name in listed.split(b"\0") if name]

    def files_at(self, commit: str) -> dict[str, tuple[str, str]]:
        """All files of a commit: name -> mode and blob."""
        rows = git("ls-tree", "-r", "-z", "--full-tree", commit, cwd=self.top).split(b"\0")
        found = {}
        for row in rows:
            head, _, name = row.partition(b"\t")
            if name:
                mode, _, id = head.decode().split()
                found[os.fsdecode(name)] = mode, id
        return found

    def read_at(self, files: dict[str, str]) -> Iterator[Source]:
        """Blobs of the repository, read by one git process.

        Args:
            files: name -> blob.
        """
        lines = (f"{id}\n".encode() for id in files.values())
        for name, source in zip(files, _contents(lines, self.top), strict=True):
            yield Source(name, source.data, unread=source.unread)


def on_disk(paths: Iterable[str]) -> Iterator[Source]:
    """The files below paths, sorted; in a git checkout without those that git ignores.

    Raises:
        ConfigError: a path that does not exist.
        LibraryError: a file that cannot be read.
    """
    yield from (read(file) for file in files_on_disk(paths))


def files_on_disk(paths: Iterable[str]) -> Iterator[Path]:
    """The names of the files that `on_disk` reads."""
    for name in paths:
        path = Path(name)
        try:
            # Not with Path.is_dir: since Python 3.14 it says False for a refusal of the system.
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ConfigError(
                "there is no such file", where=name, hint="name files and folders that exist"
            ) from error
        except OSError as error:
            raise _unreadable(error, path) from error
        if is_folder:
            yield from _listed(path)
        else:
            yield path


def history() -> Iterator[Source]:
    """Every blob and message that any reference, reflog or index of this repository reaches.

    Each blob comes once, the messages of commits and annotated tags as texts of their own, and the
    names of branches and tags as one more.

    Raises:
        ConfigError: this is not a git checkout.
        LibraryError: git cannot read all of it.
    """
    names = git("for-each-ref", "--format=%(refname)")
    yield Source("names of branches and tags", names)
    yield from _objects("--all", "--reflog", "--indexed-objects")


def _is_blob(source: Source | None, id: str) -> bool:
    """Whether a file holds exactly the blob of an ID."""
    if source is None or source.data is None:
        return False
    digest = sha256() if len(id) == 64 else sha1(usedforsecurity=False)
    digest.update(b"blob %d\0" % len(source.data) + source.data)
    return digest.hexdigest() == id


def is_shallow() -> bool:
    """Whether this clone has only a part of the history."""
    return git("rev-parse", "--is-shallow-repository").strip() == b"true"


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
        return path.is_symlink() or stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            return False
        raise _unreadable(error, path) from error


def _unreadable(error: OSError, path: Path) -> LibraryError:
    return LibraryError(
        f"the file cannot be read: {error.strerror}",
        where=path.as_posix(),
        hint="give this user the right to read it, or name the files to scan without it",
    )


def read(path: Path) -> Source:
    """A file on disk; of a link that leads to no file, its target.

    Raises:
        LibraryError: it cannot be read.
    """
    name = path.as_posix()
    try:
        if path.is_symlink() and not path.is_file():
            return Source(name, os.fsencode(os.readlink(path)))  # noqa: PTH115 - as bytes
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return Source(name, None, unread="it is no regular file")
        if found.st_size > MAX_BYTES:
            return Source(name, None, unread=_TOO_LARGE)
        return Source(name, path.read_bytes())
    except OSError as error:
        raise _unreadable(error, path) from error


def _objects(*revisions: str, cwd: Path | None = None) -> Iterator[Source]:
    """The blobs, commits and tags that revisions reach."""
    listing = ["git", "--no-replace-objects", "rev-list", "--objects", *revisions]
    with subprocess.Popen(listing, stdout=subprocess.PIPE, cwd=cwd) as process:  # noqa: S603 - no shell
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        yield from _contents(process.stdout, cwd)
    if process.returncode:
        raise LibraryError(
            "git cannot list the whole history", where="git rev-list",
            hint="git fsck names what is missing",
        )  # fmt: skip


def _contents(lines: IO[bytes] | Iterable[bytes], cwd: Path | None) -> Iterator[Source]:
    """The objects that lines name, read by one git process; a line is an ID and a name."""
    command = ["git", "--no-replace-objects", "cat-file", f"--batch={_FORM}", "--buffer"]
    given: Any = lines if hasattr(lines, "fileno") else subprocess.PIPE
    with subprocess.Popen(command, stdin=given, stdout=subprocess.PIPE, cwd=cwd) as process:  # noqa: S603 - no shell
        if process.stdin is not None:
            # A thread writes the IDs: else git and we would both wait on full pipes.
            Thread(target=_feed, args=(process.stdin, lines), daemon=True).start()
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        yield from _parsed(process.stdout)


def _parsed(out: IO[bytes]) -> Iterator[Source]:
    while line := out.readline():
        head, _, name = line.removesuffix(b"\n").partition(b" ")
        id = head.decode()
        kind, _, rest = name.partition(b" ")
        size_text, _, rest = rest.partition(b" ")
        if kind == b"missing" or not size_text:
            raise LibraryError(
                "git cannot read all of the history", where=f"object {id[:40]}",
                hint="git fsck names what is missing",
            )  # fmt: skip
        size = int(size_text)
        data = None
        if kind == b"tree" or size > MAX_BYTES:
            left = size
            while left:
                left -= len(out.read(min(left, _CHUNK)))
        else:
            data = out.read(size)
        out.read(1)
        if kind == b"tree":
            continue
        label = os.fsdecode(rest)
        if kind != b"blob" or not label:
            label = f"{kind.decode()} {label or id[:12]}"
        yield Source(label, data, id, "" if data is not None else _TOO_LARGE)


def _feed(pipe: IO[bytes], lines: Iterable[bytes]) -> None:
    with suppress(OSError):
        pipe.writelines(lines)
        pipe.close()
