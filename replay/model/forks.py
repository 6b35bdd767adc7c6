"""Locks that a forked child can take, whichever thread held them.

In a child only the thread that forked goes on. A lock that another one held at that moment stays
taken there, and what another one was doing is never done. For the few locks of the whole process a
fork waits. Those of sessions, of which there may be many, are made new in the child.
"""

from __future__ import annotations

import os
import sys
from typing import Protocol, TypeVar
from weakref import WeakSet


class _Lock(Protocol):
    def acquire(self) -> bool: ...

    def release(self) -> None: ...


class Renewable(Protocol):
    """Something with locks of its own."""

    def after_fork(self) -> None:
        """In a child: make the locks new, and forget what other threads were doing."""


_renewable: WeakSet[Renewable] = WeakSet()

AnyLock = TypeVar("AnyLock", bound=_Lock)


def survives_forks(lock: AnyLock) -> AnyLock:
    """Make a fork wait until no thread holds a lock; the lock itself is returned.

    So the data that it guards is never half changed in a child. A lock that is taken inside another
    must be made before that one: a fork takes the last one made first.
    """
    if sys.platform != "win32":
        os.register_at_fork(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
        )
    return lock


def renew_in_child(owner: Renewable) -> None:
    """Have the locks of an object made new in each forked child, for as long as it is in use."""
    _renewable.add(owner)


def _renew() -> None:
    for owner in list(_renewable):
        owner.after_fork()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_renew)
