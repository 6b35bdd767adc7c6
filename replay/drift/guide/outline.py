"""The outline of a comparison: which place replaces which, what is gone for good, what is open.

It holds the findings on fields that cannot be read any more where they were. Those that tests read
come first, then those that carried a value most often.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from replay.drift.judge.findings import Comparison, Finding, Grade, Report
from replay.drift.judge.relocate import GONE
from replay.drift.observe.pointers import dotted
from replay.errors import printable


@dataclass(frozen=True, slots=True)
class Row:
    """A field that is to be read elsewhere, or nowhere.

    Attributes:
        old: the field as people write it, such as ``invoice.subscription``.
        new: where its value is to be read now, or may be; empty for nowhere.
        sure: whether the new place is proven.
        finding: the finding that says so.
    """

    old: str
    new: str
    sure: bool
    finding: Finding

    @property
    def carried(self) -> str:
        """How often the field carried a value, in words; empty where that is not known."""
        seen = self.finding.carried
        if seen is None:
            return ""
        return "set in {} of {}".format(*seen) if seen[0] else f"null in all {seen[1]}"


@dataclass(frozen=True, slots=True)
class Outline:
    """What a comparison asks of code that reads the old version.

    Attributes:
        moved: the fields that have a new place.
        gone: the fields whose values are nowhere in the new version.
        questions: the fields of which the recordings do not tell where their values are.
    """

    moved: tuple[Row, ...] = ()
    gone: tuple[Row, ...] = ()
    questions: tuple[Row, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.moved or self.gone or self.questions)


def outline(comparison: Comparison) -> Outline:
    """The outline of a comparison; accepted findings are left out."""
    moved, gone, questions = [], [], []
    for finding in comparison.findings:
        old = place(comparison, comparison.resource, finding.path)
        if finding.accepted is not None or finding.grade is Grade.UNOBSERVED:
            continue
        if finding.to is not None and finding.rule != "field-aliased":
            new = place(comparison, finding.to.resource, finding.to.path)
            moved.append(Row(old, new, finding.to.grade is Grade.PROVEN, finding))
        elif finding.rule in GONE and finding.parts:
            moved += [
                Row(
                    place(comparison, comparison.resource, source),
                    place(comparison, comparison.resource, target),
                    sure=False,
                    finding=finding,
                )
                for source, target in finding.parts
            ]
        elif finding.rule in GONE and _settled(finding):
            gone.append(Row(old, "", sure=True, finding=finding))
        elif finding.rule in GONE:
            questions.append(Row(old, _hint(finding), sure=False, finding=finding))
    return Outline(_ranked(moved), _ranked(gone), _ranked(questions))


def place(comparison: Comparison, resource: str, path: str) -> str:
    """A field as people write it, such as ``invoice.subscription``.

    Args:
        comparison: where it was found.
        resource: the resource whose body has it.
        path: its pointer there.
    """
    own = comparison.type if resource == comparison.resource else ""
    return f"{printable(own or resource)}.{dotted(path)}"


def _settled(finding: Finding) -> bool:
    return (
        not finding.detail and not finding.settle and bool(finding.carried and finding.carried[0])
    )


def _hint(finding: Finding) -> str:
    """What a question is about. Recordings say how often the field had a value; files do not."""
    if finding.carried is None and not finding.detail:
        return "a specification shows no values, so it does not tell where this is now"
    words = finding.detail.split(" ")
    return " ".join(dotted(word) if word.startswith("/") else printable(word) for word in words)


def _ranked(rows: Iterable[Row]) -> tuple[Row, ...]:
    def rank(row: Row) -> tuple[bool, float, str]:
        carried, parents = row.finding.carried or (0, 0)
        return not row.finding.used, -carried / max(parents, 1), row.old

    return tuple(sorted(rows, key=rank))


def only(report: Report, kinds: Iterable[str]) -> Report:
    """A report that shows only some findings; the others are counted in its summary.

    Args:
        report: the report.
        kinds: what to show: severities of findings that are not accepted, or
            ``accepted`` for those that are.
    """
    wanted = set(kinds)
    left_out: list[Finding] = []
    comparisons = []
    for comparison in report.comparisons:
        kept: list[Finding] = []
        for finding in comparison.findings:
            kind = "accepted" if finding.accepted is not None else str(finding.severity)
            (kept if kind in wanted else left_out).append(finding)
        comparisons.append(replace(comparison, findings=tuple(kept)))
    return replace(report, comparisons=tuple(comparisons), left_out=tuple(left_out))
