"""Files of a library: bounded reads, atomic writes, locks that die with their process.

Knows nothing of cassettes. A reader sees a file whole or not at all and never locks.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from replay.errors import CassetteDamaged, LibraryBusy, LibraryError

_TEMPORARY = ".tmp"
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}


@dataclass(frozen=True, slots=True)
class Stamp:
    """Tells one state of a file from another: inode, size in bytes, mtime and ctime in ns."""

    inode: int
    size: int
    mtime: int
    ctime: int

    @classmethod
    def of(cls, found: os.stat_result) -> Stamp:
        """The stamp of a stat result."""
        return cls(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def stamp(path: str) -> Stamp | None:
    """The stamp of what stands at a path; None where nothing does.

    Raises:
        LibraryError: the file system refuses to say.
    """
    try:
        return Stamp.of(os.stat(path))  # noqa: PTH116 - on the hot path, without a Path
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _translated(error, "the cassette cannot be read", path) from error


def read(path: str, root: str, limit: int) -> tuple[bytes, Stamp] | None:
    """A regular file's bytes and its stamp; None where it does not exist.

    Raises:
        CassetteDamaged: no regular file, larger than `limit` bytes, or a link out of `root`.
        LibraryError: the file system refuses.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _translated(error, "the cassette cannot be read", path) from error
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise CassetteDamaged("this is no regular file", where=path, hint="move it away")
        if found.st_size > limit:
            raise CassetteDamaged(
                f"the file has {found.st_size} bytes; a cassette has at most {limit}",
                where=path,
                hint="move it away, or delete it and record it again",
            )
        plain = path.startswith(f"{root}/") and _is_path_of(handle, path)
        if not plain and not _inside(path, root):
            raise CassetteDamaged(
                "the file is a link that leads out of the library", where=path, hint="move it away"
            )
        chunks = []
        while chunk := os.read(handle, 1 << 20):
            chunks.append(chunk)
        return b"".join(chunks), Stamp.of(found)
    except OSError as error:
        raise _translated(error, "the cassette cannot be read", path) from error
    finally:
        os.close(handle)


def _is_path_of(handle: int, path: str) -> bool:
    # Linux says where an open file is: at the very path that was asked for, no link led there.
    with suppress(OSError):
        return os.readlink(f"/proc/self/fd/{handle}") == path  # noqa: PTH115 - on the hot path
    return False


def _inside(path: str, root: str) -> bool:
    real = os.path.realpath(root)
    return os.path.commonpath([real, os.path.realpath(path)]) == real


def write(path: Path, text: str, root: str) -> None:
    """Replace a file's text: afterwards it is the old or the new one, whole, whatever happens.

    The caller holds the lock of the folder's object; temporary files of dead writers found there
    are removed.

    Raises:
        LibraryError: the file system refuses, or a link leads out of `root`; the old file is
            untouched.
    """
    folder = path.parent
    if not _inside(str(folder), root):
        raise LibraryError(
            "the cassette's folder is a link that leads out of the library",
            where=str(folder),
            hint="remove the link, or record into the library that it leads to",
        )
    temporary = folder / f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}{_TEMPORARY}"
    try:
        _make_folders(folder)
        for stale in folder.glob(f".*{_TEMPORARY}"):
            stale.unlink(missing_ok=True)
        try:
            with temporary.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        _sync_folder(folder)
    except OSError as error:
        raise _translated(error, "the cassette cannot be written", str(path)) from error


def _make_folders(folder: Path) -> None:
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for made in reversed(missing):
        made.mkdir(exist_ok=True)
        _sync_folder(made.parent)


def _sync_folder(folder: Path) -> None:
    # A rename is durable once its folder is; platforms that cannot open folders do it by rename.
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def lock(path: Path, what: str, *, seconds: float = 120.0) -> Iterator[None]:
    """Hold a lock between processes and threads; the system frees a dead process's lock.

    Args:
        path: the lock file; made where missing and left in place.
        what: the object that is locked, for errors.
        seconds: how long to wait.

    Raises:
        LibraryBusy: another process held it all that time.
        LibraryError: the file system has no locks, or refuses.
    """
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # No soft lock in its place: a dead process would hold it for ever.
        held = FileLock(path, timeout=seconds, thread_local=False, fallback_to_soft=False)
        held.acquire()
    except Timeout as error:
        raise LibraryBusy(
            f"another process has been recording {what} for {seconds:.0f} s",
            where=str(path),
            hint="wait for it to end, or stop it, and try again",
        ) from error
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise LibraryError(
                "this file system has no file locks, so recording could lose takes",
                where=str(path),
                hint="record into a library on a local disk",
            ) from error
        raise _translated(error, "the library cannot be locked for recording", str(path)) from error
    try:
        yield
    finally:
        held.release()


def _translated(error: OSError, what: str, path: str) -> LibraryError:
    return LibraryError(
        f"{what}: {error.strerror or type(error).__name__}",
        where=path,
        hint="check the disk, the path and its permissions",
    )
