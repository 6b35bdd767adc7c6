"""Reports for people at a terminal: grouped by list item, a line for each finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, TextIO

from replay.drift.guide.outline import Outline, outline
from replay.drift.judge.findings import Comparison, Finding, Matrix, Report, Severity
from replay.drift.judge.rules import Rule, sentence
from replay.drift.observe.pointers import dotted
from replay.errors import printable
from replay.render.words import (
    MOST_LINES,
    blind_spots,
    cell,
    counted,
    counted_coverage,
    counted_use,
    group,
    readers,
    remark,
    without_findings,
)

if TYPE_CHECKING:
    from rich.console import Console

_STYLE = {Severity.BREAKING: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_SETTLING = 3
_USE = {None: "", True: ", used by these tests", False: ", not used"}


def console(stream: TextIO) -> Console:
    """A console with colour only on a terminal, and not where ``NO_COLOR`` is set."""
    from rich.console import Console

    made = Console(file=stream, highlight=False, markup=False, emoji=False)
    made.soft_wrap = not made.is_terminal  # piped lines stay whole
    return made


def show(report: Report, stream: TextIO, *, verbose: bool = False) -> None:
    """Print a report.

    Args:
        report: the comparisons to print.
        stream: where to.
        verbose: with evidence, witnesses, and all commands that record missing objects.
    """
    to = console(stream)
    for n, comparison in enumerate(report.comparisons):
        if n:
            to.print()
        _comparison(to, comparison, verbose, without_findings(report))
    to.print()
    _closing(to, report, verbose)


def show_matrices(matrices: Sequence[Matrix], stream: TextIO) -> None:
    """Print fields against versions.

    A cell says ``all`` or ``no``, or how many of the parents had the field; it is empty where no
    parent was observed.
    """
    from rich.text import Text

    to = console(stream)
    for n, matrix in enumerate(matrices):
        if n:
            to.print()
        named = (matrix.type or matrix.resource) + " (deleted)" * matrix.deleted
        expand = f"  expand {','.join(matrix.expand)}" if matrix.expand else ""
        to.print(Text(printable(f"{matrix.resource}  {named}{expand}"), style="bold"))
        rows = [("", "first", "last", *matrix.versions)]
        for row in matrix.rows:
            first, last = (matrix.versions[position] for position in row.seen)
            rows.append((dotted(row.path), first, last, *map(cell, row.cells)))
        widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
        for row_ in rows:
            cells = (text.ljust(width) for text, width in zip(row_, widths, strict=True))
            to.print("  " + "  ".join(cells).rstrip(), soft_wrap=True)


def show_rules(rules: Sequence[Rule], stream: TextIO) -> None:
    """Print rules, one to a line."""
    columns(console(stream), [(str(r.severity), r.id, r.meaning) for r in rules], "")


def show_rule(rule: Rule, stream: TextIO) -> None:
    """Print one rule, with its example."""
    to = console(stream)
    to.print(rule.id, style="bold")
    mirror = (rule.mirror or "none") + (f". {rule.why}" if rule.why else "")
    rows = [
        ("", rule.meaning),
        ("severity", str(rule.severity)),
        ("reversed", mirror),
    ]
    if rule.old:
        rows += [("old", rule.old), ("new", rule.new)]
    rows += [("wrong if", rule.wrong), ("settled", rule.settles)]
    columns(to, rows, "  ")


def _comparison(to: Console, comparison: Comparison, verbose: bool, without: str) -> None:
    from rich.text import Text

    old, new, paired = comparison.objects
    named = printable(comparison.type or comparison.resource) + " (deleted)" * comparison.deleted
    sides = printable(" -> ".join(comparison.sides))
    title = Text(f"{printable(comparison.resource)}  {sides}", style="bold")
    if comparison.expand:
        title.append(f"  expand {printable(','.join(comparison.expand))}", style="not bold")
    to.print(title)
    to.print(
        f"objects: {old} old, {new} new, {paired} at both versions;"
        f" twins and pairs of one state: {comparison.controlled}",
        style="dim",
    )
    if not comparison.findings:
        to.print(f"  {without}")
    _outline(to, outline(comparison))
    findings = sorted(comparison.findings, key=lambda f: (not f.used, group(f.path), f.order))
    for (use, where), members in groupby(findings, key=lambda f: (f.used, group(f.path))):
        to.print((f"  {named} {dotted(where)}" if where else f"  {named}") + _USE[use])
        for finding in members:
            # The width of the longest grade: rows are printed one by one.
            grade = f"{finding.grade!s:<10}"
            severity, style = str(finding.severity), _STYLE[finding.severity]
            if finding.accepted is not None:
                severity, style = "accepted", "dim"
            row = (severity, grade, sentence(comparison, finding, where))
            columns(to, [row], "    ", style)
            lines = readers(finding, len(finding.used_at) if verbose else MOST_LINES)
            if lines:
                columns(to, [("at", line) for line in lines], "      ", "dim")
            if verbose:
                columns(to, list(_evidence(comparison, finding)), "      ", "dim")


def _outline(to: Console, told: Outline) -> None:
    if told.moved:
        to.print("  old -> new", style="bold")
        rows = [(row.old, row.new, remark(row)) for row in told.moved]
        columns(to, rows, "    ")
    for title, open_rows in (("gone for good", told.gone), ("questions", told.questions)):
        if open_rows:
            to.print(f"  {title}", style="bold")
            columns(to, [(row.old, remark(row)) for row in open_rows], "    ")
    if told:
        to.print("  all findings", style="bold")


def _evidence(comparison: Comparison, finding: Finding) -> Iterator[tuple[str, str]]:
    yield "rule", f"{finding.rule}  {finding.fingerprint}"
    if finding.accepted is not None:
        yield "accepted", f"{finding.accepted} ({finding.severity} without that)"
    sides = zip(comparison.sides, (finding.old, finding.new), finding.witnesses, strict=True)
    for version, side, witness in sides if any(finding.witnesses) else ():
        kinds = ", ".join(side.kinds) or "nothing"
        yield version, f"{kinds}, present {side.present} of {side.parents}, see {witness}"
    if finding.to is not None:
        yield "read it", f"at {dotted(finding.to.path)}, {finding.to.grade}"
    if finding.carried is not None:
        yield "carried", "a value in {} of {}".format(*finding.carried)
    for source, target in finding.parts:
        yield "with", f"{dotted(source)} to {dotted(target)}"
    if finding.settle:
        yield "settle", finding.settle


def columns(
    to: Console, rows: Sequence[tuple[str, ...]], indent: str, style: str | None = None
) -> None:
    """Print rows in columns.

    Args:
        to: the console.
        rows: the cells of each row.
        indent: the text before each row.
        style: the style of the first column, on a terminal.
    """
    rows = [tuple(map(printable, row)) for row in rows]
    if not to.is_terminal:
        widths = [max(8, *(len(row[n]) for row in rows)) for n in range(len(rows[0]) - 1)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            to.print(indent + "  ".join([*cells, row[-1]]))
        return
    # On a narrow terminal a grid folds the last column under itself.
    from rich.padding import Padding
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style=style, min_width=8)
    for _ in rows[0][1:-1]:
        grid.add_column(no_wrap=True, min_width=8)
    grid.add_column(overflow="fold")
    for row in rows:
        grid.add_row(*row)
    to.print(Padding(grid, (0, 0, 0, len(indent)), expand=False))


def _closing(to: Console, report: Report, verbose: bool) -> None:
    counts = report.summary()
    to.print(counted(counts), style="bold red" if counts["breaking"] else "bold")
    if counted_use(report):
        to.print(counted_use(report), style="bold")
    for line in counted_coverage(report):
        to.print(printable(line), style="bold")
    spots = blind_spots(report)
    if spots:
        columns(to, spots if verbose else spots[:_SETTLING], "  ")
        if len(spots) > _SETTLING and not verbose:
            to.print(f"  and {len(spots) - _SETTLING} more (--verbose)")
    findings = [finding for _, finding in report.findings()]
    if findings and not verbose:
        to.print("next: --verbose shows the evidence; replay rules RULE explains a rule")
    if report.left_out:
        to.print(f"not shown (--show): {len(report.left_out)}")
    commands = sorted(
        {finding.settle for finding in findings if finding.settle and finding.accepted is None}
    )
    if commands:
        to.print("to settle what was not observed:")
        for command in commands if verbose else commands[:_SETTLING]:
            to.print(f"  {printable(command)}", soft_wrap=True)  # a command is copied whole
        if len(commands) > _SETTLING and not verbose:
            to.print(f"  and {len(commands) - _SETTLING} more (--verbose)")
