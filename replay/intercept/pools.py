"""multiprocessing's pools, of threads and of processes.

Their workers catch an `Exception` only. A `Refused` would end a worker, and the caller would wait
for ever. So at the end of a task it becomes the `ReplayError` itself. A task of a pool of threads
belongs to the session of the code that submits it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from replay.errors import Refused
from replay.intercept.threads import in_session

if TYPE_CHECKING:
    from replay.intercept.patches import Patches


def hook(patches: Patches, module: ModuleType) -> None:
    """Hook `multiprocessing.pool`."""

    def task(pool: Any, function: Any) -> Any:
        # What a pool of processes gets must be pickled, so it is wrapped in the worker.
        return _told(in_session(function)) if isinstance(pool, module.ThreadPool) else function

    def apply(original: Any) -> Any:
        def apply_async(pool: Any, func: Any, *args: Any, **kwargs: Any) -> Any:
            return original(pool, task(pool, func), *args, **kwargs)

        return apply_async

    def generate(original: Any) -> Any:
        def generation(pool: Any, job: Any, func: Any, iterable: Any) -> Any:
            return original(pool, job, task(pool, func), _items(iterable))

        return generation

    patches.replace(module.Pool, "apply_async", apply)
    patches.replace(module.Pool, "_guarded_task_generation", generate)
    patches.replace(module, "worker", _worker)


@contextmanager
def as_error() -> Iterator[None]:
    """In this block a refusal becomes an exception like any other: the error itself."""
    try:
        yield
    except (Refused, BaseExceptionGroup) as raised:
        found: BaseException | None = raised
        if isinstance(raised, BaseExceptionGroup):
            found = raised.subgroup(Refused)
        while isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
        if not isinstance(found, Refused):
            raise
        found.raise_error()


def _told(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose refusal is an exception like any other."""

    def run(*args: Any, **kwargs: Any) -> Any:
        with as_error():
            return function(*args, **kwargs)

    return run


def _items(iterable: Iterable[Any]) -> Iterator[Any]:
    """The items. Each step runs in the session of here, whichever thread of the pool takes it."""
    step = _told(in_session(next))

    def items() -> Iterator[Any]:
        rest = iter(iterable)
        while True:
            try:
                item = step(rest)
            except StopIteration:
                return
            yield item

    return items()


def _worker(original: Any) -> Any:
    # A name that pickles: a process that is spawned looks up its own, a forked one has this.
    @functools.wraps(original)
    def worker(inqueue: Any, *args: Any, **kwargs: Any) -> Any:
        return original(_Tasks(inqueue), *args, **kwargs)

    return worker


class _Tasks:
    """The queue that a worker gets its tasks from."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)

    def get(self) -> Any:
        task = self._queue.get()
        if task is None:
            return None
        job, number, function, args, options = task
        return job, number, _told(function), args, options
