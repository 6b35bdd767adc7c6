"""Texts that several renderers share: summaries, matrix cells, groups of paths.

The text of a finding is the sentence of its rule, see `replay.drift.judge.rules`.
"""

from __future__ import annotations

from collections.abc import Mapping

from replay.drift.guide.outline import Row
from replay.drift.judge.findings import Finding, Report, UsedAt
from replay.drift.observe.pointers import ANY, dotted
from replay.errors import printable


def group(path: str) -> str:
    """The path of the list item that a path belongs to; empty for the object itself."""
    head, found, _ = path.rpartition(f"/{ANY}/")
    return f"{head}/{ANY}" if found else ""


def counted(counts: Mapping[str, int]) -> str:
    """A report's summary in words: ``2 breaking, 1 warning, 0 info``."""
    nouns = {"warning": "warnings"}
    return ", ".join(
        f"{n} {nouns.get(name, name) if n != 1 else name}"
        for name, n in counts.items()
        if n or name in ("breaking", "warning", "info")
    )


def without_findings(report: Report) -> str:
    """What is said of a comparison that lists no finding."""
    return "nothing of it is shown (--show)" if report.left_out else "no drift seen"


def counted_use(report: Report) -> str:
    """How many breaking findings tests use, in words; empty where that is not known."""
    counts = report.summary_of_used()
    if counts is None:
        return ""
    return f"breaking: {counts[0]} used by these tests, {counts[1]} not used"


def counted_coverage(report: Report) -> list[str]:
    """What the recordings cover of the fields that tests read, in words: a line for each pair."""
    return [
        f"of {each.fields} fields that your tests read, {each.unchanged}"
        f" {_be(each.unchanged, 'is', 'are')} shown unchanged, {each.changed} changed,"
        f" {len(each.blind)} {_be(len(each.blind), 'was', 'were')} not observed at {each.new}"
        + f" (from {each.old})"
        * (len(report.coverage) > 1)
        for each in report.coverage
    ]


def _be(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


def blind_spots(report: Report) -> list[tuple[str, str]]:
    """The fields that tests read and recordings do not show, each with what would show it."""
    found: dict[tuple[str, str], None] = {}
    for each in report.coverage:
        for blind in each.blind:
            name = blind.type or blind.resource
            field = f"{printable(name)}.{dotted(blind.path)}"
            found[field, blind.settle or f"another {printable(name)} at {each.new} that has it"] = (
                None
            )
    return list(found)


MOST_LINES = 3
"""Of the lines that read a field, at most this many are shown."""


def readers(finding: Finding, most: int = MOST_LINES) -> list[str]:
    """The lines that read a field, in words: ``billing/views.py:42, read by test_total``.

    Args:
        finding: the finding on the field.
        most: at most this many lines; the others are counted in one more.
    """
    shown = [reader(at) for at in finding.used_at[:most]]
    more = len(finding.used_at) - most
    return [*shown, f"and {more} more {_be(more, 'line', 'lines')}"] if more > 0 else shown


def reader(at: UsedAt) -> str:
    """A line that reads a field, and the tests that run it."""
    names = [test.rpartition("::")[2] for test in at.tests]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    by = f", read by {names[0]}{more}" if names else ""
    by = " (the test itself)" if at.in_test else by
    return printable(f"{at.file}:{at.line}{by}")


def remark(row: Row) -> str:
    """What there is to know of a row of the outline, beside its places."""
    told = [
        "likely" * (bool(row.new) and not row.sure and row.finding.to is not None),
        row.new if row.finding.to is None and not row.finding.parts else "",
        row.carried,
        "used by these tests" * bool(row.finding.used),
    ]
    return "; ".join(filter(None, told))


def cell(seen: tuple[int, int] | None) -> str:
    """A cell of a matrix: ``all``, ``no``, ``2 of 5``; empty where no parent was observed."""
    if seen is None:
        return ""
    present, parents = seen
    return "no" if not present else "all" if present >= parents else f"{present} of {parents}"
