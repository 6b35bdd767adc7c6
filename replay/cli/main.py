"""The command `replay`: finds the subcommand, and turns errors into exit codes.

Subcommands are imported when they run; their one-line help is here, so that ``replay
--help`` loads none of them.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

import click

from replay.errors import Refused, ReplayError

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""

_CODE_PAGES = os.name == "nt"
"""Whether Python writes another charset than UTF-8 to files and pipes, as on Windows up to 3.14."""

COMMANDS: dict[str, str] = {
    "record": "Record objects from the live API into a library.",
    "list": "List the recordings of a library.",
    "show": "Show a recorded object, or the steps of a scenario.",
    "verify": "Check that a library is undamaged, and that Stripe still answers the same.",
    "scenario": "Rename the scenarios of tests that were renamed.",
    "prune": "Remove recordings that no test plays, or that are too old, or of an old API version.",
    "seal": "Accept recordings that you edited: check them and renew their seal.",
    "upgrade": "Fetch every recorded call at another API version too.",
    "diff": "Report the differences between two API versions, from recordings alone.",
    "check": "Check hand-written doubles against the recordings of an API version.",
    "serve": "Serve a library to clients in any language.",
    "scan": "Find secrets and private values in any tree of files.",
    "doctor": "Say what is broken here, what would go online, and what to do.",
    "rules": "List the drift rules, or explain one with an example.",
}
"""Subcommand to its one-line help. The module of the same name in this package has it."""

EPILOG = """\b
Examples:
  replay record invoice in_1MtHbELkdIwHu7ixl4OzzPMv --api-version 2025-03-31.basil
  replay list --library cassettes
  replay diff 2024-06-20 2025-03-31.basil --resource invoice

\b
Exit codes:
  0 clean   1 findings   2 misuse or broken input
  3 nothing to compare   4 the live source did not answer"""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(
            import_module(f"replay.cli.{cmd_name}"), f"{cmd_name}_command"
        )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise _unknown("command", args[0], COMMANDS, ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as misuse:
            at = misuse.ctx or ctx
            names = [
                name
                for option in at.command.get_params(at)
                if isinstance(option, click.Option)
                for name in (*option.opts, *option.secondary_opts)
            ]
            raise _unknown("option", misuse.option_name, names, at) from None


def _unknown(what: str, word: str, known: Iterable[str], ctx: click.Context) -> click.UsageError:
    """Misuse that names the nearest word. Click names all near options, the nearest not first."""
    from difflib import get_close_matches

    names = {name.lstrip("-"): name for name in known}  # the dashes are no likeness
    near = get_close_matches(word.lstrip("-"), names, n=1)
    hint = f" Did you mean {names[near[0]]!r}?" if near else ""
    return click.UsageError(f"No such {what} {word!r}.{hint}", ctx)


@click.command(
    cls=_Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="replay-cassettes", message="%(version)s")
def cli() -> None:
    """Record Stripe's answers, replay them offline, prove what a version upgrade breaks."""


def main() -> None:
    """Run the command line; errors of replay go to stderr with what to do next."""
    if sys.stdout is None:
        closed = ReplayError(
            "the output cannot be written: it is closed", hint="give it a file, or /dev/null"
        )
        click.echo(f"error: {closed}", err=True)
        sys.exit(closed.exit_code)
    _write_any_character(sys.stdout, sys.stderr)
    try:
        code = cli.main(prog_name="replay", standalone_mode=False)
        sys.stdout.flush()
    except (ReplayError, Refused) as raised:
        error = raised.error if isinstance(raised, Refused) else raised
        click.echo(f"error: {error}", err=True)
        code = error.exit_code
    except click.Abort:
        click.echo("interrupted; what was done so far is kept", err=True)
        code = INTERRUPTED
    except click.ClickException as misuse:
        misuse.show()
        code = misuse.exit_code
    except OSError as error:
        code = _refused_by_the_system(error)
    sys.exit(code)


def _write_any_character(*streams: TextIO) -> None:
    """Make output that never fails for its characters, and UTF-8 in the files of each system."""
    for stream in streams:
        if isinstance(stream, TextIOWrapper):
            chosen = "PYTHONIOENCODING" in os.environ or stream.isatty()
            utf8 = _CODE_PAGES and not chosen  # reports are read by other programs
            stream.reconfigure(encoding="utf-8" if utf8 else None, errors="backslashreplace")


def _refused_by_the_system(error: OSError) -> int:
    if error.filename is not None:
        told = ReplayError(
            f"the system refused: {error.strerror}",
            where=str(error.filename),
            hint="give this user the right to read it, and to the folders above it",
        )
    elif not _has_working_directory():
        told = ReplayError(
            "the working directory no longer exists", hint="cd to a folder that exists"
        )
    else:
        # The program at the other end of a pipe has ended, or the disk is full: what is buffered
        # has nowhere to go.
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
        if error.errno == errno.EPIPE:
            return 0
        told = ReplayError(
            f"the output cannot be written: {error.strerror}", hint="make room, or write elsewhere"
        )
    click.echo(f"error: {told}", err=True)
    return told.exit_code


def _has_working_directory() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
