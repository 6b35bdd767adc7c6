"""In mode none nothing reaches the API, whatever runs at the same time."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import http.client
import json
import queue
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpcore
import httpcore2
import httpx
import httpx2
import pytest
import requests
import stripe
import tornado.gen
import tornado.httpclient
import tornado.ioloop
import urllib3
from support.clients import CLIENTS, HEADERS, stripe_client
from support.proof import rounds
from support.shelves import copied
from support.standin import PREVIEW, StandIn, generated
from support.tls import TlsListener
from support.waiting import loop_until

import replay
from replay.intercept import current_session
from replay.recording.upstream import pass_through, passing

IDS = [generated("in", str(n)) for n in range(8)]
THREADS, CALLS = 16, rounds(2, 200)


def record(source: StandIn, library: Path) -> None:
    with replay.use_cassettes(library, mode="once", api_base=source.url):
        for id in IDS:
            source.add_invoice(id)
            requests.get(f"{source.url}/v1/invoices/{id}", headers=HEADERS, timeout=5)


@pytest.fixture
def recorded(stand_in: StandIn, library: Path) -> Path:
    """A library of eight invoices, recorded from a live source that has the same."""
    for id in IDS:
        stand_in.add_invoice(id)
    return copied(record, library)


@pytest.mark.parametrize(
    "name", [n for n in CLIENTS if not n.endswith(("async", "trio", "aiohttp", "base_url"))]
)
def test_no_request_of_many_threads_goes_online(
    name: str, stand_in: StandIn, recorded: Path
) -> None:
    """Sixteen threads get every answer right, and the live server counts nothing."""

    def work(worker: int) -> list[bool]:
        ids = [IDS[(worker + n) % len(IDS)] for n in range(CALLS)]
        return [CLIENTS[name](stand_in.url, id)["id"] == id for id in ids]

    with (
        replay.use_cassettes(recorded, api_base=stand_in.url),
        ThreadPoolExecutor(THREADS) as pool,
    ):
        answers = list(pool.map(work, range(THREADS)))
    assert [[True] * CALLS] * THREADS == answers
    assert {} == stand_in.hits


def _sdk(base: str, kind: type) -> tuple[Callable[[str], Awaitable[str]], Callable[[], Any]]:
    http_client = kind()
    client = stripe_client(base, http_client)

    async def ask(id: str) -> str:
        return (await client.v1.invoices.retrieve_async(id)).id

    return ask, http_client.close_async


def _of_httpx(base: str, module: Any) -> tuple[Callable[[str], Awaitable[str]], Callable[[], Any]]:
    client = module.AsyncClient(headers=HEADERS)

    async def ask(id: str) -> str:
        return (await client.get(f"{base}/v1/invoices/{id}")).json()["id"]

    return ask, client.aclose


def _of_aiohttp(base: str) -> tuple[Callable[[str], Awaitable[str]], Callable[[], Any]]:
    client = aiohttp.ClientSession(base, headers=HEADERS)

    async def ask(id: str) -> str:
        async with client.get(f"/v1/invoices/{id}") as answer:
            return (await answer.json())["id"]

    return ask, client.close


TASKS: dict[str, Callable[[str], tuple[Callable[[str], Awaitable[str]], Callable[[], Any]]]] = {
    "SDK on httpx": lambda base: _sdk(base, stripe.HTTPXClient),
    "SDK on aiohttp": lambda base: _sdk(base, stripe.AIOHTTPClient),
    "httpx": lambda base: _of_httpx(base, httpx),
    "httpx2": lambda base: _of_httpx(base, httpx2),
    "aiohttp": _of_aiohttp,
}


@pytest.mark.parametrize("name", TASKS)
# stripe 16.1's HTTPXClient.close_async leaves its pool's sockets to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_request_of_many_tasks_goes_online(name: str, stand_in: StandIn, recorded: Path) -> None:
    """Sixty-four gathered tasks get every answer right, and the live server counts nothing."""
    calls = rounds(2, 200)

    async def main() -> list[bool]:
        ask, close = TASKS[name](stand_in.url)

        async def work(worker: int) -> list[bool]:
            ids = [IDS[(worker + n) % len(IDS)] for n in range(calls)]
            return [await ask(id) == id for id in ids]

        try:
            found = await asyncio.gather(*map(work, range(64)))
            return [right for each in found for right in each]
        finally:
            await close()

    with replay.use_cassettes(recorded, api_base=stand_in.url) as session:
        assert [True] * 64 * calls == asyncio.run(main())
    assert {} == stand_in.hits
    assert 64 * calls == session.counts.played


def test_building_clients_and_connections_beside_lets_nothing_out(
    stand_in: StandIn, recorded: Path
) -> None:
    """Other threads make clients and connections, to another host too, all the while."""
    done = threading.Event()
    built = Counter[str]()

    def build(kind: str) -> None:
        while not done.is_set():
            if kind == "sessions":
                with requests.Session() as session, httpx.Client() as client:
                    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=1))
                    client.build_request("GET", stand_in.url)
            elif kind == "connections":
                parts = urlsplit(other.url)
                connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
                connection.request("GET", "/v1/invoices/x")
                connection.getresponse().read()
                connection.close()
            else:
                urllib3.PoolManager().connection_from_url(stand_in.url).close()
                stripe_client(stand_in.url, stripe.RequestsClient())
            built[kind] += 1

    def work(worker: int) -> list[bool]:
        ids = [IDS[(worker + n) % len(IDS)] for n in range(CALLS)]
        return [CLIENTS[ways[n % len(ways)]](stand_in.url, id)["id"] == id
                for n, id in enumerate(ids)]  # fmt: skip

    ways = ["requests", "httpx", "urllib3", "http_client", "stripe_requests"]
    kinds = ("sessions", "connections", "pools")
    with (
        StandIn() as other,
        replay.use_cassettes(recorded, api_base=stand_in.url),
        ThreadPoolExecutor(THREADS + len(kinds)) as pool,
    ):
        builders = [pool.submit(build, kind) for kind in kinds]
        answers = list(pool.map(work, range(THREADS)))
        done.set()
        for builder in builders:
            builder.result()
    assert [[True] * CALLS] * THREADS == answers
    assert {} == stand_in.hits
    assert set(kinds) == set(built)


def test_sessions_that_open_overlap_and_close_let_nothing_out(
    stand_in: StandIn, recorded: Path
) -> None:
    """Threads with overlapping sessions of their own never disturb each other's hooks."""
    wrong: list[str] = []

    def work(worker: int) -> None:
        for n in range(CALLS):
            id = IDS[(worker + n) % len(IDS)]
            with replay.use_cassettes(recorded, api_base=stand_in.url):
                if requests.get(f"{stand_in.url}/v1/invoices/{id}", timeout=5).json()["id"] != id:
                    wrong.append(id)
                time.sleep(0.0005 * (worker % 3))

    # One session holds the hooks in, so that a call between two sessions is no race of the test.
    with (
        replay.use_cassettes(recorded, api_base=stand_in.url),
        ThreadPoolExecutor(THREADS) as pool,
    ):
        list(pool.map(work, range(THREADS)))
    assert [] == wrong
    assert {} == stand_in.hits


def test_connections_opened_before_the_session_do_not_go_online(
    stand_in: StandIn, recorded: Path
) -> None:
    """A warm keep-alive connection of each kind is answered from the library all the same."""
    parts = urlsplit(stand_in.url)
    path = f"/v1/invoices/{IDS[0]}"
    plain = http.client.HTTPConnection(parts.hostname or "", parts.port)
    with (
        requests.Session() as session,
        httpx.Client() as client,
        urllib3.PoolManager() as pool,
    ):
        plain.request("GET", path)
        plain.getresponse().read()
        for warm in (session.get, client.get):
            warm(stand_in.url + path)
        pool.request("GET", stand_in.url + path)
        stand_in.hits.clear()
        with replay.use_cassettes(recorded, api_base=stand_in.url):
            plain.request("GET", path, headers=HEADERS)
            found = [json.loads(plain.getresponse().read())["id"]]
            found += [warm(stand_in.url + path).json()["id"] for warm in (session.get, client.get)]
            found += [pool.request("GET", stand_in.url + path).json()["id"]]
        assert [IDS[0]] * 4 == found
        assert {} == stand_in.hits
    plain.close()


def test_a_retry_list_sees_the_takes_in_order(stand_in: StandIn, library: Path) -> None:
    """urllib3's own Retry(status_forcelist) works on replayed answers."""
    path = f"/v1/invoices/{stand_in.add_invoice(IDS[0])}"
    busy = {"error": {"type": "idempotency_error", "message": "PRIVATE"}}
    stand_in.script = [(409, {"Stripe-Version": PREVIEW}, busy)]
    retry = urllib3.Retry(3, status_forcelist=[409], backoff_factor=0)
    with (
        replay.use_cassettes(library, mode="once", api_base=stand_in.url),
        urllib3.PoolManager(retries=retry) as pool,
    ):
        assert 200 == pool.request("GET", stand_in.url + path).status
    with replay.use_cassettes(library) as session, urllib3.PoolManager(retries=retry) as pool:
        assert 200 == pool.request("GET", "https://api.stripe.com" + path).status
    assert 2 == session.counts.played


def test_a_proxy_is_never_asked_for_a_call_to_the_api(stand_in: StandIn, recorded: Path) -> None:
    """A call through a proxy opens no tunnel: the proxy's port sees nothing."""
    with socket.socket() as proxy:
        proxy.bind(("127.0.0.1", 0))
        proxy.listen()
        proxy.settimeout(0.1)
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        url = f"https://api.stripe.com/v1/invoices/{IDS[0]}"
        with replay.use_cassettes(recorded):
            proxies = {"https": address, "http": address}
            assert requests.get(url, proxies=proxies, timeout=5).json()["id"] == IDS[0]
            plain = url.replace("https:", "http:")
            assert requests.get(plain, proxies=proxies, timeout=5).json()["id"] == IDS[0]
        with pytest.raises(TimeoutError):
            proxy.accept()


def test_urllib_asks_no_plain_proxy(
    stand_in: StandIn, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With http_proxy set, the SDK on urllib sends neither reads nor writes to the proxy."""
    with StandIn() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        client = stripe_client(stand_in.url, stripe.UrllibClient())
        with replay.use_cassettes(recorded, api_base=stand_in.url):
            assert IDS[0] == client.v1.invoices.retrieve(IDS[0]).id
        with (
            pytest.raises(replay.CallRefused),
            replay.use_cassettes(recorded, api_base=stand_in.url),
        ):
            client.v1.invoices.create({"customer": "cus_1"})
        assert {} == proxy.hits


@pytest.mark.parametrize("base", ["localhost", "[::ffff:127.0.0.1]", "127.0.0.1."])
def test_every_spelling_of_the_live_base_is_answered(
    base: str, stand_in: StandIn, recorded: Path
) -> None:
    """However a client spells this machine, the live base is not reached."""
    url = stand_in.url.replace("127.0.0.1", base)
    with replay.use_cassettes(recorded, api_base=stand_in.url):
        assert IDS[0] == requests.get(f"{url}/v1/invoices/{IDS[0]}", timeout=5).json()["id"]
    assert {} == stand_in.hits


@pytest.mark.parametrize("module", [httpcore, httpcore2])
def test_httpcore_itself_is_answered(module: Any, stand_in: StandIn, recorded: Path) -> None:
    """Below httpx there is no way round its hook, and what may pass does."""
    url = f"{stand_in.url}/v1/invoices"
    with module.ConnectionPool() as pool:
        with replay.use_cassettes(recorded, api_base=stand_in.url):
            answer = pool.request("GET", f"{url}/{IDS[0]}", headers=HEADERS)
            assert (200, IDS[0]) == (answer.status, json.loads(answer.content)["id"])
        assert {} == stand_in.hits
        with replay.use_cassettes(recorded, api_base=stand_in.url, other_calls="pass"):
            pool.request("POST", url, content=b"customer=cus_1")
    assert {"/v1/invoices": 1} == stand_in.hits


def test_httpcore_itself_is_answered_in_tasks(stand_in: StandIn, recorded: Path) -> None:
    """Its pool for event loops too, also if it fetches."""
    fresh = generated("in", "fresh")
    stand_in.add_invoice(fresh)

    async def ask() -> list[str]:
        async with httpcore.AsyncConnectionPool() as pool:
            return [
                json.loads(
                    (
                        await pool.request(
                            "GET", f"{stand_in.url}/v1/invoices/{id}", headers=HEADERS
                        )
                    ).content
                )["id"]
                for id in (IDS[0], fresh)
            ]

    with replay.use_cassettes(recorded, mode="once", api_base=stand_in.url):
        assert [IDS[0], fresh] == asyncio.run(ask())
    assert {f"/v1/invoices/{fresh}": 1} == stand_in.hits


@pytest.fixture
def tls_stand_in() -> Iterator[TlsListener]:
    """A TLS server on loopback with a certificate for Stripe's name."""
    with TlsListener("api.stripe.com") as listener:
        yield listener


def test_the_guard_knows_a_tls_socket_by_its_name(
    tls_stand_in: TlsListener, recorded: Path
) -> None:
    """A TLS connection to Stripe's name from before the session sends nothing."""
    port, context = tls_stand_in.port, tls_stand_in.context
    with (
        socket.create_connection(("127.0.0.1", port)) as raw,
        context.wrap_socket(raw, server_hostname="api.stripe.com") as tls,
        pytest.raises(replay.NetworkBlocked),
        replay.use_cassettes(recorded),
    ):
        tls.sendall(b"GET /v1/invoices HTTP/1.1\r\n\r\n")
    assert [] == tls_stand_in.stop()


# asyncio leaves the socket to the garbage collector where TLS cannot begin.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("opened", ["before", "inside"])
def test_the_guard_knows_a_tls_stream_by_its_name(
    tls_stand_in: TlsListener, recorded: Path, opened: str
) -> None:
    """An asyncio TLS stream to Stripe's name, by whatever address, sends nothing."""
    port, context = tls_stand_in.port, tls_stand_in.context

    async def connect() -> asyncio.StreamWriter:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="api.stripe.com"
        )
        return writer

    async def main() -> None:
        writer = await connect() if opened == "before" else None
        try:
            with replay.use_cassettes(recorded), contextlib.suppress(ConnectionError):
                writer = writer or await asyncio.wait_for(connect(), 5)
                writer.write(b"GET /v1/invoices HTTP/1.1\r\n\r\n")
                await asyncio.sleep(0.1)
        finally:
            if writer is not None:
                writer.transport.abort()
            await asyncio.sleep(0.1)  # the transport closes its socket

    with pytest.raises(replay.NetworkBlocked):
        asyncio.run(main())
    gc.collect()
    assert [] == tls_stand_in.stop()


def test_what_is_let_through_is_let_through_in_executors_too(recorded: Path) -> None:
    """Event loops look names up in executors: a call that passes, passes there."""
    with replay.use_cassettes(recorded), ThreadPoolExecutor(1) as pool:
        with pass_through():
            assert pool.submit(passing).result()
        assert not pool.submit(passing).result()


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_the_guard_refuses_a_raw_socket_to_the_base(
    method: str, stand_in: StandIn, recorded: Path
) -> None:
    """A socket past all hooks is refused with the host and the line that tried."""
    parts = urlsplit(stand_in.url)
    with (
        pytest.raises(replay.NetworkBlocked) as blocked,
        replay.use_cassettes(recorded, api_base=stand_in.url),
        socket.socket() as raw,
    ):
        getattr(raw, method)((parts.hostname, parts.port))
    assert "127.0.0.1" in blocked.value.what
    assert "test_never_online.py" in blocked.value.where


def test_the_guard_refuses_asyncio_streams_to_the_api(recorded: Path) -> None:
    """A stream to Stripe's host is refused before its name is looked up."""
    with pytest.raises(replay.NetworkBlocked), replay.use_cassettes(recorded):
        asyncio.run(asyncio.open_connection("api.stripe.com", 443))


@pytest.mark.parametrize("host", ["api.stripe.com", "API.Stripe.com.", "files.stripe.com"])
def test_the_guard_refuses_every_host_of_the_api(host: str, recorded: Path) -> None:
    """No host of Stripe's API can be connected to by name."""
    with pytest.raises(replay.NetworkBlocked), replay.use_cassettes(recorded):
        socket.create_connection((host, 443), timeout=1)


def test_the_guard_refuses_a_socket_from_before_the_session(
    stand_in: StandIn, recorded: Path
) -> None:
    """A raw connection that was open already sends nothing to the live base."""
    parts = urlsplit(stand_in.url)
    with socket.create_connection((parts.hostname, parts.port)) as raw:
        for name in ("send", "sendall"):
            with (
                pytest.raises(replay.NetworkBlocked),
                replay.use_cassettes(recorded, api_base=stand_in.url),
            ):
                getattr(raw, name)(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert {} == stand_in.hits


def test_the_guard_refuses_a_stream_from_before_the_session(
    stand_in: StandIn, recorded: Path
) -> None:
    """asyncio swallows what its transport raises; the session fails all the same."""

    async def main() -> None:
        parts = urlsplit(stand_in.url)
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            with replay.use_cassettes(recorded, api_base=stand_in.url):
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                await asyncio.sleep(0.05)
        finally:
            writer.close()

    with pytest.raises(replay.NetworkBlocked):
        asyncio.run(main())
    assert {} == stand_in.hits


async def _tornado(url: str) -> None:
    await tornado.httpclient.AsyncHTTPClient().fetch(url)


def _tornado_sync(url: str) -> None:
    client = tornado.httpclient.HTTPClient()
    try:
        client.fetch(url)
    finally:
        client.close()


def _tornado_loop(url: str) -> None:
    loop = tornado.ioloop.IOLoop(make_current=False)
    try:
        loop.run_sync(lambda: tornado.httpclient.AsyncHTTPClient().fetch(url))
    finally:
        loop.close()


def _tornado_coroutine(url: str) -> None:
    @tornado.gen.coroutine
    def ask() -> Iterator[Any]:
        yield tornado.httpclient.AsyncHTTPClient().fetch(url)

    loop = tornado.ioloop.IOLoop(make_current=False)
    try:
        loop.run_sync(ask)
    finally:
        loop.close()


@pytest.mark.parametrize(
    "ask",
    [lambda url: asyncio.run(_tornado(url)), _tornado_sync, _tornado_loop, _tornado_coroutine],
    ids=["asyncio", "HTTPClient", "run_sync", "coroutine"],
)
@pytest.mark.parametrize("caught", [False, True], ids=["raised", "caught"])
def test_tornado_is_refused(
    ask: Callable[[str], None], caught: bool, stand_in: StandIn, recorded: Path
) -> None:
    """tornado would wait for ever for what is no Exception: it is given a failed future."""
    with (
        pytest.raises(replay.CallRefused, match="RequestsClient") as refused,
        replay.use_cassettes(recorded, api_base=stand_in.url),
        contextlib.suppress(*([Exception] if caught else [])),
    ):
        ask(f"{stand_in.url}/v1/invoices/{IDS[0]}")
    assert caught == hasattr(refused.value, "__notes__")
    assert {} == stand_in.hits


def test_the_sdk_on_pycurl_is_refused(stand_in: StandIn, recorded: Path) -> None:
    """libcurl's sockets cannot be seen: the SDK's pycurl client says what to use instead."""
    client = stripe_client(stand_in.url, stripe.PycurlClient())
    with (
        pytest.raises(replay.CallRefused, match="RequestsClient"),
        replay.use_cassettes(recorded, api_base=stand_in.url),
    ):
        client.v1.invoices.retrieve(IDS[0])
    assert {} == stand_in.hits


def test_loopback_and_other_hosts_pass_the_guard(stand_in: StandIn, recorded: Path) -> None:
    """A raw socket to another loopback port connects as ever."""
    parts = urlsplit(stand_in.url)
    with replay.use_cassettes(recorded), socket.socket() as raw:
        raw.connect((parts.hostname, parts.port))
        assert parts.port == raw.getpeername()[1]


def test_a_write_is_refused_and_never_sent(stand_in: StandIn, recorded: Path) -> None:
    """A POST to the API is refused in every mode, naming the call."""
    for mode in replay.RecordMode:
        with (
            pytest.raises(replay.CallRefused, match=r"POST /v1/invoices/\{invoice\}"),
            replay.use_cassettes(recorded, mode=mode, api_base=stand_in.url),
        ):
            requests.post(f"{stand_in.url}/v1/invoices/{IDS[0]}", data={"a": "b"}, timeout=5)
    assert {} == stand_in.hits


def test_a_thread_of_no_session_is_refused_where_several_are_open(
    stand_in: StandIn, recorded: Path
) -> None:
    """A thread from before two sessions cannot be answered by guessing between them."""
    with (
        _Worker() as worker,
        pytest.raises(replay.NoSession),
        replay.use_cassettes(recorded, api_base=stand_in.url),
        replay.use_cassettes(recorded, api_base=stand_in.url),
    ):
        worker.ask(f"{stand_in.url}/v1/invoices/{IDS[0]}")
    assert isinstance(worker.raised, replay.Refused)
    assert {} == stand_in.hits


def test_a_thread_that_outlives_its_test_is_refused(
    stand_in: StandIn, recorded: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A thread of an ended session is not answered from the next one's cassettes: it is logged."""
    with contextlib.ExitStack() as ending:
        with replay.use_cassettes(recorded, api_base=stand_in.url):
            worker = ending.enter_context(_Worker())
        with replay.use_cassettes(recorded, api_base=stand_in.url) as other:
            worker.ask(f"{stand_in.url}/v1/invoices/{IDS[0]}")
    assert isinstance(worker.raised, replay.Refused)
    assert "a session that is closed" in str(worker.raised.error)
    assert "a session that is closed" in caplog.text
    assert (0, []) == (other.counts.played, other.refusals)
    assert {} == stand_in.hits


def test_threads_belong_to_the_session_that_started_them(stand_in: StandIn, recorded: Path) -> None:
    """With two overlapping sessions, each one's threads and pools are answered by their own."""
    url = f"{stand_in.url}/v1/invoices/{IDS[0]}"
    with (
        ThreadPoolExecutor(1) as pool,
        replay.use_cassettes(recorded, api_base=stand_in.url) as outer,
    ):
        pool.submit(requests.get, url, timeout=5).result()
        with replay.use_cassettes(recorded, api_base=stand_in.url) as inner:
            pool.submit(requests.get, url, timeout=5).result()
            with _Worker() as worker:
                worker.ask(url)
        pool.submit(requests.get, url, timeout=5).result()
    assert (2, 2) == (outer.counts.played, inner.counts.played)
    assert {} == stand_in.hits


class _Worker:
    """A thread that waits to be told which URL to ask for."""

    def __init__(self) -> None:
        self.raised: BaseException | None = None
        self._urls: queue.Queue[str | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> _Worker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._urls.put(None)
        self._thread.join()

    def ask(self, url: str) -> None:
        self._urls.put(url)
        self._urls.join()

    def _work(self) -> None:
        while (url := self._urls.get()) is not None:
            try:
                requests.get(url, timeout=5)
            except BaseException as error:  # noqa: BLE001 - a refusal is no Exception
                self.raised = error
            self._urls.task_done()


def test_hooks_leave_even_if_the_body_raises(recorded: Path) -> None:
    """An error in the block comes out as itself, and no session stays open."""
    with pytest.raises(ZeroDivisionError), replay.use_cassettes(recorded):
        1 / 0  # noqa: B018 - raises
    assert () == current_session.open_sessions()


def test_a_recording_does_not_stop_the_event_loop(stand_in: StandIn, library: Path) -> None:
    """While a fetch waits for its answer, other tasks go on; one fetch serves all who ask."""
    stand_in.hold = threading.Event()
    id = stand_in.add_invoice(IDS[0])

    async def main() -> list[str]:
        async with httpx.AsyncClient() as client:
            url = f"{stand_in.url}/v1/invoices/{id}"
            waiting = [asyncio.create_task(client.get(url)) for _ in range(8)]
            await loop_until(lambda: stand_in.held)
            assert not any(task.done() for task in waiting)
            assert stand_in.hold is not None
            stand_in.hold.set()
            return [(await task).json()["id"] for task in waiting]

    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        assert [id] * 8 == asyncio.run(main())
    assert {f"/v1/invoices/{id}": 1} == stand_in.hits


def test_a_client_imported_inside_the_session_is_hooked(
    stand_in: StandIn, recorded: Path, tmp_path: Path
) -> None:
    """A fresh interpreter that imports its clients inside the block never goes online."""
    script = tmp_path / "late.py"
    script.write_text(
        "import sys, replay\n"
        f"with replay.use_cassettes({str(recorded)!r}, api_base={stand_in.url!r}):\n"
        "    assert 'httpx' not in sys.modules and 'urllib3' not in sys.modules\n"
        "    import aiohttp, asyncio, httpx, requests, urllib.request\n"
        f"    url = {stand_in.url + '/v1/invoices/' + IDS[0]!r}\n"
        "    print(requests.get(url).json()['id'], httpx.get(url).json()['id'])\n"
        "    print(len(urllib.request.urlopen(url).read()) > 100)\n"
        "    async def main():\n"
        "        async with aiohttp.ClientSession() as s, s.get(url) as r:\n"
        "            print((await r.json())['id'])\n"
        "    asyncio.run(main())\n"
    )
    environment = {"PYTHONPATH": str(Path(replay.__file__).parents[1])}
    command = [sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert f"{IDS[0]} {IDS[0]}\nTrue\n{IDS[0]}\n" == done.stdout, done.stderr
    assert {} == stand_in.hits
