"""Texts that several renderers share: summaries, matrix cells, groups of paths.

The text of a finding is the sentence of its rule, see `replay.drift.judge.rules`.
"""

from __future__ import annotations

from collections.abc import Mapping

from replay.drift.judge.findings import Report
from replay.drift.observe.pointers import ANY


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


def counted_use(report: Report) -> str:
    """How many breaking findings tests use, in words; empty where that is not known."""
    counts = report.summary_of_used()
    if counts is None:
        return ""
    return f"breaking: {counts[0]} used by these tests, {counts[1]} not used"


def cell(seen: tuple[int, int] | None) -> str:
    """A cell of a matrix: ``all``, ``no``, ``2 of 5``; empty where no parent was observed."""
    if seen is None:
        return ""
    present, parents = seen
    return "no" if not present else "all" if present >= parents else f"{present} of {parents}"
