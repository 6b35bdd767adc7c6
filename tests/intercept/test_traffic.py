"""What clients do to a call, and what is not for us: spellings, HEAD, streams, foreign traffic."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import itertools
import json
import threading
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
import httpx2
import pytest
import requests
import stripe
import urllib3
from support.clients import CLIENTS, HEADERS, VERSION, stripe_client
from support.http2 import Http2Source
from support.shelves import copied
from support.standin import DRAFT, NEW, StandIn, error, invoice

import replay

API = "https://api.stripe.com"
PATH = f"/v1/invoices/{DRAFT}"
every_client = pytest.mark.parametrize("name", CLIENTS)


def record(source: StandIn, library: Path) -> None:
    with replay.use_cassettes(library, mode="once", api_base=source.url):
        requests.get(source.url + PATH, headers=HEADERS, timeout=5)
        query = "?expand[]=payments&expand[]=customer"
        requests.get(source.url + PATH + query, headers=HEADERS, timeout=5)


@pytest.fixture
def recorded(library: Path) -> Path:
    """A library with the draft invoice, with and without its payments; the source is gone."""
    return copied(record, library)


Fetched = tuple[int, bytes, str]
"""Status, body, and the Content-Length as the client shows it."""


def _requests(method: str, url: str) -> Fetched:
    found = requests.request(method, url, headers=HEADERS, timeout=5)
    return found.status_code, found.content, found.headers["Content-Length"]


def _urllib3(method: str, url: str) -> Fetched:
    found = urllib3.PoolManager().request(method, url, headers=HEADERS)
    return found.status, found.data, found.headers["Content-Length"]


def _httpx(method: str, url: str) -> Fetched:
    found = httpx.request(method, url, headers=HEADERS)
    return found.status_code, found.content, found.headers["Content-Length"]


def _httpx2(method: str, url: str) -> Fetched:
    found = httpx2.request(method, url, headers=HEADERS)
    return found.status_code, found.content, found.headers["Content-Length"]


def _aiohttp(method: str, url: str) -> Fetched:
    async def fetch() -> Fetched:
        async with aiohttp.ClientSession(headers=HEADERS) as client:
            found = await client.request(method, url)
            return found.status, await found.read(), found.headers["Content-Length"]

    return asyncio.run(fetch())


def _http_client(method: str, url: str) -> Fetched:
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(parts.hostname or "")
    target = f"{parts.path}?{parts.query}" if "?" in url else parts.path
    connection.request(method, target, headers=HEADERS)
    found = connection.getresponse()
    return found.status, found.read(), found.headers["Content-Length"]


def _urllib(method: str, url: str) -> Fetched:
    asked = urllib.request.Request(url, headers=HEADERS, method=method)
    with urllib.request.urlopen(asked, timeout=5) as found:
        return found.status, found.read(), found.headers["Content-Length"]


FETCHERS: dict[str, Callable[[str, str], Fetched]] = {
    name: function
    for name, function in list(globals().items())
    if name in {"_requests", "_urllib3", "_httpx", "_httpx2", "_aiohttp", "_http_client", "_urllib"}
}
every_fetcher = pytest.mark.parametrize("fetch", FETCHERS.values(), ids=FETCHERS)


@every_fetcher
def test_head_has_the_status_and_no_body(
    fetch: Callable[[str, str], Fetched], recorded: Path
) -> None:
    """HEAD is answered from the recording of GET, with its length and without its body."""
    with replay.use_cassettes(recorded) as session:
        head = fetch("HEAD", API + PATH)
        status, body, length = fetch("GET", API + PATH)
    assert (200, b"", length) == head
    assert (200, DRAFT, str(len(body))) == (status, json.loads(body)["id"], length)
    assert 2 == session.counts.played


SPELLINGS = [
    "expand[]=payments&expand[]=customer",
    "expand[]=customer&expand[]=payments",
    "expand[0]=payments&expand[1]=customer",
    "expand[1]=payments&expand[0]=customer",
    "expand%5B%5D=payments&expand%5B%5D=customer",
    "expand%5B0%5D=customer&expand%5B1%5D=payments",
    "expand=customer&expand[]=payments",
    "expand[]=payments&expand[]=customer&expand[]=payments",
]


@every_fetcher
@pytest.mark.parametrize("query", SPELLINGS)
def test_every_spelling_of_expand_is_one_call(
    fetch: Callable[[str, str], Fetched], query: str, recorded: Path
) -> None:
    """Whatever a client makes of brackets, order and a trailing question mark."""
    with replay.use_cassettes(recorded):
        expanded = json.loads(fetch("GET", f"{API}{PATH}?{query}")[1])
        assert "list" == expanded["payments"]["object"]
        assert "payments" not in json.loads(fetch("GET", f"{API}{PATH}?")[1])


def _stream_requests(url: str) -> Iterator[bytes]:
    with requests.get(url, stream=True, headers=HEADERS, timeout=10) as answer:
        yield from answer.iter_content(16)


def _stream_urllib3(url: str) -> Iterator[bytes]:
    answer = urllib3.PoolManager().request("GET", url, preload_content=False, headers=HEADERS)
    yield from answer.stream(16)
    answer.release_conn()


def _stream_httpx(url: str) -> Iterator[bytes]:
    with httpx.stream("GET", url, headers=HEADERS) as answer:
        yield from answer.iter_bytes(16)


def _stream_httpx2(url: str) -> Iterator[bytes]:
    with httpx2.stream("GET", url, headers=HEADERS) as answer:
        yield from answer.iter_bytes(16)


def _stream_httpx_raw(url: str) -> Iterator[bytes]:
    with httpx.stream("GET", url, headers=HEADERS) as answer:
        yield from answer.iter_raw(16)


def _stream_httpx2_raw(url: str) -> Iterator[bytes]:
    with httpx2.stream("GET", url, headers=HEADERS) as answer:
        yield from answer.iter_raw(16)


def _stream_urllib(url: str) -> Iterator[bytes]:
    with urllib.request.urlopen(urllib.request.Request(url, headers=HEADERS), timeout=10) as answer:
        while chunk := answer.read1(16):
            yield chunk


def _stepped(chunks: Callable[[], AsyncIterator[bytes]]) -> Iterator[bytes]:
    with asyncio.Runner() as runner:
        steps = chunks()
        try:
            while True:
                try:
                    yield runner.run(_next(steps))
                except StopAsyncIteration:
                    return
        finally:
            runner.run(steps.aclose())  # type: ignore[attr-defined]


async def _next(steps: AsyncIterator[bytes]) -> bytes:
    return await anext(steps)


def _stream_aiohttp(url: str) -> Iterator[bytes]:
    async def chunks() -> AsyncIterator[bytes]:
        async with (
            aiohttp.ClientSession(headers=HEADERS) as client,
            client.get(url) as answer,
        ):
            async for chunk in answer.content.iter_chunked(16):
                yield chunk

    return _stepped(chunks)


def _stream_httpx_async(url: str) -> Iterator[bytes]:
    async def chunks() -> AsyncIterator[bytes]:
        async with (
            httpx.AsyncClient(headers=HEADERS) as client,
            client.stream("GET", url) as answer,
        ):
            async for chunk in answer.aiter_bytes(16):
                yield chunk

    return _stepped(chunks)


def _stream_httpx_async_raw(url: str) -> Iterator[bytes]:
    async def chunks() -> AsyncIterator[bytes]:
        async with (
            httpx.AsyncClient(headers=HEADERS) as client,
            client.stream("GET", url) as answer,
        ):
            async for chunk in answer.aiter_raw(16):
                yield chunk

    return _stepped(chunks)


STREAMS: dict[str, Callable[[str], Iterator[bytes]]] = {
    name.removeprefix("_stream_"): function
    for name, function in list(globals().items())
    if name.startswith("_stream_")
}
every_stream = pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)


@every_stream
def test_a_replayed_answer_can_be_read_in_pieces(
    stream: Callable[[str], Iterator[bytes]], recorded: Path
) -> None:
    """Streaming reads give the whole answer, in more than one piece."""
    with replay.use_cassettes(recorded):
        chunks = list(stream(API + PATH))
    assert len(chunks) > 1
    assert DRAFT == json.loads(b"".join(chunks))["id"]


FIRST, LAST = b"the first chunk ", b"the last chunk  "
"""As long as a client reads at a time: some wait until they have that much."""


class _Slow(ThreadingHTTPServer):
    """Sends one chunk, and the other when it is told to; or one answer in a given encoding."""

    daemon_threads = True

    def __init__(self) -> None:
        self.go = threading.Event()
        self.how = ""
        self.connections = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args: Any) -> None: ...

            def setup(self) -> None:
                super().setup()
                server.connections += 1

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Stripe-Version", NEW)
                if not server.how:
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    self._chunk(FIRST)
                    server.go.wait(10)
                    self._chunk(LAST)
                    self._chunk(b"")
                    return
                self.send_header("Content-Type", "application/json")
                data = json.dumps(invoice(DRAFT, NEW)).encode()
                if "gzip" in server.how:
                    data = gzip.compress(data)
                    self.send_header("Content-Encoding", "gzip")
                if "close" in server.how:
                    self.send_header("Connection", "close")
                if "chunked" in server.how:
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for start in range(0, len(data), 99):
                        self._chunk(data[start : start + 99])
                    self._chunk(b"")
                else:
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

            def _chunk(self, data: bytes) -> None:
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def slow() -> Iterator[_Slow]:
    """A server that is none of the API's, until a test makes it the base."""
    with _Slow() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.go.set()
        server.shutdown()
        thread.join()


@every_stream
def test_the_first_chunk_of_a_foreign_stream_does_not_wait_for_the_last(
    stream: Callable[[str], Iterator[bytes]], slow: _Slow, library: Path
) -> None:
    """A stream of another host arrives as it is sent: the last chunk is not sent before."""
    library.mkdir()
    with replay.use_cassettes(library):
        chunks = stream(slow.url + "/v1/events")
        assert FIRST == next(chunks)
        assert not slow.go.is_set()
        slow.go.set()
        assert LAST == b"".join(chunks)


def test_gzip_chunks_and_keep_alive_make_no_difference(slow: _Slow, library: Path) -> None:
    """However the source sends an answer, the same bytes are recorded, and given to the client."""
    kept, given = set(), set()
    for how in ("plain", "gzip", "chunked", "chunked gzip", "close", "close chunked gzip"):
        slow.how = how
        with replay.use_cassettes(library / how, mode="once", api_base=slow.url):
            given.add(requests.get(slow.url + PATH, headers=HEADERS, timeout=5).content)
            given.add(httpx.get(slow.url + PATH, headers=HEADERS).content)
        (found,) = replay.Library(library / how).cassettes()
        kept |= {(take.response, take.request) for take in found[1].interactions}
    assert 1 == len(kept)
    assert {response.body for response, _ in kept} == given


def test_a_session_keeps_its_connection_to_the_source_alive(slow: _Slow, library: Path) -> None:
    """What is recorded in one session is fetched over one connection."""
    slow.how = "chunked gzip"
    with replay.use_cassettes(library, mode="once", api_base=slow.url):
        for n in range(5):
            id = DRAFT[:-1] + str(n)
            assert 200 == requests.get(f"{slow.url}/v1/invoices/{id}", timeout=5).status_code
    assert 1 == slow.connections


def test_status_lists_of_requests_own_adapter_see_the_takes_in_order(
    stand_in: StandIn, library: Path
) -> None:
    """An adapter with Retry(status_forcelist) retries offline as it did live."""
    busy = {"error": {"type": "idempotency_error", "message": "PRIVATE"}}
    stand_in.script = [(409, {"Stripe-Version": VERSION}, busy)] * 2

    def ask() -> requests.Response:
        retry = urllib3.Retry(3, status_forcelist=[409], backoff_factor=0)
        with requests.Session() as client:
            client.mount("http://", requests.adapters.HTTPAdapter(max_retries=retry))
            answer = client.get(stand_in.url + PATH, headers=HEADERS, timeout=5)
        assert 2 == len(answer.raw.retries.history)
        return answer

    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        recorded = ask()
    stand_in.stop()
    with replay.use_cassettes(library, api_base=stand_in.url) as session:
        assert recorded.content == ask().content
    assert 3 == session.counts.played


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_errors_are_kept_on_request(stand_in: StandIn, library: Path, status: int) -> None:
    """The SDK raises or retries offline as it did while keep_errors recorded."""
    client = stripe_client(stand_in.url, None, max_network_retries=1, stripe_version=NEW)
    stand_in.script = [(status, {"Stripe-Version": NEW}, error(status, "PRIVATE sk_test_x"))]

    def ask() -> str:
        try:
            return client.v1.invoices.retrieve(DRAFT).id
        except stripe.StripeError as raised:
            return f"{type(raised).__name__} {raised.http_status}"

    with replay.use_cassettes(library, mode="once", api_base=stand_in.url, keep_errors=True):
        recorded = [ask(), ask()]
    stand_in.stop()
    assert "PRIVATE" not in "".join(path.read_text() for path in library.rglob("*.yaml"))
    with replay.use_cassettes(library, api_base=stand_in.url) as session:
        assert recorded == [ask(), ask()]
    assert session.counts.played > 1
    assert DRAFT == recorded[1]


def test_users_of_urllib3_in_botocores_way_are_answered(recorded: Path) -> None:
    """Own pools and connections, urlopen without preloading or decoding: as botocore asks."""

    class Connection(urllib3.connection.HTTPSConnection):
        def request_chunked(self, *args: Any, **kwargs: Any) -> Any:
            raise AssertionError("a connection was used")

    class Pool(urllib3.connectionpool.HTTPSConnectionPool):
        ConnectionCls = Connection

    manager = urllib3.PoolManager(maxsize=10)
    manager.pool_classes_by_scheme = {**manager.pool_classes_by_scheme, "https": Pool}
    with replay.use_cassettes(recorded):
        connection = manager.connection_from_url(API)
        assert isinstance(connection, Pool)
        for _ in range(12):
            answer = connection.urlopen(
                method="GET", url=PATH, body=None, headers=HEADERS, retries=urllib3.Retry(False),
                assert_same_host=False, preload_content=False, decode_content=False, chunked=False,
            )  # fmt: skip
            assert DRAFT == json.loads(b"".join(answer.stream()))["id"]


@pytest.mark.parametrize("size", [None, 7], ids=["all at once", "pieces"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_body_that_is_read_without_a_size_ends(
    method: str, size: int | None, recorded: Path
) -> None:
    """Chunks of requests and the stream of urllib3 end where the body does; then it is closed."""

    def all_of(chunks: Iterator[bytes]) -> bytes:
        found = list(itertools.islice(chunks, 10_000))
        assert len(found) < 10_000
        return b"".join(found)

    with replay.use_cassettes(recorded):
        answer = requests.request(method, API + PATH, headers=HEADERS, stream=True, timeout=5)
        by_requests = all_of(answer.iter_content(chunk_size=size))
        raw = urllib3.request(method, API + PATH, headers=HEADERS, preload_content=False)
        assert not raw.closed or method == "HEAD"
        by_urllib3 = all_of(raw.stream(size))
        assert raw.closed
        assert b"" == raw.read()
    assert by_requests == by_urllib3
    assert method == "HEAD" or DRAFT == json.loads(by_requests)["id"]


def test_transports_in_memory_are_untouched(recorded: Path) -> None:
    """WSGI, ASGI and mock transports, and adapters of requests, answer for the API's own host."""

    def wsgi(environ: Any, start: Any) -> list[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        return [b"by wsgi"]

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"by asgi"})

    class Adapter(requests.adapters.BaseAdapter):
        def send(self, request: Any, **options: Any) -> requests.Response:
            answer = requests.Response()
            answer.status_code, answer._content = 200, b"by adapter"
            return answer

        def close(self) -> None: ...

    def answer(request: Any) -> httpx.Response:
        return httpx.Response(200, content=b"by mock")

    async def asked_async() -> list[bytes]:
        found = []
        for transport in (httpx.ASGITransport(asgi), httpx.MockTransport(answer)):
            async with httpx.AsyncClient(transport=transport) as client:
                found.append((await client.get(API + PATH)).content)
        return found

    with replay.use_cassettes(recorded) as session:
        found = []
        for transport in (httpx.WSGITransport(wsgi), httpx.MockTransport(answer)):
            with httpx.Client(transport=transport) as client:
                found.append(client.get(API + PATH).content)
        with requests.Session() as plain:
            plain.mount(API, Adapter())
            found.append(plain.get(API + PATH, timeout=5).content)
        found += asyncio.run(asked_async())
    assert [b"by wsgi", b"by mock", b"by adapter", b"by asgi", b"by mock"] == found
    assert 0 == session.counts.played


def _proxied_aiohttp(url: str, proxy: str) -> bytes:
    async def ask() -> bytes:
        async with aiohttp.ClientSession() as client, client.get(url, proxy=proxy) as answer:
            return await answer.read()

    return asyncio.run(ask())


def _proxied_httpx(url: str, proxy: str) -> bytes:
    with httpx.Client(proxy=proxy) as client:
        return client.get(url).content


def _proxied_urllib(url: str, proxy: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy}))
    with opener.open(url, timeout=5) as answer:
        return bytes(answer.read())


PROXIED: dict[str, Callable[[str, str], bytes]] = {
    "requests": lambda url, proxy: requests.get(url, proxies={"http": proxy}, timeout=5).content,
    "urllib3": lambda url, proxy: urllib3.ProxyManager(proxy).request("GET", url).data,
    "httpx": _proxied_httpx,
    "aiohttp": _proxied_aiohttp,
    "urllib": _proxied_urllib,
}


@pytest.mark.parametrize("ask", PROXIED.values(), ids=PROXIED)
def test_foreign_calls_go_through_their_proxy(
    ask: Callable[[str, str], bytes], recorded: Path
) -> None:
    """A call to another host reaches the proxy that the client names, as without a session."""
    with StandIn() as proxy:
        proxy.compress = False
        with replay.use_cassettes(recorded):
            answer = json.loads(ask(f"http://shop.example{PATH}", proxy.url))
        assert answer["customer_name"].startswith("PRIVATE")
        assert {PATH: 1} == proxy.hits


@pytest.fixture
def redirecting(stand_in: StandIn) -> StandIn:
    """The source, which answers the first call with a redirect to its draft invoice."""
    stand_in.script = [(303, {"Location": stand_in.url + PATH}, {})]
    return stand_in


def _post_requests(url: str) -> Any:
    return requests.post(url, data={"customer": "cus_1"}, headers=HEADERS, timeout=5).json()


def _post_httpx(url: str) -> Any:
    return httpx.post(
        url, data={"customer": "cus_1"}, headers=HEADERS, follow_redirects=True
    ).json()


def _post_urllib(url: str) -> Any:
    asked = urllib.request.Request(url, b"customer=cus_1", HEADERS)
    with urllib.request.urlopen(asked, timeout=5) as found:
        return json.loads(found.read())


def _post_aiohttp(url: str) -> Any:
    async def ask() -> Any:
        async with (
            aiohttp.ClientSession(headers=HEADERS) as client,
            client.post(url, data={"customer": "cus_1"}) as answer,
        ):
            return await answer.json()

    return asyncio.run(ask())


@pytest.mark.parametrize("post", [_post_requests, _post_httpx, _post_urllib, _post_aiohttp])
@pytest.mark.parametrize("through", ["the API", "another host"])
def test_a_redirect_to_a_read_is_not_let_through(
    post: Callable[[str], Any], through: str, redirecting: StandIn, library: Path
) -> None:
    """A write that is let through, or a call to another host, ends where the API is read."""
    library.mkdir()
    base = redirecting.url
    with StandIn() as other:
        if through == "another host":
            other.script, redirecting.script = redirecting.script, []
            base = other.url
        with (
            pytest.raises(replay.ReplayError) as refused,
            replay.use_cassettes(library, api_base=redirecting.url, other_calls="pass"),
        ):
            post(f"{base}/v1/invoices")
        assert {"/v1/invoices": 1} == redirecting.hits | other.hits
    assert isinstance(refused.value, replay.CassetteNotFound | replay.CallRefused)


def test_aiohttp_follows_redirects_that_are_let_through(
    redirecting: StandIn, library: Path
) -> None:
    """From a write to a call that is no read of replay's."""
    library.mkdir()
    redirecting.script = [(307, {"Location": f"{redirecting.url}/v1/invoices/{DRAFT}"}, {})]
    with replay.use_cassettes(library, api_base=redirecting.url, other_calls="pass"):
        assert DRAFT == _post_aiohttp(f"{redirecting.url}/v1/invoices")["id"]
    assert {"/v1/invoices": 1, PATH: 1} == redirecting.hits


def _post_by_http2(module: Any, url: str) -> bytes:
    with module.Client(http1=False, http2=True, timeout=60) as client:
        return bytes(client.post(url, data={"a": "b"}).content)


def _post_by_http2_async(module: Any, url: str) -> bytes:
    async def ask() -> bytes:
        async with module.AsyncClient(http1=False, http2=True, timeout=60) as client:
            return bytes((await client.post(url, data={"a": "b"})).content)

    return asyncio.run(ask())


@pytest.mark.parametrize("module", [httpx, httpx2])
@pytest.mark.parametrize("post", [_post_by_http2, _post_by_http2_async])
def test_a_long_answer_by_http2_is_let_through_whole(
    post: Callable[[Any, str], bytes], module: Any, library: Path
) -> None:
    """HTTP/2 sends while it reads; where the call was let through, that is too."""
    library.mkdir()
    body = b"x" * (18 << 20)  # more than a client's first window
    with (
        Http2Source(body) as source,
        replay.use_cassettes(library, api_base=source.url, other_calls="pass"),
    ):
        assert body == post(module, f"{source.url}/v1/invoices")
    assert [b"POST"] == source.methods


@pytest.mark.parametrize("host", ["files", "connect", "meter-events"])
def test_every_host_of_the_api_is_answered_by_the_path(host: str, recorded: Path) -> None:
    """They are kept from the network like the first, and share its cassettes."""
    with replay.use_cassettes(recorded):
        found = requests.get(f"https://{host}.stripe.com{PATH}", headers=HEADERS, timeout=5)
    assert DRAFT == found.json()["id"]
