"""The files of a library: bounded reads, atomic writes, locks that die with their process.

Nothing here knows about cassettes. Readers take no lock, and see a file whole or not at all.
A `FileReader` reads the files of one library: `DiskReader` those of a folder, and `ArchiveReader`
(in `archive`) those of a folder inside a zip file. Its paths are absolute and use the system's
separator, inside an archive too.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shlex
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, NoReturn, Protocol

from replay.errors import CassetteDamaged, LibraryBusy, LibraryError

LINKS = "follow_links = true in replay.toml, or REPLAY_FOLLOW_LINKS=true"
"""The setting that has links out of a library read."""

_TEMPORARY = re.compile(r"\..+\.[0-9]+\.[0-9a-f]+\.tmp\Z")
_PATIENCE = 100 if os.name == "nt" else 0
"""How often a replacement is tried again: on Windows no file can be replaced while one reads it."""
_UNSUPPORTED = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
ANOTHER_LIBRARY = "another library: --library DIR"
_HINTS = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
                    "make room there and try again: what was there before is untouched"),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM),
                    "give this user the right to it, or name {instead}"),
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR),
                    "its folder was removed or replaced: restore it and try again"),
}  # fmt: skip


class Stamp(NamedTuple):
    """Tells one state of a file from another: inode, size in bytes, mtime and ctime in ns."""

    inode: int
    size: int
    mtime: int
    ctime: int

    @classmethod
    def of(cls, found: os.stat_result) -> Stamp:
        """The stamp of a stat result."""
        return cls(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    @property
    def settled(self) -> bool:
        """Whether a change from now on would get another time stamp."""
        # Kernels count in ticks of up to 10 ms. Some file systems count whole seconds, or even two.
        changed = max(self.mtime, self.ctime)
        tick = 2_000_000_000 if changed % 1_000_000_000 == 0 else 20_000_000
        return time.time_ns() - changed > tick


def stamp(path: str) -> Stamp | None:
    """The stamp of the file or folder at a path; None if there is nothing.

    Raises:
        CassetteDamaged: a broken link or a file in a folder's place hides what should be there.
        LibraryError: the file system refuses to say.
    """
    try:
        return Stamp.of(os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        refuse_dead_end(path)
        return None
    except OSError as error:
        raise _unreadable(error, path) from error


def refuse_dead_end(path: str) -> None:
    """Make sure that a missing path is really missing, and not cut off by a broken checkout.

    Raises:
        CassetteDamaged: part of the path is a link that leads nowhere, or a file.
        LibraryError: the file system refuses to say.
    """
    place = path
    while place != os.path.dirname(place):
        try:
            os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            place = os.path.dirname(place)
            continue
        except OSError as error:
            raise _unreadable(error, place) from error
        try:
            mode = os.stat(place).st_mode
        except (FileNotFoundError, NotADirectoryError):
            raise CassetteDamaged(
                "this is a link that leads nowhere",
                where=place,
                hint="restore what it leads to, or remove the link and record again",
            ) from None
        except OSError as error:
            raise _unreadable(error, place) from error
        if place != path and not stat.S_ISDIR(mode):
            raise CassetteDamaged(
                "a file stands where a folder belongs", where=place, hint="move it away"
            )
        return


_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""How files are opened: a named pipe keeps nobody waiting, and Windows changes no line ends."""


def read(
    path: str, root: str, limit: int, *, follow_links: bool = False
) -> tuple[bytes, Stamp] | None:
    """A regular file's bytes and its stamp; None if it does not exist.

    Raises:
        CassetteDamaged: it is not a regular file, is larger than `limit` bytes, or is a link that
            leads nowhere, or out of `root` without `follow_links`.
        LibraryError: the file system refuses.
    """
    try:
        handle = os.open(path, _READ)
        try:
            return _read(handle, path, None if follow_links else root, limit)
        finally:
            os.close(handle)
    except (FileNotFoundError, NotADirectoryError):
        refuse_dead_end(path)
        return None
    except OSError as error:
        raise _unreadable(error, path) from error


def begins(path: str, with_: bytes) -> bool:
    """Whether a regular file begins with these bytes. False where it cannot be read."""
    try:
        handle = os.open(path, _READ)
    except OSError:
        return False
    try:
        return os.read(handle, len(with_)) == with_
    except OSError:
        return False
    finally:
        os.close(handle)


def _read(handle: int, path: str, root: str | None, limit: int) -> tuple[bytes, Stamp]:
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        raise CassetteDamaged("this is not a regular file", where=path, hint="move it away")
    if found.st_size > limit:
        raise CassetteDamaged(
            f"the file has {found.st_size} bytes; a cassette has at most {limit}",
            where=path,
            hint="move it away, or delete it and record it again",
        )
    if root is not None:
        plain = path.startswith(f"{root}/") and _is_path_of(handle, path)
        if not plain and not _inside(path, root):
            raise CassetteDamaged(
                "the file is a link that leads out of the library, or below one",
                where=path,
                hint=f"move the link away, or have links read: {LINKS}",
            )
    chunks, left = [], limit + 1  # it may grow while it is read
    size = min(found.st_size + 1, 1 << 20)  # a small file costs no large buffer
    while left > 0 and (chunk := os.read(handle, min(left, size))):
        chunks.append(chunk)
        left -= len(chunk)
        if len(chunk) == found.st_size < size:  # asked for one byte more: that is all of it
            break
    return b"".join(chunks), Stamp.of(found)


def _is_path_of(handle: int, path: str) -> bool:
    # Linux says where an open file is: at the very path that was asked for, no link led there.
    try:  # on the hot path: neither a Path nor `suppress`
        return os.readlink(f"/proc/self/fd/{handle}") == path
    except OSError:
        return False


def _inside(path: str, root: str) -> bool:
    return _is_below(os.path.realpath(path), os.path.realpath(root))


def _is_below(path: str, folder: str) -> bool:
    """Whether a real path is a folder, or something in it."""
    return os.path.commonpath([folder, path]) == folder


class FileReader(Protocol):
    """Reads the files of one library."""

    def exists(self) -> bool:
        """Whether there is a folder to read."""

    def stamp(self, path: str) -> Stamp | None:
        """The stamp of the file or folder at a path; None if there is nothing."""

    def read(self, path: str, limit: int) -> tuple[bytes, Stamp] | None:
        """A file's bytes and its stamp; None if it does not exist.

        Raises:
            CassetteDamaged: it is not a regular file, or is larger than `limit` bytes.
            LibraryError: it cannot be read.
        """

    def names(self, folder: str) -> list[str]:
        """The names of all entries of a folder, unsorted; empty if there is no such folder."""

    def folders(self, folder: str) -> list[str]:
        """The names of a folder's subfolders, unsorted; empty if there is no such folder."""

    def walk(self) -> Iterator[tuple[str, list[str], list[str]]]:
        """Yield (folder, subfolders, files) for the root and for every folder below it.

        ``folder`` is a path below the root in POSIX form; the root itself is ``""``. The other two
        are names. As with `os.walk`, a caller that removes names from ``subfolders`` skips those.
        Links to folders are among the subfolders; only a reader that follows links goes into them.
        """

    def unread_links(self, folder: str, subfolders: list[str]) -> list[str]:
        """Those of a folder's subfolders that are links which `walk` does not go into."""


class DiskReader:
    """Reads the files below a directory.

    Args:
        base: the directory.
        follow_links: whether links to files and folders elsewhere are read.
    """

    def __init__(self, base: str, *, follow_links: bool = False) -> None:
        self._base = base
        self._follows = follow_links

    def exists(self) -> bool:
        """See `FileReader`."""
        return os.path.isdir(self._base)

    def stamp(self, path: str) -> Stamp | None:
        """See `FileReader`."""
        return stamp(path)

    def read(self, path: str, limit: int) -> tuple[bytes, Stamp] | None:
        """See `FileReader`."""
        return read(path, self._base, limit, follow_links=self._follows)

    def names(self, folder: str) -> list[str]:
        """See `FileReader`."""
        try:
            return os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            refuse_dead_end(os.path.join(folder, ""))
            return []
        except OSError as error:
            _refuse_folder(error, folder)

    def folders(self, folder: str) -> list[str]:
        """See `FileReader`."""
        try:
            with os.scandir(folder) as entries:
                return [entry.name for entry in entries if entry.is_dir()]
        except (FileNotFoundError, NotADirectoryError):
            refuse_dead_end(os.path.join(folder, ""))
            return []
        except OSError as error:
            _refuse_folder(error, folder)

    def walk(self) -> Iterator[tuple[str, list[str], list[str]]]:
        """See `FileReader`."""

        def refuse(error: OSError) -> NoReturn:
            _refuse_folder(error, error.filename or self._base)

        links = self._follows
        for folder, folders, found in os.walk(self._base, onerror=refuse, followlinks=links):
            yield folder[len(self._base) :].replace(os.sep, "/").strip("/"), folders, found
            if links:
                self._refuse_circles(folder, folders)

    def unread_links(self, folder: str, subfolders: list[str]) -> list[str]:
        """See `FileReader`."""
        if self._follows:
            return []
        return [name for name in subfolders if os.path.islink(os.path.join(folder, name))]

    def _refuse_circles(self, folder: str, subfolders: list[str]) -> None:
        """Make sure that no subfolder is one that the walk is in already.

        Raises:
            LibraryError: one is; names the link.
        """
        for name in subfolders:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                continue
            place, here = os.path.realpath(path), folder
            while len(here) >= len(self._base):
                if _is_below(os.path.realpath(here), place):
                    raise LibraryError(
                        "a link to a folder leads in a circle", where=path, hint="remove the link"
                    )
                here = os.path.dirname(here)


def _refuse_folder(error: OSError, where: str) -> NoReturn:
    raise translated(error, "the library cannot be read", where) from error


def did_you_mean(path: str) -> str:
    """A line that suggests an existing folder with a similar name; empty if there is none."""
    from difflib import get_close_matches

    beside, name = os.path.split(path)
    try:
        with os.scandir(beside) as entries:
            near = get_close_matches(name, [e.name for e in entries if e.is_dir()], n=1)
    except OSError:
        return ""
    return f"did you mean {Path(beside, near[0])}?\n" if near else ""


def write(
    path: Path,
    text: str,
    root: str,
    *,
    what: str = "the cassette",
    instead: str = ANOTHER_LIBRARY,
) -> None:
    """Replace a file's text. Even if that fails, the file has its old or its new text, complete.

    The file keeps its mode, and its owner where the system allows that. A hard link to the file
    keeps the old text: only a new file can replace a text in one step.

    The caller holds the lock of the folder's object, as every writer to that folder does. So a
    temporary file that is found there was left by a killed writer, and is removed.

    Args:
        path: the file.
        text: what the file is to hold.
        root: the folder that it must be in.
        what: the file, for errors.
        instead: what else a person may name, for errors.

    Raises:
        LibraryError: the file is write-protected, the file system refuses, or a link leads out of
            `root`; the old file is untouched.
    """
    before = replaceable(path, what, instead)
    folder = path.parent
    make_folder(folder, root)
    temporary = folder / f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp"
    try:
        for name in os.listdir(folder):
            if _TEMPORARY.match(name):
                (folder / name).unlink(missing_ok=True)
        try:
            with temporary.open("x", encoding="utf-8", newline="\n") as file:
                if before is not None:
                    _take_over(file.fileno(), before)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            _put_in_place(temporary, path)
        except BaseException:  # an interruption too leaves no half file behind
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        _sync_folder(folder)
    except OSError as error:
        raise translated(error, f"{what} cannot be written", str(path), instead) from error


def remove_empty(folder: Path, top: Path) -> None:
    """Remove a folder and those above it, up to `top`, while they are empty."""
    while folder != top:
        try:
            folder.rmdir()
        except OSError:  # not empty, or not ours to remove
            return
        folder = folder.parent


def _put_in_place(temporary: Path, path: Path) -> None:
    for _ in range(_PATIENCE):
        try:
            temporary.replace(path)
        except PermissionError:
            time.sleep(0.01)
        else:
            return
    temporary.replace(path)


def replaceable(path: Path, what: str, instead: str) -> os.stat_result | None:
    """Make sure that a file may be written; None if there is none yet.

    Args:
        path: the file.
        what: the file, for errors.
        instead: what else a person may name, for errors.

    Raises:
        LibraryError: it is no regular file, is write-protected, or cannot be looked at.
    """
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise translated(error, f"{what} cannot be written", str(path), instead) from error
    if not stat.S_ISREG(found.st_mode):
        raise LibraryError(
            f"{what} cannot be written: this is not a regular file",
            where=str(path),
            hint=f"name {instead}",
        )
    # A rename asks for the right to the folder alone, and root has every right.
    own = os.access in os.supports_effective_ids
    if not found.st_mode & 0o222 or not os.access(path, os.W_OK, effective_ids=own):
        raise LibraryError(
            f"{what} cannot be written: the file is write-protected",
            where=str(path),
            hint=f"chmod u+w {shlex.quote(str(path))}\nor name {instead}",
        )
    return found


def _take_over(handle: int, before: os.stat_result) -> None:
    """Give an open file the mode and the owner of the file that it will replace."""
    if os.name == "nt":
        return
    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(OSError):
            os.fchown(handle, before.st_uid, before.st_gid)
    mode = stat.S_IMODE(before.st_mode)
    if stat.S_IMODE(os.fstat(handle).st_mode) != mode:  # some file systems know no modes
        os.fchmod(handle, mode)


def refuse_link_out(path: str, root: str) -> None:
    """Make sure that a file which is to be written again is none of another place.

    Raises:
        LibraryError: a link leads there, out of `root`.
    """
    if not _inside(path, root):
        raise LibraryError(
            "this is a link that leads out of the library, or below one: nothing is written"
            " through it",
            where=path,
            hint="change the file that it leads to, or put a copy into the link's place:\n"
            f"cp --remove-destination {shlex.quote(os.path.realpath(path))} {shlex.quote(path)}",
        )


def make_folder(folder: Path, root: str) -> None:
    """Make a folder of a library, and those above it, where they are missing.

    Raises:
        LibraryError: the file system refuses, or a link leads out of `root`.
    """
    try:
        if not _inside(str(folder), root):
            raise LibraryError(
                "the cassette's folder is a link that leads out of the library",
                where=str(folder),
                hint="remove the link, or record into the library that it leads to",
            )
        for made in _make_missing(folder):
            _sync_folder(made.parent)
    except OSError as error:
        raise translated(error, "the library cannot be written", str(folder)) from error


def _make_missing(folder: Path) -> Iterator[Path]:
    """Make a folder and those above it, and yield each that was not there.

    Not with Path.mkdir and Path.is_dir: since Python 3.14 they turn a refusal of the system into
    "File exists".
    """
    missing = []
    while not _is_folder(folder):
        missing.append(folder)
        folder = folder.parent
    for made in reversed(missing):
        try:
            os.mkdir(made)
        except FileExistsError:  # another process was faster
            if not _is_folder(made):
                raise
        yield made


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _sync_folder(folder: Path) -> None:
    # A rename is durable once its folder is; platforms that cannot open folders do it by rename.
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems sync no folders; the file itself is synced, and in its place.
        if error.errno not in {errno.EINVAL, *_UNSUPPORTED}:
            raise
    finally:
        os.close(handle)


@contextmanager
def lock(
    path: Path, what: str, *, seconds: float = 120.0, instead: str = ANOTHER_LIBRARY
) -> Iterator[None]:
    """Hold a lock that excludes other threads and processes.

    The operating system frees the lock of a killed process.

    Args:
        path: the lock file; created if missing, and not removed.
        what: what is locked, as error messages name it.
        seconds: how long to wait for it.
        instead: what else a person may name, for errors.

    Raises:
        LibraryBusy: another thread or process still held it after that time.
        LibraryError: the file system has no locks, or refuses.
    """
    from filelock import FileLock, Timeout

    try:
        for _ in _make_missing(path.parent):
            pass
        # No soft lock as a fallback: a killed process would hold it for ever.
        held = FileLock(path, timeout=seconds, thread_local=False, fallback_to_soft=False)
        held.acquire()
    except Timeout as error:
        raise LibraryBusy(
            f"another process has been writing {what} for {seconds:.0f} s",
            where=str(path),
            hint="wait for it to end, or stop it, and try again",
        ) from error
    except OSError as error:
        if error.errno in {errno.ENOLCK, *_UNSUPPORTED}:
            raise LibraryError(
                "this file system has no file locks, so two writers could lose answers",
                where=str(path),
                hint=f"use a local disk, or name {instead}",
            ) from error
        raise translated(error, f"{what} cannot be locked", str(path), instead) from error
    try:
        yield
    except BaseException:  # this error counts, even if unlocking fails too
        with suppress(OSError):
            held.release()
        raise
    try:
        held.release()
    except OSError as error:
        raise translated(error, f"{what} cannot be unlocked", str(path), instead) from error


def _unreadable(error: OSError, path: str) -> CassetteDamaged | LibraryError:
    if error.errno == errno.ELOOP:
        return CassetteDamaged(
            "the cassette cannot be read: a link on its path leads in a circle",
            where=path,
            hint="remove the link, and restore the file or record again",
        )
    return translated(error, "the cassette cannot be read", path)


def translated(
    error: OSError, what: str, path: str, instead: str = ANOTHER_LIBRARY
) -> LibraryError:
    """The `LibraryError` for an `OSError`: what failed, why, where, and what to do or to name."""
    hint = _HINTS.get(error.errno or 0, "check the disk, the path and its permissions")
    return LibraryError(
        f"{what}: {error.strerror or type(error).__name__}",
        where=path,
        hint=hint.format(instead=instead),
    )
