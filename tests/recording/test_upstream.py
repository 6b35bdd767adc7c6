"""The one exit to the network, against real servers on loopback that behave and misbehave."""

from __future__ import annotations

import gzip
import socketserver
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
from support.raw import Raw
from support.standin import DRAFT, OLD, StandIn

from replay.errors import ConfigError, UpstreamError
from replay.model.cassette import Request, header
from replay.recording.upstream import MAX_BODY, Undecodable, Upstream, passing

PATH = f"/v1/invoices/{DRAFT}"
KEY = "sk_test_PRIVATE"
BODY = b'{"id": "in_1", "text": "' + b"long " * 500 + b'"}'


def request(**headers: str) -> Request:
    """A client's request; underscores stand for dashes."""
    lines = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Request("GET", f"https://api.stripe.com{PATH}", lines)


@contextmanager
def opened(base: str, timeout: float = 5) -> Iterator[Upstream]:
    """An upstream that is closed in the end."""
    with closing(Upstream(base, timeout=timeout)) as upstream:
        yield upstream


@pytest.fixture
def live(stand_in: StandIn) -> Iterator[Upstream]:
    """An upstream of the stand-in."""
    with opened(stand_in.url) as upstream:
        yield upstream


def answer(body: bytes, *lines: str) -> bytes:
    """An HTTP answer."""
    head = ["HTTP/1.1 200 OK", "Connection: close", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def test_sends_what_is_allowed(stand_in: StandIn, live: Upstream) -> None:
    """Of a client's headers only key and account travel; nothing tells who or what asks."""
    live.fetch(
        request(
            authorization=f"Bearer {KEY}",
            STRIPE_ACCOUNT="acct_1",
            Stripe_Context="ctx_1",
            User_Agent="Stripe/v1 PRIVATE",
            X_Stripe_Client_User_Agent="PRIVATE",
            Cookie="PRIVATE",
            Idempotency_Key="PRIVATE",
            Stripe_Version="PRIVATE",
            Accept_Encoding="br",
            If_None_Match="PRIVATE",
            Range="bytes=0-1",
            Content_Type="PRIVATE",
        ),
        PATH,
        OLD,
    )
    assert [
        {
            "host": stand_in.url.removeprefix("http://"),
            "accept": "*/*",
            "connection": "keep-alive",
            "accept-encoding": "gzip, deflate",
            "user-agent": "replay-cassettes",
            "authorization": f"Bearer {KEY}",
            "stripe-account": "acct_1",
            "stripe-context": "ctx_1",
            "stripe-version": OLD,
        }
    ] == stand_in.seen


def test_sends_no_version_unasked(stand_in: StandIn, live: Upstream) -> None:
    """Without a version, key or account none is sent."""
    live.fetch(request(), PATH, None)
    assert set() == {"stripe-version", "authorization", "stripe-account"} & stand_in.seen[0].keys()


def test_keeps_no_cookies(stand_in: StandIn, live: Upstream) -> None:
    """A cookie that one answer sets is not sent with the next call."""
    for _ in range(2):
        found = live.fetch(request(Authorization=f"Bearer {KEY}"), PATH, None)
        assert header(found.headers, "Set-Cookie")
    assert "cookie" not in stand_in.seen[1]


def test_reads_no_netrc(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password file of the machine is not read."""
    (tmp_path / "netrc").write_text("default login PRIVATE password PRIVATE\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with opened(stand_in.url) as live:
        live.fetch(request(), PATH, None)
    assert "authorization" not in stand_in.seen[0]


def test_answer(stand_in: StandIn, live: Upstream) -> None:
    """Status, reason, headers and decoded body come as they were sent, errors too."""
    stand_in.script = [
        (404, {"X-One": "a"}, BODY),
        (429, {"Retry-After": "1"}, BODY),
        (500, {}, b""),
    ]
    found = [live.fetch(request(), PATH, None) for _ in range(3)]
    assert [(404, "Not Found"), (429, "Too Many Requests"), (500, "Internal Server Error")] == [
        (one.status, one.reason) for one in found
    ]
    assert [BODY, BODY, b""] == [one.body for one in found]
    assert ("a", "1") == (
        header(found[0].headers, "x-one"),
        header(found[1].headers, "Retry-After"),
    )


@pytest.mark.parametrize(
    "target", ["/v1/x?expand%5B%5D=a&expand%5B%5D=b", "/v1/coupons/a%3Fb%23%2525", "/v1/x/%C3%BC"]
)
def test_target_is_sent_as_is(target: str) -> None:
    """Path and query reach the source byte for byte."""
    with Raw(answer(b"{}")) as server, opened(server.url) as live:
        live.fetch(request(), target, None)
    assert f"GET {target} HTTP/1.1".encode() == server.seen[0].partition(b"\r\n")[0]


def deflated(data: bytes, window: int) -> bytes:
    """Deflate with a header (15) or none (-15)."""
    packer = zlib.compressobj(wbits=window)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(BODY)),
        ("GZip", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", deflated(BODY, -15)),
        ("gzip, gzip", gzip.compress(gzip.compress(BODY))),
        ("deflate, gzip", gzip.compress(zlib.compress(BODY))),
        ("identity", BODY),
        ("", BODY),
        ("gzip,identity,", gzip.compress(BODY)),
    ],
    ids=[
        "gzip",
        "any case",
        "x-gzip",
        "deflate",
        "raw deflate",
        "29 gzip twice",
        "two",
        "identity",
        "none",
        "mixed",
    ],
)
def test_decoded(stand_in: StandIn, live: Upstream, encoding: str, body: bytes) -> None:
    """Each encoding that we ask for, and row 29's double one, is undone."""
    stand_in.script = [(200, {"Content-Encoding": encoding}, body)]
    assert BODY == live.fetch(request(), PATH, None).body


def test_encodings_in_two_lines() -> None:
    """An encoding for each of two header lines is undone last one first."""
    twice = gzip.compress(zlib.compress(BODY))
    sent = answer(twice, "Content-Encoding: deflate", "Content-Encoding: gzip")
    with Raw(sent) as server, opened(server.url) as live:
        assert BODY == live.fetch(request(), PATH, None).body


@pytest.mark.parametrize("status", [204, 304])
def test_nothing_has_no_encoding(stand_in: StandIn, live: Upstream, status: int) -> None:
    """Row 32: an empty answer is empty, whatever encoding it names."""
    stand_in.script = [(status, {"Content-Encoding": "gzip"}, b"")]
    found = live.fetch(request(), PATH, None)
    assert (status, b"") == (found.status, found.body)


BOMB = gzip.compress(b"\0" * (MAX_BODY + 1))


@pytest.mark.parametrize(
    ("encoding", "body", "what"),
    [
        ("gzip", BODY, "not valid gzip"),
        ("gzip", gzip.compress(BODY)[:-9], "not valid gzip"),
        ("gzip", gzip.compress(BODY)[:40] + b"\0\0" + gzip.compress(BODY)[42:], "not valid gzip"),
        ("gzip", gzip.compress(BODY) + b"junk", "not valid gzip"),
        ("gzip", gzip.compress(BODY[:99]) + gzip.compress(BODY[99:]), "not valid gzip"),
        ("gzip", deflated(BODY, -15), "not valid gzip"),
        ("deflate", BODY, "not valid deflate"),
        ("deflate", zlib.compress(BODY)[:-5], "not valid deflate"),
        ("gzip, gzip", gzip.compress(BODY), "not valid gzip"),
        ("br", BODY, "'br' is not known"),
        ("gzip, zstd", BODY, "'zstd' is not known"),
        ("PRIVATE" * 30, BODY, "is not known"),
        ("gzip", BOMB, f"unpacks to more than {MAX_BODY} bytes"),
        (
            "deflate",
            zlib.compress(b"\0" * (MAX_BODY + 1)),
            f"unpacks to more than {MAX_BODY} bytes",
        ),
        ("gzip, gzip", gzip.compress(BOMB), f"unpacks to more than {MAX_BODY} bytes"),
    ],
    ids=[
        "28 no gzip",
        "cut off",
        "28 corrupt",
        "junk behind",
        "two members",
        "raw deflate as gzip",
        "no deflate",
        "deflate cut off",
        "once instead of twice",
        "30 unknown",
        "30 unknown over gzip",
        "long name",
        "27 gzip bomb",
        "deflate bomb",
        "27 bomb in gzip",
    ],
)
def test_undecodable(
    stand_in: StandIn, live: Upstream, encoding: str, body: bytes, what: str
) -> None:
    """What cannot be decoded within the limits is told as such, the raw answer in hand."""
    stand_in.script = [(200, {"Content-Encoding": encoding}, body)]
    with pytest.raises(Undecodable) as caught:
        live.fetch(request(), PATH, None)
    assert what in caught.value.what
    assert len(caught.value.what) < 120
    assert (200, body) == (caught.value.response.status, caught.value.response.body)
    assert encoding == header(caught.value.response.headers, "Content-Encoding")


def test_limit_is_exact(stand_in: StandIn, live: Upstream) -> None:
    """The largest answer is taken, packed or not; one byte more is not."""
    whole = b"x" * MAX_BODY
    stand_in.compress = False
    stand_in.script = [
        (200, {}, whole),
        (200, {"Content-Encoding": "gzip"}, gzip.compress(whole)),
        (200, {}, whole + b"x"),
    ]
    assert whole == live.fetch(request(), PATH, None).body
    assert whole == live.fetch(request(), PATH, None).body
    with pytest.raises(UpstreamError, match=f"larger than {MAX_BODY} bytes"):
        live.fetch(request(), PATH, None)
    assert 200 == live.fetch(request(), PATH, None).status


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(stand_in: StandIn, live: Upstream, status: int) -> None:
    """Row 33: a redirect is an answer; the key never goes where it points."""
    with StandIn() as other:
        stand_in.script = [(status, {"Location": f"{other.url}{PATH}"}, b"{}")]
        found = live.fetch(request(Authorization=f"Bearer {KEY}"), PATH, None)
        assert (status, f"{other.url}{PATH}") == (found.status, header(found.headers, "Location"))
        assert [] == other.seen
    assert 1 == stand_in.hits.total()


def test_refused_connection(stand_in: StandIn) -> None:
    """A source that is not there is an error with its address, its cause and a next step."""
    stand_in.stop()
    with opened(stand_in.url) as live, pytest.raises(UpstreamError) as caught:
        live.fetch(request(Authorization=f"Bearer {KEY}"), PATH, None)
    assert isinstance(caught.value.__cause__, httpx.ConnectError)
    assert stand_in.url.removeprefix("http://") == caught.value.where
    assert "ConnectError" in caught.value.what
    assert 4 == caught.value.exit_code
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("sent", "cause"),
    [
        (b"", httpx.RemoteProtocolError),
        (b"no HTTP at all\r\n\r\n", httpx.RemoteProtocolError),
        (answer(BODY)[:-100], httpx.RemoteProtocolError),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9999\r\nx",
            httpx.RemoteProtocolError,
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", httpx.RemoteProtocolError),
    ],
    ids=["closed", "no HTTP", "26 shorter than its length", "cut off chunk", "no length"],
)
def test_broken_answers(sent: bytes, cause: type[Exception]) -> None:
    """Row 26: an answer that breaks off or is no HTTP is an error, never half an answer."""
    with Raw(sent) as server, opened(server.url) as live:
        ask = partial(live.fetch, request(Authorization=f"Bearer {KEY}"), PATH, None)
        with pytest.raises(UpstreamError, match="did not answer") as caught:
            ask()
    assert isinstance(caught.value.__cause__, cause)
    assert KEY not in str(caught.value)


def test_silence(stand_in: StandIn) -> None:
    """A source that says nothing is given up after the timeout."""
    stand_in.hold = threading.Event()
    with opened(stand_in.url, timeout=0.2) as live:
        with pytest.raises(UpstreamError, match="ReadTimeout"):
            live.fetch(request(), PATH, None)
        stand_in.hold.set()


def test_an_answer_without_end() -> None:
    """A stream of events that goes on and on is given up: each part of it came in time."""
    given_up = threading.Event()

    class Dripping(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1 << 16)
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            with suppress(OSError):
                while not given_up.wait(0.01):
                    self.request.sendall(b"data: {}\n\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dripping) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            with (
                opened("http://127.0.0.1:{1}".format(*server.server_address), timeout=0.1) as live,
                pytest.raises(UpstreamError, match=r"did not end within 0\.4 seconds"),
            ):
                live.fetch(request(), PATH, None)
        finally:
            given_up.set()
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    "value", [f"{KEY}\n", f"{KEY}\r\nX: y", f" {KEY}", f"{KEY} ", f"{KEY}é", "", "\x00"]
)
@pytest.mark.parametrize("name", ["Authorization", "Stripe-Account"])
def test_impossible_headers(stand_in: StandIn, live: Upstream, name: str, value: str) -> None:
    """A key with a line end is refused before it is sent, and no error shows it."""
    with pytest.raises(ConfigError) as caught:
        live.fetch(Request("GET", "x", ((name, value),)), PATH, None)
    assert name == caught.value.where
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert "PRIVATE" not in str(caught.value)
    assert [] == stand_in.seen


def test_invalid_address(live: Upstream) -> None:
    """A target that makes no URL is an error of its own."""
    with pytest.raises(UpstreamError, match="the address is not valid"):
        live.fetch(request(), "/v1/" + "x" * 70_000, None)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_no_proxy_to_this_machine(
    variable: str, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base on loopback is asked directly: a proxy would get the key in plain text."""
    with StandIn() as proxy:
        monkeypatch.setenv(variable, proxy.url)
        for base in (stand_in.url, stand_in.url.replace("127.0.0.1", "localhost")):
            with opened(base) as live:
                assert 200 == live.fetch(request(Authorization=f"Bearer {KEY}"), PATH, None).status
        assert [] == proxy.seen
    assert 2 == len(stand_in.seen)


def test_loopback_by_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """An IPv6 loopback base is asked directly as well."""
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    try:
        server = Raw(answer(b"{}"), host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with server, opened(server.url) as live:
        assert b"{}" == live.fetch(request(), PATH, None).body


def test_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another host is reached through the environment's proxy, which never sees the key."""
    with Raw(b"HTTP/1.1 403 Forbidden\r\n\r\n") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with (
            opened("https://stripe.invalid") as live,
            pytest.raises(UpstreamError, match="ProxyError"),
        ):
            live.fetch(request(Authorization=f"Bearer {KEY}"), PATH, None)
    assert proxy.seen[0].startswith(b"CONNECT stripe.invalid:443 HTTP/1.1\r\n")
    assert KEY.encode() not in proxy.seen[0]


@pytest.mark.parametrize("proxy", ["bogus://user:PRIVATE@127.0.0.1:1", "http://[::1:1"])
def test_unusable_proxy(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that cannot be used is misuse, told without its password."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ConfigError, match="proxy that the environment names") as caught:
        Upstream("https://api.stripe.com")
    assert "PRIVATE" not in str(caught.value)


def test_passing(stand_in: StandIn, live: Upstream) -> None:
    """Only while it fetches, in its own context, does this module pass the guard."""
    states: list[bool] = []
    stand_in.objects[PATH] = lambda version, expand: states.append(passing()) or {}
    real: Callable[..., object] = live._client.stream

    def spied(*arguments: object, **options: object) -> object:
        states.append(passing())
        return real(*arguments, **options)

    live._client.stream = spied  # type: ignore[method-assign]
    assert not passing()
    live.fetch(request(), PATH, None)
    stand_in.stop()
    live.close()
    assert [True, False] == states
    assert not passing()


def test_passing_ends_with_errors(stand_in: StandIn) -> None:
    """An error in a fetch leaves no open door behind."""
    stand_in.stop()
    with opened(stand_in.url) as live, pytest.raises(UpstreamError):
        live.fetch(request(), PATH, None)
    assert not passing()


def test_threads_share_it(stand_in: StandIn, live: Upstream) -> None:
    """Many threads fetch at once, each its own object."""
    ids = [stand_in.add_invoice(f"in_{n}") for n in range(16)]
    found: dict[str, bytes] = {}

    def work(id: str) -> None:
        found[id] = live.fetch(request(), f"/v1/invoices/{id}", None).body

    threads = [threading.Thread(target=work, args=(id,)) for id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(f'"id": "{id}"'.encode() in found[id] for id in ids)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Authorization", "around the key"),
        ("Stripe-Account", "--account"),
        ("Stripe-Context", "--context"),
    ],
)
def test_a_header_that_cannot_be_sent_is_named_with_what_sets_it(name: str, says: str) -> None:
    """An account or context that holds a line end is no matter of the key; no value is shown."""
    sent = Request("GET", f"https://api.stripe.com{PATH}", ((name, "PRIVATE\n"),))
    with opened("http://127.0.0.1:1") as upstream, pytest.raises(ConfigError) as raised:
        upstream.fetch(sent, PATH, None)
    assert (name, True) == (raised.value.where, says in raised.value.hint)
    assert "PRIVATE" not in str(raised.value)


def test_a_version_that_cannot_be_sent_is_named() -> None:
    """As where a client pins it."""
    with opened("http://127.0.0.1:1") as upstream, pytest.raises(ConfigError, match="API version"):
        upstream.fetch(request(Authorization="Bearer x"), PATH, "2024-06-20\n")
