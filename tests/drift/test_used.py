"""What tests read, held against findings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.recordings import NEW, OLD, Shelf, recording, twins

from replay.drift.acceptance.used import Body, Used, add, load, mark_used
from replay.drift.judge.findings import Report, Severity
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


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"format": 1},
        {"format": 1, "bodies": [{"resource": "a", "type": "", "version": ""}]},
        {"format": 1, "bodies": [{"resource": "a", "type": "", "version": "", "paths": "/a"}]},
        {"format": 1, "bodies": [{"resource": "a", "type": "", "version": "", "paths": [1]}]},
        {"format": 9, "bodies": []},
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
