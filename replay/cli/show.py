"""`replay show`: one recorded object."""

from __future__ import annotations

import json
from typing import Any

import click

from replay.cli.options import (
    call_of,
    format_option,
    library_option,
    open_library,
    require_own,
)
from replay.config import resolve
from replay.model import json_body
from replay.model.cassette import Cassette, Interaction
from replay.redaction.policy_source import PolicySource
from replay.session.not_recorded import refusal
from replay.stripe_api.call import expand_of
from replay.stripe_api.routes import by_name


@click.command("show")
@click.argument("resource")
@click.argument("id", default="")
@click.option("--api-version", metavar="VERSION", help="Show this version. [default: all]")
@library_option
@format_option
def show_command(
    resource: str, id: str, api_version: str | None, library: str | None, format_: str
) -> None:
    """Show a recorded object, or the steps of a scenario.

    RESOURCE is a name such as invoice or checkout/sessions. Write the ID of a nested object as
    parent/ID. For a scenario, write the word scenario and its name: a test's node ID, or the name
    that you gave. What is sent is shown as the file has it: docs/scenario-format.md.

    \b
    Examples:
      replay show invoice in_1MtHbELkdIwHu7ixl4OzzPMv
      replay show invoice in_1MtHbELkdIwHu7ixl4OzzPMv --api-version 2024-06-20 --format json
      replay show scenario tests/test_refund.py::test_refund
    """
    opened = open_library(library)
    if resource == "scenario":
        from replay.cli.scenario import show_scenario

        show_scenario(opened, id, api_version, format_)
        return
    route = by_name(resource)
    call = call_of(route, id, version=api_version)
    cassettes = opened.recorded(call.key)
    if api_version is not None:
        cassettes = tuple(c for c in cassettes if c.api_version == call.pinned)
    if not cassettes:
        require_own(route, id, "show")
        raise refusal(opened, call, PolicySource.of(resolve()))
    for cassette in cassettes:
        json_body.require_readable(cassette, str(opened.path(cassette.key, cassette.api_version)))
    rows = [_row(c, n, take) for c in cassettes for n, take in enumerate(c.interactions)]
    if format_ == "json":
        click.echo(json.dumps({"format": 1, "takes": rows}, indent=2))
        return
    for row, take in zip(rows, (t for c in cassettes for t in c.interactions), strict=True):
        name = " ".join(part for part in (row["resource"], row["id"]) if part)
        click.secho(f"# {name} at {row['api_version']}, take {row['take']}", bold=True)
        expand = f", expand {', '.join(row['expand'])}" if row["expand"] else ""
        click.echo(
            f"# status {row['status']}, recorded {row['recorded_at']} from {row['source']}{expand}"
        )
        click.echo(f"# {len(row['redacted'])} values are stand-ins")
        click.echo(take.response.body.decode("ascii"))


def _row(cassette: Cassette, number: int, take: Interaction) -> dict[str, Any]:
    return {
        "resource": cassette.key.resource,
        "id": "/".join((*cassette.key.parents, cassette.key.id)),
        "api_version": cassette.api_version,
        "take": number,
        "status": take.response.status,
        "recorded_at": take.recorded_at,
        "source": take.source,
        "batch": take.batch or None,
        "unconfirmed": None if take.unconfirmed is None else list(take.unconfirmed),
        "equal_values": dict(take.equal_values),
        "expand": list(expand_of(take.request)),
        "redacted": dict(take.redacted),
        "body": json_body.parse_recorded(take.response.body, cassette.api_version)
        if take.response.body
        else None,
    }
