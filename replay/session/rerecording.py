"""What mode ``all`` records anew: kept beside the library until a session that asked ends well.

The takes of a call lie in a library of their own in the state folder, below the name of the run.
All sessions of the run share them, in this process and in those beside it, such as the workers of
pytest-xdist: each replays what is there and adds what it is the first to ask for. They go when the
process ends in which the run began; what a killed one left goes when the next run begins.
"""

from __future__ import annotations

import atexit
import os
import shutil
from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from replay.errors import CassetteDamaged, LibraryError, ReplayError
from replay.library import Library, files
from replay.library.library import STATE
from replay.library.lookup import Recorded, find, takes_of
from replay.library.names import digest
from replay.model.cassette import Interaction
from replay.recording import repeats
from replay.recording.id_map import IdMap
from replay.recording.recorder import Outcome, Recorder, outcome_from_take
from replay.session import run_id
from replay.stripe_api.call import Call

if TYPE_CHECKING:
    from replay.redaction.redactor import Original

_FOLDER = "anew"
_NOTE = "note"
_ALIVE = ".alive"
"""What a process of a run holds locked below the run's folder, as long as it lives."""

_TRIES = 5

_places: dict[tuple[str, str], IdMap] = {}
_alive: dict[str, ExitStack] = {}
_opening = Lock()


@dataclass(frozen=True, slots=True)
class _Note:
    """What stands beside the takes of a call.

    Attributes:
        shared: whether another session than the one that began replayed them, or one ended well.
        takes: how many takes there were; with another number the repeats are not of these.
        repeats: how often the last of them was answered again.
    """

    shared: bool = True
    takes: int = 0
    repeats: int = 0

    def repeats_of(self, found: Recorded) -> int:
        """How often the last of these takes was answered again."""
        return self.repeats if self.takes == len(found.takes) else 0


class Anew:
    """The takes of one call that a run records anew, as one session sees them.

    Whoever calls a method that asks or changes what is there holds the object's lock.
    """

    def __init__(self, library: Library, call: Call) -> None:
        self._library, self._call = library, call
        find(library, call)  # what is damaged is told before anything is fetched
        # The account is in the key as a pseudonym; the name shows nothing of the rest.
        named = (call.route.path, call.key.resource, *call.key.parents, call.key.id)
        asked = (call.key.account, call.key.query, call.expand, call.pinned)
        self._run = run_id.name()
        self._folder = _folder(library, self._run) / digest(repr((named, asked)))
        self._takes = Library(self._folder)
        self._seen: dict[str, list[Interaction]] = {}
        self._originals: list[Original] = []
        self._kept: tuple[Interaction, ...] | None = None
        self._began = False

    def fetching(self) -> AbstractContextManager[None]:
        """The lock that one session of the run holds while it fetches this call.

        Raises:
            LibraryBusy: it was not free in time.
            LibraryError: it cannot be taken here.
        """
        _begin(self._library, self._run)
        return files.lock(self._folder.with_name(f"{self._folder.name}.lock"), str(self._call.key))

    def found(self) -> Recorded | None:
        """What the run recorded anew so far, with the repeats at its end; None if nothing.

        Raises:
            CassetteDamaged: what is there cannot be used.
        """
        found = self._search()
        if found is None:
            return None
        again = self._note().repeats_of(found)
        return replace(found, takes=(*found.takes, *found.takes[-1:] * again))

    def deal(self, found: Recorded) -> None:
        """Note that the session is given what was found."""
        note = self._note()
        if not note.shared:
            self._say(replace(note, shared=True))
        self._seen = {found.version: list(found.takes)}

    def add(self, recorder: Recorder, outcome: Outcome) -> list[Interaction]:
        """Add what the session fetched; also to the library, if that had nothing of the call.

        Returns:
            The take, as the run has it now; none where it says the same for the thousandth time.

        Raises:
            LeakFound: the gate found something in the final bytes; nothing is written.
            LibraryError: the file system refuses.
        """
        assert outcome.take is not None  # noqa: S101 - who adds has one
        files.make_folder(self._folder, self._library.place)
        found, note = self._search(), self._note()
        if found is None:
            self._began, note = True, _Note(shared=False)
        before, new = [], outcome.take
        if found is not None and found.version == outcome.version:
            last, again = found.takes[-1], note.repeats_of(found)
            if repeats.same_answer(last, new):
                if again >= repeats.MOST_REPEATS:
                    return []
                self._say(_Note(note.shared, len(found.takes), again + 1))
                self._seen.setdefault(found.version, []).append(last)
                return [last]
            before = [outcome_from_take(last, found.version)] * again
        recorder.append(self._call, outcome.version, [*before, outcome], library=self._takes)
        self._say(_Note(note.shared))
        self._originals += outcome.originals
        self._seen.setdefault(outcome.version, []).append(new)
        there = find(self._library, self._call)
        if there is None or there.takes == self._kept:  # there is nothing old to keep
            self._keep(recorder)
            there = find(self._library, self._call)
            self._kept = there.takes if there is not None else None
        return [new]

    def settle(self, recorder: Recorder, *, failed: bool) -> None:
        """End the session: all takes of the run so far replace the library's, if it ended well.

        What a session alone saw that failed is withdrawn: the next one of the run fetches anew.

        Raises:
            LeakFound: as `add`; the library's takes stay.
            LibraryError: the file system refuses; the library's takes stay.
        """
        note = self._note()
        if failed:
            if self._began and self._kept is None and not note.shared:
                self._withdraw()
            return
        if not note.shared:
            self._say(replace(note, shared=True))
        self._keep(recorder)

    def _keep(self, recorder: Recorder) -> None:
        kept = {version: list(takes) for version, takes in self._seen.items()}
        for cassette in self._takes.recorded(self._call.key):
            takes = takes_of(cassette, self._call)
            if len(takes) >= len(kept.get(cassette.api_version, ())):
                kept[cassette.api_version] = list(takes)
        twins = repeats.batches_in_use(self._library, self._call.key, kept.keys())
        for version, those in kept.items():
            outcomes = [outcome_from_take(take, version) for take in those]
            outcomes[-1] = replace(outcomes[-1], originals=tuple(self._originals))
            recorder.replace(self._call, version, outcomes, in_use=twins)

    def _withdraw(self) -> None:
        # At one stroke: who looks meanwhile finds all or nothing.
        gone = self._folder.with_name(f"{self._folder.name}.{os.urandom(6).hex()}")
        try:
            self._folder.rename(gone)
        except OSError as error:
            what = "what a failed test recorded anew cannot be withdrawn"
            raise files.translated(error, what, str(self._folder)) from error

    def _search(self) -> Recorded | None:
        try:
            return find(self._takes, self._call)
        except CassetteDamaged as error:
            error.hint = "remove it: it holds what this run was about to record, and nothing else"
            raise

    def _note(self) -> _Note:
        try:
            shared, takes, again = map(int, (self._takes.data(_NOTE) or b"").split())
        except ValueError:
            return _Note()
        return _Note(bool(shared), takes, min(again, repeats.MOST_REPEATS))

    def _say(self, note: _Note) -> None:
        text = f"{int(note.shared)} {note.takes} {note.repeats}"
        files.write(self._folder / _NOTE, text, self._takes.place)


def join(library: Library) -> IdMap:
    """Note that this process records into a library for its run, so that the run's end clears it.

    Returns:
        The pseudonyms that the run's sessions of this process share: what one of them fetched,
        another replays.
    """
    with _opening:
        return _places.setdefault((library.place, run_id.name()), IdMap())


def _begin(library: Library, run: str) -> None:
    """Hold the run open in a library, and clear away what is left there of runs that are over."""
    home = _folder(library, run)
    real = os.path.realpath(home)
    with _opening:
        if real in _alive:
            return
        files.make_folder(home.parent, library.place)
        for folder in home.parent.iterdir():
            if folder != home:
                _clear_if_over(folder)
        _alive[real] = _held_open(home)


def _held_open(folder: Path) -> ExitStack:
    held = ExitStack()
    path = folder / f"{os.urandom(6).hex()}{_ALIVE}"
    for _ in range(_TRIES):
        with suppress(LibraryError):  # its folder was cleared away before it could be locked
            held.enter_context(files.lock(path, "a run in mode all", seconds=10.0))
            if path.exists():
                return held
            held.close()
    held.enter_context(files.lock(path, "a run in mode all", seconds=10.0))
    return held


def _clear_if_over(folder: Path) -> None:
    """Clear a run's folder, unless one of its processes is alive."""
    with suppress(OSError, LibraryError), ExitStack() as locks:
        for path in folder.glob(f"*{_ALIVE}"):
            locks.enter_context(files.lock(path, "a run in mode all", seconds=0))
        shutil.rmtree(folder, ignore_errors=True)


def end(places: Iterable[str]) -> None:
    """End the run, if it began in this process: what it recorded anew into these places goes."""
    run = run_id.name()
    if run_id.is_own(run):
        for place in {*places, *(place for place, of in _places if of == run)}:
            folder = _folder(Library(place), run)
            with suppress(ReplayError):
                _alive.pop(os.path.realpath(folder), ExitStack()).close()
            shutil.rmtree(folder, ignore_errors=True)


@atexit.register
def _end() -> None:
    if run_id.forked():
        return
    for held in _alive.values():
        with suppress(ReplayError):
            held.close()
    _alive.clear()
    for place, run in _places:
        if run_id.is_own(run):
            shutil.rmtree(_folder(Library(place), run), ignore_errors=True)


def forget(library: Library) -> None:
    """Remove what any run recorded anew, and has not kept.

    Raises:
        LibraryError: the file system refuses.
    """
    folder = library.root / STATE / _FOLDER
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        what = "what runs left here cannot be removed"
        raise files.translated(error, what, str(folder)) from error


def _folder(library: Library, run: str) -> Path:
    return library.root / STATE / _FOLDER / digest(run)
