"""Waits for what a test is about, as long as that takes: no test says how fast a machine is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import anyio

HANGS = 60
"""Seconds after which what does not come is given up: long, so that a busy machine has them."""


def wait_until(condition: Callable[[], object]) -> None:
    """Return when the condition is true.

    Raises:
        TimeoutError: it never is.
    """
    for _ in _tries():
        if condition():
            return
        time.sleep(0.005)


async def loop_until(condition: Callable[[], object]) -> None:
    """The same, while the running loop goes on."""
    for _ in _tries():
        if condition():
            return
        await anyio.sleep(0.005)


def _tries() -> Iterator[None]:
    until = time.monotonic() + HANGS
    while time.monotonic() < until:
        yield
    raise TimeoutError
