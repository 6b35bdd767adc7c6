"""Progress bars for long work: on stderr, and only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from replay.library import Library


@contextmanager
def counting(total: int, what: str) -> Iterator[Callable[[], None]]:
    """What to call each time that one of `total` things is done.

    Args:
        total: how many there are.
        what: a word for the bar, such as ``recording``.
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
    """What to call with the number of cassettes that were read; None where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    count = sum(len(one.paths()) for one in (library, older) if one is not None)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=count)
        yield lambda n: progress.advance(task, n)
