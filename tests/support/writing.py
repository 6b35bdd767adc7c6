"""Writing cassettes that a test made itself, past the recorder and its gate."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from replay.library import Library, files
from replay.library.library import storage_of
from replay.model.cassette import Cassette


def unchecked(text: str, written: Cassette, path: str) -> None:
    """A check that lets everything pass: the test's data is invented."""


def shelve(folder: Path, entries: Iterable[tuple[str, Cassette]]) -> Path:
    """A library on disk, of recordings that `support.recordings` made."""
    folder.mkdir(exist_ok=True)
    for _, cassette in entries:
        storage_of(Library(folder)).write(cassette, unchecked)
    return folder


def settle(path: Path) -> None:
    """Wait until a change of a file would show in its stamp."""
    while (stamp := files.stamp(str(path))) is not None and not stamp.settled:
        time.sleep(0.005)
