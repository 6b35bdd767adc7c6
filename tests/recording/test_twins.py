"""Recording on purpose: mode none asks nobody; the pool stops when it is told to."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from pathlib import Path

import pytest
from support.standin import DRAFT, NEW, OLD, StandIn

import replay
from replay.library import Library
from replay.model.modes import RecordMode
from replay.recording.paced_pool import WORKERS, Pace, run_paced
from replay.recording.recorder import Recorder
from replay.recording.twins import Status, record
from replay.stripe_api.call import Call, retrieve
from replay.stripe_api.routes import by_name


def call(version: str) -> Call:
    return retrieve(by_name("invoice"), [DRAFT], version=version)


def test_mode_none_asks_the_source_for_nothing(stand_in: StandIn) -> None:
    """What is recorded is kept, what is not is refused, and no file is written."""
    recorder = Recorder(Library("cassettes"), stand_in.url)
    try:
        assert [Status.RECORDED] == [
            result.status for result in record(recorder, [call(OLD)], "sk_test_x",
                                               RecordMode.ONCE, Pace(1000))
        ]  # fmt: skip
        asked, files = sum(stand_in.hits.values()), sorted(Path("cassettes").rglob("*"))
        kept, missing = record(
            recorder, [call(OLD), call(NEW)], "sk_test_x", RecordMode.NONE, Pace(1000)
        )
    finally:
        recorder.close()
    assert (Status.KEPT, OLD) == (kept.status, kept.version)
    assert (Status.REFUSED, "") == (missing.status, missing.version)
    assert "mode none records nothing" in missing.reason
    assert asked == sum(stand_in.hits.values())
    assert files == sorted(Path("cassettes").rglob("*"))


def test_mode_none_names_a_damaged_cassette(stand_in: StandIn) -> None:
    """It is the result of its call, as in the other modes."""
    with replay.use_cassettes("cassettes", mode="once", api_base=stand_in.url):
        pass
    recorder = Recorder(Library("cassettes"), stand_in.url)
    path = recorder.library.path(call(OLD).key, OLD)
    path.parent.mkdir(parents=True)
    path.write_text("damaged")
    (result,) = record(recorder, [call(OLD)], "sk_test_x", RecordMode.NONE, Pace(1000))
    recorder.close()
    assert Status.REFUSED is result.status
    assert isinstance(result.error, replay.CassetteDamaged)


def test_results_come_in_the_order_of_the_items() -> None:
    """Whatever item is done first, and each is counted."""
    second_is_done = threading.Event()
    done: list[int] = []

    def work(item: int) -> int:
        if item == 0:
            second_is_done.wait(10)
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
            assert pace.stop.wait(10)
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
        assert pace.stop.wait(10)

    with pytest.raises(KeyError, match="mine"):
        run_paced(range(100), work, pace, advance=lambda: None)
    assert len(begun) <= WORKERS + 1


def test_ctrl_c_ends_the_run_and_keeps_what_is_done() -> None:
    """The interruption is a result: the caller prints what it has."""
    pace = Pace(1000)

    def work(item: int) -> int:
        if item > 1:
            assert pace.stop.wait(10)
            raise CancelledError
        return item

    def interrupted() -> None:
        raise KeyboardInterrupt

    run = run_paced(range(100), work, pace, advance=interrupted)
    assert run.interrupted
    assert {0, 1} >= set(run.results) != set()
