"""Ctrl-C of a run that asks a live source: the second one ends it at once."""

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
    """Inside, a second Ctrl-C ends the process: it waits for no turn, and for no answer.

    A cassette is replaced as a whole, so what is on disk is what was recorded.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield  # not ours to handle, or ignored: as a shell starts what runs in the background
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
