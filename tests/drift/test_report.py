"""The report compares like with like, names its witnesses, and is the same whatever the order."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.proof import proved_slowly
from support.recordings import NEW, OLD, Entry, Shelf, pools, recording, takes, twins

from replay.drift.judge.findings import Grade, Report, Severity
from replay.drift.judge.rules import sentence
from replay.drift.observe.corpus import by_object
from replay.drift.report import command_to_record, report
from replay.errors import CassetteDamaged, ConfigError
from replay.render.machine import to_json

MID = "2024-09-30.acacia"

field = st.sampled_from(["a", "b", "type", "metadata", "object"])
value = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(0, 2),
        st.sampled_from(["one", "sub_1M", "9.5"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(field, inner, max_size=3)),
    max_leaves=6,
)
bodies = st.lists(st.dictionaries(field, value, max_size=4), min_size=1, max_size=4)


def findings(found: Report) -> list[tuple[str, str]]:
    """Rules and paths."""
    return [(finding.rule, finding.path) for _, finding in found.findings()]


@given(bodies)
@proved_slowly
def test_twins_that_are_the_same_show_no_drift(found: list[Any]) -> None:
    """diff(a, a) is empty."""
    same = report(Shelf(twins(found, found)), versions=(OLD, NEW))
    assert [] == [f for f in findings(same) if f[0] != ""]


@given(bodies, bodies, st.randoms(use_true_random=False))
@proved_slowly
def test_the_order_of_objects_never_changes_a_byte(
    olds: list[Any], news: list[Any], seed: random.Random
) -> None:
    """Evidence is folded, not followed."""
    size = min(len(olds), len(news))
    entries = twins(olds[:size], news[:size]) + pools(olds, news)
    groups = [entry for group in by_object(Shelf(entries).cassettes()) for entry in [group]]
    straight = to_json(report(Shelf(entries), versions=(OLD, NEW)))
    seed.shuffle(groups)
    shuffled = [(file, found) for group in groups for file, found, _ in group]

    class Unsorted(Shelf):
        def cassettes(self, resource: str | None = None) -> Any:
            return iter(shuffled)

    assert straight == to_json(report(Unsorted(entries), versions=(OLD, NEW)))


@given(bodies, bodies)
@proved_slowly
def test_what_was_added_one_way_was_removed_the_other_way(olds: list[Any], news: list[Any]) -> None:
    """Swapping the sides mirrors presence; the values are too plain to have moved."""
    size = min(len(olds), len(news))
    entries = twins(olds[:size], news[:size])
    there = report(Shelf(entries), versions=(OLD, NEW))
    back = report(Shelf(entries), versions=(NEW, OLD))
    gone = {"field-removed", "field-unseen"}
    came = {path for rule, path in findings(there) if rule == "field-added"}
    assert came == {path for rule, path in findings(back) if rule in gone}


def test_without_versions_every_neighbouring_pair_is_compared() -> None:
    """By date, per resource; a lone version has no neighbour."""
    entries = [
        recording({"a": 1}, OLD),
        recording({}, MID),
        recording({"b": 1}, NEW),
        recording({}, NEW, resource="charges", id="ch_1A"),
    ]
    found = report(Shelf(entries))
    assert [(OLD, MID), (MID, NEW)] == [(c.old, c.new) for c in found.comparisons]
    assert [("field-removed", "/a"), ("field-added", "/b")] == findings(found)
    assert {"charges": (NEW,), "invoices": (OLD, MID, NEW)} == found.recorded


def test_versions_are_compared_as_named_also_backwards() -> None:
    """Someone may want to know what a downgrade breaks."""
    entries = twins([{"a": 1}], [{}])
    assert [("field-added", "/a")] == findings(report(Shelf(entries), versions=(NEW, OLD)))
    with pytest.raises(ConfigError):
        report(Shelf(entries), versions=(OLD, OLD))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (recording({"a": 1}, OLD, query="?expand[]=a"), recording({}, NEW)),
        (recording({"id": 1}, OLD), recording({"id": 1, "deleted": True}, NEW)),
        (recording({"a": 1}, OLD), recording({"error": {}}, NEW, status=404)),
        (recording({"a": 1}, OLD), recording([], NEW)),
    ],
)
def test_only_bodies_of_one_type_state_of_being_and_expand_set_are_compared(
    old: Entry, new: Entry
) -> None:
    """Expansion, deletion and errors are no drift."""
    assert () == report(Shelf([old, new]), versions=(OLD, NEW)).comparisons


def test_an_expand_set_is_one_however_it_is_spelled() -> None:
    """Brackets, indices and escapes do not matter."""
    old = recording({"a": 1}, OLD, query="?expand%5B%5D=x", batch="b")
    new = recording({}, NEW, query="?expand[0]=x", batch="b")
    (comparison,) = report(Shelf([old, new]), versions=(OLD, NEW)).comparisons
    assert ("x",) == comparison.expand


def test_a_body_counts_once_and_an_object_once() -> None:
    """Recording the same answer again is no more evidence."""
    same = [recording({"id": "in_1A", "a": 1}, OLD), recording({"id": "in_1A", "a": 1}, OLD)]
    (comparison,) = report(
        Shelf([takes(*same), recording({}, NEW)]), versions=(OLD, NEW)
    ).comparisons
    assert (1, 1, 1) == comparison.objects
    assert 1 == comparison.findings[0].old.present


def test_one_source_can_be_required() -> None:
    """Recordings of a stand-in say nothing about Stripe; takes keep their numbers."""
    entry = takes(
        recording({"x": 1}, OLD, source="localhost:12111"), recording({"a": 1}, OLD, batch="b")
    )
    found = report(Shelf([entry, recording({}, NEW, batch="b")]), source="api.stripe.com")
    ((_, finding),) = found.findings()
    assert "invoices/in_1A/2024-06-20.yaml#1/a" == finding.witnesses[0]


def test_a_break_inside_one_train_is_a_broken_promise() -> None:
    """Unless nothing was observed, or nothing breaks."""
    later = "2025-04-30.basil"
    entries = [
        recording({"a": 1, "l": [1]}, NEW, batch="b"),
        recording({"c": 1, "l": []}, later, batch="b"),
    ]
    promised = {f.rule: f.broken_promise for _, f in report(Shelf(entries)).findings()}
    assert {
        "field-removed": True,
        "field-added": False,
        "list-element-unobserved": False,
    } == promised


def test_an_unobserved_finding_names_the_recording_that_would_settle_it() -> None:
    """The object that showed something, at both versions, back to back."""
    entries = [
        recording({"l": [], "s": None}, OLD, id="in_1A", query="?expand[]=x"),
        recording({"l": [], "s": None}, NEW, id="in_1B", query="?expand[]=x"),
        recording({"l": [1], "s": {"a": 1}}, NEW, id="in_1C", query="?expand[]=x"),
    ]
    found = report(Shelf(entries), versions=(OLD, NEW))
    line = f"replay record invoices in_1C --api-version {OLD} --api-version {NEW} --expand x"
    assert {line} == {finding.settle for _, finding in found.findings()}
    assert {"old"} == {finding.blind for _, finding in found.findings()}


def test_no_recording_is_named_where_none_would_settle_it() -> None:
    """The object is recorded at both versions already, or its account is not known by name."""
    both = [recording({"l": [1]}, OLD, batch="b"), recording({"l": []}, NEW, batch="b")]
    labelled = [
        recording({"l": [1]}, OLD, account="acct-1"),
        recording({"l": []}, NEW, id="in_1B", account="acct-1"),
    ]
    for entries in (both, labelled):
        ((_, finding),) = report(Shelf(entries), versions=(OLD, NEW)).findings()
        assert "" == finding.settle


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000])
def test_a_body_that_cannot_be_read_is_damage_not_absence(body: bytes) -> None:
    """The error names file and take, and shows nothing of the body."""
    with pytest.raises(CassetteDamaged) as raised:
        report(Shelf([recording(body, OLD)]))
    assert "invoices/in_1A/2024-06-20.yaml take 0" == raised.value.where


def test_an_object_is_whole_when_the_paths_leave_its_folder() -> None:
    """Folders may lie inside the folder of an object."""
    files = ["a/x/1.yaml", "a/x/in/1.yaml", "a/x/in/2.yaml", "a/x/2.yaml", "b/y/1.yaml"]
    cassette = recording({}, OLD)[1]
    groups = [[file for file, *_ in group] for group in by_object((f, cassette) for f in files)]
    assert [
        ["a/x/in/1.yaml", "a/x/in/2.yaml"],
        ["a/x/1.yaml", "a/x/2.yaml"],
        ["b/y/1.yaml"],
    ] == groups


@pytest.mark.parametrize(
    ("expected", "severity", "grade"),
    [
        (True, Severity.BREAKING, Grade.LIKELY),
        (True, Severity.WARNING, Grade.PROVEN),
        (True, Severity.INFO, Grade.UNOBSERVED),
        (False, None, Grade.LIKELY),
    ],
)
def test_a_gate_is_a_severity_and_a_grade(
    expected: bool, severity: Severity | None, grade: Grade
) -> None:
    """A proven break fails under every gate but `never`."""
    assert expected is report(Shelf(twins([{"a": 1}], [{}]))).fails(severity, grade)


def test_what_is_unobserved_fails_under_no_gate() -> None:
    """Not even where asked for."""
    found = report(Shelf(twins([{"a": [1]}], [{"a": []}])))
    assert 1 == found.summary()["unobserved"]
    assert not found.fails(Severity.INFO, Grade.UNOBSERVED)


def test_a_likely_break_passes_a_gate_for_the_proven() -> None:
    """Both are policy."""
    found = report(Shelf(pools([{"a": 1}] * 9, [{}] * 9)), versions=(OLD, NEW))
    assert found.fails(Severity.BREAKING)
    assert not found.fails(Severity.BREAKING, Grade.PROVEN)


def test_accepted_findings_pass_every_gate_and_are_counted_apart() -> None:
    """The team knows of them."""
    found = report(Shelf(twins([{"a": 1}], [{}])))
    (comparison,) = found.comparisons
    accepted = tuple(replace(finding, accepted="known") for finding in comparison.findings)
    known = replace(found, comparisons=(replace(comparison, findings=accepted),))
    assert not known.fails(Severity.INFO)
    assert (0, 1) == (known.summary()["breaking"], known.summary()["accepted"])


def test_other_versions_than_those_asked_for_are_left_out() -> None:
    """They are still named as recorded."""
    entries = [recording({"a": 1}, OLD), recording({"b": 1}, MID), recording({}, NEW)]
    found = report(Shelf(entries), versions=(OLD, NEW))
    assert [("field-removed", "/a")] == findings(found)
    assert (OLD, MID, NEW) == found.recorded["invoices"]


def test_with_nothing_to_compare_a_report_names_the_recording_to_make() -> None:
    """With an ID that is recorded, where there is one."""
    lone = report(Shelf([recording({}, OLD)]))
    line = f"replay record invoices in_1A --api-version {OLD} --api-version VERSION"
    assert line == command_to_record(lone, None, None)
    asked = f"replay record invoice ID --api-version {OLD} --api-version {NEW}"
    assert asked == command_to_record(report(Shelf([])), (OLD, NEW), "invoice")


@pytest.mark.parametrize("batch", ["b", ""])
@pytest.mark.parametrize("beside", [True, False])
def test_a_type_that_changes_is_a_finding(batch: str, beside: bool) -> None:
    """Nothing else is compared of an object that is of another type at the new version."""
    entries = [
        recording({"id": f"ch_{n}A", "object": type, "x": x}, version, id=f"ch_{n}A",
                  resource="charges", batch=batch and f"{batch}{n}")
        for n in range(3)
        for version, type, x in ((OLD, "charge", 1), (NEW, "charge_v2", "1"))
    ]  # fmt: skip
    if beside:
        entries += [
            recording({"id": "ch_9A", "object": "charge_v2", "x": "1"}, version, id="ch_9A",
                      resource="charges")
            for version in (OLD, NEW)
        ]  # fmt: skip
    (comparison,) = report(Shelf(entries)).comparisons
    (finding,) = comparison.findings
    assert ("branch-added", "/object", "charge_v2") == (finding.rule, finding.path, finding.detail)
    assert (Grade.PROVEN if batch else Grade.LIKELY) == finding.grade
    assert (f"charges/ch_0A/{OLD}.yaml#0/object", f"charges/ch_0A/{NEW}.yaml#0/object") == (
        finding.witnesses
    )
    assert "object names another kind of object: charge_v2 (3 of 3" in sentence(comparison, finding)
    assert comparison.objects == ((1, 4, 1) if beside else (3, 3, 3))
    assert () == report(Shelf(entries), "invoices").comparisons


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [({"object": "charge"}, {}, "field-removed"), ({}, {"object": "charge"}, "field-added")],
)
def test_a_type_that_goes_or_comes_is_a_field_of_its_own(old: Any, new: Any, rule: str) -> None:
    """The body without an `object` value is of no type."""
    ((_, finding),) = report(Shelf(twins([old], [new]))).findings()
    assert (rule, "/object", Grade.PROVEN) == (finding.rule, finding.path, finding.grade)
