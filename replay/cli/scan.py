"""`replay scan`: secrets and private values in any tree of files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from replay.cli.options import OneOf

FORMATS = ["text", "json", "sarif", "github", "markdown"]
CONFIDENCES = ["high", "medium", "low"]


@click.command("scan")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--format", "format_", type=OneOf(FORMATS), default="text", show_default=True,
              help="How to print the result.")  # fmt: skip
@click.option("--diff", "base", metavar="BASE",
              help="Report only what this branch adds. The policy and ignore file of BASE "
              "hold.")  # fmt: skip
@click.option(
    "--history", is_flag=True, help="Scan every file and message of the whole git history."
)
@click.option("--all", "every", is_flag=True,
              help="List every finding, not one row for those of one rule and field.")  # fmt: skip
@click.option("--ignore-file", metavar="FILE",
              help="Accepted findings, with reasons. [default: replay-scan.toml]")  # fmt: skip
@click.option("--min-confidence", type=OneOf(CONFIDENCES),
              help="Report only findings of at least this confidence, and fail if there is one. "
              "[default: report all, and fail from medium on]")  # fmt: skip
@click.pass_context
def scan_command(
    ctx: click.Context, paths: tuple[str, ...], format_: str, base: str | None, history: bool,
    every: bool, ignore_file: str | None, min_confidence: str | None,
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
    from replay.scan.run import Watch, scan, scan_branch

    if (base is not None and history) or (paths and (base is not None or history)):
        raise ConfigError(
            "PATH, --diff and --history exclude each other", where="replay scan",
            hint="--diff and --history look at the whole checkout",
        )  # fmt: skip
    if every and format_ == "markdown":
        raise click.UsageError("--format markdown is a bounded table: use --all with text or json.")
    least = Confidence(min_confidence) if min_confidence else None
    written = report.FORMATS[format_](every=every)

    def write(text: str) -> None:
        if text:
            charset = sys.stdout.encoding or "utf-8"
            click.echo(text.encode(charset, "backslashreplace").decode(charset), nl=False)

    on_disk = [] if base is not None or history else [*(paths or ["."])]
    with _progress(on_disk, quiet=every and sys.stdout.isatty()) as step:
        watch = Watch(hit=lambda hit: write(written.hit(hit)), file=step)
        if base is not None:
            found = scan_branch(base, ignore_file=ignore_file, least=least, watch=watch)
        else:
            policy = PolicySource.of(resolve(mode="none")).load()
            found = scan(on_disk, policy, history=history, accepted=read_ignores(ignore_file),
                         least=least, watch=watch)  # fmt: skip
    for part in written.end(found):
        write(part)
    ctx.exit(1 if found.failing(least or Confidence.MEDIUM) else 0)


@contextmanager
def _progress(paths: list[str], *, quiet: bool) -> Iterator[Callable[[], None]]:
    """A bar on a terminal while the block runs; call what it gives after each file."""
    from replay.cli.progress import counting
    from replay.scan.sources import files_on_disk

    shown = sys.stderr.isatty() and not quiet
    total = sum(1 for _ in files_on_disk(paths)) if shown and paths else None
    with counting(total if shown else 0, "scanning") as step:
        yield step
