"""`replay list` and `replay show`, and the command line as a whole."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from support.command import replay_command
from support.standin import DRAFT, NEW, OLD, PAYMENT, PREVIEW, StandIn
from support.written import FOLDER, MAIL, PAY, written
from support.written import NEW as NEW_API
from support.written import OLD as OLD_API

from replay.cli.main import COMMANDS, cli


@pytest.fixture
def recorded(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Path:
    """./cassettes with an invoice at two versions and an invoice payment."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_x")
    base = ("--api-base", stand_in.url)
    replay_command("record", "invoice", DRAFT, "--api-version", OLD, "--api-version", NEW, *base)
    replay_command("record", "invoice_payment", PAYMENT, *base)
    return Path("cassettes")


def test_list_names_what_is_recorded(recorded: Path) -> None:
    """One line per cassette, with version and number of takes."""
    done = replay_command("list")
    assert 0 == done.code
    lines = [line.split()[:5] for line in done.out.splitlines()[1:]]
    assert [
        ["invoice_payments", PAYMENT, PREVIEW, "1", "200"],
        ["invoices", DRAFT, OLD, "1", "200"],
        ["invoices", DRAFT, NEW, "1", "200"],
    ] == lines


def test_list_filters_and_speaks_json(recorded: Path) -> None:
    """--resource takes singular or plural; --format json has paths and statuses."""
    done = replay_command("list", "--resource", "invoice", "--format", "json")
    assert [OLD, NEW] == [row["api_version"] for row in done.json["cassettes"]]
    assert f"invoices/{DRAFT}/{OLD}.yaml" == done.json["cassettes"][0]["path"]
    assert [] == done.json["damaged"]


def test_list_names_damaged_files_and_lists_the_rest(recorded: Path) -> None:
    """A damaged cassette is reported with what to do; exit 2; nothing else is hidden."""
    (recorded / f"invoices/{DRAFT}/{OLD}.yaml").write_text("")
    done = replay_command("list")
    assert 2 == done.code
    assert NEW in done.out
    assert "the cassette is empty" in done.err
    assert 1 == len(replay_command("list", "--format", "json").json["damaged"])


def test_list_of_nothing_says_so(tmp_path: Path) -> None:
    """An empty library is no error; a missing one is."""
    (tmp_path / "cassettes").mkdir()
    done = replay_command("list")
    assert (0, "") == (done.code, done.out)
    assert "nothing is recorded" in done.err
    missing = replay_command("list", "--library", "elsewhere")
    assert (2, True) == (missing.code, "there is no library" in missing.err)


def test_show_prints_the_body_and_where_it_is_from(recorded: Path) -> None:
    """All versions by default; one with --api-version; stand-ins are counted."""
    done = replay_command("show", "invoice", DRAFT)
    assert [OLD, NEW] == [
        line.split(" at ")[1].split(",")[0] for line in done.out.splitlines() if " at " in line
    ]
    assert "values are stand-ins" in done.out
    one = replay_command("show", "invoice", DRAFT, "--api-version", OLD, "--format", "json")
    assert [OLD] == [take["api_version"] for take in one.json["takes"]]
    assert "email" == one.json["takes"][0]["redacted"]["/customer_email"]


def test_show_of_what_is_not_recorded_helps(recorded: Path) -> None:
    """An unknown ID names the nearest; an unknown version the recorded ones."""
    done = replay_command("show", "invoice", DRAFT[:-1] + "w")
    assert (2, True) == (done.code, DRAFT in done.err)
    done = replay_command("show", "invoice", DRAFT, "--api-version", "2023-10-16")
    assert (2, True) == (done.code, f"recorded: {OLD}, {NEW}" in done.err)


def test_the_help_table_says_what_the_commands_say() -> None:
    """The one-line help of each command stands in one place and is true."""
    for name, text in COMMANDS.items():
        command = getattr(importlib.import_module(f"replay.cli.{name}"), f"{name}_command")
        assert text == command.help.splitlines()[0]
        assert name == command.name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples(name: str) -> None:
    """--help works for each command and shows how it is used."""
    done = replay_command(name, "--help")
    assert 0 == done.code
    assert f"replay {name}" in done.out.split("Examples:")[1]


def test_a_misspelt_command_is_named() -> None:
    """`replay lst` asks whether list was meant."""
    done = replay_command("lst")
    assert (2, True) == (done.code, "Did you mean 'list'?" in done.err)


def test_output_that_cannot_be_written_is_no_traceback(recorded: Path) -> None:
    """A full disk is an error that says what to do; a reader that went away is none."""
    command = [sys.executable, "-m", "replay", "list"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (2, 2) == (done.returncode, len(done.stderr.splitlines())), done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert b"" == done.stderr


def test_the_installed_command_runs() -> None:
    """`python -m replay --version` prints the distribution's version."""
    command = [sys.executable, "-m", "replay", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "0.1.0\n" == done.stdout


def test_shell_completion_offers_the_commands() -> None:
    """The group completes its subcommands without importing them."""
    from click.shell_completion import ShellComplete

    completed = ShellComplete(cli, {}, "replay", "_REPLAY_COMPLETE").get_completions([], "re")
    assert ["record"] == [item.value for item in completed]
    assert isinstance(cli, click.Group)


def test_list_of_scenarios() -> None:
    """A line per test and API version; the same for machines, with the path."""
    written()
    done = replay_command("list")
    assert (0, "", "and 2 scenario files: replay list --scenarios\n") == (
        done.code, done.out, done.err,
    )  # fmt: skip
    lines = [line.split() for line in replay_command("list", "--scenarios").out.splitlines()]
    assert ["scenario", "api", "version", "steps", "writes", "lanes", "recorded"] == lines[0]
    assert [[PAY, OLD_API, "5", "3", "1"], [PAY, NEW_API, "5", "3", "1"]] == [
        line[:5] for line in lines[1:]
    ]
    rows = replay_command("list", "--scenarios", "--format", "json").json["scenarios"]
    assert [f"{FOLDER}/{OLD_API}.yaml", f"{FOLDER}/{NEW_API}.yaml"] == [
        f"cassettes/{row['path']}" for row in rows
    ]
    assert {PAY} == {row["name"] for row in rows}


def test_list_of_scenarios_names_what_is_damaged(tmp_path: Path) -> None:
    """The rest is listed; exit 2. Without scenarios that is said; with a resource it is misuse."""
    written()
    (FOLDER / f"{NEW_API}.yaml").write_text("")
    done = replay_command("list", "--scenarios")
    assert (2, True, True) == (done.code, OLD_API in done.out, "is empty" in done.err)
    assert 1 == len(replay_command("list", "--scenarios", "--format", "json").json["damaged"])
    assert 2 == replay_command("list", "--scenarios", "--resource", "invoice").code
    (tmp_path / "empty").mkdir()
    done = replay_command("list", "--scenarios", "--library", "empty")
    assert (0, "no scenario is recorded in empty\n") == (done.code, done.err)


def test_show_of_a_scenario() -> None:
    """The steps as a table: number, lane, call, what is sent and the status; nothing private."""
    written()
    done = replay_command("show", "scenario", PAY, "--api-version", OLD_API)
    assert 0 == done.code, done.err
    title, origin, head, *steps = done.out.splitlines()
    assert f"# {PAY} at {OLD_API}" == title
    assert origin.startswith("# recorded 20")
    assert ["step", "lane", "call", "sends", "status"] == head.split()
    first = "0 0 POST /v1/customers email=any#1 metadata[order]=any#2 name=any#3 200"
    assert first.split() == steps[0].split()
    assert ["1", "0", "GET", "/v1/customers/{0/id}", "-", "200"] == steps[1].split()
    assert "amount=500" in steps[2]
    assert "customer={0/id}" in steps[2]
    assert 5 == len(steps)
    assert MAIL not in done.out
    both = replay_command("show", "scenario", PAY, "--format", "json")
    assert [OLD_API, NEW_API] == [one["api_version"] for one in both.json["scenarios"]]
    step = both.json["scenarios"][0]["steps"][0]
    assert ("POST /v1/customers", "any#1", "0 email") == (
        step["call"], step["sends"]["email"], step["echo"]["/email"],
    )  # fmt: skip


def test_show_of_a_scenario_that_is_not_there() -> None:
    """The nearest name, or the versions that there are."""
    written()
    done = replay_command("show", "scenario", f"{PAY}s")
    assert 2 == done.code
    assert f"did you mean {PAY}?" in done.err
    done = replay_command("show", "scenario", PAY, "--api-version", "2020-08-27")
    assert f"recorded at {OLD_API}, {NEW_API}, and not at 2020-08-27" in done.err
