"""Runs within one process: mode `all` re-records once per run."""

from __future__ import annotations

import os
from pathlib import Path

from replay.session import run_folder, run_id


def another_run(*libraries: Path) -> None:
    """End the run, as the end of this process would, and let what follows be another one."""
    run_folder.end([str(library) for library in libraries])
    run_id._own = os.urandom(12).hex()
    os.environ["REPLAY_RUN"] = ""
