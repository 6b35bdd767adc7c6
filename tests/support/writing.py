"""Writing cassettes that a test made itself, past the recorder and its gate."""

from __future__ import annotations

import time
from pathlib import Path

from replay.library import files
from replay.model.cassette import Cassette


def unchecked(text: str, written: Cassette, path: str) -> None:
    """A check that lets everything pass: the test's data is invented."""


def settle(path: Path) -> None:
    """Wait until a change of a file would show in its stamp."""
    while (stamp := files.stamp(str(path))) is not None and not stamp.settled:
        time.sleep(0.005)
