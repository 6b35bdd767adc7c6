"""What a check of a library found: values, and how they are printed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from replay.errors import (
    CassetteConflict,
    CassetteDamaged,
    CassetteTooNew,
    CassetteUnsealed,
    KeyMismatch,
    ReplayError,
)


class Rule(StrEnum):
    """What is wrong with a file."""

    DAMAGED = "damaged"
    UNREADABLE = "unreadable"
    UNSEALED = "unsealed"
    CONFLICT = "conflict"
    TOO_NEW = "too-new"
    MISPLACED = "misplaced"
    DUPLICATE = "duplicate"
    CASE_ONLY = "case-only"
    TEMPORARY = "temporary-file"
    UNKNOWN = "unknown-file"
    EMPTY = "empty-folder"
    SECRET = "secret"  # noqa: S105 - the name of a rule
    NOT_KEPT = "not-kept"
    REDACTED = "redacted"
    REQUEST = "request"
    BODY = "body"
    OLD = "old"
    CHANGED = "changed"
    GONE = "gone"


_RULES: dict[type[ReplayError], Rule] = {
    CassetteUnsealed: Rule.UNSEALED,
    CassetteConflict: Rule.CONFLICT,
    CassetteTooNew: Rule.TOO_NEW,
    KeyMismatch: Rule.MISPLACED,
}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        path: the file or folder, below the library, in POSIX form.
        rule: what is wrong.
        detail: what exactly; never a recorded value.
        next: what to do.
    """

    path: str
    rule: Rule
    detail: str
    next: str = ""

    @classmethod
    def of(cls, path: str, error: ReplayError) -> Finding:
        """An error that a cassette got when it was read."""
        other = Rule.DAMAGED if isinstance(error, CassetteDamaged) else Rule.UNREADABLE
        return cls(path, _RULES.get(type(error), other), error.what, error.hint)


@dataclass(frozen=True, slots=True)
class Unasked:
    """A recording that the live source could not be compared with.

    Attributes:
        path: the cassette, below the library.
        reason: why.
        silent: whether the source was asked and did not answer.
    """

    path: str
    reason: str
    silent: bool = False


@dataclass(slots=True)
class Report:
    """What a check found.

    Attributes:
        library: the library, as a person would type it.
        checked: how many cassettes were checked.
        findings: what is wrong.
        asked: how many calls the live source answered; None where it was not asked.
        unasked: what it could not be asked.
        notes: what else to know.
    """

    library: str
    checked: int = 0
    findings: list[Finding] = field(default_factory=list)
    asked: int | None = None
    unasked: list[Unasked] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """What the command line exits with.

        0 clean, 1 findings, 2 a file could not be read, 3 nothing to verify, 4 not all was compared
        with the source.
        """
        if any(finding.rule is Rule.UNREADABLE for finding in self.findings):
            return 2
        if self.findings:
            return 1
        if self.unasked:
            return 4
        return 0 if self.checked else 3


def to_text(report: Report) -> str:
    """For people: a line per finding, what to do next, and a count."""
    lines: list[str] = []
    for finding in sorted(report.findings):
        lines.append(f"{finding.path}: {finding.rule}: {finding.detail}")
        lines += _next(finding.next)
    lines += [f"{one.path}: not compared: {one.reason}" for one in sorted_by_path(report.unasked)]
    lines += [f"note: {note}" for note in report.notes]
    count = len(report.findings)
    if not report.checked and not count:
        lines.append(f"there is nothing to verify in {report.library}")
    else:
        told = f"{report.checked} cassettes in {report.library}"
        if report.asked is not None:
            told += f", {report.asked} calls compared with the live source"
            if report.unasked:
                told += f", {len(report.unasked)} not"
        lines.append(f"{told}: " + (f"{count} findings" if count else "no findings"))
    return "\n".join(lines) + "\n"


def to_json(report: Report) -> str:
    """For machines; ``format`` changes when a reader has to."""
    document: dict[str, Any] = {
        "format": 1,
        "library": report.library,
        "checked": report.checked,
        "asked": report.asked,
        "findings": [asdict(finding) for finding in sorted(report.findings)],
        "unasked": [asdict(one) for one in sorted_by_path(report.unasked)],
        "notes": report.notes,
    }
    return json.dumps(document, indent=2) + "\n"


def sorted_by_path(unasked: Iterable[Unasked]) -> list[Unasked]:
    """In an order that does not depend on which answer came first."""
    return sorted(unasked, key=lambda one: (one.path, one.reason))


def _next(hint: str) -> list[str]:
    return [
        f"  {'next:' if n == 0 else '     '} {line}" for n, line in enumerate(hint.splitlines())
    ]
