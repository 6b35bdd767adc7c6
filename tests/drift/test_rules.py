"""Each rule finds what it is for; the reverse change gives its mirror."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from support.recordings import NEW, OLD, Shelf, pools, twins

from replay.drift.judge.findings import Finding
from replay.drift.judge.rules import CATALOGUE, RULES, Rule, by_id
from replay.drift.report import report
from replay.errors import ConfigError
from replay.render.terminal import show_rule

SUB, SUB2, CUS = "sub_1MowQVLkdIwHu7ix", "sub_2NpxRWMleJxIv8jy", "cus_NffrFeUfNV2Hib"

CARD = {"type": "card", "card": {"brand": "visa"}}
LINK = {"type": "link", "link": {"email": None}}
ENVELOPE = {"object": "list", "data": [{"id": "di_1MowQVLk"}], "has_more": False}
CUSTOMER = {"id": CUS, "object": "customer", "email": None}

Row = tuple[str, list[Any], list[Any], list[tuple[str, str, str, str]]]

BREAKS, WARNS, TELLS = "breaking", "warning", "info"

# What is found in twins: old bodies, new bodies, findings as (rule, path, severity, grade).
ROWS: list[Row] = [
    ("removed", [{"a": 1}], [{}], [("field-removed", "/a", BREAKS, "proven")]),
    (
        "removed, one finding at the object",
        [{"a": {"b": 1, "c": {"d": 2}}}],
        [{}],
        [("field-removed", "/a", BREAKS, "proven")],
    ),
    ("a key of a star", [{"*": 1}], [{}], [("field-removed", "/~2", BREAKS, "proven")]),
    ("an empty key", [{"": 1}], [{}], [("field-removed", "/", BREAKS, "proven")]),
    (
        "removed from list items",
        [{"l": [{"a": 1, "b": 1}, {"a": 1, "b": 2}]}],
        [{"l": [{"b": 1}, {"b": 2}]}],
        [("field-removed", "/l/*/a", BREAKS, "proven")],
    ),
    ("lost where it was", [{"a": 1}, {}], [{}, {}], [("field-removed", "/a", BREAKS, "likely")]),
    (
        "lost in all three that had it",
        [{"a": 1}, {}, {"a": 2}, {"a": 3}],
        [{}, {}, {}, {}],
        [("field-removed", "/a", BREAKS, "proven")],
    ),
    (
        "gone with its tag",
        [CARD, {"type": "link"}],
        [{}, {}],
        [
            ("field-removed", "/card", BREAKS, "proven"),
            ("field-removed", "/type", BREAKS, "proven"),
        ],
    ),
    (
        "gone with a tag that was renamed",
        [CARD] * 3,
        [{"type": "pm_card"}] * 3,
        [("field-removed", "/card", BREAKS, "proven"), ("value-changed", "/type", WARNS, "proven")],
    ),
    ("added", [{}], [{"a": 1}], [("field-added", "/a", TELLS, "proven")]),
    ("added sometimes", [{}, {}], [{"a": 1}, {}], [("field-added", "/a", TELLS, "proven")]),
    (
        "moved",
        [{"a": SUB, "p": {}}],
        [{"p": {"a": SUB}}],
        [("field-moved", "/a", BREAKS, "proven")],
    ),
    (
        "moved into a new object that says more",
        [{"a": SUB}],
        [{"p": {"a": SUB, "type": "one"}}],
        [("field-moved", "/a", BREAKS, "proven"), ("field-added", "/p", TELLS, "proven")],
    ),
    ("renamed", [{"a": SUB}], [{"b": SUB}], [("field-renamed", "/a", BREAKS, "proven")]),
    (
        "moved as a whole",
        [{"d": {"a": SUB, "flag": True}}],
        [{"p": {"d": {"a": SUB, "flag": True}}}],
        [("field-moved", "/d", BREAKS, "proven")],
    ),
    (
        "aliased",
        [{"a": CUS}],
        [{"a": CUS, "p": {"a": CUS}}],
        [("field-aliased", "/a", TELLS, "proven")],
    ),
    (
        "moved to an alias that stayed",
        [{"a": CUS, "p": {"a": CUS}}],
        [{"p": {"a": CUS}}],
        [("field-moved", "/a", BREAKS, "proven")],
    ),
    (
        "became optional",
        [{"a": 1}] * 4,
        [{"a": 1}, {}, {}, {}],
        [("became-optional", "/a", BREAKS, "proven")],
    ),
    (
        "became optional in two, which an edit can do",
        [{"a": 1}] * 3,
        [{"a": 1}, {}, {}],
        [("became-optional", "/a", WARNS, "likely")],
    ),
    (
        "became required",
        [{"a": 1}, {}],
        [{"a": 1}, {"a": 1}],
        [("became-required", "/a", TELLS, "proven")],
    ),
    (
        "became nullable",
        [{"a": 1}] * 4,
        [{"a": 1}, {"a": None}, {"a": None}, {"a": None}],
        [("became-nullable", "/a", BREAKS, "proven")],
    ),
    ("emptied", [{"a": 1}], [{"a": None}], [("became-nullable", "/a", TELLS, "likely")]),
    ("filled", [{"a": None}], [{"a": 1}], [("became-non-null", "/a", TELLS, "proven")]),
    (
        "became non-null",
        [{"a": 1}, {"a": None}],
        [{"a": 1}, {"a": 1}],
        [("became-non-null", "/a", TELLS, "proven")],
    ),
    (
        "list items unobserved",
        [{"a": [1]}],
        [{"a": []}],
        [("list-element-unobserved", "/a", TELLS, "unobserved")],
    ),
    (
        "items of the old list unobserved",
        [{"a": []}],
        [{"a": [{"b": 1}]}],
        [("list-element-unobserved", "/a", TELLS, "unobserved")],
    ),
    (
        "a deleted stub says nothing of the object",
        [{"a": {"id": CUS, "name": "x"}}],
        [{"a": {"id": CUS, "deleted": True}}],
        [("subtree-unobserved", "/a", TELLS, "unobserved")],
    ),
    (
        "fields of redacted names, each with a stand-in of its own",
        [
            {"a": {"b": 1, "redacted_0a1b2c3d": 1, "redacted_1a1b2c3d": "x"}},
            {"a": {"b": 1, "redacted_2a1b2c3d": {"c": 1}}},
        ],
        [{"a": {"b": 1}}, {"a": {"b": 1}}],
        [("name-redacted", "/a/redacted_*", TELLS, "unobserved")],
    ),
    (
        "fields of redacted names on both sides say nothing",
        [{"redacted_0a1b2c3d": 1}, {"redacted_1a1b2c3d": 1, "redacted_2a1b2c3d": 1}],
        [{"redacted_0a1b2c3d": "x"}, {"redacted_2a1b2c3d": 1}],
        [],
    ),
    (
        "nor do they where one side has them sometimes",
        [{"redacted_0a1b2c3d": 1}, {"redacted_1a1b2c3d": 1}],
        [{"redacted_0a1b2c3d": 1}, {}],
        [],
    ),
    (
        "an equal value in another item is no move",
        [{"l": [{"a": SUB}, {"a": "x"}]}],
        [{"l": [{"p": None}, {"p": {"b": SUB}}]}],
        [("field-removed", "/l/*/a", BREAKS, "proven"), ("field-added", "/l/*/p", TELLS, "proven")],
    ),
    ("type changed", [{"a": 1}], [{"a": {"b": 1}}], [("type-changed", "/a", BREAKS, "proven")]),
    (
        "type widened",
        [{"a": 1}, {"a": 1}],
        [{"a": 1}, {"a": "x"}],
        [("type-widened", "/a", BREAKS, "proven")],
    ),
    (
        "type widened in one list",
        [{"a": [1, 2]}],
        [{"a": [1, "x"]}],
        [("type-widened", "/a/*", BREAKS, "proven")],
    ),
    (
        "type narrowed in one list",
        [{"a": [1, "x"]}],
        [{"a": [1, 2]}],
        [("type-narrowed", "/a/*", TELLS, "proven")],
    ),
    (
        "integer to decimal string",
        [{"a": 1050}],
        [{"a": "1050.0"}],
        [("int-to-decimal-string", "/a", BREAKS, "proven")],
    ),
    (
        "decimal string to integer",
        [{"a": "1.5"}],
        [{"a": 1}],
        [("type-changed", "/a", BREAKS, "proven")],
    ),
    ("integer to number", [{"a": 25}], [{"a": 25.5}], [("type-changed", "/a", BREAKS, "proven")]),
    ("expanded", [{"a": CUS}], [{"a": CUSTOMER}], [("expand-changed", "/a", BREAKS, "proven")]),
    ("collapsed", [{"a": CUSTOMER}], [{"a": CUS}], [("expand-changed", "/a", BREAKS, "proven")]),
    (
        "text to object",
        [{"a": "Some text"}],
        [{"a": CUSTOMER}],
        [("type-changed", "/a", BREAKS, "proven")],
    ),
    ("list to scalar", [{"a": [SUB]}], [{"a": SUB}], [("list-to-scalar", "/a", BREAKS, "proven")]),
    ("scalar to list", [{"a": SUB}], [{"a": [SUB]}], [("scalar-to-list", "/a", BREAKS, "proven")]),
    (
        "envelope to scalar",
        [{"a": ENVELOPE}],
        [{"a": SUB}],
        [("list-to-scalar", "/a", BREAKS, "proven")],
    ),
    (
        "envelope to object",
        [{"a": ENVELOPE}],
        [{"a": {"object": "discount", "id": "di_1MowQVLk", "coupon": {"x": 1}}}],
        [("list-to-scalar", "/a", BREAKS, "proven")],
    ),
    (
        "object to envelope",
        [{"a": {"object": "discount", "id": "di_1MowQVLk"}}],
        [{"a": ENVELOPE}],
        [("scalar-to-list", "/a", BREAKS, "proven")],
    ),
    (
        "envelope to object with data of its own",
        [{"a": ENVELOPE}],
        [{"a": {"object": "discount", "data": {"x": 1}}}],
        [("list-to-scalar", "/a", BREAKS, "proven")],
    ),
    (
        "an object that merely has a list is none",
        [{"a": {"object": "report", "data": [1], "x": 1}}],
        [{"a": {"object": "report", "x": 1}}],
        [("field-removed", "/a/data", BREAKS, "proven")],
    ),
    (
        "scalar to envelope",
        [{"a": SUB}],
        [{"a": ENVELOPE}],
        [("scalar-to-list", "/a", BREAKS, "proven")],
    ),
    (
        "envelope to list",
        [{"a": ENVELOPE}],
        [{"a": [SUB]}],
        [("type-changed", "/a", BREAKS, "proven")],
    ),
    (
        "new enum value",
        [{"a": "one"}, {"a": "one"}],
        [{"a": "one"}, {"a": "two"}],
        [("enum-value-new", "/a", WARNS, "likely")],
    ),
    (
        "enum value unseen",
        [{"a": "one"}, {"a": "two"}],
        [{"a": "one"}, {"a": "one"}],
        [("enum-value-unseen", "/a", TELLS, "likely")],
    ),
    (
        "another branch",
        [CARD],
        [LINK],
        [("branch-unseen", "/card", TELLS, "proven"), ("branch-added", "/link", WARNS, "proven")],
    ),
    (
        "a branch explains the new value of its tag, whatever it is called",
        [CARD],
        [{"type": "us_bank_account", "us_bank_account": {}}],
        [
            ("branch-unseen", "/card", TELLS, "proven"),
            ("branch-added", "/us_bank_account", WARNS, "proven"),
        ],
    ),
    (
        "removed where its tag still selects it",
        [CARD, CARD],
        [{"type": "card"}, {"type": "card"}],
        [("field-removed", "/card", BREAKS, "proven")],
    ),
    (
        "optional only where its tag selects it",
        [CARD] * 4,
        [CARD, *[{"type": "card"}] * 3],
        [("became-optional", "/card", BREAKS, "proven")],
    ),
    (
        "an object of another type",
        [{"a": {"object": "card", "x": 1}}, {"a": {"object": "card", "x": 1}}],
        [{"a": {"object": "card", "x": 1}}, {"a": {"object": "source", "y": 1}}],
        [
            ("branch-added", "/a/object", WARNS, "proven"),
            ("became-optional", "/a/x", WARNS, "likely"),
            ("field-added", "/a/y", TELLS, "proven"),
        ],
    ),
    (
        "decimal and integer strings",
        [{"a": "10"}],
        [{"a": "10.0"}],
        [("format-changed", "/a", WARNS, "proven")],
    ),
    ("case of a code", [{"a": "usd"}], [{"a": "USD"}], [("format-changed", "/a", WARNS, "proven")]),
    (
        "URL host",
        [{"a": "https://pay.stripe.com/x"}],
        [{"a": "https://buy.stripe.com/x"}],
        [("format-changed", "/a", WARNS, "proven")],
    ),
    (
        "unix time to ISO time",
        [{"a": 1700000000}],
        [{"a": "2023-11-14T22:13:20Z"}],
        [("format-changed", "/a", BREAKS, "proven")],
    ),
    (
        "ID prefix",
        [{"a": "card_1MowQVLk"}],
        [{"a": "pm_1MowQVLk"}],
        [("id-prefix-changed", "/a", TELLS, "proven")],
    ),
    (
        "a map became a record",
        [{"a": {"usd": 1, "eur": 2, "gbp": 3}}],
        [{"a": {"monthly_limit": 1}}],
        [("map-became-record", "/a", WARNS, "proven")],
    ),
    (
        "a map keyed by IDs became a record",
        [{"a": {"in_1A": {"x": 1}}}],
        [{"a": {"first_invoice": {"x": 1}}}],
        [("map-became-record", "/a", WARNS, "proven")],
    ),
    (
        "a map with fewer currencies is no record",
        [{"a": {"usd": 1, "eur": 2, "gbp": 3}}],
        [{"a": {"usd": 1, "eur": 2}}],
        [],
    ),
    ("an empty map says nothing", [{"a": {"in_1A": 1}}], [{"a": {}}], []),
    ("texts are texts", [{"a": "One text"}], [{"a": "one"}], []),
    ("maps have no fields", [{"metadata": {"k": "v"}}], [{"metadata": {"other": "v"}}], []),
    ("nulls on both sides", [{"a": None}, {}], [{"a": None}, {}], []),
    ("both sometimes there", [{"a": 1}, {}], [{"a": 1}, {}], []),
    (
        "null alone can become optional",
        [{"a": None}] * 4,
        [{"a": None}, {}, {}, {}],
        [("became-optional", "/a", BREAKS, "proven")],
    ),
    (
        "formats that were mixed before",
        [{"a": "10"}, {"a": "Some text"}],
        [{"a": "10"}, {"a": "10.5"}],
        [],
    ),
    (
        "one more ID prefix",
        [{"a": "card_1MowQVLk"}, {"a": "card_2MowQVLk"}],
        [{"a": "card_1MowQVLk"}, {"a": "pm_1MowQVLkdI"}],
        [],
    ),
    (
        "amounts by a multiple",
        [{"a": 12}, {"a": 0}, {"a": 7}, {"a": 9}],
        [{"a": 1200}, {"a": 0}, {"a": 700}, {"a": 900}],
        [("value-changed", "/a", WARNS, "proven")],
    ),
    ("currencies are no enum", [{"currency": "usd"}] * 2, [{"currency": "eur"}] * 2, []),
]


def found(old: list[Any], new: list[Any]) -> list[Finding]:
    """What twins of these bodies show."""
    compared = report(Shelf(twins(old, new)), versions=(OLD, NEW)).comparisons
    return [finding for comparison in compared for finding in comparison.findings]


def told(findings: list[Finding]) -> list[tuple[str, str, str, str]]:
    """Findings as the rows have them, in the order of paths."""
    rows = [(f.rule, f.path, str(f.severity), str(f.grade)) for f in findings]
    return sorted(rows, key=lambda row: row[1])


@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: rule.id)
def test_every_rule_says_when_it_would_be_wrong_and_what_settles_it(rule: Rule) -> None:
    """In the manual and in the terminal; a rule that cannot be wrong says what it leaves open."""
    page = (Path(__file__).parents[2] / "docs" / "rules.md").read_text("utf-8")
    shown = StringIO()
    show_rule(rule, shown)
    for words in (rule.wrong, rule.settles):
        assert words[:1].isupper()
        assert words.endswith(".")
        assert words in page
        assert words in shown.getvalue()


@pytest.mark.parametrize(
    ("old", "new", "expected"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS]
)
def test_a_change_yields_exactly_its_findings(
    old: list[Any], new: list[Any], expected: list[tuple[str, str, str, str]]
) -> None:
    """One change, one finding, at the severity and grade that it deserves."""
    assert sorted(expected, key=lambda row: row[1]) == told(found(old, new))


@pytest.mark.parametrize(("old", "new", "rows"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS])
def test_the_reverse_change_yields_the_mirror(old: list[Any], new: list[Any], rows: Any) -> None:
    """What the catalogue calls a rule's mirror is what the swapped bodies give."""
    reverse = {finding.rule for finding in found(new, old)}
    for rule, *_ in rows:
        mirrored = RULES[rule]
        # Rules that say why they are not mirrored one to one.
        others = {r.id for r in CATALOGUE if r.mirror == rule and r.why}
        others |= {"field-unseen"} if rule == "field-added" else set()
        # What moved out of an object that held more, or the reverse: the object is the finding.
        others |= {"field-removed"} if rule == "field-moved" else set()
        assert reverse & ({mirrored.mirror} | others), (rule, reverse)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("/a", [{"a": None}], [{"a": 1}]),
        ("/a", [{"a": 1}], [{"a": None}]),
    ],
)
def test_null_alone_says_nothing_where_the_objects_differ(
    path: str, old: list[Any], new: list[Any]
) -> None:
    """Another object's null is no change: null-only, unobserved."""
    compared = report(Shelf(pools(old, new)), versions=(OLD, NEW)).comparisons
    assert [("null-only", path, TELLS, "unobserved")] == told(list(compared[0].findings))


@pytest.mark.parametrize(
    ("old", "new"),
    [([{"a": {"b": 1}}], [{"a": None}]), ([{"a": None}], [{"a": {"b": 1}}])],
)
def test_a_subtree_that_was_null_is_one_unobserved_finding(old: list[Any], new: list[Any]) -> None:
    """Nothing is said of what is below."""
    compared = report(Shelf(pools(old, new)), versions=(OLD, NEW)).comparisons
    assert [("subtree-unobserved", "/a", TELLS, "unobserved")] == told(list(compared[0].findings))


def test_every_rule_of_the_catalogue_is_found_by_some_row() -> None:
    """A rule that is not implemented is not listed."""
    shown = {finding[0] for row in ROWS for finding in row[3]}
    # These have tests of their own: twins do not show them.
    elsewhere = {"null-only", "field-moved-resource", "field-unseen"}
    assert set(RULES) == shown | elsewhere | {rule.id for rule in CATALOGUE if not rule.old}
    assert len(CATALOGUE) == len(RULES)


@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: rule.id)
def test_every_rule_has_a_mirror_or_says_why_not(rule: Any) -> None:
    """Mirrors are mutual, or the reason is given; examples are JSON."""
    if rule.mirror:
        assert RULES[rule.mirror].mirror == rule.id or rule.why or RULES[rule.mirror].why
    else:
        assert rule.why
    for text in (rule.old, rule.new):
        assert isinstance(json.loads(f"[{text}]"), list)
    assert rule.meaning.endswith(".")


@pytest.mark.parametrize(
    "rule",
    [
        r
        for r in CATALOGUE
        if r.old
        and r.id not in ("null-only", "subtree-unobserved", "field-moved-resource", "field-unseen")
    ],
    ids=lambda rule: rule.id,
)
def test_the_example_of_a_rule_shows_it(rule: Any) -> None:
    """What `replay rules ID` prints is true."""
    old, new = json.loads(f"[{rule.old}]"), json.loads(f"[{rule.new}]")
    assert rule.id in {finding.rule for finding in found(old, new)}


def test_an_unknown_rule_names_the_nearest() -> None:
    """A slip of the pen is not the end."""
    assert "field-moved" == by_id(" Field-Moved ").id
    with pytest.raises(ConfigError) as raised:
        by_id("field-movd")
    assert "field-moved" in raised.value.hint
    with pytest.raises(ConfigError) as raised:
        by_id("§")
    assert "replay rules" in raised.value.hint
