"""`replay record`: objects from the live API into a library."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import IO, Any

import click

from replay.cli.options import (
    allow_live_option,
    api_base_option,
    api_key,
    call_of,
    confirm_option,
    format_option,
    library_option,
    rate_option,
    require_own,
)
from replay.cli.progress import counting, second_ends_at_once
from replay.config import Config, resolve
from replay.errors import ConfigError, UpstreamError
from replay.library import Library
from replay.library.library import storage_of
from replay.library.location import display_path
from replay.library.lookup import find
from replay.model import json_body
from replay.model.modes import RecordMode
from replay.recording.paced_pool import Pace, run_paced
from replay.recording.recorder import Recorder
from replay.recording.related import Related, RelatedResult, as_asked, fetch_related, related_to
from replay.recording.twins import Result, Status, record
from replay.redaction.policy_source import PolicySource
from replay.stripe_api.call import Call
from replay.stripe_api.relations import relations
from replay.stripe_api.routes import Route, by_name

HINTS = {
    401: "check STRIPE_API_KEY: the source does not accept it",
    429: "the source limits the rate: try again later, or with a lower --rate",
    **dict.fromkeys((500, 502, 503, 504), "the source has a problem: try again later"),
}

_LISTED = 20
"""Of more results than this, only those that were refused are listed one by one."""


@click.command("record")
@click.argument("resource")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--api-version", "versions", multiple=True, metavar="VERSION",
              help="Record at this API version. Repeatable: several versions are fetched "
              "back to back. [default: the account's own version]")  # fmt: skip
@click.option("--expand", multiple=True, metavar="FIELD", help="Expand this field. Repeatable.")
@click.option("--ids-from", type=click.File("r", encoding="utf-8-sig"), metavar="FILE",
              help="Read more IDs from a file, one per line; - is standard input.")  # fmt: skip
@click.option("--mode", metavar="MODE", default="once", show_default=True,
              help="once keeps recordings, new_episodes adds to them, all "
              "replaces them.")  # fmt: skip
@api_base_option
@click.option("--account", metavar="ACCT", default="", help="Record from this connected account.")
@click.option("--context", metavar="CONTEXT", default="",
              help="Record in this context, as the header Stripe-Context names it.")  # fmt: skip
@click.option("--related", is_flag=True,
              help="Record the lists too that have what newer versions moved out of the object, "
              "such as the invoice payments of an invoice.")  # fmt: skip
@confirm_option
@allow_live_option
@rate_option
@library_option
@format_option
@click.pass_context
def record_command(
    ctx: click.Context, resource: str, ids: tuple[str, ...], versions: tuple[str, ...],
    expand: tuple[str, ...], ids_from: IO[str] | None, mode: str, api_base: str | None,
    account: str, context: str, related: bool, confirm: bool, allow_live: bool, rate: float,
    library: str | None, format_: str,
) -> None:  # fmt: skip
    """Record objects from the live API into a library.

    The API key comes from STRIPE_API_KEY. RESOURCE is a name such as invoice, invoice_payment or
    checkout/sessions. Write the ID of a nested object as parent/ID.

    Ctrl-C first completes twins that are half fetched. A second Ctrl-C stops at once.

    \b
    Exit codes:
      0  everything is recorded
      1  an object could not be recorded, or is recorded as an error such as 404;
         the others are recorded
      2  misuse or broken input
      4  the live source did not answer

    \b
    Examples:
      replay record invoice in_1MtHbELkdIwHu7ixl4OzzPMv
      replay record invoice in_1MtHbELkdIwHu7ixl4OzzPMv \\
          --api-version 2024-06-20 --api-version 2025-03-31.basil
      replay record invoice --ids-from ids.txt --expand payments
      replay record balance
      replay record balance --context acct_1MtHbELkdIwHu7ix
    """
    route = by_name(resource)
    config = resolve(library=library, mode=mode, api_base=api_base)
    if config.mode is RecordMode.NONE:
        raise ConfigError("mode none records nothing", where="--mode", hint="use once or all")
    named = _ids(route, ids, ids_from)
    for id in named:
        require_own(route, id, "record")
    objects = _objects(route, named, versions, expand, account, context)
    key = api_key()
    opened = Library(config.library, follow_links=config.follow_links)
    storage_of(opened).require_writable()
    policy = PolicySource.of(config)
    policy.load()  # a broken one ends the command here, and not each of its calls
    recorder = Recorder(opened, config.api_base, allow_live=allow_live, policy_source=policy)
    pace = Pace(rate)

    def work(calls: list[Call]) -> tuple[list[Result], list[RelatedResult]]:
        made = record(recorder, calls, key, config.mode, pace, account, context, confirm=confirm)
        lists: list[RelatedResult] = []
        with suppress(CancelledError):  # stopped: the object itself is kept
            for wanted in _related(recorder, made, account, context) if related else ():
                again = config.mode is RecordMode.ALL
                found = fetch_related(recorder, wanted, key, pace, again=again)
                lists.append(found)
        return made, lists

    try:
        with second_ends_at_once(), counting(len(objects), "recording") as advance:
            run = run_paced(objects, work, pace, advance=advance)
    finally:
        recorder.close()
    results = [result for made, _ in run.results for result in made]
    along = [result for _, made in run.results for result in made]
    if format_ == "json":
        document = _document(recorder.library, results) | {"related": related_rows(along)}
        click.echo(json.dumps(document, indent=2))
    else:
        show_related(along)
        _print(recorder.library, config, results)
    if run.interrupted:
        calls = sum(map(len, objects))
        click.echo(
            f"interrupted: {len(results)} of {calls} calls were made; with --mode once the same "
            "command goes on where this one stopped",
            err=True,
        )
        raise click.Abort
    refused = [result for result in results if result.status is Status.REFUSED]
    failed = refused or [result for result in results if result.http >= 400]
    silent = [result for result in refused if isinstance(result.error, UpstreamError)]
    ctx.exit(4 if silent and len(silent) == len(results) else 1 if failed else 0)


def _related(
    recorder: Recorder, results: Sequence[Result], account: str, context: str
) -> Iterator[Related]:
    """The lists that belong to the objects that were recorded, each once."""
    found: dict[Related, None] = {}
    for result in results:
        call, version = result.call, result.version
        recorded = find(recorder.library, call) if result.status is not Status.REFUSED else None
        if recorded is None or recorded.takes[-1].response.status >= 400:
            continue
        body = json_body.parse_recorded(recorded.takes[-1].response.body, str(call.key))
        for relation in relations(call.key.resource):
            if relation.holds(version) and relation.expand not in call.expand:
                wanted = related_to(relation, call.key, body, call.pinned, account, context)
                if wanted is not None:
                    found[wanted] = None
    yield from found


def show_related(results: Sequence[RelatedResult]) -> None:
    """Say which lists were fetched along; each that could not be is named."""
    counts = Counter((as_asked(each.related), each.status) for each in results)
    for (asked, status), count in sorted(counts.items()):
        if status is not Status.REFUSED:
            click.echo(f"related   {count} {asked}: {status}")
    for each in results:
        if each.status is Status.REFUSED:
            at = each.related.call.pinned or "the account's version"
            click.echo(
                f"related   {as_asked(each.related)} of {each.related.of} at {at}: not recorded; "
                f"{each.reason}",
                err=True,
            )


def related_rows(results: Sequence[RelatedResult]) -> list[dict[str, Any]]:
    """The lists that were fetched along, for machines."""
    return [
        {
            "resource": each.related.call.key.resource,
            "asked": each.related.call.pinned,
            "of": {
                "resource": each.related.of.resource,
                "id": "/".join((*each.related.of.parents, each.related.of.id)),
            },
            "status": each.status.value,
            "http": each.http or None,
            "reason": each.reason or None,
        }
        for each in results
    ]


def _ids(route: Route, ids: tuple[str, ...], ids_from: IO[str] | None) -> list[str]:
    found = list(ids)
    if ids_from is not None:
        try:
            lines = [line.partition("#")[0].strip() for line in ids_from]
        except (OSError, UnicodeDecodeError):
            raise ConfigError(
                "the IDs cannot be read: no text in UTF-8",
                where=f"--ids-from {ids_from.name}",
                hint="write one ID per line, in UTF-8",
            ) from None
        found.extend(line for line in lines if line)
    if not route.parameters:
        if found:
            raise ConfigError(
                f"{route.resource} has no ID",
                where=route.path,
                hint=f"replay record {route.resource}",
            )
        return [""]
    if not found:
        raise ConfigError(
            "there is no ID to record",
            where="ID",
            hint=f"replay record {route.resource} ID, or --ids-from FILE",
        )
    return list(dict.fromkeys(found))


def _objects(
    route: Route, ids: list[str], versions: tuple[str, ...], expand: tuple[str, ...],
    account: str, context: str,
) -> list[list[Call]]:  # fmt: skip
    pinned: list[str | None] = list(dict.fromkeys(versions)) or [None]
    return [
        [
            call_of(route, id, version=version, expand=expand, account=account, context=context)
            for version in pinned
        ]
        for id in ids
    ]


def _document(library: Library, results: list[Result]) -> dict[str, Any]:
    rows = [
        {
            "resource": result.call.key.resource,
            "id": "/".join((*result.call.key.parents, result.call.key.id)),
            "asked": result.call.pinned,
            "api_version": result.version or None,
            "status": result.status.value,
            "http": result.http or None,
            "reason": result.reason or None,
            "path": library.path(result.call.key, result.version)
            .relative_to(library.root)
            .as_posix()
            if result.version and result.status is not Status.REFUSED
            else None,
        }
        for result in results
    ]
    return {"format": 1, "results": rows, "summary": _summary(results)}


def _summary(results: list[Result]) -> dict[str, int]:
    return {status.value: sum(r.status is status for r in results) for status in Status}


_FETCHED = {Status.RECORDED, Status.UNCHANGED}


def _print(library: Library, config: Config, results: list[Result]) -> None:
    for result in results:
        refused = result.status is Status.REFUSED
        if not refused and len(results) > _LISTED:
            continue
        version = result.version or result.call.pinned or "the account's version"
        line = f"{result.status.value:<9}  {result.call.key} at {version}"
        if result.http >= 400 and result.status in _FETCHED:
            line += f" (the answer is an error: status {result.http})"
        if result.reason:
            line += f": {result.reason}"
        click.echo(line, err=refused)
        hint = result.error.hint if result.error is not None else HINTS.get(result.http, "")
        if refused and hint:
            click.echo(f"           next: {hint}", err=True)
    counts = ", ".join(f"{count} {name}" for name, count in _summary(results).items())
    click.echo(f"{counts} in {display_path(library.root)}")
    kept = {r.call.key for r in results if r.status is Status.KEPT}
    fresh = {r.call.key for r in results if r.status is Status.RECORDED}
    if kept & fresh:
        click.echo(
            "note: a kept and a new recording of one object were not fetched back to back, so a "
            "finding between them is at most likely; --mode all records both again, as twins",
            err=True,
        )
