"""What cannot be read in full is named, and searched all the same."""

from __future__ import annotations

import base64
import json

import pytest
from support import foreign

from replay.redaction.policy import default_policy
from replay.scan.search import hits_in
from replay.scan.sources import Source

POLICY = default_policy()
KEY = "sk_test_51QaTestAbCdEfGhIjKl"
CHAIN = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 8)
)
TAPE = foreign.RECORDINGS["vcrpy, pretty body"][1].decode()


def rules(text: str, name: str) -> set[str]:
    return {hit.rule for hit in hits_in(Source(name, text.encode()), POLICY)}


def details(text: str, name: str) -> set[str]:
    return {hit.detail for hit in hits_in(Source(name, text.encode()), POLICY)}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[" * 250 + "x" + "]" * 250, "a.yaml"),
        ("\n".join(" " * n + "a:" for n in range(250)), "a.yml"),
        (f"key: {KEY}\n" + "a: " + "{a: " * 250 + "1" + "}" * 250, "a.yaml"),
        ("a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 400)), "a.yaml"),
        (CHAIN, "a.yaml"),
        (CHAIN + TAPE, "a.yaml"),
        ("[" * 100_000, "a.json"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "a"),
        ("object: customer\na: " + "[" * 300, "a.txt"),
        ("a = " + "[" * 5000 + "]" * 5000, "a.toml"),
        ("a = 1 #" + " " * 4_200_000, "a.toml"),
        (json.dumps({"a": '{"object": "customer", "a": ' + "[" * 100_000}), "a.json"),
        ("x = {'object': 'customer', 'a': " + "[" * 400 + "]" * 400, "a.py"),
    ],
)  # fmt: skip
def test_a_file_beyond_a_limit_is_named(text, name):
    """Depth, size, and what aliases stand for; the text is searched."""
    assert "unread-file" in rules(text, name)
    assert "secret-key" in rules(text, name) or KEY not in text


def test_what_stands_beside_aliases_beyond_a_limit_is_read():
    assert details(CHAIN + TAPE, "a.yaml") >= foreign.FIELDS


BROKEN = {
    "a control character": (TAPE + "x: \x01\n", "a.yaml"),
    "a second document": (TAPE + "--- [\n", "a.yaml"),
    "a tab": (TAPE + "\tx: 1\n", "a.yaml"),
    "a bracket": (TAPE + "x: [\n", "a.yaml"),
    "a directive": ("%FOO\n" + TAPE, "a.yaml"),
    "a quote": (TAPE + "x: 'y\n", "a.yaml"),
    "an object": ("object: customer\nid: cus_1\nname: [Ines\n", "a.yml"),
    "a call that no key leads to": ("request:\n  url: x\nresponse: {status: 1\n", "a.yaml"),
    "TOML": ('[a]\nobject = "customer"\n[a]\n', "a.toml"),
    "JSON": ('{"object": "customer", "id": "cus_1", "name": "Ines Holm"', "a.json"),
    "lines of JSON": ('{"id": 1}\n{"object": "charge",\n', "a.jsonl"),
    "HAR": ('{"log": {"entries": [{"request": {"url": "x"}, "response": {"status": 1}}', "a.har"),
    "a name in escapes": ('"obj\\u0065ct": customer\nx: [\n', "a.yaml"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_recording_that_cannot_be_read_is_named(case):
    assert "unread-file" in rules(*BROKEN[case])


@pytest.mark.parametrize(
    ("text", "name"),
    [("{{ include }}\n  a: [", "a.yaml"), ("{not json", "a.json"), ("[a]\n[a]\n", "a.toml"),
     ("{\n// settings\nsize: 1,\n}", "a.json"), ("{// c\nid: 'x', object: 'card'}", "a.json")],
)  # fmt: skip
def test_what_is_broken_and_no_recording_is_not_named(text, name):
    assert "unread-file" not in rules(text, name)


def test_what_stands_before_the_damage_is_read():
    assert details(TAPE + "x: [\n", "a.yaml") >= foreign.FIELDS


PACKED = base64.b64encode(b"from ines@holm-werft.de, who wrote about her boat").decode()


@pytest.mark.parametrize(
    "line",
    ['x: "ines\\x40holm-werft.de"', 'x: "ines\\u0040holm-werft.de"', f"x: !!binary {PACKED}",
     'x: "ines\\U00000040holm-werft.de"', f"x: !binary |\n  {PACKED[:40]}\n  {PACKED[40:]}"],
)  # fmt: skip
def test_what_stands_behind_the_damage_is_searched_through_its_escapes(line):
    assert "email-address" in rules(f"interactions:\nx: ]\n{line}\n", "a.yaml")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"id":"cus_1","object":"customer","name":"Ines Holm","object":"x"}', "a.json"),
        ('{"id":"cus_1","object":"x","object":"customer","name":"Ines Holm"}', "a.json"),
        ('{"data":{"id":"cus_1","object":"customer","name":"Ines Holm"},"data":1}', "a.json"),
        ('{"id":"cus_1","object":"customer","name":null,"name":"Ines Holm"}', "a.json"),
        ("id: cus_1\nobject: customer\nname: Ines Holm\nname:\n", "a.yaml"),
        ("a: &a {id: cus_1, object: customer}\nb: {<<: *a, name: Ines Holm}", "a.yaml"),
        ("a: &a {name: Ines Holm}\nb: {id: cus_1, object: customer, <<: *a}", "a.yaml"),
        ("b: {id: cus_1, object: customer, <<: {name: Ines Holm}, name: }", "a.yaml"),
        ("b: {id: cus_1, object: customer, <<: [{name: }, {name: Ines Holm}]}", "a.yaml"),
        ("1: x\n'1': {id: cus_1, object: customer, name: Ines Holm}", "a.yaml"),
        ("x = {'id': 'cus_1', 'object': 'customer', 'name': 'Ines Holm', 'name': None}", "a.py"),
    ],
)  # fmt: skip
def test_each_value_of_a_key_that_comes_twice_is_read(text, name):
    assert any(detail.startswith("customer/") for detail in details(text, name))


def test_a_merge_that_overrides_is_no_finding_of_its_own():
    text = "a: &a {id: cus_QaTestAbCd1234, object: customer}\nb: {<<: *a, id: cus_QaTestAbCd1235}"
    assert set() == rules(text, "a.yaml")
