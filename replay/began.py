"""When this process began, as near as can be told: `import replay` loads this first."""

from __future__ import annotations

import time

BEGAN = time.time_ns()
"""Nanoseconds since the epoch."""
