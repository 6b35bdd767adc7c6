"""Libraries that are recorded once, and copied for each test that changes or replays them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from support.standin import StandIn

Record = Callable[[StandIn, Path], None]
"""Records what a stand-in for the API serves into a library."""


def copied(record: Record, library: Path) -> Path:
    """Make a library as this function records it; it is called for the first test alone."""
    return shutil.copytree(Path(_recorded(record).name, "library"), library)


@cache
def _recorded(record: Record) -> TemporaryDirectory[str]:
    folder = TemporaryDirectory(prefix="shelf")
    with StandIn() as source:
        record(source, Path(folder.name, "library"))
    return folder
