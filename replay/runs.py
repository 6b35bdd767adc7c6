"""The run that this process belongs to: the processes that it starts are of the same one."""

from __future__ import annotations

import os

_VARIABLE = "REPLAY_RUN"

_made: set[tuple[int, str]] = set()


def name() -> str:
    """The run's name, made when it is first asked for."""
    found = os.environ.get(_VARIABLE)
    if not found:
        found = os.urandom(12).hex()
        _made.add((os.getpid(), found))
        join(found)
    return found


def join(run: str) -> None:
    """Work for a run from now on, and let the processes do so that are started from here."""
    os.environ[_VARIABLE] = run


def is_own(run: str) -> bool:
    """Whether a run began in this process, so that it ends here too."""
    return (os.getpid(), run) in _made
