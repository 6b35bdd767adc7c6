"""Progress bars for long work: on stderr, and only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from replay.library import Library


@contextmanager
def counting(total: int, what: str) -> Iterator[Callable[[], None]]:
    """Show a bar while the block runs; call what it gives each time that one thing is done.

    Args:
        total: how many things there are to do.
        what: a word before the bar, such as ``recording``.
    """
    if total < 2 or not sys.stderr.isatty():
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
    """Show a bar while cassettes are read; call what it gives with how many were read.

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
