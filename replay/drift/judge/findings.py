"""The values that a comparison yields: finding, comparison, report. Frozen, no judgement."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from replay.drift.observe.shape import KINDS, Stat
from replay.model.cassette import ObjectKey
from replay.stripe_api.versions import promises

_NAMES = {
    "null": "null",
    "bool": "boolean",
    "int": "integer",
    "num": "number",
    "str": "string",
    "obj": "object",
    "arr": "array",
}


class Severity(IntEnum):
    """How much a change hurts a consumer of the response; more is worse."""

    INFO = 0
    WARNING = 1
    BREAKING = 2

    def __str__(self) -> str:
        return self.name.lower()


class Grade(IntEnum):
    """How much the recordings can say; more is surer. `UNOBSERVED` never fails a build."""

    UNOBSERVED = 0
    LIKELY = 1
    PROVEN = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Side:
    """What one version showed at a finding's path.

    Attributes:
        kinds: the JSON types seen, in a fixed order.
        present: how often the path was there.
        parents: how often it could have been: its living parents.
    """

    kinds: tuple[str, ...] = ()
    present: int = 0
    parents: int = 0


def side(stat: Stat | None, parents: int) -> Side:
    """A side from the statistics of its path; None where the path was never there."""
    if stat is None:
        return Side(parents=parents)
    seen = stat.kinds
    return Side(tuple(_NAMES[kind] for kind in KINDS if kind in seen), stat.seen, parents)


@dataclass(frozen=True, slots=True)
class Target:
    """Where something moved to.

    Attributes:
        resource: the resource path, such as ``invoice_payments``.
        path: the JSON pointer there.
        join: the pointer there that holds the ID of the object it left; empty within one object.
    """

    resource: str
    path: str
    join: str = ""


@dataclass(frozen=True, slots=True)
class Support:
    """How many pairs show it.

    Attributes:
        agree: pairs that show the change.
        pairs: pairs that could have.
        controlled: whether they are twins, or agree in status and dates.
    """

    agree: int
    pairs: int
    controlled: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """One drift between two versions.

    Attributes:
        rule: the ID of the rule, see `replay.drift.judge.rules`.
        severity: how much it hurts.
        grade: how sure it is.
        path: the JSON pointer, ``*`` for any list item or map value.
        old, new: what each version showed there.
        witnesses: where each version shows it; empty where it showed nothing.
        to: where it moved to.
        parts: for a moved object, its leaves with their new places.
        support: the pairs behind it; None where only pools speak.
        detail: what the rule adds in words: the new value, the old and the new kind.
        blind: the side, ``old`` or ``new``, that showed nothing, where that is the finding.
        settle: the command whose recording would settle it; empty where none would.
        broken_promise: it breaks inside one named train, where Stripe promises that nothing does.
        accepted: the reason it is accepted for; None where it is not.
        fingerprint: hash of rule, resource, path and versions; the same whatever the wording.
        used: whether tests read the field; None where that was not asked.
    """

    rule: str
    severity: Severity
    grade: Grade
    path: str
    old: Side
    new: Side
    witnesses: tuple[str, str] = ("", "")
    to: Target | None = None
    parts: tuple[tuple[str, str], ...] = ()
    support: Support | None = None
    detail: str = ""
    blind: str = ""
    settle: str = ""
    broken_promise: bool = False
    accepted: str | None = None
    fingerprint: str = ""
    used: bool | None = None

    @property
    def order(self) -> tuple[int, int, int, str, str, str]:
        """Sorts findings: the worst first, of them the used, then the surest, then by path."""
        return -self.severity, -bool(self.used), -self.grade, self.path, self.rule, self.detail

    def fails(
        self, severity: Severity | None, grade: Grade = Grade.LIKELY, *, used: bool = False
    ) -> bool:
        """Whether it is at or above a gate, see `Report.fails`."""
        return (
            severity is not None
            and (self.used is True or not used)
            and self.severity >= severity
            and self.grade >= max(grade, Grade.LIKELY)
            and self.accepted is None
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """One type of one resource at two versions, under one expand set.

    Attributes:
        resource: the resource path, such as ``invoices``.
        type: the `object` value of the bodies, such as ``invoice``.
        deleted: whether the bodies are the stubs of deleted objects.
        old, new: the versions.
        expand: the expand set.
        objects: how many objects were recorded: old, new, at both.
        controlled: how many pairs are twins, or agree in status and dates.
        findings: what differs, the worst first.
        spans: which recordings of the two versions, in words; empty for all of them.
    """

    resource: str
    type: str
    deleted: bool
    old: str
    new: str
    expand: tuple[str, ...]
    objects: tuple[int, int, int]
    controlled: int
    findings: tuple[Finding, ...]
    spans: tuple[str, str] = ("", "")

    @property
    def sides(self) -> tuple[str, str]:
        """Both sides in words: the versions, with which of their recordings."""
        old, new = self.spans
        return f"{self.old} {old}".strip(), f"{self.new} {new}".strip()


@dataclass(frozen=True, slots=True)
class Row:
    """One path in all versions.

    Attributes:
        path: the path.
        cells: for each version, how often the path was there and how often it could have been;
            None where its parent was not observed.
    """

    path: str
    cells: tuple[tuple[int, int] | None, ...]

    @property
    def seen(self) -> tuple[int, int]:
        """The first and the last version that showed it, as positions."""
        shown = [n for n, cell in enumerate(self.cells) if cell is not None and cell[0]]
        return shown[0], shown[-1]


@dataclass(frozen=True, slots=True)
class Matrix:
    """The fields of one type against the versions that were recorded.

    Attributes:
        resource, type, deleted, expand: as in `Comparison`.
        versions: the sides in words, oldest first.
        rows: the paths, sorted.
    """

    resource: str
    type: str
    deleted: bool
    expand: tuple[str, ...]
    versions: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All comparisons that were asked for.

    Attributes:
        comparisons: in the order of resource, versions, type and expand set.
        recorded: resource -> the versions recorded, oldest first.
        example: an object that is recorded; None in an empty library.
        matrices: fields against versions, where they were asked for.
        stubs: resource -> the sides in words of which nothing but stubs of deleted objects is
            recorded, where another side has living ones: they are never compared.
    """

    comparisons: tuple[Comparison, ...]
    recorded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    example: ObjectKey | None = None
    matrices: tuple[Matrix, ...] = ()
    stubs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def findings(self) -> Iterator[tuple[Comparison, Finding]]:
        """All findings, each with its comparison."""
        for comparison in self.comparisons:
            for finding in comparison.findings:
                yield comparison, finding

    def summary(self) -> dict[str, int]:
        """How many findings of each severity; the unobserved and accepted are counted apart."""
        counts = {"breaking": 0, "warning": 0, "info": 0, "unobserved": 0, "accepted": 0}
        for _, finding in self.findings():
            if finding.accepted is not None:
                counts["accepted"] += 1
            elif finding.grade is Grade.UNOBSERVED:
                counts["unobserved"] += 1
            else:
                counts[str(finding.severity)] += 1
        return counts

    def fails(
        self, severity: Severity | None, grade: Grade = Grade.LIKELY, *, used: bool = False
    ) -> bool:
        """Whether a finding is at or above a gate.

        Args:
            severity: the least severity that fails; None fails never.
            grade: the least grade that fails; `UNOBSERVED` findings fail under no gate.
            used: whether only what tests use fails.
        """
        return any(finding.fails(severity, grade, used=used) for _, finding in self.findings())

    def summary_of_used(self) -> tuple[int, int] | None:
        """How many breaking findings are used by tests, and how many are not.

        The unobserved and accepted are left out. None where use was not asked for.
        """
        told = [finding for _, finding in self.findings() if finding.used is not None]
        breaking = [f.used for f in told if f.fails(Severity.BREAKING)]
        return (sum(map(bool, breaking)), breaking.count(False)) if told else None


def fingerprint(rule: str, resource: str, path: str, old: str, new: str) -> str:
    """Names a finding across runs: 16 hex digits."""
    named = f"{rule}\0{resource}\0{path}\0{old}\0{new}"
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def breaks_promise(severity: Severity, grade: Grade, old: str, new: str) -> bool:
    """Whether a finding contradicts what Stripe promises for the two versions."""
    return severity is Severity.BREAKING and grade > Grade.UNOBSERVED and promises(old, new)
