"""`replay seal`: accepts recordings that a person edited, and resolves git conflicts."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

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
@click.option("--take", "side", type=click.Choice(("ours", "theirs")),
              help="With --merge: the side of a scenario that is kept, whole.")  # fmt: skip
@click.pass_context
def seal_command(
    ctx: click.Context, paths: tuple[Path, ...], redacting: bool, merging: bool, side: str | None
) -> None:
    """Accept recordings that you edited: check them and renew their seal.

    PATH is a cassette or a scenario, or a folder with all of them below it. An edited cassette must
    be valid, be where its object belongs, and hold no secret and no value that the policy would
    replace; nor may a scenario, in what was sent and in the answers. Files that fail are named and
    left as they are, and the others are sealed. The exit code is then 2.

    With --merge, a cassette in conflict gets the takes of both sides, oldest first. A take that
    both have is kept once. Both sides must be whole, and of the same object and version. They are
    read from git's index; a file that was edited after git wrote the conflict into it is refused.
    A scenario is one run of a test, so --take says which side stays; the other one is dropped.

    \b
    Examples:
      replay seal cassettes/invoices/in_1MtHbELkdIwHu7ixl4OzzPMv/2024-06-20.yaml
      git diff --name-only -- cassettes | xargs replay seal
      replay seal --redact cassettes
      replay seal --merge cassettes && git add cassettes
      replay seal --merge --take theirs cassettes/scenarios && git add cassettes
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
    if side is not None and not merging:
        raise ConfigError(
            "--take belongs to --merge", where="replay seal", hint="replay seal --merge --take …"
        )
    policy = PolicySource.of(resolve(mode="none")).load()
    verb: Verb = "redacted" if redacting else "merged" if merging else "sealed"
    acts: dict[Verb, Act] = {
        "sealed": _sealed, "redacted": _redacted, "merged": partial(_merged, side=side)
    }  # fmt: skip
    failed = False
    for path in paths:
        do = _all if path.is_dir() else _one
        failed |= do(path, acts[verb], policy, verb)
        if redacting and path.is_dir():
            run_folder.clear(Library(path))
    ctx.exit(2 if failed else 0)


Verb = Literal["sealed", "redacted", "merged"]
Act = Callable[[Path, "Policy"], tuple[str, bool]]
"""Does one thing to a file. Returns a line that says what, and whether anything was to do."""


def _one(path: Path, act: Act, policy: Policy, verb: Verb) -> bool:
    """Do it to one file; returns whether that failed."""
    try:
        said, _ = act(path, policy)
    except ReplayError as error:
        click.echo(f"not {verb}: {error}", err=True)
        return True
    click.echo(said)
    return False


def _all(folder: Path, act: Act, policy: Policy, verb: Verb) -> bool:
    """Do it to all cassettes and scenarios below a folder; returns whether one failed."""
    from replay.library.library import storage_of

    count = changed = failed = 0
    for path in _below(folder, merging=verb == "merged"):
        count += 1
        try:
            said, anything = act(path, policy)
        except CassetteForeign:
            count -= 1
            continue
        except ReplayError as error:
            failed += 1
            click.echo(f"not {verb}: {error}", err=True)
            continue
        if anything:
            changed += 1
            click.echo(said)
    for note in storage_of(_library(folder)).notes():
        click.echo(f"note: {note}", err=True)
    if not count:
        click.echo(f"there is no cassette in {folder}", err=True)
        return True
    click.echo(f"{folder}: {changed} of {count} {verb}" + f", {failed} failed" * bool(failed))
    return bool(failed)


def _below(folder: Path, *, merging: bool) -> Iterator[Path]:
    from replay.library import names, scenarios
    from replay.library.library import storage_of

    library = _library(folder)
    found = {folder / path for path in (*library.paths(), *scenarios.paths(storage_of(library)))}
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
    from replay.upkeep import scenario_files
    from replay.upkeep.seal import seal

    data = _scenario(path)
    if data is not None:
        done = scenario_files.seal(path, policy, data)
    else:
        done = seal(path, policy, follow_links=_follows_links())
    return f"{'sealed' if done else 'sealed already'}  {path}", done


def _redacted(path: Path, policy: Policy) -> tuple[str, bool]:
    from replay.upkeep import scenario_files
    from replay.upkeep.reredact import redact_again

    data = _scenario(path)
    if data is not None:
        scenario_files.prove(path, policy, data)
        return f"redacted already  {path}", False
    change = redact_again(path, policy, follow_links=_follows_links())
    if change.looser:
        click.echo(
            f"note: the policy would keep {change.looser} values of {path} that are replaced"
            " there: they come back only with a new recording (--mode all)",
            err=True,
        )
    said = f"redacted {change.redacted} more" if change.any else "redacted already"
    return f"{said}  {path}", change.any


def _scenario(path: Path) -> bytes | None:
    """The bytes of a file, if it is a scenario."""
    from replay.library import files
    from replay.library.format import seals
    from replay.upkeep.scenario_files import is_scenario

    found = files.read(str(path), str(path.parent), seals.MAX_BYTES, follow_links=_follows_links())
    return found[0] if found is not None and is_scenario(found[0]) else None


def _merged(path: Path, policy: Policy, *, side: str | None) -> tuple[str, bool]:
    from replay.library.names import SCENARIOS
    from replay.upkeep.merge import conflict_of, merge
    from replay.upkeep.scenario_files import is_scenario, take_side

    if SCENARIOS in path.absolute().parts:
        conflict = conflict_of(path)
        if conflict is not None and (is_scenario(conflict.ours) or is_scenario(conflict.theirs)):
            take_side(path, policy, conflict, side)
            said = f"took {side}  {path}"
            return said + f"\nnext: git add {shlex.quote(str(path))}" * conflict.indexed, True
    done = merge(path, policy)
    if done is None:
        return f"no conflict  {path}", False
    ours, theirs = done.alone
    said = f"merged {done.takes} takes (both {done.both}, ours {ours}, theirs {theirs})  {path}"
    return said + f"\nnext: git add {shlex.quote(str(path))}" * done.indexed, True
