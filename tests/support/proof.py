"""How much is tried at random: little by default, much where REPLAY_PROOF=full asks for it.

REPLAY_EXAMPLES is the number of examples of a property test, whatever REPLAY_PROOF says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer

from hypothesis import HealthCheck, settings

FULL = os.environ.get("REPLAY_PROOF") == "full"

_EXAMPLES = int(os.environ.get("REPLAY_EXAMPLES") or (2000 if FULL else 60))

# Seconds say how busy the machine is, and nothing about the code.
settings.register_profile(
    "proof",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=_EXAMPLES,
)
settings.load_profile("proof")  # also for a property test that has no decorator of these

proved = settings(max_examples=_EXAMPLES)
"""Decorates property tests. `make laws` runs them all with the large number."""

proved_slowly = settings(max_examples=max(20, _EXAMPLES * 3 // 10))
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
