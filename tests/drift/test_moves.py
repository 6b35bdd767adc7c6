"""Moves are proven by value, item by item, and stand-ins prove none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.recordings import NEW, OLD, Shelf, recording, twins

from replay.drift.judge.findings import Finding, Grade, Target
from replay.drift.observe.pointers import occurrences
from replay.drift.report import report

SUBS = [f"sub_{n}MowQVLkdIwHu7ix" for n in range(1, 5)]


def findings(olds: list[Any], news: list[Any], **kwargs: Any) -> list[Finding]:
    """What twins show."""
    (comparison,) = report(Shelf(twins(olds, news, **kwargs)), versions=(OLD, NEW)).comparisons
    return list(comparison.findings)


def moves(found: list[Finding]) -> list[tuple[str, str]]:
    """The moves among findings, as (from, to)."""
    return [(f.path, f.to.path) for f in found if f.to is not None]


def test_a_move_counts_the_pairs_that_could_show_it() -> None:
    """A null on the way says nothing; every other pair that carried a value agrees."""
    olds = [{"a": sub} for sub in SUBS] + [{"a": None}]
    news: list[Any] = [{"p": {"a": sub}} for sub in SUBS[:3]] + [{"p": None}, {"p": None}]
    (moved,) = findings(olds, news)
    assert ("field-moved", "/a", Target("invoices", "/p/a")) == (moved.rule, moved.path, moved.to)
    assert (4, 5) == moved.carried
    assert moved.support is not None
    assert (3, 4, True) == (moved.support.agree, moved.support.pairs, moved.support.controlled)
    assert f"invoices/in_1A0000/{NEW}.yaml#0/p/a" == moved.witnesses[1]


@pytest.mark.parametrize(
    ("olds", "news"),
    [
        ([{"a": SUBS[0]}, {"a": SUBS[1]}], [{"b": SUBS[0]}, {"b": "sub_9Other0000"}]),
        ([{"a": SUBS[0]}] * 3, [{"b": SUBS[0]}] * 3),
        ([{"a": "A longer text"}] * 3, [{"b": "A longer text"}] * 3),
        ([{"a": 12}], [{"b": 12}]),
        ([{"a": True}], [{"b": True}]),
        ([{"a": "not_supported"}], [{"b": "not_supported"}]),
        ([{"a": "short"}], [{"b": "short"}]),
        ([{"a": {}}], [{"b": {}}]),
    ],
)
def test_what_could_be_coincidence_is_no_move(olds: list[Any], news: list[Any]) -> None:
    """One contradiction, one repeated value, or values that say too little."""
    found = findings(olds, news)
    assert [] == moves(found)
    assert {"field-removed", "field-added"} == {f.rule for f in found}


@pytest.mark.parametrize("value", [1_234_567, SUBS[0], "A longer text"])
def test_informative_values_are_followed(value: Any) -> None:
    """Numbers from a million, strings of eight characters."""
    assert [("/a", "/b")] == moves(findings([{"a": value}], [{"b": value}]))


def test_the_target_of_the_same_name_is_preferred_then_the_shallowest() -> None:
    """One source has one target, and a target one source."""
    old = [{"a": SUBS[0]}]
    assert [("/a", "/p/q/a")] == moves(findings(old, [{"b": SUBS[0], "p": {"q": {"a": SUBS[0]}}}]))
    assert [("/a", "/b")] == moves(findings(old, [{"b": SUBS[0], "p": {"c": SUBS[0]}}]))
    assert [("/a", "/z")] == moves(findings(old, [{"l": [SUBS[0]], "z": SUBS[0]}]))


def test_within_list_items_values_are_compared_item_by_item() -> None:
    """An item whose new place is null does not speak against the others."""
    old = {"l": [{"price": SUBS[0]}, {"price": SUBS[1]}]}
    new = {"l": [{"pricing": {"price": SUBS[0]}}, {"pricing": None}]}
    assert [("/l/*/price", "/l/*/pricing/price")] == moves(findings([old], [new]))
    swapped = {"l": [{"pricing": {"price": SUBS[1]}}, {"pricing": {"price": SUBS[0]}}]}
    assert [] == moves(findings([old], [swapped]))


@pytest.mark.parametrize("value", [SUBS[0], "A longer text", 94_107_000])
def test_a_single_value_lives_on_at_an_older_path_and_that_is_likely(value: Any) -> None:
    """Fewer than three values prove no destination; the removal is proven all the same."""
    (moved,) = findings([{"a": value, "p": {"a": value}}], [{"p": {"a": value}}])
    assert ("field-moved", Grade.PROVEN, Target("invoices", "/p/a", "", Grade.LIKELY)) == (
        moved.rule, moved.grade, moved.to,
    )  # fmt: skip


def test_the_same_few_ids_are_a_hint_and_no_move() -> None:
    """All objects may name one price in several places: the removal says where it may be."""
    old = {"l": [{"price": {"id": SUBS[0], "unit": 1}}], "plan": SUBS[1]}
    new = {"l": [{"pricing": {"price": SUBS[0]}}], "p": {"plan": SUBS[1]}}
    found = findings([old] * 4, [new] * 4)
    assert [] == moves(found)
    gone = {finding.path: finding for finding in found if finding.rule == "field-removed"}
    assert {"/l/*/price", "/plan"} == gone.keys()
    assert "/id may be at /l/*/pricing/price" == gone["/l/*/price"].detail
    assert "may be at /p/plan" == gone["/plan"].detail
    assert {Grade.PROVEN} == {finding.grade for finding in gone.values()}
    assert {"/l/*/pricing", "/p"} == {f.path for f in found if f.rule == "field-added"}


def test_two_new_paths_that_fit_as_well_are_a_hint_and_no_move() -> None:
    """The removal names both; which of them took its place is not known."""
    old = [{"ref_a": sub} for sub in SUBS[:3]]
    new = [{"x": {"ref_b": sub}, "y": {"ref_c": sub}} for sub in SUBS[:3]]
    found = findings(old, new)
    assert [] == moves(found)
    (gone,) = [finding for finding in found if finding.rule == "field-removed"]
    assert ("/ref_a", "may be at /x/ref_b or /y/ref_c", Grade.PROVEN) == (
        gone.path, gone.detail, gone.grade,
    )  # fmt: skip
    assert {"/x", "/y"} == {f.path for f in found if f.rule == "field-added"}


def test_a_path_that_fits_another_source_better_is_no_rival() -> None:
    """Of two fields that name one thing each went to the path of its name."""
    old = [{"ref": sub, "b": {"name": sub}} for sub in SUBS[:3]]
    new = [{"x": {"found": sub}, "y": {"name": sub}} for sub in SUBS[:3]]
    assert [("/b", "/y"), ("/ref", "/x/found")] == sorted(moves(findings(old, new)))


def test_a_removal_is_as_sure_as_it_was_whatever_is_known_of_its_new_place() -> None:
    """The destination has a grade of its own."""
    entries = []
    for n in range(3):
        id = f"in_1A{n:04}"
        for version, path, body in (
            (OLD, "/email", {"id": id, "email": f"r{n}@example.com", "p": {}}),
            (NEW, "/p/email", {"id": id, "p": {"email": f"r{n}@example.com"}}),
        ):
            redacted = {path: "email"}
            entries.append(recording(body, version, id=id, batch=f"b{n}", redacted=redacted))
    (comparison,) = report(Shelf(entries), versions=(OLD, NEW)).comparisons
    (moved,) = comparison.findings
    assert ("field-moved", "/email", Grade.PROVEN) == (moved.rule, moved.path, moved.grade)
    assert Target("invoices", "/p/email", "", Grade.LIKELY) == moved.to


def test_a_list_that_lost_an_item_says_nothing_of_it() -> None:
    """What has no counterpart is not compared; without IDs nobody knows which item is left."""
    items = [{"id": f"il_{n}", "price": SUBS[n]} for n in range(2)]
    new = {"l": [{"id": "il_1", "pricing": {"price": SUBS[1]}}]}
    assert [("/l/*/price", "/l/*/pricing/price")] == moves(findings([{"l": items}], [new]))
    nameless = [{"price": item["price"]} for item in items]
    less = {"l": [{"pricing": {"price": SUBS[0]}}]}
    assert [] == moves(findings([{"l": nameless}], [less]))


def test_an_object_that_moves_with_all_it_holds_is_one_finding() -> None:
    """Its leaves are its parts, and the new parent is swallowed where nothing else is in it."""
    old = [{"d": {"a": SUBS[0], "metadata": {"order": "A longer text"}, "flag": False}}]
    new = [{"p": {"d": {"a": SUBS[0], "metadata": {"order": "A longer text"}, "flag": False}}}]
    (moved,) = findings(old, new)
    assert ("/d", "/p/d") == (moved.path, moved.to.path if moved.to else "")
    assert (("/d/a", "/p/d/a"), ("/d/metadata", "/p/d/metadata")) == moved.parts


def test_leaves_that_part_ways_are_told_apart() -> None:
    """The object is one finding, which lists where its leaves are."""
    old = [{"d": {"a": SUBS[0], "b": SUBS[1], "flag": False}}]
    new = [{"p": {"a": SUBS[0]}, "q": {"b": SUBS[1]}}]
    (gone,) = findings(old, new)
    assert ("field-removed", "/d", None) == (gone.rule, gone.path, gone.to)
    assert (("/d/a", "/p/a"), ("/d/b", "/q/b")) == gone.parts


@pytest.mark.parametrize(
    ("expected", "new", "classes"),
    [
        ([("/email", "/person/email")], {"person": {"email": "r@example.com"}}, "email"),
        ([], {"person": {"mail": "r@example.com"}}, "email"),
        ([], {"person": {"email": "r@example.com"}}, "name"),
        ([], {"person": {"id": "cus_1A2B3C4D", "email": "r@example.com"}}, "email"),
    ],
)
def test_a_stand_in_moves_with_its_owner_class_and_key_and_is_likely_at_most(
    expected: list[tuple[str, str]], new: Any, classes: str
) -> None:
    """Stand-ins are seeded by identity: that they are equal proves nothing."""
    old = {"id": "in_1A0000", "email": "r@example.com"}
    entries = [
        recording(old, OLD, batch="b", redacted={"/email": "email"}),
        recording(
            {"id": "in_1A0000", **new},
            NEW,
            batch="b",
            redacted={"/person/email": classes, "/person/mail": classes},
        ),
    ]
    (comparison,) = report(Shelf(entries), versions=(OLD, NEW)).comparisons
    found = [f for f in comparison.findings if f.to is not None]
    assert expected == moves(found)
    assert {Grade.LIKELY} >= {f.to.grade for f in found if f.to}


def test_a_map_of_stand_ins_moves_with_its_keys() -> None:
    """The removal is proven, the place is likely."""
    values = {"order": "Redacted 1", "shop": "Redacted 2"}
    other = {"order": "Redacted 3", "shop": "Redacted 4"}
    entries = [
        recording(
            {"d": {"metadata": values}},
            OLD,
            batch="b",
            redacted={"/d/metadata/order": "text", "/d/metadata/shop": "text"},
        ),
        recording(
            {"p": {"d": {"metadata": other}}},
            NEW,
            batch="b",
            redacted={"/p/d/metadata/order": "text", "/p/d/metadata/shop": "text"},
        ),
    ]
    (comparison,) = report(Shelf(entries), versions=(OLD, NEW)).comparisons
    (moved,) = comparison.findings
    assert ("field-moved", "/d", Grade.PROVEN) == (moved.rule, moved.path, moved.grade)
    assert Target("invoices", "/p/d", "", Grade.LIKELY) == moved.to


def test_a_pair_whose_state_moved_on_proves_no_move() -> None:
    """A finding is as sure as its pairs."""
    entries = [
        recording({"status": "draft", "a": SUBS[0]}, OLD),
        recording({"status": "paid", "b": SUBS[0]}, NEW),
    ]
    (comparison,) = report(Shelf(entries), versions=(OLD, NEW)).comparisons
    (moved,) = [f for f in comparison.findings if f.to is not None]
    assert Grade.LIKELY is moved.grade


def test_only_so_many_bodies_are_kept_to_follow_values() -> None:
    """Memory stays flat; which pairs are kept does not depend on their order."""
    olds = [{"a": f"sub_{n:04}MowQVLkdIwHu"} for n in range(90)]
    news = [{"b": body["a"]} for body in olds]
    (moved,) = findings(olds, news)
    assert moved.support is not None
    assert 64 == moved.support.pairs


@pytest.mark.parametrize(
    ("expected", "path"),
    [
        ([("/a/b~1c", 1)], "/a/b~1c"),
        ([("/l/0/x", 1), ("/l/1/x", 2)], "/l/*/x"),
        ([("/a/b~1c", 1)], "/a/*"),
        ([], "/l/x"),
        ([], "/n/x"),
        ([], "/a/none"),
    ],
)
def test_values_are_found_with_their_pointers(expected: list[Any], path: str) -> None:
    """`*` stands for any item or map value."""
    body = {"a": {"b/c": 1}, "l": [{"x": 1}, {"x": 2}], "n": 5}
    assert expected == list(occurrences(body, path))


def payment(n: int, value: str, invoice: str, version: str = NEW, **more: Any) -> Any:
    """An invoice payment of an invoice."""
    body = {
        "id": f"inpay_{n}AbCdEfGh",
        "invoice": invoice,
        "payment": {"type": "payment_intent", "payment_intent": value},
        **more,
    }
    return recording(body, version, id=body["id"], resource="invoice_payments")


def test_values_are_followed_to_another_resource_that_names_the_object() -> None:
    """The ID of the invoice joins what left it with the payment that holds it now."""
    intents = [f"pi_{n}MtwBwLkdIwHu7ix" for n in range(3)]
    entries = twins([{"payment_intent": pi} for pi in intents], [{}] * 3)
    entries += [payment(n, pi, f"in_1A{n:04}") for n, pi in enumerate(intents)]
    entries += [payment(7, "pi_7AnotherOne000", "in_1A0000")]  # a second attempt to pay
    entries += [payment(8, intents[0], "in_9NotRecorded")]
    entries += [recording(b"[1]", NEW, id="x", resource="charges")]
    (comparison, *_) = report(Shelf(entries), "invoices", (OLD, NEW)).comparisons
    (moved,) = comparison.findings
    expected = Target("invoice_payments", "/payment/payment_intent", "/invoice")
    assert ("field-moved-resource", Grade.PROVEN, expected) == (moved.rule, moved.grade, moved.to)
    assert moved.support is not None
    assert (3, 3) == (moved.support.agree, moved.support.pairs)
    assert (
        "invoices/in_1A0000/2024-06-20.yaml#0/payment_intent",
        f"invoice_payments/inpay_0AbCdEfGh/{NEW}.yaml#0/payment/payment_intent",
    ) == moved.witnesses
    assert json.dumps(moved.to.path if moved.to else "")


@pytest.mark.parametrize(
    "others",
    [
        [payment(0, "pi_9MtwBwLkdIwHu7ix", "in_1A0000")],
        [payment(0, "pi_0MtwBwLkdIwHu7ix", "in_1A0001")],
        [payment(0, "pi_0MtwBwLkdIwHu7ix", "in_1A0000", OLD)],
        [recording({"id": "pi_0MtwBwLkdIwHu7ix", "invoice": "in_1A0000"}, NEW, resource="p")],
        [
            payment(0, "pi_0MtwBwLkdIwHu7ix", "in_1A0000"),
            payment(1, "pi_9MtwBwLkdIwHu7ix", "in_1A0001"),
        ],
    ],
)
def test_another_resource_must_name_object_and_value_at_the_new_version(others: Any) -> None:
    """And no object that it names may speak against it; the thing itself is no new place."""
    olds = [{"payment_intent": f"pi_{n}MtwBwLkdIwHu7ix"} for n in range(2)]
    entries = [*twins(olds, [{}] * 2), *others]
    (comparison, *_) = report(Shelf(entries), "invoices", (OLD, NEW)).comparisons
    assert ["field-removed"] == [finding.rule for finding in comparison.findings]


def test_what_never_left_an_object_or_is_a_stand_in_joins_nothing() -> None:
    """An invoice that had no charge is not asked where it went."""
    pi, ch = "pi_0MtwBwLkdIwHu7ix", "ch_0MtwBwLkdIwHu7ix"
    olds = [{"charge": ch, "payment_intent": None}, {"charge": None, "payment_intent": pi}]
    entries = [
        *twins(olds, [{}] * 2),
        payment(0, pi, "in_1A0001", notes=["A text", "x_1A"]),
        recording(
            {"id": "x_1A", "invoice": "in_1A0000", "charge": ch},
            NEW,
            id="x_1A",
            resource="others",
            redacted={"/charge": "text"},
        ),
    ]
    (comparison, *_) = report(Shelf(entries), "invoices", (OLD, NEW)).comparisons
    assert {"/charge": "field-removed", "/payment_intent": "field-moved-resource"} == {
        finding.path: finding.rule for finding in comparison.findings
    }


def test_one_value_in_every_object_joins_nothing() -> None:
    """Three objects with one value are a coincidence."""
    pi = "pi_0MtwBwLkdIwHu7ix"
    entries = twins([{"payment_intent": pi}] * 3, [{}] * 3)
    entries += [payment(n, pi, f"in_1A{n:04}") for n in range(3)]
    (comparison, *_) = report(Shelf(entries), "invoices", (OLD, NEW)).comparisons
    assert ["field-removed"] == [finding.rule for finding in comparison.findings]
