"""Rows 52 to 60 of the nasty inputs: requests to the server, and values that YAML confuses."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import yaml
from ruamel.yaml import YAML
from vcr.serialize import deserialize
from vcr.serializers import yamlserializer

from replay.config import resolve
from replay.library import Library
from replay.library.format import codec
from replay.library.library import storage_of
from replay.server import create_app
from replay.server.running import ServerThread
from support.nasty import Bench, row
from support.standin import DRAFT, OLD
from support.takes import CONTROL, KEY, VERSION, cassette, document
from support.writing import unchecked

HEAD = f"GET /v1/invoices/{DRAFT} HTTP/1.1\r\nAuthorization: Bearer sk_test_x\r\n"
HOST = "Host: 127.0.0.1\r\n"
VERSIONED = f"Stripe-Version: {OLD}\r\n"


@contextmanager
def served(bench: Bench, mode: str = "none") -> Iterator[str]:
    """The address of a replay server before the bench's library."""
    app = create_app(resolve(library=bench.library, mode=mode, api_base=bench.source.url))
    with ServerThread(app) as server:
        yield server.url
    app.sessions.close()


def talk(url: str, text: str) -> bytes:
    """Say something to a server, and listen until it closes."""
    parts = urlsplit(url)
    told = b""
    with socket.create_connection((parts.hostname, parts.port), timeout=15) as connection:
        connection.sendall(text.encode("latin-1"))
        while chunk := connection.recv(1 << 16):
            told += chunk
    return told


def status(bench: Bench, text: str) -> str:
    """The status of the one answer to a text; the server is alive after it."""
    bench.recorded()
    with served(bench) as url:
        with bench.timed():
            told = talk(url, text)
        whole = talk(url, f"{HEAD}{HOST}{VERSIONED}Connection: close\r\n\r\n")
        assert whole.startswith(b"HTTP/1.1 200 "), whole
    assert 1 == told.count(b"HTTP/1.1 "), told
    code = told.split()[1].decode()
    assert code.startswith("4"), told
    assert b"PRIVATE" not in told
    return f"HTTP {code}"


@row(52, "server: a foreign Host header", "4")
def _(bench: Bench) -> str:
    return status(bench, f"{HEAD}Host: evil.example\r\n{VERSIONED}Connection: close\r\n\r\n")


@row(53, "server: Content-Length with Transfer-Encoding", "4")
def _(bench: Bench) -> str:
    return status(
        bench,
        f"{HEAD}{HOST}{VERSIONED}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        f"{HEAD}{HOST}{VERSIONED}Connection: close\r\n\r\n",
    )


@row(54, "server: slow headers", "4")
def _(bench: Bench) -> str:
    bench.recorded()
    with served(bench) as url:
        parts = urlsplit(url)
        start = time.monotonic()
        with socket.create_connection((parts.hostname, parts.port), timeout=0.5) as connection:
            connection.sendall(HEAD.encode())
            told = None
            while told is None and time.monotonic() - start < 20:
                try:
                    told = connection.recv(1 << 16)
                except TimeoutError:
                    connection.sendall(b"X: a\r\n")
                except ConnectionError:
                    told = b""
    seconds = time.monotonic() - start
    assert told is not None
    assert not told or told.startswith(b"HTTP/1.1 4")
    assert 4 < seconds < 15
    return f"closed after {seconds:.1f} s"


@row(55, "server: CR inside a header", "4")
def _(bench: Bench) -> str:
    return status(bench, f"{HEAD}{HOST}X: a\rContent-Length: 5\r\n\r\n")


@row(56, "server: two Set-Cookie headers in the response", "D")
def _(bench: Bench) -> str:
    cookies = {"Set-Cookie": "a=PRIVATE1\r\nSet-Cookie: b=PRIVATE2"}
    bench.source.script = [(200, cookies, {"id": DRAFT, "object": "invoice"})]
    ask = f"{HEAD}{HOST}{VERSIONED}Connection: close\r\n\r\n"
    with served(bench, "once") as url:
        told = talk(url, ask)
    assert told.startswith(b"HTTP/1.1 200 ")
    (path,) = bench.written()
    assert b"PRIVATE" not in told + path.read_bytes()
    assert b"set-cookie" not in told.lower()
    return "recorded without cookies"


def exact(bench: Bench, *values: str) -> str:
    """P: as text, key, header and body, read back equal by us and three other readers."""
    library = Library(bench.library)
    for value in values:
        body = {"id": value, "list": [value], value: {"deep": value}}
        # Beside a body no control character is read: row 63.
        plain = CONTROL.search(value) is None
        beside = {"redacted": {f"/{value}": "text"}} if plain else {}
        made = cassette(body, version=VERSION, **beside)
        with storage_of(library).lock(KEY), bench.timed():
            path = storage_of(library).write(made, unchecked)
        assert made == library.load(KEY, VERSION)
        text = path.read_text("ascii")
        expected: Any = document(made)
        assert expected == yaml.safe_load(text), ascii(value)[:40]
        assert expected == YAML(typ="safe", pure=True).load(text), ascii(value)[:40]
        requests, responses = deserialize(text, yamlserializer)[:2]
        assert made.interactions[0].response.body == responses[0]["body"]["string"]
        assert made.interactions[0].request.uri == requests[0].uri
        assert made == codec.loads(text.replace("\n", "\r\n").encode(), str(path))
    return f"{len(values)} values equal, by PyYAML, ruamel.yaml and vcrpy too"


@row(57, "YAML: on no ~ = <<", "P")
def _(bench: Bench) -> str:
    return exact(bench, "on", "no", "~", "=", "<<", "y", "Off", "null", "TRUE")


@row(58, "YAML: 1e3 0089 12:30:45 2024-01-01", "P")
def _(bench: Bench) -> str:
    return exact(bench, "1e3", "0089", "12:30:45", "2024-01-01", "0o17", "0x1F", "1_000", ".inf")


@row(59, "YAML: NEL, U+2028, BOM, control characters", "P")
def _(bench: Bench) -> str:
    controls = [chr(n) for n in (*range(32), *range(127, 160))]
    return exact(bench, "\x85", "a\u2028b", "\u2029", "\ufeff", "a\ufeffb", "\ufffe", *controls)


@row(60, "YAML: leading and trailing spaces, a line of 200 kB", "P")
def _(bench: Bench) -> str:
    return exact(bench, " a", "a ", "  ", "\t", " \n ", "x " * 100_000, "\u00fc" * 100_000)
