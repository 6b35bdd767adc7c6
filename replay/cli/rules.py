"""`replay rules`: the drift rules, listed or explained."""

from __future__ import annotations

import sys

import click

from replay.cli.options import format_option


@click.command("rules")
@click.argument("rule", required=False)
@format_option
def rules_command(rule: str | None, format_: str) -> None:
    """List the drift rules, or explain one with an example.

    \b
    Examples:
      replay rules
      replay rules field-moved
      replay rules --format json
    """
    from replay.drift.judge.rules import CATALOGUE, by_id

    chosen = CATALOGUE if rule is None else (by_id(rule),)
    if format_ == "json":
        from replay.render.machine import rules_to_json

        click.echo(rules_to_json(chosen), nl=False)
        return
    from replay.render.terminal import show_rule, show_rules

    if rule is None:
        show_rules(chosen, sys.stdout)
    else:
        show_rule(chosen[0], sys.stdout)
