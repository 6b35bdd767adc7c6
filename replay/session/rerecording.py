"""Re-records each call of a run once: the store of mode ``all``.

1. The first session of a run that asks for a call fetches it. All others of the run replay that,
   and fetch what goes beyond it.
2. Fetched takes are in the run's folder, see `run_folder`. The library keeps its old takes
   until a session that asked ends well: then all takes of the run replace them.
3. Where the library had nothing, it gets the takes at once: there is nothing old to lose.
4. Takes that only a failed session saw are withdrawn: the next session of the run fetches them
   again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from replay.errors import CassetteDamaged, ReplayError
from replay.library import Library, files
from replay.library.library import storage_of
from replay.library.lookup import Recorded, find, takes_of
from replay.library.names import digest
from replay.model.cassette import Interaction, Request
from replay.model.modes import CallState
from replay.recording import repeats
from replay.recording.recorder import Outcome, Recorder, outcome_from_take
from replay.session import run_folder, run_id
from replay.session.calls import CallReader, CallTable
from replay.session.playback import Growing, Playback, growing
from replay.session.store import CallFetch, Fetch, Served
from replay.stripe_api.call import Call

if TYPE_CHECKING:
    from replay.redaction.redactor import Original

_NOTE = "note"


class Rerecordings:
    """The store that fetches each call of a run once, and then replays the run's takes.

    Args:
        library: gets the takes when a session ends well.
        recorder: redacts and writes.
        reader: reads requests as calls.
    """

    fetches = True

    def __init__(self, library: Library, recorder: Recorder, reader: CallReader) -> None:
        self._library = library
        self._recorder = recorder
        self._table = CallTable(reader, _Playback)
        self._grown: set[Growing] = set()

    def next(self, request: Request) -> Interaction | Fetch:
        """As `Store`."""
        playback = self._table.of(request)
        with playback.lock:
            if not playback.loaded:
                self._use_new(playback)
                playback.loaded = True
            if playback.state() is CallState.LEFT:
                return playback.play()
            if playback.pending is None:
                playback.pending = _Fetch(self, playback)
            return playback.pending

    def served(self) -> Iterator[Served]:
        """As `Store`."""
        for playback in self._table:
            yield from playback.served()

    def after_fork(self) -> None:
        """As `Store`."""
        self._table.after_fork()

    def close(self, *, failed: bool) -> None:
        """As `Store`: commit the new recordings, even if some of them cannot be written."""
        errors: list[ReplayError] = []
        for playback in self._table:
            if playback.rerecording is None or not playback.position:
                continue
            # A session whose last answer is not kept would end otherwise offline.
            incomplete = failed or playback.last_unkept
            try:
                with storage_of(self._library).lock(playback.call.key):
                    playback.rerecording.commit(self._recorder, failed=incomplete)
            except ReplayError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def _use_new(self, playback: _Playback) -> None:
        """Play what the run has re-recorded, where that goes on behind what was played."""
        if self._recorder.why_private(playback.call):
            return
        if playback.rerecording is None:
            playback.rerecording = Rerecording(self._library, playback.call)
        with storage_of(self._library).lock(playback.call.key):
            found = playback.rerecording.found()
            if found is not None and playback.goes_on(found):
                playback.rerecording.serve(found)
                playback.use(found, self._grown)

    def _take_meanwhile(self, playback: _Playback) -> Interaction | None:
        with playback.lock:
            self._use_new(playback)
            return playback.play() if playback.position < len(playback.takes) else None

    def _tell(self, playback: _Playback, outcome: Outcome) -> None:
        playback.last_unkept = outcome.take is None
        if outcome.take is None or playback.rerecording is None:
            return
        self._grown.add(growing(playback.call))
        with storage_of(self._library).lock(playback.call.key):
            takes = playback.rerecording.add(self._recorder, outcome, outcome.take)
        with playback.lock:
            playback.keep(outcome.version, takes)
        self._table.remember(playback)

    def _release(self, playback: _Playback) -> None:
        with playback.lock:
            playback.pending = None
        if not playback.takes:
            self._table.forget(playback)


@dataclass(slots=True, eq=False)
class _Playback(Playback):
    """One session's playback of the run's takes of a call.

    Attributes:
        rerecording: the run's takes; None for a call that may not be recorded.
        last_unkept: whether the live answer that came last is not recorded.
    """

    rerecording: Rerecording | None = None
    last_unkept: bool = False


class _Fetch(CallFetch):
    def __init__(self, store: Rerecordings, playback: _Playback) -> None:
        super().__init__(playback.call)
        self._store = store
        self._playback = playback

    def lock(self) -> AbstractContextManager[object]:
        # Not the object's lock: a session that ends takes that, and has no time to wait for this.
        assert self._playback.rerecording is not None  # noqa: S101 - what is private takes no lock
        return self._playback.rerecording.fetching()

    def recorded_meanwhile(self) -> Interaction | None:
        return self._store._take_meanwhile(self._playback)

    def tell(self, outcome: Outcome) -> None:
        self._store._tell(self._playback, outcome)

    def release(self) -> None:
        self._store._release(self._playback)


@dataclass(frozen=True, slots=True)
class _Note:
    """A note that the run keeps beside its takes of a call.

    Attributes:
        shared: whether a second session replayed them, or one of them ended well.
        takes: how many takes there were; with another number the repeats are not of these.
        repeats: how often the last of them was answered again.
    """

    shared: bool = True
    takes: int = 0
    repeats: int = 0

    def repeats_of(self, found: Recorded) -> int:
        """How often the last of these takes was answered again."""
        return self.repeats if self.takes == len(found.takes) else 0


class Rerecording:
    """The takes of one call that a run has re-recorded, as one session sees them.

    The caller holds the object's lock, except around `fetching`.

    Raises:
        CassetteDamaged: the library's own takes cannot be used: told before anything is fetched.
    """

    def __init__(self, library: Library, call: Call) -> None:
        self._library, self._call = library, call
        find(library, call)
        # The account is in the key as a pseudonym; the digest shows nothing of the rest.
        named = (call.route.path, call.key.resource, *call.key.parents, call.key.id)
        asked = (call.key.account, call.key.query, call.expand, call.pinned)
        self._run = run_id.name()
        self._folder = run_folder.folder(library, self._run) / digest(repr((named, asked)))
        self._takes = Library(self._folder)
        self._seen: dict[str, list[Interaction]] = {}
        self._originals: list[Original] = []
        self._written: tuple[Interaction, ...] | None = None
        self._began = False

    def fetching(self) -> AbstractContextManager[None]:
        """The lock that one session of the run holds while it fetches this call.

        Raises:
            LibraryBusy: it was not free in time.
            LibraryError: it cannot be taken here.
        """
        run_folder.begin(self._library, self._run)
        return files.lock(self._folder.with_name(f"{self._folder.name}.lock"), str(self._call.key))

    def found(self) -> Recorded | None:
        """The run's recording so far, with the repeats at its end; None if there is none.

        Raises:
            CassetteDamaged: the file cannot be used.
        """
        found = self._find()
        if found is None:
            return None
        again = self._note().repeats_of(found)
        return replace(found, takes=(*found.takes, *found.takes[-1:] * again))

    def serve(self, found: Recorded) -> None:
        """Note that the session plays this recording."""
        note = self._note()
        if not note.shared:
            self._write_note(replace(note, shared=True))
        self._seen = {found.version: list(found.takes)}

    def add(self, recorder: Recorder, outcome: Outcome, take: Interaction) -> list[Interaction]:
        """Add what the session fetched; also to the library, if that had nothing of the call.

        Returns:
            The take, as the run has it now; none if it only repeats the last one once too often.

        Raises:
            LeakFound: the gate found something in the final bytes; nothing is written.
            LibraryError: the file system refuses.
        """
        files.make_folder(self._folder, str(self._library.root))
        found, note = self._find(), self._note()
        if found is None:
            self._began, note = True, _Note(shared=False)
        before = []
        if found is not None and found.version == outcome.version:
            last, again = found.takes[-1], note.repeats_of(found)
            if repeats.same_answer(last, take):
                if again >= repeats.MOST_REPEATS:
                    return []
                self._write_note(_Note(note.shared, len(found.takes), again + 1))
                self._seen.setdefault(found.version, []).append(last)
                return [last]
            before = [outcome_from_take(last, found.version)] * again
        recorder.append(self._call, outcome.version, [*before, outcome], library=self._takes)
        self._write_note(_Note(note.shared))
        self._originals += outcome.originals
        self._seen.setdefault(outcome.version, []).append(take)
        there = find(self._library, self._call)
        if there is None or there.takes == self._written:  # there is nothing old to keep
            self._write(recorder)
            there = find(self._library, self._call)
            self._written = there.takes if there is not None else None
        return [take]

    def commit(self, recorder: Recorder, *, failed: bool) -> None:
        """End the session: if it ended well, all takes of the run so far replace the library's.

        What only a failed session saw is withdrawn.

        Raises:
            LeakFound: as `add`; the library's takes stay.
            LibraryError: the file system refuses; the library's takes stay.
        """
        note = self._note()
        if failed:
            if self._began and self._written is None and not note.shared:
                self._withdraw()
            return
        if not note.shared:
            self._write_note(replace(note, shared=True))
        self._write(recorder)

    def _write(self, recorder: Recorder) -> None:
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
        # In one step, so that other processes find all of it or nothing.
        gone = self._folder.with_name(f"{self._folder.name}.{os.urandom(6).hex()}")
        try:
            self._folder.rename(gone)
        except OSError as error:
            what = "what a failed test re-recorded cannot be withdrawn"
            raise files.translated(error, what, str(self._folder)) from error

    def _find(self) -> Recorded | None:
        try:
            return find(self._takes, self._call)
        except CassetteDamaged as error:
            raise type(error)(
                error.what,
                where=error.where,
                hint="remove it: it holds what this run was about to record, and nothing else",
            ) from error

    def _note(self) -> _Note:
        try:
            note = storage_of(self._takes).read_bytes(_NOTE) or b""
            shared, takes, again = map(int, note.split())
        except ValueError:
            return _Note()
        return _Note(bool(shared), takes, min(again, repeats.MOST_REPEATS))

    def _write_note(self, note: _Note) -> None:
        text = f"{int(note.shared)} {note.takes} {note.repeats}"
        files.write(self._folder / _NOTE, text, str(self._takes.root))
