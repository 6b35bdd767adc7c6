"""The name of the run that this process belongs to. Processes that it starts inherit it.

A run is one run of a test suite, in however many processes: in mode ``all`` each call is
re-recorded once per run.
"""

from __future__ import annotations

import os

_VARIABLE = "REPLAY_RUN"

_own = os.urandom(12).hex()
_process = os.getpid()


def name() -> str:
    """The run's name. Processes that are started after the first call of this inherit it."""
    found = os.environ.get(_VARIABLE)
    if not found:
        join(_own)  # two threads may do so at once, with the same name
        return _own
    return found


def current() -> str:
    """The run's name; empty as long as nobody has called `name`."""
    return os.environ.get(_VARIABLE, "")


def join(run: str) -> None:
    """Belong to a run from now on, as will the processes that are started from here."""
    os.environ[_VARIABLE] = run


def is_own(run: str) -> bool:
    """Whether a run began in this process, so that it ends here too."""
    return run == _own and not forked()


def forked() -> bool:
    """Whether this process was forked after this module was imported: its state is its parent's."""
    return os.getpid() != _process
