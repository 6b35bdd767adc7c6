"""Small recordings with the oddities of real ones: what the readers make of each."""

from __future__ import annotations

import base64
import gzip
import json
import zlib

import pytest

from replay.importers.calls import RecordedCall, recorded_calls
from replay.importers.documents import Unreadable, document
from replay.model.cassette import header

API = "https://api.stripe.com"


def calls(text: str, suffix: str = ".yml") -> tuple[RecordedCall, ...]:
    found = document(text, suffix)
    assert found is not None
    reading = recorded_calls(found)
    assert reading is not None
    return reading.calls


def ruby(uri: str, body: str, version: str = "2024-06-20", status: int = 200) -> str:
    return (
        f"---\nhttp_interactions:\n- request:\n    method: get\n    uri: {uri}\n"
        "    body: {encoding: US-ASCII, string: ''}\n    headers:\n"
        f"      Stripe-Version: ['{version}']\n"
        f"  response:\n    status: {{code: {status}, message: OK}}\n    headers:\n"
        f"      Content-Type: [application/json]\n      Stripe-Version: ['{version}']\n"
        f"    body:\n{body}  recorded_at: Fri, 01 Mar 2024 10:00:00 GMT\nrecorded_with: VCR 6.3.1\n"
    )


def test_rubys_binary_tag_with_one_exclamation_mark():
    """Ruby writes ``!binary``, YAML's own tag is ``!!binary``: both are bytes."""
    packed = base64.b64encode(json.dumps({"description": "Größe"}).encode()).decode()
    for tag in ("!binary", "!!binary"):
        body = f"      encoding: ASCII-8BIT\n      string: {tag} |-\n        {packed}\n"
        uri = f"{API}/v1/charges/ch_QaTest?expand[]=customer"
        (call,) = calls(ruby(uri, body, "2023-10-16; x=v1"))
        assert {"description": "Größe"} == json.loads(call.response.body)
        assert uri == call.request.uri
        assert "GET" == call.request.method
        assert "2023-10-16; x=v1" == header(call.request.headers, "stripe-version")
        assert "2024-03-01T10:00:00Z" == call.recorded_at


def test_a_gzip_body_without_its_header_is_unpacked():
    """vcrpy keeps the bytes as they came; a filter may have taken the header."""
    packed = base64.b64encode(gzip.compress(b'{"id": "in_QaTest"}')).decode()
    for headers in ("{Content-Encoding: [gzip]}", "{content-encoding: [gzip]}", "{}"):
        text = (
            f"interactions:\n- request: {{body: '', method: GET, uri: '{API}/v1/invoices/in_Qa',"
            " headers: {}}\n  response:\n    body:\n      string: !!binary |\n"
            f"        {packed}\n"
            f"    headers: {headers}\n    status: {{code: 200, message: OK}}\nversion: 1\n"
        )
        (call,) = calls(text, ".yaml")
        assert b'{"id": "in_QaTest"}' == call.response.body
        assert None is header(call.response.headers, "Content-Encoding")


def test_an_answer_that_never_came_has_status_0():
    """A browser notes calls that it blocked or cancelled."""
    entry = {
        "startedDateTime": "2024-03-01T10:00:02.000Z",
        "request": {"method": "GET", "url": f"{API}/v1/invoices/in_QaTest", "headers": []},
        "response": {"status": 0, "statusText": "", "headers": [], "content": {"size": 0}},
    }
    (call,) = calls(json.dumps({"log": {"entries": [entry]}}), ".har")
    assert (0, b"") == (call.response.status, call.response.body)


def test_placeholders_stand_as_they_are():
    """A filter may have put its placeholder into an address or a version; an import must see it."""
    (call,) = calls(
        ruby(f"{API}/v<ONE>/customers/cus_QaTest<ONE>", "      string: '{}'\n", "2025-<ONE>0")
    )
    assert f"{API}/v<ONE>/customers/cus_QaTest<ONE>" == call.request.uri


def test_each_call_of_a_file_is_given_in_order_with_its_line():
    """Other hosts and redirects too; what to do with them is for the reader's user."""
    hosts = ("https://connect.stripe.com/oauth/authorize", f"{API}/v1/a", "https://shop.example/")
    text = "http_interactions:\n" + "".join(
        f"- request: {{method: get, uri: '{uri}', body: {{string: ''}}, headers: {{}}}}\n"
        f"  response: {{status: {{code: {status}}}, headers: {{}}, body: {{string: x}}}}\n"
        for uri, status in zip(hosts, (302, 200, 500), strict=True)
    )
    found = calls(text)
    assert [302, 200, 500] == [call.response.status for call in found]
    assert [2, 4, 6] == [call.line for call in found]


def test_a_git_conflict_is_no_document():
    """The error says where, and never quotes the text."""
    text = ruby(f"{API}/v1/a", "      string: '{}'\n").replace(
        "    headers:\n", "<<<<<<< HEAD\n    headers:\n=======\n    header:\n>>>>>>> branch\n", 1
    )
    with pytest.raises(Unreadable, match=r"line \d+") as caught:
        document(text, ".yml")
    assert "HEAD" not in str(caught.value)


def test_a_body_in_raw_deflate_is_unpacked():
    """Servers that say ``deflate`` send it with zlib's mark or without."""
    engine = zlib.compressobj(wbits=-15)
    packed = engine.compress(b'{"id": "in_QaTest"}') + engine.flush()
    for data in (packed, zlib.compress(b'{"id": "in_QaTest"}')):
        text = (
            f"interactions:\n- request: {{body: '', method: GET, uri: '{API}/v1/invoices/in_Qa',"
            " headers: {}}\n  response:\n    body:\n      string: !!binary |\n"
            f"        {base64.b64encode(data).decode()}\n"
            "    headers: {HTTP_CONTENT_ENCODING: [deflate]}\n"
            "    status: {code: 200, message: OK}\nversion: 1\n"
        )
        (call,) = calls(text)
        assert b'{"id": "in_QaTest"}' == call.response.body
