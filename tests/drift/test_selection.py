"""What is compared with what: versions, dates, libraries; and where fields were seen when."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from support.recordings import NEW, OLD, Entry, Shelf, pools, recording, twins

from replay.drift.judge.findings import Grade, Report
from replay.drift.observe.selection import OLD_LIBRARY, Epoch, Selection
from replay.drift.observe.shape import KEY_SETS, Calendar
from replay.drift.report import report
from replay.stripe_api.versions import promises, train, version_order

MID = "2024-09-30.acacia"


def dated(entry: Entry, day: str) -> Entry:
    """A recording made on another day."""
    file, cassette = entry
    made = tuple(replace(t, recorded_at=f"{day}T00:00:00Z") for t in cassette.interactions)
    return file, replace(cassette, interactions=made)


def found(made: Report) -> list[tuple[str, str]]:
    """Rules and paths."""
    return [(finding.rule, finding.path) for _, finding in made.findings()]


def test_two_dates_of_one_version_are_compared() -> None:
    """Services drift inside a pinned version: the day itself belongs to the later side."""
    entries = [
        dated(recording({"a": 1}, OLD, id="in_1A"), "2026-01-31"),
        dated(recording({"a": 1, "b": 1}, OLD, id="in_1B"), "2026-02-01"),
        recording({}, NEW),
    ]
    made = report(Shelf(entries), versions=(OLD, OLD), before="2026-02-01")
    assert [("field-added", "/b")] == found(made)
    (comparison,) = made.comparisons
    assert (f"{OLD} before 2026-02-01", f"{OLD} from 2026-02-01") == comparison.sides
    assert (1, 1, 0) == comparison.objects


def test_takes_of_one_cassette_stand_on_both_sides_of_a_date() -> None:
    """An object that was recorded again is a pair."""
    file, old = dated(recording({"a": 1}, OLD), "2026-01-01")
    _, new = dated(recording({"b": 1}, OLD), "2026-03-01")
    both = replace(old, interactions=(*old.interactions, *new.interactions))
    made = report(Shelf([(file, both)]), versions=(OLD, OLD), before="2026-02-01")
    assert [("field-removed", "/a"), ("field-added", "/b")] == found(made)
    assert (1, 1, 1) == made.comparisons[0].objects


def test_the_chain_stays_in_one_channel() -> None:
    """What a preview has more is no removal in the release that follows it."""
    versions = (
        "2026-01-28.clover", "2026-01-28.preview", "2026-02-25.clover", "2026-03-25.dahlia",
        "2026-03-25.preview", "2026-02-25.preview; a_beta=v1",
    )  # fmt: skip
    entries = [recording({"id": "in_1A"}, version) for version in versions]
    assert [
        ("2026-01-28.clover", "2026-02-25.clover"),
        ("2026-01-28.preview", "2026-02-25.preview; a_beta=v1"),
        ("2026-02-25.clover", "2026-03-25.dahlia"),
        ("2026-02-25.preview; a_beta=v1", "2026-03-25.preview"),
    ] == [(c.old, c.new) for c in report(Shelf(entries)).comparisons]
    named = report(Shelf(entries), versions=versions[1:3]).comparisons
    assert [versions[1:3]] == [(c.old, c.new) for c in named]


def test_recordings_that_expand_other_fields_are_named() -> None:
    """They are recorded, and cannot be compared; where one set is in common, all is well."""
    wide = recording({"id": "in_1A", "customer": {"id": "cus_1A"}}, OLD, query="?expand[]=customer")
    entries = [wide, recording({"id": "in_1A", "customer": "cus_1A"}, NEW)]
    made = report(Shelf(entries), versions=(OLD, NEW))
    assert () == made.comparisons
    assert {"invoices": ((OLD, (("customer",),)), (NEW, ((),)))} == made.expanded
    again = recording({"id": "in_1B", "customer": "cus_1A"}, OLD, id="in_1B")
    assert {} == report(Shelf([*entries, again]), versions=(OLD, NEW)).expanded


def test_since_a_version_leaves_out_the_older_pairs() -> None:
    """Every neighbouring pair from there on."""
    entries = [recording({}, version) for version in (OLD, MID, NEW)]
    pairs = [(c.old, c.new) for c in report(Shelf(entries), since=MID).comparisons]
    assert [(MID, NEW)] == pairs
    since = [(c.old, c.new) for c in report(Shelf(entries), since="2024-07-01").comparisons]
    assert [(MID, NEW)] == since


def test_two_libraries_are_compared_version_by_version() -> None:
    """A branch that recorded again, against main."""
    old = Shelf([recording({"a": 1}, OLD), recording({"x": 1}, NEW)])
    new = Shelf([recording({}, OLD), recording({"x": 1}, NEW)])
    made = report(new, older=old)
    assert [(OLD, OLD), (NEW, NEW)] == [(c.old, c.new) for c in made.comparisons]
    assert [("field-removed", "/a")] == found(made)
    assert (f"{OLD} in the old library", f"{OLD} in the new library") == made.comparisons[0].sides
    assert (1, 1, 1) == made.comparisons[0].objects


def test_two_libraries_may_give_one_version_each() -> None:
    """The same version too, and nothing else of either."""
    old = Shelf([recording({"a": 1}, OLD), recording({}, NEW)])
    new = Shelf([recording({"b": 1}, NEW)])
    assert [("field-removed", "/a"), ("field-added", "/b")] == found(
        report(new, versions=(OLD, NEW), older=old)
    )
    assert [("field-added", "/b")] == found(report(new, versions=(NEW, NEW), older=old))


def test_two_equal_libraries_show_no_drift() -> None:
    """Cassettes that git did not change are twins of themselves."""
    entries = twins([{"a": [1, {"b": None}]}], [{"c": "x"}])
    made = report(Shelf(entries), older=Shelf(entries))
    assert [] == found(made)
    assert [1, 1] == [comparison.controlled for comparison in made.comparisons]


@pytest.mark.parametrize(
    ("expected", "selection", "version", "day", "older"),
    [
        (Epoch(OLD), Selection(), OLD, "2026-01-01", False),
        (None, Selection((MID, NEW)), OLD, "2026-01-01", False),
        (None, Selection(since=MID), OLD, "2026-01-01", False),
        (None, Selection((OLD, NEW), libraries=True), OLD, "2026-01-01", False),
        (Epoch(OLD, OLD_LIBRARY), Selection((OLD, NEW), libraries=True), OLD, "", True),
    ],
)
def test_a_recording_stands_on_one_side_or_on_none(
    expected: Epoch | None, selection: Selection, version: str, day: str, older: bool
) -> None:
    """By version, day and library."""
    assert expected == selection.epoch(version, day, older)


def test_the_matrix_says_where_each_field_was_seen_first_and_last() -> None:
    """Always, sometimes, never, and nothing where the parent was not observed."""
    entries = [
        recording({"a": 1, "p": {"x": 1}, "l": [{"y": 1}], "metadata": {"k": "v"}}, OLD),
        recording({"a": 1, "p": None, "l": [{}, {"y": 1}], "metadata": {}}, MID),
        recording({"p": {}, "l": [], "metadata": {}}, NEW),
    ]
    (matrix,) = report(Shelf(entries), matrix=True).matrices
    assert (OLD, MID, NEW) == matrix.versions
    assert {
        "/a": ((1, 1), (1, 1), (0, 1)),
        "/l": ((1, 1), (1, 1), (1, 1)),
        "/l/*/y": ((1, 1), (1, 2), None),
        "/metadata": ((1, 1), (1, 1), (1, 1)),
        "/p": ((1, 1), (1, 1), (1, 1)),
        "/p/x": ((1, 1), None, (0, 1)),
    } == {row.path: row.cells for row in matrix.rows}
    assert [(0, 1), (0, 2), (0, 1), (0, 2), (0, 2), (0, 0)] == [row.seen for row in matrix.rows]


# An addition reaches old versions on the day it ships.


def test_an_addition_that_old_recordings_have_from_a_day_on_is_no_drift() -> None:
    """Neither where the old version lacks it early on nor where the new one does."""
    early, late = "2026-01-01", "2026-03-28"
    old = [dated(recording({}, OLD, id="in_1A"), early)]
    old += [dated(recording({"b": 1}, OLD, id="in_1B"), late)]
    always = [dated(recording({"b": 1}, NEW, id="in_1C"), late)]
    assert [] == found(report(Shelf(old + always)))
    new = [dated(recording({}, NEW, id="in_1D"), early)]
    assert [] == found(report(Shelf([*old[1:], *new, *always])))


def test_a_field_that_comes_and_goes_is_no_addition() -> None:
    """One late recording without it, and the day explains nothing."""
    entries = [
        dated(recording({}, OLD, id="in_1A"), "2026-01-01"),
        dated(recording({"b": 1}, OLD, id="in_1B"), "2026-02-01"),
        dated(recording({}, OLD, id="in_1C"), "2026-03-01"),
        dated(recording({"b": 1}, NEW, id="in_1D"), "2026-03-01"),
    ]
    assert [("became-required", "/b")] == found(report(Shelf(entries)))


def test_new_recordings_that_are_older_than_an_addition_prove_no_removal() -> None:
    """The old version has the field since a day; no new recording is as late."""
    entries = [
        dated(recording({}, OLD, id="in_1A"), "2026-01-01"),
        dated(recording({"b": 1}, OLD, id="in_1B"), "2026-03-01"),
        dated(recording({}, NEW, id="in_1C"), "2026-01-01"),
    ]
    ((_, finding),) = report(Shelf(entries)).findings()
    assert ("field-unseen", Grade.UNOBSERVED, "new") == (
        finding.rule, finding.grade, finding.blind,
    )  # fmt: skip
    assert "since 2026-03-01" in finding.detail
    assert "replay record invoices in_1B" in finding.settle


@pytest.mark.parametrize(
    ("grade", "old", "new", "days"),
    [
        (Grade.LIKELY, {}, {"b": 1}, ("2026-01-01", "2026-03-01")),
        (Grade.PROVEN, {}, {"b": 1}, ("2026-03-01", "2026-01-01")),
        (Grade.PROVEN, {"b": 1}, {}, ("2026-01-01", "2026-03-01")),
        (Grade.LIKELY, {"b": 1}, {}, ("2026-03-01", "2026-01-01")),
    ],
)
def test_what_only_the_later_side_has_may_have_shipped_in_between(
    grade: Grade, old: Any, new: Any, days: tuple[str, str]
) -> None:
    """Pairs and pools alike; removals are gated by version."""
    pair = [dated(recording(old, OLD), days[0]), dated(recording(new, NEW), days[1])]
    ((_, finding),) = report(Shelf(pair)).findings()
    assert grade is finding.grade
    many = [
        dated(entry, days[entry[1].api_version == NEW]) for entry in pools([old] * 20, [new] * 20)
    ]
    ((_, pooled),) = report(Shelf(many)).findings()
    assert grade is pooled.grade


def test_twins_are_of_one_day_whatever_the_clock_says() -> None:
    """Back to back around midnight."""
    pair = [
        dated(recording({}, OLD, batch="b"), "2026-01-01"),
        dated(recording({"b": 1}, NEW, batch="b"), "2026-01-02"),
    ]
    ((_, finding),) = report(Shelf(pair)).findings()
    assert Grade.PROVEN is finding.grade


def test_a_calendar_does_not_depend_on_the_order_of_days() -> None:
    """Also in two halves; and it gives up where objects share no keys."""
    days = [("", ("a", "p"), "2"), ("", ("p",), "1"), ("/p", ("x",), "2"), ("/p", ("y",), "1")]
    whole, left, right = Calendar(), Calendar(), Calendar()
    random.Random(5).shuffle(days)
    for n, (path, keys, day) in enumerate(days):
        whole.add(path, keys, day, day)
        (left if n % 2 else right).add(path, keys, day, day)
    left.merge(right)
    for calendar in (whole, left):
        assert ("2", "1") == (calendar.first_seen("/a"), calendar.last_absent("/a"))
        assert ("2", "1") == (calendar.first_seen("/p/x"), calendar.last_absent("/p/x"))
        assert ("", "") == (calendar.first_seen("/q/r"), calendar.last_absent("/q/r"))
        assert calendar.arrived("/a")
    for n in range(KEY_SETS + 2):
        right.add("", (str(n),), "1", "1")
    left.merge(right)
    left.add("", ("a",), "1", "1")
    assert "" == left.first_seen("/a") == right.first_seen("/1")
    assert "2" == left.first_seen("/p/x")


def test_a_named_release_precedes_the_preview_of_its_date() -> None:
    """By date first; what has no date comes before everything."""
    ordered = [
        "unversioned",
        "2023-10-16",
        "2023-10-16; feature_beta=v1",
        "2025-03-31.basil",
        "2026-01-28.clover",
        "2026-01-28.preview",
    ]
    shuffled = ordered[3:] + ordered[:3]
    assert ordered == sorted(shuffled, key=version_order)


@pytest.mark.parametrize(
    ("expected", "version"),
    [
        ("basil", "2025-03-31.basil"),
        ("", "2026-01-28.preview"),
        ("", "2024-06-20"),
        ("", "unversioned"),
    ],
)
def test_only_named_releases_have_a_train(expected: str, version: str) -> None:
    """Previews and dated versions promise nothing."""
    assert expected == train(version)


@pytest.mark.parametrize(
    ("expected", "old", "new"),
    [
        (True, "2025-03-31.basil", "2025-04-30.basil"),
        (False, "2025-03-31.basil", "2025-09-30.clover"),
        (False, "2024-06-20", "2024-04-10"),
    ],
)
def test_stripe_promises_compatibility_inside_one_train(expected: bool, old: str, new: str) -> None:
    """Only there is a breaking finding a broken promise."""
    assert expected == promises(old, new)
