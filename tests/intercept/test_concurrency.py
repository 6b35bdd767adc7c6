"""Tasks, nurseries and executors: who answers them, and that recording never stops a loop."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp.web
import anyio
import anyio.to_thread
import pytest
import requests
import trio
from support import forks, gathered
from support.clients import HEADERS
from support.standin import DRAFT, NEW, StandIn, generated, invoice
from support.waiting import loop_until

import replay
from replay.session.event_loops import AT_ONCE, here


@pytest.mark.parametrize("source", gathered.SOURCES)
@pytest.mark.parametrize("client", gathered.ASYNC)
def test_gathered_records_wait_together_and_the_loop_goes_on(
    client: str, source: str, tmp_path: Path
) -> None:
    """Eight records are all on their way at once, and the loop goes on while the source thinks.

    Also in the first session of a process, where what recording needs is yet to be loaded.
    """
    done = forks.run(
        [gathered.__file__, client, source, str(tmp_path / "library")],
        imported=("aiohttp.web", "httpx", "requests", "stripe", "http.server"),
    )
    assert 0 == done.returncode, done.stderr
    assert {"in_flight": 8, "ticks": gathered.TICKS} == json.loads(done.stdout)


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all"])
@pytest.mark.parametrize("client", [gathered.by_httpx, gathered.by_aiohttp])
def test_one_call_is_fetched_once_for_any_number_of_gathered_tasks(
    stand_in: StandIn, library: Path, client: Any, mode: str
) -> None:
    """A hundred tasks wait for one fetch, and only the fetch keeps a thread."""
    stand_in.add_invoice(DRAFT)
    stand_in.hold = threading.Event()

    async def record() -> list[str]:
        async with client(stand_in.url) as ask:
            tasks = [asyncio.create_task(ask(DRAFT)) for _ in range(100)]
            loop = here()
            await loop_until(lambda: stand_in.held and not loop._arriving)
            assert [1, 0] == [one.borrowed_tokens for one in (loop._fetches, loop._look_ups)]
            stand_in.hold.set()
            return await asyncio.gather(*tasks)

    with replay.use_cassettes(library, mode=mode, api_base=stand_in.url) as session:
        assert [DRAFT] * 100 == asyncio.run(record())
    assert (99, 1) == (session.counts.played, session.counts.recorded)
    assert 1 == stand_in.hits.total()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_source_that_answers_at_once_is_asked_once(
    stand_in: StandIn, library: Path, backend: str
) -> None:
    """Tasks that start together share the fetch, even if it ends before the last is looked up."""
    stand_in.add_invoice(DRAFT)
    found: list[str] = []

    async def record() -> None:
        async with gathered.by_httpx(stand_in.url) as ask, anyio.create_task_group() as group:

            async def one() -> None:
                found.append(await ask(DRAFT))

            for _ in range(200):
                group.start_soon(one)

    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        anyio.run(record, backend=backend)
    assert ([DRAFT] * 200, 1) == (found, stand_in.hits.total())


def test_who_waits_asks_again_where_the_task_that_would_fetch_is_cancelled(
    stand_in: StandIn, library: Path
) -> None:
    """That task had no thread yet: all were at calls that the source did not answer."""
    ids = [generated("in", f"held{n}") for n in range(AT_ONCE)]
    for id in (*ids, DRAFT):
        stand_in.add_invoice(id)
    stand_in.hold = threading.Event()

    async def record() -> tuple[list[str], str, bool]:
        async with gathered.by_httpx(stand_in.url) as ask:
            held = [asyncio.create_task(ask(id)) for id in ids]
            await loop_until(lambda: stand_in.held == AT_ONCE)
            first, second = (asyncio.create_task(ask(DRAFT)) for _ in range(2))
            fetches = here()._fetches
            await loop_until(lambda: fetches.statistics().tasks_waiting)
            first.cancel()
            stand_in.hold.set()
            return await asyncio.gather(*held), await second, first.cancelled()

    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        assert (ids, DRAFT, True) == asyncio.run(record())


def test_a_source_in_the_same_loop_has_its_threads(library: Path) -> None:
    """60 gathered records leave a source in their loop the worker threads that it answers with."""
    ids = [generated("in", f"many{n}") for n in range(60)]

    async def answer(request: aiohttp.web.Request) -> aiohttp.web.Response:
        body = await anyio.to_thread.run_sync(invoice, request.match_info["id"], NEW)
        return aiohttp.web.json_response(body, headers={"Stripe-Version": NEW})

    async def record() -> list[str]:
        async with (
            gathered.in_this_loop(answer) as base,
            replay.use_cassettes(library, mode="once", api_base=base),
            gathered.by_httpx(base) as ask,
            asyncio.timeout(60),
        ):
            return await asyncio.gather(*map(ask, ids))

    assert ids == asyncio.run(record())


def test_what_only_replays_loads_nothing_of_it(tmp_path: Path) -> None:
    """A session that records is ready for its first call when it opens; mode none stays cheap."""
    program = """
import sys, replay
def loaded():
    return {"httpx", "filelock", "yaml", "replay.redaction.redactor"} & set(sys.modules)
with replay.use_cassettes(sys.argv[1], mode="none"):
    assert not loaded(), loaded()
with replay.use_cassettes(sys.argv[1], mode="once"):
    assert len(loaded()) == 4, loaded()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr


@pytest.fixture
def recorded(stand_in: StandIn, library: Path) -> Path:
    """The draft invoice, recorded; the source then stopped."""
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        requests.get(f"{stand_in.url}/v1/invoices/{DRAFT}", headers=HEADERS, timeout=5)
    stand_in.stop()
    return library


def get() -> str:
    url = f"https://api.stripe.com/v1/invoices/{DRAFT}"
    return requests.get(url, headers=HEADERS, timeout=5).json()["id"]


async def get_async() -> str:
    async with gathered.by_httpx("https://api.stripe.com") as ask:
        return await ask(DRAFT)


async def _by_asyncio(pool: ThreadPoolExecutor) -> list[str]:
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(get_async()),
            group.create_task(asyncio.to_thread(get)),
        ]
    futures = loop.run_in_executor(None, get), loop.run_in_executor(pool, get)
    return [*(task.result() for task in tasks), *await asyncio.gather(*futures)]


async def _by_anyio() -> list[str]:
    found: list[str] = []

    async def task() -> None:
        found.append(await get_async())
        found.append(await anyio.to_thread.run_sync(get))

    async with anyio.create_task_group() as group:
        group.start_soon(task)
        group.start_soon(task)
    return found


async def _by_trio() -> list[str]:
    found: list[str] = []

    async def task() -> None:
        found.append(await get_async())
        found.append(await trio.to_thread.run_sync(get))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(task)
        nursery.start_soon(task)
    return found


@pytest.mark.parametrize("way", ["asyncio", "anyio on asyncio", "anyio on trio", "trio"])
def test_tasks_and_their_threads_belong_to_the_session_around_them(
    way: str, recorded: Path, tmp_path: Path
) -> None:
    """Task groups, nurseries and executors, also ones whose threads are older than the session."""
    (tmp_path / "empty").mkdir()
    with ThreadPoolExecutor(1) as pool, replay.use_cassettes(tmp_path / "empty") as outer:
        pool.submit(time.sleep, 0).result()
        with replay.use_cassettes(recorded) as session:
            if way == "asyncio":
                found = asyncio.run(_by_asyncio(pool))
            elif way == "trio":
                found = trio.run(_by_trio)
            else:
                found = anyio.run(_by_anyio, backend=way.removeprefix("anyio on "))
    assert [DRAFT] * 4 == found
    assert (4, 0) == (session.counts.played, outer.counts.played)


def test_sessions_in_gathered_tasks_do_not_mix(recorded: Path, tmp_path: Path) -> None:
    """Two tasks with sessions of their own, open at once, are each answered by their own."""
    (tmp_path / "empty").mkdir()

    async def work(library: Path, mine: asyncio.Event, other: asyncio.Event) -> str:
        try:
            async with replay.use_cassettes(library):
                mine.set()
                await other.wait()
                return await get_async()
        except replay.CassetteNotFound as refused:
            return type(refused).__name__

    async def main() -> list[str]:
        one, two = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(work(recorded, one, two), work(tmp_path / "empty", two, one))

    assert [DRAFT, "CassetteNotFound"] == asyncio.run(main())
