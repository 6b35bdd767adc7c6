"""Bodies: kept at their value or refused, never rounded; written one way."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.proof import proved

from replay.errors import CassetteDamaged, NotRecordable
from replay.model.json_body import dump, parse, parse_recorded

NUMBERS = st.integers() | st.integers(min_value=2**53, max_value=2**70) | st.floats(
    allow_nan=False, allow_infinity=False
)  # fmt: skip
TEXTS = st.text() | st.text(st.characters(codec=None))  # lone surrogates as well
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=25,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=6)


def exactly(value: Any) -> Any:
    """A value in which 1, 1.0 and True differ, as they do in JSON."""
    if isinstance(value, dict):
        return [(key, exactly(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [exactly(item) for item in value]
    return type(value).__name__, repr(value)


@proved
@given(OBJECTS)
def test_round_trip(document: dict[str, Any]) -> None:
    """What is written is read back equal, in value, type and order of keys."""
    assert exactly(document) == exactly(parse(dump(document)))


@proved
@given(OBJECTS)
def test_written_one_way(document: dict[str, Any]) -> None:
    """The text is printable ASCII and line ends alone, and writing it again changes no byte."""
    text = dump(document)
    assert set() == set(text) - {10, *range(32, 127)}
    assert text == dump(parse(text))
    assert exactly(document) == exactly(json.loads(text))


@proved
@given(OBJECTS)
def test_read_as_sent(document: dict[str, Any]) -> None:
    """A source's own spelling, raw UTF-8 without spaces, is read like any other."""
    sent = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    try:
        body = sent.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate: sent escaped
        body = json.dumps(document, separators=(",", ":")).encode()
    assert exactly(document) == exactly(parse(body))


@proved
@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_no_number_is_rounded(number: Decimal) -> None:
    """A number is kept at its value or refused; none comes out as another."""
    try:
        kept = parse(b'{"n": %s}' % str(number).encode())["n"]
    except NotRecordable:
        return
    assert number == Decimal(repr(kept))


# Rows 36 to 41 of the nasty inputs, and more of their kind.
REFUSED = {
    "36 duplicate keys": (b'{"a": 1, "a": 1}', "a key twice"),
    "36 duplicate keys below": (b'{"a": [{"b": 1, "\\u0062": 2}]}', "a key twice"),
    "37 NaN": (b'{"a": NaN}', "NaN or an infinity"),
    "37 infinity": (b'{"a": -Infinity}', "NaN or an infinity"),
    "37 1e999": (b'{"a": 1e999}', "a number that a float cannot keep"),
    "37 exponent beyond all bounds": (b'{"a": 1e-99999999999999999999}', "a float cannot keep"),
    "37 underflow": (b'{"a": 1e-400}', "a float cannot keep"),
    "37 too many places": (b'{"a": 0.1234567890123456789}', "a float cannot keep"),
    "40 deep arrays": (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    "40 deep objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
    "41 a list": (b"[]", "not a JSON object"),
    "41 a text": (b'"x"', "not a JSON object"),
    "41 null": (b"null", "not a JSON object"),
    "nothing": (b"", "not JSON that can be read"),
    "HTML": (b"<html>PRIVATE</html>", "not JSON that can be read"),
    "cut off": (b'{"a": "PRIVATE', "not JSON that can be read"),
    "two documents": (b'{"a": "PRIVATE"} {}', "not JSON that can be read"),
    "latin-1": (b'{"a": "PRIVATE \xe9"}', "not JSON that can be read"),
    "surrogate in UTF-8": (b'{"a": "\xed\xa0\x80"}', "not JSON that can be read"),
    "UTF-16": ('{"a": "PRIVATE"}'.encode("utf-16"), "not JSON that can be read"),
    "BOM": (b'\xef\xbb\xbf{"a": 1}', "not JSON that can be read"),
    "5,000 digits": (b'{"a": ' + b"9" * 5000 + b"}", "not JSON that can be read"),
    "control character": (b'{"a": "PRIVATE\x01"}', "not JSON that can be read"),
    "trailing comma": (b'{"a": 1,}', "not JSON that can be read"),
}


@pytest.mark.parametrize(("body", "what"), list(REFUSED.values()), ids=list(REFUSED))
def test_refused(body: bytes, what: str) -> None:
    """What cannot be kept exactly is refused, and the refusal quotes nothing of it."""
    with pytest.raises(NotRecordable, match=what) as caught:
        parse(body)
    assert "PRIVATE" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (rb'{"a": "\ud800"}', {"a": "\ud800"}),
        (b'{"a": 9007199254740993}', {"a": 2**53 + 1}),
        (b'{"a": 1180591620717411303425}', {"a": 2**70 + 1}),
        (b'{"a": "\x7f"}', {"a": "\x7f"}),
        (b'{"a": 1.10, "b": 1E2, "c": -0.0}', {"a": 1.1, "b": 100.0, "c": -0.0}),
        (b' {"": {}}\r\n', {"": {}}),
    ],
    ids=["38 lone surrogate", "39 over 2^53", "39 over 2^70", "DEL", "floats", "white space"],
)
def test_kept(body: bytes, expected: Any) -> None:
    """What JSON can say and a cassette can keep is kept at its value."""
    assert exactly(expected) == exactly(parse(body))
    assert exactly(expected) == exactly(parse(dump(expected)))


def test_looks() -> None:
    """The text is what people read in a diff: two spaces, one line per value, ASCII."""
    expected = b'{\n  "a": "\\u00e9\\u007f",\n  "b": [\n    1\n  ]\n}'
    assert expected == dump({"a": "é\x7f", "b": [1]})


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_nothing_else_is_written(number: float) -> None:
    """What is no JSON is not written either."""
    with pytest.raises(ValueError, match="JSON compliant"):
        dump({"a": number})


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"a": 1, "a": 2}', "a key twice"),
        (b'{"a": {"b": 1, "b": 1}}', "a key twice"),
        (b'{"a": oops}', "not JSON"),
        (b"", "not JSON"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": 1e999}', "a float cannot keep"),
        (b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}", "nested too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
    ],
)
def test_what_no_recording_holds_is_not_read_from_one(body: bytes, says: str) -> None:
    """A reader of cassettes parses as strictly as the recorder, and names the file."""
    with pytest.raises(CassetteDamaged, match=f"a recorded body .*{says}") as raised:
        parse_recorded(body, "f.yaml take 0")
    assert "f.yaml take 0" == raised.value.where


def test_wide_and_deep_are_told_apart() -> None:
    """Many objects beside each other are no nesting, and what is deep but not too deep is read."""
    wide = {"a": [{"b": []}] * 300}
    assert wide == parse_recorded(dump(wide), "")
    deep = b'{"a": ' + b"[" * 199 + b"]" * 199 + b"}"
    assert {"a"} == set(parse_recorded(deep, ""))
