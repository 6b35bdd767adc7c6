"""Write the pages of the manual that are made from the code's own data.

``.venv/bin/python scripts/generate_docs.py`` writes them; a test compares what it would write.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import click
from draw_rooms import Picture, look

import replay
from replay.cli.main import COMMANDS, cli
from replay.drift.judge.rules import RULES
from replay.model.modes import DECISIONS, RecordMode
from replay.stripe_api import routes

DOCS = Path(__file__).parents[1] / "docs"
MADE = "<!-- Made by scripts/generate_docs.py. Do not edit. -->\n"


def commands() -> str:
    """Every command's help."""
    parts = ["# Commands\n", MADE, _help(cli, "replay")]
    for name in COMMANDS:
        command: click.Command = getattr(
            importlib.import_module(f"replay.cli.{name}"), f"{name}_command"
        )
        parts.append(f"## replay {name}\n\n" + _help(command, f"replay {name}"))
        if isinstance(command, click.Group):
            parts += [
                _help(one, f"replay {name} {below}") for below, one in command.commands.items()
            ]
    return "\n".join(parts)


def _help(command: click.Command, name: str) -> str:
    context = click.Context(command, info_name=name, max_content_width=90)
    return f"```text\n{command.get_help(context)}\n```\n"


def modes() -> str:
    """The decision table."""
    head = "| the key's cassette | " + " | ".join(f"`{mode}`" for mode in RecordMode) + " |"
    rows = [
        f"| {state} | " + " | ".join(row[mode].value for mode in RecordMode) + " |"
        for state, row in DECISIONS.items()
    ]
    text = (
        "The mode decides what replay does with a call. The default is `none`, everywhere:\n"
        "nothing is recorded.\n\n"
        "- `none` replays only. Use it every day, and in CI.\n"
        "- `once` also records the calls that have no recording yet. Use it for a new test.\n"
        "- `new_episodes` also records more takes when those of a call are used up.\n"
        "- `all` records everything again, each call once per run of the tests. The old file is\n"
        "  replaced when a session that made the call ends without a failure.\n\n"
        "Set it for a run with `REPLAY_MODE=once` or `pytest --replay-mode once`, for one test in\n"
        'its marker or decorator (`mode="once"`), for a project in its\n'
        "[configuration](configuration.md), which also says which of these wins.\n\n"
        "Each call has its own cassette. Two requests are the same call if they ask for the same\n"
        "path, with the same parameters, for the same account, at the same API version; expanded\n"
        "fields are parameters too. A **take** is one recorded answer. A cassette can hold\n"
        "several, which are replayed in order; the last one is then repeated. So identical takes\n"
        "at the end of a recording are stored once.\n\n"
        "This table is the program's own:\n"
    )
    rule = "|---" * (len(RecordMode) + 1) + "|"
    return "\n".join(["# Record modes\n", MADE, text, head, rule, *rows]) + "\n"


def resources() -> str:
    """The route table."""
    found = routes.retrieves()
    rows = [
        f"| `{route.resource}` | `{route.path}` | {', '.join(route.objects)} |" for route in found
    ]
    text = (
        f"These are the {len(found)} retrieve calls that can be recorded. A command's RESOURCE is\n"
        "the name in the first column, or the type in the last one: `invoices` or `invoice`. Some\n"
        "are old spellings of others. The test that asks for a list or search records it.\n"
    )
    head = "| resource | path | answers with |\n|---|---|---|"
    return "\n".join(["# Resources\n", MADE, text, head, *rows]) + "\n"


def rules() -> str:
    """The drift rules."""
    text = (
        "Each finding of `replay diff` has a rule. Its severity is the default for code that\n"
        "reads the response; the evidence can change it. The mirror is the rule that applies when\n"
        "old and new change places. Recordings are a sample: each rule says when its finding\n"
        "would be wrong, and what settles it. `replay rules RULE` prints one rule.\n"
    )
    parts = ["# Drift rules\n", MADE, text, "| rule | severity | mirror |\n|---|---|---|"]
    parts += [
        f"| [{r.id}](#{r.id}) | {r.severity} | {r.mirror or 'none'} |" for r in RULES.values()
    ]
    for rule in RULES.values():
        why = f"\n\n{rule.why}" if rule.why else ""
        parts.append(f"\n## {rule.id}\n\n{rule.meaning}{why}")
        parts.append(f"\n*When it would be wrong*: {rule.wrong}")
        parts.append(f"\n*What settles it*: {rule.settles}")
        if rule.old:
            parts.append(f"\n```text\nold  {rule.old}\nnew  {rule.new}\n```")
    return "\n".join(parts) + "\n"


def rooms() -> str:
    """The picture of which rooms import which."""
    return Picture(look(Path(replay.__file__).parents[1])).svg()


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands,
    "modes.md": modes,
    "resources.md": resources,
    "rooms.svg": rooms,
    "rules.md": rules,
}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
