"""Which lane a call is in: the task, the work item of a pool, or the thread that sends it.

The threads of a pool take work items as they come, so that the item is the lane and not the thread.
Where an event loop has a look-up made in another thread, the lane of the asking task goes along in
the context.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import thread as pools
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

_asking: ContextVar[object | None] = ContextVar("replay_lane", default=None)
_RUN = pools._WorkItem.run.__code__


@contextmanager
def noted(lane: object | None = None) -> Iterator[None]:
    """Note a lane for the code of a block, in whichever thread it is run; by default the running.

    Args:
        lane: another one: over HTTP all calls that name no lane are in one.
    """
    before = _asking.set(running() if lane is None else lane)
    try:
        yield
    finally:
        _asking.reset(before)


def running() -> object:
    """What stands for the running lane: equal for all calls of one lane, and of no other."""
    noted_lane = _asking.get()
    if noted_lane is not None:
        return noted_lane
    return _task() or _work_item() or _greenlet() or threading.current_thread()


def _task() -> object | None:
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and asyncio._get_running_loop() is not None:
        task: object | None = asyncio.current_task()
        return task
    trio = sys.modules.get("trio")
    if trio is not None:
        with suppress(RuntimeError):  # not in a task; `in_trio_task` is not in all versions
            current: object = trio.lowlevel.current_task()
            return current
    return None


def _work_item() -> object | None:
    if not threading.current_thread().name.startswith("ThreadPoolExecutor") and (
        threading.current_thread() is threading.main_thread()
    ):
        return None
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code is _RUN:
            item: object = frame.f_locals["self"]
            return item
        frame = frame.f_back
    return None


def _greenlet() -> object | None:
    greenlet = sys.modules.get("greenlet")
    current: Any = greenlet.getcurrent() if greenlet is not None else None
    return current if current is not None and current.parent is not None else None


class Lanes:
    """Numbers the lanes of one session in the order in which they are met.

    The caller serialises the calls.
    """

    def __init__(self) -> None:
        self._numbers: WeakKeyDictionary[object, int] = WeakKeyDictionary()
        self._named: dict[str, int] = {}
        self._count = 0

    def number(self, lane: object) -> int:
        """The number of a lane: an object, or the name that a client gave it."""
        known = self._named.get(lane) if isinstance(lane, str) else self._numbers.get(lane)
        if known is None:
            known, self._count = self._count, self._count + 1
            if isinstance(lane, str):
                self._named[lane] = known
            else:
                self._numbers[lane] = known
        return known
