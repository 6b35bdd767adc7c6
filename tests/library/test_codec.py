"""The file format: any cassette round-trips through every reader, and no damage gets through."""

from __future__ import annotations

import hashlib
import io
import random
import re
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import vcr
import yaml
from hypothesis import given
from ruamel.yaml import YAML
from support.proof import proved, proved_slowly, rounds
from support.takes import CASSETTES, CONTROL, KEY, TRAPS, VERSION, cassette, document, parsed
from vcr.serialize import deserialize
from vcr.serializers import yamlserializer

from replay.errors import (
    CassetteConflict,
    CassetteDamaged,
    CassetteTooNew,
    CassetteUnsealed,
)
from replay.library.format.codec import dumps, head, loads
from replay.library.format.seals import FORMAT, MAX_BYTES, seal, split, unseal
from replay.model.cassette import Cassette, Request, Response
from replay.model.json_body import dump
from replay.stripe_api.headers import phrase

WHERE = "cassettes/invoices/in_1/2024-06-20.yaml"
SAMPLE = dumps(cassette()).encode()


def sealed(body: str) -> bytes:
    """Text with a seal that fits, made here and not by the code under test."""
    digest = hashlib.sha256(body.encode()).hexdigest()
    return f"# replay cassette 1 sha256:{digest}\n{body}".encode()


def refused(data: bytes) -> CassetteDamaged:
    """The error that bytes get, which names file and next step."""
    with pytest.raises(CassetteDamaged) as caught:
        loads(data, WHERE)
    assert WHERE == caught.value.where
    assert caught.value.hint
    return caught.value


@proved
@given(CASSETTES)
def test_round_trip(made: Cassette) -> None:
    """Any cassette is read back equal, and written again changes no byte."""
    text = dumps(made)
    assert made == loads(text.encode(), WHERE)
    assert text == dumps(loads(text.encode(), WHERE))


@proved_slowly
@given(CASSETTES)
def test_text(made: Cassette) -> None:
    """The text is printable ASCII in LF lines, below a seal that anyone can check."""
    data = dumps(made).encode()
    assert set() == set(data) - {10, *range(32, 127)}
    assert data == sealed(data.partition(b"\n")[2].decode())


@proved_slowly
@given(CASSETTES)
def test_other_readers_agree(made: Cassette) -> None:
    """PyYAML (YAML 1.1) and ruamel.yaml (YAML 1.2) read the very values that were written."""
    text = dumps(made)
    assert document(made) == yaml.safe_load(text)
    assert document(made) == YAML(typ="safe", pure=True).load(text)


@proved_slowly
@given(CASSETTES)
def test_vcrpy_reads_it(made: Cassette) -> None:
    """Plain vcrpy finds each request, and each body byte for byte."""
    requests, responses = deserialize(dumps(made), yamlserializer)[:2]
    assert [take.request.uri for take in made.interactions] == [r.uri for r in requests]
    assert [take.response.body for take in made.interactions] == [
        answer["body"]["string"] for answer in responses
    ]
    assert [take.response.status for take in made.interactions] == [
        answer["status"]["code"] for answer in responses
    ]


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: ascii(trap)[:24])
def test_traps(trap: str) -> None:
    """Rows 57 to 60: a text that YAML could take for something else stays this text everywhere."""
    beside = {"redacted": {f"/{trap}": "text", f"/a/{trap}": "name"}}
    if CONTROL.search(trap):  # beside a body there is none
        with pytest.raises(CassetteDamaged, match="holds a control character"):
            loads(dumps(cassette(**beside)).encode(), WHERE)
        beside = {}
    made = cassette({"id": trap, trap: [trap, {trap: trap}]}, **beside)
    text = dumps(made)
    assert made == loads(text.encode(), WHERE)
    for read in (yaml.safe_load(text), YAML(typ="safe", pure=True).load(text)):
        assert document(made) == read
    assert {"id": trap, trap: [trap, {trap: trap}]} == parsed(made.interactions[0])


@pytest.mark.parametrize("sign", ["\x00", "\t", "\n", "\r", "\x1b", "\x7f", "\x85", "\u2028"])
@pytest.mark.parametrize(
    "field",
    [
        "cassette.resource", "cassette.id", "cassette.parents", "cassette.query",
        "cassette.account", "cassette.api_version", "cassette.policy",
        "interactions[0].recorded_at", "interactions[0].source", "interactions[0].batch",
        "interactions[0].request.method", "interactions[0].request.uri",
        "interactions[0].request.body",
    ],
)  # fmt: skip
def test_control_characters_beside_a_body_are_refused(field: str, sign: str) -> None:
    """The error names the field. Recording writes none, and messages would show them."""
    if field.endswith("body") and not sign.isascii():
        return
    made = cassette()
    head, _, name = field.rpartition(".")
    (take,) = made.interactions
    value: Any = ("x" + sign,) if name == "parents" else "x" + sign
    if head == "cassette" and name in {"api_version", "policy"}:
        made = replace(made, **{name: value})
    elif head == "cassette":
        if name == "parents":
            made = replace(made, key=replace(made.key, resource="customers/sources"))
        made = replace(made, key=replace(made.key, **{name: value}))
    elif head.endswith("request"):
        value = value.encode() if name == "body" else value
        take = replace(take, request=replace(take.request, **{name: value}))
        made = replace(made, interactions=(take,))
    else:
        made = replace(made, interactions=(replace(take, **{name: value}),))
    with pytest.raises(CassetteDamaged) as caught:
        loads(dumps(made).encode(), WHERE)
    assert f"{field} holds a control character" in caught.value.what
    assert WHERE == caught.value.where


@pytest.mark.parametrize(
    "word", ["y", "N", "yes", "No", "ON", "off", "True", "NULL", "~", "=", "<<"]
)
def test_words_are_quoted(word: str) -> None:
    """A word that any reader of YAML 1.1 could take for a value is quoted."""
    assert f"  id: '{word}'\n" in dumps(replace(cassette(), key=replace(KEY, id=word)))


def test_long_lines() -> None:
    """Row 60: a line of 200 kB is not folded, cut or slow to read."""
    made = cassette({"id": "x" * 200_000}, redacted={"/" + "y " * 100_000 + "z": "text"})
    text = dumps(made)
    assert made == loads(text.encode(), WHERE)
    assert document(made) == yaml.safe_load(text) == YAML(typ="safe", pure=True).load(text)
    answers = deserialize(text, yamlserializer)[1]
    assert made.interactions[0].response.body == answers[0]["body"]["string"]
    short = dumps(cassette({"id": "x"})).splitlines()
    assert len(text.splitlines()) == len(short) + 1  # the key and its value, a line each


def test_look() -> None:
    """The text is what the design shows: head, takes, the body as a block that diffs by line."""
    lines = SAMPLE.decode().splitlines()
    expected = f"""\
version: 1
cassette:
  resource: invoices
  id: {KEY.id}
  api_version: '2024-06-20'
  policy: stripe-1 sha256:0123456789ab
interactions:
- recorded_at: '2026-01-28T02:05:11Z'
  source: api.stripe.com
  batch: '5f0c9a'
  request:
    method: GET
    uri: https://api.stripe.com/v1/invoices/{KEY.id}
    body: null
    headers:
      Stripe-Version: ['2024-06-20']
  response:
    status: {{code: 200, message: OK}}
    headers:
      Content-Type: [application/json]
      Stripe-Version: ['2024-06-20']
    body:
      string: |-
        {{
          "id": "{KEY.id}",
          "object": "invoice",
          "total": 1000,
          "customer_name": "Redacted 00ff00ff"
        }}
  redacted:
    /customer_name: name"""
    assert expected.splitlines() == lines[1:]
    assert re.fullmatch(r"# replay cassette 1 sha256:[0-9a-f]{64}", lines[0])


@proved_slowly
@given(CASSETTES)
def test_body_is_a_block(made: Cassette) -> None:
    """However strange a body, it stays a literal block: one line of JSON is one line of text."""
    text = dumps(made)
    filled = [take for take in made.interactions if take.response.body]
    assert len(filled) == len(re.findall(r"^      string: \|-$", text, re.MULTILINE))
    for take in filled:
        for line in take.response.body.decode().split("\n"):
            assert f"\n        {line}\n" in text


KEPT = (("Content-Type", "application/json"),)
SENDS_AWAY = ("Location", "http://127.0.0.1:9/")
PLANTED = {
    "redirect": ({"status": 302}, "response.status.code"),
    "any redirect": ({"status": 399}, "response.status.code"),
    "not final": ({"status": 101}, "response.status.code"),
    "address": ({"headers": (*KEPT, SENDS_AWAY)}, "response.headers holds Location"),
    "encoding": ({"headers": (*KEPT, ("Content-Encoding", "gzip"))}, "holds Content-Encoding"),
    "cookie": ({"headers": (("Set-Cookie", "a=b"),)}, "response.headers holds Set-Cookie"),
    "name": ({"headers": (("A\r\nLocation", "x"),)}, "response.headers holds a header"),
    "case": ({"headers": (("content-type", "application/json"),)}, "holds content-type"),
    "line": ({"headers": (("Retry-After", "1\r\nLocation: http://x"),)}, "value of Retry-After"),
    "feed": ({"headers": (("Retry-After", "1\n"),)}, "response.headers holds a value"),
    "type": ({"headers": (("Content-Type", "text/html"),)}, "holds a value of Content-Type"),
    "digits": ({"headers": (("Retry-After", "\u0661"),)}, "holds a value of Retry-After"),
    "request": ({"headers": (("Request-Id", "req_live"),)}, "holds a value of Request-Id"),
    "twice": ({"headers": (*KEPT, *KEPT)}, "headers holds a value that is not a list of one text"),
    "phrase": ({"reason": "Not Found"}, "response.status.message"),
    "words": ({"reason": "Jane Doe"}, "response.status.message"),
    "no JSON": ({"body": b"<html></html>"}, "response.body.string"),
    "a list": ({"body": b"[\n]"}, "response.body.string"),
    "nothing": ({"body": b""}, "response.body.string"),
    "version": ({"headers": (("Stripe-Version", "2024-06-21"),)}, "response.headers has another"),
    "reason": ({"reason": "OK\r\nLocation: x"}, "response.status.message"),
}


@pytest.mark.parametrize(("planted", "field"), PLANTED.values(), ids=PLANTED)
def test_what_no_recording_writes_is_refused(planted: dict[str, Any], field: str) -> None:
    """Rows 61 to 64: a status or header of a stranger's, freshly sealed; file and field are named.

    By the reader of the whole, and by that of the head.
    """
    take = cassette().interactions[0]
    made = replace(take, response=replace(take.response, **planted))
    data = dumps(replace(cassette(), interactions=(take, made))).encode()
    for read in (loads, head):
        with pytest.raises(CassetteDamaged) as raised:
            read(data, WHERE)
        assert f"interactions[1].{field}" in raised.value.what or field in raised.value.what
        assert "interactions[1].response." in raised.value.what
        assert WHERE == raised.value.where
        assert raised.value.what.isprintable()
        assert "127.0.0.1" not in str(raised.value)


TAKEN = {
    "host": ("request.uri", "https://evil.example/v1/invoices/{id}"),
    "host and user": ("request.uri", "https://api.stripe.com@evil.example/v1/invoices/{id}"),
    "port": ("request.uri", "https://api.stripe.com:8443/v1/invoices/{id}"),
    "scheme": ("request.uri", "http://api.stripe.com/v1/invoices/{id}"),
    "another scheme": ("request.uri", "file:///v1/invoices/{id}"),
    "fragment": ("request.uri", "https://api.stripe.com/v1/invoices/{id}#jane"),
    "object": ("request.uri", "https://api.stripe.com/v1/invoices/in_2"),
    "type": ("request.uri", "https://api.stripe.com/v1/charges/{id}"),
    "path": ("request.uri", "https://api.stripe.com/v1/invoices/{id}/pdf"),
    "write": ("request.uri", "https://api.stripe.com/v1/invoices/{id}/pay"),
    "parameter": ("request.uri", "https://api.stripe.com/v1/invoices/{id}?email=jane"),
    "spelling": ("request.uri", "https://api.stripe.com/v1/invoices/{id}?expand[]=customer"),
    "twice": (
        "request.uri",
        "https://api.stripe.com/v1/invoices/{id}?expand%5B%5D=a&expand%5B%5D=a",
    ),
    "slash": ("request.uri", "https://api.stripe.com//v1/invoices/{id}/"),
    "no URI": ("request.uri", "in_1"),
    "body": ("request.body", b"a=b"),
    "an empty body": ("request.body", b""),
    "method": ("request.method", "POST"),
    "HEAD": ("request.method", "HEAD"),
    "lower case": ("request.method", "get"),
    "source": ("source", "jane.doe@corp.com"),
    "words in a source": ("source", "Jane Doe"),
    "path in a source": ("source", "api.stripe.com/jane"),
    "no source": ("source", ""),
    "batch": ("batch", "jane"),
    "batch too long": ("batch", "f" * 65),
    "time": ("recorded_at", "yesterday"),
    "month": ("recorded_at", "2026-13-01T00:00:00Z"),
    "zone": ("recorded_at", "2026-01-28T02:05:11+00:00"),
    "class": ("redacted", {"/customer_name": "jane"}),
    "classes": ("redacted", {"/customer_name": "name+jane"}),
    "pointer": ("redacted", {"jane": "name"}),
}


def _edited_take(field: str, value: Any) -> bytes:
    take = cassette().interactions[0]
    if isinstance(value, str):
        value = value.replace("{id}", KEY.id)
    _, _, name = field.rpartition("request.")
    made = (
        replace(take, request=replace(take.request, **{name: value}))
        if field.startswith("request.")
        else replace(take, **{field: value})
    )
    return dumps(replace(cassette(), interactions=(take, made))).encode()


@pytest.mark.parametrize(("field", "value"), TAKEN.values(), ids=TAKEN)
def test_what_stands_beside_a_body_is_what_recording_writes(field: str, value: Any) -> None:
    """The request is the one of the cassette's call, in the one form; each other field has its own.

    File and field are named by the reader of the whole and by that of the head, without a value.
    """
    for read in (loads, head):
        with pytest.raises(CassetteDamaged) as raised:
            read(_edited_take(field, value), WHERE)
        assert f"interactions[1].{field}" in raised.value.what
        assert WHERE == raised.value.where
        assert f"replay seal {WHERE}" in raised.value.hint
        assert not re.search("jane|evil|Doe", str(raised.value))


HEADS: dict[str, tuple[str, Any]] = {
    "policy": ("policy", "jane sha256:0123456789ab"),
    "policy and more": ("policy", "stripe-1 sha256:0123456789ab jane"),
    "account": ("account", "acct_1Jane"),
    "no account": ("account", ""),
    "version": ("api_version", "jane"),
    "spelling of a version": ("api_version", "2024-06-20;b=v1"),
    "resource": ("resource", "janes"),
    "file": ("resource", "quotes/pdf"),
    "parents": ("parents", ["cus_1"]),
    "query": ("query", "email=jane"),
    "id": ("id", "in_1Jane"),
}  # fmt: skip


@pytest.mark.parametrize(("field", "value"), HEADS.values(), ids=HEADS)
def test_the_head_is_what_recording_writes(field: str, value: Any) -> None:
    """A head that fits no call, or that has another form, is refused by both readers."""
    data = changed(f"cassette.{field}", value)
    for read in (loads, head):
        with pytest.raises(CassetteDamaged, match="not in the format") as raised:
            read(data, WHERE)
        assert re.search(rf"cassette\.{field}|\[0\]\.request\.uri|headers has", raised.value.what)
        assert not re.search("jane|Jane", str(raised.value))


@pytest.mark.parametrize(
    ("place", "key"),
    [("", "note"), ("cassette", "note"), ("interactions.0", "note"), ("", "Jane Doe"),
     ("interactions.0", "jane@corp.com"), ("interactions.0.request", "note")],
)  # fmt: skip
def test_a_key_that_replay_does_not_write_is_refused(place: str, key: str) -> None:
    """Its place is named, and the key too, if it is a plain word in lower case."""
    content: Any = document(cassette())
    at = content
    for step in filter(None, place.split(".")):
        at = at[int(step) if step.isdigit() else step]
    at[key] = "x"
    for read in (loads, head):
        with pytest.raises(CassetteDamaged, match="key that replay does not write") as raised:
            read(sealed(yaml.safe_dump(content)), WHERE)
        shown = place.replace(".0", "[0]")
        named = f"{shown}.note".lstrip(".") if key == "note" else shown or "the top level"
        assert f": {named} " in raised.value.what
        assert not re.search("[Jj]ane", str(raised.value))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("interactions:\n", "# note\ninteractions:\n"),
        ("interactions:\n", "interactions:   # note\n"),
        ("interactions:\n", "interactions:\t# note\n"),
        ("string: |-\n", "string: |- # note\n"),
        ("    /customer_name: name\n", "    /customer_name: name\n# note"),
        ("    /customer_name: name\n", "    /customer_name: name\n...\n# note\n"),
        ("    /customer_name: name\n", "    /customer_name: name\n\n\n      #\n"),
        ("  redacted:\n", "# note\n  redacted:\n"),
        ("{code: 200, ", "{code: 200, # note\n      "),
        ("version: 1\n", "#\nversion: 1\n"),
        ("{code: 200, ", "{code: 200,# note\n      "),
        ("message: OK}", "message: OK}# note"),
        ("'2024-06-20'\n", "'2024-06-20'# note\n"),
        ("    /customer_name: name\n", "    /customer_name: name\n\r# note\n"),
        ("version: 1\n", "%YAML 1.1\n---\nversion: 1\n"),
        ("version: 1\n", "%TAG !jane! tag:jane@corp.com,2026:\n---\nversion: 1\n"),
    ],
)
def test_comments_and_directives_are_refused(old: str, new: str) -> None:
    """No check of values sees them, and a rewrite would lose them; the line is named."""
    text = BODY.replace(old, new, 1)
    assert text != BODY
    assert document(cassette()) == yaml.load(text, yaml.CSafeLoader)
    line = text[: text.index("#")].count("\n") + 1 if "#" in new else 1
    for read in (loads, head):
        with pytest.raises(CassetteDamaged, match=rf"(comment|directive) \(line {line}\)"):
            read(sealed(text), WHERE)


def test_a_sharp_that_is_no_comment_is_read() -> None:
    """In bodies and quoted texts it is a character like others."""
    made = cassette({"id": "in_1 # 2", "#": " #", "\n#": "# "}, redacted={"/# a #": "text"})
    assert made == loads(dumps(made).encode(), WHERE)
    assert made == loads(sealed(yaml.safe_dump(document(made))), WHERE)


def test_a_request_has_no_other_header() -> None:
    """What a recorded request sends is the version that it asked for."""
    for lines in ((("Authorization", "Bearer x"),), (("Stripe-Version", "x"),)):
        take = cassette().interactions[0]
        made = cassette(request=replace(take.request, headers=lines))
        with pytest.raises(CassetteDamaged, match=r"\[0\]\.request\.headers holds"):
            loads(dumps(made).encode(), WHERE)


@pytest.mark.parametrize("status", [200, 202, 204, 299, 304, 400, 401, 404, 429, 500, 503, 599])
def test_what_a_recording_writes_is_read(status: int) -> None:
    """Every status that can be recorded, with every header."""
    headers = (
        ("Content-Type", "application/json; charset=UTF-8"),
        ("Stripe-Version", "2024-06-20;a_beta=v1; b=v12"),
        ("Retry-After", "0.5"),
        ("Stripe-Should-Retry", "false"),
        ("Request-Id", "req_replay0123456789"),
    )
    body = b"" if status in {204, 304} else b"{}"
    made = cassette(
        response=Response(status, phrase(status), headers, body),
        version="2024-06-20; a_beta=v1; b=v12",
    )
    assert made == loads(dumps(made).encode(), WHERE)
    assert (made.key, made.api_version) == head(dumps(made).encode(), WHERE)


def test_crlf_and_bom_load() -> None:
    """Rows 24 and 25: a checkout with CRLF line ends, or a BOM, or both, is the same cassette."""
    crlf = SAMPLE.replace(b"\n", b"\r\n")
    for data in (SAMPLE, crlf, b"\xef\xbb\xbf" + SAMPLE, b"\xef\xbb\xbf" + crlf):
        assert cassette() == loads(data, WHERE)


def test_truncations() -> None:
    """Row 3: a cassette cut off at any byte is refused."""
    for length in range(len(SAMPLE)):
        refused(SAMPLE[:length])


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_flipped_bits(line_end: bytes) -> None:
    """Row 4: one flipped bit anywhere is refused, in a CRLF checkout too."""
    data = SAMPLE.replace(b"\n", line_end)
    rng = random.Random(4)
    first = data.index(b"\n") * 8
    tried = rounds(1500, 20_000)
    for bit in [*range(first), *(rng.randrange(first, len(data) * 8) for _ in range(tried))]:
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        if bytes(damaged).replace(b"\r\n", b"\n") != SAMPLE:
            refused(bytes(damaged))


def test_random_damage() -> None:
    """Blocks overwritten, cut out or doubled are refused."""
    rng = random.Random(5)
    for _ in range(rounds(500, 10_000)):
        start, end = sorted(rng.sample(range(len(SAMPLE) + 1), 2))
        filler = rng.choice([b"", b"\0" * (end - start), SAMPLE[start:end] * 2, rng.randbytes(9)])
        damaged = SAMPLE[:start] + filler + SAMPLE[end:]
        if damaged != SAMPLE:
            refused(damaged)


BODY = SAMPLE.decode().partition("\n")[2]
TAKE = BODY.partition("interactions:\n")[2]
CONFLICT = "<<<<<<< HEAD\n{}=======\n{}>>>>>>> theirs\n"


@pytest.mark.parametrize(
    ("data", "kind", "what"),
    [
        (b"", CassetteDamaged, "is empty"),
        (b" \n\t\r\n ", CassetteDamaged, "is empty"),
        (b"\0" * 4096, CassetteDamaged, "is empty"),
        (b"\xef\xbb\xbf", CassetteUnsealed, "not a seal"),
        (SAMPLE[:200] + b"\0" * 512 + SAMPLE[200:], CassetteUnsealed, "seal does not fit"),
        (b"\0" * 512 + SAMPLE, CassetteUnsealed, "not a seal"),
        (SAMPLE.decode().encode("utf-16"), CassetteDamaged, "is UTF-16"),
        (SAMPLE.decode().encode("utf-16-be"), CassetteUnsealed, "not a seal"),
        (SAMPLE + "# ü".encode("latin-1"), CassetteDamaged, "is not UTF-8"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
            CassetteDamaged,
            "git-LFS",
        ),
        (
            CONFLICT.format(SAMPLE.decode(), SAMPLE.decode()).encode(),
            CassetteConflict,
            "merge conflict",
        ),
        (SAMPLE + CONFLICT.format("a\n", "b\n").encode(), CassetteConflict, "merge conflict"),
        (
            CONFLICT.format("# replay cassette 1 sha256:0\n", "# x\n").encode() + SAMPLE,
            CassetteConflict,
            "merge conflict",
        ),
        (
            SAMPLE.replace(b"cassette 1", b"cassette 2", 1),
            CassetteTooNew,
            "has format 2; this release reads format 1",
        ),
        (
            SAMPLE.replace(b"cassette 1", b"cassette 999999999", 1),
            CassetteTooNew,
            "has format 999999999",
        ),
        (SAMPLE.replace(b"1000", b"1001"), CassetteUnsealed, "seal does not fit"),
        (SAMPLE.partition(b"\n")[2], CassetteUnsealed, "not a seal"),
        (b"\n" + SAMPLE, CassetteUnsealed, "not a seal"),
        (SAMPLE + b"\n", CassetteUnsealed, "seal does not fit"),
        (SAMPLE + SAMPLE, CassetteUnsealed, "seal does not fit"),
        (SAMPLE.replace(b"sha256:", b"sha256:A", 1), CassetteUnsealed, "not a seal"),
        (b"x" * (MAX_BYTES + 1), CassetteDamaged, f"larger than {MAX_BYTES} bytes"),
    ],
    ids=[
        "1 empty",
        "2 white space",
        "5 only NULs",
        "only a BOM",
        "5 NULs inside",
        "5 NULs in front",
        "6 UTF-16",
        "6 UTF-16 without a mark",
        "7 latin-1",
        "12 git-LFS pointer",
        "8 conflict of whole files",
        "8 conflict below",
        "8 conflict in the first line",
        "22 format 2",
        "22 far future",
        "an edit",
        "no first line",
        "a line in front",
        "a line behind",
        "twice",
        "another digest",
        "18 too large",
    ],
)
def test_file_rows(data: bytes, kind: type[CassetteDamaged], what: str) -> None:
    """The file rows of the nasty inputs, without a fitting seal, are refused by their name."""
    error = refused(data)
    assert kind is type(error)
    assert what in error.what


DEEP = 100_000


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (BODY.replace("  id:", "  id: in_2\n  id:", 1), "a duplicate key (line 5)"),
        (BODY + "redacted: {}\nredacted: {}\n", "a duplicate key"),
        (BODY + "---\nversion: 1\n", "a second document"),
        (
            BODY + "\tx: 1\n",
            "not readable as YAML: found a tab character that violates indentation",
        ),
        (BODY + "x: !!python/object/apply:os.system [true]\n", "a tag or an anchor"),
        (BODY + "x: !!binary aGk=\n", "a tag or an anchor"),
        (BODY + "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "a tag or an anchor"),
        (BODY + "x: &x [*x]\n", "a tag or an anchor"),
        (BODY + "x: *y\n", "an alias"),
        (BODY + "x: " + "[" * DEEP + "]" * DEEP + "\n", "nesting deeper than 40"),
        (BODY + "x: " + "{a: " * DEEP + "}" * DEEP + "\n", "nesting deeper than 40"),
        (BODY + "x:\n " + "- " * DEEP + "\n", "nesting deeper than 40"),
        (BODY + "x: " + "[" * DEEP, "nesting deeper than 40"),
        (BODY + "x: " + "9" * 5000 + "\n", "an integer of too many digits"),
        (BODY + "1: x\n", "a key that is not text"),
        (BODY + "? [a]\n: x\n", "a key that is not text"),
        (BODY + "x: 'open\n", "the cassette is not readable as YAML"),
        ("", "the cassette holds no document"),
        ("# nothing\n", "no document"),
    ],
    ids=[
        "9 duplicate keys",
        "9 duplicate extra keys",
        "10 two documents",
        "11 tabs",
        "13 a Python tag",
        "13 a tag",
        "14 alias bomb",
        "15 self-alias",
        "an alias to nothing",
        "16 deep flow lists",
        "16 deep flow maps",
        "16 deep block lists",
        "16 deep and cut off",
        "17 5,000 digits",
        "a number as key",
        "a list as key",
        "an open quote",
        "nothing",
        "a comment",
    ],
)
def test_sealed_rows(body: str, what: str) -> None:
    """The file rows of the nasty inputs are refused below a fitting seal as well, and quickly."""
    error = refused(sealed(body))
    assert CassetteDamaged is type(error)
    assert what in error.what


def test_cut_between_takes() -> None:
    """Row 23: takes missing at the end are noticed, although what is left is a whole cassette."""
    two = dumps(replace(cassette(), interactions=cassette().interactions * 2))
    cut = two[: two.rindex("- recorded_at:")]
    assert 1 == len(yaml.safe_load(cut)["interactions"])
    assert CassetteUnsealed is type(refused(cut.encode()))


def changed(path: str, value: Any, made: Cassette | None = None) -> bytes:
    """A sealed cassette in which one value is another one; None as `value` takes it out."""
    content: Any = document(made or cassette())
    *parents, last = path.split(".")
    at = content
    for step in parents:
        at = at[int(step) if step.isdigit() else step]
    at[int(last) if last.isdigit() else last] = value
    if value is None:
        del at[last]
    return sealed(yaml.safe_dump(content))


REQUIRED = [
    "version",
    "cassette",
    "interactions",
    "cassette.resource",
    "cassette.id",
    "cassette.api_version",
    "cassette.policy",
    *(
        f"interactions.0.{name}"
        for name in (
            "recorded_at",
            "source",
            "request",
            "response",
            "redacted",
            "request.method",
            "request.uri",
            "request.headers",
            "response.status",
            "response.headers",
            "response.body",
            "response.status.code",
            "response.status.message",
            "response.body.string",
        )
    ),
]


@pytest.mark.parametrize("path", REQUIRED)
@pytest.mark.parametrize("value", [None, 7, ["x"], {"x": "y"}, True], ids=repr)
def test_wrong_values(path: str, value: Any) -> None:
    """A value that is missing or of another type is refused, whatever the seal says."""
    says = "has format 7" if (path, value) == ("version", 7) else "not in the format"
    assert says in refused(changed(path, value)).what


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", 0),
        ("interactions", []),
        ("interactions.0", "x"),
        ("cassette.parents", "x"),
        ("cassette.parents", []),
        ("cassette.parents", [1]),
        ("cassette.parents", ["a"]),
        ("cassette.account", 1),
        ("interactions.0.batch", 1),
        ("interactions.0.redacted", {"/a": 1}),
        ("interactions.0.request.headers", {"A": "b"}),
        ("interactions.0.request.headers", {"A": [1]}),
        ("interactions.0.request.body", "\u00e9"),
        ("extra", "x"),
        ("cassette.extra", "x"),
        ("interactions.0.note", "x"),
        ("interactions.0.request.extra", "x"),
        ("interactions.0.response.extra", "x"),
        ("interactions.0.response.status.extra", "x"),
        ("interactions.0.response.body.base64_string", "eA=="),
        ("interactions.0.response.status.code", 99),
        ("interactions.0.response.status.code", 600),
        ("interactions.0.response.body.string", "{é}"),
    ],
)
def test_unfit_values(path: str, value: Any) -> None:
    """What the format does not allow, or a rewrite would lose, is refused."""
    assert "not in the format" in refused(changed(path, value)).what


def test_a_later_version_is_told_from_damage() -> None:
    """A document of version 2 under a seal of ours is refused with the way to upgrade."""
    error = refused(changed("version", 2))
    assert CassetteTooNew is type(error)
    assert ("has format 2", "pip install --upgrade") == (error.what[13:25], error.hint[:21])


@pytest.mark.parametrize("body", ["[]", "x", "null", "1"])
def test_no_mapping(body: str) -> None:
    """A document that is not a mapping is no cassette."""
    assert "the file is not a mapping" in refused(sealed(body + "\n")).what


def test_errors_show_nothing_of_the_file() -> None:
    """What is wrong is told without quoting the file, which may be somebody's secret."""
    for body in (
        "PRIVATE: [\n",
        "- PRIVATE\n",
        "!PRIVATE x\n",
        "PRIVATE: 1\nPRIVATE: 2\n",
        "'PRIVATE",
    ):
        assert "PRIVATE" not in str(refused(sealed(body)))
        assert "PRIVATE" not in str(refused(body.encode()))


def test_hand_edit_is_told_how_to_seal() -> None:
    """An edited cassette is refused with the command that accepts the edit."""
    error = refused(SAMPLE.replace(b"1000", b"1001"))
    assert f"replay seal {WHERE}" in error.hint
    assert "restore it from version control" in error.hint
    with pytest.raises(CassetteUnsealed, match=r"replay seal 'my lib/a\.yaml'"):
        loads(b"edited", "my lib/a.yaml")


def test_seal_and_unseal() -> None:
    """A seal is the digest of what is below it; unsealing gives that back."""
    assert sealed("a: ü\n") == seal("a: ü\n").encode()
    assert "a: ü\n" == unseal(seal("a: ü\n").encode(), WHERE)
    assert (hashlib.sha256(b"x").hexdigest(), "x") == split(seal("x").encode(), WHERE)
    assert 1 == FORMAT


@pytest.mark.parametrize("filler", ["x", "é"])
def test_size_limit(filler: str) -> None:
    """The largest text that is sealed can be read again; one more byte cannot be sealed."""
    seal_line = len(seal("").encode())
    count = (MAX_BYTES - seal_line) // len(filler.encode())
    whole = seal(filler * count)
    assert filler * count == unseal(whole.encode(), WHERE)
    with pytest.raises(CassetteDamaged, match=f"over the limit of {MAX_BYTES}"):
        seal(filler * (count + 1))


def test_plain_vcrpy_replays(tmp_path: Path) -> None:
    """vcrpy, knowing nothing of us, answers the request offline with the same bytes."""
    body = {"id": KEY.id, "text": "é\u2028\x7f", "big": 2**70}
    for name, text in (
        ("lf", dumps(cassette(body))),
        ("crlf", dumps(cassette(body)).replace("\n", "\r\n")),
    ):
        file = tmp_path / f"{name}.yaml"
        file.write_bytes(text.encode())
        with vcr.use_cassette(str(file), record_mode="none") as played:
            asked = urllib.request.Request(
                f"https://api.stripe.com/v1/invoices/{KEY.id}", headers={"Stripe-Version": VERSION}
            )
            with urllib.request.urlopen(asked) as answer:
                assert dump(body) == answer.read()
                assert "application/json" == answer.headers["Content-Type"]
        assert 1 == played.play_count
        assert text.encode() == file.read_bytes()


def test_ruamel_writes_what_we_read() -> None:
    """A cassette rewritten by another tool and sealed again is the same cassette."""
    out = io.StringIO()
    YAML(typ="safe", pure=True).dump(document(cassette()), out)
    assert cassette() == loads(sealed(out.getvalue()), WHERE)
    assert Request(
        "GET", f"https://api.stripe.com/v1/invoices/{KEY.id}", (("Stripe-Version", VERSION),)
    ) == (loads(sealed(out.getvalue()), WHERE).interactions[0].request)


def test_a_seal_that_fits_bytes_that_are_no_text() -> None:
    """A seal says that a file is whole, not that it is text."""
    body = SAMPLE.partition(b"\n")[2] + b"# \xe9\n"
    data = b"# replay cassette 1 sha256:%s\n" % hashlib.sha256(body).hexdigest().encode() + body
    for read in (unseal, split, loads):
        with pytest.raises(CassetteDamaged, match="is not UTF-8"):
            read(data, WHERE)


@pytest.mark.parametrize("char", ["\x00", "\x07", "\x7f", "\u0085", "\ufeff", "\ufffe"])
def test_a_head_is_read_as_the_whole_is(char: str) -> None:
    """What YAML does not allow in a text is refused in the head too."""
    body = SAMPLE.decode().partition("\n")[2]
    data = sealed(re.sub("\n  id: .*\n", f"\n  id: 'in_{char}1'\n", body, count=1))

    def whole(data: bytes, where: str) -> object:
        made = loads(data, where)
        return made.key, made.api_version

    def tried(read: Callable[[bytes, str], object]) -> object:
        try:
            return read(data, WHERE)
        except CassetteDamaged as error:
            return error.what

    assert tried(whole) == tried(head)
