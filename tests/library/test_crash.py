"""Recording runs on a file system that fails: each cassette is the old or the new one, whole."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.layers import Faults
from support.mounts import read_only, small_disk
from support.proof import FULL
from support.runs import another_run
from support.standin import NEW, OLD, StandIn, generated

import replay
from replay.config import resolve
from replay.errors import LibraryBusy, LibraryError, ReplayError
from replay.library import Library
from replay.library.library import clear_cache, storage_of
from replay.model.cassette import Cassette, Request
from replay.model.modes import RecordMode
from replay.recording.paced_pool import Pace
from replay.recording.recorder import Recorder
from replay.recording.twins import Status, record
from replay.session.session import open_session
from replay.stripe_api.call import retrieve
from replay.stripe_api.routes import by_name

pytestmark = pytest.mark.slow

IDS = [generated("in", name) for name in ("one", "two")]
ROUTE = by_name("invoice")


class Source:
    """A live source whose invoices say which answer they are of."""

    def __init__(self, server: StandIn) -> None:
        self.url, self.turn = server.url, 0
        for id in IDS:
            serve = server.objects["/v1/invoices/" + server.add_invoice(id)]
            server.objects["/v1/invoices/" + id] = lambda version, expand, serve=serve: {
                **serve(version, expand), "attempt_count": self.turn,
            }  # fmt: skip


@pytest.fixture
def source(stand_in: StandIn) -> Source:
    """The live source."""
    return Source(stand_in)


def ask(source: Source, library: Path, mode: str, times: int = 1) -> None:
    """One session that asks for both invoices."""
    another_run(library)
    session = open_session(resolve(library=library, mode=mode, api_base=source.url))
    try:
        for id in IDS:
            for _ in range(times):
                session.answer(Request("GET", f"{source.url}/v1/invoices/{id}"))
    except BaseException:
        session.close(failed=True)
        raise
    session.close()


def twins(source: Source, library: Path) -> None:
    """What `replay record invoice ID ID --api-version … --mode all` does."""
    recorder = Recorder(Library(library), source.url)
    try:
        for id in IDS:
            calls = [retrieve(ROUTE, [id], version=version) for version in (OLD, NEW)]
            for result in record(recorder, calls, "sk_test_x", RecordMode.ALL, Pace(1e6)):
                if result.status is Status.REFUSED:
                    assert result.error is not None
                    raise result.error
    finally:
        recorder.close()


RUNS: dict[str, Callable[[Source, Path], None]] = {
    "once": lambda source, library: ask(source, library, "once"),
    "new_episodes": lambda source, library: ask(source, library, "new_episodes", 2),
    "all": lambda source, library: ask(source, library, "all"),
    "twins": twins,
}


def cassettes(library: Path) -> dict[str, Cassette]:
    """All cassettes, each read as if for the first time; an error if one is not whole."""
    clear_cache()
    return dict(Library(library).cassettes()) if library.is_dir() else {}


def told(cassette: Cassette | None) -> list[str] | None:
    """The answers that a cassette holds."""
    if cassette is None:
        return None
    bodies = [take.response.body.decode() for take in cassette.interactions]
    return [body.split('"attempt_count": ')[1].split(",")[0] for body in bodies]


def leftovers(library: Path) -> list[Path]:
    """Temporary files anywhere in a library."""
    return list(library.rglob("*.tmp"))


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC], ids=errno.errorcode.get)
@pytest.mark.parametrize("once", [True, False], ids=["once", "persistently"])
@pytest.mark.parametrize("name", RUNS)
def test_every_operation_can_fail(
    name: str, once: bool, code: int, source: Source, tmp_path: Path
) -> None:
    """Whichever operation of a recording run fails, nothing is lost or half-written, or silent.

    The k-th fails, k = 1, 2, … until a run passes untouched; every seventeenth k where it must
    be short.
    """
    if not FULL and once == (code == errno.EIO):
        pytest.skip("half of the combinations, where it must be short: make crash runs all")
    run, before = RUNS[name], tmp_path / "before"
    if name != "once":
        run(source, before)
    source.turn = 1
    run(source, shutil.copytree(before, tmp_path / "after") if before.exists() else
        tmp_path / "after")  # fmt: skip
    old, new = cassettes(before), cassettes(tmp_path / "after")
    assert 2 <= len(new)
    failures = 0
    for k in count(1, 1 if FULL else 17):
        library = tmp_path / str(k)
        if before.exists():
            shutil.copytree(before, library)
        faults, error = Faults(library, k, once=once, code=code), None
        with faults.armed():
            try:
                run(source, library)
            except ReplayError as caught:
                # Without its frames: they would keep a lock whose unlocking failed.
                error = type(caught)(caught.what, where=caught.where, hint=caught.hint)
        found = cassettes(library)
        assert found.keys() <= new.keys()
        for path in new:
            before_and_after = [told(old.get(path)), told(new[path])]
            assert told(found.get(path)) in before_and_after[0 if error else 1 :]
        if error is not None:
            failures += 1
            assert isinstance(error, LibraryError)
            assert error.where.startswith(str(library)), error
            assert error.hint, error
            assert os.strerror(code) in error.what, error
        if once or error is None:
            # A folder that cannot be listed or emptied keeps what only the next writer can sweep.
            assert len(leftovers(library)) <= 1
        run(source, library)
        assert [] == leftovers(library)
        assert {path: told(new[path]) for path in new} == {
            path: told(cassette) for path, cassette in cassettes(library).items()
        }
        if faults.count < k:
            break
        shutil.rmtree(library)
    assert error is None
    assert failures > (20 if FULL else 2)


@contextmanager
def limited_files(library: Path) -> Iterator[None]:
    """Files of at most 4 kB: a write breaks off in the middle."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def full_disk(library: Path) -> Iterator[None]:
    """A disk without a free block."""
    filler = library / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def unprivileged(library: Path) -> Iterator[None]:
    """A folder that this user may not write to: root gives up its rights for the time being."""
    modes = {path: path.stat().st_mode for path in [library, *library.rglob("*")]}
    is_root = os.geteuid() == 0
    for path in modes:
        path.chmod(0o555 if path.is_dir() else 0o444)
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for path, mode in modes.items():
            path.chmod(mode)


TROUBLES: dict[str, tuple[Callable[[Path], AbstractContextManager[object]], int, str]] = {
    "a limit on files": (limited_files, errno.EFBIG, "make room"),
    "a full disk": (full_disk, errno.ENOSPC, "make room"),
    "a read-only disk": (read_only, errno.EROFS, "give this user the right"),
    "a read-only folder": (unprivileged, errno.EACCES, "give this user the right"),
}


@pytest.fixture
def open_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder, the working directory too, that every user may look into."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        monkeypatch.chdir(folder)
        yield folder
        monkeypatch.undo()


@pytest.mark.parametrize("run", ["all", "new_episodes", "twins"])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_disk_that_takes_nothing(
    trouble: str, run: str, source: Source, open_folder: Path
) -> None:
    """A full or read-only disk is an error with the file and what to do; what is there stays."""
    arrange, code, hint = TROUBLES[trouble]
    library = open_folder / "disk"
    with small_disk(library, 256 << 10) if trouble == "a full disk" else nullcontext():
        RUNS[run](source, library)
        before = {path: path.read_bytes() for path in library.glob("invoices/*/*.yaml")}
        assert len(before) >= 2
        source.turn = 1
        with arrange(library):
            with pytest.raises(LibraryError) as caught:
                RUNS[run](source, library)
            assert {path: path.read_bytes() for path in before} == before
            assert [] == leftovers(library)
            assert os.strerror(code) in caught.value.what
            assert caught.value.where.startswith(str(library))
            assert hint in caught.value.hint
            # What is recorded is replayed as ever.
            ask(source, library, "none") if run != "twins" else cassettes(library)
        RUNS[run](source, library)
        assert all("1" in (told(found) or "") for found in cassettes(library).values())


@pytest.mark.parametrize("what", ["library", "resource", "object", "state"])
def test_a_folder_removed_mid_run(what: str, source: Source, tmp_path: Path) -> None:
    """Whatever folder goes while a session records, no cassette is half there afterwards."""
    library = tmp_path / "cassettes"
    gone = {"library": library, "resource": library / "invoices", "state": library / ".replay",
            "object": library / "invoices" / IDS[0]}[what]  # fmt: skip
    another_run(library)
    session = open_session(resolve(library=library, mode="new_episodes", api_base=source.url))
    requests = [Request("GET", f"{source.url}/v1/invoices/{id}") for id in IDS]
    for request in requests:
        session.answer(request)
    source.turn = 1
    shutil.rmtree(gone)
    for request in requests:
        session.answer(request)
    session.close()
    found = {path: told(cassette) for path, cassette in cassettes(library).items()}
    lost = {"library": 2, "resource": 2, "object": 1, "state": 0}[what]
    assert [["1"]] * lost + [["0", "1"]] * (2 - lost) == sorted(map(list, found.values()), key=len)
    assert [] == leftovers(library)


def test_a_folder_removed_in_the_middle_of_a_write(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the file and says that its folder went; recording again is enough."""
    library = tmp_path / "cassettes"
    real = os.fsync

    def remove_then_sync(handle: int) -> None:
        real(handle)
        if leftovers(folder := library / "invoices" / IDS[0]):
            shutil.rmtree(folder)

    with monkeypatch.context() as patches:
        patches.setattr(os, "fsync", remove_then_sync)
        with pytest.raises(LibraryError, match="No such file or directory") as caught:
            ask(source, library, "once")
    assert caught.value.where.startswith(str(library / "invoices" / IDS[0]))
    assert "restore it and try again" in caught.value.hint
    assert {} == cassettes(library)
    ask(source, library, "once")
    assert 2 == len(cassettes(library))


WRITER = """
import os, sys, time
from support.takes import KEY, cassette
from support.writing import unchecked
from replay.library import Library
from replay.library.library import storage_of
real = os.replace
def pause(*arguments):
    print("written", flush=True)
    time.sleep(60)
os.replace = pause
lib = Library(sys.argv[1])
with storage_of(lib).lock(KEY):
    storage_of(lib).write(cassette(), unchecked)
"""


def test_a_living_writers_file_is_not_swept(tmp_path: Path) -> None:
    """Nobody writes to a folder beside a living writer; a dead one's file is swept, never read."""
    from support.takes import KEY, VERSION, cassette
    from support.writing import unchecked

    lib = Library(tmp_path / "cassettes")
    path = [Path(replay.__file__).parents[1], Path(__file__).parents[1]]
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(lib.root)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))},
    ) as writer:  # fmt: skip
        assert writer.stdout is not None
        assert "written\n" == writer.stdout.readline()
        (temporary,) = leftovers(lib.root)
        for version in (VERSION, NEW):
            assert lib.load(KEY, version) is None
        with pytest.raises(LibraryBusy), storage_of(lib).lock(KEY, seconds=0.1):
            pytest.fail("two hold it")
        assert temporary.exists()
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert temporary.exists()
    assert () == lib.recorded(KEY)
    assert [] == lib.paths()
    with storage_of(lib).lock(KEY, seconds=2):
        storage_of(lib).write(cassette(version=NEW), unchecked)
    assert [] == leftovers(lib.root)


def test_one_cassette_that_cannot_be_written_does_not_cost_the_others(
    source: Source, tmp_path: Path
) -> None:
    """What mode `all` fetched again is written where it can be; the error names where not."""
    library = tmp_path / "cassettes"
    ask(source, library, "all")
    source.turn = 1
    (folder,) = (library / "invoices" / IDS[0]).iterdir()
    with pytest.MonkeyPatch.context() as patches:
        real = os.replace

        def fail(one: object, other: object) -> None:
            if str(other) == str(folder):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            real(one, other)  # type: ignore[arg-type]

        patches.setattr(os, "replace", fail)
        with pytest.raises(LibraryError) as caught:
            ask(source, library, "all")
    assert str(folder) == caught.value.where
    found = cassettes(library)
    assert {IDS[0]: ["0"], IDS[1]: ["1"]} == {
        cassette.key.id: told(cassette) for cassette in found.values()
    }
