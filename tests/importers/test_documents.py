"""Any JSON, YAML or TOML is read, loosely and within limits; encodings are recognised."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import foreign

from replay.importers import documents
from replay.importers.charsets import text_of
from replay.importers.documents import Unreadable, document, embedded_json, read_json, read_yaml


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: [x, 2.5, true, ~]", {"a": 1, "b": ["x", 2.5, True, None]}),
        ("a: '1'\nb: \"2\"", {"a": "1", "b": "2"}),
        ("--- 1\n--- 2\n", [1, 2]),
        ("", []),
        ("a: 1\na: 2", {"a": 1, "a (again)": 2}),
        ("- !ruby/object:X {a: !ruby/sym b}", [{"a": "b"}]),
        ("!!python/object/apply:os.system ['true']", ["true"]),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x [*x]", {"a": [None]}),
        ("a: !!binary aGk=", {"a": b"hi"}),
        ("a: !binary '%'", {"a": "%"}),
        ("? [1, x]\n: y", {"(a key in line 1) itself": [1, "x"], "(a key in line 1)": "y"}),
        ("1: a\ntrue: b", {1: "a", "True (again)": "b"}),
        ("a: *b", {"a": None}),
    ],
)
def test_yaml_of_any_kind_is_read(text, expected):
    """Tags are passed over, aliases followed, second values of a key kept."""
    assert expected == read_yaml(text).root


def test_yaml_tells_the_lines_of_values():
    """They are the lines at which the values start."""
    found = read_yaml("a: 1\nb:\n- x\n- |\n  y\nc: {d: 1}\n")
    assert [1, 3, 6] == found.lines[id(found.root)]
    assert [3, 4] == found.lines[id(found.root["b"])]


@pytest.mark.parametrize(
    "text",
    ["a: [", "\ta: 1", "[" * 200 + "]" * 200, "a: \x00", "a: '\ud800'"],
)  # fmt: skip
def test_yaml_that_cannot_be_read_is_refused(text):
    """Broken or too deep; which of the two is told."""
    with pytest.raises(Unreadable) as caught:
        read_yaml(text)
    assert caught.value.bounded is text.startswith("[")


def test_what_was_read_before_an_error_is_kept():
    """A damaged recording is not lost as a whole."""
    with pytest.raises(Unreadable) as caught:
        read_yaml("a: {b: c}\nd: [1, 2\ne: f\n")
    assert caught.value.partial is not None
    assert [{"a": {"b": "c"}, "d": [1, "2 e"]}] == caught.value.partial.root
    with pytest.raises(Unreadable) as caught:
        document('{"a": 1}\n{"b": 2}\n{"c"', ".json")
    assert caught.value.partial is not None
    assert [{"a": 1}, {"b": 2}] == caught.value.partial.root


@pytest.mark.parametrize(
    ("first", "more"),
    [("[x,x,x,x,x,x,x,x,x,x]", "[{0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}]"),
     ("{a: 1}", "{{<<: {{k: {0}}}, k: {0}, l: {0}}}"), ("[x]", "[{0}]")],
)  # fmt: skip
def test_aliases_are_followed_to_a_limit(first, more):
    """Aliases that stand for millions of values or nest too deep, in time; the rest is read."""
    start = time.process_time()
    lines = [f"a{n}: &a{n} {more.format(f'*a{n - 1}')}" for n in range(1, 200)]
    found = read_yaml("\n".join([f"a0: &a0 {first}", *lines, "last: 1"]))
    assert found.problems
    assert found.root["last"] == 1
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}", {"y": 3, "x": 1}),
        ("b: {<<: {x: 1}, x: 2, z: 3}", {"x": 2, "z": 3, "x (again)": 1}),
        ("b: {<<: [{x: 1}, {y: 2}], <<: {z: 3}}", {"x": 1, "y": 2, "z": 3}),
        ("b: {<<: [1, {y: 2}]}", {"<<": [1, {"y": 2}]}),
    ],
)
def test_merge_keys_bring_in_what_they_name(text, expected):
    """What they bring in and is overridden is kept, unless it has a place of its own."""
    found = read_yaml(text)
    assert expected == found.root["b"]
    assert [1 + ("\n" in text)] * len(expected) == found.lines[id(found.root["b"])]


def test_many_values_of_one_key_take_linear_time():
    """Each is kept under a name of its own."""
    start = time.process_time()
    assert len(read_json("{" + ",".join(['"a":1'] * 10_000) + "}")) == 10_000
    assert len(read_yaml("{" + ",".join(['"<<": {a: 1}, a: 2'] * 2_000) + "}").root) == 4_000
    assert time.process_time() - start < 5


def test_json_keeps_what_a_parser_would_drop():
    """A second value of a key is kept, and a number of too many digits is text."""
    assert {"a": 1, "a (again)": 2} == read_json('{"a": 1, "a": 2}')
    assert ["1" * 5000] == read_json(f"[{'1' * 5000}]")
    for text in ("[" * 100_000, "{", "[" * 100_000 + "]" * 100_000):
        with pytest.raises(Unreadable):
            read_json(text)


@pytest.mark.parametrize(
    ("text", "suffix", "expected"),
    [
        ('{"a": 1}', ".anything", {"a": 1}),
        ("object: customer\n", ".yaml", {"object": "customer"}),
        ("object: customer\n", ".fixture", {"object": "customer"}),
        ('object = "customer"\n', ".toml", {"object": "customer"}),
        ('[[interactions]]\na = 1\n', "", {"interactions": [{"a": 1}]}),
        ("object: customer\n", ".py", None),
        ("{id: x, object: customer}", ".yaml", {"id": "x", "object": "customer"}),
        ("name: x\n", ".yaml", {"name": "x"}),
        ("name: x\n", ".txt", None),
        ("a = 1\n", ".toml", {"a": 1}),
        ('{"a": 1}\n\n{"b": 2}', ".json", [{"a": 1}, {"b": 2}]),
        ("plain text", ".txt", None),
        ("request: [", ".txt", None),
        ("{not json", "", None),
    ],
)  # fmt: skip
def test_a_text_is_a_document_by_its_form_and_its_name(text, suffix, expected):
    """Where the name tells nothing, a text must say that it has an object or a call."""
    found = document(text, suffix)
    assert expected == (found.root if found else None)


@pytest.mark.parametrize(
    ("text", "suffix"),
    [("object: [", ".yaml"), ("{not json", ".json"), ("[" * 100_000, ".txt"),
     ("object = [\n", ".toml"), ("[a]\n" * 2, ".toml"),
     ("object = " + "[" * 100_000, ".toml"), ("object = '" + "x" * 5_000_000 + "'", ".toml")],
)  # fmt: skip
def test_a_document_that_its_name_promises_and_that_is_broken_is_refused(text, suffix):
    """The message has the line where the parser tells it."""
    with pytest.raises(Unreadable):
        document(text, suffix)


def test_json_inside_a_text_is_found_with_its_position():
    """Outermost values only, and only those that hold what is looked for."""
    one, two = json.dumps({"object": "a", "in": {"object": "b"}}), json.dumps([{"object": "c"}])
    text = f'x {{"a": 1}} {one} {{broken {{" {two} {{"object": '
    found = list(embedded_json(text))
    assert [json.loads(one), json.loads(two)] == [value for value, _, _ in found]
    assert [text.index(one), text.index(two)] == [start for _, start, _ in found]


@pytest.mark.parametrize("start", ['{"a":', '[{"a":1},', '{"object" ', '{"', '{"a": "', "[{\"'"])
def test_the_search_for_json_takes_linear_time(start):
    """Text that starts values and never ends them is given up in time, which is said."""
    before = time.process_time()
    with suppress(Unreadable):
        assert [] == list(embedded_json('"object"' + start * (400_000 // len(start)) + '"object"'))
    assert time.process_time() - before < 5


def test_a_search_that_is_given_up_is_an_error():
    """What was not looked at must not pass for clean."""
    with pytest.raises(Unreadable, match="too much that starts as JSON"):
        list(embedded_json('"object"' + '[{"a":1},' * 80_000 + '"object"'))


def test_both_sides_of_a_git_conflict_are_told():
    """Also in the form that shows the common ancestor."""
    text = "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> x\nd\n"
    assert (("a\nb\nd\n", "a\nc\nd\n"), 2) == documents.sides(text)
    three = "<<<<<<< HEAD\nb\n||||||| base\nz\n=======\nc\n>>>>>>> x"
    assert (("b\n", "c\n"), 1) == documents.sides(three)
    assert documents.sides("=======\n") is None
    start = time.process_time()
    assert documents.sides("<<<<<<< a\nb\n" * 50_000) is not None
    assert time.process_time() - start < 2


@pytest.mark.parametrize("encoding", foreign.ENCODED)
def test_the_encoding_of_a_text_is_recognised(encoding):
    """With a byte order mark or without, and of any length."""
    for text in ("a", '{"name": "Ines Hölm"}\n', foreign.PRETTY * 20):
        if text.isascii() or encoding != "latin-1":
            assert text == text_of(foreign.ENCODED[encoding](text))
    assert "Hölm" in text_of(foreign.ENCODED[encoding](foreign.PRETTY))


def test_text_that_is_hardly_ascii_is_recognised_by_its_markup():
    """Japanese values in JSON, in UTF-16 without a mark."""
    text = json.dumps({"object": "customer", "name": "港の造船所" * 8}, ensure_ascii=False)
    for charset in ("utf-16-le", "utf-16-be", "utf-32-le"):
        assert text == text_of(text.encode(charset))


@given(st.binary(max_size=400))
def test_any_bytes_have_a_text(data):
    """Decoding never fails, and bytes that are UTF-8 without zeros come out as that."""
    assert isinstance(text_of(data), str)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    """No text leads to another error."""
    for form, suffix in (("object: {}", ".yaml"), ("object = {}", ".toml"), ("{}", ".json")):
        with suppress(Unreadable):
            document(form.replace("{}", text), suffix)
    list(embedded_json(text + '"object"'))
