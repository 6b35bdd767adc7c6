"""A report as a brief: one Markdown file with all that is needed to make the change.

For a colleague, or for a coding agent, who has the repository and nothing else: per finding what
changed, the evidence, the lines that read it, the edit, and the command that shows it done.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from replay.drift.guide.outline import outline, place
from replay.drift.judge.findings import Comparison, Finding, Grade, Report, Severity
from replay.drift.judge.rules import sentence
from replay.drift.observe.pointers import dotted
from replay.errors import printable
from replay.render.markdown import escape
from replay.render.words import blind_spots, counted, counted_coverage, readers, remark


@dataclass(frozen=True, slots=True)
class Advice:
    """What is known of the edits for one field.

    Attributes:
        diff: the edits that can be made mechanically, as a unified diff; empty for none.
        notes: what to mind, and the lines for a person: a sentence each.
    """

    diff: str = ""
    notes: tuple[str, ...] = ()


def to_brief(report: Report, advice: Callable[[str], Advice], library: str) -> str:
    """The brief.

    Accepted, unobserved and informative findings ask for nothing, and are left out.

    Args:
        report: the report.
        advice: gives what is known of the edits for a field, such as ``invoice.subscription``.
        library: the path of the recordings, for people.
    """
    asked = [
        (comparison, finding)
        for comparison, finding in report.findings()
        if finding.accepted is None
        and finding.grade > Grade.UNOBSERVED
        and finding.severity > Severity.INFO
    ]
    asked.sort(key=lambda found: (not found[1].used, *found[1].order))
    ours = [found for found in asked if found[1].used is not False]
    rest = [found for found in asked if found[1].used is False]
    parts = [*_head(report, library), *_places(report)]
    for n, (comparison, finding) in enumerate(ours, 1):
        parts += _task(n, comparison, finding, advice)
    if rest:
        parts.append("\n## Not read by the tests\n\nLook for these in code that no test runs.\n\n")
        parts += [f"- {escape(_named(c, f))}: {escape(sentence(c, f))}\n" for c, f in rest]
    return "".join([*parts, *_open(report), *_end(report)])


def _head(report: Report, library: str) -> Iterator[str]:
    sides = dict.fromkeys(" → ".join(comparison.sides) for comparison in report.comparisons)
    yield f"# API upgrade: {escape(printable(', '.join(sides)))}\n\n"
    yield f"{counted(report.summary())}.\n"
    yield from (f"\n{escape(printable(line))}.\n" for line in counted_coverage(report))
    yield (
        f"\nAll of this was observed in the recordings in `{_code(library)}`; nothing more is"
        " known. *Proven* needs no second look. *Likely* does: ask before you rely on it. Values"
        " in the recordings are stand-ins where they were private. Do not edit the recordings.\n"
    )
    if all(finding.used is None for _, finding in report.findings()):
        yield (
            "\nWhich lines of the code read these fields is not known. To have them here, run"
            " `pytest --replay-track-fields` and give `--used used-fields.json`.\n"
        )


def _places(report: Report) -> Iterator[str]:
    rows = [row for comparison in report.comparisons for row in outline(comparison).moved]
    if rows:
        yield "\n## Old and new places\n\n| old | new | |\n|---|---|---|\n"
        for row in rows:
            yield f"| `{_code(row.old)}` | `{_code(row.new)}` | {escape(remark(row))} |\n"


def _task(
    number: int, comparison: Comparison, finding: Finding, advice: Callable[[str], Advice]
) -> Iterator[str]:
    field = _named(comparison, finding)
    yield f"\n## {number}. `{_code(field)}`\n\n"
    yield f"{escape(sentence(comparison, finding))} ({finding.severity}, {finding.grade}).\n\n"
    for side, seen, witness in zip(
        comparison.sides, (finding.old, finding.new), finding.witnesses, strict=True
    ):
        kinds = ", ".join(seen.kinds) or "nothing"
        see = f", see `{_code(witness)}`" if witness else ""
        words = f"{kinds}, present {seen.present} of {seen.parents}"
        yield f"- at {escape(printable(side))}: {words}{see}\n"
    for source, target in finding.parts:
        yield f"- `{_code(dotted(source))}` is at `{_code(dotted(target))}`\n"
    for line in readers(finding, len(finding.used_at)):
        yield f"- read at `{_code(line)}`\n"
    given = advice(field)
    for note in given.notes:
        if not note.endswith(sentence(comparison, finding)):  # it stands above
            yield f"- {escape(printable(note))}\n"
    if given.diff:
        fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", given.diff)), 3)
        yield f"\nThe edit:\n\n{fence}diff\n{given.diff}{fence}\n"
    if finding.used_at:
        yield f"\nDone when this passes: `{_code(_proof(comparison, finding))}`\n"


def _proof(comparison: Comparison, finding: Finding) -> str:
    """The command that shows a finding dealt with: the tests that read the field."""
    tests = dict.fromkeys(test for at in finding.used_at for test in at.tests)
    run = f"pytest --replay-api-version {shlex.quote(comparison.new)}"
    return " ".join([run, *(shlex.quote(test) for test in tests)])


def _open(report: Report) -> Iterator[str]:
    rows = [row for comparison in report.comparisons for row in outline(comparison).questions]
    spots = blind_spots(report)
    if rows or spots:
        yield "\n## Open questions\n\n"
    for row in rows:
        settle = f"; `{_code(row.finding.settle)}`" if row.finding.settle else ""
        yield f"- `{_code(row.old)}`: {escape(remark(row))}{settle}\n"
    for field, settle in spots:
        yield f"- `{_code(field)}` was not observed; it takes: `{_code(settle)}`\n"


def _end(report: Report) -> Iterator[str]:
    news = dict.fromkeys(comparison.new for comparison in report.comparisons)
    yield (
        "\nTo see the changes for yourself: `replay diff OLD NEW --witnesses DIR` writes each that"
        " is breaking and proven as a test that passes at the old version and fails at the new"
        " one.\n"
        "\n## When all is done\n\n"
    )
    for new in news:
        yield f"- `pytest --replay-api-version {_code(shlex.quote(new))}` passes\n"
    yield "- the version that the client pins is the new one\n"
    yield "- what stays as it is has a reason: `replay diff --accept --finding FINGERPRINT`\n"


def _named(comparison: Comparison, finding: Finding) -> str:
    return place(comparison, comparison.resource, finding.path)


def _code(text: str) -> str:
    """Text between backticks: nothing in it ends them."""
    return printable(text).replace("`", "'").replace("|", "\\|")
