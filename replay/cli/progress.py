"""A progress bar over the cassettes of long work: on stderr, and only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from replay.cassette import Cassette
from replay.library import Library


class Watched:
    """A library that tells of each cassette it gives."""

    def __init__(self, library: Library, tell: Callable[[], None]) -> None:
        self._library = library
        self._tell = tell

    def cassettes(self, resource: str | None = None) -> Iterator[tuple[str, Cassette]]:
        """As `Library.cassettes`."""
        for found in self._library.cassettes(resource):
            self._tell()
            yield found


@contextmanager
def watched(library: Library, older: Library | None) -> Iterator[tuple[Any, Any]]:
    """Libraries that show how far a comparison is; the same ones where nobody watches."""
    if not sys.stderr.isatty():
        yield library, older
        return
    from rich.console import Console
    from rich.progress import Progress

    count = sum(len(one.paths()) for one in (library, older) if one is not None)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("comparing recordings", total=count)
        sides = [Watched(one, lambda: progress.advance(task)) if one else None
                 for one in (library, older)]  # fmt: skip
        yield sides[0], sides[1]
