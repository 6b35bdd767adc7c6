"""The outline of a comparison: what replaces what, what is gone, what is open."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.recordings import Shelf, twins

from replay.drift.guide.outline import outline
from replay.drift.judge.findings import Comparison
from replay.drift.report import report

IDS = [f"sub_1MowQVLkdIwHu7i{n}" for n in range(3)]


def compared() -> Comparison:
    """Of three pairs: `a` moved, `rare` and `often` are gone, `never` was always null."""
    olds = [
        {"object": "invoice", "a": id, "often": 1, "never": None, "rare": 1 if n else None}
        for n, id in enumerate(IDS)
    ]
    news = [{"object": "invoice", "p": {"a": id}} for id in IDS]
    (comparison,) = report(Shelf(twins(olds, news))).comparisons
    return comparison


def test_each_removal_is_in_one_part_of_the_outline() -> None:
    """Moved, gone for good, or a question; null in every recording is no loss."""
    told = outline(compared())
    assert [("invoice.a", "invoice.p.a", True)] == [(r.old, r.new, r.sure) for r in told.moved]
    assert ["invoice.often", "invoice.rare"] == [row.old for row in told.gone]
    assert [("invoice.never", "null in all 3")] == [(r.old, r.carried) for r in told.questions]


def test_a_question_that_only_specifications_ask_says_why_it_is_one() -> None:
    """A file shows no values, so none can be followed; no question stands there without a word."""
    comparison = compared()
    bare = tuple(
        replace(f, carried=None, to=None, detail="", parts=()) for f in comparison.findings
    )
    told = outline(replace(comparison, findings=bare))
    assert told.questions
    assert {"a specification shows no values, so it does not tell where this is now"} == {
        row.new for row in told.questions
    }


def test_what_tests_read_comes_first_then_what_carried_a_value_most_often() -> None:
    """A used field ranks before one that carried more."""
    comparison = compared()
    used = tuple(replace(f, used=f.path == "/rare") for f in comparison.findings)
    told = outline(replace(comparison, findings=used))
    assert ["invoice.rare", "invoice.often"] == [row.old for row in told.gone]


@pytest.mark.parametrize("path", ["/a", "/often", "/never"])
def test_what_is_accepted_is_not_told_again(path: str) -> None:
    """The team knows."""
    comparison = compared()
    known = tuple(
        replace(f, accepted="known" if f.path == path else None) for f in comparison.findings
    )
    told = outline(replace(comparison, findings=known))
    assert path not in {row.finding.path for row in (*told.moved, *told.gone, *told.questions)}
