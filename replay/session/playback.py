"""Plays the recordings of a library: the store of modes ``none``, ``once``, ``new_episodes``.

The mode's row in `replay.model.modes.DECISIONS` decides each call, by the session's state of it. A
`Playback` holds that state: the takes of one call, and how many of them were played.

1. Takes are played in order, and the last one repeats.
2. In mode ``none`` nothing else happens: a call without takes is refused.
3. A call that this session recorded may grow further. One that was there before grows in mode
   ``new_episodes`` only.
4. If another session or process adds takes that continue this session's takes, those are played
   before anything is fetched.
5. A take that repeats the last one is not written until one follows that differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from threading import Lock

from replay.errors import CassetteNotFound
from replay.library import Library
from replay.library.library import storage_of
from replay.library.lookup import Recorded, find, from_other_pin
from replay.model.cassette import Interaction, ObjectKey, Request
from replay.model.modes import DECISIONS, Action, CallState, RecordMode
from replay.recording import repeats
from replay.recording.recorder import Outcome, Recorder, outcome_from_take
from replay.redaction.policy_source import PolicySource
from replay.session.calls import CallReader, CallTable
from replay.session.not_recorded import refusal
from replay.session.store import CallFetch, Fetch, Served
from replay.stripe_api.call import Call


@dataclass(slots=True, eq=False)
class Playback:
    """The takes of one call in one session, and how many of them were played.

    Attributes:
        call: what clients ask for.
        version: the API version that answers.
        takes: in the order recorded.
        position: how many were played or recorded by this session.
        from_other_pin: whether the takes were recorded by clients that pin another version.
        grew: whether this session recorded some of the takes.
        loaded: whether the library was asked.
        refusal: why there is none; where the mode only plays.
        pending: the fetch under way.
        repeated: the outcome that repeats the last take, and how often it came.
    """

    call: Call
    version: str = ""
    takes: list[Interaction] = field(default_factory=list)
    position: int = 0
    from_other_pin: bool = False
    grew: bool = False
    loaded: bool = False
    refusal: CassetteNotFound | None = None
    pending: Fetch | None = None
    repeated: tuple[Outcome | None, int] = (None, 0)
    lock: Lock = field(default_factory=Lock)

    def after_fork(self) -> None:
        """In a forked child: the thread that held the lock or fetched the call is not there."""
        self.lock = Lock()
        self.pending = None

    def state(self) -> CallState:
        """The state of the call, for the mode's decision."""
        if self.position < len(self.takes):
            return CallState.LEFT
        if not self.takes:
            return CallState.ABSENT
        return CallState.RECORDED_HERE if self.grew else CallState.USED_UP

    def play(self) -> Interaction:
        """The next take."""
        self.position += 1
        return self.takes[self.position - 1]

    def served(self) -> Iterator[Served]:
        """The take that answered last, if one did."""
        if self.position:
            yield Served(self.call, self.version, self.takes[self.position - 1])

    def use(self, found: Recorded, grown: set[Growing]) -> None:
        """Play these takes.

        Args:
            found: the takes.
            grown: the recordings that this session adds to. They may still grow for clients that
                pin another version, so none of them is used here.
        """
        other = from_other_pin(found.takes[0], self.call)
        if not other or growing(self.call) not in grown:
            self.version, self.takes, self.from_other_pin = found.version, list(found.takes), other

    def goes_on(self, found: Recorded) -> bool:
        """Whether takes that were found go on behind those that this session played."""
        played = self.position
        return len(found.takes) > played and (
            (self.from_other_pin and not self.grew)
            or not played
            or (found.version == self.version and list(found.takes[:played]) == self.takes[:played])
        )

    def keep(self, version: str, takes: Iterable[Interaction]) -> None:
        """Note takes that were written behind those of before, or in place of another pin's."""
        if self.from_other_pin:
            self.takes = []
        self.takes += takes
        self.version, self.position = version, len(self.takes)
        self.from_other_pin, self.grew, self.repeated = False, True, (None, 0)


Growing = tuple[ObjectKey, tuple[str, ...]]
"""An object and an expand set: takes of these may be shared by clients that pin otherwise."""


def growing(call: Call) -> Growing:
    """What a recorded call may share its takes by."""
    return call.key, call.expand


class Playbacks:
    """The store that plays a library, and records into it where the mode asks for that.

    Args:
        library: the recordings to play.
        mode: any but ``all``.
        recorder: writes fetched answers.
        reader: reads requests as calls.
        policy: decides which words a refusal may name.
    """

    def __init__(
        self, library: Library, mode: RecordMode, recorder: Recorder, reader: CallReader,
        policy: PolicySource,
    ) -> None:  # fmt: skip
        self._library = library
        self._mode = mode
        self._recorder = recorder
        self._policy = policy
        self._table = CallTable(reader, Playback)
        self._grown: set[Growing] = set()

    @property
    def fetches(self) -> bool:
        """As `Store`."""
        return self._mode is not RecordMode.NONE

    def next(self, request: Request) -> Interaction | Fetch:
        """As `Store`."""
        playback = self._table.of(request)
        with playback.lock:
            if not playback.loaded:
                self._load(playback)
            action = DECISIONS[playback.state()][self._mode]
            if action is Action.REPLAY:
                return playback.play()
            if action is Action.REPEAT:
                return playback.takes[-1]
            if action is Action.RECORD:
                if playback.pending is None:
                    playback.pending = _Fetch(self, playback)
                return playback.pending
        self._table.forget(playback)
        assert playback.refusal is not None  # noqa: S101 - what is refused was looked for
        raise playback.refusal

    def served(self) -> Iterator[Served]:
        """As `Store`."""
        for playback in self._table:
            yield from playback.served()

    def after_fork(self) -> None:
        """As `Store`."""
        self._table.after_fork()

    def close(self, *, failed: bool) -> None:
        """As `Store`: all is written already."""

    def _load(self, playback: Playback) -> None:
        self._use_new(playback)
        if self._mode is RecordMode.NONE and not playback.takes:
            playback.refusal = refusal(self._library, playback.call, self._policy)
        playback.loaded = True

    def _use_new(self, playback: Playback) -> None:
        found = find(self._library, playback.call)
        if found is not None and playback.goes_on(found):
            playback.use(found, self._grown)

    def _take_meanwhile(self, playback: Playback) -> Interaction | None:
        with playback.lock:
            if not playback.repeated[1]:
                self._use_new(playback)
            return playback.play() if playback.position < len(playback.takes) else None

    def _keep(self, playback: Playback, outcome: Outcome, take: Interaction) -> None:
        call, version = playback.call, outcome.version
        self._grown.add(growing(call))
        same_version = playback.version == version
        if playback.takes and same_version and repeats.same_answer(playback.takes[-1], take):
            count = min(playback.repeated[1] + 1, repeats.MOST_REPEATS)
            playback.repeated = outcome, count
            return
        # Takes of another version are in another cassette. There the last one repeats anyway.
        before = _before(playback, take) if same_version else []
        self._recorder.append(call, version, [*before, outcome])
        written = [o.take for o in (*before, outcome) if o.take is not None]
        with playback.lock:
            playback.keep(version, written)
        self._table.remember(playback)

    def _release(self, playback: Playback) -> None:
        with playback.lock:
            playback.pending = None
        if not playback.takes:
            self._table.forget(playback)


def _before(playback: Playback, take: Interaction) -> list[Outcome]:
    """What is written before a take of the same version, so that it is played first."""
    if not playback.from_other_pin:
        repeated, count = playback.repeated
        return [repeated] * count if repeated is not None else []
    own = [replace(other, request=take.request) for other in playback.takes]
    return [outcome_from_take(take, playback.version) for take in own]


class _Fetch(CallFetch):
    def __init__(self, store: Playbacks, playback: Playback) -> None:
        super().__init__(playback.call)
        self._store = store
        self._playback = playback

    def lock(self) -> AbstractContextManager[object]:
        return storage_of(self._store._library).lock(self.call.key)

    def recorded_meanwhile(self) -> Interaction | None:
        return self._store._take_meanwhile(self._playback)

    def tell(self, outcome: Outcome) -> None:
        if outcome.take is not None:
            self._store._keep(self._playback, outcome, outcome.take)

    def release(self) -> None:
        self._store._release(self._playback)
