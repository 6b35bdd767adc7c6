"""The ledger of truth tries every rule and tells what is false; the manual has its figures."""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import truth

from replay.drift.judge.findings import Grade
from replay.drift.judge.rules import CATALOGUE


def test_one_report_of_each_kind_is_true() -> None:
    """Each rule finds what was planted, and nothing that was not planted is proven."""
    ledger = truth.drift_share([1, 2])
    assert [] == ledger.examples
    assert set() == {
        name for name, row in ledger.rows.items() if row.found < 2 and name != "field-aliased"
    }
    assert {10} == {row.pairs for row in ledger.rows.values()}


def test_a_false_proof_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that the ledger does not know of is proven, and told as false."""

    def planted(rule: str, chance: random.Random, olds: list[truth.Body]) -> truth.Planted:
        news, path, more = real(rule, chance, olds)
        for new in news:
            del new["created"]
        return news, path, more

    real = truth.planted
    monkeypatch.setattr(truth, "planted", planted)
    ledger = truth.Ledger()
    truth.try_rule("type-changed", 1, ledger)
    assert ["type-changed 1: field-removed /created"] == ledger.examples
    assert (1, 1) == (ledger.rows["field-removed"].false, ledger.rows["field-removed"].others)
    assert (0, 1) == (ledger.rows["type-changed"].false, ledger.rows["type-changed"].proven)


def test_what_is_only_likely_is_no_false_proof() -> None:
    """A finding elsewhere counts where it is proven alone."""
    ledger = truth.Ledger()
    truth.count_false(ledger, [("type-changed", "/x", Grade.LIKELY)], "", "", "")
    assert [] == ledger.examples
    truth.count_false(ledger, [("type-changed", "/x", Grade.PROVEN)], "", "", "")
    assert 1 == ledger.rows["type-changed"].false


def test_every_rule_is_in_the_ledger_or_said_not_to_be() -> None:
    """A rule that is added is tried, or has a reason."""
    assert {rule.id for rule in CATALOGUE} == truth.Ledger().rows.keys() | truth.NOT_TRIED
    assert truth.PLANTS.keys() | set(truth.MOVES) == truth.Ledger().rows.keys()
    assert truth.TWINS * truth.REPORTS >= 10_000


def test_the_page_has_a_full_row_for_each_rule() -> None:
    """At least 10,000 pairs, none proven where it was false, and the bound of that."""
    page = truth.PAGE.read_text("utf-8")
    rows = re.findall(
        r"^\| \[([a-z-]+)\]\(.+?\) \| ([\d,]+) \| ([\d.]+)% \| [\d.]+% \| ([\d,]+) \| (\d+) \| "
        r"1 in ([\d,]+) \|$", page, re.MULTILINE,
    )  # fmt: skip
    assert truth.Ledger().rows.keys() == {name for name, *_ in rows}
    for _, pairs, found, others, false, most in rows:
        assert int(pairs.replace(",", "")) >= 10_000
        assert float(found) > 60
        assert "0" == false
        assert int(others.replace(",", "")) // 3 == int(most.replace(",", ""))
    assert page.startswith(truth.HEAD.format(nothing="Four", kinds=", ".join(truth.NOTHING)))
    assert " 0 of them were\nfound" in page
    assert "The live source counted 0:" in page
