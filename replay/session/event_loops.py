"""How the calls of an event loop wait: none blocks the loop, and only a fetch keeps a thread.

1. A call is looked up in a worker thread, because that may read files and wait for locks.
2. The call that claims a fetch makes it in a thread. All others that ask for the same call wait in
   the loop, without a thread.
3. A fetch ends in its loop, when all calls that came before its answer have been looked up. So
   calls that start together share one fetch, however many they are.

Works with asyncio and trio. The module needs anyio, and is loaded where a session may fetch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from anyio import CapacityLimiter, Event, to_thread
from anyio.lowlevel import RunVar

T = TypeVar("T")

AT_ONCE = 40
"""How many fetches of one event loop run at the same time, and how many look-ups beside them."""


class EventLoop:
    """The running event loop, as `here` gives it. Its methods are called in the loop alone.

    The limits are separate from the loop's own. If the live source runs in the same loop and needs
    worker threads to answer, fetches that wait for it cannot take them all.
    """

    def __init__(self) -> None:
        self._fetches = CapacityLimiter(AT_ONCE)
        self._look_ups = CapacityLimiter(AT_ONCE)
        self._arriving: set[object] = set()
        self._waiting: list[tuple[set[object], Callable[[], None]]] = []
        self._soon = _run_soon()

    async def look_up(self, function: Callable[[], T]) -> T:
        """Call a function that says who answers a call."""
        with self._arrival():
            return await to_thread.run_sync(function, limiter=self._look_ups)

    async def fetch(self, function: Callable[[], T]) -> T:
        """Call a function that asks the live source."""
        return await to_thread.run_sync(function, limiter=self._fetches)

    async def result_of(self, future: Future[T]) -> T:
        """The result of a future that another thread or loop may set.

        Raises:
            Exception: the future's own.
        """
        done = Event()
        future.add_done_callback(lambda _: self.run(done.set))
        await done.wait()
        return future.result()

    def run(self, function: Callable[[], Any]) -> None:
        """Call a function in the loop soon. Called from any thread; at once if the loop is gone."""
        try:
            self._soon(function)
        except RuntimeError:
            function()

    def run_after_arrivals(self, function: Callable[[], None]) -> None:
        """Call a function when all calls that have come by now are looked up."""
        if self._arriving:
            self._waiting.append((set(self._arriving), function))
        else:
            function()

    @contextmanager
    def _arrival(self) -> Iterator[None]:
        arrival = object()
        self._arriving.add(arrival)
        try:
            yield
        finally:
            self._arriving.remove(arrival)
            for before, _ in self._waiting:
                before.discard(arrival)
            ready = [function for before, function in self._waiting if not before]
            self._waiting = [waiting for waiting in self._waiting if waiting[0]]
            for function in ready:
                function()


_loops: RunVar[EventLoop] = RunVar("replay_event_loop")


def here() -> EventLoop:
    """The running event loop."""
    loop = _loops.get(None)
    if loop is None:
        loop = EventLoop()
        _loops.set(loop)
    return loop


def _run_soon() -> Callable[[Callable[[], Any]], Any]:
    trio = sys.modules.get("trio")
    if trio is not None:
        with suppress(RuntimeError):  # trio does not run here; `in_trio_run` is not in all versions
            soon: Callable[[Callable[[], Any]], Any]
            soon = trio.lowlevel.current_trio_token().run_sync_soon
            return soon
    import asyncio

    return asyncio.get_running_loop().call_soon_threadsafe
