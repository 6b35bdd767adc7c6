"""`replay scenario`, and how `replay list` and `replay show` show scenarios."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from replay.cli.options import library_option, open_library
from replay.errors import CassetteDamaged, ScenarioNotRecorded
from replay.library.library import storage_of
from replay.library.location import display_path

if TYPE_CHECKING:
    from rich.table import Table

    from replay.library import Library
    from replay.model.scenario import Scenario


@click.group("scenario")
def scenario_command() -> None:
    """Rename the scenarios of tests that were renamed.

    `replay list --scenarios` lists them, and `replay show scenario NAME` shows one.

    \b
    Examples:
      replay scenario rename tests/test_pay.py::test_old tests/test_pay.py::test_new
    """


@scenario_command.command("rename")
@click.argument("old")
@click.argument("new")
@library_option
def rename_command(old: str, new: str, library: str | None) -> None:
    """Give scenarios the name that their test has now.

    OLD and NEW are node IDs, as pytest prints them, or the start of several: a folder, a file or a
    class. All API versions move. A scenario that has the new name already is never overwritten.

    \b
    Examples:
      replay scenario rename tests/test_pay.py::test_old tests/test_pay.py::test_new
      replay scenario rename tests/test_pay.py tests/billing/test_pay.py
    """
    from replay.upkeep.scenario_files import rename

    opened = open_library(library)
    for before, after in rename(opened, old, new).items():
        click.echo(f"{before} -> {after}")


def list_scenarios(opened: Library, format_: str) -> int:
    """Print the scenarios of a library; returns the exit code."""
    from replay.library import scenarios

    storage = storage_of(opened)
    storage.require()
    rows: list[dict[str, Any]] = []
    damaged: list[CassetteDamaged] = []
    for path in scenarios.paths(storage):
        try:
            found = scenarios.read(storage, path)
        except CassetteDamaged as error:
            damaged.append(error)
            continue
        if found is not None:
            rows.append(_row(path, found))
    rows.sort(key=lambda row: (row["name"], row["api_version"]))
    if format_ == "json":
        problems = [{"path": e.where, "problem": e.what} for e in damaged]
        click.echo(json.dumps({"format": 1, "scenarios": rows, "damaged": problems}, indent=2))
        return 2 if damaged else 0
    if rows:
        table = _table(("scenario", "api version"), ("steps", "writes", "lanes"), ("recorded",))
        for row in rows:
            table.add_row(
                row["name"], row["api_version"], str(row["steps"]), str(row["writes"]),
                str(row["lanes"]), row["recorded_at"][:10],
            )  # fmt: skip
        _print(table)
    elif not damaged:
        click.echo(f"no scenario is recorded in {display_path(opened.root)}", err=True)
    for problem in damaged:
        click.echo(f"damaged: {problem}", err=True)
    return 2 if damaged else 0


def _row(path: str, scenario: Scenario) -> dict[str, Any]:
    return {
        "name": scenario.name,
        "api_version": scenario.api_version,
        "steps": len(scenario.steps),
        "writes": sum(not step.is_read for step in scenario.steps),
        "lanes": len({step.lane for step in scenario.steps}),
        "recorded_at": scenario.recorded_at,
        "path": path,
    }


def show_scenario(opened: Library, name: str, version: str | None, format_: str) -> None:
    """Print the steps of a scenario.

    Raises:
        ScenarioNotRecorded: there is none of this name, or not at this version.
        CassetteDamaged: or one of its kinds: a file of it cannot be used.
    """
    from replay.library import scenarios

    storage = storage_of(opened)
    storage.require()
    recorded = scenarios.ScenarioFiles(storage, name).recorded()
    found = [one for one in recorded if version in (None, one.api_version)]
    if not found:
        others = ", ".join(one.api_version for one in recorded)
        raise ScenarioNotRecorded(
            f"this scenario is recorded at {others}, and not at {version}"
            if others
            else "no scenario of this name is recorded",
            where=f"{name}, library {display_path(opened.root)}",
            hint="name one of these versions, or none to see all"
            if others
            else scenarios.did_you_mean(storage, name) + "list them: replay list --scenarios",
        )
    if format_ == "json":
        made = {"format": 1, "scenarios": [_whole(one) for one in found]}
        click.echo(json.dumps(made, indent=2))
        return
    for one in found:
        click.secho(f"# {one.name} at {one.api_version}", bold=True)
        click.echo(f"# recorded {one.recorded_at} from {one.source}, in {one.lasted} s")
        table = _table(("step",), ("lane",), ("call", "sends", "status"))
        for step in _steps(one):
            sends = " ".join(f"{key}={value}" for key, value in step["sends"].items())
            table.add_row(
                str(step["step"]), str(step["lane"]), step["call"], sends or "-",
                str(step["status"]),
            )  # fmt: skip
        _print(table)


def _whole(scenario: Scenario) -> dict[str, Any]:
    return {
        "name": scenario.name,
        "api_version": scenario.api_version,
        "recorded_at": scenario.recorded_at,
        "source": scenario.source,
        "lasted": scenario.lasted,
        "variables": dict(scenario.variables),
        "steps": _steps(scenario),
    }


def _steps(scenario: Scenario) -> list[dict[str, Any]]:
    return [
        {
            "step": number,
            "call": step.call,
            "lane": step.lane,
            "account": None if step.account is None else str(step.account),
            "api_version": step.api_version or scenario.api_version,
            "sends": {name: str(sent) for name, sent in step.sends.items()},
            "expand": sorted(step.expand or ()),
            "status": step.answer.status,
            "redacted": dict(step.answer.redacted),
            "echo": {place: str(echo) for place, echo in step.answer.echo.items()},
        }
        for number, step in enumerate(scenario.steps)
    ]


def _table(first: Sequence[str], numbers: Sequence[str], last: Sequence[str]) -> Table:
    """A table with columns of texts, of numbers, and of texts again."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in first:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right")
    for name in last:
        table.add_column(name, overflow="fold")
    return table


def _print(table: Table) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 250  # lines stay whole for grep
    console.print(table)
