"""Files: bounded reads, atomic writes, locks that die with their process. On a real disk."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from support.proof import no_wait, rounds

import replay
from replay.errors import CassetteDamaged, LibraryBusy, LibraryError
from replay.library import files

LIMIT = 1000
SOURCE = str(Path(replay.__file__).parent.parent)


def read(path: Path, root: Path | None = None) -> bytes | None:
    """The bytes at a path of a library, which is the path's folder if not said."""
    found = files.read(str(path), str(root or path.parent), LIMIT)
    return found and found[0]


def write(path: Path, text: str, root: Path | None = None) -> None:
    """Write below a library."""
    files.write(path, text, str(root or path.parent))


def listed(folder: Path) -> list[str]:
    """The names in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def unprivileged() -> Iterator[Path]:
    """A folder, and for the time being none of root's privileges."""
    with TemporaryDirectory() as name:
        os.chmod(name, 0o777)  # noqa: PTH101, S103 - its own, for a moment
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65534)
        try:
            yield Path(name)
        finally:
            if is_root:
                os.seteuid(0)


@contextmanager
def child(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Another Python that runs `code`; killed at the end, if it still runs."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": SOURCE},
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("refusals", [2, 4], ids=["a reader that ends", "one that stays"])
def test_a_file_that_is_read_meanwhile_is_replaced_later_on_windows(
    refusals: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system refuses to replace it for as long as it is open; then it is an error."""
    path = tmp_path / "a.yaml"
    path.write_text("old", "utf-8")
    replace, left = Path.replace, [None] * refusals

    def busy(this: Path, target: Path) -> Path:
        if left:
            left.pop()
            raise PermissionError(errno.EACCES, "Access is denied")
        return replace(this, target)

    monkeypatch.setattr(Path, "replace", busy)
    monkeypatch.setattr(files, "_PATIENCE", 3)
    if refusals < 4:
        write(path, "new")
    else:
        with pytest.raises(LibraryError, match="Access is denied"):
            write(path, "new")
    assert (refusals < 4) == (path.read_text("utf-8") == "new")
    assert ["a.yaml"] == listed(tmp_path)


def test_read(tmp_path: Path) -> None:
    """A file is read whole, with a stamp that holds until the file changes."""
    path = tmp_path / "a.yaml"
    path.write_bytes(b"x" * LIMIT)
    found = files.read(str(path), str(tmp_path), LIMIT)
    assert found == (b"x" * LIMIT, files.stamp(str(path)))
    path.write_bytes(b"y" * LIMIT)
    os.utime(path, ns=(found[1].mtime, found[1].mtime))
    assert found[1] != files.stamp(str(path))


def test_missing(tmp_path: Path) -> None:
    """What is not there is None, in a folder that is not there as well."""
    (tmp_path / "linked").symlink_to(tmp_path)
    for name in ("nothing", "nothing/below", "linked/nothing"):
        assert read(tmp_path / name, tmp_path) is None
        assert files.stamp(str(tmp_path / name)) is None


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("dangling", "a link that leads nowhere"),
        ("dangling/below/a.yaml", "a link that leads nowhere"),
        ("loose/a.yaml", "a link that leads nowhere"),
        ("file/below", "a file stands where a folder belongs"),
        ("file/below/a.yaml", "a file stands where a folder belongs"),
        ("linked/below", "a file stands where a folder belongs"),
    ],
)
def test_hidden(name: str, what: str, tmp_path: Path) -> None:
    """What a broken checkout hides is damage, not something that was never recorded."""
    (tmp_path / "file").touch()
    (tmp_path / "linked").symlink_to(tmp_path / "file")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    (tmp_path / "loose").symlink_to("nothing")
    with pytest.raises(CassetteDamaged, match=what) as caught:
        files.stamp(str(tmp_path / name))
    assert str(tmp_path / name.partition("/")[0]) == caught.value.where
    assert caught.value.hint


@pytest.mark.parametrize(
    ("age", "whole", "expected"),
    [
        (5_000_000, False, False),
        (50_000_000, False, True),
        (-5_000_000, False, False),
        (500_000_000, True, False),
        (1_900_000_000, True, False),
        (2_100_000_000, True, True),
    ],
)
def test_a_stamp_settles(
    age: int, whole: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stamp is trusted once the file's clock has ticked: after 20 ms, or 2 s of whole seconds."""
    changed = 1_700_000_000_000_000_000 + (0 if whole else 1)
    monkeypatch.setattr(time, "time_ns", lambda: changed + age)
    assert expected == files.Stamp(1, 1, changed, 1).settled
    assert expected == files.Stamp(1, 1, 1, changed).settled


def test_too_large(tmp_path: Path) -> None:
    """Row 18: a file over the limit, sparse gigabytes too, is refused before it is read."""
    path = tmp_path / "a.yaml"
    for size in (LIMIT + 1, 2**30):
        path.touch()
        os.truncate(path, size)
        with pytest.raises(CassetteDamaged, match=f"has {size} bytes; a cassette has at most") as e:
            read(path)
        assert str(path) == e.value.where


def make_directory(path: Path) -> None:
    """A directory."""
    path.mkdir()


def make_socket(path: Path) -> None:
    """A socket's name."""
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)


def make_device(path: Path) -> None:
    """A link to an endless device."""
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [make_directory, os.mkfifo, make_socket, make_device])
def test_no_regular_file(make: Callable[[Path], None], tmp_path: Path) -> None:
    """Row 19: a directory, FIFO, socket or device in a cassette's place is refused at once."""
    path = tmp_path / "a.yaml"
    make(path)
    with no_wait(path), pytest.raises(LibraryError) as caught:
        read(path)
    assert str(path) == caught.value.where
    assert caught.value.hint


@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_link_out(folder: bool, tmp_path: Path) -> None:
    """Row 20: a link out of the library is not followed, be it the file or a folder above it."""
    outside, library = tmp_path / "outside", tmp_path / "library"
    outside.mkdir()
    (outside / "a.yaml").write_text("secret")
    library.mkdir()
    path = library / "in_1" / "a.yaml"
    if folder:
        (library / "in_1").symlink_to(outside)
    else:
        path.parent.mkdir()
        path.symlink_to(outside / "a.yaml")
    with pytest.raises(CassetteDamaged, match="link that leads out of the library"):
        read(path, library)


def test_link_inside(tmp_path: Path) -> None:
    """A link within the library is followed, and the library itself may be one."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.yaml").write_text("x")
    (tmp_path / "real" / "b.yaml").symlink_to("a.yaml")
    (tmp_path / "library").symlink_to("real")
    assert b"x" == read(tmp_path / "library" / "b.yaml", tmp_path / "library")


def test_similar_folder_is_outside(tmp_path: Path) -> None:
    """A folder whose name begins with the library's is another one."""
    (tmp_path / "lib2").mkdir()
    (tmp_path / "lib2" / "a.yaml").write_text("x")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.yaml").symlink_to("../lib2/a.yaml")
    with pytest.raises(CassetteDamaged, match="leads out"):
        read(tmp_path / "lib" / "a.yaml")


def test_unreadable() -> None:
    """A file without permission is an error that says so, not a missing file."""
    with unprivileged() as folder:
        path = folder / "deep" / "a.yaml"
        path.parent.mkdir()
        path.write_text("x")
        path.chmod(0)
        with pytest.raises(LibraryError, match="cannot be read: Permission denied") as caught:
            read(path)
        assert str(path) == caught.value.where
        path.parent.chmod(0)
        with pytest.raises(LibraryError, match="cannot be read: Permission denied"):
            read(path)
        with pytest.raises(LibraryError, match="cannot be read: Permission denied"):
            files.stamp(str(path))
        path.parent.chmod(0o700)


def test_read_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails while reading is an error with the file's name, and nothing stays open."""
    path = tmp_path / "a.yaml"
    path.write_text("x")
    handles: list[int] = []

    def fail(handle: int, size: int) -> bytes:
        handles.append(handle)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "read", fail)
    with pytest.raises(LibraryError, match="cannot be read: Input/output error"):
        read(path)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(*handles)


def test_write(tmp_path: Path) -> None:
    """A text is written with its folders, in UTF-8 with LF line ends, and nothing beside it."""
    path = tmp_path / "a" / "b" / "c.yaml"
    for text in ("one\ntwo\n", "ü\r\n", ""):
        write(path, text, tmp_path)
        assert text.encode() == path.read_bytes()
        assert ["c.yaml"] == listed(path.parent)


def test_a_reader_keeps_what_it_opened(tmp_path: Path) -> None:
    """A write puts a new file in the old one's place; who has opened the old one reads on."""
    path = tmp_path / "a.yaml"
    write(path, "old")
    with path.open() as opened:
        write(path, "new")
        assert "old" == opened.read()
    assert "new" == path.read_text()


def test_stale_files_are_swept(tmp_path: Path) -> None:
    """What a dead writer left is removed by the next one; other files are not."""
    kept = [".c.yaml.tmp", ".keep", ".mine.tmp", "b.yaml", "keep.tmp"]
    for name in (".a.yaml.1.00ff00ff.tmp", ".b~0f.yaml.2.00ff00ff.tmp", *kept):
        (tmp_path / name).touch()
    write(tmp_path / "a.yaml", "x")
    assert sorted(["a.yaml", *kept]) == listed(tmp_path)


def test_write_through_a_link(tmp_path: Path) -> None:
    """Nothing is written through a folder that leads out of the library, nor made there."""
    outside, library = tmp_path / "outside", tmp_path / "library"
    outside.mkdir()
    library.mkdir()
    (library / "invoices").symlink_to(outside)
    with pytest.raises(LibraryError, match="link that leads out of the library") as caught:
        write(library / "invoices" / "in_1" / "a.yaml", "x", library)
    assert str(library / "invoices" / "in_1") == caught.value.where
    assert [] == listed(outside)


@pytest.mark.parametrize("name", ["file/a.yaml", "folder.yaml"])
def test_write_where_it_cannot_be(name: str, tmp_path: Path) -> None:
    """A file in a folder's place, or a folder in the file's, is an error without traces."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(LibraryError, match="cannot be written"):
        write(tmp_path / name, "x", tmp_path)
    assert ["file", "folder.yaml"] == listed(tmp_path)


def test_read_only_folder() -> None:
    """A library that may not be written to is an error that says so; the old file stays."""
    with unprivileged() as folder:
        path = folder / "a" / "a.yaml"
        write(path, "old", folder)
        path.parent.chmod(0o500)
        with pytest.raises(LibraryError, match="cannot be written: Permission denied"):
            write(path, "new", folder)
        assert "old" == path.read_text()
        path.parent.chmod(0o700)


def test_full_disk(tmp_path: Path) -> None:
    """A disk that takes only a part of the text leaves the old file whole."""
    path = tmp_path / "a.yaml"
    write(path, "old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(LibraryError, match="cannot be written: File too large"):
            write(path, "new" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "old" == path.read_text()
    assert ["a.yaml"] == listed(tmp_path)


def test_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of a write leaves the old file and no other."""
    path = tmp_path / "a.yaml"
    write(path, "old")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patches:
        patches.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write(path, "new")
    assert "old" == path.read_text()
    assert ["a.yaml"] == listed(tmp_path)


WRITER = """
import sys
from pathlib import Path
from replay.library import files
path, n = Path(sys.argv[1]), 0
print("ready", flush=True)
while True:
    n += 1
    files.write(path, str(n % 10) * 30_000, str(path.parent))
"""


def test_killed_writers(tmp_path: Path) -> None:
    """Whenever a writing process is killed, the file is one that it wrote, whole."""
    path = tmp_path / "a.yaml"
    rng = random.Random(9)
    for _ in range(rounds(6, 1000)):
        with child(WRITER, path) as writer:
            assert writer.stdout is not None
            assert "ready\n" == writer.stdout.readline()
            time.sleep(rng.random() / 20)
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        if path.exists():
            found = path.read_text()
            assert found[:1] * 30_000 == found
    write(path, "x")
    assert ["a.yaml"] == listed(tmp_path)


def test_readers_see_whole_files(tmp_path: Path) -> None:
    """A reader beside a writer sees the old or the new text, never a part."""
    path = tmp_path / "a.yaml"
    write(path, "0" * 30_000)
    with child(WRITER, path) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        seen: set[bytes] = set()
        until, left = time.monotonic() + 60, rounds(400, 50_000)
        while left > 0 or (len(seen) < 2 and time.monotonic() < until):
            left -= 1
            found = files.read(str(path), str(tmp_path), 10**6)
            assert found is not None
            assert found[0][:1] * 30_000 == found[0]
            seen.add(found[0][:1])
    assert len(seen) > 1


def test_threads_exclude_each_other(tmp_path: Path) -> None:
    """Of many threads only one holds the lock at a time."""
    inside, most, done = 0, 0, []

    def work() -> None:
        nonlocal inside, most
        for _ in range(4):
            with files.lock(tmp_path / "locks" / "a.lock", "in_1"):
                inside += 1
                most = max(most, inside)
                time.sleep(0.002)
                inside -= 1
                done.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (1, 16) == (most, len(done))


COUNTER = """
import sys
from pathlib import Path
from replay.library import files
counter = Path(sys.argv[1])
for _ in range(int(sys.argv[2])):
    with files.lock(counter.with_suffix(".lock"), "in_1"):
        counter.write_text(str(int(counter.read_text()) + 1))
"""


def test_processes_exclude_each_other(tmp_path: Path) -> None:
    """Of two processes that count in one file, none loses the other's step."""
    counter, steps = tmp_path / "counter", rounds(20, 500)
    counter.write_text("0")
    with child(COUNTER, counter, steps) as one, child(COUNTER, counter, steps) as other:
        assert (0, 0) == (one.wait(60), other.wait(60))
    assert str(2 * steps) == counter.read_text()


HOLDER = """
import sys, time
from pathlib import Path
from replay.library import files
with files.lock(Path(sys.argv[1]), "in_1"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_dead_process_holds_no_lock(tmp_path: Path) -> None:
    """The lock of a killed process is free at once; that of a living one is not."""
    path = tmp_path / "a.lock"
    with child(HOLDER, path) as holder:
        assert holder.stdout is not None
        assert "held\n" == holder.stdout.readline()
        with (
            pytest.raises(LibraryBusy, match="another process has been writing in_1") as caught,
            files.lock(path, "in_1", seconds=0.1),
        ):
            pytest.fail("two hold it")
        assert str(path) == caught.value.where
        holder.kill()
        holder.wait()
        with files.lock(path, "in_1", seconds=0.1):
            pass


@pytest.mark.usefixtures("every_path_lib")
def test_what_the_system_refuses_of_a_folder_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that cannot be looked at is neither missing nor "File exists"."""
    look = os.stat

    def refuse(path: Any, **options: Any) -> os.stat_result:
        if str(path) == str(tmp_path):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return look(path, **options)

    monkeypatch.setattr(os, "stat", refuse)
    with (
        pytest.raises(LibraryError, match=r"cannot be locked.*Input/output error"),
        files.lock(tmp_path / "a.lock", "in_1"),
    ):
        pytest.fail("it was locked")
    with pytest.raises(LibraryError, match=r"cannot be written.*Input/output error"):
        files.make_folder(tmp_path / "b", str(tmp_path))


def test_a_lock_is_freed_by_errors(tmp_path: Path) -> None:
    """An error inside frees the lock and stays what it is."""
    path = tmp_path / "a.lock"
    with pytest.raises(OSError, match="mine"), files.lock(path, "in_1"):
        raise OSError("mine")
    with files.lock(path, "in_1", seconds=0.1):
        assert path.exists()


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP])
def test_no_locks_here(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks is named as such; no lock that outlives its holder is used."""
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(LibraryError, match="has no file locks") as caught,
        files.lock(tmp_path / "a.lock", "in_1", seconds=0.2),
    ):
        pytest.fail("nothing is locked")
    assert "local disk" in caught.value.hint


def test_lock_where_it_cannot_be(tmp_path: Path) -> None:
    """A file in the place of the locks' folder is an error with its path."""
    (tmp_path / "locks").touch()
    with (
        pytest.raises(LibraryError, match="cannot be locked") as caught,
        files.lock(tmp_path / "locks" / "a.lock", "in_1"),
    ):
        pytest.fail("nothing is locked")
    assert str(tmp_path / "locks" / "a.lock") == caught.value.where


def test_without_folder_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where folders cannot be opened, as on Windows, a write does without that step."""
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), real(handle)))
    path = tmp_path / "a.yaml"
    write(path, "one")
    assert 2 == len(synced)
    monkeypatch.setattr(files.os, "name", "nt")
    files.write(path, "two", str(tmp_path))
    monkeypatch.setattr(files.os, "name", "posix")
    assert 3 == len(synced)
    assert "two" == path.read_text()


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o660, 0o755])
def test_a_file_keeps_its_mode_when_it_is_replaced(tmp_path: Path, mode: int) -> None:
    """What a team keeps from others stays so, and a program stays one."""
    path = tmp_path / "a.yaml"
    write(path, "one")
    path.chmod(mode)
    write(path, "two")
    assert (mode, "two") == (path.stat().st_mode & 0o7777, path.read_text())


def test_a_file_keeps_its_owner_where_root_replaces_it(tmp_path: Path) -> None:
    """In a container, root writes files that a user will commit."""
    if os.geteuid() != 0:
        pytest.skip("only root may give files away")
    path = tmp_path / "a.yaml"
    write(path, "one")
    os.chown(path, 65534, 65534)
    write(path, "two")
    assert (65534, 65534, 0o644) == (path.stat().st_uid, path.stat().st_gid, 0o644)


def test_a_write_protected_file_is_refused(tmp_path: Path) -> None:
    """A rename would replace it: it asks for the right to the folder alone. Root too is refused."""
    path = tmp_path / "a b.yaml"
    write(path, "one")
    path.chmod(0o444)
    with pytest.raises(LibraryError, match="cannot be written: the file is write-protected") as at:
        write(path, "two")
    assert f"chmod u+w '{path}'" in at.value.hint
    assert "one" == path.read_text()
    with unprivileged() as folder:
        of_another = folder / "a.yaml"
        of_another.write_text("one")
        if os.getuid() == 0:
            os.seteuid(0)
            os.chown(of_another, 0, 0)
            os.seteuid(65534)
            with pytest.raises(LibraryError, match="write-protected"):
                write(of_another, "two")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path, kind: str) -> None:
    """A rename would put a file in the place of a device."""
    path = tmp_path / "a"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/null")
    with pytest.raises(LibraryError, match="this is not a regular file") as at:
        files.write(path, "x", str(tmp_path), what="the list", instead="another: --list FILE")
    assert ("the list cannot", "name another: --list FILE") == (at.value.what[:15], at.value.hint)
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_where_folders_cannot_be_synced(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system that syncs files but no folders, as some of networks, is written to."""
    real = os.fsync

    def refuse(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(code, os.strerror(code))
        real(handle)

    monkeypatch.setattr(os, "fsync", refuse)
    write(tmp_path / "a" / "a.yaml", "x", tmp_path)
    assert ["a.yaml"] == listed(tmp_path / "a")


def test_a_lock_that_cannot_be_freed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing unlock is an error with the lock's path, and never hides the work's own."""
    import fcntl

    real = fcntl.flock

    def fail(handle: int, operation: int) -> None:
        if operation == fcntl.LOCK_UN:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(handle, operation)

    path = tmp_path / "a.lock"
    with monkeypatch.context() as patches:
        patches.setattr(fcntl, "flock", fail)
        with (
            pytest.raises(LibraryError, match="cannot be unlocked") as caught,
            files.lock(path, "in_1"),
        ):
            assert path.exists()
        assert str(path) == caught.value.where
        with pytest.raises(KeyError, match="mine"), files.lock(tmp_path / "b.lock", "in_1"):
            raise KeyError("mine")


def test_a_file_that_grows_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a file without end no more is read than one byte over the limit."""
    path = tmp_path / "a.yaml"
    path.write_text("x")
    monkeypatch.setattr(os, "read", lambda handle, size: b"x" * min(size, 300))
    assert b"x" * (LIMIT + 1) == read(path)


def test_nothing_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not even the root can be found, nothing stands at a path."""

    def missing(path: str) -> os.stat_result:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    monkeypatch.setattr(os, "stat", missing)
    monkeypatch.setattr(os, "lstat", missing)
    assert files.stamp("/a/b.yaml") is None


def test_without_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system does not say which file is open, links are resolved step by step."""
    real = os.readlink

    def refuse(path: str) -> str:
        if path.startswith("/proc/"):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return real(path)

    monkeypatch.setattr(os, "readlink", refuse)
    (tmp_path / "a.yaml").write_text("x")
    assert b"x" == read(tmp_path / "a.yaml")
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "b.yaml").symlink_to("../a.yaml")
    with pytest.raises(CassetteDamaged, match="leads out of the library"):
        read(tmp_path / "library" / "b.yaml")
