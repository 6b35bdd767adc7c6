"""Which lines a report asks to edit, and which it leaves to a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.recordings import NEW, OLD, Shelf, twins

from replay.drift.acceptance.used import Body, Site, Used
from replay.drift.guide.edits import Plan, plan
from replay.drift.judge.findings import Severity
from replay.drift.report import report

INVOICE = Body("invoices", "invoice", OLD)
SITE = Site("billing.py", 3, 5, 3, 25)
IDS = [f"sub_1MowQVLkdIwHu7i{n}" for n in range(5)]


def planned(olds: list[Any], news: list[Any], reads: dict[Body, str]) -> Plan:
    """What twins ask of one expression that reads something of each body."""
    olds, news = ([{"object": "invoice", **body} for body in bodies] for bodies in (olds, news))
    sites = {body: {path: {SITE: {"test_a"}}} for body, path in reads.items()}
    used = Used({body: {path} for body, path in reads.items()}, sites)
    return plan(report(Shelf(twins(olds, news)), "invoices", (OLD, NEW)), used)


def moved(*reads: tuple[Body, str]) -> Plan:
    """Five subscriptions moved into `p`, whose read is asked for."""
    olds, news = [{"sub": id} for id in IDS], [{"p": {"sub": id}} for id in IDS]
    return planned(olds, news, dict(reads))


def test_a_proven_place_is_an_edit() -> None:
    """With the keys that the expression ends with, old and new."""
    made = moved((INVOICE, "/sub"))
    ((edit,), left) = made.edits, made.left
    assert (("sub",), ("p", "sub"), ()) == (edit.old, edit.new, edit.guards)
    assert edit.never_null
    assert not left


def test_what_was_null_on_the_way_is_guarded_and_counted() -> None:
    """A recording whose old side had the field, and whose new side has no object to hold it."""
    olds = [{"sub": id} for id in IDS] + [{"sub": None}, {}]
    news = [{"p": {"sub": id}} for id in IDS] + [{"p": None}, {"p": None}]
    (edit,) = planned(olds, news, {INVOICE: "/sub"}).edits
    assert ((1,), "p: null in 1 of 6") == (edit.guards, edit.remark)
    assert not edit.never_null


def test_a_move_within_the_items_of_a_list_is_an_edit_of_what_reads_an_item() -> None:
    """Nested ones too; how often something was null is counted by items."""
    olds = [{"l": [{"m": {"data": [{"sub": id}, {"sub": None}]}}]} for id in IDS]
    news = [{"l": [{"m": {"data": [{"p": {"sub": id}}, {"p": None}]}}]} for id in IDS]
    made = planned(olds, news, {INVOICE: "/l/*/m/data/*/sub"})
    ((edit,), left) = made.edits, made.left
    assert (("sub",), ("p", "sub"), (1,)) == (edit.old, edit.new, edit.guards)
    assert "l[].m.data[].p: null in 5 of 10" == edit.remark
    assert not left


@pytest.mark.parametrize(
    ("olds", "news", "path", "why"),
    [
        ([{"sub": id} for id in IDS[:2]], [{"p": {"sub": id}} for id in IDS[:2]], "/sub", "likely"),
        ([{"l": [{"sub": id}]} for id in IDS], [{"l": [{"x": 1}], "sub": id} for id in IDS],
         "/l/*/sub", "a list lies on the way"),
        ([{"sub": id, "l": [{"x": 1}]} for id in IDS], [{"l": [{"x": 1, "sub": id}]} for id in IDS],
         "/sub", "a list lies on the way"),
        ([{"l": [{"sub": id}, {"sub": None}]} for id in IDS],
         [{"l": [{"p": {"sub": id}}, {}]} for id in IDS],
         "/l/*/sub", "l[].p: not there in 5 of 10 items of new recordings"),
        ([{"sub": id} for id in IDS] + [{"sub": None}], [{"p": {"sub": id}} for id in IDS] + [{}],
         "/sub", "not there in 1 of 6"),
        ([{"sub": {"id": id, "x": 1}} for id in IDS], [{"p": id} for id in IDS],
         "/sub", "of another kind in 5 of 5"),
        ([{"sub": [{"id": id, "x": 1}]} for id in IDS], [{"p": [{"id": id}]} for id in IDS],
         "/sub", "of another kind in 5 of 5"),
        ([{"paid": True}] * 5, [{}] * 5, "/paid", "paid removed"),
        ([{"sub": id} for id in IDS], [{"p": {"sub": id}} for id in IDS], "/**",
         "the object is read as a whole here; 1 of its fields changed"),
    ],
)  # fmt: skip
def test_what_is_not_sure_is_left_to_a_person(
    olds: list[Any], news: list[Any], path: str, why: str
) -> None:
    """With its line and the reason."""
    made = planned(olds, news, {INVOICE: path})
    assert () == made.edits
    (left,) = made.left
    assert ("billing.py", 3) == (left.file, left.line)
    assert why in left.why


def test_what_the_team_has_accepted_asks_for_nothing() -> None:
    """Nor does what only informs."""
    olds = [{"object": "invoice", "sub": id} for id in IDS]
    news = [{"object": "invoice", "p": {"sub": id}} for id in IDS]
    made = report(Shelf(twins(olds, news)), "invoices", (OLD, NEW))
    used = Used({INVOICE: {"/sub"}}, {INVOICE: {"/sub": {SITE: {"test_a"}}}})
    for change in ({"accepted": "known"}, {"severity": Severity.INFO}):
        comparisons = [
            replace(c, findings=tuple(replace(f, **change) for f in c.findings))  # type: ignore[arg-type]
            for c in made.comparisons
        ]
        asked = plan(replace(made, comparisons=tuple(comparisons)), used)
        assert ((), ()) == (asked.edits, asked.left)


def test_an_expression_that_reads_other_objects_too_is_left_to_a_person() -> None:
    """The field of another type did not move; one that holds the invoice is no other object."""
    other = moved((INVOICE, "/sub"), (Body("charges", "charge", OLD), "/sub"))
    assert ["the same expression reads charge too"] == [left.why for left in other.left]
    assert not other.edits
    holder = Body("payments", "payment", OLD)
    assert moved((INVOICE, "/sub"), (holder, "/invoice/sub")).edits


def test_what_is_read_from_an_event_is_left_to_a_person() -> None:
    """The endpoint of a webhook has a version of its own, which moves on another day."""
    made = moved((INVOICE, "/sub"), (Body("events", "event", OLD), "/data/object/sub"))
    assert not made.edits
    assert "webhook endpoint" in made.left[0].why
