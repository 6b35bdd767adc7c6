"""The real time, also where a test froze the clock.

freezegun and time-machine change what Python says the time is. When something was recorded is
evidence, and drift and age are judged by it. So the kernel is asked: it stamps a new file.
"""

from __future__ import annotations

import os
import time


def now() -> str:
    """The UTC time in ISO 8601 with seconds, ending in ``Z``."""
    # Of a given time these two say the same on every clock.
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds()))


def seconds() -> float:
    """Seconds since the epoch; Python's own clock where no file can be made."""
    import tempfile

    try:
        with tempfile.TemporaryFile() as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()
