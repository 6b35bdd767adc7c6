"""`replay diff`: what differs between API versions, with evidence; the check that CI runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from replay.cli.options import format_option, library_option, open_library
from replay.routes import by_name

if TYPE_CHECKING:
    from replay.drift.findings import Report

NOTHING_TO_COMPARE = 3


@click.command("diff")
@click.argument("old", required=False)
@click.argument("new", required=False)
@click.option("--resource", metavar="RESOURCE", help="Only this resource, such as invoice.")
@library_option
@format_option
@click.option(
    "--fail-on",
    type=click.Choice(["breaking", "warning", "info", "never"]),
    default="breaking",
    show_default=True,
    help="The least severity that makes the exit code 1.",
)
@click.option(
    "--min-grade",
    type=click.Choice(["proven", "likely", "unobserved"]),
    default="likely",
    show_default=True,
    help="The least grade that makes the exit code 1. What is unobserved never does.",
)
@click.option("--require-source", metavar="HOST", help="Only recordings that this host answered.")
@click.option("-v", "--verbose", is_flag=True, help="Show evidence and witnesses.")
@click.pass_context
def diff_command(
    ctx: click.Context,
    old: str | None,
    new: str | None,
    resource: str | None,
    library: str | None,
    format_: str,
    fail_on: str,
    min_grade: str,
    require_source: str | None,
    verbose: bool,
) -> None:
    """Report what differs between two API versions, from recordings alone.

    Without OLD and NEW, every neighbouring pair of recorded versions is compared.

    \b
    Examples:
      replay diff 2024-06-20 2025-03-31.basil --resource invoice
      replay diff --fail-on warning --min-grade proven
      replay diff 2024-06-20 2025-03-31.basil --format json > drift.json

    \b
    Exit codes:
      0  no finding at or above the gate      2  misuse or broken input
      1  findings at or above the gate        3  nothing to compare
    """
    # Imported here, as everything that costs time: `replay --help` needs none of it.
    from replay.call import canonical_version
    from replay.drift.findings import Grade, Severity
    from replay.drift.report import report

    if old is not None and new is None:
        raise click.UsageError("Name two versions, or none for every neighbouring pair.", ctx)
    pair = (canonical_version(old, "OLD"), canonical_version(new, "NEW")) if old and new else None
    opened = open_library(library)
    found = report(opened, by_name(resource).resource if resource else None, pair, require_source)
    if format_ == "json":
        from replay.render.machine import to_json

        click.echo(to_json(found), nl=False)
    if not found.comparisons:
        _nothing(found, pair, resource)
        ctx.exit(NOTHING_TO_COMPARE)
    if format_ == "text":
        from replay.render.terminal import show

        show(found, sys.stdout, verbose=verbose)
    severity = None if fail_on == "never" else Severity[fail_on.upper()]
    ctx.exit(1 if found.fails(severity, Grade[min_grade.upper()]) else 0)


def _nothing(found: Report, pair: tuple[str, str] | None, resource: str | None) -> None:
    """Say on stderr what is recorded, and the recording that would give something to compare."""
    from replay.drift.report import recording

    what = f"{pair[0]} and {pair[1]} of one object" if pair else "one object at two versions"
    click.echo(f"nothing to compare: no recordings of {what}", err=True)
    for name, versions in found.recorded.items():
        click.echo(f"  recorded: {name} at {', '.join(versions)}", err=True)
    if not found.recorded:
        click.echo(f"  recorded: nothing of {resource or 'any resource'}", err=True)
    click.echo(f"  next: {recording(found, pair, resource)}", err=True)
