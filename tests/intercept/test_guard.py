"""The guard knows a live base that has a name, and says which line of the user's code tried."""

from __future__ import annotations

import _socket
import asyncio
import contextlib
import socket
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpcore
import pytest
import urllib3
from support.standin import DRAFT, StandIn
from support.tls import TlsListener

import replay
from replay.intercept.installation import HOOKS
from replay.intercept.patches import Patches

NAME = "stripe-mock.corp.test"
ASKED = b"GET /v1/invoices HTTP/1.1\r\n\r\n"


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch, library: Path) -> Iterator[TlsListener]:
    """A TLS server on loopback under a name that only this test's lookups know."""
    library.mkdir()
    look_up = _socket.getaddrinfo
    monkeypatch.setattr(
        _socket, "getaddrinfo",
        lambda host, *args: look_up("127.0.0.1" if host == NAME else host, *args),
    )  # fmt: skip
    with TlsListener(NAME) as listener:
        yield listener


def _connected(named: TlsListener) -> Any:
    raw = socket.create_connection((NAME, named.port), timeout=5)
    return named.context.wrap_socket(raw, server_hostname=NAME)


async def _streaming(named: TlsListener) -> asyncio.StreamWriter:
    opening = asyncio.open_connection(NAME, named.port, ssl=named.context)
    return (await asyncio.wait_for(opening, 5))[1]


def _raw(named: TlsListener) -> None:
    with _connected(named) as tls:
        tls.sendall(ASKED)


def _by_service(named: TlsListener) -> None:
    found = socket.getaddrinfo(NAME, str(named.port), type=socket.SOCK_STREAM)
    with socket.create_connection(found[0][4][:2], timeout=5):
        pass


def _by_address(named: TlsListener) -> None:
    address = socket.getaddrinfo(NAME, None)[0][4][0]
    with socket.create_connection((address, named.port), timeout=5):
        pass


def _streams(named: TlsListener) -> None:
    async def ask() -> None:
        writer = await _streaming(named)
        writer.write(ASKED)
        writer.close()

    asyncio.run(ask())


WAYS = {
    "a socket": _raw,
    "a lookup of the port as text": _by_service,
    "an address looked up for no port": _by_address,
    "asyncio's streams": _streams,
}


@pytest.mark.parametrize("ask", WAYS.values(), ids=WAYS)
def test_a_base_with_a_name_is_not_reached(
    ask: Callable[[TlsListener], None], named: TlsListener, library: Path
) -> None:
    """By name, or by an address that was looked up in the session."""
    with (
        pytest.raises(replay.NetworkBlocked) as refused,
        replay.use_cassettes(library, api_base=f"https://{NAME}:{named.port}"),
    ):
        ask(named)
    assert f"{NAME} was about to be reached" in refused.value.what
    assert "test_guard.py" in refused.value.where
    assert [] == named.stop()


LOOKUPS: dict[str, Callable[[str], str]] = {
    "gethostbyname": lambda name: socket.gethostbyname(name),
    "gethostbyname_ex": lambda name: socket.gethostbyname_ex(name)[2][0],
}


@pytest.mark.parametrize("look_up", LOOKUPS.values(), ids=LOOKUPS)
def test_lookups_without_a_port_are_remembered(
    look_up: Callable[[str], str], stand_in: StandIn, library: Path
) -> None:
    """127.1 is a name: what it stands for is only known by looking it up."""
    library.mkdir()
    parts = urlsplit(stand_in.url)
    with (
        pytest.raises(replay.NetworkBlocked, match=r"127\.1 was about to be reached"),
        replay.use_cassettes(library, api_base=f"https://127.1:{parts.port}"),
    ):
        socket.create_connection((look_up("127.1"), parts.port), timeout=5)


def test_a_socket_to_a_name_from_before_the_session_sends_nothing(
    named: TlsListener, library: Path
) -> None:
    """Its TLS name and its peer's port say where it leads."""
    with (
        _connected(named) as tls,
        pytest.raises(replay.NetworkBlocked, match=NAME),
        replay.use_cassettes(library, api_base=f"https://{NAME}:{named.port}"),
    ):
        tls.sendall(ASKED)
    assert [] == named.stop()


def test_a_stream_to_a_name_from_before_the_session_sends_nothing(
    named: TlsListener, library: Path
) -> None:
    """asyncio swallows what its transport raises; the session fails all the same."""

    async def main() -> None:
        writer = await _streaming(named)
        try:
            with (
                replay.use_cassettes(library, api_base=f"https://{NAME}:{named.port}"),
                contextlib.suppress(ConnectionError),
            ):
                writer.write(ASKED)
                await asyncio.sleep(0.05)
        finally:
            writer.transport.abort()
            await asyncio.sleep(0.05)

    with pytest.raises(replay.NetworkBlocked, match=NAME):
        asyncio.run(main())
    assert [] == named.stop()


@pytest.mark.parametrize("ask", [_raw, _streams], ids=["a socket", "asyncio's streams"])
def test_another_port_of_the_name_is_another_host(
    ask: Callable[[TlsListener], None], named: TlsListener, library: Path
) -> None:
    """What is not the live base keeps its own path, whatever else its machine serves."""
    with replay.use_cassettes(library, api_base=f"https://{NAME}:{named.port - 1}"):
        ask(named)
    assert [ASKED] == named.stop()


def test_clients_that_name_no_port_are_answered_and_refused(named: TlsListener) -> None:
    """The default port is the live base's, also where a pool leaves it out."""
    answered = replay.use_cassettes("cassettes", api_base=f"https://{NAME}")
    with pytest.raises(replay.CassetteNotFound), answered:
        urllib3.HTTPSConnectionPool(NAME).request("GET", f"/v1/invoices/{DRAFT}")
    with pytest.raises(replay.CassetteNotFound), answered:
        httpcore.ConnectionPool().request("GET", f"https://{NAME}/v1/invoices/{DRAFT}")


def _asyncio(url: str) -> None:
    parts = urlsplit(url)
    asyncio.run(asyncio.open_connection(parts.hostname, parts.port or 443))


def _urllib3(url: str) -> None:
    parts = urlsplit(url)
    urllib3.util.connection.create_connection((parts.hostname or "", parts.port or 443))


@pytest.mark.parametrize("ask", [_asyncio, _urllib3])
@pytest.mark.parametrize("host", ["a name", "an address"])
def test_the_line_that_tried_is_the_users(
    ask: Callable[[str], None], host: str, stand_in: StandIn, library: Path
) -> None:
    """Not one of a library, of an event loop's thread, or of replay."""
    library.mkdir()
    url = "https://api.stripe.com" if host == "a name" else stand_in.url
    with (
        pytest.raises(replay.NetworkBlocked) as refused,
        replay.use_cassettes(library, api_base=stand_in.url),
    ):
        ask(url)
    assert refused.value.where.startswith(__file__)


class IocpProactor:
    """Methods as Windows' event loop has them: they take Python's sockets and go past them."""

    def __init__(self) -> None:
        self.passed: list[str] = []

    def connect(self, conn: Any, address: Any) -> None:
        self.passed.append("connect")

    def send(self, conn: Any, buf: Any, flags: int = 0) -> None:
        self.passed.append("send")

    def sendto(self, conn: Any, buf: Any, flags: int = 0, addr: Any = None) -> None:
        self.passed.append("sendto")

    def sendfile(self, sock: Any, file: Any, offset: int, count: int) -> None:
        self.passed.append("sendfile")


def test_the_event_loop_of_windows_is_guarded_too(
    stand_in: StandIn, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connecting and sending, also on a connection of before; pipes and other hosts pass."""
    library.mkdir()
    loop: Any = types.ModuleType("asyncio.windows_events")
    loop.IocpProactor = IocpProactor
    monkeypatch.setitem(sys.modules, loop.__name__, loop)
    patches = Patches({loop.__name__: HOOKS[loop.__name__]})  # those of a session may be in already
    address = urlsplit(stand_in.url)
    peer, proactor = ("127.0.0.1", address.port), IocpProactor()
    asked: list[Callable[[Any], Any]] = [
        lambda conn: proactor.connect(conn, peer),
        lambda conn: proactor.send(conn, ASKED),
        lambda conn: proactor.sendto(conn, ASKED, 0, peer),
        lambda conn: proactor.sendfile(conn, None, 0, 1),
    ]
    patches.install()
    try:
        with socket.create_connection(peer) as before, socket.socket() as other:
            for ask in asked:
                with (
                    pytest.raises(replay.NetworkBlocked, match="past replay's hooks"),
                    replay.use_cassettes(library, api_base=stand_in.url),
                ):
                    ask(before)
            assert [] == proactor.passed
            with replay.use_cassettes(library, api_base=stand_in.url):
                proactor.connect(other, ("127.0.0.1", address.port + 1))
                proactor.send(object(), ASKED)
                proactor.send(other, ASKED)
    finally:
        patches.remove()
    assert ["connect", "send", "send"] == proactor.passed
