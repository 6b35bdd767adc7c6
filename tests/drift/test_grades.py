"""Grades say how much the recordings can say, and never more."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from support.fleets import fleet, removable, shelf, without
from support.recordings import NEW, OLD, Entry, Shelf, pools, recording, takes, twins

from replay.drift.judge.evidence import at_random
from replay.drift.judge.findings import Comparison, Finding, Grade, Severity
from replay.drift.observe.pairs import same_state
from replay.drift.report import report

SPLITS = int(os.environ.get("REPLAY_SPLITS", "60"))
"""How often the subsampling test splits; the full check is REPLAY_SPLITS=1000."""

REMOVED = ("field-removed", "field-unseen")

PAID = {
    "status": "paid",
    "created": 1_700_000_000,
    "status_transitions": {"paid_at": 1_700_000_001},
}
DRAFT = {"status": "draft", "created": 1_700_000_000, "status_transitions": {"paid_at": None}}


def compare(entries: list[Entry]) -> Comparison:
    """The only comparison of some recordings."""
    (comparison,) = report(Shelf(entries), versions=(OLD, NEW)).comparisons
    return comparison


def only(entries: list[Entry], rule: str) -> Finding:
    """The only finding of a rule."""
    (finding,) = [f for f in compare(entries).findings if f.rule == rule]
    return finding


def pair(old: Any, new: Any, a: str = "", b: str = "") -> list[Entry]:
    """One object at two versions, in batches a and b."""
    return [recording(old, OLD, batch=a), recording(new, NEW, batch=b)]


def test_one_pair_of_twins_proves() -> None:
    """Back to back, a field that is gone is gone because of the version."""
    finding = only(pair({"a": 1}, {}, "x", "x"), "field-removed")
    assert Grade.PROVEN is finding.grade
    assert (
        "invoices/in_1A/2024-06-20.yaml#0/a",
        f"invoices/in_1A/{NEW}.yaml#0",
    ) == finding.witnesses


@pytest.mark.parametrize(
    ("grade", "old", "new"),
    [
        (Grade.PROVEN, PAID, PAID),
        (Grade.LIKELY, DRAFT, PAID),
        (Grade.LIKELY, {**PAID, "created": 1_700_000_009}, PAID),
        (Grade.LIKELY, {**PAID, "items": [1]}, {**PAID, "items": [1, 2]}),
        (Grade.LIKELY, {**PAID, "amount": 1}, {**PAID, "amount": 2}),
    ],
)
@pytest.mark.parametrize("batches", [("", ""), ("x", "y")])
def test_a_pair_of_other_times_proves_only_where_state_agrees(
    grade: Grade, old: Any, new: Any, batches: tuple[str, str]
) -> None:
    """An object that moved on differs for its own reasons."""
    assert grade is only(pair({**old, "a": 1}, new, *batches), "field-removed").grade


def test_twins_whose_status_moved_on_between_the_fetches_prove_nothing() -> None:
    """Even back to back, a draft that became open is another state."""
    finding = only(pair({**DRAFT, "a": 1}, PAID, "x", "x"), "field-removed")
    assert Grade.LIKELY is finding.grade
    assert finding.support is not None
    assert not finding.support.controlled


@pytest.mark.parametrize(
    ("expected", "a", "b"),
    [
        (True, {"a": 5, "b": "x"}, {"b": "x"}),
        (True, {"a": 5}, {"a": "5.00"}),
        (True, {"a": True}, {"a": {"enabled": False}}),
        (True, {"a": "cus_1A"}, {"a": {"id": "cus_1A"}}),
        (True, {"a": "10"}, {"a": "10.00"}),
        (True, {"a": "usd"}, {"a": "USD"}),
        (True, {"a": "1700000000"}, {"a": "2023-11-14T22:13:20Z"}),
        (True, {"n": 25}, {"n": 25.0}),
        (True, {"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
        (False, {"a": "10"}, {"a": "11.00"}),
        (False, {"a": "usd"}, {"a": "EUR"}),
        (False, {"a": "send_invoice"}, {"a": "charge_automatically"}),
        (False, {"a": "Some text"}, {"a": "word"}),
        (False, {"a": "pm_1A"}, {"a": "pm_1B"}),
        (False, {"n": 1.5}, {"n": 2.5}),
        (False, {"n": 1}, {"n": 2.5}),
        (False, {"a": None}, {"a": "x"}),
        (False, {"a": {"b": 1}}, {"a": None}),
        (False, {"at": None}, {"at": 1_700_000_000}),
        (False, {"metadata": {"a": "b"}}, {"metadata": {}}),
        (False, {"m": {"usd": 1, "eur": 1, "gbp": 1}}, {"m": {"usd": 1, "eur": 1, "chf": 1}}),
        (False, {"x": {"deleted": True}}, {"x": {}}),
        (False, {"x": [{"status": "a"}]}, {"x": [{"status": "b"}]}),
        (False, {"paid": True}, {"paid": False}),
    ],
)
def test_one_state_is_every_value_that_both_bodies_have(expected: bool, a: Any, b: Any) -> None:
    """What only one version has, or writes otherwise, may be the drift itself."""
    assert expected is same_state(a, b)
    assert expected is same_state(b, a)


@pytest.mark.parametrize(
    ("expected", "a", "b"),
    [
        (True, {"p": [{"email": "x@example.com"}]}, {"p": [{"email": "y@example.com"}]}),
        (False, {"p": [{"email": "x@example.com"}]}, {"p": [{"email": None}]}),
        (False, {"p": [{"email": "x", "n": 1}]}, {"p": [{"email": "x", "n": 2}]}),
    ],
)
def test_redacted_values_are_not_compared_but_their_being_there_is(
    expected: bool, a: Any, b: Any
) -> None:
    """A stand-in says nothing of the value; that there is none any more is an edit."""
    assert expected is same_state(a, b, {"/p/0/email": "email"})


EDITS = [
    ({"default_source": "card_1A"}, {"default_source": None}),
    ({"invoice_settings": {"default_payment_method": "pm_1A"}},
     {"invoice_settings": {"default_payment_method": None}}),
    ({"discount": {"id": "di_1A"}}, {"discount": None}),
    ({"collection_method": "send_invoice", "days_until_due": 30},
     {"collection_method": "charge_automatically", "days_until_due": None}),
    ({"default_payment_method": "pm_1A"}, {"default_payment_method": "pm_1B"}),
    ({"metadata": {"a": "b"}}, {"metadata": {}}),
]  # fmt: skip


@pytest.mark.parametrize("count", [1, 2, 6])
@pytest.mark.parametrize(("old", "new"), EDITS)
def test_objects_edited_between_two_recordings_prove_nothing(
    count: int, old: Any, new: Any
) -> None:
    """However many of them: not what the edit changed, and not what else differs."""
    olds, news = [{**old, "card_x": 1}] * count, [new] * count
    entries = [
        recording({"id": f"in_1{n}", **body}, version, id=f"in_1{n}")
        for version, bodies in ((OLD, olds), (NEW, news))
        for n, body in enumerate(bodies)
    ]
    findings = compare(entries).findings
    assert "field-removed" in {finding.rule for finding in findings}
    assert [] == [finding for finding in findings if finding.grade is Grade.PROVEN]
    nulls = {f.severity for f in findings if f.rule == "became-nullable"}
    assert nulls <= {Severity.INFO}
    assert bool(nulls) is ("None" in str(new))


@pytest.mark.parametrize(
    ("count", "grade", "severity"),
    [(1, Grade.LIKELY, Severity.INFO), (2, Grade.LIKELY, Severity.INFO),
     (3, Grade.PROVEN, Severity.BREAKING)],
)  # fmt: skip
def test_a_null_is_the_versions_doing_where_three_twins_show_it(
    count: int, grade: Grade, severity: Severity
) -> None:
    """In one, the object may have been edited between the two fetches."""
    (finding,) = compare(twins([{"a": "pm_1A"}] * count, [{"a": None}] * count)).findings
    assert ("became-nullable", grade, severity) == (
        finding.rule, finding.grade, finding.severity,
    )  # fmt: skip


def test_the_latest_agreeing_takes_make_the_pair() -> None:
    """An object recorded in two states is compared where they are the same."""
    old = takes(recording({**DRAFT, "a": 1}, OLD), recording({**PAID, "a": 1}, OLD))
    new = takes(recording(DRAFT, NEW), recording(PAID, NEW))
    finding = only([old, new], "field-removed")
    assert Grade.PROVEN is finding.grade
    assert (
        "invoices/in_1A/2024-06-20.yaml#1/a",
        f"invoices/in_1A/{NEW}.yaml#1",
    ) == finding.witnesses


@pytest.mark.parametrize(
    ("expected", "n", "m"), [(1 / 20, 3, 3), (1 / 252, 5, 5), (1.0, 0, 7), (1 / 11, 1, 10)]
)
def test_chance_is_that_of_a_random_split(expected: float, n: int, m: int) -> None:
    """All that have a field on one side, all that lack it on the other."""
    assert expected == at_random(n, m)


@pytest.mark.parametrize(
    ("count", "grade", "severity"),
    [(16, Grade.PROVEN, Severity.BREAKING), (7, Grade.LIKELY, Severity.BREAKING),
     (3, Grade.LIKELY, Severity.WARNING)],
)  # fmt: skip
def test_pools_show_always_against_never_as_surely_as_chance_allows(
    count: int, grade: Grade, severity: Severity
) -> None:
    """Removal and change of type alike; an addition never breaks."""
    entries = pools([{"a": 1, "t": 1}] * count, [{"b": 1, "t": "text"}] * count)
    found = {f.rule: (f.grade, f.severity) for f in compare(entries).findings}
    assert {
        "field-removed": (grade, severity),
        "type-changed": (grade, severity),
        "field-added": (grade, Severity.INFO),
    } == found


def test_the_states_of_objects_show_a_removal_together() -> None:
    """Eight against eight in one state is likely, in each of four states it is proven."""
    olds = [{"status": status, "a": 1} for status in ("open", "paid", "void", "draft")] * 8
    news = [{"status": body["status"]} for body in olds]
    assert Grade.PROVEN is only(pools(olds, news), "field-removed").grade
    assert Grade.LIKELY is only(pools(olds[::4], news[::4]), "field-removed").grade


def test_where_objects_differ_in_their_keys_a_pool_breaks_nothing() -> None:
    """Of objects that differ in their keys, chance decides which of them were recorded."""
    olds = [{"o": {"x": 1, "a": n, **({"b": n} if n % 2 else {})}} for n in range(40)]
    news = [{"o": {name: 1 for name in body["o"] if name != "x"}} for body in olds]
    (finding,) = compare(pools(olds, news)).findings
    assert ("field-removed", "/o/x", Severity.WARNING, Grade.LIKELY) == (
        finding.rule, finding.path, finding.severity, finding.grade,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("around", "now"),
    [
        ({"kinds": ["card", "bank_debit"]}, {"kinds": ["card"]}),
        ({"kind": "bank_debit"}, {"kind": "card"}),
        ({"kinds": ["bank_debit"]}, {"kinds": []}),
    ],
)
def test_a_list_or_tag_on_the_way_up_explains_a_key(around: Any, now: Any) -> None:
    """It names the key in the old objects, and in no new one: those use something else."""
    old = {**around, "options": {"card": {"a": 1}, "bank_debit": {"b": 1}}}
    new = {**now, "options": {"card": {"a": 1}}}
    (finding,) = [f for f in compare(pools([old] * 30, [new] * 30)).findings if f.rule in REMOVED]
    assert ("/options/bank_debit", Severity.WARNING, Grade.LIKELY) == (
        finding.path, finding.severity, finding.grade,
    )  # fmt: skip
    assert f"/{next(iter(around))} names it" in finding.detail
    kept = {**around, "options": {"card": {"a": 1}}}
    assert Severity.BREAKING is only(pools([old] * 30, [kept] * 30), "field-removed").severity


def test_pools_compare_like_with_like() -> None:
    """Drafts lack what open invoices have: no proof, however many there are."""
    entries = pools([{"status": "open", "a": 1}] * 40, [{"status": "draft"}] * 40)
    assert Grade.LIKELY is only(entries, "field-removed").grade


def test_one_state_with_enough_objects_is_enough() -> None:
    """What other states lack on either side says nothing against it."""
    olds = [{"status": "open"}] * 3 + [{"status": "paid", "a": 1, "t": 1}] * 16
    news = [{"status": "open"}] * 3 + [{"status": "paid", "t": "text"}] * 16
    found = {f.rule: f.grade for f in compare(pools(olds, news)).findings}
    assert {"field-removed": Grade.PROVEN, "type-changed": Grade.PROVEN} == found


def test_keys_of_another_type_of_object_are_explained_by_it() -> None:
    """Cards in the old pool and bank accounts in the new one: one finding at the tag."""
    cards = [{"s": {"object": "card", "brand": "visa"}}] * 20
    banks = [{"s": {"object": "bank_account", "bank": "one"}}] * 20
    (finding,) = compare(pools(cards, banks)).findings
    assert ("branch-added", "/s/object", "bank_account", Grade.LIKELY) == (
        finding.rule, finding.path, finding.detail, finding.grade,
    )  # fmt: skip


def test_a_pool_that_only_sometimes_has_a_field_proves_nothing() -> None:
    """Always against never, or nothing."""
    entries = pools([{"a": 1}] * 39 + [{}], [{}] * 40)
    assert Grade.LIKELY is only(entries, "field-unseen").grade
    mixed = pools([{"t": 1}] * 20, [{"t": "x"}] * 19 + [{"t": 1}])
    assert Grade.LIKELY is only(mixed, "type-widened").grade


def test_items_of_one_list_are_no_independent_evidence() -> None:
    """Forty items of one object are one object."""
    olds = [{"l": [{"a": 1}] * 40}] + [{"l": None}] * 30
    entries = pools(olds, [{"l": [{}] * 40}] + [{"l": None}] * 30)
    assert Grade.LIKELY is only(entries, "field-removed").grade


def test_quiet_twins_outweigh_a_pool() -> None:
    """Five objects that kept a field say that its absence elsewhere is about those objects."""
    steady = twins([{"a": 1}] * 5, [{"a": 1}] * 5)
    assert () == compare([*steady, *pools([{"a": 1}], [{}])]).findings
    lists = twins([{"l": [{"a": 1}]}] * 5, [{"l": [{"a": 1}]}] * 5)
    assert () == compare([*lists, *pools([{"l": [{"a": 1}]}], [{"l": [{}]}])]).findings
    kinds = pools([{"b": 1}] * 9, [{"b": "x"}])
    assert () == compare([*twins([{"b": 1}] * 5, [{"b": 1}] * 5), *kinds]).findings
    few = twins([{"a": 1}] * 4, [{"a": 1}] * 4)
    assert Grade.LIKELY is only([*few, *pools([{"a": 1}], [{}])], "became-optional").grade


@pytest.mark.parametrize("count", [1, 5, 50])
def test_a_null_in_another_object_breaks_nothing(count: int) -> None:
    """Never null in fifty objects may be those objects."""
    found = only(pools([{"a": 1}] * count, [{"a": 1}, {"a": None}]), "became-nullable")
    assert (Severity.INFO, Grade.LIKELY) == (found.severity, found.grade)


def test_numbers_that_look_like_integers_are_no_change_of_type() -> None:
    """25 in one object and 25.5 in another are one type."""
    assert () == compare(pools([{"a": 25}] * 20, [{"a": 25.5}] * 20)).findings


def _body(seed: random.Random, n: int) -> dict[str, Any]:
    body: dict[str, Any] = {"status": seed.choice(["open", "paid"]), "created": 1_700_000_000 + n}
    for m in range(12):
        if (n >> (m % 6)) & 1 if m % 2 else seed.random() < 0.5:
            body[f"field_{m}"] = seed.choice([1, "text", None, {"x": 1}, []])
    return body


def test_one_version_against_itself_never_proves_a_break() -> None:
    """However its recordings are split, what differs is chance."""
    seed = random.Random(20240620)
    bodies = [_body(seed, n) for n in range(40)]
    for n in range(SPLITS):
        seed.shuffle(bodies)
        cut = seed.randint(1, len(bodies) - 1) if n % 2 else len(bodies) // 2
        findings = compare(pools(bodies[:cut], bodies[cut:])).findings
        assert [] == [
            f for f in findings if f.severity is Severity.BREAKING and f.grade is Grade.PROVEN
        ]


@pytest.mark.parametrize("how", ["random", "populations"])
def test_a_library_split_in_two_breaks_no_build(how: str) -> None:
    """In small; `tests/proofs/halves.py` counts how often. Half of the objects use other things."""
    seed, sides = random.Random(17), []
    for name in ("charge", "customer", "payment_intent"):
        bodies = fleet(name, 24, 17).bodies
        if how == "random":
            seed.shuffle(bodies)
        sides += [(name, OLD, bodies[:12]), (name, NEW, bodies[12:])]
    found = report(shelf(sides), versions=(OLD, NEW))
    assert [] == [f for _, f in found.findings() if f.fails(Severity.BREAKING)]
    assert 3 == len(found.comparisons)


def test_what_one_half_of_a_library_lost_breaks_a_build() -> None:
    """Without a single pair."""
    seed, bodies = random.Random(17), fleet("charge", 40, 17).bodies
    seed.shuffle(bodies)
    held = [path for path in removable(bodies[0]) if all(path[0] in body for body in bodies)]
    hits = 0
    for path in seed.sample([path for path in held if len(path) == 1], 8):
        sides = [("charge", OLD, bodies[:20]), ("charge", NEW, without(bodies[20:], path))]
        found = report(shelf(sides), versions=(OLD, NEW))
        hits += any(
            f.path == f"/{path[0]}" for _, f in found.findings() if f.fails(Severity.BREAKING)
        )
    assert 8 == hits


def test_objects_of_other_types_are_other_objects() -> None:
    """What is inside them says nothing of the version, however many there are."""
    old = {"means": {"type": "card", "network": "visa", "number": 4, "more": {"x": 1}}}
    new = {"means": {"type": "bank", "number": "4-2", "more": {}}}
    findings = compare(pools([old] * 40, [new] * 40)).findings
    assert {"/means/network", "/means/number", "/means/more/x"} <= {f.path for f in findings}
    assert [] == [f for f in findings if f.severity is Severity.BREAKING]


def test_only_pairs_show_that_a_promise_was_broken() -> None:
    """Within a train a break is unlikely, so what was recorded counts for less."""
    train = ("2025-03-31.basil", "2025-06-30.basil")
    for batch, expected in (("b", True), ("", False)):
        entries = [
            recording(body, version, id=f"in_{n if batch else version}{n}", batch=batch and f"b{n}")
            for n in range(30)
            for version, body in zip(train, ({"a": 1, "b": n}, {"b": n}), strict=True)
        ]
        (comparison,) = report(Shelf(entries), versions=train).comparisons
        (finding,) = comparison.findings
        assert (Severity.BREAKING, Grade.PROVEN) == (finding.severity, finding.grade)
        assert expected is finding.broken_promise
