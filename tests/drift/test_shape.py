"""The shape counts what was seen, and forgets nothing but the order it came in."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.proof import proved

from replay.drift.observe import marks
from replay.drift.observe.marks import marks_of
from replay.drift.observe.pointers import escape, parent, unescape
from replay.drift.observe.shape import CAP, Shape, ShapeBuilder, Witness, is_map, merge

leaf = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["draft", "open", "sub_1MowQVLk", "12.50", "usd", "A text"]),
)
json_value = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "metadata", "x/y"]), inner, max_size=3),
    ),
    max_leaves=8,
)
bodies = st.lists(st.dictionaries(st.sampled_from("abc"), json_value, max_size=3), max_size=4)


def shape(*found: Any, file: str = "f") -> Shape:
    builder = ShapeBuilder()
    for n, body in enumerate(found):
        builder.add(marks_of(body), file, n)
    return builder.shape()


@given(bodies, bodies, bodies)
@proved
def test_merging_is_associative_and_commutative_with_the_empty_shape_as_identity(
    a: list[Any], b: list[Any], c: list[Any]
) -> None:
    """Evidence may be folded in any order and in any number of processes."""
    x, y, z = shape(*a, file="x"), shape(*b, file="y"), shape(*c, file="z")
    assert merge(merge(x, y), z) == merge(x, merge(y, z))
    assert merge(x, y) == merge(y, x)
    assert merge(x, {}) == x == merge({}, x)


@given(bodies)
@proved
def test_adding_one_by_one_is_merging_all(found: list[Any]) -> None:
    """A builder and a merge count alike."""
    singles = []
    for n, body in enumerate(found):
        builder = ShapeBuilder()
        builder.add(marks_of(body), "f", n)
        singles.append(builder.shape())
    assert merge(*singles) == shape(*found)


@pytest.mark.parametrize(
    ("mark", "value"),
    [
        ("null", None),
        ("bool", True),
        ("int", 12),
        ("int:time", 1_700_000_000),
        ("num", 1.5),
        ("arr", []),
        ("obj", {}),
        ("obj:deleted", {"deleted": True}),
        ("str:id:sub", "sub_1MowQVLk"),
        ("str:id:cs_test", "cs_test_a1"),
        ("str:id:in", "in_12345"),
        ("str:token:us_bank_account", "us_bank_account"),
        ("str:code", "USD"),
        ("str:url:pay.stripe.com", "https://pay.stripe.com/x"),
        ("str:integer", "-12"),
        ("str:decimal", "12.50"),
        ("str:iso-time", "2026-01-01T00:00:00Z"),
        ("str:iso-time", "2026-01-01"),
        ("str:text", "A text"),
    ],
)
def test_a_mark_says_kind_format_and_enum_like_value(mark: str, value: Any) -> None:
    """What a comparison needs of a value is in its mark."""
    assert mark == marks_of({"a": value}).once["/a"]


@pytest.mark.parametrize(
    ("mark", "value"),
    [
        ("str:text", "draft"),
        ("str:text", "sub_1MowQVLk"),
        ("str:text", "https://redacted.invalid/1"),
        ("str:decimal", "12.50"),
        ("int", 12),
    ],
)
def test_a_stand_in_gives_its_kind_and_format_but_never_a_value(mark: str, value: Any) -> None:
    """Values of redacted leaves stay out of shapes, also in lists."""
    marks = marks_of({"a": value, "l": [value]}, {"/a": "text", "/l/0": "text"})
    assert mark == marks.once["/a"]
    assert {mark: 1} == marks.repeated["/l/*"]


def test_items_and_map_values_share_a_path_whose_first_pointer_is_kept() -> None:
    """Lists and maps are crossed by `*`; keys are escaped as JSON pointers want."""
    marks = marks_of({"l": [{"a": 1}, {"a": None}], "metadata": {"x/y": "one"}, "t~": 1})
    assert {"int": 1, "null": 1} == marks.repeated["/l/*/a"]
    assert "int|null" == marks.by_path["/l/*/a"]
    assert "/l/0/a" == marks.pointer("/l/*/a")
    assert "/metadata/x~1y" == marks.pointer("/metadata/*")
    assert "/t~0" == marks.pointer("/t~0")
    assert "t~/" == unescape(escape("t~/"))
    assert "/l/*" == parent("/l/*/a")


@pytest.mark.parametrize(
    ("expected", "body"),
    [
        (True, {"m": {"in_1A": 1}}),
        (True, {"m": {"eur": 1, "gbp": 2, "usd": 3}}),
        (False, {"m": {"end": 1, "sub": 2}}),
        (False, {"m": {"start": 1, "end": 2, "now": 3}}),
        (False, {"m": [1]}),
        (False, {"m": None}),
        (False, {}),
    ],
)
def test_an_object_keyed_by_values_is_a_map(expected: bool, body: Any) -> None:
    """Keys that are IDs or currencies are no fields."""
    assert expected == is_map(shape(body), "/m")


def test_metadata_is_a_map_even_where_it_is_empty() -> None:
    """Its keys are the user's whatever they look like."""
    assert is_map(shape({"metadata": {}}), "/metadata")


def test_too_many_values_at_a_path_count_as_any() -> None:
    """Memory does not grow with the values, and the cap does not depend on the order."""
    found = [{"a": f"value_{chr(97 + n // 26)}{chr(97 + n % 26)}"} for n in range(5 * CAP)]
    random.Random(1).shuffle(found)
    in_lists = shape(*({"l": [body["a"]]} for body in found))
    assert {"str:token:*": 5 * CAP} == shape(*found)["/a"].marks
    assert {"str:token:*": 5 * CAP} == in_lists["/l/*"].marks
    assert CAP == len(shape(*found[:CAP])["/a"].marks)
    assert shape(*found)["/a"].tokens() is None


def test_the_witness_is_the_least_place_that_was_not_null() -> None:
    """Null shows nothing to look at, where another recording does."""
    builder = ShapeBuilder()
    builder.add(marks_of({"a": None}), "a", 0)
    builder.add(marks_of({"a": 2}), "c", 0)
    builder.add(marks_of({"a": 1}), "b", 1)
    seen = builder.shape()
    assert Witness("b", 1, "/a") == seen["/a"].witness
    assert Witness("a", 0) == seen[""].witness
    assert "b#1/a" == str(seen["/a"].witness)


def test_statistics_count_kinds_formats_and_details() -> None:
    """What rules look at follows from the marks."""
    stat = shape({"a": "pm_1A2B"}, {"a": "card_1A2B"}, {"a": None}, {"a": "Some text"})["/a"]
    assert (4, 3, 1) == (stat.seen, stat.count("str"), stat.count("null"))
    assert {"null", "str"} == stat.kinds
    assert {"id", "text"} == stat.styles()
    assert {"pm", "card"} == stat.details("id")
    assert stat.tokens() is None


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "_", "_", "A1", "é"])).map("".join), max_size=30)
)
def test_what_was_read_before_changes_no_mark(texts: list[str]) -> None:
    """The prefixes of IDs that are remembered only make reading quicker."""
    texts = [*texts, "a_é1"]
    alone = []
    for text in texts:
        for known in (marks._marks, marks._prefixes):
            known.clear()
        alone.append(marks.mark(text))
    marks._marks.clear()
    assert alone == [marks.mark(text) for text in ["a_1", "b_A", "a_b_1", *texts]][3:]
