"""The options of `replay diff`: sides, policy, baseline and formats, as users run them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.recordings import NEW, OLD, recording, twins
from support.writing import shelve

from replay.cli.diff import FORMATS
from replay.cli.main import cli
from replay.config import _file
from replay.drift.report import report
from replay.errors import ConfigError, LibraryError, ReplayError
from replay.library import Library
from replay.model import text_files


def run(*arguments: object) -> Result:
    """Run `replay diff`."""
    return CliRunner().invoke(cli, ["diff", *(str(argument) for argument in arguments)])


@pytest.fixture(autouse=True)
def removed(tmp_path: Path) -> Path:
    """A library in the usual place in which a field was removed and another came."""
    _file.cache_clear()
    return shelve(tmp_path / "cassettes", twins([{"a": 1}], [{"b": 1}]))


def configure(text: str) -> None:
    """Write the configuration file."""
    Path("replay.toml").write_text(text)
    _file.cache_clear()


@pytest.mark.parametrize(
    ("code", "table", "arguments"),
    [
        (1, "", []),
        (0, 'fail_on = "never"', []),
        (1, 'fail_on = "never"', ["--fail-on", "info"]),
        (0, '[drift.severity]\nfield-removed = "info"', []),
        (0, '[[drift.paths]]\npath = "a"\nseverity = "warning"', []),
        (1, '[drift.severity]\nfield-added = "breaking"\nfield-removed = "info"', []),
    ],
)
def test_the_configuration_sets_gate_and_severities(
    code: int, table: str, arguments: list[str]
) -> None:
    """An argument wins over it."""
    configure(f"[drift]\n{table}\n")
    assert code == run(*arguments).exit_code


def test_a_slip_in_the_configuration_is_misuse() -> None:
    """It never passes for a clean report."""
    configure("[drift]\nfail-on = 1\n")
    result = run()
    assert isinstance(result.exception, ConfigError)
    assert "did you mean fail_on?" in result.exception.hint


def test_what_fails_is_accepted_and_passes_from_then_on() -> None:
    """The file lies beside the library; the addition was no failure, so it is not in it."""
    result = run("--accept", "--reason", "read elsewhere since 41", "--expires", "2999-12-31")
    assert (0, "1 accepted in replay-drift.json\n") == (result.exit_code, result.stderr)
    (entry,) = json.loads(Path("replay-drift.json").read_text())["accepted"]
    assert ("/a", "read elsewhere since 41", "2999-12-31") == (
        entry["path"], entry["reason"], entry["expires"],
    )  # fmt: skip
    assert 0 == run().exit_code
    document = json.loads(run("--format", "json").stdout)
    assert 1 == document["summary"]["accepted"]
    assert "read elsewhere since 41" in [
        finding["accepted"] for finding in document["comparisons"][0]["findings"]
    ]


def test_an_accepted_finding_is_shown_as_accepted() -> None:
    """The terminal says what does not fail any more, and under --verbose why."""
    before = run().stdout
    assert 1 == before.count("  breaking  ")
    run("--accept", "--reason", "read elsewhere since 41")
    after = run("--verbose").stdout
    assert "  breaking  " not in after
    (line,) = [line for line in after.splitlines() if line.startswith("    accepted  ")]
    (was,) = [line for line in before.splitlines() if line.startswith("    breaking  ")]
    assert line == was.replace("breaking", "accepted")
    assert "read elsewhere since 41 (breaking without that)" in after


def test_one_finding_can_be_accepted_by_its_fingerprint() -> None:
    """And an unknown fingerprint is misuse."""
    findings = json.loads(run("--format", "json").stdout)["comparisons"][0]["findings"]
    (added,) = [f["fingerprint"] for f in findings if f["path"] == "/b"]
    assert 1 == run("--accept", "--reason", "x", "--finding", added).exit_code
    never = run("--accept", "--reason", "x", "--fail-on", "never")
    assert (2, True) == (never.exit_code, "nothing fails under --fail-on never" in never.stderr)
    assert 2 == run("--accept", "--reason", "x", "--finding", "0" * 16).exit_code


def accepted() -> list[tuple[str, str, str]]:
    """The path, the reason and the last day of each entry in the usual file."""
    rows = json.loads(Path("replay-drift.json").read_text())["accepted"]
    return [(row["path"], row["reason"], row["expires"]) for row in rows]


def test_an_acceptance_is_renewed_before_it_expires(tmp_path: Path) -> None:
    """Once nothing is open; a reason for what is open replaces no other, unless one is named."""
    run("--accept", "--reason", "x", "--expires", "2999-12-30")
    again = run("--accept", "--reason", "y", "--expires", "2999-12-31")
    assert (0, "0 accepted, 1 renewed in replay-drift.json\n") == (again.exit_code, again.stderr)
    assert [("/a", "y", "2999-12-31")] == accepted()
    shelve(tmp_path / "cassettes", twins([{"a": 1, "c": 1}], [{"b": 1}]))
    more = run("--accept", "--reason", "z").stderr
    assert "1 accepted, 1 as accepted before (--finding FINGERPRINT renews one) in" in more
    assert [("/a", "y", "2999-12-31"), ("/c", "z", "")] == accepted()
    named = json.loads(Path("replay-drift.json").read_text())["accepted"][0]["fingerprint"]
    run("--accept", "--reason", "w", "--finding", named)
    assert [("/a", "w", ""), ("/c", "z", "")] == accepted()


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        ("a secret (secret-key)", "seen with sk_test_" + "4eC39HqLyjWDarjtT1zdp7dc"),
        ("a secret (secret-key)", "sk%5Ftest%5F4eC39HqLyjWDarjtT1zdp7dc"),
        ("an email address", "ask jenny@example.com, she knows"),
    ],
)
def test_a_reason_with_a_secret_is_refused(held: str, reason: str) -> None:
    """The file is committed; the error does not repeat it either."""
    error = run("--accept", "--reason", reason).exception
    assert isinstance(error, ConfigError)
    assert f"the reason holds {held}" == error.what
    assert not Path("replay-drift.json").exists()
    assert "4eC39" not in str(error)
    assert "jenny" not in str(error)


def test_a_reason_may_name_people_and_packages() -> None:
    """An at sign alone is no address."""
    assert 0 == run("--accept", "--reason", "@jenny: stripe@18.2 reads it, see #41").exit_code


def test_a_baseline_that_is_named_must_be_there() -> None:
    """A slip in its name would be a build that fails for what was accepted."""
    error = run("--baseline", "none.json").exception
    assert isinstance(error, ConfigError)
    assert "--baseline none.json" == error.where
    assert 0 == run("--baseline", "none.json", "--accept", "--reason", "x").exit_code


def test_the_matrix_has_the_old_library_before_the_new_one(tmp_path: Path) -> None:
    """Fields are seen first on the left."""
    old = shelve(tmp_path / "main", twins([{"a": 1, "x": 1}], [{"b": 1}]))
    document = json.loads(run("--old-library", old, "--matrix", "--format", "json").stdout)
    (matrix,) = document["matrices"]
    sides = [f"{v} in the {age} library" for v in (OLD, NEW) for age in ("old", "new")]
    assert sides == matrix["versions"]
    (first,) = [field["first"] for field in matrix["fields"] if field["path"] == "/a"]
    assert sides[0] == first


def test_since_names_the_word_that_is_no_version() -> None:
    """And one that is recorded."""
    for word, hint in (("x", f"recorded are: {OLD}, {NEW}"), (NEW[1:], f"did you mean {NEW}?")):
        error = run("--since", word).exception
        assert isinstance(error, ConfigError)
        assert (f"{word!r} is not an API version", "--since") == (error.what, error.where)
        assert hint == error.hint
    shelve(Path("cassettes"), [recording({}, "unversioned", id="in_9A")])
    error = run("--since", "unversioned").exception
    assert isinstance(error, ConfigError)
    assert "'unversioned' carries no date, so no version is later" == error.what
    assert OLD in error.hint


def test_an_expired_entry_fails_again_and_accepting_clears_it_away(tmp_path: Path) -> None:
    """So does one that nothing needs; a run that looked at less leaves others alone."""
    run("--accept", "--reason", "x", "--expires", "2999-12-31")
    written = Path("replay-drift.json")
    written.write_text(written.read_text().replace("2999", "2020"))
    shown = run("-v")
    assert 1 == shown.exit_code
    assert "a is no longer accepted: field-removed, accepted for: x" in shown.stdout
    shelve(tmp_path / "cassettes", twins([{"c": 1}], [{}], resource="charges"))
    run("--accept", "--reason", "y", "--baseline", "other.json")
    assert 2 == len(json.loads(Path("other.json").read_text())["accepted"])
    run("--accept", "--reason", "z", "--baseline", "other.json", "--resource", "charge")
    assert 2 == len(json.loads(Path("other.json").read_text())["accepted"])
    lone = shelve(tmp_path / "lone", twins([{"c": 1}], [{}], resource="charges"))
    shown = run("--library", lone, "--baseline", "other.json", "--fail-on", "warning")
    assert (1, True) == (shown.exit_code, "in the baseline, and no longer found" in shown.stdout)
    run("--library", lone, "--baseline", "other.json", "--accept", "--reason", "z")
    assert 1 == len(json.loads(Path("other.json").read_text())["accepted"])


def test_the_baseline_of_the_configuration_lies_beside_it() -> None:
    """Whatever the working directory."""
    configure('[drift]\nbaseline = "known.json"\n')
    assert 0 == run("--accept", "--reason", "x").exit_code
    assert Path("known.json").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--same-version", OLD],
        ["--before", "2026-01-01"],
        [OLD, NEW, "--since", OLD],
        ["--since", OLD, "--same-version", OLD, "--before", "2026-01-01"],
        ["--old-library", "cassettes", "--since", OLD],
        ["--reason", "x"],
        ["--accept"],
        ["--same-account"],
        ["--spec", "x.json"],
        [OLD, NEW, "--spec", "x.json"],
        [OLD, "--spec", "x.json", "--matrix"],
        ["--matrix", "--accept", "--reason", "x"],
        *(["--matrix", "--format", name] for name in ("github", "markdown", "junit", "sarif")),
        ["--accept", "--reason", "x", "--expires", "2020-01-01"],
    ],
)
def test_options_that_do_not_go_together_are_misuse(arguments: list[str]) -> None:
    """None is ignored in silence."""
    assert 2 == run(*arguments).exit_code


@pytest.mark.parametrize(
    "arguments",
    [
        ["--same-version", OLD, "--before", "soon"],
        ["--since", "soon"],
        ["--accept", "--reason", "x", "--expires", "soon"],
        ["--accept", "--reason", " "],
    ],
)
def test_what_is_no_day_or_version_is_misuse(arguments: list[str]) -> None:
    """The option is named."""
    error = run(*arguments).exception
    assert isinstance(error, ConfigError)
    assert arguments[-2] == error.where
    assert error.hint


def test_dates_libraries_and_later_versions_are_compared(tmp_path: Path) -> None:
    """Each under its own head."""
    nothing = run("--same-version", OLD, "--before", "2020-01-01")
    assert 3 == nothing.exit_code
    assert f"of {OLD} before 2020-01-01 and from then on" in nothing.stderr
    assert 3 == run("--since", NEW).exit_code
    old = shelve(tmp_path / "main", twins([{"a": 1, "x": 1}], [{"b": 1}]))
    result = run("--old-library", old)
    assert 1 == result.exit_code
    assert f"invoices  {OLD} in the old library -> {OLD} in the new library" in result.stdout
    assert "x removed" in result.stdout


def test_the_matrix_is_a_table_and_no_check() -> None:
    """It answers a question, so it fails nothing."""
    result = run("--matrix")
    assert 0 == result.exit_code
    head, *rows = (line.split() for line in result.stdout.splitlines())
    assert ["invoices", "invoices"] == head
    assert [
        ["first", "last", OLD, NEW],
        ["a", OLD, OLD, "all", "no"],
        ["b", NEW, NEW, "no", "all"],
        ["id", OLD, NEW, "all", "all"],
    ] == rows
    fields = json.loads(run("--matrix", "--format", "json").stdout)["matrices"][0]["fields"]
    assert {"path": "/a", "first": OLD, "last": OLD, "cells": [[1, 1], [0, 1]]} == fields[0]


def test_matrices_of_several_types_are_told_apart(tmp_path: Path) -> None:
    """A lone version is a column too."""
    body = {"object": "charge", "deleted": True}
    entry = recording(body, OLD, id="ch_1A", resource="charges", query="?expand[]=x")
    shelve(tmp_path / "cassettes", [entry])
    assert "charges  charge (deleted)  expand x\n" in run("--matrix").stdout
    lone = run("--matrix", "--resource", "charge")
    assert (3, True) == (lone.exit_code, "charges  charge" in lone.stdout)


def test_recordings_are_held_against_a_specification() -> None:
    """The exit code is the gate's."""
    schema = {"type": "object", "required": ["id", "z"], "properties": {"id": {"type": "string"}}}
    Path("spec.json").write_text(json.dumps({"components": {"schemas": {"": schema}}}))
    result = run(OLD, "--spec", "spec.json")
    assert 1 == result.exit_code
    assert f"invoices  {OLD} as specified -> {OLD} as recorded" in result.stdout
    assert "z is required by the specification, and in 0 of 1" in result.stdout
    assert "a is not specified" in result.stdout
    assert 3 == run("2020-08-27", "--spec", "spec.json").exit_code


@pytest.mark.parametrize(
    ("format_", "word"),
    [
        ("markdown", "### API drift: 1 breaking"),
        ("junit", "<testsuites"),
        ("sarif", '"version": "2.1.0"'),
        ("github", f"::error file=cassettes/invoices/in_1A0000/{NEW}.yaml"),
        ("html", "<!doctype html>"),
        ("text", "a removed"),
        ("json", '"format": 1'),
    ],
)
def test_every_format_goes_to_stdout_or_to_a_file(format_: str, word: str) -> None:
    """The exit code is the same, and so are the bytes."""
    result = run("--format", format_)
    assert (1, True) == (result.exit_code, word in result.stdout)
    written = run("--format", format_, "--output", "out")
    assert (1, "") == (written.exit_code, written.stdout)
    assert result.stdout == Path("out").read_text("utf-8")


HOSTILE = "x\n::warning::y\x1b[31m\0\u202e"


@pytest.mark.parametrize(
    "arguments",
    [[], ["-v"], ["--matrix"], *(["--format", name] for name in FORMATS)],
)
def test_no_name_of_a_recording_writes_a_line_of_its_own(
    arguments: list[str], tmp_path: Path
) -> None:
    """Or a control character, whatever the format: a CI reads commands from the output."""
    bodies = [{HOSTILE: {HOSTILE: 1}, "l": [{HOSTILE: 1}], "n": "x", "object": HOSTILE}]
    there = shelve(tmp_path / "cassettes", twins(bodies, [{"l": [{}], "object": HOSTILE}]))
    shown = run("--library", there, *arguments).stdout
    assert HOSTILE[:1] in shown
    lines = shown.splitlines()
    assert [] == [line for line in lines if line.startswith("::warning::y")]
    assert [] == [line for line in lines if not line.replace("\t", "").isprintable()]


def test_an_error_spells_out_what_is_unprintable() -> None:
    """A name in a file that a command complains of is no command to the terminal or to a CI."""
    schema = {"properties": {HOSTILE: {"type": 5}}}
    Path("spec.json").write_text(json.dumps({"components": {"schemas": {HOSTILE: schema}}}))
    shelve(Path("cassettes"), twins([{HOSTILE: 1, "object": HOSTILE}], [{}]))
    error = str(run(OLD, "--spec", "spec.json").exception)
    assert "x\\u000a::warning::y\\u001b[31m\\u0000\\u202e/type" in error
    assert all(line.isprintable() for line in error.split("\n"))


def test_a_file_that_cannot_be_written_is_misuse() -> None:
    """It names the file."""
    error = run("--output", "none/out").exception
    assert isinstance(error, ConfigError)
    assert "none/out" == error.where


@pytest.mark.parametrize("option", ["--baseline", "--used", "--spec"])
def test_a_device_without_an_end_is_read_within_bounds(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would fill the memory."""
    monkeypatch.setattr(text_files, "MOST_BYTES", 1 << 20)
    versions = [OLD] if option == "--spec" else [OLD, NEW]
    result = run(*versions, option, "/dev/zero")
    assert isinstance(result.exception, ConfigError)
    assert "cannot be read: it holds more than 1 MB" in result.exception.what
    assert "/dev/zero" == result.exception.where


def test_a_device_is_not_replaced_by_a_baseline(tmp_path: Path) -> None:
    """Not even where root accepts."""
    (tmp_path / "null").symlink_to("/dev/null")
    result = run("--accept", "--reason", "x", "--baseline", "null")
    assert isinstance(result.exception, ReplayError)
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("option", ["--output", "--baseline", "--used", "--spec"])
def test_an_empty_name_of_a_file_is_misuse(option: str) -> None:
    """A variable that is not set gives one in a shell."""
    result = run(OLD, *([] if option == "--spec" else [NEW]), option, "")
    assert (2, True) == (result.exit_code, f"{option} is empty: name a file" in result.stderr)


def test_a_write_protected_output_is_left_as_it_is(tmp_path: Path) -> None:
    """Root too is refused."""
    path = tmp_path / "drift.html"
    path.write_text("old")
    path.chmod(0o444)
    result = run("--format", "html", "--output", path)
    assert isinstance(result.exception, LibraryError)
    assert "the result cannot be written: the file is write-protected" in result.exception.what
    assert "another file: --output FILE" in result.exception.hint
    assert "old" == path.read_text()


def test_progress_is_shown_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """On stderr: stdout is for the report."""
    from replay.cli.progress import watched

    library = Library("cassettes")
    with watched(library) as progress:
        assert progress is None

    class Terminal:
        encoding = "utf-8"
        written = ""

        def write(self, text: str) -> int:
            self.written += text
            return len(text)

        def isatty(self) -> bool:
            return True

        def flush(self) -> None:
            pass

    terminal: Any = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with watched(library, library) as progress:
        assert progress is not None
        report(library, older=library, progress=progress)
    assert "comparing recordings" in terminal.written
    assert "100%" in terminal.written


@pytest.mark.parametrize(
    ("arguments", "where", "hint"),
    [
        (["a", "b"], "OLD", f"recorded are: {OLD}, {NEW}"),
        ([OLD, "b"], "NEW", f"recorded are: {OLD}, {NEW}"),
        ([OLD[:-1], NEW], "OLD", f"did you mean {OLD}?"),
        (["basil", "--spec", "spec.json"], "VERSION", f"did you mean {NEW}?"),
        ([OLD, "2025-03-31"], "NEW", f"did you mean {NEW}?"),
        ([OLD, NEW + "l"], "NEW", f"did you mean {NEW}?"),
        ([OLD, "2025-13-99"], "NEW", f"did you mean {NEW}?"),
        (["--since", NEW + "l"], "--since", f"did you mean {NEW}?"),
        (["--same-version", "b", "--before", "2026-01-01"], "--same-version", "recorded are"),
        (["--old-library", "cassettes", "a", NEW], "OLD", "recorded are"),
    ],
)
def test_a_word_that_is_no_version_is_misuse(arguments: list[str], where: str, hint: str) -> None:
    """It is not said that nothing was recorded for it."""
    Path("spec.json").write_text('{"components": {"schemas": {}}}')
    result = run(*arguments)
    assert isinstance(result.exception, ConfigError)
    assert "is not an API version" in str(result.exception)
    assert where == result.exception.where
    assert hint in result.exception.hint


@pytest.mark.parametrize("spec", [[], ["--spec", "spec.json"]])
def test_a_version_that_is_not_recorded_names_its_nearest(spec: list[str]) -> None:
    """Nothing to compare, the version that was perhaps meant, and what to record."""
    Path("spec.json").write_text('{"components": {"schemas": {}}}')
    slip = "2025-05-31.basil"
    wanted = [slip] if spec else [OLD, slip]
    result = run(*wanted, *spec)
    assert 3 == result.exit_code
    assert f"  {slip} is not recorded: did you mean {NEW}?\n" in result.stderr
    versions = "".join(f" --api-version {version}" for version in wanted)
    assert f"  next: replay record invoices in_1A0000{versions}\n" in result.stderr
    assert "did you mean" not in run(OLD, "2025-04-30.basil").stderr


@pytest.mark.parametrize("named", [[], [OLD, NEW]])
def test_stubs_of_deleted_objects_are_named_where_nothing_can_be_compared(
    named: list[str], tmp_path: Path
) -> None:
    """And the command to run is not the one that recorded them."""
    stub = {"object": "customer", "deleted": True}
    living = {"object": "customer", "balance": 0}
    there = shelve(tmp_path / "stubs", twins([living], [stub], resource="customers"))
    result = run(*named, "--library", there)
    assert 3 == result.exit_code
    assert (
        f"nothing to compare: {NEW} holds only deleted objects of customers, and those are"
        in result.stderr
    )
    command = f"replay record customers ID --api-version {OLD} --api-version {NEW}"
    assert f"  next: {command}, with the ID of one that is not deleted\n" in result.stderr
    shelve(there, [recording(stub, OLD, id="cus_9A", resource="customers")])
    assert {"customers": (NEW,)} == report(Library(there)).stubs


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("one resource and version in both libraries", []),
        (f"one resource at {OLD} in the old library and at {NEW} in the new one", [OLD, NEW]),
    ],
)
def test_libraries_with_nothing_in_common_say_so(
    what: str, named: list[str], tmp_path: Path
) -> None:
    """It is not a second version that is missing, it is the other library's."""
    old = shelve(tmp_path / "main", [recording({"a": 1}, OLD, id="ch_1A", resource="charges")])
    result = run(*named, "--old-library", old)
    assert 3 == result.exit_code
    assert f"nothing to compare: no recordings of {what}\n" in result.stderr
    assert f", and again with --library {old}\n" in result.stderr


def test_nothing_to_compare_says_what_was_asked_for() -> None:
    """Also the least version and the source; and an example that has one of the versions."""
    assert "at two versions since 2030-01-01\n" in run("--since", "2030-01-01").stderr
    assert "at two versions, answered by x\n" in run("--require-source", "x").stderr
    shelve(Path("cassettes"), [recording({}, "2024-09-30.acacia", id="ch_1", resource="charges")])
    result = run(OLD, "2024-04-10")
    assert "next: replay record invoices in_1A0000 --api-version" in result.stderr


def test_one_recording_of_each_channel_is_nothing_to_compare(tmp_path: Path) -> None:
    """A preview and a release are compared only where both are named."""
    versions = ("2026-01-28.clover", "2026-01-28.preview")
    folder = shelve(tmp_path / "two", [recording({"a": 1}, version) for version in versions])
    result = run("--library", folder)
    assert 3 == result.exit_code
    assert (
        "nothing to compare: invoices is recorded at 2026-01-28.clover and 2026-01-28.preview, one"
        " of each channel: previews are compared with previews, releases with releases\n"
    ) in result.stderr
    assert 0 == run(*versions, "--library", folder).exit_code


def test_recordings_that_expand_other_fields_are_named_as_such(tmp_path: Path) -> None:
    """As the reason where nothing is left to compare, and as a note where something is."""
    entries = [
        recording({"id": "in_1A"}, OLD, query="?expand[]=customer&expand[]=quote"),
        recording({"id": "in_1A"}, NEW),
    ]
    told = (
        f"invoices is recorded at {OLD} with customer,quote expanded and {NEW} with nothing"
        " expanded, and only recordings that expand the same are compared\n"
    )
    folder = shelve(tmp_path / "apart", entries)
    result = run(OLD, NEW, "--library", folder)
    assert (3, f"nothing to compare: {told}") == (
        result.exit_code, "".join(result.stderr.splitlines(keepends=True)[:1]),
    )  # fmt: skip
    shelve(folder, [recording({}, v, id="ch_1A", resource="charges") for v in (OLD, NEW)])
    result = run(OLD, NEW, "--library", folder)
    assert (0, True) == (result.exit_code, f"note: {told}" in result.stderr)


@pytest.mark.parametrize(("code", "more"), [(0, []), (1, ["--same-account"])])
def test_objects_of_two_libraries_break_a_build_where_they_are_of_one_account(
    code: int, more: list[str], tmp_path: Path
) -> None:
    """Else the accounts may use other things."""
    olds, news = (
        shelve(
            tmp_path / name,
            [recording({"id": f"in_{name}{n}", **body}, id=f"in_{name}{n}") for n in range(9)],
        )
        for name, body in (("A", {"a": 1}), ("B", {}))
    )
    assert code == run("--library", news, "--old-library", olds, *more).exit_code
