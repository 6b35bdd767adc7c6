"""Runs within one process: mode `all` records anew once per run."""

from __future__ import annotations

import time

from replay import began


def another_run() -> None:
    """Let what follows be another run: what this process recorded anew counts no more."""
    began.BEGAN = time.time_ns()
