"""Recording with workers of pytest-xdist: nothing is lost, nothing is fetched twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.standin import DRAFT, NEW, OLD, StandIn, generated
from support.suites import Suite

import replay

SHARED = [generated("in", f"shared{n}") for n in range(3)]
OWN = [generated("in", f"own{n}") for n in range(16)]
EACH = sorted((id, version, 1) for id in (*SHARED, *OWN) for version in (OLD, NEW))


def kept(suite: Suite) -> list[tuple[str, str, int]]:
    """The ID, API version and number of takes of each cassette."""
    found = replay.Library(suite.folder / "cassettes").cassettes()
    return sorted((c.key.id, c.api_version, len(c.interactions)) for _, c in found)


def write(suite: Suite, stand_in: StandIn, workers: int) -> None:
    """Tests that all ask for the same keys, and each for one of its own, at two versions."""
    (suite.folder / "cassettes").unlink()
    for id in (*SHARED, *OWN):
        stand_in.add_invoice(id)
    suite.write(f"""
        import os, pathlib
        from support.waiting import wait_until

        begun = pathlib.Path("begun")
        begun.mkdir(exist_ok=True)
        mine = []

        @pytest.mark.cassettes
        @pytest.mark.parametrize("own", {OWN!r})
        def test_it(own):
            mine.append(own)
            for id in [*{SHARED!r}, own]:
                for version in ({OLD!r}, {NEW!r}):
                    assert get(id, version).id == id
            if "REPLAY_MODE" in os.environ:  # nobody ends before all workers ask
                (begun / own).touch()
                wait_until(lambda: len(list(begun.iterdir())) >= {workers} * len(mine))
    """)


def test_eight_workers_fetch_each_key_and_version_once(suite: Suite, stand_in: StandIn) -> None:
    """Over an empty library: nothing is lost, and what one worker records the others replay."""
    write(suite, stand_in, 8)
    ran = suite.run("-n", "8", "--replay-mode=once", STRIPE_API_BASE=stand_in.url)
    assert ({"passed": 16}, 0) == (ran.outcomes, ran.code), ran.out
    paths = {f"/v1/invoices/{id}": 2 for id in (*SHARED, *OWN)}
    assert paths == dict(stand_in.hits)
    assert EACH == kept(suite)
    assert "replay: 90 played, 38 recorded, 0 refused" == ran.summary
    stand_in.stop()
    assert "replay: 128 played, 0 recorded, 0 refused" == suite.run("-n", "2").summary


def test_all_fetches_each_key_and_version_once(suite: Suite, stand_in: StandIn) -> None:
    """Mode `all` over recordings, with tests that overlap: each call is fetched once."""
    write(suite, stand_in, 4)
    assert 0 == suite.run("--replay-mode=once", STRIPE_API_BASE=stand_in.url).code
    stand_in.hits.clear()
    for id in (*SHARED, *OWN):
        stand_in.add_invoice(id, status="paid")
    ran = suite.run("-n", "4", STRIPE_API_BASE=stand_in.url, REPLAY_MODE="all")
    assert ({"passed": 16}, 0) == (ran.outcomes, ran.code), ran.out
    assert {f"/v1/invoices/{id}": 2 for id in (*SHARED, *OWN)} == dict(stand_in.hits)
    assert EACH == kept(suite)
    found = replay.Library(suite.folder / "cassettes").cassettes()
    assert all(b'"status": "paid"' in c.interactions[0].response.body for _, c in found)
    assert "replay: 90 played, 38 recorded, 0 refused" == ran.summary


@pytest.mark.parametrize("steps", ["get(), wait()", "wait(), get()"])
def test_all_loses_no_take_of_another_worker(suite: Suite, stand_in: StandIn, steps: str) -> None:
    """Two workers re-record one object, and the one that asks once ends last: both pass offline."""
    (suite.folder / "cassettes").unlink()
    serve, count = stand_in.objects[f"/v1/invoices/{DRAFT}"], 0

    def numbered(version: str, expand: list[str]) -> object:
        nonlocal count
        count += 1
        return {**serve(version, expand), "attempt_count": count}

    stand_in.objects[f"/v1/invoices/{DRAFT}"] = numbered
    suite.write(f"""
        import os, pathlib
        from support.waiting import wait_until

        def both():
            found = pathlib.Path("cassettes/invoices").rglob("*.yaml")
            return "".join(path.read_text() for path in found).count("recorded_at") == 2

        def wait():
            if "REPLAY_MODE" in os.environ:
                wait_until(both)

        @pytest.mark.cassettes
        def test_that_sees_a_change():
            assert get().attempt_count < get().attempt_count

        @pytest.mark.cassettes
        def test_that_asks_once():
            {steps}
    """)
    once = ["-k", "once", "--replay-mode=once"]
    ran = suite.run(*once, STRIPE_API_BASE=stand_in.url)
    assert ({"passed": 1, "deselected": 1}, 0) == (ran.outcomes, ran.code), ran.out
    ran = suite.run("-n", "2", STRIPE_API_BASE=stand_in.url, REPLAY_MODE="all")
    assert ({"passed": 2}, 0) == (ran.outcomes, ran.code), ran.out
    stand_in.stop()
    ran = suite.run()
    assert ({"passed": 2}, 0) == (ran.outcomes, ran.code), ran.out


def test_the_worker_in_a_crashed_ones_place_works_for_the_same_run(
    suite: Suite, shelf: Path, stand_in: StandIn
) -> None:
    """Mode `all` goes on with what the crashed worker had re-recorded."""
    (suite.folder / "cassettes").unlink()  # others read the shelf that it leads to
    shutil.copytree(shelf, suite.folder / "cassettes")
    suite.write("""
        import os, pytest

        @pytest.mark.cassettes
        def test_that_passes():
            assert get().id

        @pytest.mark.cassettes
        def test_that_crashes():
            assert get().id
            os._exit(1)

        @pytest.mark.cassettes
        def test_that_comes_later():
            assert get().id
    """)
    ran = suite.run("-n", "1", "--replay-mode=all", STRIPE_API_BASE=stand_in.url)
    assert {"passed": 2, "failed": 1} == ran.outcomes, ran.out
    assert {f"/v1/invoices/{DRAFT}": 1} == dict(stand_in.hits)
