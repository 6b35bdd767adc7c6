"""`replay diff` and `replay rules` as users run them: output and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.recordings import NEW, OLD, pools, recording, twins
from support.writing import shelve

from replay.cli.main import cli
from replay.errors import ConfigError


def run(*arguments: object) -> Result:
    """Run the command line."""
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def removed(tmp_path: Path) -> Path:
    """A library in which a field was removed, beyond doubt."""
    return shelve(tmp_path / "cassettes", twins([{"a": 1}], [{}]))


@pytest.mark.parametrize(
    ("code", "gate"),
    [
        (1, []),
        (1, ["--fail-on", "info"]),
        (1, ["--fail-on", "warning", "--min-grade", "proven"]),
        (0, ["--fail-on", "never"]),
    ],
)
def test_a_proven_break_fails_unless_nothing_shall(
    code: int, gate: list[str], removed: Path
) -> None:
    """Exit code 1 is a finding at or above the gate."""
    result = run("diff", OLD, NEW, "--library", removed, "--resource", "invoice", *gate)
    assert code == result.exit_code
    assert "breaking  proven      a removed" in result.stdout


@pytest.mark.parametrize(("code", "grade"), [(1, "likely"), (0, "proven"), (1, "unobserved")])
def test_a_likely_break_fails_at_its_grade(code: int, grade: str, tmp_path: Path) -> None:
    """The grade is part of the gate."""
    folder = shelve(tmp_path / "cassettes", pools([{"a": 1}] * 6, [{}] * 6))
    assert code == run("diff", OLD, NEW, "--library", folder, "--min-grade", grade).exit_code


def test_what_is_unobserved_never_fails(tmp_path: Path) -> None:
    """Whatever the gate."""
    folder = shelve(tmp_path / "cassettes", twins([{"a": [1]}], [{"a": []}]))
    result = run("diff", "--library", folder, "--fail-on", "info", "--min-grade", "unobserved")
    assert (0, True) == (result.exit_code, "unobserved" in result.stdout)


def test_json_goes_to_stdout_alone(removed: Path) -> None:
    """A machine can read it whatever the exit code."""
    result = run("diff", "--library", removed, "--format", "json")
    assert 1 == result.exit_code
    assert 1 == json.loads(result.stdout)["summary"]["breaking"]


@pytest.mark.parametrize("format_", ["text", "json"])
def test_nothing_to_compare_is_its_own_exit_code(format_: str, removed: Path) -> None:
    """What is recorded is said, and the recording that would help."""
    result = run("diff", OLD, "2023-10-16", "--library", removed, "--format", format_)
    assert 3 == result.exit_code
    assert f"recorded: invoices at {OLD}, {NEW}" in result.stderr
    expected = f"replay record invoices in_1A0000 --api-version {OLD} --api-version 2023-10-16"
    assert expected in result.stderr


def test_an_empty_library_has_nothing_to_compare(tmp_path: Path) -> None:
    """Also where a resource was asked for that nobody recorded."""
    folder = shelve(tmp_path / "cassettes", [])
    result = run("diff", "--library", folder, "--resource", "charge")
    assert 3 == result.exit_code
    assert "recorded: nothing of charge" in result.stderr
    assert "replay record charge ID" in result.stderr


def test_recordings_of_another_source_do_not_count_where_one_is_required(tmp_path: Path) -> None:
    """A stand-in proves nothing about the API."""
    entries = twins([{"a": 1}], [{}], source="localhost:12111")
    folder = shelve(tmp_path / "cassettes", entries)
    assert 1 == run("diff", "--library", folder).exit_code
    required = run("diff", "--library", folder, "--require-source", "api.stripe.com")
    assert 3 == required.exit_code


def test_verbose_shows_witnesses(removed: Path) -> None:
    """Relative to the library, so that they can be opened."""
    result = run("diff", "-v", "--library", removed)
    assert f"see invoices/in_1A0000/{OLD}.yaml#0/a" in result.stdout


@pytest.mark.parametrize(
    "arguments", [[OLD], [OLD, NEW, "x"], ["--fail-on", "all"], ["--format", "yaml"]]
)
def test_misuse_is_exit_code_two(arguments: list[str], removed: Path) -> None:
    """And says so."""
    assert 2 == run("diff", "--library", removed, *arguments).exit_code


def test_broken_input_is_an_error_of_replay(removed: Path) -> None:
    """A damaged file is never read as missing; one version is no comparison."""
    result = run("diff", OLD, OLD, "--library", removed)
    assert isinstance(result.exception, ConfigError)
    path = next(removed.rglob("*.yaml"))
    path.write_bytes(path.read_bytes()[:-9])
    result = run("diff", "--library", removed)
    assert 2 == getattr(result.exception, "exit_code", None)


def test_versions_are_compared_per_resource(tmp_path: Path) -> None:
    """Without a resource, all of them."""
    entries = twins([{"a": 1}], [{}])
    entries += twins([{"b": 1}], [{}], resource="charges")
    folder = shelve(tmp_path / "cassettes", entries)
    document = json.loads(run("diff", "--library", folder, "--format", "json").stdout)
    assert ["charges", "invoices"] == [c["resource"] for c in document["comparisons"]]


def test_rules_are_listed_and_one_is_explained() -> None:
    """For people and machines."""
    assert "field-moved" in run("rules").stdout
    assert "reversed  became-required" in run("rules", "became-optional").stdout
    document = json.loads(run("rules", "--format", "json").stdout)
    assert "field-removed" == document["rules"][0]["id"]
    assert isinstance(run("rules", "nonsense").exception, ConfigError)


@pytest.mark.parametrize("command", ["diff", "rules"])
def test_help_has_examples(command: str) -> None:
    """They are what people read."""
    result = run(command, "--help")
    assert (0, True) == (result.exit_code, "Examples:" in result.stdout)


def test_another_take_of_an_unpinned_call_is_no_version(tmp_path: Path) -> None:
    """What carries no version is compared under its own name."""
    entries = [
        recording({"a": 1}, "unversioned", batch="b"),
        recording({}, NEW, batch="b"),
    ]
    folder = shelve(tmp_path / "cassettes", entries)
    assert f"invoices  unversioned -> {NEW}" in run("diff", "--library", folder).stdout
