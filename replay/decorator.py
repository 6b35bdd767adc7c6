"""`use_cassettes`: a session around a function, a coroutine function or a block of code."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, overload

from replay.config import Config, resolve
from replay.errors import ConfigError, Refused, ReplayError
from replay.library import Library
from replay.modes import RecordMode
from replay.session import Session

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

F = TypeVar("F", bound=Callable[..., Any])
LiveView = Literal["redacted", "raw"]
_FOREIGN = tuple(str(Path(home).parent) + os.sep for home in (__file__, os.__file__))
_INSTALLED = f"{os.sep}site-packages{os.sep}"
OtherCalls = Literal["block", "pass"]

_AROUND = frozenset(
    {"setUp", "tearDown", "asyncSetUp", "asyncTearDown", "setUpClass", "tearDownClass",
     "setup_method", "teardown_method", "setup_class", "teardown_class"}
)  # fmt: skip
"""What unittest and pytest call before and after a class's tests."""


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
    ) -> None:
        _one_of(live_view, get_args(LiveView), "live_view")
        _one_of(other_calls, get_args(OtherCalls), "other_calls")
        if live_view == "raw" and os.environ.get("CI"):
            raise ConfigError(
                "live_view='raw' shows private data, and is refused where CI is set",
                where="live_view",
                hint="leave it out: the client then sees what replay will serve",
            )
        self._settings: dict[str, Any] = {
            "library": library, "mode": mode, "api_base": api_base, "api_version": api_version,
        }  # fmt: skip
        self._options = {
            "allow_live": allow_live,
            "raw_view": live_view == "raw",
            "pass_others": other_calls == "pass",
            "keep_errors": keep_errors,
        }
        self._entered: list[tuple[Session, Session | None]] = []
        self._check(resolve(**self._settings))

    @staticmethod
    def _check(config: Config) -> None:
        library = Library(config.library)
        if config.mode is RecordMode.NONE:
            library.require()
        else:
            library.require_writable()

    def session(self) -> Session:
        """A new session, to open with `installation.enter`, with the settings as they are now.

        Raises:
            ConfigError: a setting that cannot be used.
        """
        # Settled anew: the environment may have changed since the decorator was written.
        session = Session(resolve(**self._settings), **self._options)
        if session.config.mode is RecordMode.NONE:
            session.library.require()
        return session

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
            session.close(failed=raised is not None)
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

    def _mine(self) -> tuple[Session, Session | None]:
        """What this thread or task entered: others may be inside the same object."""
        from replay.intercept.answering import current

        for place, (session, _) in reversed(list(enumerate(self._entered))):
            if session is current.get():
                return self._entered.pop(place)
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
        ``Test…`` inside of it; so is what unittest and pytest call around tests, such as ``setUp``.

        Raises:
            ConfigError: there is nothing to call, a pytest fixture's wrapper (whose calls pytest
                makes past us), or a test that cannot be wrapped.
        """
        if inspect.isclass(function):
            for name in dir(function):
                self._wrap_in(function, name)
            return function
        if type(function).__name__ == "FixtureFunctionDefinition":
            raise ConfigError(
                "pytest calls a fixture past a decorator that stands above @pytest.fixture",
                where=getattr(function, "__name__", ""),
                hint="put use_cassettes below it, next to the function",
            )
        if not callable(function):
            raise ConfigError(
                f"use_cassettes decorates functions and classes, and this is of type "
                f"{type(function).__name__}",
                where="use_cassettes(…)",
                hint='write @use_cassettes("path"), or: with use_cassettes("path"):',
            )
        return functools.wraps(function)(self._wrapper(function))  # type: ignore[return-value]  # as F

    def _wrap_in(self, owner: type, name: str) -> None:
        found = inspect.getattr_static(owner, name)
        if inspect.isclass(found):
            if name.startswith("Test") and name in vars(owner):
                self(found)
            return
        if name not in _AROUND and not name.startswith("test"):
            return
        if isinstance(found, staticmethod | classmethod):
            function = found.__func__
            if not _is_of_unittest(function):
                setattr(owner, name, type(found)(self(function)))
        elif inspect.isfunction(found):
            if not _is_of_unittest(found):
                setattr(owner, name, self(found))
        elif callable(found) or isinstance(found, functools.partialmethod):
            raise ConfigError(
                f"this test is no function, but of type {type(found).__name__}",
                where=f"{owner.__qualname__}.{name}",
                hint="write it as a function that calls it",
            )

    def _wrapper(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(function):

            async def call_async(*args: Any, **kwargs: Any) -> Any:
                with self._another():
                    return await function(*args, **kwargs)

            return call_async
        if inspect.isgeneratorfunction(function):
            return self._generator(function)
        if inspect.isasyncgenfunction(function):
            return self._async_generator(function)

        def call(*args: Any, **kwargs: Any) -> Any:
            with self._another():
                return function(*args, **kwargs)

        return call

    def _generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Its session is the current one during its steps, and the caller's between them."""

        def generate(*args: Any, **kwargs: Any) -> Any:
            from replay.intercept.answering import current

            outside = current.get()
            with self._another() as session:
                steps = function(*args, **kwargs)
                step = functools.partial(next, steps)
                while True:
                    try:
                        item = step()
                    except StopIteration as ended:
                        return ended.value
                    current.set(outside)
                    try:
                        step = functools.partial(steps.send, (yield item))
                    except GeneratorExit:
                        current.set(session)
                        steps.close()
                        raise
                    except BaseException as thrown:  # noqa: BLE001 - the generator's to handle
                        step = functools.partial(steps.throw, thrown)
                    outside = current.get()
                    current.set(session)

        return generate

    def _async_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def generate(*args: Any, **kwargs: Any) -> Any:
            from replay.intercept.answering import current

            outside = current.get()
            with self._another() as session:
                steps = function(*args, **kwargs)
                step = functools.partial(anext, steps)
                while True:
                    try:
                        item = await step()
                    except StopAsyncIteration:
                        return
                    current.set(outside)
                    try:
                        step = functools.partial(steps.asend, (yield item))
                    except GeneratorExit:
                        current.set(session)
                        await steps.aclose()
                        raise
                    except BaseException as thrown:  # noqa: BLE001 - the generator's to handle
                        step = functools.partial(steps.athrow, thrown)
                    outside = current.get()
                    current.set(session)

        return generate

    def _another(self) -> Cassettes:
        # One per call, so that calls which overlap in threads or tasks cannot mix their sessions.
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, _entered=[])
        return other


def _one_of(value: str, known: tuple[str, ...], where: str) -> None:
    if value not in known:
        raise ConfigError(
            f"{value!r} is no choice", where=where, hint="use " + " or ".join(map(repr, known))
        )


def _is_of_unittest(function: Any) -> bool:
    # What a test case inherits does nothing, and costs a session.
    return str(getattr(function, "__module__", "")).partition(".")[0] == "unittest"


def _own_lines(trace: TracebackType | None) -> TracebackType | None:
    """The lines that led to a call, without those of clients and of replay.

    Test runners print the arguments and locals of every frame: there the key and the live answer
    would be among them.
    """
    last = None
    here = trace
    while here is not None:
        name = here.tb_frame.f_code.co_filename
        if name != __file__ and (name.startswith(_FOREIGN) or _INSTALLED in name):
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


_OPTIONS = tuple(inspect.signature(Cassettes).parameters)


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
        if name not in _OPTIONS:
            from difflib import get_close_matches

            near = get_close_matches(name, _OPTIONS, n=1)
            raise ConfigError(
                f"use_cassettes has no option {name!r}",
                where=name,
                hint=f"did you mean {near[0]}?" if near else "options: " + ", ".join(_OPTIONS),
            )
    if callable(library):
        return Cassettes(**settings)(library)
    return Cassettes(library, **settings)
