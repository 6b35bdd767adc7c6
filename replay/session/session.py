"""One use of a library: answers calls by replaying or recording, and remembers what it refused.

Interception and server both ask a session. It is safe to share between the threads and tasks of
one test, and never shared between tests.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from threading import Lock
from traceback import clear_frames

from replay.config import Config
from replay.errors import CallRefused, CassetteNotFound, Refused, ReplayError, UpstreamError
from replay.library import Library
from replay.library.lookup import Recorded, find, from_other_pin
from replay.model.cassette import Interaction, ObjectKey, Request, Response
from replay.model.modes import DECISIONS, Action, CallState, RecordMode
from replay.recording.preload import load
from replay.recording.recorder import Outcome, Recorder
from replay.recording.repeats import same_answer
from replay.redaction.policy_source import PolicySource
from replay.session.not_recorded import require
from replay.session.playback import Deck, Decks
from replay.stripe_api.call import Call, read

_INTERRUPTED = UpstreamError("the fetch of this call was interrupted", hint="ask again")
_log = logging.getLogger("replay")

_NOTES = 1000
"""So many notes are kept."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a session did: numbers of calls played, recorded, refused, and answered unrecorded."""

    played: int
    recorded: int
    refused: int
    unkept: int


class Session:
    """One use of a library.

    Attributes:
        library: the library that answers and is recorded into.
        config: the settings in force.
        refusals: every refusal so far, also those that the code under test swallowed.
        notes: why answers were served but not recorded, and fields the policy does not know.
    """

    def __init__(
        self,
        config: Config,
        library: Library | None = None,
        *,
        allow_live: bool = False,
        raw_view: bool = False,
        pass_others: bool = False,
        keep_errors: bool = False,
    ) -> None:
        self.config = config
        self.library = library or Library(config.library)
        self.refusals: list[ReplayError] = []
        self.notes: list[str] = []
        self._mode = config.mode
        if self._mode is not RecordMode.NONE:
            self.library.require_writable()
            load()
        ids = None
        if self._mode is RecordMode.ALL:
            from replay.session import rerecording

            ids = rerecording.join(self.library)
        self._recorder = Recorder(
            self.library,
            config.api_base,
            allow_live=allow_live,
            raw_view=raw_view,
            keep_errors=keep_errors,
            policy_source=PolicySource.of(config),
            ids=ids,
        )
        self._pass_others = pass_others
        self._writing = Lock()
        self._closed = False
        self._decks = Decks(config.api_version, self._recorder)
        self._opened: set[tuple[ObjectKey, tuple[str, ...]]] = set()
        self._played = self._recorded = self._unkept = 0

    def __repr__(self) -> str:
        return f"<Session of {self.library.shown}, mode {self._mode.value}, {self.tally}>"

    @property
    def tally(self) -> Tally:
        """What was played, recorded and refused so far."""
        return Tally(self._played, self._recorded, len(self.refusals), self._unkept)

    @property
    def stand_ins(self) -> dict[tuple[str, str], Mapping[str, str]]:
        """What was answered, as object and API version -> pointer of each stand-in -> its class.

        Of several takes of one call the last one served counts.
        """
        decks = [deck for deck in self._decks if deck.position]
        return {
            (str(deck.call.key), deck.version): deck.takes[deck.position - 1].redacted
            for deck in decks
        }

    @property
    def pinned(self) -> frozenset[str | None]:
        """The API versions that clients asked for, where the settings answer at another one."""
        return frozenset(self._decks.pinned)

    @property
    def served(self) -> list[tuple[Call, str, Response]]:
        """What was answered: each call, at which API version, and with what at last."""
        return [
            (deck.call, deck.version, deck.takes[deck.position - 1].response)
            for deck in self._decks
            if deck.position
        ]

    @property
    def used(self) -> set[tuple[ObjectKey, str]]:
        """Whose cassettes answered so far, and at which API versions; also what was recorded."""
        return {(deck.call.key, deck.version) for deck in self._decks if deck.position}

    def answer(self, request: Request) -> Response:
        """Answer a request to the API. The body is decoded; none for HEAD.

        Raises:
            ReplayError: the refusal; also kept in `refusals`.
        """
        try:
            deck = self._decks.of(request)
            response = self._answer(deck, request)
        except ReplayError as error:
            _forget(error)
            self.refusals.append(error)
            raise
        if request.method == "HEAD":
            return replace(response, body=b"", withheld=len(response.body))
        return response

    def shown(self, request: Request) -> str:
        """A request as messages may name it: private IDs and parameter values stay out.

        Raises:
            ReplayError: it is no call that replay reads, or the policy cannot be used.
        """
        call = self._recorder.masked(read(request))
        return call.route.path if self._recorder.private(call) else str(call.key)

    def lets_through(self, request: Request) -> bool:
        """Whether a request goes to the live API itself: no read of ours, and that is asked for."""
        if not self._pass_others:
            return False
        try:
            self._decks.of(request)
        except CallRefused:
            return True
        except ReplayError:
            return False
        return False

    def serve(self, request: Request) -> Response:
        """`answer` for hooks inside client libraries.

        Raises:
            Refused: carries the refusal past whatever the client does to an `Exception`.
        """
        try:
            return self.answer(request)
        except ReplayError as error:
            raise Refused(error) from error

    async def serve_async(self, request: Request) -> Response:
        """`serve` without blocking the event loop: what may fetch runs in a worker thread.

        Raises:
            Refused: carries the refusal.
        """
        if self._mode is RecordMode.NONE:
            return self.serve(request)
        from anyio import to_thread

        from replay.recording.upstream import fetches

        return await to_thread.run_sync(self.serve, request, limiter=fetches())

    def close(self, *, failed: bool = False) -> None:
        """End the session: write what mode ``all`` recorded anew.

        Args:
            failed: the code under test raised, so its takes are not complete: old files stay.

        Raises:
            ReplayError: a re-recording could not be written; the old file stays.
        """
        with self._writing:
            # A fetch that nobody waits for any more, such as a cancelled task's, writes nothing.
            self._closed = True
        errors: list[ReplayError] = []
        try:
            for deck in self._decks:
                if deck.anew is None or not deck.position:
                    continue
                try:
                    with self.library.lock(deck.call.key):
                        # What ended in an answer that is not kept would end otherwise offline.
                        deck.anew.settle(self._recorder, failed=failed or deck.unkept)
                except ReplayError as error:
                    errors.append(error)  # one that cannot be written does not cost the others
        finally:
            self._recorder.close()
        if errors:
            raise errors[0]

    def _answer(self, deck: Deck, request: Request) -> Response:
        with deck.lock:
            if not deck.loaded:
                self._load(deck)
            action = DECISIONS[deck.state()][self._mode]
            if action is Action.RERECORD:  # the deck is what the run has recorded anew
                action = Action.REPLAY if deck.state() is CallState.LEFT else Action.RECORD
            if action is Action.REPLAY:
                deck.position += 1
                self._played += 1
                return deck.takes[deck.position - 1].response
            if action is Action.REPEAT:
                self._played += 1
                return deck.takes[-1].response
            if action is Action.REFUSE:
                self._decks.forget(deck)
                assert deck.refusal is not None  # noqa: S101 - absent takes come with one
                raise deck.refusal
            flight, mine = deck.flight, deck.flight is None
            if flight is None:
                flight = deck.flight = Future()
        return self._fly(deck, flight, request) if mine else flight.result()

    def _fly(self, deck: Deck, flight: Future[Response], request: Request) -> Response:
        # One fetch per call key at a time: whoever asks meanwhile gets the same answer.
        try:
            response = self._record(deck, request)
        except BaseException as error:
            with deck.lock:
                deck.flight = None
            # Who only waited is not interrupted along with who fetched.
            told = error if isinstance(error, Exception) else _INTERRUPTED
            flight.set_exception(told)
            raise
        with deck.lock:
            deck.flight = None
        flight.set_result(response)
        if not deck.takes:
            self._decks.forget(deck)
        return response

    def _load(self, deck: Deck) -> None:
        if self._mode is RecordMode.NONE:
            try:
                self._deal(deck, require(self.library, deck.call))
            except CassetteNotFound as refusal:
                deck.refusal = self._explained(refusal, deck.call)
        else:
            self._deal(deck, self._look(deck))
        deck.loaded = True

    def _explained(self, refusal: CassetteNotFound, call: Call) -> CassetteNotFound:
        why = "" if call.key.query is None else self._recorder.private(call)
        if why:
            refusal.command = ""
            refusal.hint = (
                f"replay does not record it: {why}\n"
                "stub this call, or keep the parameter in replay-policy.toml: docs/redaction.md"
            )
        return refusal

    def _look(self, deck: Deck) -> Recorded | None:
        """What is recorded for a deck, where that goes on behind what the session had."""
        if self._mode is not RecordMode.ALL:
            found = find(self.library, deck.call)
            return found if found is not None and deck.goes_on(found) else None
        if self._recorder.private(deck.call):
            return None
        if deck.anew is None:
            from replay.session.rerecording import Anew

            deck.anew = Anew(self.library, deck.call)
        with self.library.lock(deck.call.key):
            found = deck.anew.found()
            if found is None or not deck.goes_on(found):
                return None
            deck.anew.deal(found)
            return found

    def _deal(self, deck: Deck, found: Recorded | None) -> None:
        if found is None:
            return
        lent = from_other_pin(found.takes[0], deck.call)
        # What this session recorded for clients that pin otherwise may grow: nothing is lent of it.
        if not lent or (deck.call.key, deck.call.expand) not in self._opened:
            deck.version, deck.takes, deck.lent = found.version, list(found.takes), lent

    def _record(self, deck: Deck, request: Request) -> Response:
        if self._recorder.private(deck.call):
            # Not even the name of a lock may say what was asked.
            outcome = self._recorder.fetch(deck.call, request)
            self._note(deck.call, outcome)
            return outcome.response
        with self._fetching(deck):
            if self._has_more(deck):
                return self._next(deck)
            outcome = self._recorder.fetch(deck.call, request)
            self._note(deck.call, outcome)
            deck.unkept = outcome.take is None
            if outcome.take is None:
                return outcome.response
            with self._writing:
                if self._closed:
                    return outcome.response
                self._keep(deck, outcome, outcome.take)
        self._recorded += 1
        return outcome.response

    def _fetching(self, deck: Deck) -> AbstractContextManager[None]:
        # Who ends a session has no time to wait for the fetch of another one.
        return deck.anew.fetching() if deck.anew is not None else self.library.lock(deck.call.key)

    def _keep(self, deck: Deck, outcome: Outcome, take: Interaction) -> None:
        key, version = deck.call.key, outcome.version
        self._opened.add((key, deck.call.expand))
        if deck.anew is not None:
            with self.library.lock(key):
                takes = deck.anew.add(self._recorder, outcome)
        elif deck.takes and deck.version == version and same_answer(deck.takes[-1], take):
            deck.repeat(outcome)
            return
        else:
            # Takes of another version stand in another cassette: there they repeat anyway.
            before = deck.before(outcome) if deck.version == version else []
            self._recorder.append(deck.call, version, [*before, outcome])
            takes = [o.take for o in (*before, outcome) if o.take is not None]
        with deck.lock:
            deck.keep(version, takes)
        self._decks.remember(deck)

    def _has_more(self, deck: Deck) -> bool:
        """Whether another process or session recorded takes since this deck was dealt."""
        if deck.repeats:
            return False
        found = self._look(deck)
        with deck.lock:
            self._deal(deck, found)
            return deck.position < len(deck.takes)

    def _next(self, deck: Deck) -> Response:
        with deck.lock:
            deck.position += 1
            self._played += 1
            return deck.takes[deck.position - 1].response

    def _note(self, call: Call, outcome: Outcome) -> None:
        if outcome.unkept:
            self._unkept += 1
            self._say(f"{call.route.path} was answered but not recorded: {outcome.unkept}")
        for name in outcome.unknown:
            self._say(
                f"the policy does not know {name}; it is redacted, unless null, true or false"
            )

    def _say(self, note: str) -> None:
        if len(self.notes) < _NOTES and note not in self.notes:
            self.notes.append(note)
            _log.warning("%s", note)


def _forget(error: BaseException | None) -> None:
    # The frames of a refusal hold whole files and answers, for as long as it is kept.
    while error is not None:
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
