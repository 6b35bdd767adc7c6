"""One invented customer, in every form that other tools write recordings in.

`RECORDINGS` holds a call that creates the customer and its answer, as each tool keeps it; `TEXTS`
the customer's JSON in files that are no recordings; `PACKED` and `ENCODED` what any of them can be
packed or encoded in. Values are invented, and the same everywhere.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import yaml

ID = "cus_QaTestAbCd1234"
URL = "https://api.stripe.com/v1/customers"
EMAIL, NAME, STREET = "ines@holm-werft.de", "Ines Hölm", "Kaigasse 7"
CUSTOMER = {
    "id": ID, "object": "customer", "created": 1700000000, "livemode": False, "name": NAME,
    "email": EMAIL, "address": {"line1": STREET, "city": "Holmstadt", "country": "DE"},
    "sources": {"object": "list", "data": [
        {"id": "card_QaTestAbCdEf1234GhIjKl56", "object": "card", "brand": "Visa", "last4": "7305",
         "name": NAME}]},
}  # fmt: skip
FIELDS = frozenset(
    f"customer/{field}"
    for field in ("name", "email", "address/line1", "address/city", "sources/data/last4",
                  "sources/data/name")
)  # fmt: skip
"""What a scan has to name."""
FORM = urlencode({"name": NAME, "email": EMAIL})
BODY = json.dumps(CUSTOMER, ensure_ascii=False)
PRETTY = json.dumps(CUSTOMER, ensure_ascii=False, indent=2)
TIME = "2024-02-15T09:46:05Z"
HTTP_TIME = "Thu, 15 Feb 2024 09:46:05 GMT"
SENT = {"Content-Type": "application/x-www-form-urlencoded", "Stripe-Version": "2023-10-16"}
RECEIVED = {"Content-Type": "application/json", "Stripe-Version": "2023-10-16"}


def b64(data: bytes) -> str:
    """Data in base64 on one line."""
    return base64.b64encode(data).decode()


def _lists(headers: dict[str, str]) -> dict[str, list[str]]:
    return {name: [value] for name, value in headers.items()}


def _pairs(headers: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers.items()]


def vcr(list_key: str, body: Any, sent: Any = FORM, **more: Any) -> dict[str, Any]:
    """A recording in the form that VCR's descendants share."""
    call = {
        "request": {"method": "post", "uri": URL, "body": sent, "headers": _lists(SENT)},
        "response": {"status": {"code": 200, "message": "OK"}, "headers": _lists(RECEIVED),
                     "body": body},
        **more,
    }  # fmt: skip
    return {list_key: [call]}


def _yaml(value: Any) -> bytes:
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=100).encode()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _ruby(body: dict[str, Any]) -> dict[str, Any]:
    sent = {"encoding": "UTF-8", "string": FORM}
    return vcr("http_interactions", body, sent, recorded_at=HTTP_TIME) | {
        "recorded_with": "VCR 6.2.0"
    }


_RUBY_BINARY = _yaml(_ruby({"encoding": "ASCII-8BIT", "string": "HERE"})).replace(
    b"string: HERE", b"string: !binary |-\n          " + b64(BODY.encode()).encode()
)
_RUBY_OLD = f"""---
- !ruby/struct:VCR::HTTPInteraction
  request: !ruby/struct:VCR::Request
    method: :post
    uri: {URL}:443/
    body: {FORM}
    headers:
      content-type:
      - application/x-www-form-urlencoded
      stripe-version:
      - '2023-10-16'
  response: !ruby/struct:VCR::Response
    status: !ruby/struct:VCR::ResponseStatus
      code: 200
      message: OK
    headers:
      content-type:
      - application/json
      stripe-version:
      - '2023-10-16'
    body: '{BODY}'
    http_version: '1.1'
""".replace(f"{URL}:443/", URL).encode()


def _har(content: dict[str, Any]) -> bytes:
    entry = {
        "startedDateTime": "2024-02-15T09:46:05.250Z",
        "request": {"method": "POST", "url": URL, "headers": _pairs(SENT),
                    "postData": {"mimeType": SENT["Content-Type"], "text": FORM}},
        "response": {"status": 200, "statusText": "OK", "headers": _pairs(RECEIVED),
                     "content": {"mimeType": "application/json", **content}},
    }  # fmt: skip
    return _json({"log": {"version": "1.2", "creator": {"name": "Polly.JS"}, "entries": [entry]}})


def _nock(response: Any, **more: Any) -> dict[str, Any]:
    raw = [part for pair in RECEIVED.items() for part in pair]
    return {
        "scope": "https://api.stripe.com:443", "method": "POST", "path": "/v1/customers",
        "body": FORM, "status": 200, "response": response, "rawHeaders": raw, "reqheaders": SENT,
        **more,
    }  # fmt: skip


def _exvcr(body: str, binary: bool) -> bytes:
    return _json([{
        "request": {"body": FORM, "headers": SENT, "method": "post", "options": [],
                    "request_body": "", "url": URL},
        "response": {"binary": binary, "body": body, "headers": RECEIVED, "status_code": 200,
                     "type": "ok"},
    }])  # fmt: skip


def _wiremock(**body: Any) -> dict[str, Any]:
    return {
        "id": "5b2f6a2e-0d5a-4c1f-9d5c-1c2f3a4b5c6d",
        "request": {"method": "POST", "url": "/v1/customers",
                    "headers": {name: {"equalTo": value} for name, value in SENT.items()},
                    "bodyPatterns": [{"equalTo": FORM, "caseInsensitive": False}]},
        "response": {"status": 200, "headers": RECEIVED, **body},
    }  # fmt: skip


def _php(call: dict[str, Any]) -> list[dict[str, Any]]:
    return [{
        "request": {"method": "POST", "url": URL, "headers": SENT, "body": FORM},
        "response": {"status": {"http_version": "1.1", "code": "200", "message": "OK"},
                     "headers": RECEIVED, "body": BODY},
        "index": 0, **call,
    }]  # fmt: skip


def _cassetter(sent: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "interactions": [{
        "request": {"method": "POST", "uri": URL, "headers": _lists(SENT), **sent},
        "response": {"status": 200, "headers": _lists(RECEIVED), **body},
        "recorded_at": TIME,
    }]}  # fmt: skip


def _cassetter_toml(kind: str, content: str) -> bytes:
    return f"""version = 1

[[interactions]]
recorded_at = "{TIME}"

[interactions.request]
method = "POST"
uri = "{URL}"
body_type = "text"
body_content = "{FORM}"

[interactions.request.headers]
content-type = ["application/x-www-form-urlencoded"]
stripe-version = ["2023-10-16"]

[interactions.response]
status = 200
body_type = "{kind}"
body_content = '{content}'

[interactions.response.headers]
content-type = ["application/json"]
stripe-version = ["2023-10-16"]
""".encode()


def _go(version: int) -> bytes:
    response: dict[str, Any] = {"body": BODY, "headers": _lists(RECEIVED), "code": 200,
                                "status": "200 OK", "duration": "312.5ms"}  # fmt: skip
    request = {"body": FORM, "form": {"name": [NAME], "email": [EMAIL]}, "url": URL,
               "headers": _lists(SENT), "method": "POST"}  # fmt: skip
    return _yaml({"version": version, "interactions": [{"request": request, "response": response}]})


RECORDINGS: dict[str, tuple[str, bytes]] = {
    "vcrpy": ("a.yaml", _yaml(vcr("interactions", {"string": BODY}) | {"version": 1})),
    "vcrpy, pretty body": ("a.yaml", _yaml(vcr("interactions", {"string": PRETTY}))),
    "vcrpy, gzip": ("a.yaml", _yaml(vcr("interactions", {"string": gzip.compress(BODY.encode())}))),
    "vcrpy, JSON": ("a.json", _json(vcr("interactions", {"string": BODY}) | {"version": 1})),
    "vcrpy, JSON, base64": (
        "a.json",
        _json(vcr("interactions", {"base64_string": b64(BODY.encode())})),
    ),
    "Ruby VCR": ("a.yml", _yaml(_ruby({"encoding": "UTF-8", "string": BODY}))),
    "Ruby VCR, !binary": ("a.yml", _RUBY_BINARY),
    "Ruby VCR, base64_string": (
        "a.yml",
        _yaml(_ruby({"encoding": "UTF-8", "base64_string": b64(BODY.encode())})),
    ),
    "Ruby VCR, gzip in base64_string": (
        "a.yml",
        _yaml(_ruby({"encoding": "UTF-8", "base64_string": base64.encodebytes(
            gzip.compress(BODY.encode())).decode()})),
    ),
    "Ruby VCR, :compressed": (
        "a.yml.zz", zlib.compress(_yaml(_ruby({"encoding": "UTF-8", "string": BODY}))),
    ),
    "Ruby VCR, JSON": ("a.json", _json(_ruby({"encoding": "UTF-8", "string": BODY}))),
    "Ruby VCR 1": ("a.yml", _RUBY_OLD),
    "betamax": (
        "a.json",
        _json(vcr("http_interactions", {"encoding": "utf-8", "string": BODY},
                  {"encoding": "utf-8", "string": FORM}, recorded_at=TIME[:-1])
              | {"recorded_with": "betamax/0.9.0"}),
    ),
    "betamax, bytes": (
        "a.json",
        _json(vcr("http_interactions", {"encoding": None, "base64_string": b64(
            gzip.compress(BODY.encode()))}, {"encoding": "utf-8", "string": FORM})),
    ),
    "HAR": ("a.har", _har({"text": BODY})),
    "HAR, base64": ("a.har", _har({"text": b64(BODY.encode()), "encoding": "base64"})),
    "nock": ("a.json", _json([_nock(CUSTOMER)])),
    "nock, text": ("a.json", _json([_nock(BODY)])),
    "nock, one call": ("a.json", _json(_nock(CUSTOMER))),
    "nock, gzip in pieces": (
        "a.json",
        _json([_nock([gzip.compress(BODY.encode())[:60].hex(),
                      gzip.compress(BODY.encode())[60:].hex()])]),
    ),
    "nock, binary": ("a.json", _json([_nock(BODY.encode().hex(), responseIsBinary=True)])),
    "ExVCR": ("a.json", _exvcr(BODY, False)),
    "ExVCR, binary": (
        "a.json",
        _exvcr(b64(b"\x83m" + len(BODY.encode()).to_bytes(4, "big") + BODY.encode()), True),
    ),
    "WireMock, jsonBody": ("mappings/a.json", _json(_wiremock(jsonBody=CUSTOMER))),
    "WireMock, body": ("mappings/a.json", _json(_wiremock(body=BODY))),
    "WireMock, base64Body": ("a.json", _json(_wiremock(base64Body=b64(BODY.encode())))),
    "WireMock, several": ("a.json", _json({"mappings": [_wiremock(body=BODY)]})),
    "PHP-VCR": ("vcr_test.yml", _yaml(_php({}))),
    "PHP-VCR, no suffix": ("vcr_test", b"\n" + _yaml(_php({}))),
    "PHP-VCR, JSON": ("vcr_test", _json(_php({}))),
    "cassetter": (
        "a.yaml",
        _yaml(_cassetter({"body": {"type": "text", "content": FORM}},
                         {"body": {"type": "json", "content": CUSTOMER}})),
    ),
    "cassetter, TOML": ("a.toml", _cassetter_toml("json", BODY)),
    "cassetter, TOML, binary": ("a.toml", _cassetter_toml("binary", BODY.encode().hex())),
    "go-vcr 1": ("a.yaml", _go(1)),
    "go-vcr 2": ("a.yaml", _go(2)),
}  # fmt: skip
"""A file name and its bytes for each tool, with one call."""

_CONFLICT = _RUBY_OLD.decode().replace(
    "      - '2023-10-16'\n", "<<<<<<< HEAD\n      - '2023-10-16'\n=======\n      - '2024-06-20'\n"
    ">>>>>>> branch\n", 1,
)  # fmt: skip

TEXTS: dict[str, tuple[str, bytes]] = {
    "JSON": ("a.json", PRETTY.encode()),
    "an array": ("a.json", _json([{"note": 1}, CUSTOMER])),
    "deep in JSON": ("a.json", _json({"cases": {"one": [{"answer": CUSTOMER}]}})),
    "JSON in JSON": ("a.json", _json({"answer": BODY})),
    "JSON in JSON in JSON": ("a.json", _json({"answer": json.dumps({"body": BODY})})),
    "a string that is JSON": ("a.json", _json(BODY)),
    "JSON lines": ("a.jsonl", b'{"n": 1}\n' + BODY.encode() + b"\n" + b'{"n": 2}\n'),
    "JSON with base64": ("a.json", _json({"answer": b64(BODY.encode())})),
    "YAML": ("a.yaml", _yaml({"fixtures": [CUSTOMER]})),
    "YAML, aliases": ("a.yaml", yaml.safe_dump([c := dict(CUSTOMER), {"again": c}]).encode()),
    "YAML, JSON string": ("a.yml", _yaml({"request": "x", "answer": BODY})),
    "YAML, two documents": ("a.yml", b"--- {a: 1}\n---\n" + _yaml(CUSTOMER)),
    "TOML": (
        "a.toml",
        f'[customer]\nobject = "customer"\nid = "{ID}"\nname = "{NAME}"\nemail = "{EMAIL}"\n'
        f'address = {{line1 = "{STREET}", city = "Holmstadt"}}\n[customer.sources]\n'
        'object = "list"\n[[customer.sources.data]]\nobject = "card"\nlast4 = "7305"\n'
        f'name = "{NAME}"\n'.encode(),
    ),
    "an HTTP message": (
        "a.http",
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{PRETTY}".encode(),
    ),
    "WireMock's __files": ("__files/body.txt", PRETTY.encode()),
    "a page of documentation": ("a.md", f"# Answer\n\n```json\n{PRETTY}\n```\n".encode()),
    "a literal in code": ("a.go", f"var body = {json.dumps(BODY, ensure_ascii=False)}\n".encode()),
    "a git conflict": ("a.yml", _CONFLICT.encode()),
}  # fmt: skip
"""A file name and its bytes, for each way in which the customer stands in other files."""


def _zipped(data: bytes, name: str, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(f"pkg/tapes/{name}", data)
    return out.getvalue()


def _tarred(data: bytes, name: str, mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        member = tarfile.TarInfo(f"pkg/tapes/{name}")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


PACKED: dict[str, tuple[str, Callable[[bytes, str], bytes]]] = {
    "gzip": (".gz", lambda data, _: gzip.compress(data)),
    "zlib": (".zz", lambda data, _: zlib.compress(data, 9)),
    "zlib, fast": (".zz", lambda data, _: zlib.compress(data, 1)),
    "bzip2": (".bz2", lambda data, _: bz2.compress(data)),
    "xz": (".xz", lambda data, _: lzma.compress(data)),
    "zip": (".zip", _zipped),
    "a wheel": (".whl", _zipped),
    "zip, bzip2": (".zip", lambda data, name: _zipped(data, name, zipfile.ZIP_BZIP2)),
    "zip behind a program": (".run", lambda data, name: b"#!/bin/sh\n" + _zipped(data, name)),
    "tar": (".tar", _tarred),
    "tar.gz": (".tar.gz", lambda data, name: _tarred(data, name, "w:gz")),
    "tar.bz2": (".tar.bz2", lambda data, name: _tarred(data, name, "w:bz2")),
    "tar.xz": (".tar.xz", lambda data, name: _tarred(data, name, "w:xz")),
    "zip in tar": (".tar", lambda data, name: _tarred(_zipped(data, name), "a.zip")),
    "gzip twice": (".gz", lambda data, _: gzip.compress(gzip.compress(data))),
    "the second of two streams": (
        ".gz", lambda data, _: gzip.compress(b"first\n") + gzip.compress(data),
    ),
}  # fmt: skip
"""For each way to pack a file, what its name ends in, and how it is done."""

ENCODED: dict[str, Callable[[str], bytes]] = {
    "UTF-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16, little end first": lambda text: text.encode("utf-16-le"),
    "UTF-16, big end first": lambda text: text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "UTF-32, little end first": lambda text: text.encode("utf-32-le"),
    "UTF-32, big end first": lambda text: text.encode("utf-32-be"),
    "latin-1": lambda text: text.encode("latin-1"),
}
"""For each encoding of a file, how a text is written in it."""
