"""Threads and executors: what they run belongs to the session of the code that started it.

A new thread starts with an empty context. Without this, replay would have to guess its session,
and a thread that outlives its test would be answered from the next test's cassettes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from types import MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from replay.intercept.current_session import current
from replay.recording.upstream import pass_through, passing

if TYPE_CHECKING:
    from replay.intercept.patches import Patches
    from replay.session.session import OpenSession


def hook_threads(patches: Patches, module: ModuleType) -> None:
    """Hook `threading`."""
    patches.replace(module.Thread, "start", _start)


def hook_executors(patches: Patches, module: ModuleType) -> None:
    """Hook `concurrent.futures.thread`."""
    patches.replace(module.ThreadPoolExecutor, "submit", _submit)


def _start(original: Any) -> Any:
    def start(thread: Any) -> None:
        session = current.get()
        if session is not None:
            # A method of the thread, as `run` always is: others (Sentry) unwrap it and call it
            # with the thread.
            thread.run = MethodType(_run_in(session, thread.run), thread)
        original(thread)

    return start


def _run_in(session: OpenSession, run: Callable[..., Any]) -> Callable[..., Any]:
    def run_in_session(_thread: Any, *args: Any, **kwargs: Any) -> Any:
        current.set(session)
        return run(*args, **kwargs)

    return run_in_session


def _submit(original: Any) -> Any:
    def submit(executor: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        return original(executor, in_session(function), *args, **kwargs)

    return submit


def in_session(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, bound to the session of the code that hands it to another thread."""
    session, through = current.get(), passing()

    def run(*args: Any, **kwargs: Any) -> Any:
        before = current.get()
        current.set(session)
        try:
            with pass_through() if through else nullcontext():
                return function(*args, **kwargs)
        finally:
            current.set(before)

    return run
