"""`replay prune`: removes recordings that nobody needs any more."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from replay.cli.options import format_option, library_option, open_library, version_of
from replay.errors import ConfigError
from replay.library.library import storage_of
from replay.library.location import display_path

if TYPE_CHECKING:
    from replay.upkeep.prune import Pruning

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@click.command("prune")
@click.option("--unused", "listed", metavar="FILE", type=click.Path(path_type=Path),
              help="Only what this list names. [default: the library's own, as "
              "pytest --replay-unused=warn wrote it]")  # fmt: skip
@click.option("--before", metavar="DATE",
              help="Only what was recorded before this date, such as 2025-01-31. The list is then "
              "used only if --unused names it.")  # fmt: skip
@click.option("--api-version", metavar="VERSION",
              help="Only what was recorded at this version. The list is then used only if --unused "
              "names it.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Remove them. Without it, nothing is removed.")
@library_option
@format_option
@click.pass_context
def prune_command(
    ctx: click.Context, listed: Path | None, before: str | None, api_version: str | None,
    yes: bool, library: str | None, format_: str,
) -> None:  # fmt: skip
    """Remove recordings that no test plays, or that are too old, or of an old API version.

    It prints what would be removed, and removes it with --yes. Some recordings stay, and are
    listed with the reason: an object that a scenario names, a twin whose other version is in the
    library, and what was recorded since the list was made. The evidence of `replay upgrade` is
    never touched.

    The exit code is 1 if something would be removed and --yes is not given.

    \b
    Examples:
      pytest --replay-unused=warn && replay prune
      replay prune --yes
      replay prune --before 2025-01-01
      replay prune --api-version 2023-10-16 --yes
    """
    from replay.upkeep import prune

    opened = open_library(library)
    if before is not None and not _DATE.fullmatch(before):
        raise ConfigError("this is not a date", where="--before", hint="write 2025-01-31")
    version = version_of(api_version, "--api-version") if api_version else ""
    if yes:
        storage_of(opened).require_writable()
    by_list = listed is not None or not (before or version)
    unused = prune.read_unused(opened, listed) if by_list else None
    found = prune.plan(opened, unused=unused, before=before or "", version=version)
    gone = {
        path: at for path, at in found.removed.items() if yes and prune.remove(opened, path, at)
    }
    where = display_path(opened.root)
    if format_ == "json":
        shown = {
            "format": 1, "library": where, "removed": sorted(gone),
            "removable": found.removed, "kept": found.kept,
        }  # fmt: skip
        click.echo(json.dumps(shown, indent=1))
    else:
        _print(found, gone, where, yes=yes)
    ctx.exit(1 if found.removed and not yes else 0)


def _print(found: Pruning, gone: dict[str, str], where: str, *, yes: bool) -> None:
    shown = gone if yes else found.removed
    for path, at in sorted(shown.items()):
        click.echo(f"{at[:10]}  {path}")
    for path, why in sorted(found.kept.items()):
        click.echo(f"kept: {path}: {why}")
    count = len(shown)
    what = "1 recording" if count == 1 else f"{count} recordings"
    if yes:
        click.echo(f"removed {what} of {where}")
    elif count:
        click.echo(f"would remove {what} of {where}: to do it, add --yes", err=True)
    else:
        click.echo(f"nothing to remove in {where}", err=True)
