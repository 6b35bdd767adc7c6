"""Answers that are no JSON, read by each client as a stream: named, not recorded, and no harm."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import stripe
import urllib3
from support.clients import HEADERS
from support.standin import NEW, generated

import replay

PDF = b"%PDF-1.7\n\x00\xff\xfe" + bytes(range(256)) * 400
EVENTS = b"".join(b'event: x\ndata: {"n": %d}\n\n' % number for number in range(50))
QUOTE, FILE = generated("qt", "quote"), generated("file", "file")
FILES = [f"/v1/quotes/{QUOTE}/pdf", f"/v1/files/{FILE}/contents"]

FORMS: dict[str, tuple[bytes, str, str]] = {
    "length": (PDF, "application/pdf", ""),
    "chunked": (PDF, "application/pdf", "chunked"),
    "gzip": (gzip.compress(PDF), "application/octet-stream", "gzip"),
    "large": (bytes(1 << 20), "application/octet-stream", "chunked"),
    "text": (b"a,b\n1,2\n", "text/csv", ""),
    "page": (b"<html>busy</html>", "text/html", ""),
    "lines": (b'{"a": 1}\n{"a": 2}\n', "application/x-ndjson", "chunked"),
    "events": (EVENTS, "text/event-stream", "chunked"),
    "empty": (b"", "application/pdf", ""),
}
"""Body, content type and encoding, by the last part of an ID."""

JSON = "application/json"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        id = self.path.partition("?")[0].rpartition("/")[2]
        body, kind, encoding = b'{"id": "%s", "object": "invoice"}' % id.encode(), JSON, ""
        if self.path in FILES:
            body, kind, encoding = FORMS["chunked"]
        for name, form in FORMS.items():
            if id == generated("in", name):
                body, kind, encoding = form
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Stripe-Version", NEW)
        if encoding == "gzip":
            self.send_header("Content-Encoding", "gzip")
        if encoding == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if encoding == "chunked":
            for start in range(0, len(body), 9973):
                part = body[start : start + 9973]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            body = b"0\r\n\r\n"
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture(scope="module")
def source() -> Iterator[str]:
    """The base address of a source whose answers have all these forms."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def by_requests(base: str, path: str) -> bytes:
    with requests.get(base + path, headers=HEADERS, stream=True, timeout=5) as answer:
        return b"".join(answer.iter_content(1000))


def by_urllib3(base: str, path: str) -> bytes:
    answer = urllib3.PoolManager().request(
        "GET", base + path, headers=HEADERS, preload_content=False
    )
    try:
        return b"".join(answer.stream(1000))
    finally:
        answer.release_conn()


def by_httpx(base: str, path: str) -> bytes:
    with httpx.stream("GET", base + path, headers=HEADERS) as answer:
        return b"".join(answer.iter_bytes(1000))


def by_httpx_async(base: str, path: str) -> bytes:
    async def main() -> bytes:
        async with (
            httpx.AsyncClient(headers=HEADERS) as client,
            client.stream("GET", base + path) as answer,
        ):
            return b"".join([part async for part in answer.aiter_bytes()])

    return asyncio.run(main())


def by_aiohttp(base: str, path: str) -> bytes:
    async def main() -> bytes:
        async with aiohttp.ClientSession(headers=HEADERS) as client, client.get(base + path) as got:
            return b"".join([part async for part in got.content.iter_chunked(1000)])

    return asyncio.run(main())


def by_http_client(base: str, path: str) -> bytes:
    connection = http.client.HTTPConnection(base.removeprefix("http://"))
    connection.request("GET", path, headers=HEADERS)
    found = connection.getresponse().read()
    connection.close()
    return found


def by_urllib(base: str, path: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(base + path, headers=HEADERS)) as answer:
        return b"".join(iter(lambda: answer.read(1000), b""))


CALLS: dict[str, Callable[[str, str], bytes]] = {
    name.removeprefix("by_"): function
    for name, function in list(globals().items())
    if name.startswith("by_")
}


@pytest.mark.parametrize("name", CALLS)
def test_an_answer_that_is_no_json_breaks_nothing(name: str, source: str, library: Path) -> None:
    """Each client gets all of it; the other reads of the session are recorded, and replayed."""
    good = [generated("in", "before"), generated("in", "after")]
    with replay.use_cassettes(library, mode="once", api_base=source) as session:
        CALLS[name](source, f"/v1/invoices/{good[0]}")
        for form, (body, _, encoding) in FORMS.items():
            expected = gzip.decompress(body) if encoding == "gzip" else body
            assert expected == CALLS[name](source, f"/v1/invoices/{generated('in', form)}"), form
        CALLS[name](source, f"/v1/invoices/{good[1]}")
        assert (2, len(FORMS), 0) == (
            session.counts.recorded, session.counts.unrecorded, session.counts.refused,
        )  # fmt: skip
        (note,) = session.notes
        assert "/v1/invoices/{invoice} was answered but not recorded: the answer is not" in note
    assert sorted(good) == sorted(path.name for path in (library / "invoices").iterdir())
    with replay.use_cassettes(library, api_base=source):
        for id in good:
            assert id.encode() in CALLS[name](source, f"/v1/invoices/{id}")


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("mode", ["none", "once", "all"])
def test_a_file_is_refused_or_let_through(name: str, mode: str, source: str, library: Path) -> None:
    """In every mode: what is recorded for a file could not be replayed. One note names each."""
    library.mkdir()
    for path in FILES:
        with (
            pytest.raises(replay.CallRefused, match="a file, not JSON"),
            replay.use_cassettes(library, mode=mode, api_base=source),
        ):
            CALLS[name](source, path)
    passing = replay.use_cassettes(library, mode=mode, api_base=source, other_calls="pass")
    with passing as session:
        for path in FILES * 2:
            assert PDF == CALLS[name](source, path)
    assert [
        "GET /v1/quotes/{quote}/pdf was let through, and not recorded: its answer is a file",
        "GET /v1/files/{file}/contents was let through, and not recorded: its answer is a file",
    ] == session.notes
    assert [] == [*library.rglob("*.yaml")]


def test_the_sdks_methods_for_files(source: str, library: Path) -> None:
    """`quotes.pdf`, in both kinds, beside a read that is recorded."""
    library.mkdir()
    id = generated("in", "sdk")

    async def asynchronous() -> bytes:
        http_client = stripe.HTTPXClient()
        client = _files_from(source, http_client)
        try:
            answer = await client.v1.quotes.pdf_async(QUOTE)
            return b"".join([part async for part in answer.stream()])
        finally:
            await http_client.close_async()

    passing = replay.use_cassettes(library, mode="once", api_base=source, other_calls="pass")
    with passing as session:
        client = _files_from(source, stripe.RequestsClient())
        assert PDF == client.v1.quotes.pdf(QUOTE).io.read()
        assert id == client.v1.invoices.retrieve(id).id
        assert PDF == asyncio.run(asynchronous())
    assert (1, 1) == (session.counts.recorded, len(session.notes))


def _files_from(source: str, http_client: Any) -> stripe.StripeClient:
    addresses: Any = {"api": source, "files": source}
    return stripe.StripeClient("sk_test_x", http_client=http_client, base_addresses=addresses)
