"""The findings of a check of a library, as values, and how they are printed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
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
from replay.upkeep.proof import FORGED, UNKNOWN, UNPROVEN


class ProblemKind(StrEnum):
    """The kinds of problem that a file can have."""

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
    LINK = "link"
    SECRET = "secret"  # noqa: S105 - the name of a kind
    NOT_KEPT = "not-kept"
    STAND_IN = "stand-in"
    REDACTED = "redacted"
    REQUEST = "request"
    BODY = "body"
    OLD = "old"
    FUTURE = "future"
    CHANGED = "changed"
    GONE = "gone"
    NO_TEST = "no-test"


UNPROVEN_KINDS = {
    UNPROVEN: (ProblemKind.NOT_KEPT, "the policy in force does not keep {}"),
    FORGED: (ProblemKind.STAND_IN, "the stand-in at {} is not the one that belongs there"),
    UNKNOWN: (
        ProblemKind.STAND_IN,
        "the stand-in at {} is not the one of the policy in force, and the policy that the cassette"
        " names is not at hand",
    ),
}
"""Rule of the scan -> the kind of problem, and what to say of the places."""

FRAME = "the policy in force would not have it written"
_SHOWN = 5

_KINDS: dict[type[ReplayError], ProblemKind] = {
    CassetteUnsealed: ProblemKind.UNSEALED,
    CassetteConflict: ProblemKind.CONFLICT,
    CassetteTooNew: ProblemKind.TOO_NEW,
    KeyMismatch: ProblemKind.MISPLACED,
}


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong with a library.

    Attributes:
        path: the file or folder, below the library, in POSIX form.
        kind: the kind of problem.
        detail: the details; never a recorded value.
        next: the next step for the user.
    """

    path: str
    kind: ProblemKind
    detail: str
    next: str = ""

    @classmethod
    def of(cls, path: str, error: ReplayError) -> Problem:
        """The problem that an error tells, which reading a cassette raised."""
        other = (
            ProblemKind.DAMAGED if isinstance(error, CassetteDamaged) else ProblemKind.UNREADABLE
        )
        return cls(path, _KINDS.get(type(error), other), error.what, error.hint)


@dataclass(frozen=True, slots=True)
class Unasked:
    """A recording that the live source could not be compared with.

    Attributes:
        path: the cassette, below the library.
        reason: why.
        silent: whether the source was asked but did not answer.
    """

    path: str
    reason: str
    silent: bool = False


@dataclass(frozen=True, slots=True)
class LiveAnswers:
    """The comparison of a library with the live source.

    Attributes:
        asked: how many calls it answered.
        problems: the calls that it answers differently.
        unasked: the calls that could not be compared.
    """

    asked: int
    problems: tuple[Problem, ...]
    unasked: tuple[Unasked, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of checking a library.

    Attributes:
        library: the library, as a person would type it.
        checked: how many cassettes were checked.
        problems: the problems on disk.
        notes: other facts that a user should know.
        live: the comparison with the live source; None where it was not asked.
        foreign: how many files are vcrpy's, which were not checked.
        scenarios: how many scenario files were checked.
    """

    library: str
    checked: int
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()
    live: LiveAnswers | None = None
    foreign: int = 0
    scenarios: int = 0

    @property
    def all_problems(self) -> list[Problem]:
        """All problems, on disk and compared with the live source, sorted by path."""
        return sorted((*self.problems, *(self.live.problems if self.live else ())))

    @property
    def unasked(self) -> list[Unasked]:
        """The calls that could not be compared, sorted: answers arrive in any order."""
        unasked = self.live.unasked if self.live else ()
        return sorted(unasked, key=lambda one: (one.path, one.reason))

    @property
    def exit_code(self) -> int:
        """The exit code of the command.

        0: clean. 1: problems. 2: a file could not be read. 3: there is nothing to verify. 4: no
        problems, but not everything could be compared with the live source.
        """
        problems = self.all_problems
        if any(problem.kind is ProblemKind.UNREADABLE for problem in problems):
            return 2
        if problems:
            return 1
        if self.unasked:
            return 4
        return 0 if self.checked or self.scenarios else 3


def listed(pointers: list[str]) -> str:
    """The first of these places, and how many more there are."""
    more = f" and {len(pointers) - _SHOWN} more" if len(pointers) > _SHOWN else ""
    return ", ".join(pointers[:_SHOWN]) + more


def to_text(result: Verification) -> str:
    """For people: a line per problem with what to do next, and a count."""
    lines: list[str] = []
    problems, unasked = result.all_problems, result.unasked
    for problem in problems:
        lines.append(f"{problem.path}: {problem.kind}: {problem.detail}")
        lines += [
            f"  {'next:' if n == 0 else '     '} {line}"
            for n, line in enumerate(problem.next.splitlines())
        ]
    lines += [f"{one.path}: not compared: {one.reason}" for one in unasked]
    lines += [f"note: {note}" for note in result.notes]
    if not (result.checked or result.scenarios or problems):
        lines.append(f"there is nothing to verify in {result.library}")
    else:
        told = f"{result.checked} cassettes"
        if result.scenarios:
            told += f" and {result.scenarios} scenario files"
        told += f" in {result.library}"
        if result.live is not None:
            told += f", {result.live.asked} calls compared with the live source"
            told += f", {len(unasked)} not" if unasked else ""
        lines.append(f"{told}: " + (f"{len(problems)} findings" if problems else "no findings"))
    return "\n".join(lines) + "\n"


def to_json(result: Verification) -> str:
    """For machines; ``format`` changes when a reader of it has to."""
    document: dict[str, Any] = {
        "format": 1,
        "library": result.library,
        "checked": result.checked,
        "scenarios": result.scenarios,
        "asked": result.live.asked if result.live is not None else None,
        "findings": [
            {
                "path": problem.path,
                "rule": problem.kind,
                "detail": problem.detail,
                "next": problem.next,
            }
            for problem in result.all_problems
        ],
        "unasked": [asdict(one) for one in result.unasked],
        "notes": result.notes,
    }
    return json.dumps(document, indent=2) + "\n"
