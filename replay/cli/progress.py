"""Long work: progress bars (on stderr, and only on a terminal), and how Ctrl-C stops it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from replay.cli.main import INTERRUPTED
from replay.library import Library

_TOLD = "stopped at once; what was recorded before is kept\n"


@contextmanager
def counting(total: int | None, what: str) -> Iterator[Callable[[], None]]:
    """Show a bar while the block runs; call what it gives each time that one thing is done.

    Args:
        total: how many things there are to do; None where nobody knows.
        what: a word before the bar, such as ``recording``.
    """
    if (total is not None and total < 2) or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


@contextmanager
def watched(
    library: Library, older: Library | None = None, what: str = "comparing recordings"
) -> Iterator[Callable[[int], None] | None]:
    """Show a bar while cassettes are read; call the function it gives with how many were read.

    It gives None where there is no terminal.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    count = sum(len(one.paths()) for one in (library, older) if one is not None)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=count)
        yield lambda n: progress.advance(task, n)


@contextmanager
def second_ends_at_once() -> Iterator[None]:
    """While the block runs, a second Ctrl-C ends the process without waiting for anything.

    The first one raises `KeyboardInterrupt` as always; `replay.recording.paced_pool` then ends the
    run in order.
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
