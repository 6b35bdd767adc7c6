"""The report as a comment: bounded, the worst first, nothing of it markup."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from support.recordings import NEW, OLD, Shelf, recording, twins

from replay.drift.guide.outline import only
from replay.drift.report import Report, report
from replay.render.markdown import LIMIT, escape, to_markdown


def test_a_report_is_a_table_with_what_informs_folded() -> None:
    """The sum comes first; accepted findings are counted only."""
    made = report(Shelf(twins([{"a_b": 1, "z": 1, "l": [1]}], [{"c": 1, "l": []}])))
    (comparison,) = made.comparisons
    findings = tuple(
        replace(f, accepted="known") if f.path == "/z" else f for f in comparison.findings
    )
    made = replace(made, comparisons=(replace(comparison, findings=findings),))
    nowhere = "set in 1 of 1, found nowhere else"
    assert f"""\
### API drift: 1 breaking, 0 warnings, 1 info, 1 unobserved, 1 accepted

#### invoices: {OLD} → {NEW}

1 and 1 objects, 1 at both; 1 controlled pairs.

Gone for good:

- invoices.a\\_b: set in 1 of 1

| severity | grade | what |
|---|---|---|
| **breaking** | proven | a\\_b removed; {nowhere} (1 of 1 pairs agree) |

<details><summary>2 informative or unobserved</summary>

| severity | grade | what |
|---|---|---|
| info | proven | c added (1 of 1 pairs agree) |
| info | unobserved | l was always empty in {NEW} |

</details>
""" == to_markdown(made)


def test_comparisons_are_told_apart() -> None:
    """By type, expand set and whether they are of stubs; no drift is said."""
    body = {"object": "invoice", "deleted": True}
    entries = [recording(body, version, query="?expand[]=x") for version in (OLD, NEW)]
    text = to_markdown(report(Shelf(entries)))
    assert f"#### invoices / invoice (deleted): {OLD} → {NEW}, expand x" in text
    assert "| severity" not in text


def test_nothing_to_compare_is_said() -> None:
    """An empty comment would be read as good news."""
    assert "Nothing to compare." in to_markdown(report(Shelf([])))


def test_what_moved_is_a_table_before_the_findings() -> None:
    """The first question of an upgrade: where is it now?"""
    ids = [f"sub_1MowQVLkdIwHu7i{n}" for n in range(3)]
    olds, news = [{"a": id} for id in ids], [{"p": {"a": id}} for id in ids]
    text = to_markdown(report(Shelf(twins(olds, news))))
    row = "| old | → new | |\n|---|---|---|\n| invoices.a | invoices.p.a | set in 3 of 3 |\n"
    assert text.index(row) < text.index("| **breaking** | proven | a moved to p.a")


def test_findings_that_are_not_shown_are_counted() -> None:
    """A filter hides no number."""
    made = only(report(Shelf(twins([{"a": 1}], [{"b": 1}]))), ["info"])
    text = to_markdown(made)
    assert "### API drift: 1 breaking, 0 warnings, 1 info" in text
    assert "| **breaking**" not in text
    assert "1 are not shown (--show)" in text


@cache
def many_findings() -> Report:
    """900 fields gone, 900 new ones."""
    olds = [{f"old_{n:04}_{'x' * 40}": 1 for n in range(900)}]
    news = [{f"new_{n:04}_{'x' * 40}": 1 for n in range(900)}]
    return report(Shelf(twins(olds, news)))


@pytest.mark.parametrize("limit", [LIMIT, 3000, 1200])
def test_a_comment_is_never_too_long_and_says_what_it_left_out(limit: int) -> None:
    """Breaking findings are kept before the others; every block is closed."""
    text = to_markdown(many_findings(), limit)
    assert len(text) <= limit
    assert text.count("<details>") == text.count("</details>")
    shown = text.count("| **breaking**") + text.count("| info |")
    assert f"{1800 - shown} more findings would not fit here" in text
    assert text.count("| **breaking**") > 0


def test_one_finding_left_out_is_one() -> None:
    """Grammar."""
    made = report(Shelf(twins([{"a": 1, "b" * 700: 1}], [{}])))
    assert "1 more finding would not fit here" in to_markdown(made, 1000)


def test_a_comparison_that_does_not_fit_at_all_is_left_out() -> None:
    """Its findings are counted."""
    entries = twins([{"a": 1}], [{}]) + twins([{"b": 1}], [{}], resource="charges")
    text = to_markdown(report(Shelf(entries)), 450)
    assert "2 more findings would not fit here" in text
    assert "charges" not in text


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("a\\_b\\[\\]", "a_b[]"),
        ("&lt;img src=x&gt; &amp;", "<img src=x> &"),
        ("\\`\\*\\|\\#\\~\\\\", "`*|#~\\"),
        ("&#64;team", "@team"),
        ("https:&#47;/x", "https://x"),
    ],
)
def test_text_from_recordings_is_no_markup(expected: str, text: str) -> None:
    """No HTML, no table cell, no mention of a team, no link."""
    assert expected == escape(text)


def test_a_hostile_name_stays_in_its_row() -> None:
    """Line ends are spelled out."""
    text = to_markdown(report(Shelf(twins([{"x\n\n# big | @all <b>": 1}], [{}]))))
    assert "| x\\\\u000a\\\\u000a\\# big \\| &#64;all &lt;b&gt; removed" in text
