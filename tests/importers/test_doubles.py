"""Doubles are found wherever they stand in JSON and YAML, with their lines."""

from __future__ import annotations

import json

import pytest

from replay.importers.documents import Unreadable
from replay.importers.doubles import Double, doubles

TYPES = frozenset({"invoice", "customer"})


def found(text: str, suffix: str = ".json", unnamed: str = "") -> list[tuple[str, str, int]]:
    """Type, pointer and line of the doubles in a text."""
    return [(d.type, d.pointer, d.line("")) for d in doubles(text, suffix, TYPES, unnamed)]


def test_doubles_are_found_at_the_top_in_lists_and_in_bodies_of_mocks() -> None:
    """The outermost object of a type is the double; what stands in it belongs to it."""
    inner = {"object": "invoice", "customer": {"object": "customer"}}
    assert [("invoice", "", 1)] == found(json.dumps(inner))
    several = {"object": "list", "data": [inner, {"object": "customer"}]}
    assert ["/data/0", "/data/1"] == [pointer for _, pointer, _ in found(json.dumps(several))]
    mock = {"request": {"url": "/v1"}, "response": {"jsonBody": inner}}
    assert ["/response/jsonBody"] == [pointer for _, pointer, _ in found(json.dumps(mock))]
    assert [] == found('{"object": "cat", "name": "Tom"}')


def test_a_body_that_is_a_text_is_read() -> None:
    """Mocks hold bodies as JSON in a text; its line is the text's."""
    body = json.dumps({"object": "invoice", "total": 1})
    text = json.dumps({"response": {"status": 200, "body": body}}, indent=1)
    assert [("invoice", "/response/body", 4)] == found(text)
    (double,) = doubles(text, ".json", TYPES)
    assert {"object": "invoice", "total": 1} == double.body
    assert 4 == double.line("/total")
    yaml = "response:\n  body: |\n    " + body + "\n"
    assert [("invoice", "/response/body", 2)] == found(yaml, ".yaml")


def test_lines_of_json_and_yaml() -> None:
    """Each key has its own line, whatever stands in texts before it."""
    text = (
        '{\n "a\\"{\\n": [1,\n "x,y"],\n "i": {\n  "object": "invoice",\n  "l": [\n   {"q": 1}\n]}}'
    )
    (double,) = doubles(text, ".json", TYPES)
    assert (4, 5, 7) == tuple(map(double.line, ("", "/object", "/l/0/q")))
    yaml = "- 1\n- object: invoice\n  l:\n  - q: 1\n"
    (double,) = doubles(yaml, ".yaml", TYPES)
    assert (2, 2, 4, 4) == tuple(map(double.line, ("", "/object", "/l/0/q", "/l/0/q/missing")))
    lines = '{"object": "invoice"}\n{"object": "customer",\n"x": 1}\n'
    first, second = doubles(lines, ".jsonl", TYPES)
    assert (1, 3) == (first.line("/object"), second.line("/x"))


@pytest.mark.parametrize("mark", ["\x85", "\u2028", "\u2029", "\U0001f600\u2028"])
def test_lines_of_yaml_are_those_of_editors(mark: str) -> None:
    """YAML also ends lines at marks that no editor takes for an end of one."""
    text = f"# {mark}\nobject: invoice\nnote: 'a {mark} b'\ntotal: 1\n"
    ((double,), lines) = doubles(text, ".yaml", TYPES), ["/object", "/note", "/total"]
    assert [2, 3, 4] == [double.line(pointer) for pointer in lines]
    with pytest.raises(Unreadable, match=r"line 3"):
        doubles(f"a: '{mark}'\nb: 1\n]\n", ".yaml", TYPES)


def test_a_value_that_is_left_out_at_the_end_is_on_the_last_line() -> None:
    """The parser puts it behind the text."""
    (double,) = doubles("object: invoice\n? lines:\n  data:\n  - a", ".yaml", TYPES)
    assert 4 == max(double.line(f"/{name}") for name in double.body)


def test_what_has_no_object_key_is_what_the_caller_says() -> None:
    """At the top or in the list at the top, and only where the file holds no other double."""
    assert [] == found('{"id": "in_1"}')
    assert [("invoice", "", 1)] == found('{"id": "in_1"}', unnamed="invoice")
    assert ["/0", "/1"] == [p for _, p, _ in found('[{"id": 1}, {"id": 2}, 3]', unnamed="invoice")]
    mixed = '{"x": {"object": "customer"}}'
    assert [("customer", "/x", 1)] == found(mixed, unnamed="invoice")


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("[" * 100_000, ".json"),
        ('{"a":' * 300 + '{"object": "invoice"}' + "}" * 300, ".json"),
        ("a: [" * 5_000, ".yaml"),
        ("a: &a [x, x]\nb: &b [" + "*a, " * 50 + "]\nc: &c [" + "*b, " * 5000 + "]\nd: ["
         + "*c, " * 5000 + "]\n", ".yaml"),
        ("{% if x %}\nobject: invoice\n", ".yaml"),
        ('{"object": "invoice"', ".json"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused(text: str, suffix: str) -> None:
    """Deep nesting, bombs of aliases and what is no document: an error, and no crash."""
    with pytest.raises(Unreadable) as caught:
        doubles(text, suffix, TYPES)
    assert "invoice" not in str(caught.value)


def test_tags_construct_nothing() -> None:
    """A YAML tag that asks for a Python object yields its plain value."""
    text = 'object: invoice\nx: !!python/object/apply:os.system ["exit 3"]\n'
    (double,) = doubles(text, ".yaml", TYPES)
    assert ["exit 3"] == double.body["x"]


def test_a_double_shows_no_value() -> None:
    """Its repr is fit for a log."""
    assert "jane" not in repr(Double("customer", {"name": "jane"}, "", len))
