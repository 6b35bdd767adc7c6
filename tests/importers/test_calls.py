"""Calls that other tools recorded are read whole: request, response and time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import pytest
from support import foreign

from replay.importers.calls import RecordedCall, header_name, recorded_calls
from replay.importers.charsets import text_of
from replay.importers.containers import parts
from replay.importers.documents import Document, document
from replay.model.cassette import header

WITHOUT_TIME = ("vcrpy", "Ruby VCR 1", "betamax, bytes", "nock", "ExVCR", "WireMock", "PHP", "go")


def read(name: str, data: bytes) -> tuple[RecordedCall, ...]:
    (part,) = parts(data)
    found = document(text_of(part.data), PurePosixPath(name.removesuffix(".zz")).suffix)
    assert found is not None
    reading = recorded_calls(found)
    assert reading is not None
    return reading.calls


@pytest.mark.parametrize("form", foreign.RECORDINGS)
def test_a_call_is_read_whole(form):
    """Method, address, headers, both bodies, status and time are the same in every format."""
    (call,) = read(*foreign.RECORDINGS[form])
    assert "POST" == call.request.method
    assert call.request.uri in {foreign.URL, "/v1/customers"}
    assert () == call.problems
    if not form.startswith("WireMock"):
        assert foreign.FORM == (call.request.body or b"").decode()
    assert foreign.CUSTOMER == json.loads(call.response.body)
    assert 200 == call.response.status
    for headers in (call.request.headers, call.response.headers):
        assert "2023-10-16" == header(headers, "Stripe-Version")
    assert ("" if form.startswith(WITHOUT_TIME) else foreign.TIME) == call.recorded_at


def of(root: Any) -> RecordedCall:
    reading = recorded_calls(Document(root))
    assert reading is not None
    (call,) = reading.calls
    return call


def response(**more: Any) -> RecordedCall:
    return of([{"request": {"url": "/v1/x", "method": ":get"}, "response": more}])


@pytest.mark.parametrize(
    ("status", "number", "reason"),
    [(200, 200, ""), ("404", 404, ""), ("402 Payment Required", 402, "Payment Required"),
     ("HTTP/1.1 429 Slow down", 429, "Slow down"), ({"code": 201, "message": "Made"}, 201, "Made"),
     (0, 0, ""), (None, 0, "")],
)  # fmt: skip
def test_a_status_is_read_in_each_spelling(status, number, reason):
    """A number, a line of HTTP, or a mapping; none at all is 0."""
    found = response(status=status).response
    assert (number, reason) == (found.status, found.reason)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"A": ["1", "2"], "B": 3}, (("A", "1"), ("A", "2"), ("B", "3"))),
        ([["A", "1"], ["B", "2"]], (("A", "1"), ("B", "2"))),
        (["A", "1", "B", "2"], (("A", "1"), ("B", "2"))),
        (["A: 1", "B: 2: 3"], (("A", "1"), ("B", "2: 3"))),
        ([{"name": "A", "value": "1"}, {"key": "B", "value": "2"}], (("A", "1"), ("B", "2"))),
        ({"A": {"equalTo": "1"}, "B": None, "C": True}, (("A", "1"), ("C", "true"))),
        ({"A": b"1"}, (("A", "1"),)),
        ("A: 1", ()),
        ([1, "A"], ()),
    ],
)
def test_headers_are_read_in_each_form(headers, expected):
    """A mapping, pairs, lines, or names and values in turn."""
    assert expected == response(headers=headers).response.headers


def test_headers_that_describe_the_stored_body_go():
    """The body is unpacked, so its old encoding and length would be wrong."""
    headers = {"Content-Encoding": "gzip", "content-length": "3", "Transfer-Encoding": "x", "A": 1}
    assert (("A", "1"),) == response(headers=headers, body="{}").response.headers


@pytest.mark.parametrize(
    ("when", "expected"),
    [("2024-02-15T10:46:05+01:00", foreign.TIME), ("2024-02-15 09:46:05", foreign.TIME),
     (foreign.HTTP_TIME, foreign.TIME), (1707990365, foreign.TIME), (1707990365000, foreign.TIME),
     (datetime(2024, 2, 15, 9, 46, 5, tzinfo=UTC), foreign.TIME),
     ("tomorrow", ""), (None, ""), (True, ""), (10**400, ""), ("0001-01-01T00:00:00+14:00", ""),
     (float("inf"), "")],
)  # fmt: skip
def test_a_time_is_read_in_each_form(when, expected):
    """ISO 8601, HTTP's form, or seconds or milliseconds of Unix time; all else is none."""
    call = {"request": {"url": "/", "method": "GET"}, "response": {}, "recorded_at": when}
    assert expected == of([call]).recorded_at


@pytest.mark.parametrize(
    ("response_", "body", "problem"),
    [
        ({"body": {"base64_string": "%%%"}}, b"", "is not readable as base64"),
        ({"body": "no base64!", "binary": True}, b"no base64!", "is not the base64 that it should"),
        ({"body": {"type": "none"}}, b"", ""),
        ({"body": {"string": None}}, b"", ""),
        ({"body": 7}, b"7", ""),
        ({"body": [1, 2]}, b"[1, 2]", ""),
        ({"body": {"a": b"x"}}, b'{"a": "x"}', ""),
        ({"body": "x", "headers": {"Content-Encoding": "br"}}, b"x", "is packed with br"),
        ({"body": "{}", "headers": {"Content-Encoding": "br"}}, b"{}", ""),
        ({"body": b"\x1f\x8b\x08broken", "headers": {}}, b"\x1f\x8b\x08broken", "damaged"),
    ],
)
def test_a_body_is_read_in_each_form_or_said_to_be_damaged(response_, body, problem):
    """What cannot be unpacked is given as it stands, with the reason."""
    call = response(**response_)
    assert body == call.response.body
    assert problem in " ".join(call.problems)
    assert bool(problem) == bool(call.problems)


def test_what_is_no_recording_has_no_calls():
    """A document in no known format is none; entries of a list that are no calls are left out."""
    for root in ({"interactions": 7}, {"a": 1}, [], "x", None, {"log": {"entries": [{"x": 1}]}}):
        assert recorded_calls(Document(root)) is None
    mixed = {"interactions": [None, {"request": {"uri": "/"}, "response": {}}, {"request": 1}]}
    assert "/" == of(mixed).request.uri


def test_the_repr_of_a_call_shows_nothing_private():
    """A call may be printed in an error or a log."""
    for form in foreign.RECORDINGS.values():
        shown = repr(read(*form))
        assert not [part for part in ("ines", "Kaigasse", "7305", "v1/customers") if part in shown]


def test_wiremocks_file_is_named():
    """The body of a mapping may be another file."""
    call = of({"request": {"urlPath": "/v1/x"}, "response": {"bodyFileName": "x.json"}})
    assert "x.json" == call.body_file


@pytest.mark.parametrize(
    "name",
    ["Content-Encoding", "content_encoding", "HTTP_CONTENT_ENCODING", ":content_encoding",
     "contentEncoding", "REDIRECT_HTTP_CONTENT_ENCODING", " CONTENT-ENCODING "],
)  # fmt: skip
def test_a_headers_name_is_read_in_every_spelling(name):
    assert "content-encoding" == header_name(name)
