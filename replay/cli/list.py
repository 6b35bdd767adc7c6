"""`replay list`: the recordings of a library."""

from __future__ import annotations

import json
from typing import Any

import click

from replay.cli.options import format_option, library_option, open_library
from replay.errors import CassetteDamaged, ConfigError
from replay.library import Library, scenarios
from replay.library.library import storage_of
from replay.library.location import display_path
from replay.model.cassette import Cassette
from replay.stripe_api.call import expand_of
from replay.stripe_api.routes import by_name


@click.command("list")
@click.option("--resource", metavar="RESOURCE", help="Only this resource, such as invoice.")
@click.option("--scenarios", "written", is_flag=True,
              help="List the scenarios of tests that write, instead.")  # fmt: skip
@library_option
@format_option
@click.pass_context
def list_command(
    ctx: click.Context, resource: str | None, written: bool, library: str | None, format_: str
) -> None:
    """List the recordings of a library.

    Files that cannot be read are listed with the reason, and the exit code is then 2. Evidence that
    `replay upgrade` kept is counted but not listed, because it is compared and never served.
    Scenarios are listed with --scenarios.

    \b
    Examples:
      replay list
      replay list --library tests/cassettes --resource invoice --format json
      replay list --scenarios
    """
    opened = open_library(library)
    if written:
        from replay.cli.scenario import list_scenarios

        if resource is not None:
            raise ConfigError(
                "--resource and --scenarios exclude each other", where="replay list",
                hint="a scenario has steps of many resources",
            )  # fmt: skip
        ctx.exit(list_scenarios(opened, format_))
    wanted = by_name(resource).resource if resource else None
    rows: list[dict[str, Any]] = []
    damaged: list[CassetteDamaged] = []
    paths = opened.paths()
    for path in paths:
        try:
            cassette = opened.read(path, wanted)
        except CassetteDamaged as error:
            damaged.append(error)
            continue
        if cassette is not None:
            rows.append(_row(path, cassette))
    whole = Library(opened.root, with_evidence=True, follow_links=opened.follow_links)
    evidence = len(whole.paths()) - len(paths)
    tests = len(scenarios.paths(storage_of(opened)))
    notes = storage_of(opened).notes()
    if format_ == "json":
        problems = [{"path": e.where, "problem": e.what} for e in damaged]
        made = {"format": 1, "cassettes": rows, "damaged": problems, "evidence": evidence,
                "scenarios": tests}  # fmt: skip
        click.echo(json.dumps(made, indent=2))
    elif rows:
        _print(rows)
    elif not damaged and not tests:
        click.echo(f"nothing is recorded in {display_path(opened.root)}", err=True)
    if format_ == "text":
        if evidence:
            where = display_path(opened.evidence.root)
            click.echo(f"and {evidence} in {where}, compared and not served", err=True)
        if tests:
            what = "1 scenario file" if tests == 1 else f"{tests} scenario files"
            click.echo(f"and {what}: replay list --scenarios", err=True)
        for note in notes:
            click.echo(f"note: {note}", err=True)
        for problem in damaged:
            click.echo(f"damaged: {problem}", err=True)
    ctx.exit(2 if damaged else 0)


def _row(path: str, cassette: Cassette) -> dict[str, Any]:
    takes = cassette.interactions
    expands = sorted({expand_of(take.request) for take in takes})
    return {
        "resource": cassette.key.resource,
        "id": "/".join((*cassette.key.parents, cassette.key.id)),
        "account": cassette.key.account or None,
        "api_version": cassette.api_version,
        "takes": len(takes),
        "statuses": sorted({take.response.status for take in takes}),
        "expand": [list(names) for names in expands],
        "recorded_at": max(take.recorded_at for take in takes),
        "redacted": sum(len(take.redacted) for take in takes),
        "path": path,
    }


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("resource", "id", "api version"):
        table.add_column(name, overflow="fold")
    for name in ("takes", "status"):
        table.add_column(name, justify="right")
    table.add_column("redacted", justify="right")
    for name in ("recorded", "expand"):
        table.add_column(name, overflow="fold")
    for row in rows:
        expand = " | ".join(",".join(names) or "-" for names in row["expand"])
        table.add_row(
            row["resource"], row["id"] or "-", row["api_version"], str(row["takes"]),
            ",".join(map(str, row["statuses"])),
            str(row["redacted"]), row["recorded_at"][:10], expand,
        )  # fmt: skip
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 250  # lines stay whole for grep
    console.print(table)
