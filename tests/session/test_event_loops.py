"""Calls of an event loop: a fetch ends after those that came before its answer, in its loop."""

from __future__ import annotations

import threading

import anyio
import anyio.lowlevel
import pytest
from support.waiting import HANGS, loop_until

from replay.session.event_loops import EventLoop, here


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_fetch_ends_when_all_calls_that_came_before_are_looked_up(backend: str) -> None:
    """Else a slow look-up would find no fetch to wait for, and start another. Later ones do not."""
    gates = threading.Event(), threading.Event()
    order: list[str] = []

    async def look_up(n: int) -> None:
        await here().look_up(lambda: gates[n].wait(HANGS))
        order.append(f"looked up {n}")

    async def run() -> None:
        loop = here()
        async with anyio.create_task_group() as group:
            group.start_soon(look_up, 0)
            await loop_until(lambda: len(loop._arriving) == 1)
            loop.run_after_arrivals(lambda: order.append("ended"))
            group.start_soon(look_up, 1)
            await loop_until(lambda: len(loop._arriving) == 2)
            assert [] == order
            gates[0].set()
            await loop_until(lambda: len(order) == 2)
            gates[1].set()

    anyio.run(run, backend=backend)
    assert ["ended", "looked up 0", "looked up 1"] == order


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_what_a_thread_ends_runs_in_its_loop(backend: str) -> None:
    """And where the loop is gone by then, in the thread itself."""
    ran_in: list[int] = []

    async def run() -> EventLoop:
        loop = here()
        assert loop is here()
        await loop.fetch(lambda: loop.run(lambda: ran_in.append(threading.get_ident())))
        await loop_until(lambda: ran_in)
        return loop

    loop = anyio.run(run, backend=backend)
    assert [threading.get_ident()] == ran_in
    after = threading.Thread(target=loop.run, args=(lambda: ran_in.append(threading.get_ident()),))
    after.start()
    ident = after.ident
    after.join()
    assert [threading.get_ident(), ident] == ran_in
