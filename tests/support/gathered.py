"""Eight records at once, as the first session of a process: `python gathered.py CLIENT SOURCE DIR`.

The source answers none of them before all eight are there and the loop that asks has gone on.
Prints, as JSON, how many were there and how often the loop went on.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
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
TICKS = 10
HANGS = 30
"""Seconds after which what does not come is given up: long, so that a busy machine has them."""
Ask = Callable[[str], Awaitable[str]]


@asynccontextmanager
async def by_httpx(base: str) -> AsyncIterator[Ask]:
    """httpx's own client."""
    async with httpx.AsyncClient(headers=HEADERS, timeout=HANGS) as client:

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


class Gate:
    """Holds every answer until all eight requests are there and the loop has gone on meanwhile.

    Attributes:
        in_flight: requests that have arrived.
        ticks: how often the loop went on after all had arrived.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self.ticks = 0
        self._lock = threading.Lock()
        self._opened = threading.Event()
        self._opened_in_loop = asyncio.Event()

    def arrive(self) -> None:
        """Count a request."""
        with self._lock:
            self.in_flight += 1

    def wait(self) -> None:
        """Hold the thread of an answer."""
        self.arrive()
        self._opened.wait(HANGS)

    async def wait_in_loop(self) -> None:
        """Hold the task of an answer."""
        self.arrive()
        async with asyncio.timeout(HANGS):
            await self._opened_in_loop.wait()

    async def tick(self) -> None:
        """Open when all have arrived and the loop has gone on often enough."""
        while self.ticks < TICKS:
            await asyncio.sleep(0.001)
            self.ticks += self.in_flight == len(IDS)
        self._opened.set()
        self._opened_in_loop.set()


async def _at_once(request: aiohttp.web.Request) -> aiohttp.web.Response:
    version = request.headers.get("Stripe-Version", NEW)
    body = invoice(request.match_info["id"], version)
    return aiohttp.web.json_response(body, headers={"Stripe-Version": version})


@asynccontextmanager
async def in_this_loop(
    answer: Callable[[aiohttp.web.Request], Awaitable[aiohttp.web.Response]],
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
async def _held_in_this_loop(gate: Gate) -> AsyncIterator[str]:
    async def answer(request: aiohttp.web.Request) -> aiohttp.web.Response:
        await gate.wait_in_loop()
        return await _at_once(request)

    async with in_this_loop(answer) as base:
        yield base


@asynccontextmanager
async def _held_in_threads(gate: Gate) -> AsyncIterator[str]:
    """A source in threads beside the loop."""
    with StandIn() as server:
        for id in IDS:
            server.add_invoice(id)
            serve = server.objects[f"/v1/invoices/{id}"]

            def held(version: str, expand: list[str], serve: Any = serve) -> Any:
                gate.wait()
                return serve(version, expand)

            server.objects[f"/v1/invoices/{id}"] = held
        yield server.url


SOURCES = {"thread": _held_in_threads, "same loop": _held_in_this_loop}


async def _gathered(opened: Any, source: Any, library: Path) -> Gate:
    gate = Gate()
    async with source(gate) as base:
        with replay.use_cassettes(library, mode="once", api_base=base) as session:
            async with opened(base) as ask:
                ticking = asyncio.create_task(gate.tick())
                assert IDS == await asyncio.gather(*map(ask, IDS))
                ticking.cancel()
        assert 8 == session.counts.recorded
    return gate


def main(client: str, source: str, library: str) -> None:
    """Record, and print what was counted."""
    gate = asyncio.run(_gathered(ASYNC[client], SOURCES[source], Path(library)))
    print(json.dumps({"in_flight": gate.in_flight, "ticks": gate.ticks}))


if __name__ == "__main__":
    main(*sys.argv[1:])
