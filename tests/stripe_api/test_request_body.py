"""The parameters of a request, of its query and of forms, JSON bodies and uploads."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stripe._encode import _api_encode

from replay.stripe_api.request_body import MAX_BODY, BodyKind, read_parameters

FORM = "application/x-www-form-urlencoded"
URI = "https://api.stripe.com/v1/subscriptions"
UPLOAD = (
    b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\ndispute_evidence\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="anna.pdf"\r\n\r\nAnna\r\n'
    b"--b--\r\n"
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a[]=x&a[]=y", "a[0]=x&a[1]=y"),
        ("i[][p]=x&i[][q]=1&i[][p]=y&i[][q]=2", "i[0][p]=x&i[0][q]=1&i[1][p]=y&i[1][q]=2"),
        ("i[][t][]=x&i[][t][]=y", "i[0][t][0]=x&i[0][t][1]=y"),
        ("b=True", "b=true"),
        ("expand[]=x&expand[]=y", "expand[1]=x&expand[0]=y"),
    ],
)
def test_two_spellings_of_one_form_are_one(one: str, other: str) -> None:
    first = read_parameters(URI, FORM, one.encode())
    assert first.kind is BodyKind.FORM
    assert first == read_parameters(URI, FORM, other.encode())


@pytest.mark.parametrize("other", ["a[0]=y&a[1]=x", "a=x", "a[0]=x", "a[0]=&a[1]=y"])
def test_positions_names_and_empty_texts_count(other: str) -> None:
    whole = read_parameters(URI, FORM, b"a[0]=x&a[1]=y")
    assert whole != read_parameters(URI, FORM, other.encode())


def test_a_form_of_the_sdk_is_read_as_it_was_meant() -> None:
    sent = {"customer": "cus_1", "items": [{"price": "p", "quantity": 2}], "expand": ["customer"]}
    body = urlencode(list(_api_encode(sent))).encode()
    found = read_parameters(URI, FORM, body)
    assert found.values == {"customer": "cus_1", "items[0][price]": "p", "items[0][quantity]": "2"}
    assert found.expand == {"customer"}


def test_a_json_body_keeps_the_kinds_of_its_values() -> None:
    found = read_parameters(URI, "application/json", b'{"a": {"b": [1, "1", true, null]}, "c": {}}')
    assert found.kind is BodyKind.JSON
    kinds = {name: (type(value), value) for name, value in found.values.items()}
    assert kinds == {
        "a[b][0]": (int, 1),
        "a[b][1]": (str, "1"),
        "a[b][2]": (bool, True),
        "a[b][3]": (type(None), None),
        "c": (str, ""),
    }


def test_of_an_upload_only_the_purpose_is_read() -> None:
    found = read_parameters(URI, "multipart/form-data; boundary=b", UPLOAD)
    assert (found.kind, found.values) == (BodyKind.MULTIPART, {"purpose": "dispute_evidence"})


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, b"a=1&a=2"),
        (FORM, b"a[=1"),
        (FORM, b"a=%ff"),
        (FORM, b"a=" + b"x" * MAX_BODY),
        (FORM, b"a" + b"[b]" * 11 + b"=1"),
        ("application/json", b'{"a":' * 500 + b"1" + b"}" * 500),
        ("application/json", b'{"a": 1, "a": 2}'),
        ("application/json", b'{"a[b]": 1}'),
        ("text/plain", b"a=1"),
    ],
)
def test_what_cannot_be_read_whole_is_opaque(content_type: str, body: bytes) -> None:
    found = read_parameters(URI, content_type, body)
    assert (found.kind, dict(found.values)) == (BodyKind.OPAQUE, {})


def test_a_repr_shows_no_value() -> None:
    assert "anna" not in repr(read_parameters(URI, FORM, b"name=anna&expand[]=anna"))


@given(
    content_type=st.sampled_from([FORM, "application/json", "multipart/form-data; boundary=b", ""])
    | st.text(max_size=30),
    query=st.text(max_size=40),
    body=st.binary(max_size=200) | st.just(UPLOAD),
)
@example(content_type="multipart/form-data; boundary=b\n", query="", body=UPLOAD)
@example(content_type="multipart/form-data; boundary*=x''\ud800", query="", body=UPLOAD)
def test_no_request_raises_anything(content_type: str, query: str, body: bytes) -> None:
    read_parameters(f"{URI}?{query}", content_type, body)


@given(
    disposition=st.text(st.sampled_from("fn=;\"'*%0 \r\nutf-8\\é"), max_size=30),
    head=st.binary(max_size=20),
)
def test_no_part_of_an_upload_raises_anything(disposition: str, head: bytes) -> None:
    body = (
        b"--b\r\n" + head + b"\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\nx\r\n"
    )
    read_parameters(URI, "multipart/form-data; boundary=b", body + b"--b--")
