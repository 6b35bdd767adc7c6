"""What tests read, held against findings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.recordings import NEW, OLD, Shelf, recording, twins

from replay.drift.acceptance.used import Body, Site, Used, add, load, mark_used
from replay.drift.judge.findings import Report, Severity, UsedAt
from replay.drift.report import report
from replay.errors import ConfigError, LibraryError


def compared() -> Report:
    """Invoices that lose three fields, and a list of them that loses one."""
    old = {"object": "invoice", "a": 1, "b": {"c": 1}, "d": 1}
    found = twins([{**old, "n": n} for n in range(3)], [{"object": "invoice"}] * 3)
    for version, more in ((OLD, {"lost": 1}), (NEW, {})):
        body = {"object": "list", "data": [], **more}
        found.append(recording(body, version, id="l", resource="coupons", batch="l"))
    return report(Shelf(found))


def used(report: Report) -> dict[tuple[str, str], bool | None]:
    return {(c.type, f.path): f.used for c, f in report.findings()}


def test_findings_say_whether_they_are_used() -> None:
    """Also at another version than it was read at, and for what lies inside of what was read."""
    read = Used({Body("invoices", "invoice", "2020-08-27"): {"/b", "/b/c", "/d"}})
    found = used(mark_used(compared(), read))
    assert found["invoice", "/b"]
    assert found["invoice", "/d"]
    assert found["invoice", "/a"] is False
    assert {None} == set(used(compared()).values())


def test_the_used_come_first() -> None:
    """Within a severity, and so does the comparison that has them."""
    read = Used({Body("coupons", "list", OLD): {"/lost"}})
    found = mark_used(compared(), read)
    assert ["list", "invoice"] == [comparison.type for comparison in found.comparisons]
    read = Used({Body("invoices", "invoice", OLD): {"/d"}})
    first, *_ = mark_used(compared(), read).comparisons[0].findings
    assert "/d" == first.path
    assert (1, 4) == mark_used(compared(), read).summary_of_used()
    assert compared().summary_of_used() is None


def test_a_list_counts_for_its_own_resource_alone() -> None:
    """The type `list` says nothing of what is listed."""
    read = Used({Body("invoices", "list", OLD): {"/lost"}})
    assert used(mark_used(compared(), read))["list", "/lost"] is False


def test_a_gate_on_what_is_used() -> None:
    """Only findings that are known to be used fail it."""
    breaking = Severity.BREAKING
    assert compared().fails(breaking)
    assert not compared().fails(breaking, used=True)
    read = Used({Body("invoices", "invoice", OLD): {"/nothing"}})
    assert not mark_used(compared(), read).fails(breaking, used=True)
    read = Used({Body("invoices", "invoice", OLD): {"/**"}})
    assert mark_used(compared(), read).fails(breaking, used=True)


def test_the_file_adds_up(tmp_path: Path) -> None:
    """What was there stays; rows and paths are sorted, so that it can be committed."""
    path = tmp_path / "used.json"
    add(path, {Body("invoices", "invoice", OLD): {"/b", "/a"}})
    add(path, {Body("invoices", "invoice", OLD): {"/c"}, Body("a", "", NEW): {"/**"}})
    rows = json.loads(path.read_text())["bodies"]
    assert [["/**"], ["/a", "/b", "/c"]] == [row["paths"] for row in rows]
    assert {"/a", "/b", "/c"} == load(path).paths[Body("invoices", "invoice", OLD)]


VIEW, TEST = Site("billing/views.py", 42, 5, 42, 20), Site("tests/test_a.py", 7, 1, 7, 9)
ONE, TWO = "tests/test_a.py::test_one", "tests/test_a.py::test_two"
INVOICE = Body("invoices", "invoice", OLD)


def test_a_finding_names_the_lines_that_read_it() -> None:
    """The code's lines come before those of the tests; a line of another type is none."""
    sites = {
        INVOICE: {"/d": {TEST: {ONE}, VIEW: {ONE, TWO}}, "/a": {VIEW: {""}}},
        Body("prices", "price", OLD): {"/b": {VIEW: {ONE}}},
    }
    found = mark_used(compared(), Used({INVOICE: {"/d", "/a"}}, sites))
    at = {f.path: f.used_at for _, f in found.findings() if f.used is not None}
    assert (
        UsedAt("billing/views.py", 42, 5, (ONE, TWO), in_test=False),
        UsedAt("tests/test_a.py", 7, 1, (ONE,), in_test=True),
    ) == at["/d"]
    assert (UsedAt("billing/views.py", 42, 5, (), in_test=False),) == at["/a"]
    assert () == at["/b"]


def test_lines_that_moved_are_forgotten_when_their_tests_run_again(tmp_path: Path) -> None:
    """Those of tests that did not run stay."""
    path, moved = tmp_path / "used.json", VIEW._replace(line=50)
    read = {INVOICE: {"/a"}}
    add(path, read, {INVOICE: {"/a": {VIEW: {ONE, TWO}}}})
    add(path, read, {INVOICE: {"/a": {moved: {ONE}}}})
    assert {VIEW: {TWO}, moved: {ONE}} == load(path).sites[INVOICE]["/a"]
    add(path, read, {INVOICE: {"/a": {moved: {TWO}}}})
    assert {moved: {ONE, TWO}} == load(path).sites[INVOICE]["/a"]


def test_a_file_of_before_lines_were_noted_is_read(tmp_path: Path) -> None:
    """It says what is used, and not where."""
    path = tmp_path / "used.json"
    row = {"resource": "invoices", "type": "invoice", "version": OLD, "paths": ["/a"]}
    path.write_text(json.dumps({"format": 1, "bodies": [row]}))
    assert {INVOICE: {"/a"}} == load(path).paths
    assert {INVOICE: {}} == load(path).sites


@pytest.mark.parametrize(
    "site",
    [
        {"file": "//evil.example/x"}, {"file": "../x.py"}, {"file": 1}, {"line": "4"},
        {"line": -1}, {"tests": None},
    ],
)  # fmt: skip
def test_a_line_that_no_run_noted_is_refused(tmp_path: Path, site: dict[str, Any]) -> None:
    """Reports link to the files: they lie in the project."""
    path = tmp_path / "used.json"
    site = {**VIEW._asdict(), "tests": [], **site}
    row = {"resource": "a", "type": "", "version": "", "paths": ["/a"], "sites": {"/a": [site]}}
    path.write_text(json.dumps({"format": 1, "bodies": [row]}))
    with pytest.raises(ConfigError, match="not a file of used fields"):
        load(path)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"format": 1},
        {"format": 1, "bodies": [{"resource": "a", "type": "", "version": ""}]},
        {"format": 1, "bodies": [{"resource": "a", "type": "", "version": "", "paths": "/a"}]},
        {"format": 1, "bodies": [{"resource": "a", "type": "", "version": "", "paths": [1]}]},
        {"format": 9, "bodies": []},
        {
            "format": 1,
            "bodies": [{"resource": "a", "type": "", "version": "", "paths": [], "sites": [1]}],
        },
        {
            "format": 1,
            "bodies": [
                {"resource": "a", "type": "", "version": "", "paths": [], "sites": {"/a": 7}}
            ],
        },
        {
            "format": 1,
            "bodies": [
                {"resource": "a", "type": "", "version": "", "paths": [], "sites": {"/a": [7]}}
            ],
        },
        {"format": 1, "bodies": [7]},
        {"format": 1, "bodies": 7},
    ],
)
def test_other_files_are_refused(tmp_path: Path, document: Any) -> None:
    """A file of another kind is named, and never taken for "nothing was read"."""
    path = tmp_path / "used.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigError, match="used fields") as raised:
        load(path)
    assert str(path) == raised.value.where


def test_a_write_protected_file_is_left_as_it_is(tmp_path: Path) -> None:
    """It may be the state of another run."""
    path = tmp_path / "used.json"
    add(path, {Body("invoices", "invoice", "2020-08-27"): {"/a"}})
    path.chmod(0o444)
    with pytest.raises(LibraryError, match="the file of used fields cannot be written") as caught:
        add(path, {Body("invoices", "invoice", "2020-08-27"): {"/b"}})
    assert "--replay-track-fields=FILE" in caught.value.hint
    assert {"/a"} == load(path).paths[Body("invoices", "invoice", "2020-08-27")]


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    """The error names the command."""
    with pytest.raises(ConfigError) as raised:
        load(tmp_path / "nowhere.json")
    assert "pytest --replay-track-fields" in raised.value.hint
