"""Tasks, nurseries and executors: who answers them, and that recording never stops a loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import aiohttp.web
import anyio
import anyio.to_thread
import httpx
import pytest
import requests
import stripe
import trio
from support.clients import HEADERS, stripe_client
from support.standin import DRAFT, NEW, StandIn, generated, invoice

import replay

IDS = [generated("in", f"slow{n}") for n in range(8)]
WAIT = 0.2
Ask = Callable[[str], Awaitable[str]]


@asynccontextmanager
async def _httpx(base: str) -> AsyncIterator[Ask]:
    async with httpx.AsyncClient(headers=HEADERS) as client:

        async def ask(id: str) -> str:
            return (await client.get(f"{base}/v1/invoices/{id}")).json()["id"]

        yield ask


@asynccontextmanager
async def _aiohttp(base: str) -> AsyncIterator[Ask]:
    async with aiohttp.ClientSession(headers=HEADERS) as client:

        async def ask(id: str) -> str:
            async with client.get(f"{base}/v1/invoices/{id}") as answer:
                return (await answer.json())["id"]

        yield ask


def _sdk(kind: type) -> Callable[[str], Any]:
    @asynccontextmanager
    async def opened(base: str) -> AsyncIterator[Ask]:
        http_client = kind()
        client = stripe_client(base, http_client)

        async def ask(id: str) -> str:
            return (await client.v1.invoices.retrieve_async(id)).id

        yield ask
        await http_client.close_async()

    return opened


ASYNC = {
    "httpx": _httpx,
    "aiohttp": _aiohttp,
    "SDK on httpx": _sdk(stripe.HTTPXClient),
    "SDK on aiohttp": _sdk(stripe.AIOHTTPClient),
}


@asynccontextmanager
async def _in_this_loop() -> AsyncIterator[str]:
    """A source that runs in the very loop that asks it."""

    async def answer(request: aiohttp.web.Request) -> aiohttp.web.Response:
        await asyncio.sleep(WAIT)
        version = request.headers.get("Stripe-Version", NEW)
        body = invoice(request.match_info["id"], version)
        return aiohttp.web.json_response(body, headers={"Stripe-Version": version})

    app = aiohttp.web.Application()
    app.router.add_get("/v1/invoices/{id}", answer)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _in_a_thread() -> AsyncIterator[str]:
    with StandIn() as server:
        for id in IDS:
            server.add_invoice(id)
            serve = server.objects[f"/v1/invoices/{id}"]

            def slowly(version: str, expand: list[str], serve: Any = serve) -> Any:
                time.sleep(WAIT)
                return serve(version, expand)

            server.objects[f"/v1/invoices/{id}"] = slowly
        yield server.url


async def _gathered(opened: Any, source: Any, library: Path) -> tuple[float, int]:
    """Seconds that eight gathered records take, and how often the loop ticked meanwhile."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    async with source() as base:
        with replay.use_cassettes(library, mode="once", api_base=base) as session:
            async with opened(base) as ask:
                ticking = asyncio.create_task(tick())
                began = time.perf_counter()
                assert IDS == await asyncio.gather(*map(ask, IDS))
                took = time.perf_counter() - began
                ticking.cancel()
        assert 8 == session.tally.recorded
    return took, ticks


@pytest.mark.parametrize("source", [_in_a_thread, _in_this_loop])
@pytest.mark.parametrize("client", ASYNC)
# stripe 16.1's HTTPXClient.close_async leaves its pool's sockets to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_gathered_records_wait_together_and_the_loop_goes_on(
    client: str, source: Any, tmp_path: Path
) -> None:
    """Eight records of 200 ms each take under half a second, wherever their source runs."""
    tried = []
    # The best of several: a busy machine, and what is loaded once, are no part of the claim.
    for attempt in range(8):
        tried.append(asyncio.run(_gathered(ASYNC[client], source, tmp_path / str(attempt))))
        if tried[-1][0] < 0.5 and tried[-1][1] >= 5:
            return
    raise AssertionError(tried)


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
    async with _httpx("https://api.stripe.com") as ask:
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
    assert (4, 0) == (session.tally.played, outer.tally.played)


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
