"""Strict TOML: each complaint names the file, the line and the word that was probably meant."""

from __future__ import annotations

import pytest

from replay.errors import ConfigError, PolicyError
from replay.model.strict_toml import did_you_mean, parse

TEXT = '''# a comment with [a.header]
top = 1
[tool.replay]
mode = "none"
"quoted key" = 2
note = """
mode = [not a key]
[[tool.replay.rows]]
"""
dotted.deep.key = 3
[[tool.replay.rows]]
path = "a"

[[tool.replay.rows]]  # the second
path = "b"
list = [
  "one",
  "two", "one",
]
[tool.replay.rows.inner]
x = 1
[other]
one = 1
'''


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (1, ("nowhere",)),
        (2, ("top",)),
        (3, ("tool", "replay")),
        (3, ("tool", "replay", "missing")),
        (4, ("tool", "replay", "mode")),
        (5, ("tool", "replay", "quoted key")),
        (10, ("tool", "replay", "dotted", "deep", "key")),
        (11, ("tool", "replay", "rows")),
        (12, ("tool", "replay", "rows", 0, "path")),
        (14, ("tool", "replay", "rows", 1)),
        (15, ("tool", "replay", "rows", 1, "path")),
        (20, ("tool", "replay", "rows", 1, "inner")),
        (21, ("tool", "replay", "rows", 1, "inner", "x")),
        (23, ("other", "one")),
    ],
)
def test_an_error_names_the_line_of_its_key(line: int, path: tuple[str | int, ...]) -> None:
    """A key that is not there has the line of the table that it should stand in."""
    assert f"f.toml:{line}" == parse(TEXT, "f.toml").wrong("x", *path).where


def test_an_error_about_a_word_names_the_last_line_that_has_it_in_the_value() -> None:
    """Elsewhere the same word is another matter."""
    table = parse(TEXT, "f.toml").table("tool").table("replay").tables("rows")[1]
    assert "f.toml:18" == table.wrong("x", "list", word="one").where
    assert "f.toml:16" == table.wrong("x", "list", word="b").where


def test_a_table_gives_what_stands_in_it() -> None:
    """Missing keys give the default, and an empty table or list."""
    table = parse('text = "a"\nlist = ["b"]\n[t]\nx = 1\n[[rows]]\ny = 2\n', "f.toml")
    assert ("a", "d") == (table.text("text"), table.text("missing", "d"))
    assert (("b",), ()) == (table.texts("list"), table.texts("missing"))
    assert ("a", "d") == (table.choice("text", ["a"]), table.choice("missing", ["d"], "d"))
    assert ({"x": 1}, {}) == (table.table("t").values, table.table("missing").values)
    assert [{"y": 2}] == [row.values for row in table.tables("rows")]
    assert () == table.tables("missing")
    assert ("f.toml", "f.toml:2") == (table.file, table.where("list"))
    assert "t" in table
    assert "missing" not in table


@pytest.mark.parametrize(
    ("read", "what"),
    [
        (lambda table: table.text("number"), "number must be a string"),
        (lambda table: table.texts("number"), "number must be a list of strings"),
        (lambda table: table.texts("mixed"), "mixed must be a list of strings"),
        (lambda table: table.table("number"), "number must be a table"),
        (lambda table: table.tables("mixed"), "entries of mixed are not written as a list"),
        (lambda table: table.choice("number", ["x"]), "number cannot be 3"),
        (lambda table: table.only(["nmber", "mixed"], "word"), "unknown word 'number'"),
    ],
)
def test_what_is_not_expected_is_refused_with_the_given_error(read, what) -> None:  # type: ignore[no-untyped-def]
    """The caller says which class of error."""
    with pytest.raises(PolicyError, match=what) as caught:
        read(parse('number = 3\nmixed = ["a", 1]\n', "f.toml", PolicyError))
    assert caught.value.where.startswith("f.toml:")


@pytest.mark.parametrize(
    ("text", "where"),
    [("a = 1\nb = = 2\n", "f.toml:2"), ('a = 1\nb = "\n\n', "f.toml:2"), ("a = ", "f.toml:1")],
)
def test_what_is_not_toml_is_an_error_with_its_line(text: str, where: str) -> None:
    """The parser's own reason is kept."""
    with pytest.raises(ConfigError, match=r"this is not valid TOML: [A-Z]") as caught:
        parse(text, "f.toml")
    assert where == caught.value.where


def test_the_nearest_word_is_named_else_all_if_they_are_few() -> None:
    """A list of two hundred names helps nobody."""
    assert "did you mean mode?" == did_you_mean("mod", ["mode", "library"])
    assert "use one of: mode, library" == did_you_mean("zzz", ["mode", "library"])
    assert "" == did_you_mean("zzz", map(str, range(200)))
