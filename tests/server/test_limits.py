"""Hard against the network: raw sockets, hostile framing, slow clients, foreign names."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.served import OTHER, Served
from support.standin import DRAFT, NEW, StandIn

import replay
from replay.library.format import codec
from replay.server import limits
from replay.server.app import MAX_BODY

Serve = Callable[..., Served]

HANGS = 30
"""Seconds after which what should come at once never comes; a busy machine has them."""

TARGET = f"/v1/invoices/{DRAFT}"
HEAD = f"GET {TARGET} HTTP/1.1\r\nHost: 127.0.0.1\r\nStripe-Version: {NEW}\r\n".encode()


def connect(served: Served) -> socket.socket:
    """A raw connection."""
    parts = urlsplit(served.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=HANGS)


def told(connection: socket.socket) -> bytes:
    """All that the server says until it closes."""
    found = b""
    try:
        while piece := connection.recv(1 << 16):
            found += piece
    except ConnectionError:  # it closed with something unread
        pass
    return found


def talk(served: Served, *pieces: bytes) -> bytes:
    """Say something, and listen until the server closes."""
    with connect(served) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return told(connection)


def status(answer: bytes) -> int:
    """The status of the first answer."""
    assert answer.startswith(b"HTTP/1.1 "), answer
    return int(answer.split()[1])


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:12111", "127.0.0.1.evil.example", "localhost.evil.example",
     "169.254.169.254", "0.0.0.1", "", "[::2]", "127.0.0.1@evil.example", "api.stripe.com"],
)  # fmt: skip
def test_row_52_a_foreign_host_is_refused(served: Served, host: str) -> None:
    """A name that resolves to this machine is not this server's name (DNS rebinding)."""
    answer = served.get(TARGET, headers={"Host": host, "Stripe-Version": NEW})
    assert 403 == answer.status_code
    for path in ("/_replay/", "/_replay/state.json", "/_replay/healthz"):
        assert 403 == served.get(path, headers={"Host": host}).status_code
    assert 403 == served.post("/_replay/reset", headers={"Host": host}).status_code


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:1", "localhost:12111", "LocalHost", "[::1]:5", "127.0.0.9"]
)
def test_names_of_loopback_are_its_own(served: Served, host: str) -> None:
    """In every spelling, whatever the port: a proxy or container may map it."""
    assert 200 == served.get(TARGET, headers={"Host": host, "Stripe-Version": NEW}).status_code


def test_a_name_can_be_allowed(recorded: Path, serve: Serve) -> None:
    """Such as a container's; others stay foreign."""
    served = serve(hosts=("stripe.test",))
    for host, expected in (("stripe.test:80", 200), ("STRIPE.test.", 200), ("a.stripe.test", 403)):
        answer = served.get(TARGET, headers={"Host": host, "Stripe-Version": NEW})
        assert expected == answer.status_code, host


def test_no_host_and_two_hosts_are_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could be read two ways is not answered, nor is what follows on the connection."""
    monkeypatch.setattr(limits, "ARRIVAL", 2 * HANGS)  # the end comes at once, not after a time
    nameless = f"GET {TARGET} HTTP/1.1\r\n\r\n".encode()
    twice = HEAD + b"Host: 127.0.0.1\r\n\r\n"
    foreign = f"GET {TARGET} HTTP/1.1\r\nHost: evil.example\r\n\r\n".encode()
    for request, expected in ((nameless, 403), (twice, 400), (foreign, 403)):
        answer = talk(served, request + HEAD + b"\r\n")
        assert expected == status(answer)
        assert 1 == answer.count(b"HTTP/1.1 ")


FRAMING = {
    "row 53, length first": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "row 53, encoding first": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "the same length twice": b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of lengths": b"Content-Length: 5, 5\r\n\r\nhello",
    "a signed length": b"Content-Length: +5\r\n\r\nhello",
    "a length in hex": b"Content-Length: 0x5\r\n\r\nhello",
    "a space before the colon": b"Content-Length : 5\r\n\r\nhello",
    "an encoding that is not chunked": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "an encoding before chunked": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "an encoding in a line of its own": b"Transfer-Encoding: gzip\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "two encodings": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "row 55, CR inside": b"X: a\rb\r\n\r\n",
    "row 55, CR before a header": b"X: a\rContent-Length: 5\r\n\r\nhello",
    "LF alone": b"X: a\nY: b\r\n\r\n",
    "NUL": b"X: a\x00b\r\n\r\n",
    "a folded line": b"X: a\r\n b\r\n\r\n",
    "a broken chunk": b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
}


@pytest.mark.parametrize("lines", FRAMING.values(), ids=FRAMING)
def test_ambiguous_framing_is_refused(served: Served, lines: bytes) -> None:
    """Rows 53 and 55, and their like: one 4xx, then the connection ends; no call is served."""
    smuggled = HEAD + b"Connection: close\r\n\r\n"
    answer = talk(served, HEAD + lines + smuggled)
    assert 400 == status(answer)
    assert 1 == answer.count(b"HTTP/1.1 ")
    assert b"replay_call_refused" in answer
    assert 0 == served.app.journal.answered


@pytest.mark.parametrize(
    "line",
    [b"Stripe-Version: 2024-06-20", b"Stripe-Account: acct_1a\r\nStripe-Account: acct_1b",
     b"Authorization: Bearer a\r\nAuthorization: Bearer b",
     b"Replay-Session: a\r\nReplay-Session: b"],
)  # fmt: skip
def test_a_header_that_decides_is_given_once(served: Served, line: bytes) -> None:
    """Which of two versions, accounts, keys or sessions counts is not for us to guess."""
    answer = talk(served, HEAD + line + b"\r\nConnection: close\r\n\r\n")
    assert 400 == status(answer)
    assert b"a header is given twice" in answer


def test_what_is_no_http_is_answered_and_closed(served: Served) -> None:
    """TLS, HTTP/2 and CONNECT to a port that speaks HTTP/1."""
    for hello in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 100,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT api.stripe.com:443 HTTP/1.1\r\nHost: api.stripe.com:443\r\n\r\n",
    ):
        assert 400 == status(talk(served, hello))


@pytest.mark.parametrize(
    "request_",
    [
        HEAD + b"X: " + b"a" * limits.MAX_HEAD + b"\r\n\r\n",
        HEAD + b"X: " + b"a" * 2 * limits.MAX_HEAD,
        HEAD + b"".join(b"X%d: a\r\n" % n for n in range(limits.MAX_LINES + 1)) + b"\r\n",
        b"GET /" + b"a" * limits.MAX_HEAD + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
        + b"".join(b"X%d: a\r\n" % n for n in range(limits.MAX_LINES + 1)) + b"\r\n",
    ],
    ids=["a long line", "a line without end", "many lines", "a long path", "many trailers"],
)  # fmt: skip
def test_a_head_has_a_size(served: Served, request_: bytes) -> None:
    """Too much is refused while it arrives."""
    with connect(served) as connection:
        for start in range(0, len(request_), 4096):
            try:
                connection.sendall(request_[start : start + 4096])
            except ConnectionError:
                break
        answer = told(connection)
    assert not answer or 431 == status(answer)
    assert 0 == served.app.journal.answered


def test_the_largest_head_passes(served: Served) -> None:
    """A request just below the bounds is answered."""
    padding = b"X: " + b"a" * (limits.MAX_HEAD - len(HEAD) - 100) + b"\r\n"
    assert 200 == status(talk(served, HEAD + padding + b"Connection: close\r\n\r\n"))


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_has_a_size(served: Served, chunked: bool) -> None:
    """Whether or not its length is said before."""
    body = b"a" * (MAX_BODY + 1)

    def pieces() -> Iterator[bytes]:
        yield from (body[n : n + 65536] for n in range(0, len(body), 65536))

    answer = served.post(TARGET, content=pieces() if chunked else body)
    assert 413 == answer.status_code


def test_a_length_that_is_too_large_is_refused_at_once(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The body is not waited for (that would be a 408), and no second answer follows."""
    monkeypatch.setattr(limits, "ARRIVAL", 1.5)
    head = f"POST {TARGET} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n"
    with connect(served) as connection:
        connection.sendall(head.encode())
        first = connection.recv(1 << 16)
        answer = first + told(connection)
    assert 413 == status(answer)
    assert 1 == answer.count(b"HTTP/1.1 ")


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", ["http:// and not https://"]),
        (HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
         []),
    ],
    ids=["TLS", "an offer of HTTP/2"],
)  # fmt: skip
def test_the_log_says_what_to_look_at(
    served: Served, caplog: pytest.LogCaptureFixture, request_: bytes, said: list[str]
) -> None:
    """Of a request that cannot be read, once; of an offer that is not taken up, nothing."""
    with caplog.at_level(logging.INFO), connect(served) as connection:
        connection.sendall(request_)
        assert status(connection.recv(1 << 16)) == (400 if said else 200)
    records = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("replay.") or record.levelno >= logging.WARNING
    ]  # the server may tell at any time that it has started
    assert len(said) == len(records), records
    assert all(text in record for text, record in zip(said, records, strict=True))


def closed_after(served: Served, first: bytes, drip: bytes) -> tuple[float, bytes]:
    """Seconds until the server ends a connection that drips, and what it said."""
    with connect(served) as connection:
        begun = time.monotonic()
        connection.sendall(first)
        connection.settimeout(0.3)
        while time.monotonic() - begun < HANGS:
            try:
                answer = connection.recv(1 << 16)
            except TimeoutError:
                connection.sendall(drip)
            except ConnectionError:
                return time.monotonic() - begun, b""
            else:
                return time.monotonic() - begun, answer
    raise AssertionError("the server waited for ever")


@pytest.mark.parametrize(
    ("first", "drip"),
    [
        (HEAD, b"X: a\r\n"),
        (b"", b""),
        (b"", b"\r\n"),
        (
            f"POST {TARGET} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n".encode(),
            b"a",
        ),
    ],
    ids=["row 54, slow headers", "silence", "empty lines", "a slow body"],
)
def test_row_54_slow_clients_are_closed(
    served: Served, first: bytes, drip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request has its time from its first byte on, however busily it drips."""
    assert 5 >= limits.ARRIVAL
    monkeypatch.setattr(limits, "ARRIVAL", 1.5)
    seconds, answer = closed_after(served, first, drip)
    assert 1 <= seconds
    assert not answer or 408 == status(answer)
    assert bool(answer) == (len(first) > 2)


def test_slow_headers_are_closed_on_a_connection_that_was_kept(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 54 after an answer; `make nasty` proves the bound of five seconds as it is."""
    monkeypatch.setattr(limits, "ARRIVAL", 1.5)
    with connect(served) as connection:
        connection.sendall(HEAD + b"\r\n")
        answer = b""
        while not answer.endswith(b"}"):  # head and body may come one after the other
            answer += connection.recv(1 << 16)
        assert 200 == status(answer)
        begun = time.monotonic()
        connection.sendall(b"GET ")
        assert 408 == status(told(connection))
        assert 1 <= time.monotonic() - begun


def test_a_client_that_takes_nothing_is_closed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that nobody takes are dropped with their connection."""
    monkeypatch.setattr(limits, "DRAIN", 0.5)
    parts = urlsplit(served.url)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(5)
        connection.connect((parts.hostname, parts.port))
        for _ in range(3000):
            try:
                connection.sendall(HEAD + b"\r\n")
            except OSError:
                break
        time.sleep(1.5)
        told(connection)
    assert 0 < served.app.journal.answered < 3000


@pytest.mark.parametrize("path", ["/_replay/reset", TARGET])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_pages_of_other_origins_are_refused(
    served: Served, path: str, headers: dict[str, str]
) -> None:
    """A page in somebody's browser can neither end a session nor move its takes on."""
    served.retrieve()
    method = "POST" if path == "/_replay/reset" else "GET"
    answer = served.request(method, path, headers={**headers, "Stripe-Version": NEW})
    assert 403 == answer.status_code
    assert 1 == served.app.sessions.of("").session.counts.played


def test_its_own_page_may_ask_and_a_link_may_lead_there(served: Served) -> None:
    """What a browser sends with the page's own requests, and with a click on a link."""
    own = {"Origin": served.url, "Sec-Fetch-Site": "same-origin"}
    assert 200 == served.post("/_replay/reset", headers=own).status_code
    assert 200 == served.get("/_replay/", headers={"Sec-Fetch-Site": "cross-site"}).status_code


def test_the_page_is_locked_down(served: Served) -> None:
    """No frame, no foreign resource, no guessing of types, no cache."""
    headers = served.get("/_replay/").headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "nosniff" == headers["X-Content-Type-Options"]
    assert "no-store" == headers["Cache-Control"]


def test_an_answer_says_nothing_of_the_server(served: Served) -> None:
    """Neither software nor clock: the same bytes each time."""
    assert not {"server", "date"} & set(served.retrieve().headers)
    first, second = (talk(served, HEAD + b"Connection: close\r\n\r\n") for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "name",
    ["a b", "-a", "a" * 101, "../x", "<b>", "a;b", "é"],
)
def test_a_session_has_a_plain_name(served: Served, name: str) -> None:
    """Names are listed on a page and in logs."""
    answer = served.get(TARGET, headers={b"Replay-Session": name.encode("latin-1")})
    assert 400 == answer.status_code
    assert "not a session name" in answer.json()["error"]["message"]


def test_the_number_of_sessions_is_bounded(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who never ends them is told to; the open ones keep their takes."""
    monkeypatch.setattr("replay.server.sessions.MAX_SESSIONS", 3)
    for name in ("a", "b", "c"):
        assert 200 == served.retrieve(**{"Replay-Session": name}).status_code
    full = served.retrieve(**{"Replay-Session": "d"})
    assert 400 == full.status_code
    assert "POST /_replay/reset" in full.json()["error"]["message"]
    assert 200 == served.retrieve(**{"Replay-Session": "a"}).status_code
    assert 1 == served.reset("b").json()["played"]
    assert 200 == served.retrieve(**{"Replay-Session": "d"}).status_code


def test_endless_different_requests_leave_nothing_behind(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither calls nor spellings nor refusals nor exceptions grow with the questions."""
    monkeypatch.setattr("replay.session.calls._SPELLINGS", 50)
    for n in range(200):
        assert 404 == served.retrieve(f"{DRAFT[:-3]}{n:03}").status_code
    for n in range(200):
        path = f"/v1/invoices/{OTHER}?expand[{n}]=payments"
        assert 200 == served.get(path, headers={"Stripe-Version": NEW}).status_code
    hosted = served.app.sessions.of("")
    assert (200, 100) == (hosted.refused, len(hosted.refusals))
    assert [] == hosted.session.refusals
    (store,) = hosted.session._stores
    assert [OTHER] == [playback.call.key.id for playback in store._table]
    assert 50 >= len(store._table._by_spelling)


def test_row_56_two_cookies_of_the_live_source_are_not_kept(
    stand_in: StandIn, library: Path, serve: Serve
) -> None:
    """They are in neither the answer nor the cassette."""
    served = serve(mode="once", api_base=stand_in.url)
    stand_in.script.append(
        (
            200,
            {"Set-Cookie": "a=PRIVATE1\r\nSet-Cookie: b=PRIVATE2"},
            {"id": OTHER, "object": "invoice"},
        )
    )
    answer = served.retrieve(OTHER)
    assert 200 == answer.status_code
    assert "Set-Cookie" not in answer.headers
    written = [path.read_text("utf-8") for path in library.rglob("*.yaml")]
    assert 1 == len(written)
    assert "PRIVATE" not in written[0]


@pytest.mark.parametrize(
    "line",
    [
        ("Set-Cookie", "a=1"), ("X-Split", "a\r\nX-Smuggled: 1"), ("X Y", "a"),
        ("Transfer-Encoding", "chunked"), ("Content-Length", "7"), ("Connection", "close"),
        ("Location", "http://127.0.0.1:9/"),
    ],
)  # fmt: skip
def test_no_header_of_a_strangers_is_served(
    served: Served, recorded: Path, line: tuple[str, str]
) -> None:
    """A cassette with a header that replay does not record is refused, and the error names it."""
    library = replay.Library(recorded)
    cassette = library.read(f"invoices/{DRAFT}/{NEW}.yaml")
    assert cassette is not None
    take = cassette.interactions[0]
    lines = (*take.response.headers, line)
    edited = replace(take, response=replace(take.response, headers=lines))
    text = codec.dumps(replace(cassette, interactions=(edited,)))
    (recorded / "invoices" / DRAFT / f"{NEW}.yaml").write_text(text, "utf-8")
    answer = served.retrieve()
    assert 500 == answer.status_code
    assert "interactions[0].response.headers" in answer.json()["error"]["message"]
    assert DRAFT not in answer.json()
    sent = {name.lower() for name in answer.headers}
    assert not {"set-cookie", "x-split", "x-smuggled", "x y", "location"} & sent
