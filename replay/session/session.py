"""One use of a library: answers calls from its stores, and remembers its refusals.

Interception and server both ask a session. It is safe to share between the threads and tasks of
one test, and never shared between tests. The stores implement the record modes; what the modes
share is here: one fetch at a time per call, notes, counts and the end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from threading import Lock
from time import sleep
from traceback import clear_frames
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from replay.config import Config, Origin, plain_host
from replay.errors import CallRefused, ConfigError, NoSession, Refused, ReplayError
from replay.library import Library
from replay.library.library import storage_of
from replay.library.location import display_path
from replay.model import former_names
from replay.model.cassette import Interaction, Request, Response
from replay.model.forks import renew_in_child
from replay.model.modes import RecordMode
from replay.recording.preload import load
from replay.recording.recorder import Outcome, Recorder
from replay.redaction.policy_source import PolicySource
from replay.session.calls import CallReader
from replay.session.overrides import Overrides, made
from replay.session.playback import Playbacks
from replay.session.scenario import lanes
from replay.session.store import Fetch, Served, Store
from replay.stripe_api.call import API_HOST, asks_for_file, read_call

if TYPE_CHECKING:
    from replay.session.event_loops import EventLoop
    from replay.session.scenario.store import ScenarioOptions, ScenarioStore

_log = logging.getLogger("replay")

_MOST_NOTES = 1000
_WRITES_SENT = (
    "writes were let through to the live API, and each run makes new objects there: a scenario"
    " records them once (docs/scenarios.md)"
)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many calls a session answered, by how.

    Attributes:
        played: answered from a recording, also from one that another call just fetched.
        recorded: answered by the live source, and recorded.
        refused: not answered.
        unrecorded: answered by the live source, and not recorded.
        overridden: answered by an override, whether or not it changed a recording.
        writes_sent: writes that were let through to the live API.
    """

    played: int
    recorded: int
    refused: int
    unrecorded: int
    overridden: int = 0
    writes_sent: int = 0


class Session:
    """One use of a library, as a test sees it.

    Attributes:
        config: the settings in force.
        library: the library that answers and is recorded into.
        refusals: every refusal so far, also those that the code under test swallowed.
        notes: why answers were served but not recorded, and fields the policy does not know.
    """

    def __init__(self, config: Config, library: Library, stores: Sequence[Store]) -> None:
        self.config = config
        self.library = library
        self.refusals: list[ReplayError] = []
        self.notes: list[str] = []
        self._stores = stores
        self._overrides = Overrides()
        self._played = self._recorded = self._unrecorded = self._writes_sent = 0

    def __repr__(self) -> str:
        where, mode = display_path(self.library.root), self.config.mode.value
        return f"<Session of {where}, mode {mode}, {self.counts}>"

    @property
    def counts(self) -> Counts:
        """How many calls were played, recorded and refused so far."""
        return Counts(
            self._played, self._recorded, len(self.refusals), self._unrecorded,
            self._overrides.played, self._writes_sent,
        )  # fmt: skip

    def override(
        self,
        resource: str,
        id: str | None,
        patch: Mapping[str, Any] | None = None,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        delay: float = 0.0,
        fault: str | None = None,
        error: str | None = None,
        times: int | None = None,
    ) -> None:
        """Give another answer than the recorded one from now on, in this session only.

        Args:
            resource: the resource, such as ``invoices`` or ``invoice``.
            id: the object's ID; ``"*"`` for every object of the resource; None for calls of the
                resource itself: its lists, and what creates an object.
            patch: a JSON merge patch over the recorded body: ``{"status": "void"}``; None as a
                value removes a field. Over an error, it changes that error's body.
            status: the answer's status. From 400 on, no recording is needed.
            headers: header -> value, in place of the recorded ones.
            delay: seconds to wait before the answer.
            fault: one of Stripe's errors by name: ``card_declined``, ``rate_limit``, ``api_error``
                and others (`replay.stripe_api.faults.FAULTS`), as Stripe sends them. It answers
                writes, too.
            error: ``timeout`` or ``reset``: the connection breaks, and the client raises what it
                raises live.
            times: for so many calls; None for all that follow. The latest override wins.

        Raises:
            ConfigError: something that no override can be. A field that neither the recording nor
                the SDK's type has is refused when the call is made.
        """
        self._overrides.add(
            *made(
                resource, id, patch, status=status, headers=headers, delay=delay, fault=fault,
                times=times, error=error,
            )
        )  # fmt: skip

    def variable(self, name: str, make: Callable[[], str]) -> str:
        """A value of the test's own that is the same when its scenario is played as when recorded.

        Args:
            name: names it within the test: letters and digits, ``_``, ``.`` and ``-``.
            make: called while the scenario is recorded, such as ``lambda: uuid4().hex``.

        Raises:
            ConfigError: the session has no scenario, or the name is malformed.
        """
        for store in self._stores:
            variable = getattr(store, "variable", None)
            if variable is not None:
                value: str = variable(name, make)
                return value
        raise ConfigError(
            "only a scenario keeps variables, and this session has none",
            where=f"session.variable({name!r}, …)",
            hint="mark the test with writes='scenario', or name a scenario: docs/scenarios.md",
        )

    @property
    def recorded_at(self) -> datetime | None:
        """When what this session plays was recorded, in UTC.

        The date of the test's scenario, if it has one; else that of the newest recording that this
        session has played so far. None before, and while a scenario is recorded.
        """
        for store in self._stores:
            text: str | None = getattr(store, "recorded_at", None)
            if text is not None:
                return datetime.fromisoformat(text)
        played = [one.take.recorded_at for one in self.calls]
        return datetime.fromisoformat(max(played)) if played else None

    @property
    def calls(self) -> tuple[Served, ...]:
        """The calls that recordings answered so far, each once, with the take that answered last.

        ``served.take.redacted`` says which values of the answer are stand-ins.
        """
        return tuple(served for store in self._stores for served in store.served())

    if not TYPE_CHECKING:  # with it, type checkers would accept every misspelled name

        def __getattr__(self, name: str) -> Any:
            if name not in _FORMER_NAMES:
                raise AttributeError(f"'Session' object has no attribute {name!r}")
            instead, value = _FORMER_NAMES[name]
            former_names.warn(f"session.{name}", f"session.{instead}")
            return value(self)


_FORMER_NAMES: dict[str, tuple[str, Callable[[Session], Any]]] = {
    "tally": ("counts", lambda session: session.counts),
    "stand_ins": ("calls, each with its take.redacted", lambda session: {
        (str(one.call.key), one.api_version): one.take.redacted for one in session.calls
    }),
    "served": ("calls, each with its take.response", lambda session: [
        (one.call, one.api_version, one.take.response) for one in session.calls
    ]),
    "used": ("calls, each with its call.key and api_version", lambda session: {
        (one.call.key, one.api_version) for one in session.calls
    }),
}  # fmt: skip
"""Attributes of `Session` that were public in replay 0.1: what to use instead, and the value."""


class OpenSession(Session):
    """A session as interception and server use it: it answers, and is closed once.

    Args:
        config: the settings in force.
        library: the library of the stores.
        stores: who may answer, in the order in which they are asked; the last one answers or
            refuses every read.
        recorder: asks the live source; it is closed with the session.
        reader: reads requests as calls, for messages and to find calls that are let through.
        pass_others: whether calls other than reads go to the live API.

    Attributes:
        fetches: whether an answer may come from the live source.
        scenario: the store of its writes; None where they have none.
    """

    scenario: ScenarioStore | None = None

    def __init__(
        self, config: Config, library: Library, stores: Sequence[Store], recorder: Recorder,
        reader: CallReader, *, pass_others: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(config, library, stores)
        self._recorder = recorder
        self._reader = reader
        self._pass_others = pass_others
        self.fetches = any(store.fetches for store in stores)
        self._counting = Lock()
        self._writing = Lock()
        self._closed = False
        renew_in_child(self)

    def after_fork(self) -> None:
        """In a forked child: what other threads held or were fetching is theirs, in the parent."""
        self._counting = Lock()
        self._writing = Lock()
        for store in self._stores:
            store.after_fork()
        self._recorder.after_fork()

    def __dir__(self) -> list[str]:
        # Users hold an open session, too. Their editors and prompts offer what they need.
        own = {name for name in super().__dir__() if name[:1] == "_"}
        return sorted({*own, *dir(Session), "config", "library", "notes", "refusals"})

    @property
    def pinned(self) -> frozenset[str | None]:
        """The API versions that clients asked for, where the settings answer at another one."""
        return frozenset(self._reader.pinned)

    def answer(self, request: Request) -> Response:
        """Answer a request to the API. The body is decoded; none for HEAD.

        Raises:
            ReplayError: the refusal; also kept in `refusals`.
        """
        try:
            override = self._overrides.take(request)
            if override is not None:
                sleep(override.delay)
            if override is not None and override.is_error:
                response = override.error()
            else:
                said = self._next(request)
                response = said if isinstance(said, Response) else self._answer_of(said, request)
                if override is not None:
                    response = override.changed(response, self.library)
        except ReplayError as error:
            self._refuse(error)
            raise
        return _without_body_for(request, response)

    def serve(self, request: Request) -> Response:
        """`answer` for hooks inside client libraries.

        Raises:
            Refused: carries the refusal; clients wrap or retry an `Exception`, but not this.
        """
        try:
            return self.answer(request)
        except ReplayError as error:
            refused = Refused(error)
        # Not while the error is handled: carrier and error must not be in each other's chain.
        raise refused

    async def serve_async(self, request: Request) -> Response:
        """`serve` without blocking the event loop, see `event_loops`.

        Raises:
            Refused: carries the refusal.
        """
        if not self.fetches and not self._overrides:
            return self.serve(request)
        try:
            return _without_body_for(request, await self.answer_async(request))
        except ReplayError as error:
            self._refuse(error)
            refused = Refused(error)
        raise refused

    def lets_through(self, request: Request) -> bool:
        """Whether a request goes to the live API: it is not a read, and such calls may pass.

        It goes where the client sends it. Where the settings name another live source than Stripe,
        a call to Stripe itself is refused: it would go online by accident. So is one with a
        live-mode key.
        """
        if not self._pass_others or self._overrides.next(request) is not None:
            return False
        try:
            self._reader.read(request)
        except CallRefused as error:
            if self._leads_past_source(request) or self._recorder.has_live_key(request):
                return False
            if asks_for_file(request):
                self.say(f"{error.where} was let through, and not recorded: its answer is a file")
            return True
        except ReplayError:
            return False
        return False

    def note_sent(self, request: Request) -> None:
        """Count a call that goes to the live API now, as `lets_through` allowed."""
        if request.method not in {"GET", "HEAD"}:
            with self._counting:
                self._writes_sent += 1
            self.say(_WRITES_SENT)

    def breaks(self, request: Request) -> bool:
        """Whether an override breaks the connection of a request: its client raises the error."""
        override = self._overrides.next(request)
        return override is not None and bool(override.breaks)

    def _leads_past_source(self, request: Request) -> bool:
        source, asked = Origin.of(self.config.api_base), urlsplit(request.uri)
        port = asked.port or (443 if asked.scheme == "https" else 80)
        return source.host != API_HOST and source != Origin(plain_host(asked.hostname or ""), port)

    def name_of(self, request: Request) -> str:
        """A request as messages may name it: private IDs and parameter values stay out.

        Raises:
            ReplayError: it is not a call that replay knows, or the policy cannot be used.
        """
        call = self._recorder.masked(read_call(request))
        return call.route.path if self._recorder.why_private(call) else str(call.key)

    def close(self, *, failed: bool = False) -> None:
        """End the session, and write the recordings of mode ``all``.

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
            for store in self._stores:
                try:
                    store.close(failed=failed)
                except ReplayError as error:
                    errors.append(error)
        finally:
            self._recorder.close()
        if errors:
            raise errors[0]

    def _refuse(self, error: ReplayError) -> None:
        _clear_frames(error)
        self.refusals.append(error)

    def _answer_of(self, fetch: Fetch, request: Request) -> Response:
        """The answer of a fetch, which this call makes or waits for."""
        said: Response | Fetch = fetch
        while not isinstance(said, Response):
            if said.claim():
                return self._fetch_and_end(said, request, lambda end: end())
            answered = said.answered.result()
            if answered is not None:
                return self._waited(*answered)
            said = self._next(request)
        return said

    async def answer_async(self, request: Request) -> Response:
        """`answer` without blocking the event loop, see `event_loops`; refusals are not kept here.

        Raises:
            ReplayError: the refusal.
        """
        from replay.session.event_loops import here

        loop = here()
        override = self._overrides.take(request)
        if override is None:
            return await self._answer_in(loop, request)
        if override.delay:
            await loop.look_up(partial(sleep, override.delay))
        if override.is_error:
            return override.error()
        return override.changed(await self._answer_in(loop, request), self.library)

    async def _answer_in(self, loop: EventLoop, request: Request) -> Response:
        with lanes.noted():
            while True:
                said = await loop.look_up(partial(self._next, request))
                if isinstance(said, Response):
                    return said
                if said.claim():
                    return await self._fetch_async(loop, said, request)
                answered = await loop.result_of(said.answered)
                if answered is not None:
                    return self._waited(*answered)

    async def _fetch_async(self, loop: EventLoop, fetch: Fetch, request: Request) -> Response:
        begun = Lock()  # taken once: by the thread, or where this task is cancelled before

        def end_in_loop(end: Callable[[], None]) -> None:
            loop.run(lambda: loop.run_after_arrivals(end))

        def make() -> Response:
            if not begun.acquire(blocking=False):
                raise NoSession(
                    "the task that asked for this call was cancelled",
                    hint="nothing was fetched; ask again in a task that runs",
                )
            return self._fetch_and_end(fetch, request, end_in_loop)

        try:
            return await loop.fetch(make)
        finally:
            if begun.acquire(blocking=False):
                fetch.give_up()

    def _next(self, request: Request) -> Response | Fetch:
        """The first answer that a store has, or what is to be fetched."""
        try:
            for store in self._stores:
                said = store.next(request)
                if isinstance(said, Interaction):
                    with self._counting:
                        self._played += 1
                    return said.response
                if said is not None:
                    return said
        except CallRefused as error:
            if self._pass_others:
                self._recorder.refuse_live_key(request)
            if self._pass_others and self._leads_past_source(request):
                base = self.config.api_base
                raise CallRefused(
                    f"this call is not let through to Stripe: the session's live source is {base}",
                    where=error.where,
                    hint=f"point the client at it: stripe.StripeClient(…, base_addresses="
                    f"{{'api': {base!r}}})\nor leave out api_base, to send it to Stripe",
                ) from None
            raise
        raise AssertionError("the last store answers or refuses every call")

    def _waited(self, response: Response, recorded: bool) -> Response:
        with self._counting:
            self._played += recorded
            self._unrecorded += not recorded
        return response

    def _fetch_and_end(
        self, fetch: Fetch, request: Request, run: Callable[[Callable[[], None]], None]
    ) -> Response:
        """Make a claimed fetch, and have `run` hand what came to all who wait."""
        try:
            response, recorded = self._fetch(fetch, request)
        except BaseException as error:
            run(partial(fetch.fail, error))
            raise
        run(partial(fetch.finish, response, recorded))
        return response

    def _fetch(self, fetch: Fetch, request: Request) -> tuple[Response, bool]:
        if fetch.unrecordable(self._recorder):
            # Not even the name of a lock may reveal the call.
            outcome = fetch.ask(self._recorder, request)
            self._note(fetch, outcome)
            return outcome.response, False
        with fetch.lock():
            take = fetch.recorded_meanwhile()
            if take is not None:
                with self._counting:
                    self._played += 1
                return take.response, True
            outcome = fetch.ask(self._recorder, request)
            self._note(fetch, outcome)
            with self._writing:
                if self._closed:
                    return outcome.response, False
                fetch.tell(outcome)
        recorded = outcome.take is not None
        with self._counting:
            self._recorded += recorded
        return outcome.response, recorded

    def _note(self, fetch: Fetch, outcome: Outcome) -> None:
        if outcome.unkept:
            with self._counting:
                self._unrecorded += 1
            self.say(f"{fetch.label} was answered but not recorded: {outcome.unkept}")
        for name in outcome.unknown:
            self.say(f"the policy does not know {name}; it is redacted, unless null, true or false")

    def say(self, note: str) -> None:
        """Note something once, for the run's summary, and log it."""
        if len(self.notes) < _MOST_NOTES and note not in self.notes:
            self.notes.append(note)
            _log.warning("%s", note)


def open_session(
    config: Config, library: Library | None = None, *, first: Sequence[Store] = (),
    allow_live: bool = False, raw_view: bool = False, pass_others: bool = False,
    keep_errors: bool = False, scenario: ScenarioOptions | None = None,
) -> OpenSession:  # fmt: skip
    """Open a session with the store that the record mode needs.

    Args:
        config: the settings.
        library: the library; by default the one that the settings name.
        first: stores that are asked before the library's.
        allow_live: whether live-mode keys and bodies are accepted.
        raw_view: whether the client that records sees the live answer, unredacted.
        pass_others: whether calls other than reads go to the live API.
        keep_errors: whether answers about the key or the moment (401, 429, 5xx) are recorded.
        scenario: the scenario that answers writes; None leaves them to `pass_others`.

    Raises:
        ReplayError: the library cannot be recorded into, or the settings contradict one another.
    """
    library = library or Library(config.library, follow_links=config.follow_links)
    if config.mode is not RecordMode.NONE:
        storage_of(library).require_writable()
        load()
    ids = None
    if config.mode is RecordMode.ALL:
        from replay.session import run_folder

        ids = run_folder.join(library)
    policy = PolicySource.of(config)
    recorder = Recorder(
        library, config.api_base,
        allow_live=allow_live, raw_view=raw_view, keep_errors=keep_errors,
        policy_source=policy, ids=ids,
    )  # fmt: skip
    masked = recorder.masked if policy.masks_ids or raw_view else None
    reader = CallReader(config.api_version, masked)
    store: Store
    if config.mode is RecordMode.ALL:
        from replay.session.rerecording import Rerecordings

        store = Rerecordings(library, recorder, reader)
    else:
        store = Playbacks(library, config.mode, recorder, reader, policy)
    stores = [*first, store]
    if scenario is None:
        return OpenSession(config, library, stores, recorder, reader, pass_others=pass_others)
    from replay.session.scenario.store import ScenarioStore

    writes = ScenarioStore(library, scenario, config.mode, recorder, policy, config.api_version)
    stores.insert(len(first), writes)
    session = OpenSession(config, library, stores, recorder, reader)
    writes.say = session.say
    session.scenario = writes
    return session


def _without_body_for(request: Request, response: Response) -> Response:
    """The answer; to HEAD, without its body."""
    if request.method != "HEAD":
        return response
    return replace(response, body=b"", withheld=len(response.body))


def _clear_frames(error: BaseException | None) -> None:
    # The frames of a refusal hold whole files and answers, for as long as it is kept.
    while error is not None:
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
