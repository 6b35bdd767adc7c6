"""`replay seal`: accepts cassettes that a person edited."""

from __future__ import annotations

from pathlib import Path

import click

from replay.errors import ReplayError


@click.command("seal")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH..."
)
@click.pass_context
def seal_command(ctx: click.Context, paths: tuple[Path, ...]) -> None:
    """Accept cassettes that you edited: check them and renew their seal.

    An edit must be in the format, stand where its key belongs, and hold no secret and no value
    that the policy would replace. Files that fail are named and left as they are; the exit code
    is then 2, and the others are sealed.

    \b
    Examples:
      replay seal cassettes/invoices/in_1MtHbELkdIwHu7ixl4OzzPMv/2024-06-20.yaml
      git diff --name-only -- cassettes | xargs replay seal
    """
    from replay.sealing import seal

    failed = False
    for path in paths:
        try:
            done = "sealed" if seal(path) else "sealed already"
        except ReplayError as error:
            failed = True
            click.echo(f"not sealed: {error}", err=True)
        else:
            click.echo(f"{done}  {path}")
    ctx.exit(2 if failed else 0)
