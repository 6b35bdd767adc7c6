"""`replay diff`: the differences between API versions, with evidence; the check that CI runs."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from replay.cli.options import OneOf, library_option, open_library
from replay.errors import printable
from replay.library.library import storage_of
from replay.library.location import display_path
from replay.stripe_api.routes import by_name

if TYPE_CHECKING:
    from replay.drift.acceptance.settings import DriftSettings
    from replay.drift.judge.findings import Finding, Report, Sides
    from replay.drift.observe.gather import Progress
    from replay.library import Library
    from replay.render.brief import Advice

NOTHING_TO_COMPARE = 3
FORMATS = ("text", "json", "markdown", "junit", "sarif", "github", "html", "brief")
MATRIX_FORMATS = ("text", "json", "html")
OBJECT_FORMATS = ("text", "json")
KINDS = ("breaking", "warning", "info", "accepted")
_BASELINE = "replay-drift.json"


@click.command("diff")
@click.argument("old", required=False)
@click.argument("new", required=False)
@click.option("--resource", metavar="RESOURCE", help="Only this resource, such as invoice.")
@click.option("--id", metavar="ID", help="Show one object at OLD and NEW, value by value.")
@click.option("--expand", metavar="FIELD", multiple=True,
              help="With --id: the recordings that expand this. Repeatable.")  # fmt: skip
@library_option
@click.option("--old-library", metavar="DIR", help="Take the old side from this library.")
@click.option(
    "--same-account",
    is_flag=True,
    help="With --old-library: both libraries were recorded with one account, so objects that"
    " only one of them has are evidence too.",
)
@click.option(
    "--since", metavar="VERSION", help="Compare every neighbouring pair from this version on."
)
@click.option(
    "--same-version",
    metavar="VERSION",
    help="Compare this version before and after a date: needs --before.",
)
@click.option(
    "--before", metavar="DATE", help="With --same-version: recordings before DATE are the old side."
)
@click.option("--matrix", is_flag=True, help="Show where each field was seen first and last.")
@click.option(
    "--spec",
    "specs",
    metavar="FILE",
    multiple=True,
    help="Compare the recordings of one version (OLD) with an OpenAPI file instead. Given twice,"
    " and without a version: compare two such files, for what is recorded.",
)
@click.option(
    "--format",
    "format_",
    type=OneOf(FORMATS),
    default="text",
    show_default=True,
    help="How to print the result.",
)
@click.option(
    "--show",
    "shown",
    type=OneOf(KINDS),
    multiple=True,
    help="Print only these findings; the summary and the exit code count all. Repeatable.",
)
@click.option("--output", metavar="FILE", help="Write the result to a file.")
@click.option(
    "--fail-on",
    type=OneOf(["breaking", "warning", "info", "never"]),
    help="The lowest severity that makes the exit code 1."
    " [default: the configuration's, or breaking]",
)
@click.option(
    "--min-grade",
    type=OneOf(["proven", "likely", "unobserved"]),
    help="The lowest grade that makes the exit code 1; unobserved never does."
    " [default: the configuration's, or likely]",
)
@click.option(
    "--baseline",
    metavar="FILE",
    help=f"The accepted findings. [default: the configuration's, or {_BASELINE}]",
)
@click.option("--accept", is_flag=True, help="Write the findings that fail now into the baseline.")
@click.option("--finding", "findings", multiple=True, metavar="FINGERPRINT",
              help="With --accept: accept, or renew, only this finding. Repeatable.")  # fmt: skip
@click.option("--reason", metavar="TEXT", help="With --accept: why.")
@click.option(
    "--expires", metavar="DATE", help="With --accept: the last day on which it is accepted."
)
@click.option("--used", metavar="FILE",
              help="List findings on fields that tests read before the others, with the lines "
              "that read them; FILE is written by pytest --replay-track-fields.")  # fmt: skip
@click.option(
    "--fail-on-used",
    is_flag=True,
    help="With --used: only findings on fields that tests read make the exit code 1.",
)
@click.option(
    "--apply",
    is_flag=True,
    help="With --used: print the renames that can be made in your code, as a unified diff, and"
    " on stderr the lines that are left to you. No file is touched.",
)
@click.option("--write", is_flag=True, help="With --apply: write the files too.")
@click.option("--witnesses", metavar="DIR",
              help="Write a small test for each break that is proven: it passes at OLD and fails "
              "at NEW, as REPLAY_API_VERSION says.")  # fmt: skip
@click.option(
    "--require-source", metavar="HOST", help="Use only recordings of answers from this host."
)
@click.option(
    "--processes",
    metavar="N",
    type=click.IntRange(min=1),
    help="Use at most N processes, and only if the library is large. [default: one for each core]",
)
@click.option("-v", "--verbose", is_flag=True,
              help="Show evidence and witnesses; with --id, unchanged values too.")  # fmt: skip
@click.pass_context
def diff_command(ctx: click.Context, /, **options: Any) -> None:
    """Report the differences between two API versions, from recordings alone.

    Without OLD and NEW, every neighbouring pair of recorded versions is compared.

    \b
    Examples:
      replay diff 2024-06-20 2025-03-31.basil --resource invoice
      replay diff --fail-on warning --min-grade proven
      replay diff --show breaking --show warning
      replay diff 2024-06-20 2025-03-31.basil --format html --output drift.html
      replay diff --same-version 2024-06-20 --before 2026-01-01
      replay diff --old-library ../main/cassettes
      replay diff 2024-06-20 2025-03-31.basil --used used-fields.json --fail-on-used
      replay diff 2024-06-20 2025-03-31.basil --used used-fields.json --apply
      replay diff 2024-06-20 2025-03-31.basil --used used-fields.json --format brief
      replay diff 2024-06-20 2025-03-31.basil --witnesses tests/witnesses
      replay diff --matrix --resource invoice
      replay diff 2024-06-20 2025-03-31.basil --id in_1MtHbELkdIwHu7ixl4OzzPMv
      replay diff 2025-03-31.basil --spec openapi.json
      replay diff --spec spec-acacia.json --spec spec-basil.json
      replay diff --accept --reason "read from parent since #41" --expires 2027-01-31

    \b
    Exit codes:
      0  no finding at or above the gate      2  misuse or broken input
      1  findings at or above the gate        3  nothing to compare
    (With --apply: 0 every line that reads what changed is edited; 1 some are left to you.)
    (4 is for commands that ask the live source; this one never does.)
    """
    # Imported here because it takes time, and `replay --help` needs none of it.
    from replay.cli.progress import watched
    from replay.config import drift_table
    from replay.drift.acceptance.settings import read_settings
    from replay.drift.guide.outline import only

    _check(ctx, options)
    if options["apply"]:
        from replay.cli.apply import require_extra

        require_extra()
    settings = read_settings(drift_table())
    library = open_library(options["library"], with_evidence=True)
    named = options["old_library"]
    older = open_library(named, with_evidence=True) if named else None
    if options["id"] is not None:
        _show_object(ctx, options, library, older)
        return
    with watched(library, older) as progress:
        found = _report(options, library, older, settings, progress)
    if options["used"]:
        found = _with_used(found, options)
    baseline = Path(options["baseline"] or settings.baseline or _BASELINE)
    found, accepted = _with_baseline(found, baseline, options, settings)
    shown = only(found, options["shown"]) if options["shown"] else found
    if options["apply"] and found.comparisons:
        _apply(ctx, found, options)
        return
    text = _rendered(shown, options, settings, library, older or library)
    if options["witnesses"]:
        from replay.cli.witnesses import write_witnesses

        for line in write_witnesses(found, Path(options["witnesses"]), older or library, library):
            click.echo(line, err=True)
    if options["output"]:
        _write(Path(options["output"]), text)
    else:
        click.echo(text, nl=False)
    for resource, sides in found.expanded.items() if found.comparisons else ():
        click.echo(f"note: {_other_expands(resource, sides)}", err=True)
    if not found.comparisons:
        _nothing(found, options)
        ctx.exit(NOTHING_TO_COMPARE)
    if accepted:
        click.echo(f"{accepted} in {baseline}", err=True)
    for note in storage_of(library).notes():
        click.echo(f"note: {note}", err=True)
    failed = found.fails(*_gate(options, settings), used=options["fail_on_used"])
    ctx.exit(1 if failed and not options["matrix"] else 0)


def _apply(ctx: click.Context, found: Report, options: Mapping[str, Any]) -> None:
    """Print or make the edits that a report asks for, and name the lines that it leaves."""
    from replay.cli.apply import apply, told
    from replay.drift.acceptance.used import load
    from replay.drift.guide.edits import plan

    wanted = plan(found, load(Path(options["used"])))
    done = apply(wanted, Path.cwd(), write=options["write"])
    if options["output"]:
        _write(Path(options["output"]), done.diff)
    else:
        click.echo(done.diff, nl=False)
    for line in told(done, written=options["write"]):
        click.echo(line, err=True)
    ctx.exit(1 if done.left else 0)


def _write(path: Path, text: str) -> None:
    """Write the result. In place, so that it may be a pipe, a device or a mounted file."""
    from replay.errors import ConfigError
    from replay.library import files

    instead = "another file: --output FILE"
    try:
        if path.is_file():
            files.replaceable(path, "the result", instead)
        path.write_text(text, "utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(
            "the result cannot be written: there is no such folder",
            where=str(path),
            hint=f"mkdir -p {shlex.quote(str(path.parent))}",
        ) from None
    except OSError as error:
        what = "the result cannot be written"
        raise files.translated(error, what, str(path), instead) from error


def _check(ctx: click.Context, options: Mapping[str, Any]) -> None:
    """Refuse options that do not go together."""
    old, new, same = options["old"], options["new"], options["same_version"]

    def refuse(wrong: object, message: str) -> None:
        if wrong:
            raise click.UsageError(message, ctx)

    for name in ("output", "baseline", "used", "witnesses"):
        refuse(options[name] == "", f"--{name} is empty: name a file, or leave it out.")
    refuse("" in options["specs"], "--spec is empty: name a file, or leave it out.")
    if options["specs"]:
        others = (new, same, options["since"], options["old_library"], options["matrix"])
        two = len(options["specs"]) > 1
        refuse(
            any(others) or bool(old) is two or len(options["specs"]) > 2,
            "--spec goes with one version: replay diff VERSION --spec FILE; or with another"
            " file: replay diff --spec OLD.json --spec NEW.json.",
        )
    else:
        refuse(old and not new, "Name two versions, or none for every neighbouring pair.")
    refuse(bool(same) != bool(options["before"]), "--same-version and --before go together.")
    refuse(
        sum(map(bool, (old, options["since"], same))) > 1,
        "Name two versions, or --since, or --same-version.",
    )
    refuse(
        options["old_library"] and (same or options["since"]),
        "--old-library goes with two versions, or with none.",
    )
    refuse(
        options["same_account"] and not options["old_library"],
        "--same-account goes with --old-library.",
    )
    refuse(
        (options["reason"] or options["expires"] or options["findings"]) and not options["accept"],
        "--reason, --expires and --finding go with --accept.",
    )
    refuse(options["accept"] and not options["reason"], "--accept needs a --reason.")
    refuse(options["matrix"] and options["accept"], "--matrix is a look: it accepts nothing.")
    refuse(
        options["matrix"] and options["format_"] not in MATRIX_FORMATS,
        f"--format {options['format_']} has no matrix: use {', '.join(MATRIX_FORMATS)}.",
    )
    refuse(options["fail_on_used"] and not options["used"], "--fail-on-used goes with --used.")
    refuse(options["write"] and not options["apply"], "--write goes with --apply.")
    refuse(
        options["apply"] and not (options["used"] and new),
        "--apply goes with two versions and --used: replay diff OLD NEW --used FILE --apply.",
    )
    refuse(
        options["apply"]
        and (options["accept"] or options["matrix"] or options["format_"] != "text"),
        "--apply prints a unified diff: it goes without --accept, --matrix and --format.",
    )
    refuse(
        options["witnesses"] and (not new or old == new or options["matrix"] or options["apply"]),
        "--witnesses goes with two versions, and without --matrix and --apply:"
        " replay diff OLD NEW --witnesses DIR.",
    )
    refuse(options["expand"] and options["id"] is None, "--expand goes with --id.")
    if options["id"] is not None:
        refuse(not new, "--id takes two versions: replay diff OLD NEW --id ID.")
        refuse(not options["id"], "--id is empty: name an object, such as in_1Mt….")
        gates = ("matrix", "accept", "baseline", "used", "shown", "apply", "witnesses", "fail_on",
                 "min_grade")  # fmt: skip
        refuse(
            any(options[name] for name in gates),
            "--id is a look at one object: it has no findings to accept or to fail on.",
        )
        refuse(
            options["format_"] not in OBJECT_FORMATS,
            f"--format {options['format_']} has no objects: use {', '.join(OBJECT_FORMATS)}.",
        )


def _show_object(
    ctx: click.Context, options: Mapping[str, Any], library: Library, older: Library | None
) -> None:
    """Show one object at both versions."""
    from io import StringIO

    from replay.config import resolve
    from replay.drift.object_diff import NotComparable, object_diff
    from replay.redaction.policy_source import PolicySource
    from replay.render.object_diff import show_object, to_json

    found = object_diff(
        library,
        options["id"],
        _versions(options) or ("", ""),
        resource=by_name(options["resource"]).resource if options["resource"] else None,
        older=older,
        source=options["require_source"],
        expand=options["expand"],
        policy=PolicySource.of(resolve(mode="none")),
    )
    if isinstance(found, NotComparable):
        click.echo(f"nothing to compare: {printable(str(found.key))}: {found.why}", err=True)
        for meant in found.meant:
            click.echo(f"  {meant}", err=True)
        click.echo(f"  recorded: at {', '.join(found.recorded)}", err=True)
        click.echo(f"  next: {found.command}", err=True)
        ctx.exit(NOTHING_TO_COMPARE)
    written = StringIO()
    if options["format_"] == "json":
        written.write(to_json(found))
    else:
        stream: Any = written if options["output"] else sys.stdout
        show_object(found, stream, verbose=options["verbose"])
    if options["output"]:
        _write(Path(options["output"]), written.getvalue())
    else:
        click.echo(written.getvalue(), nl=False)


def _versions(options: Mapping[str, Any]) -> tuple[str, str] | None:
    from replay.stripe_api.versions import canonical_version

    if options["same_version"]:
        version = canonical_version(options["same_version"], "--same-version")
        return version, version
    if not options["new"]:
        return None
    return canonical_version(options["old"], "OLD"), canonical_version(options["new"], "NEW")


def _report(
    options: Mapping[str, Any],
    library: Library,
    older: Library | None,
    settings: DriftSettings,
    progress: Progress | None,
) -> Report:
    from replay.drift.acceptance.baseline import day
    from replay.stripe_api.versions import canonical_version

    resource = by_name(options["resource"]).resource if options["resource"] else None
    if options["specs"]:
        return _with_specs(options, library, resource, settings)
    from replay.drift.report import report

    return report(
        library,
        resource,
        _versions(options),
        options["require_source"],
        since=canonical_version(options["since"], "--since") if options["since"] else "",
        before=day(options["before"], "--before") if options["before"] else "",
        older=older,
        settings=settings,
        one_account=options["same_account"],
        matrix=_has_matrices(options) or bool(options["used"]),
        processes=options["processes"] or os.cpu_count() or 1,
        progress=progress,
    )


def _has_matrices(options: Mapping[str, Any]) -> bool:
    return bool(options["matrix"]) or options["format_"] == "html"


def _with_used(found: Report, options: Mapping[str, Any]) -> Report:
    """The report with what is known of the fields that tests read."""
    from dataclasses import replace

    from replay.drift.acceptance.used import load, mark_used
    from replay.drift.guide.coverage import coverage

    used = load(Path(options["used"]))
    found = replace(mark_used(found, used), coverage=coverage(found, used))
    return found if _has_matrices(options) else replace(found, matrices=())


def _with_specs(
    options: Mapping[str, Any], library: Library, resource: str | None, settings: DriftSettings
) -> Report:
    """The report of recordings and an OpenAPI file, or of two such files."""
    from replay.drift.openapi.schemas import load_schemas
    from replay.drift.openapi.spec import against
    from replay.drift.openapi.two_files import between
    from replay.stripe_api.versions import canonical_version

    first, *others = [load_schemas(Path(name)) for name in options["specs"]]
    source = options["require_source"]
    if others:
        return between(library, first, others[0], resource, source, settings)
    version = canonical_version(options["old"], "VERSION")
    found = against(library, first, version, resource, source, settings)
    if first.version not in {"", version}:
        click.echo(
            f"warning: {printable(str(first.path))} is of {first.version}, and recordings of"
            f" {version} are held against it: what differs may be due to the version. Give the"
            f" file of {version}, or two files: replay diff --spec OLD.json --spec NEW.json",
            err=True,
        )
    elif not first.version:
        click.echo(
            f"note: {printable(str(first.path))} does not say of which API version it is"
            " (info.version)",
            err=True,
        )
    return found


def _gate(options: Mapping[str, Any], settings: DriftSettings) -> Any:
    from dataclasses import replace

    asked = {name: options[name] for name in ("fail_on", "min_grade") if options[name]}
    return replace(settings, **asked).gate


def _with_baseline(
    found: Report, path: Path, options: Mapping[str, Any], settings: DriftSettings
) -> tuple[Report, str]:
    """The report with accepted findings marked, and a line on what this run accepted."""
    from dataclasses import replace
    from datetime import date

    from replay.drift.acceptance.baseline import accept, apply, checked_reason, day, load, save

    entries = load(path, missing_ok=options["accept"] or not options["baseline"])
    asked = ("resource", "old", "since", "same_version", "old_library", "specs", "require_source")
    whole = not any(options[name] for name in asked)
    today = date.today()
    applied = apply(found, entries, today, whole=whole)
    if not options["accept"]:
        return applied, ""
    severity, grade = _gate(options, settings)
    wanted: set[str] = set(options["findings"])
    if severity is None and not wanted:
        raise click.UsageError(
            "nothing fails under --fail-on never, so there is nothing to accept:"
            " name findings with --finding, or give --fail-on."
        )

    def fails(finding: Finding) -> bool:
        if wanted:
            return finding.fingerprint in wanted
        alone = replace(finding, accepted=None)
        return alone.fails(severity, grade, used=options["fail_on_used"])

    expires = day(options["expires"], "--expires") if options["expires"] else ""
    if expires and date.fromisoformat(expires) < today:
        raise click.UsageError(f"--expires {expires} has passed: it is the last day of acceptance.")
    reason = checked_reason(options["reason"])
    fresh = accept(applied, fails, reason, expires)
    before = accept(applied, fails, reason, expires, again=True)
    # A reason given for open findings does not replace the reasons given before.
    renewed = before if wanted or not fresh else ()
    missing = wanted - {entry.fingerprint for entry in (*fresh, *renewed)}
    if missing:
        raise click.UsageError(f"no finding has the fingerprint {', '.join(sorted(missing))}")
    # Writing the file again drops entries that have expired or are no longer used.
    used = {finding.fingerprint for _, finding in found.findings()}
    kept = [e for e in entries if (e.fingerprint in used or not whole) and not e.expired(today)]
    save(path, [*kept, *fresh, *renewed])
    said = f"{len(fresh)} accepted" + (f", {len(renewed)} renewed" if renewed else "")
    if left := len(before) - len(renewed):
        said += f", {left} as accepted before (--finding FINGERPRINT renews one)"
    return apply(found, load(path), today, whole=whole), said


def _rendered(
    found: Report,
    options: Mapping[str, Any],
    settings: DriftSettings,
    library: Library,
    older: Library,
) -> str:
    format_ = options["format_"]
    if format_ == "text":
        return _text(found, options)
    if format_ == "html":
        from datetime import date

        from replay.render.excerpts import excerpts
        from replay.render.html import to_html

        shown = excerpts(found, older.read, library.read)
        return to_html(found, shown, display_path(library.root), date.today().isoformat())
    if format_ == "markdown":
        from replay.render.markdown import to_markdown

        return to_markdown(found)
    if format_ == "brief":
        from replay.render.brief import to_brief

        return to_brief(found, _advice(found, options), display_path(library.root))
    if format_ == "json":
        from replay.render.machine import to_json

        return to_json(found)
    from replay.render.checks import to_github, to_junit, to_sarif

    only_used, place = options["fail_on_used"], Path(display_path(library.root)).as_posix()
    if format_ == "junit":
        gate = _gate(options, settings)
        return to_junit(found, lambda finding: finding.fails(*gate, used=only_used))
    if format_ == "sarif":
        return to_sarif(found, place)
    return to_github(found, place, only_used=only_used)


def _advice(found: Report, options: Mapping[str, Any]) -> Callable[[str], Advice]:
    """What is known of the edits for a field; without --used, or the extra, little."""
    from replay.cli.apply import apply, is_installed
    from replay.drift.acceptance.used import load
    from replay.drift.guide.edits import Plan, plan
    from replay.render.brief import Advice

    if not options["used"]:
        return lambda field: Advice()
    wanted = plan(found, load(Path(options["used"])))

    def advice(field: str) -> Advice:
        edits = tuple(edit for edit in wanted.edits if edit.field == field)
        left = tuple(one for one in wanted.left if one.field == field)
        if not is_installed():
            return Advice(notes=tuple(f"{one.file}:{one.line}: {one.why}" for one in left))
        done = apply(Plan(edits, left), Path.cwd(), write=False)
        notes = [f"{one.file}:{one.line}: {one.why}" for one in (*done.guarded, *done.left)]
        if done.never_null:
            notes.append("no recording shows it without a value: mind what is read then")
        return Advice(done.diff, tuple(notes))

    return advice


def _text(found: Report, options: Mapping[str, Any]) -> str:
    from io import StringIO

    from replay.render.terminal import show, show_matrices

    if not found.comparisons and not options["matrix"]:
        return ""
    stream = sys.stdout
    written = StringIO()
    to: Any = written if options["output"] else stream
    if options["matrix"]:
        show_matrices(found.matrices, to)
    else:
        show(found, to, verbose=options["verbose"])
    return written.getvalue()


def _nothing(found: Report, options: Mapping[str, Any]) -> None:
    """Print on stderr what is recorded, and what to record so that versions can be compared."""
    from dataclasses import replace

    from replay.drift.report import command_to_record
    from replay.stripe_api.versions import near

    pair, resource = _versions(options), options["resource"]
    what = f"{pair[0]} and {pair[1]} of one object" if pair else "one object at two versions"
    if options["same_version"] and pair:
        what = f"{pair[0]} before {options['before']} and from then on"
    elif options["specs"]:
        what = str(options["old"] or "what the files describe")
        pair = (what, what) if options["old"] else None
    elif options["old_library"]:
        what = "one resource and version in both libraries"
        if pair:
            what = f"one resource at {pair[0]} in the old library and at {pair[1]} in the new one"
    elif options["since"]:
        what += f" since {options['since']}"
    if options["require_source"]:
        what += f", answered by {options['require_source']}"
    why = [
        f"{' and '.join(sides)} holds only deleted objects of {name},"
        " and those are not compared with living ones"
        for name, sides in found.stubs.items()
    ]
    why += [_other_expands(name, sides) for name, sides in found.expanded.items()]
    if not why and not pair and (each := _one_of_each_channel(found.recorded)):
        why = [f"{each}: previews are compared with previews, releases with releases"]
    for words in why or [f"no recordings of {what}"]:
        click.echo(f"nothing to compare: {words}", err=True)
    every = [version for versions in found.recorded.values() for version in versions]
    for version in dict.fromkeys(pair or ()):
        if meant := near(version, every):
            click.echo(f"  {version} is not recorded: did you mean {meant}?", err=True)
    for name, versions in found.recorded.items():
        click.echo(f"  recorded: {name} at {', '.join(versions)}", err=True)
    if not found.recorded:
        click.echo(f"  recorded: nothing of {resource or 'any resource'}", err=True)
    after = ""
    if found.stubs:
        # The recorded object is deleted; recording it again would change nothing.
        found, name = replace(found, example=None), next(iter(found.stubs))
        resource, after = resource or name, ", with the ID of one that is not deleted"
        pair = pair or (found.recorded[name][0], found.recorded[name][-1])
    elif options["old_library"] and found.example is not None:
        pair = pair or (found.recorded[found.example.resource][-1],) * 2
        after = f", and again with --library {options['old_library']}"
    click.echo(f"  next: {command_to_record(found, pair, resource)}{after}", err=True)


def _other_expands(resource: str, sides: Sides) -> str:
    """A clause on recordings of two versions that do not expand the same."""
    told = " and ".join(
        f"{side} with {' or '.join(','.join(one) or 'nothing' for one in expands)} expanded"
        for side, expands in sides
    )
    return printable(
        f"{resource} is recorded at {told}, and only recordings that expand the same are compared"
    )


def _one_of_each_channel(recorded: Mapping[str, Sequence[str]]) -> str:
    """The versions of a resource that is recorded at one preview and one release; else empty."""
    from replay.stripe_api.versions import is_preview

    for resource, versions in recorded.items():
        if sorted(map(is_preview, versions)) == [False, True]:
            return f"{resource} is recorded at {' and '.join(versions)}, one of each channel"
    return ""
