"""The run that this process belongs to: the processes that it starts are of the same one."""

from __future__ import annotations

import os

_VARIABLE = "REPLAY_RUN"

_own = os.urandom(12).hex()
_process = os.getpid()


def name() -> str:
    """The run's name; from the first time on that it is asked for, children inherit it."""
    found = os.environ.get(_VARIABLE)
    if not found:
        join(_own)  # whichever thread comes first: it is the same name
        return _own
    return found


def current() -> str:
    """The run's name; empty where nobody has asked for it."""
    return os.environ.get(_VARIABLE, "")


def join(run: str) -> None:
    """Work for a run from now on, and let the processes do so that are started from here."""
    os.environ[_VARIABLE] = run


def is_own(run: str) -> bool:
    """Whether a run began in this process, so that it ends here too."""
    return run == _own and not forked()


def forked() -> bool:
    """Whether this process is a copy of the one that loaded this: what it holds is that one's."""
    return os.getpid() != _process
