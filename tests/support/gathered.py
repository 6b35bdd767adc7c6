"""Eight records at once, as the first session of a process: `python gathered.py CLIENT SOURCE DIR`.

Prints, as JSON, the seconds that they took, how often the loop ticked meanwhile, and how busy the
machine was: wall time by CPU time of a loop that waits for nothing, the worse of before and after.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import aiohttp.web
import httpx
import stripe

import replay

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.clients import HEADERS, stripe_client
from support.standin import NEW, StandIn, generated, invoice

IDS = [generated("in", f"slow{n}") for n in range(8)]
WAIT = 0.2
Ask = Callable[[str], Awaitable[str]]


@asynccontextmanager
async def by_httpx(base: str) -> AsyncIterator[Ask]:
    """httpx's own client."""
    async with httpx.AsyncClient(headers=HEADERS) as client:

        async def ask(id: str) -> str:
            return (await client.get(f"{base}/v1/invoices/{id}")).json()["id"]

        yield ask


@asynccontextmanager
async def by_aiohttp(base: str) -> AsyncIterator[Ask]:
    """aiohttp's own client."""
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
    "httpx": by_httpx,
    "aiohttp": by_aiohttp,
    "SDK on httpx": _sdk(stripe.HTTPXClient),
    "SDK on aiohttp": _sdk(stripe.AIOHTTPClient),
}


async def _slowly(request: aiohttp.web.Request) -> aiohttp.web.Response:
    await asyncio.sleep(WAIT)
    version = request.headers.get("Stripe-Version", NEW)
    body = invoice(request.match_info["id"], version)
    return aiohttp.web.json_response(body, headers={"Stripe-Version": version})


@asynccontextmanager
async def in_this_loop(
    answer: Callable[[aiohttp.web.Request], Awaitable[aiohttp.web.Response]] = _slowly,
) -> AsyncIterator[str]:
    """A source that runs in the very loop that asks it."""
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
    """A source in a thread beside the loop."""
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
        assert 8 == session.counts.recorded
    return took, ticks


SOURCES = {"thread": _in_a_thread, "same loop": in_this_loop}


def _crowding() -> float:
    wall, cpu = time.perf_counter(), time.process_time()
    while time.process_time() - cpu < 0.1:
        pass
    return (time.perf_counter() - wall) / (time.process_time() - cpu)


def main(client: str, source: str, library: str) -> None:
    """Measure, and print."""
    before = _crowding()
    took, ticks = asyncio.run(_gathered(ASYNC[client], SOURCES[source], Path(library)))
    print(json.dumps({"took": took, "ticks": ticks, "crowding": max(before, _crowding())}))


if __name__ == "__main__":
    main(*sys.argv[1:])
