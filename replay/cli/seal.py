"""`replay seal`: accepts cassettes that a person edited."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from replay.errors import ReplayError

if TYPE_CHECKING:
    from replay.redaction.policy import Policy


@click.command("seal")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH..."
)
@click.option("--redact", "redacting", is_flag=True,
              help="Redact what the policy in force no longer keeps, in place.")  # fmt: skip
@click.pass_context
def seal_command(ctx: click.Context, paths: tuple[Path, ...], redacting: bool) -> None:
    """Accept cassettes that you edited: check them and renew their seal.

    An edit must be in the format, stand where its key belongs, and hold no secret and no value
    that the policy would replace. Files that fail are named and left as they are; the exit code
    is then 2, and the others are sealed.

    \b
    Examples:
      replay seal cassettes/invoices/in_1MtHbELkdIwHu7ixl4OzzPMv/2024-06-20.yaml
      git diff --name-only -- cassettes | xargs replay seal
      replay seal --redact cassettes/invoices/*/*.yaml
    """
    from replay.config import resolve
    from replay.masking import Rules
    from replay.sealing import seal

    policy = Rules.of(resolve(mode="none")).load()

    failed = False
    for path in paths:
        try:
            if redacting:
                done = _redacted(path, policy)
            else:
                done = "sealed" if seal(path, policy) else "sealed already"
        except ReplayError as error:
            failed = True
            click.echo(f"not sealed: {error}", err=True)
        else:
            click.echo(f"{done}  {path}")
    ctx.exit(2 if failed else 0)


def _redacted(path: Path, policy: Policy) -> str:
    from replay.reredacting import redact_again

    change = redact_again(path, policy)
    if change.looser:
        click.echo(
            f"note: the policy would keep {change.looser} values of {path} that are replaced"
            " there: they come back only with a new recording (--mode all)",
            err=True,
        )
    return f"redacted {change.redacted} more" if change.any else "redacted already"
