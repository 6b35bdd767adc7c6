"""Locks that a forked child can take, whichever thread held them.

In a child only the thread that forked goes on. A lock that another one held at that moment stays
taken there, and what another one was doing is never done. For the few locks of the whole process a
fork waits. Those of sessions, of which there may be many, are made new in the child.

So it is with imports: Python holds a lock for each module that is being imported, and makes only
its one lock for all of them new in a child. replay imports most of itself when it is first used. If
a thread does that while another one forks, the child forgets what is unfinished of that import, and
imports it itself. (A fork cannot wait for an import: a module that registers what is to be done
after forks would have it done, without what is to be done before.)
"""

from __future__ import annotations

import os
import sys
from threading import get_ident
from typing import Any, Protocol, TypeVar
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


_surviving: list[_Lock] = []
_taken: list[_Lock] = []


def survives_forks(lock: AnyLock) -> AnyLock:
    """Make a fork wait until no thread holds a lock; the lock itself is returned.

    So the data that it guards is never half changed in a child. A lock that is taken inside another
    must be made before that one: a fork takes the last one made first.
    """
    _surviving.append(lock)
    return lock


def _take_all() -> None:
    for lock in reversed(_surviving):
        lock.acquire()
        _taken.append(lock)


def _release_all() -> None:
    while _taken:
        _taken.pop().release()


def renew_in_child(owner: Renewable) -> None:
    """Have the locks of an object made new in each forked child, for as long as it is in use."""
    _renewable.add(owner)


def _renew() -> None:
    for owner in list(_renewable):
        owner.after_fork()


def _forget_unfinished_imports() -> None:
    """In a child: drop the modules and locks of threads that were importing replay."""
    # Not public; each CPython since 3.3 has the locks by name, and the thread that owns each.
    system: Any = sys.modules.get("_frozen_importlib")
    locks: dict[str, Any] = getattr(system, "_module_locks", {})
    owners = {name: getattr(lock(), "owner", None) for name, lock in list(locks.items())}
    gone = {o for name, o in owners.items() if name.partition(".")[0] == "replay"}
    gone -= {None, get_ident()}
    for name, owner in owners.items():
        if owner in gone:
            del locks[name]
            module = sys.modules.get(name)
            if getattr(getattr(module, "__spec__", None), "_initializing", False):
                # The parts of a package go with it: they would not be attributes of the new one.
                for part in [n for n in sys.modules if n == name or n.startswith(f"{name}.")]:
                    del sys.modules[part]
    blocking: Any = getattr(system, "_blocking_on", {})
    for thread in gone:
        if isinstance(blocking, dict):
            blocking.pop(thread, None)
        else:  # since 3.12 it holds, weakly, lists of locks
            del (blocking.get(thread) or [])[:]


def _in_child() -> None:
    _release_all()
    _forget_unfinished_imports()
    _renew()


if sys.platform != "win32":
    os.register_at_fork(before=_take_all, after_in_parent=_release_all, after_in_child=_in_child)
