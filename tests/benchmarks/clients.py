"""The clients that are measured: each opened once, then asked for the invoice again and again.

Runs inside a tool's own process. What a tool does not hook would go to the API itself, so it is not
asked: `UNHOOKED` says which.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import aiohttp
import httpx
import requests
import stripe
import urllib3
from subjects import API, INVOICE, VERSION

URL = f"{API}/v1/invoices/{INVOICE}"
HEADERS = {"Stripe-Version": VERSION}
Times = Callable[[int], None]
"""Asks that many times."""

UNHOOKED = {
    "cassetter": frozenset({"httpx2", "http.client", "urllib.request"}),
    "vcrpy": frozenset({"httpx2"}),
}
"""Tool to the clients that it does not know."""


def _checked(found: Any) -> None:
    assert found["id"] == INVOICE


def _times(ask: Callable[[], Any]) -> Times:
    def times(repeat: int) -> None:
        for _ in range(repeat):
            _checked(ask())

    return times


def _awaited(runner: asyncio.Runner, ask: Callable[[], Awaitable[Any]]) -> Times:
    async def several(repeat: int) -> None:
        for _ in range(repeat):
            _checked(await ask())

    return lambda repeat: runner.run(several(repeat))


@contextmanager
def _requests() -> Iterator[Times]:
    with requests.Session() as client:
        yield _times(lambda: client.get(URL, headers=HEADERS, timeout=5).json())


@contextmanager
def _urllib3() -> Iterator[Times]:
    with urllib3.PoolManager() as client:
        yield _times(lambda: client.request("GET", URL, headers=HEADERS).json())


@contextmanager
def _httpx() -> Iterator[Times]:
    with httpx.Client(headers=HEADERS) as client:
        yield _times(lambda: client.get(URL).json())


@contextmanager
def _httpx2() -> Iterator[Times]:
    import httpx2

    with httpx2.Client(headers=HEADERS) as client:
        yield _times(lambda: client.get(URL).json())


@contextmanager
def _http_client() -> Iterator[Times]:
    context = ssl.create_default_context()  # reads all authorities: once, as a program does

    def ask() -> Any:
        connection = http.client.HTTPSConnection("api.stripe.com", context=context)
        connection.request("GET", f"/v1/invoices/{INVOICE}", headers=HEADERS)
        found = json.loads(connection.getresponse().read())
        connection.close()
        return found

    yield _times(ask)


@contextmanager
def _urllib() -> Iterator[Times]:
    context = ssl.create_default_context()

    def ask() -> Any:
        request = urllib.request.Request(URL, headers=HEADERS)
        with urllib.request.urlopen(request, context=context) as answer:
            return json.loads(answer.read())

    yield _times(ask)


@contextmanager
def _httpx_async() -> Iterator[Times]:
    with asyncio.Runner() as runner:
        client = httpx.AsyncClient(headers=HEADERS)

        async def ask() -> Any:
            return (await client.get(URL)).json()

        yield _awaited(runner, ask)
        runner.run(client.aclose())


@contextmanager
def _aiohttp() -> Iterator[Times]:
    async def opened() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(headers=HEADERS)

    with asyncio.Runner() as runner:
        client = runner.run(opened())

        async def ask() -> Any:
            async with client.get(URL) as answer:
                return await answer.json()

        yield _awaited(runner, ask)
        runner.run(client.close())


@contextmanager
def _stripe() -> Iterator[Times]:
    client = stripe.StripeClient("sk_test_bench", stripe_version=VERSION)
    yield _times(lambda: client.v1.invoices.retrieve(INVOICE))


@contextmanager
def _stripe_async() -> Iterator[Times]:
    with asyncio.Runner() as runner:
        http_client = stripe.HTTPXClient()
        client = stripe.StripeClient(
            "sk_test_bench", stripe_version=VERSION, http_client=http_client
        )
        yield _awaited(runner, lambda: client.v1.invoices.retrieve_async(INVOICE))
        runner.run(http_client.close_async())


CLIENTS: dict[str, Callable[[], AbstractContextManager[Times]]] = {
    "requests": _requests,
    "urllib3": _urllib3,
    "httpx": _httpx,
    "httpx, async": _httpx_async,
    "httpx2": _httpx2,
    "aiohttp": _aiohttp,
    "http.client": _http_client,
    "urllib.request": _urllib,
    "StripeClient": _stripe,
    "StripeClient, async": _stripe_async,
}
