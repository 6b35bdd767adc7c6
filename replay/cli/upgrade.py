"""`replay upgrade`: every recorded call, at another API version too."""

from __future__ import annotations

import json
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import click

from replay.cli.options import (
    accounts_by_label,
    allow_live_option,
    api_base_option,
    api_key,
    confirm_option,
    format_option,
    library_option,
    rate_option,
    version_of,
)
from replay.cli.progress import counting, second_ends_at_once, watched
from replay.cli.record import HINTS, related_rows, show_related
from replay.config import Config, resolve
from replay.errors import ConfigError, UpstreamError
from replay.library import Library
from replay.library.library import storage_of
from replay.library.location import display_path
from replay.library.scenarios import lacking
from replay.model.cassette import ObjectKey
from replay.recording.paced_pool import Pace, run_paced
from replay.recording.recorder import Recorder
from replay.recording.related import Related, RelatedResult, as_asked, fetch_related
from replay.recording.upgrade import (
    Plan,
    Result,
    ResultKind,
    Skipped,
    SkipReason,
    Step,
    plan,
    upgrade,
)
from replay.redaction.policy_source import PolicySource
from replay.stripe_api.routes import by_name

NOTHING = 3
_LISTED = 20
_MOST_FILES = 5
_QUIET = {ResultKind.TWINS, ResultKind.KEPT}


@click.command("upgrade")
@click.argument("version")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--from", "since", metavar="VERSION",
              help="The old version. [default: each object's newest before VERSION]")  # fmt: skip
@click.option("--resource", metavar="RESOURCE", help="Only this resource, such as invoice.")
@click.option("--dry-run", is_flag=True, help="Only say what would be fetched.")
@click.option("-y", "--yes", is_flag=True, help="Do it without asking, as in CI.")
@click.option("--again", is_flag=True, help="Also fetch what has twins already.")
@click.option(
    "--errors", is_flag=True, help="Also fetch recorded errors such as 404, which tests may expect."
)
@click.option("--anew", is_flag=True, hidden=True, deprecated="It goes in replay 0.3: use --again.")
@click.option("--account", "accounts", multiple=True, metavar="ACCT",
              help="A connected account; recordings do not name theirs. Repeatable.")  # fmt: skip
@click.option("--context", "contexts", multiple=True, metavar="CONTEXT",
              help="As --account, for recordings made with a Stripe-Context.")  # fmt: skip
@confirm_option
@api_base_option
@allow_live_option
@rate_option
@library_option
@format_option
@click.pass_context
def upgrade_command(
    ctx: click.Context, version: str, ids: tuple[str, ...], since: str | None,
    resource: str | None, dry_run: bool, yes: bool, again: bool, errors: bool, anew: bool,
    accounts: tuple[str, ...], contexts: tuple[str, ...], confirm: bool,
    api_base: str | None, allow_live: bool, rate: float, library: str | None, format_: str,
) -> None:  # fmt: skip
    """Fetch every recorded call at another API version too.

    Each object, list and search is fetched again at its old version and at VERSION, back to back,
    with the same expanded fields and account. Such pairs are twins. `replay diff` can prove that
    differences between them are due to the version, and your tests can run on the new version:
    pytest --replay-api-version VERSION.

    The scenarios of tests that write cannot be fetched: their tests record them. Those that lack
    VERSION are counted, with the command.

    What the new version moved into a list of its own is fetched along: the invoice payments of an
    invoice, which name its payment intent since basil. A list that cannot be fetched is named, and
    changes no exit code.

    Where the two differ, the old version is fetched once more at once: what its second answer does
    not confirm may be due to time, and `replay diff` grades it so. --no-confirm leaves that out.

    The plan is printed first, and you are asked to confirm it. Objects that have twins already are
    left as they are, so an interrupted run goes on where it stopped. The API key comes from
    STRIPE_API_KEY.

    Old recordings are never changed. If an object has changed since, its old recording stays, and
    today's answer at the old version is kept as evidence under DIR/_evidence: it is compared, but
    never served. An object that no longer exists is named, and nothing is written for it. A call
    that answered with an error is left as it is, since it may have been recorded by mistake.

    \b
    Exit codes:
      0  every recorded call has twins now     3  nothing is recorded at an older version
      1  something could not be fetched        4  the live source did not answer
      2  misuse, broken input, or the plan was not confirmed

    \b
    Examples:
      replay upgrade 2025-03-31.basil --dry-run
      replay upgrade 2025-03-31.basil --yes
      replay upgrade 2025-03-31.basil --from 2024-06-20 --resource invoice
      replay upgrade 2025-03-31.basil --account acct_1MtHbELkdIwHu7ix
    """
    again = again or anew
    target = version_of(version, "VERSION")
    config = resolve(library=library, mode="all", api_base=api_base)
    opened = Library(config.library, follow_links=config.follow_links)
    storage_of(opened).require_writable()
    with watched(opened, what="reading recordings") as tell:
        found = plan(
            opened,
            target,
            since=version_of(since, "--from") if since else None,
            resource=by_name(resource).resource if resource else None,
            ids=ids,
            accounts=accounts_by_label(accounts, contexts),
            again=again,
            errors=errors,
            tell=tell,
        )
    machine = format_ == "json"
    written = () if resource or ids else lacking(storage_of(opened), target)
    _show_plan(opened, found, rate, confirm=confirm, to_stderr=machine)
    _show_scenarios(written, target, to_stderr=machine)
    if not found.steps:
        why = (
            f"all is recorded at {target}, and nothing at an older version: nothing to upgrade"
            if found.skipped
            and all(skipped.reason is SkipReason.NEW_ALREADY for skipped in found.skipped)
            else f"nothing of {display_path(opened.root)} can be fetched at an older version"
        )
        click.echo(why, err=True)
        ctx.exit(1 if any(skipped.is_missing for skipped in found.skipped) else NOTHING)
    done = _Done()
    if (found.wanted or found.related) and not dry_run:
        key = api_key()
        _agreed(yes)
        done = _fetch_all(
            config, opened, found, key, rate, allow_live=allow_live, again=again, confirm=confirm
        )
    if machine:
        click.echo(json.dumps(_document(found, done, dry_run, written), indent=2))
    elif not dry_run:
        _show(opened, found, done)
    if done.interrupted:
        raise click.Abort
    ctx.exit(0 if dry_run else _code(found, done))


@dataclass(frozen=True)
class _Done:
    """The result of a run.

    Attributes:
        results: in the order of the plan.
        related: of the lists that were fetched along.
        interrupted: whether Ctrl-C ended it.
    """

    results: list[Result] = field(default_factory=list)
    related: list[RelatedResult] = field(default_factory=list)
    interrupted: bool = False


def _agreed(yes: bool) -> None:
    """Ask whether to go online.

    Raises:
        ConfigError: there is no terminal to ask at.
        Exit: the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        raise ConfigError(
            "nothing was fetched: the plan was not confirmed, and there is no terminal to ask at",
            where="replay upgrade",
            hint="check the plan, and add --yes",
        )
    if not click.confirm("Go online and fetch this?", err=True):
        click.echo("nothing was fetched", err=True)
        raise click.exceptions.Exit(2)


def _fetch_all(
    config: Config,
    library: Library,
    plan: Plan,
    key: str,
    rate: float,
    *,
    allow_live: bool,
    again: bool,
    confirm: bool,
) -> _Done:
    """Fetch the twins of all objects, and the lists along with them.

    A key that the source refuses ends the run.
    """
    recorder, evidence = (
        Recorder(
            into,
            config.api_base,
            allow_live=allow_live,
            policy_source=PolicySource.of(config),
        )
        for into in (library, library.evidence)
    )
    pace = Pace(rate)

    along: dict[ObjectKey, list[Related]] = {}
    for wanted in plan.related:
        along.setdefault(wanted.of, []).append(wanted)
    objects = [(steps, _taken(along, steps)) for steps in plan.wanted]
    objects += [([], lists) for lists in along.values()]

    def work(group: tuple[list[Step], list[Related]]) -> _Made:
        results: list[Result] = []
        lists: list[RelatedResult] = []
        with suppress(CancelledError):  # stopped: what this object has until now is kept
            for step in group[0]:  # a comprehension that is stopped would give nothing at all
                done = upgrade(recorder, evidence, step, key, pace, again=again, confirm=confirm)
                results.append(done)
            gone = {each.step.old.key for each in results if not each.complete}
            for wanted in group[1]:
                if wanted.of in gone:
                    continue
                found = fetch_related(recorder, wanted, key, pace, again=again)
                lists.append(found)
        return results, lists

    def key_refused(made: _Made) -> bool:
        return any(result.http == 401 for result in made[0])

    try:
        with second_ends_at_once(), counting(len(objects), "fetching twins") as advance:
            run = run_paced(objects, work, pace, advance=advance, is_last=key_refused)
    finally:
        recorder.close()
        evidence.close()
    return _Done(
        [result for made, _ in run.results for result in made],
        [result for _, made in run.results for result in made],
        run.interrupted,
    )


_Made = tuple[list[Result], list[RelatedResult]]


def _taken(along: dict[ObjectKey, list[Related]], steps: Sequence[Step]) -> list[Related]:
    keys = dict.fromkeys(step.old.key for step in steps)
    return [wanted for key in keys for wanted in along.pop(key, ())]


def _code(found: Plan, done: _Done) -> int:
    silent = [r for r in done.results if isinstance(r.error, UpstreamError)]
    if silent and len(silent) == len(done.results):
        return 4
    fetched = len(done.results) == sum(map(len, found.wanted))
    complete = fetched and all(result.complete for result in done.results)
    return 0 if complete and not any(skipped.is_missing for skipped in found.skipped) else 1


def _show_plan(
    library: Library, found: Plan, rate: float, *, confirm: bool, to_stderr: bool
) -> None:
    def say(text: str) -> None:
        click.echo(text, err=to_stderr)

    say(f"{display_path(library.root)} to {found.target}:")
    rows = Counter(
        (step.old.key.resource + " lists" * step.old.route.collection, step.old.pinned or "")
        for steps in found.wanted
        for step in steps
    )
    for (name, version), count in sorted(rows.items()):
        say(f"  fetch  {count} {name} at {version} and {found.target}")
    lists = Counter((wanted.of.resource, as_asked(wanted)) for wanted in found.related)
    for (name, asked), count in sorted(lists.items()):
        say(f"  fetch  {count} {asked} at {found.target}, where fields of {name} are now")
    if found.kept:
        say(f"  keep   {len(found.kept)} that have twins already (--again fetches them again)")
    for why, number in sorted(Counter(skipped.reason for skipped in found.skipped).items()):
        names = ", ".join(
            sorted(_named(skipped.key) for skipped in found.skipped if skipped.reason is why)[:3]
        )
        more = ", …" if number > 3 else ""
        say(f"  leave  {number} that {_plural(why, number)}: {names}{more}")
    if any(skipped.reason is SkipReason.ACCOUNT for skipped in found.skipped):
        say("         name it: --account ACCT, or what it was asked for in: --context CONTEXT")
    if any(skipped.reason is SkipReason.PSEUDONYM for skipped in found.skipped):
        say("         record them with their tests: REPLAY_API_VERSION=… pytest --replay-mode=once")
    if any(skipped.reason is SkipReason.ERROR for skipped in found.skipped):
        say("         if your tests expect these errors, fetch them too: --errors")
    if not found.calls:
        say("  nothing to fetch")
        return
    minutes, seconds = divmod(round(found.calls / rate), 60)
    time = f"{minutes} min {seconds} s" if minutes else f"{max(seconds, 1)} s"
    say(f"  {found.calls} calls, at least {time} at {rate:g} calls per second")
    if confirm:
        say("  and one more for each object whose versions differ (--no-confirm leaves it out)")


def _show_scenarios(names: Sequence[str], target: str, *, to_stderr: bool) -> None:
    """Name the scenarios that lack the version, and the command by which their tests record it."""
    if not names:
        return
    shown = ", ".join(names[:3]) + ", …" * (len(names) > 3)
    what = "1 scenario is" if len(names) == 1 else f"{len(names)} scenarios are"
    files = sorted({name.partition("::")[0] for name in names if "::" in name})
    tests = " ".join(map(shlex.quote, files)) if 0 < len(files) <= _MOST_FILES else ""
    click.echo(f"  tests  {what} not recorded at {target}: {shown}", err=to_stderr)
    command = f"pytest --replay-mode=all --replay-api-version {target} {tests}".rstrip()
    click.echo(f"         record them with their tests: {command}", err=to_stderr)


def _plural(why: SkipReason, number: int) -> str:
    text = str(why)
    if number == 1:
        return text
    for one, many in (("has ", "have "), ("is ", "are "), ("belongs ", "belong ")):
        if text.startswith(one):
            return many + text.removeprefix(one)
    return text


def _named(key: ObjectKey) -> str:
    return str(key) + (" of a connected account" if key.account else "")


def _show(library: Library, found: Plan, done: _Done) -> None:
    for result in sorted(done.results, key=lambda result: str(result.step.old.key)):
        fine = result.complete
        if fine and result.kind in _QUIET and not result.reason and len(done.results) > _LISTED:
            continue
        step = result.step
        line = f"{result.kind!s:<8}  {_named(step.old.key)} from {step.old.pinned}"
        if step.old.expand:
            line += f" with expand {', '.join(step.old.expand)}"
        line += f": {result.reason}" if result.reason else ""
        click.echo(line, err=not fine)
        hint = result.error.hint if result.error is not None else HINTS.get(result.http, "")
        if hint and not fine:
            click.echo(f"          next: {hint}", err=True)
    show_related(done.related)
    counts = _counts(found, done)
    words = ", ".join(f"{counts[name]} {name}" for name in ResultKind)
    click.echo(f"{words} in {display_path(library.root)}")
    looked = [result for result in done.results if result.unconfirmed is not None]
    if looked:
        moving = sum(bool(result.unconfirmed) for result in looked)
        click.echo(
            f"{len(looked)} differ, and were fetched once more at the old version: "
            + (f"{moving} had changed meanwhile" if moving else "none had changed meanwhile")
        )
    missed = sum(map(len, found.wanted)) - len(done.results)
    if missed:
        click.echo(f"not reached: {missed}. The same command goes on from here", err=True)
    elif counts[ResultKind.TWINS] + counts[ResultKind.MOVED] + counts[ResultKind.KEPT]:
        version = next((s.old.pinned for s in found.steps), "")
        shown = display_path(library.root)
        where = "" if shown == "cassettes" else f" --library {shown}"
        click.echo(f"next: replay diff {version} {found.target}{where}")
        click.echo(f"      pytest --replay-api-version {found.target}")


def _counts(found: Plan, done: _Done) -> dict[str, int]:
    counts = {name: sum(result.kind is name for result in done.results) for name in ResultKind}
    counts[ResultKind.KEPT] += len(found.kept)
    return {str(name): count for name, count in counts.items()}


def _document(found: Plan, done: _Done, dry_run: bool, written: Sequence[str]) -> dict[str, Any]:
    rows = [_row(result.step, result) for result in done.results]
    rows += [_row(step, None) for steps in found.wanted for step in steps] if dry_run else []
    return {
        "format": 1,
        "target": found.target,
        "dry_run": dry_run,
        "calls": found.calls,
        "results": rows,
        "related": related_rows(done.related),
        "kept": [_row(step, None) for step in found.kept],
        "left": [_skipped(skipped) for skipped in found.skipped],
        "scenarios": list(written),
        "summary": _counts(found, done),
        "interrupted": done.interrupted,
    }


def _row(step: Step, result: Result | None) -> dict[str, Any]:
    return {
        "resource": step.old.key.resource,
        "id": "/".join((*step.old.key.parents, step.old.key.id)),
        "collection": step.old.route.collection,
        "account": step.old.key.account or None,
        "expand": list(step.old.expand),
        "old": step.old.pinned,
        "new": step.new.pinned,
        "became": str(result.kind) if result is not None else None,
        "http": result.http or None if result is not None else None,
        "reason": (result.reason if result is not None else step.twins) or None,
        "unconfirmed": list(result.unconfirmed)
        if result is not None and result.unconfirmed is not None
        else None,
    }


def _skipped(skipped: Skipped) -> dict[str, Any]:
    key = skipped.key
    return {
        "resource": key.resource,
        "id": "/".join((*key.parents, key.id)),
        "account": key.account or None,
        "reason": str(skipped.reason),
    }
