"""The takes of one session by call key: which deck a request asks for, and how far it is served.

A server is asked without end, so what grows with the questions, and not with the recordings, is
bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING

from replay.errors import CassetteNotFound
from replay.library.lookup import Recorded
from replay.model.cassette import Interaction, Request, Response
from replay.model.modes import CallState
from replay.recording import repeats
from replay.recording.recorder import Outcome, Recorder, outcome_from_take
from replay.stripe_api.call import Call, read, stripe_headers

if TYPE_CHECKING:
    from replay.session.rerecording import Anew

_SPELLINGS, _SPELLING = 8192, 2048
"""So many spellings of requests are known by heart, each up to so many characters."""

_VERSIONS = 64
"""So many versions that requests pin are remembered."""


@dataclass(slots=True)
class Deck:
    """The takes of one call key in one session, and how far they are served.

    `lent` are takes that clients recorded which pin otherwise. `unkept` is whether the live answer
    that came last is not recorded. `anew` is what mode ``all`` records, and `takes` are its takes
    then.
    """

    call: Call
    version: str = ""
    takes: list[Interaction] = field(default_factory=list)
    lent: bool = False
    position: int = 0
    opened: bool = False
    loaded: bool = False
    refusal: CassetteNotFound | None = None
    repeated: Outcome | None = None
    repeats: int = 0
    unkept: bool = False
    anew: Anew | None = None
    flight: Future[Response] | None = None
    lock: Lock = field(default_factory=Lock)

    def state(self) -> CallState:
        """What there is, as the mode's decision asks for it."""
        if self.position < len(self.takes):
            return CallState.LEFT
        if not self.takes:
            return CallState.ABSENT
        return CallState.RECORDED_HERE if self.opened else CallState.USED_UP

    def repeat(self, outcome: Outcome) -> None:
        """Note that the last take was answered again: such takes are written when another follows.

        They say the same, so one stands for all.
        """
        self.repeated = outcome
        self.repeats = min(self.repeats + 1, repeats.MOST_REPEATS)

    def keep(self, version: str, takes: Iterable[Interaction]) -> None:
        """Note takes that were written behind those of the deck, or in the place of lent ones."""
        if self.lent:
            self.takes = []
        self.takes += takes
        self.version, self.position = version, len(self.takes)
        self.lent, self.opened, self.repeats = False, True, 0

    def goes_on(self, found: Recorded) -> bool:
        """Whether takes that were found go on behind those that this session saw."""
        seen = self.position
        return len(found.takes) > seen and (
            (self.lent and not self.opened)
            or not seen
            or (found.version == self.version and list(found.takes[:seen]) == self.takes[:seen])
        )

    def before(self, outcome: Outcome) -> list[Outcome]:
        """What is written before a take of the same version, so that replay serves it first."""
        take = outcome.take
        if not self.lent or take is None:
            return [self.repeated] * self.repeats if self.repeated is not None else []
        own = [replace(lent, request=take.request) for lent in self.takes]
        return [outcome_from_take(take, self.version) for take in own]


class Decks:
    """The decks of one session. Safe to share between threads.

    Args:
        api_version: answers whatever a request pins; None leaves it to the request.
        recorder: knows under which IDs recordings are kept.

    Attributes:
        pinned: what requests pin where `api_version` answers instead.
    """

    def __init__(self, api_version: str | None, recorder: Recorder) -> None:
        self.pinned: set[str | None] = set()
        self._api_version = api_version
        self._recorder = recorder
        self._decks: dict[Call, Deck] = {}
        self._read: dict[tuple[object, ...], Deck] = {}
        self._lock = Lock()

    def __iter__(self) -> Iterator[Deck]:
        return iter(list(self._decks.values()))

    def of(self, request: Request) -> Deck:
        """The deck that a request asks for.

        Raises:
            ReplayError: it is no call that replay reads.
        """
        # Clients repeat themselves: a request seen before is not parsed again.
        stripes = stripe_headers(request.headers)
        seen = request.method, request.uri, stripes, request.body, request.unread
        deck = self._read.get(seen)
        if deck is None:
            call = read(request, stripes)
            if self._api_version is not None:
                if len(self.pinned) < _VERSIONS:
                    self.pinned.add(call.pinned)
                call = replace(call, pinned=self._api_version)
            call = self._recorder.masked(call)
            with self._lock:
                deck = self._decks.setdefault(call, Deck(call))
                if len(self._read) >= _SPELLINGS:
                    self._read.clear()
                if len(request.uri) + len(request.body or b"") <= _SPELLING:
                    self._read[seen] = deck
        return deck

    def remember(self, deck: Deck) -> None:
        """Have a deck that takes were recorded for, though it was forgotten meanwhile."""
        with self._lock:
            found = self._decks.get(deck.call)
            if found is None or not found.position:
                self._decks[deck.call] = deck

    def forget(self, deck: Deck) -> None:
        """Drop a deck that nothing was taken from.

        Whoever asks again finds what was recorded meanwhile, and endless different questions
        leave nothing behind.
        """
        with self._lock:
            if self._decks.get(deck.call) is deck:
                del self._decks[deck.call]
                self._read.clear()
