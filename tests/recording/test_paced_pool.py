"""Calls get their turns at a rate; the pool stops when it is told to."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from itertools import pairwise

import pytest
from support.waiting import HANGS, wait_until

from replay.recording.paced_pool import WORKERS, Pace, run_paced

NEVER = 1 / 200
"""Calls per second: the second turn comes later than a test waits for anything."""


def test_turns_of_all_threads_are_spread() -> None:
    """However many ask at once, and however late one of them wakes up."""
    pace = Pace(500)
    with ThreadPoolExecutor(8) as pool:
        turns = sorted(pool.map(lambda _: pace.wait(), range(40)))
    assert all(later >= turn + 1 / 500 for turn, later in pairwise(turns))


def test_who_waits_for_a_turn_is_cancelled_by_the_stop() -> None:
    """At once: the one that sleeps, and those that wait behind it."""
    pace = Pace(NEVER)
    pace.wait()
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(pace.wait) for _ in range(3)]
        wait_until(pace._asleep.locked)
        pace.stop.set()
        assert all(isinstance(one.exception(HANGS), CancelledError) for one in waiting)


def test_no_call_has_a_turn_after_the_stop() -> None:
    """Not even one that would not have to wait."""
    pace = Pace(1000)
    pace.stop.set()
    with pytest.raises(CancelledError):
        pace.wait()


def test_the_second_of_two_twins_has_its_turn_after_the_stop() -> None:
    """At the same pace, as one of them alone would prove nothing."""
    pace = Pace(20)
    first = pace.wait()
    pace.stop.set()
    assert pace.wait(completing=True) >= first + 1 / 20


def test_a_source_that_asks_to_wait_ends_twins_too() -> None:
    """After the stop nobody waits for a Retry-After."""
    pace = Pace(1000)
    pace.hold(HANGS)
    pace.stop.set()
    with pytest.raises(CancelledError):
        pace.wait(completing=True)


def test_results_come_in_the_order_of_the_items() -> None:
    """Whatever item is done first, and each is counted."""
    second_is_done = threading.Event()
    done: list[int] = []

    def work(item: int) -> int:
        if item == 0:
            second_is_done.wait(HANGS)
        if item == 1:
            second_is_done.set()
        return item * 10

    run = run_paced(range(20), work, Pace(1000), advance=lambda: done.append(1))
    assert [item * 10 for item in range(20)] == run.results
    assert (20, False) == (len(done), run.interrupted)


def test_a_last_result_ends_the_run() -> None:
    """Nothing is begun any more, and who waits for a turn is dropped."""
    pace = Pace(1000)

    def work(item: int) -> int:
        if item:
            assert pace.stop.wait(HANGS)
            pace.wait()
        return item

    run = run_paced(range(100), work, pace, advance=lambda: None, is_last=lambda made: made == 0)
    assert [0] == run.results
    assert not run.interrupted


def test_an_error_ends_the_run() -> None:
    """It is raised when the items that were begun have ended; no other is begun."""
    pace, begun = Pace(1000), []

    def work(item: int) -> None:
        begun.append(item)
        if item == 0:
            raise KeyError("mine")
        assert pace.stop.wait(HANGS)

    with pytest.raises(KeyError, match="mine"):
        run_paced(range(100), work, pace, advance=lambda: None)
    assert len(begun) <= WORKERS + 1


def test_ctrl_c_ends_the_run_and_keeps_what_is_done() -> None:
    """The interruption is a result: the caller prints what it has."""
    pace = Pace(1000)

    def work(item: int) -> int:
        if item > 1:
            assert pace.stop.wait(HANGS)
            raise CancelledError
        return item

    def interrupted() -> None:
        raise KeyboardInterrupt

    run = run_paced(range(100), work, pace, advance=interrupted)
    assert run.interrupted
    assert {0, 1} >= set(run.results) != set()
