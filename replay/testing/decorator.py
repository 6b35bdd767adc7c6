"""`use_cassettes`: a session around a function, a coroutine function or a block of code."""

from __future__ import annotations

import inspect
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args
from weakref import WeakKeyDictionary

from replay.config import DEFAULTS, ENVIRONMENT, Config, is_configured, resolve
from replay.errors import ConfigError, ReplayError, raise_alone, without_chain
from replay.intercept import user_frames
from replay.intercept.unittest import REPORTED, refusal_in
from replay.library import Library
from replay.library.library import storage_of
from replay.library.location import is_faked, path_of
from replay.model.modes import RecordMode
from replay.session.overrides import made, options_of
from replay.session.session import OpenSession, Session, open_session
from replay.testing import frozen_clock, wrap
from replay.testing.frozen_clock import Freeze

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from replay.intercept.user_frames import Place
    from replay.session.scenario.store import ScenarioOptions

if not TYPE_CHECKING:

    def overload(function: Any) -> Any:
        """Replaces typing's, which keeps the function, and so this module's loader, for ever: under
        pytest that is a hook that holds all that was collected."""
        return function

else:
    from typing import overload

F = TypeVar("F", bound=Callable[..., Any])
LiveView = Literal["redacted", "raw"]
OtherCalls = Literal["block", "pass"]
Writes = Literal["block", "scenario"]
Outside = Literal["equal", "bind"]

ORIGINALS: WeakKeyDictionary[ReplayError, list[ReplayError]] = WeakKeyDictionary()
"""What the end of a session raised, and the refusals that it stands for."""


class Cassettes:
    """The value of `use_cassettes`: a decorator and a context manager, sync and async.

    Each decorated call and each ``with`` block opens a session of its own.
    """

    def __init__(
        self,
        library: str | os.PathLike[str] | Traversable | None = None,
        *,
        mode: str | RecordMode | None = None,
        api_base: str | None = None,
        api_version: str | None = None,
        live_view: LiveView = "redacted",
        allow_live: bool = False,
        other_calls: OtherCalls = "block",
        keep_errors: bool = False,
        overrides: Sequence[Mapping[str, Any]] = (),
        scenario: str | None = None,
        writes: Writes | None = None,
        outside: Outside = "equal",
        strict: bool = True,
        freeze: Freeze = False,
        directory: str | None = None,
        project: str = "",
        at: Place | None = None,
    ) -> None:
        _one_of(live_view, get_args(LiveView), "live_view")
        _one_of(other_calls, get_args(OtherCalls), "other_calls")
        _one_of(writes or "block", get_args(Writes), "writes")
        _one_of(outside, get_args(Outside), "outside")
        _text(scenario, "scenario")
        _switch(strict, "strict")
        if (scenario or writes == "scenario") and other_calls == "pass":
            raise ConfigError(
                "other_calls='pass' sends writes on, and a scenario answers them",
                where="other_calls, scenario" if scenario else "other_calls, writes",
                hint="leave one of them out",
            )
        if scenario is not None and not scenario.strip():
            raise ConfigError(
                "a scenario's name is empty", where="scenario", hint="write scenario='refund'"
            )
        self._scenario, self._writes = scenario, writes
        self._outside, self._strict = outside, strict
        self.freeze = frozen_clock.checked(freeze)
        if live_view == "raw" and os.environ.get("CI"):
            raise ConfigError(
                "live_view='raw' shows private data, and is refused where CI is set",
                where="live_view",
                hint="leave it out: the client then sees what replay will serve",
            )
        _load_before_fakes()
        _text(api_base, "api_base")
        _text(api_version, "api_version")
        _switch(allow_live, "allow_live")
        _switch(keep_errors, "keep_errors")
        # A test may change the directory: library, configuration and policy stay the same.
        self._directory = directory or os.getcwd()  # noqa: PTH109 - as `resolve` takes it
        self._project = project
        self._home = settings_folder(project, self._directory)
        self._at = at
        self._named = DEFAULTS["library"] if library is None else path_of(library)
        self._settings: dict[str, Any] = {
            "library": None if library is None else self._place(self._named),
            "mode": mode, "api_base": api_base, "api_version": api_version,
        }  # fmt: skip
        self._options: dict[str, Any] = {
            "allow_live": allow_live,
            "raw_view": live_view == "raw",
            "pass_others": other_calls == "pass",
            "keep_errors": keep_errors,
        }
        several = overrides if isinstance(overrides, list | tuple) else [overrides]
        self._overrides = [options_of(given, "overrides") for given in several]
        for override in self._overrides:
            made(**override)  # what cannot be one is told at decoration
        self._within = ""
        self._library: tuple[str, Library] | None = None
        self._entered: list[tuple[OpenSession, OpenSession | None]] = []
        self._clocks: dict[OpenSession, AbstractContextManager[None]] = {}
        config = self._resolve()
        if config.mode is RecordMode.NONE:
            self._require(_opened(config))
        else:
            storage_of(_opened(config)).require_writable()

    def session(self, test: ScenarioOptions | None = None, *, writes: bool = False) -> OpenSession:
        """A new session, to open with `installation.enter`, with the settings as they are now.

        Args:
            test: the test that it is for, where that has a name of its own.
            writes: whether that is a scenario, whatever the settings say.

        Raises:
            ConfigError: a setting that cannot be used.
        """
        # Resolved again: the environment may have changed since the function was decorated.
        config = self._resolve()
        library = self._library
        if library is None or library[0] != config.library:
            library = self._library = config.library, _opened(config)
        if config.mode is RecordMode.NONE:
            self._require(library[1])
        scenario = test if writes else self._scenario_of(test)
        session = open_session(config, library[1], scenario=scenario, **self._options)
        for override in self._overrides:
            session.override(**override)
        return session

    def lacks_scenario(self, test: str) -> bool:
        """Whether the writes of a test of this name are a scenario that is not recorded yet."""
        if not self._scenario and self._writes != "scenario":
            return False
        from replay.library.scenarios import ScenarioFiles

        config = self._resolve()
        files = ScenarioFiles(storage_of(_opened(config)), self._scenario or test)
        if config.api_version is not None:
            return files.load(config.api_version) is None
        return not files.versions()

    def _scenario_of(self, test: ScenarioOptions | None) -> ScenarioOptions | None:
        """The scenario that answers the writes of a session; None where they have none."""
        if not self._scenario and self._writes != "scenario":
            return None
        from replay.session.scenario.store import ScenarioOptions

        if self._scenario:
            name = "/".join(filter(None, (self._scenario, self._within)))
            test = ScenarioOptions(name, command=test.command if test is not None else "")
        if test is None:
            raise ConfigError(
                "writes='scenario' names a scenario after its test, and only the pytest plugin"
                " knows the test",
                where="writes",
                hint="name it: use_cassettes(…, scenario='refund')",
            )
        return replace(test, outside=self._outside, strict=self._strict)

    def _resolve(self) -> Config:
        config = resolve(**self._settings, directory=self._home, environment=self._environment())
        library = config.library
        if os.path.isabs(library):  # noqa: PTH117 - once per session
            return config
        if os.environ.get(ENVIRONMENT["library"]):
            place = os.path.join(self._directory, library)  # noqa: PTH118 - as below
        else:
            place = self._place(library)
        return replace(config, library=place)

    def _environment(self) -> Mapping[str, str] | None:
        """The environment, in which a relative policy starts from the working directory."""
        policy = os.environ.get(ENVIRONMENT["policy"])
        if not policy or self._home == self._directory:
            return None
        # Joining keeps absolute paths as they are.
        return {**os.environ, ENVIRONMENT["policy"]: os.path.join(self._directory, policy)}  # noqa: PTH118

    def _place(self, library: str) -> str:
        """Where a library is: the first place that has one, else the first place."""
        places = self._places(library)
        if len(places) == 1:
            return places[0]
        return next((place for place in places if Library(place).exists()), places[0])

    def _places(self, library: str) -> list[str]:
        """Where a relative library is looked for; the one place of an absolute one."""
        folders = filter(None, (self._project, self._directory))
        # Joining keeps absolute paths as they are.
        return list(dict.fromkeys(os.path.join(folder, library) for folder in folders))  # noqa: PTH118

    def _require(self, library: Library) -> None:
        try:
            storage_of(library).require()
        except ConfigError as error:
            places = self._places(self._named)
            plain = {os.path.abspath(place) for place in places}  # noqa: PTH100 - as `Library` does
            if len(places) == 1 or str(library.root) not in plain or library.root.exists():
                raise
            raise ConfigError(
                "there is no library at any of these paths",
                where=", ".join(places),
                hint=error.hint,
            ) from None

    def __enter__(self) -> Session:
        from replay.intercept import installation, network_warning

        session = self.session()
        network_warning.found(self._at)
        when = frozen_clock.moment(self.freeze, session) if self.freeze is not False else None
        self._entered.append((session, installation.enter(session)))
        if when is not None:
            clock = self._clocks[session] = frozen_clock.frozen(when)
            clock.__enter__()
        return session

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True  # of pytest: these lines help no user
        if sys.is_finalizing():
            # A generator that was never finished is closed here. Nothing can be imported any more,
            # and the hooks end with the interpreter. `installation` has said what was refused.
            return
        from replay.intercept import installation

        session, before = self._entry()
        if (clock := self._clocks.pop(session, None)) is not None:
            clock.__exit__(None, None, None)
        installation.leave(session, before)
        unwritten: ReplayError | None = None
        try:
            session.close(failed=raised is not None or bool(session.refusals))
        except ReplayError as error:
            unwritten = error
        refused = refusal_in(raised)
        # A pool of threads raises the refusal itself, without `Refused` around it.
        plain = next((error for error in session.refusals if error is raised), None)
        shown = plain if refused is None else refused.error
        if shown is not None:
            shown.__suppress_context__ = True
            raise_alone(shown.with_traceback(_users_lines(trace)))
        unreported = [error for error in session.refusals if error not in REPORTED]
        # Where a runner's `finally` ends the session, that refusal is on its way and not caught.
        carried = refusal_in(sys.exc_info()[1]) if raised is None else None
        if carried is not None and carried.error in unreported:
            raise_alone(carried.error.with_traceback(_users_lines(carried.__traceback__)))
        if unreported and not isinstance(raised, KeyboardInterrupt):
            # A refusal fails the session, even if the code under test caught it.
            user_frames.keep_users_lines(raised)
            caught = swallowed(unreported)
            if raised is not None and _ends_a_worker(raised):
                caught.add_note("".join(traceback.format_exception(raised, chain=False)).rstrip())
                raise_alone(caught)
            raise caught from raised
        if unwritten is not None:
            raise unwritten.with_traceback(None)

    def _entry(self) -> tuple[OpenSession, OpenSession | None]:
        """What this thread or task entered: others may be inside the same object."""
        from replay.intercept.current_session import current

        own = current.get()
        for entered in reversed(self._entered.copy()):
            if entered[0] is own:
                self._entered.remove(entered)  # not by its place: others come and go
                return entered
        return self._entered.pop()

    async def __aenter__(self) -> Session:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, raised, trace)

    def __call__(self, function: F) -> F:
        """Wrap a function, generator, coroutine function, async generator, or a class's tests.

        Each call gets a session; a generator's session lasts from its first step to its end.

        A class is changed in place. These of its functions are wrapped: those called ``test…``,
        static methods and class methods included, also in nested classes called ``Test…``; those
        that unittest and pytest call around tests, such as ``setUp``; and those that are passed to
        ``addCleanup``.

        Raises:
            ConfigError: there is nothing to call, a pytest fixture's wrapper (whose calls pytest
                makes without replay), or a test that cannot be wrapped.
        """
        made: F = wrap.wrapped(self._another, function)
        return made

    def _another(self, test: str) -> Cassettes:
        # One per call, so that calls which overlap in threads or tasks cannot mix their sessions.
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, _entered=[], _clocks={}, _within=test)
        return other


_ROOMS = ("library", "redaction", "session", "intercept")


@cache
def _load_all() -> None:
    """Load all that answers need."""
    for room in _ROOMS:
        package = import_module(f"replay.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    import_module("yaml")


def _load_before_fakes() -> None:
    """Load it now if pyfakefs is in use: what is loaded inside a fake file system keeps it."""
    if "pyfakefs" in sys.modules and not is_faked():
        _load_all()


_load_before_fakes()


def _opened(config: Config) -> Library:
    return Library(config.library, follow_links=config.follow_links)


def _text(value: object, where: str) -> None:
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"{value!r} is not text", where=where, hint=f"write {where}='{value}'")


def _switch(value: object, where: str) -> None:
    if not isinstance(value, bool):
        raise ConfigError(
            f"{value!r} is neither True nor False",
            where=where,
            hint=f"write {where}=True, or leave it out",
        )


def _one_of(value: str, known: tuple[str, ...], where: str) -> None:
    if value not in known:
        raise ConfigError(
            f"{value!r} is not a choice", where=where, hint="use " + " or ".join(map(repr, known))
        )


def _users_lines(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames of clients and of replay.

    Test runners print the arguments and locals of every frame: there the key and the live answer
    would be among them.
    """
    return user_frames.traceback_of(user_frames.lines(trace))


OPTIONS = tuple(
    name
    for name in inspect.signature(Cassettes).parameters
    if name not in {"directory", "project", "at"}
)
"""The options of `use_cassettes` and of the marker."""


def _ends_a_worker(raised: BaseException) -> bool:
    """Whether an exception is one that this process cannot send to the one that started it.

    A runner with processes (``manage.py test --parallel``) sends a failure with all that it is
    chained to. One that does not pickle, such as urllib's `HTTPError`, ends its whole run.
    """
    module = sys.modules.get("multiprocessing")
    if module is None or module.parent_process() is None:
        return False
    import pickle

    try:
        pickle.loads(pickle.dumps(raised))  # noqa: S301 - made here
    except Exception:  # noqa: BLE001 - whatever its parts raise
        return True
    return False


def swallowed(refusals: list[ReplayError]) -> ReplayError:
    """The first refusal of a session whose code caught it, with a note that says so."""
    first = refusals[0]
    copy = without_chain(first)  # a new error, so that causes form no circle
    copy.__cause__ = first.__cause__
    more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
    text = f"The code under test caught this refusal{more}; replay raises it all the same."
    copy.__notes__ = [*getattr(first, "__notes__", ()), text]
    ORIGINALS[copy] = list(refusals)
    return copy


@overload
def use_cassettes(library: F) -> F: ...


@overload
def use_cassettes(
    library: str | os.PathLike[str] | Traversable | None = None,
    *,
    mode: str | RecordMode | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    live_view: LiveView = "redacted",
    allow_live: bool = False,
    other_calls: OtherCalls = "block",
    keep_errors: bool = False,
    overrides: Sequence[Mapping[str, Any]] = (),
    scenario: str | None = None,
    writes: Writes | None = None,
    outside: Outside = "equal",
    strict: bool = True,
    freeze: Freeze = False,
) -> Cassettes: ...


def use_cassettes(library: Any = None, **settings: Any) -> Any:
    """Answer calls to the API from a library of cassettes, or record them into it.

    ``@use_cassettes`` and ``@use_cassettes("path")`` decorate functions, coroutine functions,
    generators and classes of tests; ``with use_cassettes("path") as session:`` (or ``async
    with``) wraps a block.

    Args:
        library: the library's directory, also one inside a zip file or an installed package
            (``importlib.resources.files("package") / "cassettes"``); by default
            ``REPLAY_LIBRARY``, the configuration's ``library``, or ``cassettes``.
        mode: ``none`` (nothing goes online), ``once``, ``new_episodes`` or ``all``; by default
            ``REPLAY_MODE``, the configuration's ``mode``, or ``none``.
        api_base: where live answers come from; by default ``STRIPE_API_BASE``, the
            configuration's ``api_base``, or Stripe. Calls to it share cassettes with calls to
            Stripe.
        api_version: answers every call at this API version, regardless of the client's pin.
        live_view: ``redacted`` shows a recording client the answer that replay will serve; ``raw``
            shows it the live answer, and is refused where ``CI`` is set.
        allow_live: record with a live-mode key, or live-mode data.
        other_calls: ``block`` refuses writes and other calls that replay does not record; ``pass``
            lets them through to the live API, in every mode.
        keep_errors: record answers of 401, 429 and 5xx too; the SDK's own retries then see them
            in order.
        overrides: other answers than the recorded ones, each with the arguments of
            `Session.override`: ``[{"resource": "invoices", "id": "*", "fault": "rate_limit"}]``.
        scenario: records writes, and the reads that belong to them, in order as the scenario of
            this name, and plays them again.
        writes: ``scenario`` names the scenario after the test, where the pytest plugin opens the
            session; ``block`` refuses writes.
        outside: of a scenario: whether IDs that it did not make have to be ``equal`` to those
            recorded, or ``bind`` to others of the same kind.
        strict: of a scenario: whether a write that is not made any more fails the test. If not,
            it is a warning.
        freeze: True freezes the clock at the date of the scenario, else of the newest recording in
            the library; a date, or ``("invoices", "in_…")``, names another one. Needs the extra
            ``time``.

    Raises:
        ConfigError: at decoration: a setting that cannot be used, or no such library in mode
            ``none``.
        ReplayError: at the end of a call or block: the first refusal in it, even if the code under
            test caught it.
    """
    for name in settings:
        if name not in OPTIONS:
            from difflib import get_close_matches

            near = get_close_matches(name, OPTIONS, n=1)
            raise ConfigError(
                f"use_cassettes has no option {name!r}",
                where=name,
                hint=f"did you mean {near[0]}?" if near else "options: " + ", ".join(OPTIONS),
            )
    at = user_frames.caller(sys._getframe(1))
    project = project_of(at.file if at is not None and not at.file.startswith("<") else "")
    if callable(library):
        return Cassettes(**settings, project=project, at=at)(library)
    return Cassettes(library, **settings, project=project, at=at)


def settings_folder(project: str, directory: str) -> str:
    """Where configuration and policy are looked for, from whichever folder the tests are run.

    Args:
        project: the folder of the project that the test belongs to; may be empty.
        directory: the working directory, which counts where that project has neither.

    Raises:
        ConfigError: the project's configuration file cannot be used.
    """
    return project if project and is_configured(project) else directory


@lru_cache(maxsize=1024)
def project_of(file: str) -> str:
    """The folder of the project that a file belongs to; empty where none is found."""
    for folder in Path(file).absolute().parents if file else ():
        if any(os.path.exists(folder / name) for name in user_frames.PROJECT):  # noqa: PTH110 - never raises
            return str(folder)
    return ""
