"""Locks of the whole process that a forked child can take, whichever thread held them."""

from __future__ import annotations

import os
import sys
from typing import Protocol, TypeVar


class _Lock(Protocol):
    def acquire(self) -> bool: ...

    def release(self) -> None: ...


AnyLock = TypeVar("AnyLock", bound=_Lock)


def survives_forks(lock: AnyLock) -> AnyLock:
    """Make a fork wait until no thread holds a lock; the lock itself is returned.

    In a child only the thread that forked goes on. A lock that another one held at that moment
    would stay taken in the child, and the data that it guards half changed. A lock that is taken
    inside another must be made before that one: a fork takes the last one made first.
    """
    if sys.platform != "win32":
        os.register_at_fork(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
        )
    return lock
