"""`replay seal`: accepts cassettes that a person edited, and resolves git conflicts."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from replay.errors import CassetteForeign, ConfigError, ReplayError

if TYPE_CHECKING:
    from replay.library import Library
    from replay.redaction.policy import Policy


@click.command("seal")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH..."
)
@click.option("--redact", "redacting", is_flag=True,
              help="Replace, in place, values that the policy no longer keeps.")  # fmt: skip
@click.option("--merge", "merging", is_flag=True,
              help="Resolve a git conflict: keep the recordings of both sides.")  # fmt: skip
@click.pass_context
def seal_command(
    ctx: click.Context, paths: tuple[Path, ...], redacting: bool, merging: bool
) -> None:
    """Accept cassettes that you edited: check them and renew their seal.

    PATH is a cassette, or a folder with all cassettes below it. An edited cassette must be valid,
    be where its object belongs, and hold no secret and no value that the policy would replace.
    Files that fail are named and left as they are, and the others are sealed. The exit code is
    then 2.

    With --merge, a cassette in conflict gets the takes of both sides, oldest first. A take that
    both have is kept once. Both sides must be whole, and of the same object and version. They are
    read from git's index; a file that was edited after git wrote the conflict into it is refused.

    \b
    Examples:
      replay seal cassettes/invoices/in_1MtHbELkdIwHu7ixl4OzzPMv/2024-06-20.yaml
      git diff --name-only -- cassettes | xargs replay seal
      replay seal --redact cassettes
      replay seal --merge cassettes && git add cassettes
    """
    from replay.config import resolve
    from replay.library import Library
    from replay.redaction.policy_source import PolicySource
    from replay.session import run_folder

    if redacting and merging:
        raise ConfigError(
            "--redact and --merge exclude each other", where="replay seal",
            hint="merge first, then redact",
        )  # fmt: skip
    policy = PolicySource.of(resolve(mode="none")).load()
    act = _redacted if redacting else _merged if merging else _sealed
    failed = False
    for path in paths:
        failed |= _all(path, act, policy, merging) if path.is_dir() else _one(path, act, policy)
        if redacting and path.is_dir():
            run_folder.clear(Library(path))
    ctx.exit(2 if failed else 0)


Act = Callable[[Path, "Policy"], tuple[str, bool]]
"""Does one thing to a file. Returns a line that says what, and whether anything was to do."""


def _one(path: Path, act: Act, policy: Policy) -> bool:
    """Do it to one file; returns whether that failed."""
    try:
        said, _ = act(path, policy)
    except ReplayError as error:
        click.echo(f"not {_DONE[act]}: {error}", err=True)
        return True
    click.echo(said)
    return False


def _all(folder: Path, act: Act, policy: Policy, merging: bool) -> bool:
    """Do it to all cassettes below a folder; returns whether one failed."""
    from replay.library.library import storage_of

    count = changed = failed = 0
    for path in _below(folder, merging):
        count += 1
        try:
            said, anything = act(path, policy)
        except CassetteForeign:
            count -= 1
            continue
        except ReplayError as error:
            failed += 1
            click.echo(f"not {_DONE[act]}: {error}", err=True)
            continue
        if anything:
            changed += 1
            click.echo(said)
    for note in storage_of(_library(folder)).notes():
        click.echo(f"note: {note}", err=True)
    if not count:
        click.echo(f"there is no cassette in {folder}", err=True)
        return True
    click.echo(f"{folder}: {changed} of {count} {_DONE[act]}" + f", {failed} failed" * bool(failed))
    return bool(failed)


def _below(folder: Path, merging: bool) -> Iterator[Path]:
    from replay.library import names

    found = {folder / path for path in _library(folder).paths()}
    if merging:
        from replay.upkeep.merge import conflicted

        # Also files that git removed from the working tree.
        found.update(path for path in conflicted(folder) if names.is_cassette(path.name))
    return iter(sorted(found))


def _library(folder: Path) -> Library:
    from replay.library import Library

    return Library(folder, follow_links=_follows_links())


def _follows_links() -> bool:
    from replay.config import resolve

    return resolve(mode="none").follow_links


def _sealed(path: Path, policy: Policy) -> tuple[str, bool]:
    from replay.upkeep.seal import seal

    done = seal(path, policy, follow_links=_follows_links())
    return f"{'sealed' if done else 'sealed already'}  {path}", done


def _redacted(path: Path, policy: Policy) -> tuple[str, bool]:
    from replay.upkeep.reredact import redact_again

    change = redact_again(path, policy, follow_links=_follows_links())
    if change.looser:
        click.echo(
            f"note: the policy would keep {change.looser} values of {path} that are replaced"
            " there: they come back only with a new recording (--mode all)",
            err=True,
        )
    said = f"redacted {change.redacted} more" if change.any else "redacted already"
    return f"{said}  {path}", change.any


def _merged(path: Path, policy: Policy) -> tuple[str, bool]:
    from replay.upkeep.merge import merge

    done = merge(path, policy)
    if done is None:
        return f"no conflict  {path}", False
    ours, theirs = done.alone
    said = f"merged {done.takes} takes (both {done.both}, ours {ours}, theirs {theirs})  {path}"
    return said + f"\nnext: git add {shlex.quote(str(path))}" * done.indexed, True


_DONE: dict[Act, str] = {_sealed: "sealed", _redacted: "redacted", _merged: "merged"}
