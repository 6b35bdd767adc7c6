"""Every client that is intercepted, each as a function: base URL and ID in, parsed body out."""

from __future__ import annotations

import asyncio
import http.client
import json
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httplib2
import httpx
import httpx2
import requests
import stripe
import trio
import urllib3

VERSION = stripe.api_version
HEADERS = {"Stripe-Version": VERSION, "Authorization": "Bearer sk_test_PRIVATEkey"}

Client = Callable[[str, str], Any]


def _path(id: str) -> str:
    return f"/v1/invoices/{id}"


def by_requests(base: str, id: str) -> Any:
    return requests.get(base + _path(id), headers=HEADERS, timeout=5).json()


def by_requests_stream(base: str, id: str) -> Any:
    with requests.get(base + _path(id), headers=HEADERS, stream=True, timeout=5) as response:
        return json.loads(b"".join(response.iter_content(7)))


def by_urllib3(base: str, id: str) -> Any:
    return urllib3.PoolManager().request("GET", base + _path(id), headers=HEADERS).json()


def by_httpx(base: str, id: str) -> Any:
    return httpx.get(base + _path(id), headers=HEADERS).json()


def by_httpx_async(base: str, id: str) -> Any:
    async def get() -> Any:
        async with httpx.AsyncClient(headers=HEADERS) as client:
            return (await client.get(base + _path(id))).json()

    return asyncio.run(get())


def by_aiohttp(base: str, id: str) -> Any:
    async def get() -> Any:
        async with (
            aiohttp.ClientSession(headers=HEADERS) as client,
            client.get(base + _path(id)) as response,
        ):
            return await response.json()

    return asyncio.run(get())


def by_aiohttp_base_url(base: str, id: str) -> Any:
    async def get() -> Any:
        async with (
            aiohttp.ClientSession(base_url=base, headers=HEADERS) as client,
            client.get(_path(id)) as response,
        ):
            return json.loads(await response.content.read())

    return asyncio.run(get())


def by_http_client(base: str, id: str) -> Any:
    parts = urlsplit(base)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port)
    try:
        connection.request("GET", _path(id), headers=HEADERS)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def by_httplib2(base: str, id: str) -> Any:
    client = httplib2.Http(timeout=5)
    try:
        return json.loads(client.request(base + _path(id), headers=HEADERS)[1])
    finally:
        client.close()


def by_httpx2(base: str, id: str) -> Any:
    return httpx2.get(base + _path(id), headers=HEADERS).json()


def by_httpx_http2(base: str, id: str) -> Any:
    with httpx.Client(http2=True, headers=HEADERS) as client:
        return client.get(base + _path(id)).json()


def by_httpx_trio(base: str, id: str) -> Any:
    async def get() -> Any:
        async with httpx.AsyncClient(headers=HEADERS) as client:
            return (await client.get(base + _path(id))).json()

    return trio.run(get)


def by_urllib(base: str, id: str) -> Any:
    request = urllib.request.Request(base + _path(id), headers=HEADERS)
    with urllib.request.urlopen(request, timeout=5) as response:
        return json.loads(response.read())


def stripe_client(base: str, http_client: Any, **options: Any) -> stripe.StripeClient:
    """The SDK on one HTTP client, at a base address."""
    return stripe.StripeClient(
        "sk_test_PRIVATEkey", http_client=http_client, base_addresses={"api": base}, **options
    )


def by_stripe_requests(base: str, id: str) -> Any:
    return _plain(stripe_client(base, stripe.RequestsClient()).v1.invoices.retrieve(id))


def by_stripe_httpx(base: str, id: str) -> Any:
    client = stripe.HTTPXClient(allow_sync_methods=True)
    return _plain(stripe_client(base, client).v1.invoices.retrieve(id))


def by_stripe_urllib(base: str, id: str) -> Any:
    return _plain(stripe_client(base, stripe.UrllibClient()).v1.invoices.retrieve(id))


def by_stripe_httpx_async(base: str, id: str) -> Any:
    async def get() -> Any:
        client = stripe.HTTPXClient()
        try:
            return await stripe_client(base, client).v1.invoices.retrieve_async(id)
        finally:
            await client.close_async()

    return _plain(asyncio.run(get()))


def by_stripe_aiohttp(base: str, id: str) -> Any:
    async def get() -> Any:
        client = stripe.AIOHTTPClient()
        try:
            return await stripe_client(base, client).v1.invoices.retrieve_async(id)
        finally:
            await client.close_async()

    return _plain(asyncio.run(get()))


def _plain(found: Any) -> Any:
    return json.loads(json.dumps(found.to_dict(), default=str))


CLIENTS: dict[str, Client] = {
    name.removeprefix("by_"): function
    for name, function in list(globals().items())
    if name.startswith("by_")
}
