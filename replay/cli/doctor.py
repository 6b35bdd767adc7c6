"""`replay doctor`: what is broken here, what would go online, and the command that mends it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import click

from replay.cli.options import api_base_option, format_option, library_option


@click.command("doctor")
@click.option("--no-try", "untried", is_flag=True,
              help="List the HTTP clients without trying each one.")  # fmt: skip
@api_base_option
@library_option
@format_option
@click.pass_context
def doctor_command(
    ctx: click.Context, untried: bool, api_base: str | None, library: str | None, format_: str
) -> None:
    """Say what is broken here, what would go online, and what to do.

    The report has this environment (Python, replay, the Stripe SDK and the API version that it asks
    for), the settings with the place that each comes from, the HTTP clients, the pytest plugins
    that matter, and the state of the library. Each client is tried in mode none, at a server on
    this machine: nothing leaves it. Secrets are not shown. Nothing is written.

    \b
    Exit codes:
      0  clean   1  something is broken or would go online   2  misuse

    \b
    Examples:
      replay doctor
      replay doctor --library tests/cassettes
      replay doctor --format json > doctor.json
      replay doctor --no-try
    """
    from replay.cli.progress import counting
    from replay.doctor import report
    from replay.doctor.clients import clients
    from replay.doctor.installed import installed
    from replay.doctor.plugins import plugins
    from replay.doctor.recordings import recordings
    from replay.doctor.settings import settings, variables

    with ExitStack() as bars:

        def tell(what: str) -> Callable[[int], Callable[[], None]]:
            return lambda total: bars.enter_context(counting(total, what))

        in_force, config = settings(library, api_base)
        found = report.Report(
            (
                installed(),
                in_force,
                variables(),
                clients(tried=not untried, tell=tell("trying clients")),
                plugins(),
                *([recordings(config, tell("verifying"))] if config is not None else []),
            )
        )
    write = report.to_json if format_ == "json" else report.to_text
    click.echo(write(found), nl=False)
    ctx.exit(found.exit_code)
