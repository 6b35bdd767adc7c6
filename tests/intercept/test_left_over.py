"""What outlives its session: it is refused, wherever it asks, and blames no other session."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import trio
from support.clients import HEADERS
from support.standin import DRAFT, StandIn

import replay
from replay.intercept import current_session


@pytest.fixture
def recorded(stand_in: StandIn, library: Path) -> Path:
    """A library with one invoice; the source goes on and counts."""
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        ask(stand_in)
    stand_in.hits.clear()
    current_session.orphan_refusals.clear()
    return library


def ask(stand_in: StandIn) -> int:
    """Ask the live source for the invoice."""
    url = f"{stand_in.url}/v1/invoices/{DRAFT}"
    return requests.get(url, headers=HEADERS, timeout=5).status_code


async def ask_async(stand_in: StandIn) -> int:
    """`ask` by httpx."""
    async with httpx.AsyncClient(headers=HEADERS) as client:
        return (await client.get(f"{stand_in.url}/v1/invoices/{DRAFT}")).status_code


def refused(stand_in: StandIn) -> None:
    """Nothing arrived, and one refusal is noted that no session is to blame for."""
    assert 0 == sum(stand_in.hits.values())
    (error,) = current_session.orphan_refusals
    assert isinstance(error, replay.NoSession)
    assert "join the thread" in error.hint


def asks_later(stand_in: StandIn) -> tuple[threading.Event, list[Any], Callable[[], None]]:
    """An event to wait for, what is seen then, and the function that waits and asks."""
    go, seen = threading.Event(), list[Any]()

    def late() -> None:
        go.wait(10)
        try:
            seen.append(ask(stand_in))
        except replay.Refused as error:
            seen.append(error.error)

    return go, seen, late


def test_a_thread(stand_in: StandIn, recorded: Path) -> None:
    """A thread that a decorated function started and did not wait for."""
    go, seen, late = asks_later(stand_in)

    @replay.use_cassettes(recorded, api_base=stand_in.url)
    def test() -> threading.Thread:
        thread = threading.Thread(target=late)
        thread.start()
        return thread

    thread = test()
    with replay.use_cassettes(recorded, api_base=stand_in.url) as other:
        go.set()
        thread.join()
    assert ([], [replay.NoSession]) == (other.refusals, [type(each) for each in seen])
    refused(stand_in)


def test_a_thread_with_no_session_open(stand_in: StandIn, recorded: Path) -> None:
    """The last session is over, and the thread goes on."""
    go, seen, late = asks_later(stand_in)

    with replay.use_cassettes(recorded, api_base=stand_in.url):
        thread = threading.Thread(target=late)
        thread.start()
    go.set()
    thread.join()
    assert [replay.NoSession] == [type(each) for each in seen]
    refused(stand_in)


def test_a_task(stand_in: StandIn, recorded: Path) -> None:
    """A task that a decorated coroutine started and did not await."""

    @replay.use_cassettes(recorded, api_base=stand_in.url)
    async def test(go: asyncio.Event) -> asyncio.Task[int]:
        async def late() -> int:
            await go.wait()
            return await ask_async(stand_in)

        return asyncio.create_task(late())

    async def main() -> None:
        go = asyncio.Event()
        task = await test(go)
        go.set()
        with pytest.raises(replay.Refused):
            await task

    asyncio.run(main())
    refused(stand_in)


def test_a_task_of_a_loop_that_stands_still(stand_in: StandIn, recorded: Path) -> None:
    """Of a loop that goes on later, after sessions without a loop."""
    loop, go = asyncio.new_event_loop(), asyncio.Event()
    started: list[Any] = []

    @replay.use_cassettes(recorded, api_base=stand_in.url)
    async def test() -> None:
        async def late() -> int:
            await go.wait()
            return await ask_async(stand_in)

        started.append(asyncio.ensure_future(late()))

    loop.run_until_complete(test())
    with replay.use_cassettes(recorded, api_base=stand_in.url):
        assert 200 == ask(stand_in)
    go.set()
    with pytest.raises(replay.Refused):
        loop.run_until_complete(started[0])
    loop.close()
    refused(stand_in)


def test_a_task_of_trio(stand_in: StandIn, recorded: Path) -> None:
    """A task of a nursery from before the session."""

    async def late(go: trio.Event) -> None:
        await go.wait()
        await ask_async(stand_in)

    async def main() -> None:
        go = trio.Event()
        async with trio.open_nursery() as nursery:
            async with replay.use_cassettes(recorded, api_base=stand_in.url):
                nursery.start_soon(late, go)
            go.set()

    with pytest.raises(BaseExceptionGroup) as raised:
        trio.run(main)
    assert raised.group_contains(replay.Refused)
    refused(stand_in)


HOOKS = """
import asyncio, http.client, socket, sys, threading
import httpx, urllib3
import replay

owners = [
    (urllib3.connectionpool.HTTPConnectionPool, "_make_request"),
    (urllib3.connectionpool.HTTPSConnectionPool, "_prepare_proxy"),
    (httpx.HTTPTransport, "handle_request"),
    (httpx.AsyncHTTPTransport, "handle_async_request"),
    (http.client.HTTPConnection, "connect"),
    (http.client.HTTPSConnection, "connect"),
    (http.client.HTTPConnection, "putrequest"),
    (socket, "getaddrinfo"),
]
now = lambda: [getattr(owner, name) for owner, name in owners]
session = lambda: replay.use_cassettes(sys.argv[1])
before = now()
with session():
    inside = now()
    with session():
        assert inside == now()
    assert inside == now()
assert all(a is not b for a, b in zip(before, inside, strict=True))
assert before == now()
assert "connect" not in vars(socket.socket)

go = threading.Event()
thread = threading.Thread(target=go.wait)
with session():
    thread.start()
assert before != now(), "a thread is left over"
inside = now()
with session():
    assert inside == now()
go.set()
thread.join()
with session():
    pass
assert before == now()

async def main():
    with session():
        pass
    return now()

assert before != asyncio.run(main()), "a loop is left over"
with session():
    pass
assert before == now()
"""


def test_hooks_are_put_in_once_and_taken_out_whole(recorded: Path) -> None:
    """After the last session every patched attribute is what it was, unless something is left."""
    done = subprocess.run(
        [sys.executable, "-c", HOOKS, str(recorded)], capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)
