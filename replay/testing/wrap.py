"""Puts sessions around functions, generators, coroutine functions and the tests of a class.

The functions of a class get a session each. What one of them starts (a server in `setUpClass`, a
task in `asyncSetUp`) outlives that session: those of the same class or test go on for it.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import types
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, cast

from replay.errors import ConfigError

if TYPE_CHECKING:
    from replay.session.session import OpenSession, Session

SessionOpener = Callable[[str], AbstractContextManager["Session"]]
"""A function that opens a new session each time it is called, with the name of the test in a class;
the name is empty for a function of its own."""

_Opener = Callable[[tuple[Any, ...]], AbstractContextManager["Session"]]
"""The same for a function that is called with these arguments."""

_AROUND_TESTS = frozenset(
    {"setUp", "tearDown", "asyncSetUp", "asyncTearDown", "setUpClass", "tearDownClass",
     "setup_method", "teardown_method", "setup_class", "teardown_class"}
)  # fmt: skip
"""The methods that unittest and pytest call before and after a class's tests."""

_BEFORE_MODULES = frozenset({"setUpModule", "setup_module"})
"""The functions that unittest and pytest call before a module's tests."""

_CALLED_BY_COUNT = frozenset({"setup_method", "teardown_method", "setup_class", "teardown_class"})
"""The methods that pytest calls with as many arguments as their code has."""

_DEFERRED = (
    types.GeneratorType,
    types.AsyncGeneratorType,
    contextlib._GeneratorContextManager,
    contextlib._AsyncGeneratorContextManager,
)


def wrapped(open_session: SessionOpener, function: Any) -> Any:
    """The function, with a session around each call; or the class, its tests wrapped in place.

    Raises:
        ConfigError: there is nothing to call, a pytest fixture's wrapper (whose calls pytest
            makes without replay), or a test that cannot be wrapped.
    """
    if inspect.isclass(function):
        for name in dir(function):
            _wrap_in(function, name, open_session)
        return function
    if type(function).__name__ == "FixtureFunctionDefinition":
        raise ConfigError(
            "pytest calls a fixture past a decorator that stands above @pytest.fixture",
            where=getattr(function, "__name__", ""),
            hint="put use_cassettes below it, next to the function",
        )
    return _wrapped(_opener_of(open_session, function), function)


def _wrapped(open_session: _Opener, function: Any) -> Any:
    if isinstance(function, staticmethod | classmethod):
        return type(function)(_wrapped(open_session, function.__func__))
    if not callable(function):
        raise ConfigError(
            f"use_cassettes decorates functions and classes, and this is of type "
            f"{type(function).__name__}",
            where="use_cassettes(…)",
            hint='write @use_cassettes("path"), or: with use_cassettes("path"):',
        )
    made: Any = functools.wraps(function)(_wrapper(open_session, function))
    made.replay_wrapped = True
    return made


def _opener_of(open_session: SessionOpener, function: Any, owner: type | None = None) -> _Opener:
    """Opens sessions that know which test, class and module they are a part of."""
    module = getattr(function, "__globals__", None)
    of_module = getattr(function, "__name__", "") in _BEFORE_MODULES

    def opened(args: tuple[Any, ...]) -> AbstractContextManager[Session]:
        parts: tuple[object, ...] = () if of_module else (object(),)
        if owner is not None and args:
            if isinstance(args[0], owner):
                parts = args[0], type(args[0])
            elif inspect.isclass(args[0]) and issubclass(args[0], owner):
                parts = (args[0],)
        return _Part(open_session(_test_name(function, owner, args)), (*parts, module))

    return opened


def _test_name(function: Any, owner: type | None, args: tuple[Any, ...]) -> str:
    """The name of a class's test; of what runs around a test, with the test that it runs for."""
    if owner is None:
        return ""
    own = getattr(function, "__name__", "")
    case = args[0] if args else None
    kind = case if inspect.isclass(case) else type(case)
    test = getattr(case, "_testMethodName", "") if not inspect.isclass(case) else ""
    parts = [kind.__name__ if issubclass(kind, owner) else owner.__name__]
    parts += [test] if test and test != own else []
    return ".".join([*parts, own])


class _Part:
    """A session that is a part of something, as a context manager."""

    def __init__(
        self, manager: AbstractContextManager[Session], parts_of: tuple[object, ...]
    ) -> None:
        self._manager = manager
        self._parts_of = parts_of

    def __enter__(self) -> Session:
        from replay.intercept.current_session import note_parts

        session = self._manager.__enter__()
        note_parts(cast("OpenSession", session), *self._parts_of)
        return session

    def __exit__(self, *raised: Any) -> bool | None:
        __tracebackhide__ = True  # of pytest
        return self._manager.__exit__(*raised)


def _wrap_in(owner: type, name: str, open_session: SessionOpener) -> None:
    found = inspect.getattr_static(owner, name)
    if inspect.isclass(found):
        if name.startswith("Test") and name in vars(owner):
            wrapped(open_session, found)
        return
    if name in _CLEANUPS and _is_unittests(getattr(found, "__func__", found)):
        setattr(owner, name, _CLEANUPS[name](owner, open_session, found))
    if name not in _AROUND_TESTS and not name.startswith("test"):
        return
    if isinstance(found, staticmethod | classmethod):
        function = found.__func__
        if not _is_unittests(function):
            setattr(owner, name, type(found)(_wrapped_in(owner, open_session, name, function)))
    elif inspect.isfunction(found):
        if not _is_unittests(found):
            setattr(owner, name, _wrapped_in(owner, open_session, name, found))
    elif callable(found) or isinstance(found, functools.partialmethod):
        raise ConfigError(
            f"this test is not a function, but of type {type(found).__name__}",
            where=f"{owner.__qualname__}.{name}",
            hint="write it as a function that calls it",
        )


def _wrapped_in(owner: type, open_session: SessionOpener, name: str, function: Any) -> Any:
    made = _wrapped(_opener_of(open_session, function, owner), function)
    count = function.__code__.co_argcount if name in _CALLED_BY_COUNT else None
    if count == 1:
        return functools.wraps(made)(lambda first, /: made(first))
    if count == 2:
        return functools.wraps(made)(lambda first, second, /: made(first, second))
    return made


def _is_unittests(function: Any) -> bool:
    # What a test case inherits does nothing, and costs a session.
    return str(getattr(function, "__module__", "")).partition(".")[0] == "unittest"


def _cleanup(owner: type, open_session: SessionOpener, found: Any) -> Any:
    # Called by unittest for each cleanup that a test has; what it raises is the test's error.
    opened = _opener_of(open_session, found, owner)

    @functools.wraps(found)
    def clean_up(*args: Any, **kwargs: Any) -> Any:
        with opened(args):
            return found(*args, **kwargs)

    return clean_up


def _class_cleanups(owner: type, open_session: SessionOpener, found: Any) -> Any:
    opened = _opener_of(open_session, found.__func__, owner)

    def in_session(cls: Any, function: Any) -> Any:
        def clean_up(*args: Any, **kwargs: Any) -> Any:
            with opened((cls,)):
                return function(*args, **kwargs)

        return clean_up

    @functools.wraps(found.__func__)
    def clean_up_class(cls: Any) -> None:
        # Each by itself: a refusal is an error of the one, and the others are called.
        cls._class_cleanups = [
            (in_session(cls, function), args, kwargs)
            for function, args, kwargs in cls._class_cleanups
        ]
        found.__func__(cls)

    return classmethod(clean_up_class)


_CLEANUPS = {"_callCleanup": _cleanup, "doClassCleanups": _class_cleanups}
"""What unittest calls for `addCleanup` and its like, also `addAsyncCleanup`."""


def _wrapper(open_session: _Opener, function: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function):

        async def call_async(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True  # of pytest
            with open_session(args):
                return await function(*args, **kwargs)

        return call_async
    if inspect.isgeneratorfunction(function):
        return _generator(open_session, function)
    if inspect.isasyncgenfunction(function):
        return _async_generator(open_session, function)

    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True  # of pytest
        with open_session(args):
            result = function(*args, **kwargs)
            if isinstance(result, _DEFERRED):
                raise ConfigError(
                    "this function returns a generator or context manager, which works after the "
                    "session",
                    where=getattr(function, "__qualname__", repr(function)),
                    hint="put use_cassettes directly above the function, below other decorators",
                )
        # A future is done by something that is under way already.
        later = inspect.isawaitable(result) and not hasattr(result, "add_done_callback")
        return _awaited(open_session(args), result) if later else result

    return call


async def _awaited(session: AbstractContextManager[Session], result: Awaitable[Any]) -> Any:
    """What a plain function returned to be awaited: another decorator's, around an async one."""
    with session:
        return await result


def _generator(open_session: _Opener, function: Callable[..., Any]) -> Callable[..., Any]:
    """Its session is the current one during its steps, and the caller's between them."""

    def generate(*args: Any, **kwargs: Any) -> Any:
        from replay.intercept.current_session import current

        outside = current.get()
        with open_session(args):
            session = current.get()
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


def _async_generator(open_session: _Opener, function: Callable[..., Any]) -> Callable[..., Any]:
    async def generate(*args: Any, **kwargs: Any) -> Any:
        from replay.intercept.current_session import current

        outside = current.get()
        with open_session(args):
            session = current.get()
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
