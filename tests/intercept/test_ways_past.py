"""Ways past the hooks that were found by trying: each is refused or answered, nothing arrives."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import requests
import trio
from support.clients import HEADERS
from support.standin import DRAFT, StandIn

import replay

PATH = f"/v1/invoices/{DRAFT}"
ASKED = f"GET {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
FAST_OPEN = getattr(socket, "MSG_FASTOPEN", 0)
Inside = Callable[[], Any]


@pytest.fixture
def recorded(stand_in: StandIn, library: Path) -> Path:
    """A library with the draft invoice; the source goes on, and has been asked nothing."""
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        requests.get(stand_in.url + PATH, headers=HEADERS, timeout=5)
    stand_in.hits.clear()
    return library


def _trio(port: int, inside: Inside) -> None:
    async def main() -> None:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        with closing(stream.socket), inside():
            await stream.send_all(ASKED)

    trio.run(main)


def _fast_open(port: int, inside: Inside) -> None:
    with socket.socket() as raw, inside():
        raw.sendto(ASKED, FAST_OPEN, ("127.0.0.1", port))


def _message(port: int, inside: Inside) -> None:
    with socket.socket() as raw, inside():
        raw.sendmsg([ASKED], [], FAST_OPEN, ("127.0.0.1", port))


def _datagram(port: int, inside: Inside) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as raw, inside():
        raw.sendto(ASKED, ("127.0.0.1", port))


def _bytes(port: int, inside: Inside) -> None:
    with socket.socket() as raw, inside():
        raw.connect((b"127.0.0.1", port))  # type: ignore[arg-type]  # the system takes it


def _file(port: int, inside: Inside) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port)
        with tempfile.TemporaryFile() as file, closing(transport), inside():
            file.write(ASKED)
            file.seek(0)
            await loop.sendfile(transport, file)
        await asyncio.sleep(0)  # the transport is closed by then

    asyncio.run(main())


WAYS = {
    "trio from before": _trio,
    "an address that opens the connection": _fast_open,
    "a message that opens it": _message,
    "a datagram": _datagram,
    "a host in bytes": _bytes,
    "a file over a connection from before": _file,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_guard_refuses(
    way: Callable[[int, Inside], None], stand_in: StandIn, recorded: Path
) -> None:
    """Each names the host and the line that tried."""
    port = urlsplit(stand_in.url).port
    assert port
    with pytest.raises(replay.NetworkBlocked) as refused:
        way(port, lambda: replay.use_cassettes(recorded, api_base=stand_in.url))
    assert "127.0.0.1 was about to be reached" in refused.value.what
    assert "test_ways_past.py" in refused.value.where
    assert {} == stand_in.hits


def test_a_file_to_another_host_is_sent(recorded: Path) -> None:
    """Also from an offset, by its name."""
    ours, theirs = socket.socketpair()
    with ours, theirs, tempfile.TemporaryFile() as file, replay.use_cassettes(recorded):
        file.write(b"abcdef")
        file.flush()
        theirs.settimeout(5)
        ours.sendfile(file, offset=2, count=3)
        assert b"cde" == theirs.recv(9)


@pytest.mark.parametrize("scheme", ["http", "HTTP", "Http"])
def test_a_plain_proxy_is_not_asked_whatever_the_spelling(
    scheme: str, stand_in: StandIn, recorded: Path
) -> None:
    """urllib puts a URL on the proxy's request line as the user spelled it."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": stand_in.url}))
    asked = urllib.request.Request(f"{scheme}://api.stripe.com{PATH}", headers=HEADERS)
    with replay.use_cassettes(recorded):
        assert DRAFT.encode() in opener.open(asked, timeout=5).read()
    assert {} == stand_in.hits


@pytest.fixture
def middlewares() -> list[Any]:
    """What asks for another account's data."""

    async def other(request: Any, handler: Any) -> Any:
        request.headers["Stripe-Account"] = "acct_1A2B3C4D5E6F7G8H"
        return await handler(request)

    return [other]


def _by_middlewares(
    method: str, url: str, middlewares: list[Any], *, of_call: bool
) -> tuple[int, Any]:
    async def ask() -> tuple[int, Any]:
        own = {} if of_call else {"middlewares": middlewares}
        given = {"middlewares": middlewares} if of_call else {}
        async with (
            aiohttp.ClientSession(headers=HEADERS, **own) as client,
            client.request(method, url, **given) as answer,
        ):
            return answer.status, await answer.json()

    return asyncio.run(ask())


@pytest.mark.parametrize("of_call", [False, True])
def test_aiohttp_with_middlewares_is_answered_as_they_leave_the_call(
    of_call: bool, middlewares: list[Any], stand_in: StandIn, recorded: Path
) -> None:
    """They change whose data is asked for: the other account's is not recorded, and then is."""
    url = stand_in.url + PATH
    with (
        pytest.raises(replay.CassetteNotFound, match="of a connected account"),
        replay.use_cassettes(recorded, api_base=stand_in.url),
    ):
        _by_middlewares("GET", url, middlewares, of_call=of_call)
    assert {} == stand_in.hits
    for mode in ("once", "none"):
        with replay.use_cassettes(recorded, mode=mode, api_base=stand_in.url):
            status, body = _by_middlewares("GET", url, middlewares, of_call=of_call)
            assert (200, DRAFT) == (status, body["id"])
    assert {PATH: 1} == stand_in.hits
    assert "acct_1A2B3C4D5E6F7G8H" == stand_in.seen[-1]["stripe-account"]


@pytest.mark.parametrize("of_call", [False, True])
def test_what_middlewares_ask_along_with_a_write_is_not_let_through(
    of_call: bool, stand_in: StandIn, recorded: Path
) -> None:
    """The write itself is. A read that they make of their own is answered from the library."""
    read = []

    async def reading(request: Any, handler: Any) -> Any:
        if request.method == "POST":
            async with (
                aiohttp.ClientSession(headers=HEADERS) as client,
                client.get(stand_in.url + PATH) as answer,
            ):
                read.append((await answer.json())["id"])
        return await handler(request)

    url = f"{stand_in.url}/v1/customers"
    stand_in.add("/v1/customers", {"id": "made"})
    with replay.use_cassettes(recorded, api_base=stand_in.url, other_calls="pass"):
        _, body = _by_middlewares("POST", url, [reading], of_call=of_call)
    assert ({"id": "made"}, [DRAFT]) == (body, read)
    assert {"/v1/customers": 1} == stand_in.hits


class _File:
    """A body that is read while it is sent."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make
        self._left = 1

    def read(self, size: int = -1) -> bytes:
        if not self._left:
            return b""
        self._left -= 1
        return self._make()


@pytest.mark.parametrize("kind", ["generator", "file"])
def test_what_makes_the_body_of_a_write_is_answered(
    kind: str, stand_in: StandIn, recorded: Path
) -> None:
    """A write that is let through does not let through what its body asks for."""
    stand_in.add("/v1/files", {"id": "file_1"})

    def make() -> bytes:
        return requests.get(stand_in.url + PATH, headers=HEADERS, timeout=5).content[:5]

    body: Any = _File(make) if kind == "file" else (make() for _ in range(1))
    with replay.use_cassettes(recorded, api_base=stand_in.url, other_calls="pass") as session:
        sent = {**HEADERS, "Content-Length": "5"}
        requests.post(f"{stand_in.url}/v1/files", data=body, headers=sent, timeout=5)
    assert 1 == session.counts.played
    assert {"/v1/files": 1} == stand_in.hits
