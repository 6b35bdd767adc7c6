"""Rows 26 to 51 of the nasty inputs: answers of the live source, and IDs."""

from __future__ import annotations

import gzip
import json
from functools import partial
from urllib.parse import quote

import pytest

from replay.config import resolve
from replay.errors import ConfigError, ReplayError, UpstreamError
from replay.library import Library
from replay.library.library import storage_of
from replay.recording.upstream import MAX_BODY
from replay.session.session import open_session
from replay.stripe_api.call import read_call, retrieve
from replay.stripe_api.routes import by_name
from support.nasty import Bench, row
from support.raw import Raw
from support.standin import DRAFT, OLD, StandIn
from support.takes import cassette
from support.writing import unchecked

BODY = {"id": DRAFT, "object": "invoice", "customer_name": "PRIVATE Jenny", "amount_due": 7}


@row(26, "body shorter than Content-Length", "N")
def _(bench: Bench) -> str:
    cut = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"id"'
    with Raw(cut) as server:
        session = open_session(resolve(library=bench.library, mode="once", api_base=server.url))
        # The client gets what the live API would have given it: no whole answer, but an error.
        with bench.timed(), pytest.raises(UpstreamError, match="did not answer") as caught:
            session.answer(bench.request())
        session.close()
    assert [] == bench.written()
    return f"an error to the client, as from the live API: {caught.value.what}"


@row(27, "a gzip bomb", "N")
def _(bench: Bench) -> str:
    bomb = gzip.compress(b"\0" * (MAX_BODY + 1))
    return bench.unrecorded(200, {"Content-Encoding": "gzip"}, bomb)


@row(28, "corrupt gzip", "N")
def _(bench: Bench) -> str:
    packed = gzip.compress(json.dumps(BODY).encode())
    return bench.unrecorded(200, {"Content-Encoding": "gzip"}, packed[:20] + b"\0\0" + packed[22:])


@row(29, "gzip twice", "D")
def _(bench: Bench) -> str:
    packed = gzip.compress(gzip.compress(json.dumps(BODY).encode()))
    bench.kept(200, {"Content-Encoding": "gzip, gzip"}, packed)
    return "unpacked twice, recorded, redacted"


@row(30, "an unknown encoding", "N")
def _(bench: Bench) -> str:
    return bench.unrecorded(200, {"Content-Encoding": "br"}, b"{}")


@row(31, "an HTML 502", "N")
def _(bench: Bench) -> str:
    return bench.unrecorded(502, {"Content-Type": "text/html"}, b"<html>PRIVATE</html>")


@row(32, "204 and 304", "P")
def _(bench: Bench) -> str:
    for status in (204, 304):
        assert b"" == bench.kept(status, {}, b"")
        for path in bench.written():
            path.unlink()
    return "both recorded and replayed, without a body"


@row(33, "a redirect to another host", "N")
def _(bench: Bench) -> str:
    with StandIn() as other:
        said = bench.unrecorded(302, {"Location": f"{other.url}/v1/invoices/{DRAFT}"}, b"{}")
        assert 0 == other.hits.total()
    return f"not followed: {said}"


def error_of(status: int) -> dict[str, object]:
    """An error body that echoes the key."""
    return {"error": {"type": "invalid_request_error",
                      "message": f"Invalid API Key {status}: sk_test_PRIVATEkey"}}  # fmt: skip


@row(34, "a 401 that echoes the key", "D")
def _(bench: Bench) -> str:
    bench.unrecorded(401, {}, json.dumps({"error": {"type": "x"}}, indent=2).encode())
    body = bench.kept(401, {}, error_of(401), keep_errors=True)
    assert b"PRIVATE" not in body
    return "not kept unless asked; if asked, without the key"


@row(35, "a 429", "D")
def _(bench: Bench) -> str:
    bench.unrecorded(429, {}, json.dumps({"error": {"type": "x"}}, indent=2).encode())
    bench.kept(429, {"Retry-After": "1"}, error_of(429), keep_errors=True)
    return "not kept unless asked; if asked, redacted"


@row(36, "duplicate JSON keys", "N")
def _(bench: Bench) -> str:
    return bench.unrecorded(200, {}, b'{"id": "a", "id": "b"}')


@row(37, "NaN or 1e999", "N")
def _(bench: Bench) -> str:
    bench.unrecorded(200, {}, b'{"amount_due": NaN}')
    bench.unrecorded(200, {}, b'{"amount_due": -Infinity}')
    return bench.unrecorded(200, {}, b'{"amount_due": 1e999}')


@row(38, "a lone surrogate", "D")
def _(bench: Bench) -> str:
    bench.kept(200, {}, {**BODY, "description": "PRIVATE \ud800"})
    return "recorded, redacted"


@row(39, "an integer over 2^53", "P")
def _(bench: Bench) -> str:
    for number in (2**53 + 1, 2**64 + 1, -(2**70) - 1):
        body = bench.kept(200, {}, {**BODY, "amount_due": number})
        assert number == json.loads(body)["amount_due"]
        for path in bench.written():
            path.unlink()
    return "every digit, up to 2^70"


@row(40, "JSON nested 100,000 deep", "N")
def _(bench: Bench) -> str:
    bench.unrecorded(200, {}, b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
    return bench.unrecorded(200, {}, b"[" * 100_000 + b"]" * 100_000)


@row(41, "a body of []", "N")
def _(bench: Bench) -> str:
    return bench.unrecorded(200, {}, b"[]")


def identified(bench: Bench, id: str, shown: str | None = None) -> str:
    """R without network; or recorded below the library, and found again as this ID alone.

    What may be a person's choice the session serves unrecorded; the library keeps it safe too.
    """
    path = f"/v1/coupons/{quote(id, safe='') if shown is None else shown}"
    before = bench.source.hits.total()
    bench.source.script = [(200, {}, {"id": id, "object": "coupon", "percent_off": 7.5})]
    session, refusal = bench.session("once"), None
    try:
        with bench.timed():
            answer = session.answer(bench.request(path))
    except ReplayError as error:
        refusal = error
    if refusal is not None:
        assert before == bench.source.hits.total(), "the live source was asked"
        assert refusal.hint, refusal
        assert not bench.library.exists()
        return f"{type(refusal).__name__}: {refusal.what}"
    said = ""
    library, key = Library(bench.library), read_call(bench.request(path)).key
    if library.load(key, OLD) is None:
        assert "may be private" in session.notes[0]
        said = "served, not recorded (it may be private); the library has it as "
        with storage_of(library).lock(key):
            storage_of(library).write(cassette({"id": id}, key=key, version=OLD), unchecked)
    else:
        assert answer.body == bench.session("none").answer(bench.request(path)).body
        said = "recorded as "
    found = library.load(key, OLD)
    assert found is not None
    assert id == found.key.id == json.loads(found.interactions[0].response.body)["id"]
    places = {path.parent for path in bench.written()}
    assert {bench.library / "coupons"} == {place.parent for place in places}
    assert {bench.library.name} == {path.name for path in bench.folder.iterdir()}
    return said + ", ".join(sorted(place.name for place in places))


for number, what, hostile in (
    (42, "../x", "../x"),
    (43, "an absolute path", "/etc/passwd"),
    (44, "%2e%2e", ".."),
    (45, "NUL", "a\0b"),
    (46, "300 characters", "x" * 300),
    (47, "CON", "CON"),
    (49, "a Unicode look-alike", "\u0456n_1MtHbELkdIwHu7ixl4OzzPMv"),
    (51, "pi_x_secret_y", "pi_x_secret_y"),
):
    row(number, f"ID: {what}", "R/digest")(partial(identified, id=hostile))


@row(44, "ID: %2e%2e, encoded twice", "R/digest")
def _(bench: Bench) -> str:
    return identified(bench, "%2e%2e", "%252e%252e")


@row(50, "ID: empty", "R/digest")
def _(bench: Bench) -> str:
    for ids in ([""], [" "]):
        with pytest.raises(ConfigError) as caught:
            retrieve(by_name("coupon"), ids)
        assert caught.value.hint
    assert read_call(bench.request("/v1/coupons/")).key.query is not None  # no object's: the list
    return f"{type(caught.value).__name__}: {caught.value.what}"


@row(48, "IDs that differ in case only", "R/digest")
def _(bench: Bench) -> str:
    identified(bench, "SALE")
    said = identified(bench, "sale")
    folders = [p.name for p in (bench.library / "coupons").iterdir()]
    assert 2 == len({name.casefold() for name in folders})
    return said
