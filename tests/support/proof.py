"""How long proofs take: short by default, long where REPLAY_PROOF=full asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer

from hypothesis import settings

FULL = os.environ.get("REPLAY_PROOF") == "full"

proved = settings(deadline=None, max_examples=3000 if FULL else 100)
"""Decorates property tests. No deadline: the machine's load proves nothing."""

proved_slowly = settings(deadline=None, max_examples=3000 if FULL else 40)
"""The same for tests with a slow part, such as a YAML reader in pure Python."""


def rounds(short: int, full: int) -> int:
    """How often to try something at random."""
    return full if FULL else short


@contextmanager
def no_wait(path: Path) -> Iterator[None]:
    """Fail instead of hanging where the block waits for a writer to a FIFO."""
    waited = []

    def release() -> None:
        with suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            waited.append(path)

    timer = Timer(1, release)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
    assert [] == waited
