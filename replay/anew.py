"""What mode ``all`` recorded anew in this run, so that it is done once, and nothing of it is lost.

Sessions of this process are told from memory. Processes beside it, such as the workers of
pytest-xdist, are told by a note in the library's state folder, one for each call: a process that
was at work since this one began belongs to the same run.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock

from replay.began import BEGAN
from replay.call import Call
from replay.errors import ReplayError
from replay.library import Library
from replay.library.library import STATE
from replay.library.names import digest

_recorded: set[tuple[str, Call]] = set()
_lock = Lock()
_here = secrets.token_hex(8)


def claim(library: Library, call: Call) -> bool:
    """Let a session record a call anew; False where the run has done it, or is at it here."""
    key = (library.place, call)
    beside = noted_beside(library, call)
    with _lock:
        known = key in _recorded or beside
        _recorded.add(key)
    return not known


def drop(library: Library, call: Call) -> None:
    """Nothing was recorded anew: a later session of the run may."""
    with _lock:
        _recorded.discard((library.place, call))


def has(library: Library, call: Call) -> bool:
    """Whether the run has recorded a call anew, here or in a process beside this one."""
    with _lock:
        here = (library.place, call) in _recorded
    return here or noted_beside(library, call)


def noted_beside(library: Library, call: Call) -> bool:
    """Whether another process has recorded a call anew since this one began."""
    try:
        when, who = (library.data(_note(call)) or b"").decode("ascii").split()
        return int(when) >= BEGAN and who != _who()
    except (ReplayError, ValueError):
        return False


def note(library: Library, call: Call) -> None:
    """Say that a call was recorded anew. The caller holds the object's lock."""
    with _lock:
        _recorded.add((library.place, call))
    path = Path(library.full(_note(call)))
    with suppress(OSError):  # without a note, other processes record it anew as well
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{time.time_ns()} {_who()}", "ascii")


def _who() -> str:
    # A forked process is another one.
    return f"{_here}-{os.getpid()}"


def _note(call: Call) -> str:
    # The account is in the key as a pseudonym; the name shows nothing of the rest.
    named = (call.route.path, call.key.resource, *call.key.parents, call.key.id, call.key.account)
    asked = (call.key.query, call.expand, call.pinned)
    return f"{STATE}/anew/{digest(repr((named, asked)))}"
