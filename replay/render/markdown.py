"""A report as Markdown for a comment on a pull request: the worst first, and bounded in size."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from urllib.parse import quote

from replay.drift.judge.findings import Comparison, Finding, Grade, Report, Severity, UsedAt
from replay.drift.judge.rules import sentence
from replay.errors import printable
from replay.render.words import MOST_LINES, counted, counted_use, reader

LIMIT = 60_000
"""Characters of a comment; GitHub refuses more than 65,536."""

_SPECIAL = re.compile(r"([\\`*_\[\]|#~])")
_HEAD = "| severity | grade | what |\n|---|---|---|\n"
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
    if not report.comparisons:
        return text + "\nNothing to compare.\n"
    left = 0
    for comparison in report.comparisons:
        for block, rows in _blocks(comparison):
            start = block[0] + _HEAD if rows else block[0]
            kept = ""
            for row in rows:
                room = limit - _ROOM - len(text) - len(start) - len(block[1])
                if len(kept) + len(row) > room:
                    left += 1
                else:
                    kept += row
            if len(text) + len(start) + _ROOM < limit and (kept or not rows):
                text += start + kept + block[1]
    if left:
        noun = "finding" if left == 1 else "findings"
        text += f"\n{left} more {noun} would not fit here: `replay diff` lists them all.\n"
    return text


def _blocks(comparison: Comparison) -> Iterator[tuple[tuple[str, str], list[str]]]:
    old, new = comparison.sides
    type = comparison.type if comparison.type not in ("", comparison.resource) else ""
    named = " ".join(part for part in (type, "(deleted)" * comparison.deleted) if part)
    title = f"{comparison.resource}{f' / {named}' if named else ''}: {old} → {new}"
    if comparison.expand:
        title += f", expand {', '.join(comparison.expand)}"
    open_ = [finding for finding in comparison.findings if finding.accepted is None]
    loud = [finding for finding in open_ if _loud(finding)]
    rest = [finding for finding in open_ if not _loud(finding)]
    head = f"\n#### {escape(printable(title))}\n\n"
    n, m, both = comparison.objects
    objects = f"{n} and {m} objects, {both} at both; {comparison.controlled} controlled pairs.\n"
    yield (head + objects + ("\n" if loud else ""), ""), [_row(comparison, f) for f in loud]
    if rest:
        start = f"\n<details><summary>{len(rest)} informative or unobserved</summary>\n\n"
        yield (start, "\n</details>\n"), [_row(comparison, f) for f in rest]


def _loud(finding: Finding) -> bool:
    return finding.severity > Severity.INFO and finding.grade > Grade.UNOBSERVED


def _row(comparison: Comparison, finding: Finding) -> str:
    mark = {Severity.BREAKING: "**breaking**", Severity.WARNING: "warning", Severity.INFO: "info"}
    what = escape(sentence(comparison, finding)) + " (**used by these tests**)" * bool(finding.used)
    what += "".join(f"<br>{_link(at)}" for at in finding.used_at[:MOST_LINES])
    if len(finding.used_at) > MOST_LINES:
        what += f"<br>and {len(finding.used_at) - MOST_LINES} more lines"
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
