"""`use_cassettes`: a session around a function, a coroutine function or a block of code."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from replay.config import Config, resolve
from replay.errors import ConfigError, Refused, ReplayError
from replay.library import Library
from replay.library.location import path_of
from replay.model.modes import RecordMode
from replay.session.session import OpenSession, Session, open_session
from replay.testing import wrap

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

if not TYPE_CHECKING:

    def overload(function: Any) -> Any:
        """In place of typing's, which keeps the function for ever: and with it, by the loader of
        this module, all that pytest collected."""
        return function

else:
    from typing import overload

F = TypeVar("F", bound=Callable[..., Any])
LiveView = Literal["redacted", "raw"]
_FOREIGN = tuple(str(Path(home).parent) + os.sep for home in (__file__, os.__file__))
_HERE = {__file__, wrap.__file__}
_INSTALLED = f"{os.sep}site-packages{os.sep}"
OtherCalls = Literal["block", "pass"]


class Cassettes:
    """What `use_cassettes` returns: a decorator and a context manager, sync and async.

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
        directory: str | None = None,
    ) -> None:
        _one_of(live_view, get_args(LiveView), "live_view")
        _one_of(other_calls, get_args(OtherCalls), "other_calls")
        if live_view == "raw" and os.environ.get("CI"):
            raise ConfigError(
                "live_view='raw' shows private data, and is refused where CI is set",
                where="live_view",
                hint="leave it out: the client then sees what replay will serve",
            )
        _text(api_base, "api_base")
        _text(api_version, "api_version")
        _switch(allow_live, "allow_live")
        _switch(keep_errors, "keep_errors")
        # A test may go elsewhere: the library, the configuration and the policy stay.
        self._directory = directory or os.getcwd()  # noqa: PTH109 - as `resolve` takes it
        self._settings: dict[str, Any] = {
            "library": None if library is None else self._placed(path_of(library)),
            "mode": mode, "api_base": api_base, "api_version": api_version,
        }  # fmt: skip
        self._options: dict[str, Any] = {
            "allow_live": allow_live,
            "raw_view": live_view == "raw",
            "pass_others": other_calls == "pass",
            "keep_errors": keep_errors,
        }
        self._library: tuple[str, Library] | None = None
        self._entered: list[tuple[OpenSession, OpenSession | None]] = []
        self._check(self._settled())

    @staticmethod
    def _check(config: Config) -> None:
        library = Library(config.library)
        if config.mode is RecordMode.NONE:
            library.require()
        else:
            library.require_writable()

    def session(self) -> OpenSession:
        """A new session, to open with `installation.enter`, with the settings as they are now.

        Raises:
            ConfigError: a setting that cannot be used.
        """
        # Settled anew: the environment may have changed since the decorator was written.
        config = self._settled()
        library = self._library
        if library is None or library[0] != config.library:
            library = self._library = config.library, Library(config.library)
        if config.mode is RecordMode.NONE:
            library[1].require()
        return open_session(config, library[1], **self._options)

    def _settled(self) -> Config:
        config = resolve(**self._settings, directory=self._directory)
        if os.path.isabs(config.library):  # noqa: PTH117 - once per session
            return config
        return replace(config, library=self._placed(config.library))

    def _placed(self, library: str) -> str:
        return os.path.join(self._directory, library)  # noqa: PTH118 - keeps absolute ones

    def __enter__(self) -> Session:
        from replay.intercept import installation

        session = self.session()
        self._entered.append((session, installation.enter(session)))
        return session

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        from replay.intercept import installation

        session, before = self._mine()
        installation.leave(session, before)
        unwritten: ReplayError | None = None
        try:
            session.close(failed=raised is not None or bool(session.refusals))
        except ReplayError as error:
            unwritten = error
        refused = refusal_in(raised)
        # Out of a pool of threads it comes as itself.
        plain = next((error for error in session.refusals if error is raised), None)
        shown = plain if refused is None else refused.error
        if shown is not None:
            raise shown.with_traceback(_own_lines(trace)) from shown.__cause__
        if session.refusals and not isinstance(raised, KeyboardInterrupt):
            # Whatever the code under test made of it, a refusal fails the session.
            raise swallowed(session.refusals).with_traceback(None) from raised
        if unwritten is not None:
            raise unwritten.with_traceback(None)

    def _mine(self) -> tuple[OpenSession, OpenSession | None]:
        """What this thread or task entered: others may be inside the same object."""
        from replay.intercept.current_session import current

        mine = current.get()
        for entered in reversed(self._entered.copy()):
            if entered[0] is mine:
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

        One session per call; a generator's lasts from its first step to its end. Of a class,
        whatever is called ``test…`` is wrapped in place, also static, of the class and in classes
        ``Test…`` inside of it; so is what unittest and pytest call around tests, such as ``setUp``
        and what ``addCleanup`` was given.

        Raises:
            ConfigError: there is nothing to call, a pytest fixture's wrapper (whose calls pytest
                makes past us), or a test that cannot be wrapped.
        """
        made: F = wrap.wrapped(self._another, function)
        return made

    def _another(self) -> Cassettes:
        # One per call, so that calls which overlap in threads or tasks cannot mix their sessions.
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, _entered=[])
        return other


def _text(value: object, where: str) -> None:
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"{value!r} is no text", where=where, hint=f"write {where}='{value}'")


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
            f"{value!r} is no choice", where=where, hint="use " + " or ".join(map(repr, known))
        )


def _own_lines(trace: TracebackType | None) -> TracebackType | None:
    """The lines that led to a call, without those of clients and of replay.

    Test runners print the arguments and locals of every frame: there the key and the live answer
    would be among them.
    """
    last = None
    here = trace
    while here is not None:
        name = here.tb_frame.f_code.co_filename
        if name not in _HERE and (name.startswith(_FOREIGN) or _INSTALLED in name):
            if last is None:
                return None
            last.tb_next = None
            return trace
        last, here = here, here.tb_next
    return trace


def refusal_in(raised: BaseException | None) -> Refused | None:
    """The refusal that ended a session, also where a task group wrapped it."""
    if isinstance(raised, BaseExceptionGroup):
        _, others = raised.split(Refused)
        return None if others is not None else refusal_in(raised.exceptions[0])
    return raised if isinstance(raised, Refused) else None


OPTIONS = tuple(name for name in inspect.signature(Cassettes).parameters if name != "directory")
"""What `use_cassettes` and the marker take."""


def swallowed(refusals: list[ReplayError]) -> ReplayError:
    """The first refusal of a session that ended as if nothing had happened."""
    first = refusals[0]
    more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
    first.add_note(f"The code under test caught this refusal{more}; replay raises it all the same.")
    return first


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
) -> Cassettes: ...


def use_cassettes(library: Any = None, **settings: Any) -> Any:
    """Answer calls to the API from a library of cassettes, or record them into it.

    ``@use_cassettes`` and ``@use_cassettes("path")`` decorate functions, coroutine functions,
    generators and classes of tests; ``with use_cassettes("path") as session:`` (or ``async
    with``) wraps a block.

    Args:
        library: the library's directory, also one inside of a zip file or an installed package
            (``importlib.resources.files("package") / "cassettes"``); by default
            ``REPLAY_LIBRARY``, the configuration's ``library``, or ``cassettes``.
        mode: ``none`` (nothing goes online), ``once``, ``new_episodes`` or ``all``; by default
            ``REPLAY_MODE``, the configuration's ``mode``, or ``none``.
        api_base: where live answers come from; by default ``STRIPE_API_BASE``, the
            configuration's ``api_base``, or Stripe. Calls to it share cassettes with calls to
            Stripe.
        api_version: answers every call at this API version, whatever the client pins.
        live_view: ``redacted`` shows a recording client what replay will serve; ``raw`` shows it
            the live answer, and is refused where ``CI`` is set.
        allow_live: record with a live-mode key, or live-mode data.
        other_calls: ``block`` refuses writes and whatever else replay does not record; ``pass``
            lets them through to the live API, in every mode.
        keep_errors: record answers of 401, 429 and 5xx too; the SDK's own retries then see them
            in order.

    Raises:
        ConfigError: at decoration: a setting that cannot be used, or no such library in mode
            ``none``.
        ReplayError: at the end of a call or block: what was refused in it, even if the code
            under test caught the refusal.
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
    if callable(library):
        return Cassettes(**settings)(library)
    return Cassettes(library, **settings)
