"""Laws of redaction over invented trees: idempotent, no trace of private values, same shape."""

from __future__ import annotations

import json
import string
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.proof import proved

from replay.redaction.encodings import views
from replay.redaction.gate import gate, public_words, stand_ins
from replay.redaction.policy import default_policy
from replay.redaction.redactor import redact
from replay.redaction.values import look

OWNER = "invoices in_1QaTestAbCdEfGhIjKlMnOp0"
FIELDS = sorted(
    {name for t in ("invoice", "line_item", "charge", "customer", "list")
     for name in default_policy().type(t).root.children} - {"id", "object"}
)  # fmt: skip
KEYS = st.one_of(st.sampled_from(FIELDS), st.text(max_size=12))
OBJECTS = st.sampled_from(["invoice", "line_item", "list", "charge", "review", "boat"])
IDS = st.sampled_from([f"in_1QaTest{n}AbCdEfGh" for n in range(9)] + ["greta", "gold"])
# Upper-case words with blanks are no word of the API, in no kind that a field may keep.
PLANTS = st.text(string.ascii_uppercase + "ÄÖéЖ中😀 \"\\/&<%+'", min_size=8, max_size=20).map(
    lambda text: f"ZQ {text} ZQ"
)
OTHERS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["usd", "DE", "open", "12.50", "2025-01-02", "4242", "+49 30 901820", ""]),
)


def trees(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        plain = st.dictionaries(KEYS, inner, max_size=6)
        typed = st.builds(lambda body, own, name: {"id": own, "object": name} | body,
                          plain, IDS, OBJECTS)  # fmt: skip
        return st.one_of(plain, typed, st.lists(inner, max_size=4))

    return st.recursive(leaves, grow, max_leaves=25)


def kinds(value: Any) -> Any:
    """The tree with each leaf reduced to its JSON type, keys without names."""
    if isinstance(value, dict):
        return [kinds(child) for child in value.values()]
    if isinstance(value, list):
        return [kinds(child) for child in value]
    return type(value)


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        children = value.values() if isinstance(value, dict) else value
        return [leaf for child in children for leaf in leaves(child)]
    return [value]


@given(trees(st.one_of(PLANTS, OTHERS)))
@proved
def test_redacting_twice_is_redacting_once(tree):
    once = redact(tree, owner=OWNER)
    twice = redact(once.body, owner=OWNER)
    assert once.body == twice.body
    assert () == twice.originals


@given(trees(st.one_of(PLANTS, OTHERS)))
@proved
def test_kinds_and_lengths_stay(tree):
    assert kinds(tree) == kinds(redact(tree, owner=OWNER).body)


@given(trees(OTHERS))
@proved
def test_replaced_values_keep_their_format_class(tree):
    result = redact(tree, owner=OWNER)
    for before, after in zip(leaves(tree), leaves(result.body), strict=True):
        # A declared class (`name`, `tax_number`, …) has a form of its own.
        if before != after and not isinstance(before, str):
            assert look(before) == look(after)


@given(trees(st.one_of(PLANTS, OTHERS)))
@proved
def test_no_planted_string_survives_in_any_encoding(tree):
    result = redact(tree, owner=OWNER)
    text = json.dumps(result.body)
    for reading in views(text):
        assert "zq " not in reading.casefold()
    skeleton = json.dumps(stand_ins(result.body, result.redacted))
    kept = public_words(result.body, result.redacted)
    gate(text, skeleton, result.originals, kept=kept, where="x")


def varied(tree: Any, word: str) -> Any:
    if isinstance(tree, dict):
        return {key: varied(child, word) for key, child in tree.items()}
    if isinstance(tree, list):
        return [varied(child, word) for child in tree]
    return f"ZQ {word} ZQ" if isinstance(tree, str) and tree.startswith("ZQ ") else tree


@given(trees(st.one_of(PLANTS, OTHERS)))
@proved
def test_recordings_that_differ_in_private_values_alone_give_the_same(tree):
    one = redact(varied(tree, "GRETA OHM"), owner=OWNER)
    other = redact(varied(tree, "a much longer name, Søren"), owner=OWNER)
    assert (one.body, one.redacted) == (other.body, other.redacted)


def test_kept_and_listed_leaves_are_all_there_is(invoice):
    result = redact(invoice, owner=OWNER)
    listed = stand_ins(result.body, result.redacted)
    kept = public_words(result.body, result.redacted)
    strings = {leaf for leaf in leaves(result.body) if isinstance(leaf, str)}
    assert strings == {s for s in listed if isinstance(s, str)} | (strings & kept)
    assert not {s for s in listed if isinstance(s, str)} & kept
