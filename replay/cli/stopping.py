"""Ctrl-C while a command asks the live source: the first ends it in order, the second at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from replay.cli.main import INTERRUPTED

_TOLD = "stopped at once; what was recorded before is kept\n"


@contextmanager
def second_ends_at_once() -> Iterator[None]:
    """While the block runs, a second Ctrl-C ends the process without waiting for anything.

    No cassette is left half written: each is replaced as a whole.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield  # not the main thread, or ignored: shells start background jobs so
        return
    told = False

    def handle(number: int, frame: Any) -> None:
        nonlocal told
        if told:
            os.write(2, _TOLD.encode())
            os._exit(INTERRUPTED)
        told = True
        before(number, frame)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
