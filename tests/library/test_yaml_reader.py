"""YAML from parse events: the values a cassette may hold, and a quick no to everything else."""

from __future__ import annotations

import runpy
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from ruamel.yaml import YAML
from support.proof import proved
from support.takes import VALUES

from replay.errors import LibraryError
from replay.library.format import yaml_reader
from replay.library.format.yaml_reader import MAX_DEPTH, MAX_DIGITS, Malformed, parse


@proved
@given(VALUES)
def test_what_pyyaml_writes(value: Any) -> None:
    """Any value that PyYAML writes without aliases or tags is read back equal."""

    class Dumper(yaml.CSafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    assert value == parse(yaml.dump(value, Dumper=Dumper))
    assert value == parse(
        yaml.dump(value, Dumper=Dumper, allow_unicode=True, default_flow_style=True)
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("null", None),
        ("~", None),
        ("", None),
        ("Null", None),
        ("NULL", None),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("false", False),
        ("0", 0),
        ("-1", -1),
        ("+7", 7),
        ("9007199254740993", 2**53 + 1),
        (str(2**70), 2**70),
        # Where YAML 1.1 and 1.2 differ, or a value would not be exact, it is a text.
        ("yes", "yes"),
        ("on", "on"),
        ("y", "y"),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("0o7", "0o7"),
        ("1_000", "1_000"),
        ("190:20:30", "190:20:30"),
        ("1.5", "1.5"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        ("2024-01-01", "2024-01-01"),
        ("<<", "<<"),
        ("=", "="),
        ("nUll", "nUll"),
        ("--1", "--1"),
        ("1 ", 1),
        ("abc", "abc"),
        # What is quoted is a text.
        ("'1'", "1"),
        ('"true"', "true"),
        ("'~'", "~"),
        ("''", ""),
        ('"\\u00e9\\x07"', "é\x07"),
        ("|\n      1\n", "1\n"),
        (">-\n      a\n      b\n", "a b"),
        ("|-\n      a\n\n      b\n", "a\n\nb"),
    ],
)
def test_scalars(text: str, expected: Any) -> None:
    """A scalar is read one way, wherever it stands."""
    for document, read in (
        (f"x: {text}", lambda found: found["x"]),
        (f"- {text}", lambda found: found[0]),
        (f"a:\n  - b: {text}", lambda found: found["a"][0]["b"]),
    ):
        found = read(parse(document))
        assert (type(expected), expected) == (type(found), found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", {}),
        ("[]", []),
        ("a: {b: [1, {c: d}]}", {"a": {"b": [1, {"c": "d"}]}}),
        ("? a\n: b\n", {"a": "b"}),
        ("'': x", {"": "x"}),
        ("---\na: b\n...\n", {"a": "b"}),
        ("\ufeffa: b\n", {"a": "b"}),
        ("plain", "plain"),
        ("a: 1\nb: 1\nc: {a: 1}\n", {"a": 1, "b": 1, "c": {"a": 1}}),
    ],
)
def test_documents(text: str, expected: Any) -> None:
    """Mappings and lists nest in either style; PyYAML and ruamel.yaml agree."""
    assert expected == parse(text)
    assert expected == yaml.safe_load(text)
    assert expected == YAML(typ="safe", pure=True).load(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "holds no document"),
        ("# only a note\n", "holds no document"),
        ("a: b\n---\nc: d\n", "holds a second document (line 2)"),
        ("a: *b\n", "holds an alias (line 1)"),
        ("a: &b c\n", "holds a tag or an anchor (line 1)"),
        ("a: &b [c]\n", "holds a tag or an anchor (line 1)"),
        ("a: &b {c: d}\n", "holds a tag or an anchor (line 1)"),
        ("\na: !!str b\n", "holds a tag or an anchor (line 2)"),
        ("a: ! b\n", "holds a tag or an anchor (line 1)"),
        ("a: !!seq [b]\n", "holds a tag or an anchor (line 1)"),
        ("a: !!map {b: c}\n", "holds a tag or an anchor (line 1)"),
        ("!!python/object/apply:os.system [x]\n", "holds a tag or an anchor (line 1)"),
        ("!!str a: b\n", "holds a tag or an anchor (line 1)"),
        ("a: b\nc: d\na: e\n", "holds a duplicate key (line 3)"),
        ("x: {a: 1, 'a': 2}\n", "holds a duplicate key (line 1)"),
        ("1: a\n", "holds a key that is not text (line 1)"),
        ("~: a\n", "holds a key that is not text (line 1)"),
        ("? \n: a\n", "holds a key that is not text (line 1)"),
        ("[a]: b\n", "holds a key that is not text (line 1)"),
        ("{{a: b}: c}\n", "holds a key that is not text (line 1)"),
        ("a: " + "1" * (MAX_DIGITS + 1), "holds an integer of too many digits (line 1)"),
        (
            "a: b: c\n",
            "is not readable as YAML: mapping values are not allowed in this context (line 1)",
        ),
        ("a: 'b\n", "is not readable as YAML: found unexpected end of stream (line 2)"),
        ("a: \x00\n", "is not readable as YAML: control characters are not allowed"),
        ("a: \x85\x07\n", "is not readable as YAML: control characters are not allowed"),
        (
            "%YAML 2.0\n---\na: b\n",
            "is not readable as YAML: found incompatible YAML document (line 1)",
        ),
    ],
)
def test_refused(text: str, what: str) -> None:
    """What a cassette never holds is refused, with its line and none of its text."""
    with pytest.raises(Malformed) as caught:
        parse(text)
    assert what == str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("text", ["{}[]", "[1, 2", "a: ]", "\t- a", "@a", "`", "a: |x\n"])
def test_no_yaml(text: str) -> None:
    """What is no YAML is refused as such."""
    with pytest.raises(Malformed, match="is not readable as YAML"):
        parse(text)


def test_digits() -> None:
    """The longest integer is read exactly; a quoted one may be longer."""
    assert 10 ** (MAX_DIGITS - 1) == parse("1" + "0" * (MAX_DIGITS - 1))
    assert "1" * 9999 == parse("'" + "1" * 9999 + "'")


@pytest.mark.parametrize(("start", "end"), [("[", "]"), ("{a: ", "}")])
def test_depth(start: str, end: str) -> None:
    """Nesting is read to the limit and refused one level deeper."""
    value: Any = parse(start * MAX_DEPTH + end * MAX_DEPTH)
    depth = 0
    while value is not None:
        items = value if isinstance(value, list) else [*value.values()]
        value, depth = (items[0] if items else None), depth + 1
    assert MAX_DEPTH == depth
    with pytest.raises(Malformed, match=f"nesting deeper than {MAX_DEPTH}"):
        parse(start * (MAX_DEPTH + 1) + end * (MAX_DEPTH + 1))


def test_without_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PyYAML without libyaml is named at once, with the command that mends it."""
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    with pytest.raises(LibraryError, match="without libyaml") as caught:
        runpy.run_path(yaml_reader.__file__)
    assert "pip install" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "[" * 300_000,
        "{" * 300_000,
        "{a: " * 300_000,
        "- " * 300_000,
        "? " * 300_000,
        "a:\n" + "".join(" " * n + "a:\n" for n in range(1, 500)),
        "&a [" * 100_000,
        "[*a, " * 100_000,
        "!" * 300_000,
        "a: &x [" + "x, " * 100_000 + "*x]",
    ],
    ids=[
        "lists",
        "maps",
        "maps with keys",
        "block lists",
        "keys",
        "block maps",
        "anchors",
        "aliases",
        "marks",
        "wide",
    ],
)
def test_bombs(text: str) -> None:
    """Row 16 and its kind: what would kill PyYAML's loader is refused in under a second."""
    started = time.process_time()
    with pytest.raises(Malformed):
        parse(text)
    assert time.process_time() - started < 1
