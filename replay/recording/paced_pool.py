"""Asks a live source for many things, several at a time and at a limited rate, until it is stopped.

`replay record`, `replay upgrade` and `replay verify --live` all ask in this way. The work of each
item calls `Pace.wait` before each of its calls.

Stopping (Ctrl-C, an error, or a result that makes the rest useless) sets `Pace.stop`. Then no item
is begun any more. An item that was begun goes on until its next `Pace.wait`, which raises
`CancelledError`, unless the call fetches the second of two twins.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from threading import Event, Lock
from typing import Generic, TypeVar

WORKERS = 4
"""How many items are worked on at the same time."""

T = TypeVar("T")
R = TypeVar("R")


class Pace:
    """Spreads the calls of all threads: no two turns begin closer than `1 / rate` seconds.

    One caller at a time sleeps until its turn, and the others wait for that one. So a turn that
    begins late, because the machine is busy, also puts off those after it.

    Attributes:
        stop: once it is set, no call is begun and none is retried.
    """

    def __init__(self, rate: float) -> None:
        self.stop = Event()
        self._interval = 1 / rate
        self._next = 0.0
        self._held = 0.0
        self._asleep = Lock()
        self._lock = Lock()

    def wait(self, *, completing: bool = False) -> float:
        """Sleep until this caller may make its call.

        Args:
            completing: whether the call completes twins of which one was fetched already. It then
                gets its turn at the same pace after `stop` too, unless the source has asked
                everybody to wait.

        Returns:
            When the turn began, by `time.monotonic`.

        Raises:
            CancelledError: the run was stopped; do not make the call.
        """
        with self._asleep:
            while True:
                with self._lock:
                    now = time.monotonic()
                    left = max(self._next, self._held) - now
                    if self.stop.is_set() and (not completing or self._held > now):
                        raise CancelledError
                    if left <= 0:
                        self._next = now + self._interval
                        return now
                if self.stop.is_set():
                    time.sleep(left)
                else:
                    self.stop.wait(left)

    def hold(self, seconds: float) -> None:
        """Let no caller have a turn for this long: the source limits all callers together."""
        with self._lock:
            self._held = max(self._held, time.monotonic() + seconds)


@dataclass(frozen=True, slots=True)
class PoolRun(Generic[R]):
    """The result of a run of the pool.

    Attributes:
        results: in the order of the items, without those that were not begun or were cancelled.
        interrupted: whether Ctrl-C ended it.
    """

    results: list[R]
    interrupted: bool


def run_paced(
    items: Sequence[T],
    work: Callable[[T], R],
    pace: Pace,
    *,
    advance: Callable[[], None],
    is_last: Callable[[R], bool] = lambda _: False,
) -> PoolRun[R]:
    """Work on all items, `WORKERS` at a time.

    Args:
        items: the items to work on.
        work: called with each item, in a thread. A `CancelledError` drops the item.
        pace: the pace that `work` waits for; it is stopped when this returns.
        advance: called after each item that is done, to show progress.
        is_last: whether a result makes it useless to begin more, such as a refused API key.

    Raises:
        Exception: the first error that `work` raised, after the items that were begun have ended.
    """
    pool = ThreadPoolExecutor(WORKERS)
    futures: list[Future[R]] = []
    interrupted = False
    try:
        futures += [pool.submit(work, item) for item in items]
        for future in as_completed(futures):
            if not _dropped(future):
                result = future.result()
                advance()
                if is_last(result):
                    break
    except KeyboardInterrupt:
        interrupted = True
    finally:
        pace.stop.set()
        pool.shutdown(cancel_futures=True)  # waits for the items that were begun
    return PoolRun([each.result() for each in futures if not _dropped(each)], interrupted)


def _dropped(future: Future[R]) -> bool:
    return future.cancelled() or isinstance(future.exception(), CancelledError)
