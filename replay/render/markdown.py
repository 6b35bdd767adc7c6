"""A report as Markdown for a comment on a pull request: the worst first, and bounded in size."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from replay.drift.guide.outline import outline
from replay.drift.judge.findings import Comparison, Finding, Grade, Report, Severity, UsedAt
from replay.drift.judge.rules import sentence
from replay.errors import printable
from replay.render.words import (
    MOST_LINES,
    counted,
    counted_coverage,
    counted_use,
    reader,
    readers,
    remark,
)

LIMIT = 65_000
"""Characters of a comment; GitHub refuses more than 65,536."""

_SPECIAL = re.compile(r"([\\`*_\[\]|#~])")
_HEAD = "| severity | grade | what |\n|---|---|---|\n"
_MOST_PLACES = 50  # of one comparison's old → new table, and of each list below it
_ROOM = 400  # characters kept free: for the end of a block, and the count of what is left out


def to_markdown(report: Report, limit: int = LIMIT) -> str:
    """The report as Markdown.

    Findings that only inform, or are unobserved, are folded. Accepted ones are counted, not listed.

    Args:
        report: the comparisons to write.
        limit: the most characters that the text may have.
    """
    words = counted(report.summary())
    text = f"### API drift: {words}\n"
    if counted_use(report):
        text += f"\n{counted_use(report)}\n"
    text += "".join(f"\n{escape(printable(line))}\n" for line in counted_coverage(report))
    if not report.comparisons:
        return text + "\nNothing to compare.\n"
    left = 0
    for comparison in report.comparisons:
        for block, rows in (*_outlined(comparison), *_blocks(comparison)):
            start = block.start + block.head if rows else block.start
            kept = ""
            for row in rows:
                most = limit if block.counts else limit // 3  # the findings have most of the room
                room = most - _ROOM - len(text) - len(start) - len(block.end)
                if len(kept) + len(row) > room:
                    left += block.counts
                else:
                    kept += row
            if len(text) + len(start) + _ROOM < limit and (kept or not rows):
                text += start + kept + block.end
    if report.left_out:
        text += f"\n{len(report.left_out)} are not shown (--show).\n"
    if left:
        noun = "finding" if left == 1 else "findings"
        text += f"\n{left} more {noun} would not fit here: `replay diff` lists them all.\n"
    return text


@dataclass(frozen=True, slots=True)
class _Block:
    """A part of the text that holds rows.

    Attributes:
        start, end: the text around it.
        head: the head of the table, which goes where there are rows.
        counts: whether a row that does not fit is counted as left out.
    """

    start: str
    end: str = ""
    head: str = _HEAD
    counts: bool = True


def _outlined(comparison: Comparison) -> Iterator[tuple[_Block, list[str]]]:
    """The head of a comparison, and its outline: the new places, what is gone, what is open."""
    old, new = comparison.sides
    type = comparison.type if comparison.type not in ("", comparison.resource) else ""
    named = " ".join(part for part in (type, "(deleted)" * comparison.deleted) if part)
    title = f"{comparison.resource}{f' / {named}' if named else ''}: {old} → {new}"
    if comparison.expand:
        title += f", expand {', '.join(comparison.expand)}"
    n, m, both = comparison.objects
    objects = f"{n} and {m} objects, {both} at both; {comparison.controlled} controlled pairs.\n"
    yield _Block(f"\n#### {escape(printable(title))}\n\n{objects}"), []
    told = outline(comparison)
    if told.moved:
        head = "| old | → new | |\n|---|---|---|\n"
        moved = [
            f"| {escape(r.old)} | {escape(r.new)} | {escape(remark(r))} |\n" for r in told.moved
        ]
        yield _Block("\n", head=head, counts=False), _first(moved, "| and {} more | | |\n")
    for words, rows in (("Gone for good", told.gone), ("Questions", told.questions)):
        if rows:
            listed = [f"- {escape(row.old)}: {escape(remark(row))}\n" for row in rows]
            block = _Block(f"\n{words}:\n\n", head="", counts=False)
            yield block, _first(listed, "- and {} more\n")


def _first(rows: list[str], more: str) -> list[str]:
    left = len(rows) - _MOST_PLACES
    return rows if left <= 0 else [*rows[:_MOST_PLACES], more.format(left)]


def _blocks(comparison: Comparison) -> Iterator[tuple[_Block, list[str]]]:
    open_ = [finding for finding in comparison.findings if finding.accepted is None]
    loud = [finding for finding in open_ if _loud(finding)]
    rest = [finding for finding in open_ if not _loud(finding)]
    if loud:
        yield _Block("\n"), [_row(comparison, finding) for finding in loud]
    if rest:
        start = f"\n<details><summary>{len(rest)} informative or unobserved</summary>\n\n"
        yield _Block(start, "\n</details>\n"), [_row(comparison, finding) for finding in rest]


def _loud(finding: Finding) -> bool:
    return finding.severity > Severity.INFO and finding.grade > Grade.UNOBSERVED


def _row(comparison: Comparison, finding: Finding) -> str:
    mark = {Severity.BREAKING: "**breaking**", Severity.WARNING: "warning", Severity.INFO: "info"}
    what = escape(sentence(comparison, finding)) + " (**used by these tests**)" * bool(finding.used)
    what += "".join(f"<br>{_link(at)}" for at in finding.used_at[:MOST_LINES])
    what += "".join(f"<br>{more}" for more in readers(finding)[MOST_LINES:])
    return f"| {mark[finding.severity]} | {finding.grade} | {what} |\n"


def _link(at: UsedAt) -> str:
    """The line, as a link: to the commit that GitHub checks, where it tells which that is."""
    names = "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_SHA"
    server, repository, commit = (os.environ.get(name, "") for name in names)
    known = server and repository and commit
    start = f"{server}/{repository}/blob/{commit}/" if known else ""
    place, *rest = reader(at).partition(f":{at.line}")
    address = f"{start}{quote(at.file)}#L{at.line}"
    return f"[{escape(f'{place}:{at.line}')}]({address}){escape(''.join(rest[1:]))}"


def escape(text: str) -> str:
    """Text that Markdown shows as it is, without markup, mentions or HTML."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", text).replace("@", "&#64;").replace("://", ":&#47;/")
