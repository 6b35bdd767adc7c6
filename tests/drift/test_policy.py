"""The team's own severities, and the findings that it accepted."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.recordings import NEW, Shelf, recording, twins

import replay
from replay.drift.acceptance.baseline import Entry, accept, apply, load, save
from replay.drift.acceptance.settings import DriftSettings, pointer, read_settings
from replay.drift.judge.findings import Finding, Grade, Report, Severity
from replay.drift.report import report
from replay.errors import ConfigError, LibraryError
from replay.model.strict_toml import parse

TODAY = date(2026, 11, 23)
LINES = twins([{"a": 1, "l": [{"plan": 1, "b": 1}]}], [{"l": [{"b": 1}], "c": 1}])


def toml(value: Any) -> str:
    """A value as TOML, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    return f"[{', '.join(map(toml, value))}]" if isinstance(value, list) else json.dumps(value)


def of_table(table: Any, file: str = "x") -> DriftSettings:
    """What a table of a configuration file says, its keys one line each."""
    if table is None:
        return read_settings(None)
    text = "".join(
        f"{json.dumps(name, ensure_ascii=False)} = {toml(v)}\n" for name, v in table.items()
    )
    return read_settings(parse(text, file))


def severities(table: Any, entries: Any = LINES) -> dict[str, str]:
    """Path -> severity of what twins show under a table of settings."""
    found = report(Shelf(entries), settings=of_table(table))
    return {finding.path: str(finding.severity) for _, finding in found.findings()}


@pytest.mark.parametrize(
    ("expected", "table"),
    [
        ({}, None),
        ({}, {}),
        ({"/c": "warning"}, {"severity": {"field-added": "warning"}}),
        ({"/a": "info", "/l/*/plan": "info"}, {"severity": {"field-removed": "info"}}),
        ({"/a": "info"}, {"paths": [{"path": "/a", "severity": "info"}]}),
        ({"/l/*/plan": "info"}, {"paths": [{"path": "l[].plan", "severity": "info"}]}),
        ({"/l/*/plan": "info"}, {"paths": [{"path": "/l", "severity": "info"}]}),
        (
            {"/c": "info"},
            {
                "severity": {"field-added": "warning"},
                "paths": [{"path": "/c", "severity": "info", "rule": "field-added"}],
            },
        ),
        ({}, {"paths": [{"path": "/a", "severity": "info", "resource": "charge"}]}),
        ({"/a": "info"}, {"paths": [{"path": "/a", "severity": "info", "resource": "invoice"}]}),
        ({}, {"paths": [{"path": "/a", "severity": "info", "rule": "field-moved"}]}),
        (
            {"/a": "warning"},
            {
                "paths": [
                    {"path": "/a", "severity": "info"},
                    {"path": "/a", "severity": "warning"},
                ]
            },
        ),
    ],
)
def test_severities_are_set_by_rule_and_by_path(expected: dict[str, str], table: Any) -> None:
    """A path wins over a rule, with all below it; of several the last."""
    plain = {"/a": "breaking", "/l/*/plan": "breaking", "/c": "info"}
    assert {**plain, **expected} == severities(table)


def test_findings_are_sorted_by_the_severity_that_they_were_given() -> None:
    """The worst comes first in the eyes of the team."""
    table = {"severity": {"field-added": "breaking", "field-removed": "info"}}
    assert ["/c", "/a", "/l/*/plan"] == list(severities(table))


def test_what_the_team_calls_breaking_is_a_broken_promise_inside_a_train() -> None:
    """The promise is judged by the severity that counts."""
    entries = [
        recording({}, NEW, batch="b"),
        recording({"c": 1}, "2025-04-30.basil", batch="b"),
    ]
    settings = of_table({"severity": {"field-added": "breaking"}})
    ((_, finding),) = report(Shelf(entries), settings=settings).findings()
    assert finding.broken_promise


def test_the_gate_and_the_baseline_are_settings() -> None:
    """The file's place is counted from the configuration's."""
    table = {"fail_on": "never", "min_grade": "proven", "baseline": "b.json"}
    settings = of_table(table, "/x/p.toml")
    assert (None, Grade.PROVEN) == settings.gate
    assert Path("/x/b.json") == settings.baseline
    assert (Severity.BREAKING, Grade.LIKELY) == DriftSettings().gate


PATHS = '[[paths]]\npath = "/a"\nseverity = "info"\n'


@pytest.mark.parametrize(
    ("line", "what", "hint", "text"),
    [
        (1, "'fail-on'", "did you mean fail_on?", 'fail-on = "info"'),
        (1, "'§'", "use one of: fail_on", '"§" = 1'),
        (2, "fail_on cannot be 'breakin'", "did you mean breaking?", '\nfail_on = "breakin"'),
        (1, "min_grade cannot be 5", "use one of: proven", "min_grade = 5"),
        (1, "baseline must be a string", "", "baseline = 5"),
        (1, "baseline is empty", "", 'baseline = ""'),
        (1, "severity must be a table", "", "severity = 5"),
        (2, "'field-aded'", "mean field-added?", '[severity]\nfield-aded = "info"'),
        (2, "field-added cannot be 'x'", "use one of: ", '[severity]\nfield-added = "x"'),
        (1, "entries of paths", "a line [[paths]]", "paths = {}"),
        (4, "path is missing", "", PATHS + '[[paths]]\nseverity = "info"'),
        (4, "severity is missing", "", PATHS + '[[paths]]\npath = "/a"'),
        (5, "'rules'", "did you mean rule?", PATHS + '[[paths]]\nrules = "x"'),
        (4, "", "did you mean invoice", PATHS + 'resource = "invoce"'),
        (1, "path is empty", "", 'paths = [{path = "", severity = "info"}]'),
        (4, "rule cannot be 'field-movd'", "mean field-moved?", PATHS + 'rule = "field-movd"'),
    ],
)  # fmt: skip
def test_a_slip_in_the_table_is_an_error_that_names_the_nearest(
    line: int, what: str, hint: str, text: str
) -> None:
    """No setting is skipped in silence."""
    with pytest.raises(ConfigError) as raised:
        read_settings(parse(text, "p.toml"))
    assert f"p.toml:{line}" == raised.value.where
    assert what in raised.value.what
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    ("expected", "path"), [("/a/b", "a.b"), ("/l/*/a", "l[].a"), ("/a.b", "/a.b")]
)
def test_paths_are_read_as_the_terminal_prints_them(expected: str, path: str) -> None:
    """What is copied from a report works."""
    assert expected == pointer(path)


def removed() -> Report:
    """A report with one breaking finding."""
    return report(Shelf(twins([{"a": 1}], [{}])))


def entries(expires: str = "", found: Report | None = None) -> tuple[Entry, ...]:
    """A baseline that accepts all of a report."""
    return accept(found or removed(), lambda _: True, "known", expires)


def rules(found: Report) -> list[tuple[str, str | None]]:
    """Rules and reasons."""
    return [(finding.rule, finding.accepted) for _, finding in found.findings()]


def test_an_accepted_finding_fails_no_gate(tmp_path: Path) -> None:
    """It goes through the file and is found again by its fingerprint."""
    path = tmp_path / "drift.json"
    save(path, entries("2026-11-23"))
    found = apply(removed(), load(path), TODAY, whole=True)
    assert [("field-removed", "known")] == rules(found)
    assert not found.fails(Severity.INFO)


def test_the_same_entries_give_the_same_file(tmp_path: Path) -> None:
    """Sorted, one entry per finding, and a line end."""
    found = report(Shelf(twins([{"a": 1, "b": 1}], [{}])))
    a, b = tmp_path / "a", tmp_path / "b"
    save(a, entries(found=found))
    save(b, reversed([*entries(found=found), *entries(found=found)]))
    assert a.read_bytes() == b.read_bytes()
    assert ["/a", "/b"] == [row["path"] for row in json.loads(a.read_text())["accepted"]]


def test_an_entry_past_its_last_day_counts_no_more_and_is_a_finding() -> None:
    """The finding itself fails again."""
    found = apply(removed(), entries("2026-11-22"), TODAY, whole=True)
    assert [("field-removed", None), ("baseline-expired", None)] == rules(found)
    assert found.fails(Severity.BREAKING)
    assert "until 2026-11-22" in [f.detail for _, f in found.findings()][1]


def test_an_entry_that_nothing_needs_is_a_finding() -> None:
    """The code was mended, the baseline forgotten."""
    fixed = report(Shelf(twins([{"b": 1}], [{}])))
    found = apply(fixed, entries(), TODAY, whole=False)
    assert [("field-removed", None), ("baseline-unused", None)] == rules(found)
    expired = apply(fixed, entries("2020-01-01"), TODAY, whole=False)
    assert "baseline-unused" == rules(expired)[1][0]


def test_an_entry_is_unused_only_where_its_versions_were_looked_at() -> None:
    """Comparing charges says nothing of what was accepted for invoices."""
    charges = report(Shelf(twins([{"b": 1}], [{"b": 1}], resource="charges")))
    assert [] == rules(apply(charges, entries(), TODAY, whole=False))
    whole = apply(charges, entries(), TODAY, whole=True)
    assert [("baseline-unused", None)] == rules(whole)
    assert ["charges", "invoices"] == [c.resource for c in whole.comparisons]


def test_the_baselines_own_findings_are_not_accepted() -> None:
    """An unused entry is taken out, not covered by another."""
    found = apply(report(Shelf(twins([{}], [{}]))), entries(), TODAY, whole=True)
    assert () == accept(found, lambda _: True, "x", "")


def test_only_what_is_wanted_is_accepted() -> None:
    """And what is accepted already is not accepted again."""
    found = report(Shelf(twins([{"a": 1}], [{"b": 1}])))

    def breaks(finding: Finding) -> bool:
        return finding.severity is Severity.BREAKING

    assert ["/a"] == [entry.path for entry in accept(found, breaks, "x", "")]
    known = apply(found, entries(found=found), TODAY, whole=True)
    assert () == accept(known, breaks, "x", "")


def test_a_missing_baseline_is_empty(tmp_path: Path) -> None:
    """Nothing has been accepted yet."""
    assert () == load(tmp_path / "none.json")


ROW = {
    "fingerprint": "", "rule": "r", "resource": "x", "path": "/a", "old": "1", "new": "2",
    "reason": "known",
}  # fmt: skip


@pytest.mark.parametrize(
    ("what", "document"),
    [
        ("the baseline cannot be read", "{"),
        ("not a baseline of this version", "[]"),
        ("not a baseline of this version", {"format": 2, "accepted": []}),
        ("not a baseline of this version", {"format": 1, "accepted": {}}),
        ("it is not a table", {"format": 1, "accepted": ["x"]}),
        ("reason is not text", {"format": 1, "accepted": [{**ROW, "reason": 1}]}),
        ("it has no field 'more'", {"format": 1, "accepted": [{**ROW, "more": "x"}]}),
        ("fingerprint is missing", {"format": 1, "accepted": [{"rule": "r"}]}),
        ("'soon' is not a date", {"format": 1, "accepted": [{**ROW, "expires": "soon"}]}),
        ("the fingerprint is of another finding", {"format": 1, "accepted": [ROW]}),
    ],
)
def test_a_baseline_that_cannot_be_read_is_an_error_not_an_empty_one(
    what: str, document: Any, tmp_path: Path
) -> None:
    """Else a slip would fail the build for another reason, or accept nothing in silence."""
    path = tmp_path / "drift.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    with pytest.raises(ConfigError) as raised:
        load(path)
    assert str(path) in raised.value.where
    assert what in raised.value.what
    assert any(word in raised.value.hint for word in ("delete", "restore", "YYYY-MM-DD"))


def test_a_baseline_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """It names the folder."""
    with pytest.raises(ConfigError, match="cannot be written") as raised:
        save(tmp_path / "none" / "drift.json", [])
    assert str(tmp_path / "none") == raised.value.where


def test_a_write_that_fails_leaves_the_old_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk and Ctrl-C cost nothing that was accepted before."""
    path = tmp_path / "drift.json"
    save(path, entries())
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    for at, fault, raised in (
        ((Path, "replace"), full, LibraryError),
        ((os, "fsync"), stopped, KeyboardInterrupt),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(*at, fault)
            with pytest.raises(raised) as caught:
                save(path, [])
        assert before == path.read_bytes()
        assert [path] == list(tmp_path.iterdir())
        if raised is LibraryError:
            assert "the baseline cannot be written: No space left" in str(caught.value)


def test_a_baseline_that_is_write_protected_is_left_as_it_is(tmp_path: Path) -> None:
    """The hint names the option of a baseline, not that of a library."""
    path = tmp_path / "drift.json"
    save(path, entries())
    path.chmod(0o440)
    with pytest.raises(LibraryError, match="the baseline cannot be written: the file is") as caught:
        save(path, [])
    assert "or name another file: --baseline FILE" in caught.value.hint
    assert (entries(), 0o440) == (load(path), path.stat().st_mode & 0o777)
    path.chmod(0o600)
    save(path, [])
    assert ((), 0o600) == (load(path), path.stat().st_mode & 0o777)


def test_a_refusal_of_the_system_names_the_option_of_a_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no library that another can stand in for."""

    def refuse(*_: Any) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(LibraryError) as caught:
        save(tmp_path / "drift.json", [])
    assert "give this user the right to it, or name another file: --baseline FILE" == (
        caught.value.hint
    )


def test_a_writer_that_is_killed_leaves_the_old_baseline(tmp_path: Path) -> None:
    """What it left is cleared away by the next one."""
    path = tmp_path / "drift.json"
    save(path, entries())
    before = path.read_bytes()
    dies = (
        "import os, sys; from pathlib import Path; from replay.drift.acceptance import baseline;"
        "os.fsync = lambda _: os._exit(9); baseline.save(Path(sys.argv[1]), [])"
    )
    root = Path(replay.__file__).parents[1]
    killed = subprocess.run(
        [sys.executable, "-c", dies, str(path)], env={**os.environ, "PYTHONPATH": str(root)}
    )
    assert 9 == killed.returncode
    assert before == path.read_bytes()
    assert 2 == len(list(tmp_path.iterdir()))
    save(path, [])
    assert [path] == list(tmp_path.iterdir())
    assert () == load(path)


def test_a_baseline_that_is_a_link_stays_one(tmp_path: Path) -> None:
    """A team may keep one file for several projects."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "drift.json").symlink_to(tmp_path / "shared" / "all.json")
    save(tmp_path / "drift.json", entries())
    assert (tmp_path / "drift.json").is_symlink()
    assert 1 == len(load(tmp_path / "shared" / "all.json"))
