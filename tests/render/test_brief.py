"""The brief: all that is needed to make the change, in one file."""

from __future__ import annotations

from dataclasses import replace

from support.recordings import NEW, OLD, Shelf, twins

from replay.drift.acceptance.used import Body, Site, Used, mark_used
from replay.drift.judge.findings import Report
from replay.drift.report import report
from replay.render.brief import Advice, to_brief

IDS = [f"sub_1MowQVLkdIwHu7i{n}" for n in range(3)]
INVOICE = Body("invoices", "invoice", OLD)
SITES = {INVOICE: {"/sub": {Site("billing.py", 42, 5, 42, 20): {"tests/test_a.py::test_total"}}}}


def made() -> Report:
    """`sub` moved and is used; `paid` is gone and is not; `new` came."""
    olds = [{"object": "invoice", "sub": id, "paid": True} for id in IDS]
    news = [{"object": "invoice", "p": {"sub": id}, "new": 1} for id in IDS]
    found = report(Shelf(twins(olds, news)), "invoices", (OLD, NEW))
    return mark_used(found, Used({INVOICE: {"/sub"}}, SITES))


def no_advice(field: str) -> Advice:
    return Advice()


def test_a_task_has_the_evidence_the_lines_the_edit_and_the_proof() -> None:
    """In this order, under a number."""
    notes = ("billing.py:42: may be None here (p: null in 1 of 3)",)
    text = to_brief(made(), lambda _: Advice("-old\n+new ```\n", notes), "cassettes")
    task = text[text.index("## 1. `invoice.sub`") : text.index("## Not read by the tests")]
    parts = [
        "sub moved to p.sub (3 of 3 pairs agree) (breaking, proven).",
        f"- at {OLD}: string, present 3 of 3, see `invoices/in_1A0000/{OLD}.yaml#0/sub`",
        "- read at `billing.py:42, read by test_total`",
        "may be None here (p: null in 1 of 3)",
        "````diff\n-old\n+new ```\n````",
        f"`pytest --replay-api-version {NEW} tests/test_a.py::test_total`",
    ]
    places = [task.index(part) for part in parts]
    assert sorted(places) == places


def test_what_no_test_reads_is_one_line_and_what_informs_is_left_out() -> None:
    """The work first."""
    text = to_brief(made(), no_advice, "cassettes")
    assert "- invoice.paid: paid removed" in text.partition("## Not read by the tests")[2]
    assert "## 2." not in text
    assert "new added" not in text
    assert "| `invoice.sub` | `invoice.p.sub` | set in 3 of 3; used by these tests |" in text


def test_without_tracking_it_says_how_to_have_the_lines() -> None:
    """Once, and every finding is a task."""
    found = made()
    comparisons = [
        replace(c, findings=tuple(replace(f, used=None, used_at=()) for f in c.findings))
        for c in found.comparisons
    ]
    text = to_brief(replace(found, comparisons=tuple(comparisons)), no_advice, "cassettes")
    assert 1 == text.count("pytest --replay-track-fields")
    assert "## 2. `invoice.sub`" in text


def test_what_is_accepted_asks_for_nothing() -> None:
    """The team has decided."""
    found = made()
    comparisons = [
        replace(c, findings=tuple(replace(f, accepted="known") for f in c.findings))
        for c in found.comparisons
    ]
    text = to_brief(replace(found, comparisons=tuple(comparisons)), no_advice, "cassettes")
    assert "## 1." not in text
