"""The quick reader of what replay wrote itself: it says what YAML says, or nothing."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.proof import proved, rounds
from support.takes import CASSETTES, TRAPS, cassette

from replay.library.format import fast_reader
from replay.library.format.codec import dumps, unseal
from replay.library.format.schema import to_cassette
from replay.library.format.yaml_reader import Malformed, parse
from replay.model.cassette import Cassette

SAMPLES = sorted((Path(__file__).parents[2] / "cassettes").rglob("*.yaml"))
LIST = {"data": [{"id": "il_1", "name": "a: b"}, None, [], {}], "text": "'x' # y\n"}


def body(made: Cassette) -> str:
    """A cassette's text below its seal."""
    return unseal(dumps(made).encode(), "x")


def agrees(text: str) -> bool:
    """Whether the quick reader took a text; if it did, YAML says the same of it."""
    found = fast_reader.read(text.encode())
    if found is not None:
        assert to_cassette(parse(text)) == found
    return found is not None


def test_what_is_recorded_is_read_quickly() -> None:
    """Every cassette of the sample library, and one of each kind of key, is read without YAML."""
    assert SAMPLES
    for path in SAMPLES:
        assert agrees(unseal(path.read_bytes(), str(path))), path
    assert agrees(body(cassette(LIST)))
    assert agrees(body(cassette(batch="")))
    assert agrees(body(cassette(redacted={})))
    assert agrees(body(cassette(unconfirmed=())))
    marked = cassette(unconfirmed=("", "/a/0/b"), equal_values={"/a/b": "id-1", "/c": "text-20"})
    assert agrees(body(marked))
    assert agrees(body(cassette(redacted={"/a/'b": "text", "/: c": "email"}))) is False
    assert agrees(body(cassette(redacted={"/a: b": "text", "/true": "name"})))


@proved
@given(CASSETTES)
def test_any_cassette(made: Cassette) -> None:
    """Whatever a cassette holds, the quick reader agrees with YAML, or leaves it to YAML."""
    agrees(body(made))


@proved
@given(
    st.sampled_from([cassette(), cassette(LIST), *(cassette({"a": trap}) for trap in TRAPS)]),
    st.randoms(use_true_random=False),
)
def test_any_edit(made: Cassette, chance: random.Random) -> None:
    """After edits of any kind, it agrees with YAML, or leaves it to YAML."""
    text = body(made)
    for _ in range(chance.randrange(1, 4)):
        text = edited(text, chance)
    agrees(text)


BITS = [
    *"\n :'\"#-[]{}|>?&*!%@,\t\r\0~<1\x7f",
    *("\n\n", "\n ", "\n        ", ": ", " #", "- ", "|+", "null", "true"),
    *("\u00e9", "\u2028", "\ufeff", "redacted:", "\n  redacted: {}\n"),
]


def edited(text: str, chance: random.Random) -> str:
    """A text with one place changed: characters, or lines moved, doubled and dropped."""
    if chance.random() < 0.4:
        lines = text.splitlines(keepends=True)
        a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
        chosen = lines[a]
        if chance.random() < 0.5:
            del lines[a]
        if chance.random() < 0.7:
            lines.insert(b, chosen)
        return "".join(lines)
    a = chance.randrange(len(text))
    b = a + chance.choice([0, 0, 1, 1, 2, 8])
    return text[:a] + chance.choice(["", *BITS]) + text[b:]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  id: in_1SampleOfOneCassette0001", "  id: true"),
        ("  id: in_1SampleOfOneCassette0001", "  id: Null"),
        ("  id: in_1SampleOfOneCassette0001", "  id: in_1 # a remark"),
        ("  id: in_1SampleOfOneCassette0001", "  id: 'it''s'"),
        ("message: OK", "message: null"),
        ("message: OK", "message: a:b"),
        ("code: 200", "code: 0200"),
        ("[application/json]", "[application/json, ]"),
        ("redacted:\n", "redacted:\n    /customer_name: text\n"),
        ("  request:\n", "  unconfirmed: [a]\n  request:\n"),
        ("  request:\n", "  unconfirmed: [/a, b]\n  request:\n"),
        ("  request:\n", "  equal_values:\n    /a: id-0\n  request:\n"),
        ("  request:\n", "  equal_values:\n    a: id-1\n  request:\n"),
        ("  request:\n", "  equal_values:\n    /a: id-1\n    /a: id-2\n  request:\n"),
        ("code: 200, message: OK", "code: 302, message: Found"),
        ("Content-Type: [application/json]", "Location: [/v1/charges]"),
        ("[application/json]", "[application/json, application/json]"),
        ("[application/json]", "[text/html]"),
        ("redacted:\n", f"redacted:\n    /{'k' * 1025}: text\n"),
        ("        {\n", "         {\n"),
        ("        {\n", "        \n        {\n"),
        ("        }\n", "        }\n        \n"),
        ("        }\n", "        }\n\n"),
        ("        }\n", "        } \n"),
        ("|-", "|"),
        ("interactions:", "extra: 1\ninteractions:"),
    ],
)
def test_another_form_is_left_to_yaml(old: str, new: str) -> None:
    """One character beside the written form, and YAML is asked."""
    text = body(cassette())
    assert agrees(text)
    changed = text.replace(old, new, 1)
    assert changed != text
    assert fast_reader.read(changed.encode()) is None


@pytest.mark.parametrize("lines", ["", "        \n", "        \n        \n"])
def test_an_empty_body_is_left_to_yaml(lines: str) -> None:
    """A body without any text, and YAML is asked."""
    text = re.sub(r"(?<=[|]-\n)(?:        .*\n)+", lines, body(cassette()))
    assert fast_reader.read(text.encode()) is None


def test_many_edits_are_seen_by_both() -> None:
    """Of random edits, some are read quickly, some by YAML alone, and some by neither."""
    chance, counts = random.Random(7), {"quick": 0, "yaml": 0, "neither": 0}
    for _ in range(rounds(600, 20000)):
        text = edited(body(cassette(LIST)), chance)
        if agrees(text):
            counts["quick"] += 1
            continue
        try:
            parse(text)
            counts["yaml"] += 1
        except Malformed:
            counts["neither"] += 1
    assert all(counts.values()), counts


def test_what_files_share_is_no_more_than_bounded() -> None:
    """A long list of replaced values is not remembered, a short one is one value in all files."""
    short: Any = body(cassette())
    many = "".join(f"    /k{n}: text\n" for n in range(999))
    long = re.sub(r"(?<=  redacted:\n).*\n", many, short)
    assert long.count("/k") == 999
    for text, shared in ((short, True), (long, False)):
        one, two = fast_reader.read(text.encode()), fast_reader.read(text.encode())
        assert one is not None
        assert two is not None
        assert shared is (one.interactions[0].redacted is two.interactions[0].redacted)
