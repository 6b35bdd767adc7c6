"""The store of a scenario: it answers a test's writes and the reads that belong to them.

At the first call it is decided whether the scenario is recorded or played: by the record mode, and
by whether there is a file for the API version. While it is recorded, every call goes to the live
source. What is played asks the scenario first; a read that has nothing to do with it is left to the
library.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Literal

from replay.errors import (
    CallRefused,
    ConfigError,
    LiveDataRefused,
    ReplayError,
    ScenarioNotPlayed,
    ScenarioNotRecorded,
)
from replay.library import Library, scenarios
from replay.library.library import storage_of
from replay.library.location import display_path
from replay.library.lookup import find
from replay.library.scenarios import ScenarioFiles
from replay.model.cassette import Interaction, Request, Response, header
from replay.model.modes import RecordMode
from replay.model.scenario import Echo, Scenario
from replay.recording import clock
from replay.recording.recorder import Outcome, Recorder
from replay.redaction.policy_source import PolicySource
from replay.session.scenario import lanes
from replay.session.scenario.asked import label_of, read_asked
from replay.session.scenario.matching import Matching
from replay.session.scenario.plan import Plan
from replay.session.scenario.upward import with_true_values
from replay.session.store import Fetch, Served
from replay.stripe_api.call import Call, read_call
from replay.stripe_api.headers import phrase
from replay.stripe_api.live_mode import live_key_in
from replay.stripe_api.versions import UNVERSIONED, canonical_version, is_version

if TYPE_CHECKING:
    from replay.session.scenario.recording import Recorded, Recording

LANE = "Replay-Lane"
"""The header by which a client of the server names its lane."""


@dataclass(frozen=True, slots=True)
class ScenarioOptions:
    """What a user asks of a scenario.

    Attributes:
        name: the test's node ID, or a name of the user's own.
        outside: ``equal`` or ``bind``: whether an ID from outside may be another one than recorded.
        strict: whether a write that was not played fails the test.
        command: the command that records it again.
        why_not: why it cannot be recorded; empty where it can.
        fixture: the name of the fixture that it is of; empty for a test's.
        fresh: whether it is recorded even if there is a file, as a test that needs it has none.
    """

    name: str
    outside: Literal["equal", "bind"] = "equal"
    strict: bool = True
    command: str = ""
    why_not: str = ""
    fixture: str = ""
    fresh: bool = False


class ScenarioStore:
    """Plays or records one scenario.

    Attributes:
        outer: gives the scenarios of the fixtures that the test may use.
        say: notes something for the run's summary.
        variables: the test's own values so far.

    Args:
        library: holds the scenario.
        options: which one.
        mode: any but ``new_episodes``.
        recorder: asks the live source.
        policy: the redaction policy.
        api_version: answers regardless of the client's pin; None leaves it to the first request.
    """

    def __init__(
        self, library: Library, options: ScenarioOptions, mode: RecordMode, recorder: Recorder,
        policy: PolicySource, api_version: str | None,
    ) -> None:  # fmt: skip
        if mode is RecordMode.NEW_EPISODES:
            raise ConfigError(
                "a scenario is not recorded in part: half of it would be of another run",
                where="record mode new_episodes",
                hint="use once to record what is missing, or all to record it again",
            )
        self.options = options
        self.fetches = mode is not RecordMode.NONE
        self.say: Callable[[str], None] = _ignore
        self.variables: dict[str, str] = {}
        self.outer: Callable[[], Iterable[ScenarioStore]] = tuple
        self._library = library
        self._files = ScenarioFiles(storage_of(library), options.name)
        self._mode = RecordMode.ALL if options.fresh and self.fetches else mode
        self._recorder = recorder
        self._policy = policy
        self._api_version = api_version
        self._inner: _Playing | _Recording | None = None
        self._lock = Lock()
        self._lanes = lanes.Lanes()
        self._absent: set[str | None] = set()

    @property
    def recorded_at(self) -> str | None:
        """When the scenario was recorded; None while it is recorded, and where there is none."""
        if isinstance(self._inner, _Recording):
            return None
        found = self._inner.scenario if self._inner is not None else self._expected()
        return found.recorded_at if found is not None else None

    def _expected(self) -> Scenario | None:
        """The scenario that is played if the first call asks for no other version."""
        if self._mode is RecordMode.ALL:
            return None
        if self._api_version is not None:
            return self._files.load(self._api_version)
        return max(self._files.recorded(), key=lambda one: one.recorded_at, default=None)

    def variable(self, name: str, make: Callable[[], str]) -> str:
        """A value of the test's own: the recorded one while playing, else what `make` gives.

        Raises:
            ConfigError: the name is malformed, or what `make` gives is no text to keep.
        """
        if not _NAME.fullmatch(name):
            raise ConfigError(
                "this is not the name of a variable",
                where=f"session.variable({name!r}, …)",
                hint="use a letter first, then letters, digits and _ . -",
            )
        with self._lock:
            if name not in self.variables:
                if self._inner is not None:
                    given = self._inner.variable(name)
                else:
                    expected = self._expected()
                    given = expected.variables.get(name) if expected is not None else None
                self.variables[name] = _text_of(name, make()) if given is None else given
            return self.variables[name]

    def next(self, request: Request) -> Interaction | Fetch | None:
        """As `Store`."""
        lane: object = header(request.headers, LANE) or lanes.running()
        with self._lock:
            if self._inner is None and self._is_librarys(request):
                return None
            inner = self._inner or self._begin(request)
            number = self._lanes.number(lane)
            return inner.next(request, number)

    def _is_librarys(self, request: Request) -> bool:
        """Whether a read is the library's, as the test has no scenario to be played."""
        if self._mode is not RecordMode.NONE or request.method not in {"GET", "HEAD"}:
            return False
        version = self._version_of(request)
        if version not in self._absent and self._chosen(request) is None:
            self._absent.add(version)
        return version in self._absent

    def served(self) -> Iterator[Served]:
        """As `Store`: calls of scenarios are counted, and named by the scenario."""
        return iter(())

    def made(self) -> Mapping[str, tuple[int, str]]:
        """Each ID that this run was given -> the step that made it, and where."""
        with self._lock:
            return self._inner.made() if self._inner is not None else {}

    @property
    def name(self) -> str:
        """The fixture's name, for a fixture's scenario."""
        return self.options.fixture

    def echo_of(self, pointer: str, value: str | int | float, owner: str) -> Echo | None:
        """What a value of another scenario's answer repeats of what this one sent."""
        with self._lock:
            found = self._inner.echo_of(pointer, value, owner) if self._inner else None
        return replace(found, fixture=self.name) if found is not None else None

    def sent_text(self, step: int, parameter: str) -> str | None:
        """What this run sent in a step; None if it has not."""
        with self._lock:
            return self._inner.sent_text(step, parameter) if self._inner else None

    def after_fork(self) -> None:
        """As `Store`."""
        self._lock = Lock()
        if isinstance(self._inner, _Recording):
            self._inner.lock = Lock()

    def close(self, *, failed: bool) -> None:
        """As `Store`.

        Raises:
            ScenarioNotPlayed: the test passed, and has not made a write that it made when recorded.
            ReplayError: the scenario could not be written; the old file stays.
        """
        if self._inner is not None:
            self._inner.close(failed=failed)

    def _begin(self, request: Request) -> _Playing | _Recording:
        found = None if self._mode is RecordMode.ALL else self._chosen(request)
        if found is not None:
            policy = self._policy.load()
            plan = Plan(
                found, policy, str(self._files.path(found.api_version)),
                command=self.options.command,
            )  # fmt: skip
            binds = self.options.outside == "bind"
            matching = Matching(plan, binds=binds, masked=policy.masked)
            self._inner = _Playing(self, found, matching)
        elif self._mode is RecordMode.NONE:
            raise self._not_recorded(request)
        else:
            if self.options.why_not:
                raise ConfigError(
                    f"this scenario cannot be recorded: {self.options.why_not}",
                    where=self.options.name,
                    hint="docs/scenarios.md says which tests have a scenario",
                )
            self._inner = _Recording(self)
        return self._inner

    def _chosen(self, request: Request) -> Scenario | None:
        """The recorded scenario for the version of this session."""
        version = self._version_of(request)
        if version is not None:
            return self._files.load(version)
        recorded = self._files.recorded()
        if len(recorded) > 1:
            raise ConfigError(
                "the scenario is recorded at several API versions, and this test names none",
                where=f"{self.options.name}: {', '.join(one.api_version for one in recorded)}",
                hint="name one: --replay-api-version VERSION, or the client's stripe_version",
            )
        return recorded[0] if recorded else None

    def _version_of(self, request: Request) -> str | None:
        if self._api_version is not None:
            return self._api_version
        pinned = header(request.headers, "Stripe-Version")
        return canonical_version(pinned) if pinned and is_version(pinned) else None

    def _former(self) -> str:
        """A hint for a test that was renamed; empty if no scenario has a similar name."""
        found = scenarios.did_you_mean(storage_of(self._library), self.options.name)
        near = found.strip().removeprefix("did you mean ").rstrip("?")
        if not near or near == self.options.name or _is_there(near):
            return ""
        return (
            f"if the test was renamed: replay scenario rename {shlex.quote(near)}"
            f" {shlex.quote(self.options.name)}\n"
        )

    def _not_recorded(self, request: Request) -> ReplayError:
        version = self._version_of(request)
        others = self._files.versions()
        at = f" at {version}" if version and others else ""
        known = f" (it is at {', '.join(others)})" if others else ""
        return ScenarioNotRecorded(
            f"the scenario of this test is not recorded{at}{known}",
            where=f"{self.options.name}, library {display_path(self._library.root)}",
            hint=f"{self._former()}record it: "
            f"{self.options.command or 'run the test with mode once'}",
        )


def _is_there(test: str) -> bool:
    """Whether a test of this node ID is in its file, as seen from the working directory."""
    file, _, name = test.partition("::")
    function = name.rpartition("::")[2].partition("[")[0]
    try:
        return f"def {function}(" in Path(file).read_text("utf-8", "replace")
    except (OSError, ValueError):
        return "::" not in test  # a name of the user's own says nothing


def _ignore(_: str) -> None: ...


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")


def _text_of(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > 2000 or not value.isprintable():
        raise ConfigError(
            "the value of a variable is a text of at most 2000 printable characters",
            where=f"session.variable({name!r}, …)",
            hint="return a text: lambda: uuid4().hex",
        )
    return value


class _Playing:
    """Answers from a recorded scenario."""

    def __init__(self, store: ScenarioStore, scenario: Scenario, matching: Matching) -> None:
        self.scenario = scenario
        self._store = store
        self._matching = matching
        matching.outer_sent = self._outer_sent
        self._policy = store._policy.load()

    def variable(self, name: str) -> str | None:
        return self.scenario.variables.get(name)

    def made(self) -> Mapping[str, tuple[int, str]]:
        return self._matching.made()

    def echo_of(self, pointer: str, value: str | int | float, owner: str) -> Echo | None:
        return None  # a test below a fixture that is played is played, too

    def sent_text(self, step: int, parameter: str) -> str | None:
        return self._matching.sent_text(step, parameter)

    def _outer_sent(self, echo: Echo) -> str | None:
        found = (one for one in self._store.outer() if one.name == echo.fixture)
        return next((one.sent_text(echo.step, echo.parameter) for one in found), None)

    def next(self, request: Request, lane: int) -> Interaction | None:
        asked = read_asked(request, self._policy, self._store.variables)
        if self.scenario.fixtures:
            self._matching.plan.fixtures = {
                one.options.fixture: {
                    f"{step}{pointer}": text for text, (step, pointer) in one.made().items()
                }
                for one in self._store.outer()
            }
        found = self._matching.answer(asked, lane)
        for warning in self._matching.warnings[:]:
            self._store.say(f"{self.scenario.name}: {warning}")
            self._matching.warnings.remove(warning)
        if found is None:
            return None
        played, step = found
        answer = self.scenario.steps[played.role].answer
        headers = answer.headers
        if step is None and header(headers, "Idempotent-Replayed") is None:
            headers = (*headers, ("Idempotent-Replayed", "true"))
        response = Response(played.status, phrase(played.status), headers, played.body)
        return Interaction(
            request=Request(request.method, ""),
            response=response,
            recorded_at=self.scenario.recorded_at,
            source=self.scenario.source,
            redacted=answer.redacted,
        )

    def close(self, *, failed: bool) -> None:
        if failed:
            return
        left = self._matching.unplayed()
        if not left:
            return
        shown = ", ".join(f"step {n} ({self.scenario.steps[n].call})" for n in left[:3])
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""
        error = ScenarioNotPlayed(
            f"the test passed without {_count(len(left))} that it made when it was recorded:"
            f" {shown}{more}",
            where=self.scenario.name,
            hint=f"if a call was dropped by mistake, restore it; if not, record again: "
            f"{self._matching.plan.command}\nor let it pass with a warning: strict=False",
        )
        if self._store.options.strict:
            raise error
        self._store.say(f"{self.scenario.name}: {error.what}")


def _count(number: int) -> str:
    return "a write" if number == 1 else f"{number} writes"


class _Recording:
    """Records a scenario: each call goes to the live source."""

    def __init__(self, store: ScenarioStore) -> None:
        from replay.session.scenario.recording import Recording

        self.store = store
        self.policy = store._policy.load()
        self.recording: Recording = Recording(self.policy, all_reads=bool(store.options.fixture))
        self.lock = Lock()
        self.sent = 0
        self.began: tuple[str, float] | None = None
        self.ended = 0.0
        self.version = store._api_version or ""
        self.broken = ""

    def variable(self, name: str) -> str | None:
        return None

    def made(self) -> Mapping[str, tuple[int, str]]:
        return self.recording.made()

    def echo_of(self, pointer: str, value: str | int | float, owner: str) -> Echo | None:
        return self.recording.echo_of(pointer, value, owner)

    def sent_text(self, step: int, parameter: str) -> str | None:
        return self.recording.sent_text(step, parameter)

    def next(self, request: Request, lane: int) -> Fetch:
        if place := live_key_in(request):
            raise LiveDataRefused(
                "a scenario is never recorded with a live-mode key: it would write to real data",
                where=place,
                hint="use a test-mode key",
            )
        return _Fetch(self, lane, label_of(request))

    def close(self, *, failed: bool) -> None:
        if failed or not (self.recording.calls or self.broken):
            return
        store = self.store
        if self.broken:
            raise ScenarioNotRecorded(
                f"the scenario was not recorded: {self.broken}",
                where=store.options.name,
                hint="a scenario is recorded whole or not at all; the old file stays",
            )
        steps, reads = self.recording.finish()
        self._note_unknown()
        # Without steps it says that the test writes nothing: its reads are the library's.
        self._write(steps)
        self._keep_reads(reads)

    def _note_unknown(self) -> None:
        names = list(self.recording.unknown)
        if names:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if names[5:] else "")
            self.store.say(
                f"{self.store.options.name}: no table knows the parameters {shown}: their values"
                " are not recorded, and any value matches"
            )

    def _write(self, steps: list[Recorded]) -> None:
        from replay.session.scenario.check import check_of
        from replay.session.scenario.recording import scenario_of

        store = self.store
        assert self.began is not None  # noqa: S101 - there were calls
        scenario = scenario_of(
            steps,
            name=store.options.name,
            api_version=self.version or UNVERSIONED,
            policy=self.policy.label,
            recorded_at=self.began[0],
            lasted=max(0, round(self.ended - self.began[1])),
            source=store._recorder.source,
            first_time=self.recording.first_time,
            variables=store.variables,
            fixtures=self.recording.named,
        )
        originals = [original for one in steps for original in one.originals]
        with store._files.lock():
            store._files.write(scenario, check_of(originals))

    def _keep_reads(self, reads: list[Recorded]) -> None:
        """Record reads that have nothing to do with the test's writes, as in any other test."""
        found: dict[tuple[Call, str], list[Outcome]] = {}
        for one in reads:
            assert one.live is not None  # noqa: S101 - it was set when the answer came
            request, answer = one.live
            try:
                call = self.store._recorder.masked(read_call(request))
            except CallRefused:
                continue
            if self.store._api_version is not None:
                call = replace(call, pinned=self.store._api_version)
            outcome = self.store._recorder.outcome_of(call, answer)
            if outcome.take is not None:
                found.setdefault((call, outcome.version), []).append(outcome)
        library, recorder = self.store._library, self.store._recorder
        for (call, version), outcomes in found.items():
            with storage_of(library).lock(call.key):
                if self.store._mode is RecordMode.ALL or find(library, call) is None:
                    recorder.replace(call, version, outcomes)


class _Fetch(Fetch):
    """One call of a scenario on its way to the live source. Nobody else waits for it."""

    def __init__(self, recording: _Recording, lane: int, label: str) -> None:
        super().__init__(label)
        self._of = recording
        self._lane = lane

    def unrecordable(self, recorder: Recorder) -> str:
        return ""

    def ask(self, recorder: Recorder, request: Request) -> Outcome:
        of = self._of
        if of.began is None:
            of.began = clock.now(), monotonic()
        version = of.store._api_version
        if version is not None:
            kept = [row for row in request.headers if row[0].lower() != "stripe-version"]
            request = replace(request, headers=(*kept, ("Stripe-Version", version)))
        asked = read_asked(request, of.policy, of.store.variables)
        with of.lock:
            of.recording.outer = tuple(of.store.outer())
            of.recording.fixtures = {
                text: (one.options.fixture, step, pointer)
                for one in of.store.outer()
                for text, (step, pointer) in one.made().items()
            }
            sent = with_true_values(request, of.recording)
            of.sent += 1
            seed = f"{asked.operation.template} {asked.method} {of.sent}"
        try:
            answer = recorder.send(sent, asked.host, seed)
        except ReplayError as error:
            of.broken = of.broken or error.what
            raise
        with of.lock:
            of.ended = monotonic()
            of.version = of.version or answer.version
            if answer.unread:
                of.broken = of.broken or answer.unread
                return Outcome(answer.response, answer.version, None, answer.unread, ())
            headers = (*answer.headers, ("Request-Id", recorder.request_id(seed, answer.version)))
            recorded = of.recording.add(
                asked, self._lane, answer.response.status, headers, answer.version, answer.redaction
            )
            recorded.live = (sent, answer.response)
        response = Response(
            answer.response.status, phrase(answer.response.status), headers, recorded.shown
        )
        take = Interaction(Request(request.method, ""), response, of.began[0], recorder.source)
        unknown = answer.redaction.unknown if answer.redaction is not None else ()
        return Outcome(response, answer.version, take, "", (), unknown)

    def lock(self) -> AbstractContextManager[object]:
        return nullcontext()

    def recorded_meanwhile(self) -> None:
        return None

    def tell(self, outcome: Outcome) -> None:
        """All is noted."""

    def release(self) -> None:
        """Nobody waits."""
