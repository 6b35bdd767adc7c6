"""When this process, or the run that it works for, began: `import replay` loads this first."""

from __future__ import annotations

import time

BEGAN = time.time_ns()
"""Nanoseconds since the epoch. A worker of pytest-xdist is told when its run began."""
