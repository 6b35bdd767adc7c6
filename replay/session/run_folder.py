"""The folder that holds a run's new recordings in mode `all`.

They move into the library when a session that asked for them ends without a failure.

Each run has its own folder, inside the library's state folder. All processes of the run share it,
the workers of pytest-xdist too. The process that began the run removes the folder when it ends.
If that process was killed, the next run removes it. Each process holds a lock on a file as long as
it is alive.
"""

from __future__ import annotations

import atexit
import os
import shutil
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Lock

from replay.errors import LibraryError, ReplayError
from replay.library import Library, files
from replay.library.names import digest
from replay.library.storage import STATE
from replay.model.forks import survives_forks
from replay.recording.id_map import IdMap
from replay.session import run_id

_FOLDER = "rerecorded"
_ALIVE = ".alive"
_TRIES = 5

_joined: dict[tuple[str, str], IdMap] = {}
"""The libraries that this process re-records into, by root and run."""

_held: dict[str, ExitStack] = {}
"""The locks that say that this process lives, by the run's folder."""

_changing = survives_forks(Lock())


def folder(library: Library, run: str) -> Path:
    """The folder of a run."""
    return library.root / STATE / _FOLDER / digest(run)


def join(library: Library) -> IdMap:
    """Note that this process re-records into a library, so that the end of its run clears up.

    Returns:
        The map of IDs that the run's sessions of this process share: what one fetched, another one
        replays.
    """
    with _changing:
        return _joined.setdefault((str(library.root), run_id.name()), IdMap())


def begin(library: Library, run: str) -> None:
    """Hold the run open in a library, and clear up after runs that are over.

    Raises:
        LibraryError: the file system refuses.
    """
    own = folder(library, run)
    real = os.path.realpath(own)
    with _changing:
        if real in _held:
            return
        files.make_folder(own.parent, str(library.root))
        try:
            others = [other for other in own.parent.iterdir() if other != own]
        except OSError as error:
            what = "what earlier runs left here cannot be read"
            raise files.translated(error, what, str(own.parent)) from error
        for other in others:
            _clear_if_over(other)
        _held[real] = _held_open(own)


def end(roots: Iterable[str]) -> None:
    """End the run, if it began in this process: remove its folders here and in joined libraries."""
    run = run_id.name()
    if run_id.is_own(run):
        for root in {*roots, *(root for root, of in _joined if of == run)}:
            own = folder(Library(root), run)
            with suppress(ReplayError):
                _held.pop(os.path.realpath(own), ExitStack()).close()
            shutil.rmtree(own, ignore_errors=True)


@atexit.register
def _end_with_the_process() -> None:
    if run_id.forked():
        return
    for held in _held.values():
        with suppress(ReplayError):
            held.close()
    _held.clear()
    for root, run in _joined:
        if run_id.is_own(run):
            shutil.rmtree(folder(Library(root), run), ignore_errors=True)


def clear(library: Library) -> None:
    """Remove the folders of all runs, with the recordings that were not kept.

    Raises:
        LibraryError: the file system refuses.
    """
    every = library.root / STATE / _FOLDER
    try:
        shutil.rmtree(every)
    except FileNotFoundError:
        pass
    except OSError as error:
        what = "what runs left here cannot be removed"
        raise files.translated(error, what, str(every)) from error


def _held_open(own: Path) -> ExitStack:
    held = ExitStack()
    path = own / f"{os.urandom(6).hex()}{_ALIVE}"
    for _ in range(_TRIES):
        with suppress(LibraryError):  # its folder was cleared away before it could be locked
            held.enter_context(files.lock(path, "a run in mode all", seconds=10.0))
            if os.path.exists(path):  # noqa: PTH110 - what cannot be looked at is tried again
                return held
            held.close()
    held.enter_context(files.lock(path, "a run in mode all", seconds=10.0))
    return held


def _clear_if_over(other: Path) -> None:
    """Clear a run's folder, unless one of its processes is alive."""
    with suppress(OSError, LibraryError), ExitStack() as locks:
        for path in other.glob(f"*{_ALIVE}"):
            locks.enter_context(files.lock(path, "a run in mode all", seconds=0))
        shutil.rmtree(other, ignore_errors=True)
