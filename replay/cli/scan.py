"""`replay scan`: secrets and private values in any tree of files."""

from __future__ import annotations

import click

FORMATS = ["text", "json", "sarif"]


@click.command("scan")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--format", "format_", type=click.Choice(FORMATS), default="text", show_default=True,
              help="How to print the result.")  # fmt: skip
@click.option("--diff", "base", metavar="BASE",
              help="Report only what this branch adds, compared with BASE.")  # fmt: skip
@click.option(
    "--history", is_flag=True, help="Scan every version of every file in the git history."
)
@click.option("--ignore-file", metavar="FILE",
              help="Accepted findings, with reasons. [default: replay-scan.toml]")  # fmt: skip
@click.option("--min-confidence", type=click.Choice(["high", "medium", "low"]), default="medium",
              show_default=True,
              help="The lowest confidence that makes the exit code 1.")  # fmt: skip
@click.pass_context
def scan_command(
    ctx: click.Context, paths: tuple[str, ...], format_: str, base: str | None, history: bool,
    ignore_file: str | None, min_confidence: str,
) -> None:  # fmt: skip
    """Find secrets and private values in any tree of files.

    Reads cassettes of replay, vcrpy and Ruby VCR, HAR files, JSON and any text. In replay's own
    cassettes it checks that each value is kept by the policy or listed as redacted. PATH is a file
    or a folder, by default the working directory. Values that were found are never printed.

    The exit code is 1 if something was found, and 2 if the scan could not be done.

    \b
    Examples:
      replay scan
      replay scan cassettes tests --format sarif
      replay scan --diff origin/main
      replay scan --history --min-confidence high
    """
    from replay.config import resolve
    from replay.errors import ConfigError
    from replay.redaction.policy_source import PolicySource
    from replay.scan import report
    from replay.scan.ignores import read_ignores
    from replay.scan.rules import Confidence
    from replay.scan.run import scan

    if (base is not None and history) or (paths and (base is not None or history)):
        raise ConfigError(
            "PATH, --diff and --history exclude each other", where="replay scan",
            hint="--diff and --history look at the whole checkout",
        )  # fmt: skip
    policy = PolicySource.of(resolve(mode="none")).load()
    found = scan(
        paths or ["."], policy, base=base, history=history, accepted=read_ignores(ignore_file)
    )
    write = {"text": report.to_text, "json": report.to_json, "sarif": report.to_sarif}[format_]
    click.echo(write(found), nl=False)
    ctx.exit(1 if found.failing(Confidence(min_confidence)) else 0)
