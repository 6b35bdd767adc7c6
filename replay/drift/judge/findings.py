"""The values that a comparison yields: finding, comparison, report. Frozen; nothing is judged."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from replay.drift.observe.selection import ALL, Epoch, Slice
from replay.drift.observe.shape import KINDS, Stat, Witness
from replay.model.cassette import ObjectKey
from replay.stripe_api.versions import promises

TYPES = {
    "null": "null",
    "bool": "boolean",
    "int": "integer",
    "num": "number",
    "str": "string",
    "obj": "object",
    "arr": "array",
}
"""Kind, as in marks -> the JSON type, as people name it."""


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
    """The observations of one version at a finding's path.

    Attributes:
        kinds: the JSON types seen, in a fixed order.
        present: how often the path was there.
        parents: how often it could have been: how many objects could have had it.
    """

    kinds: tuple[str, ...] = ()
    present: int = 0
    parents: int = 0


def side(stat: Stat | None, parents: int) -> Side:
    """A side from the statistics of its path; None where the path was never there."""
    if stat is None:
        return Side(parents=parents)
    seen = stat.kinds
    return Side(tuple(TYPES[kind] for kind in KINDS if kind in seen), stat.seen, parents)


@dataclass(frozen=True, slots=True)
class Target:
    """Where something moved to.

    Attributes:
        resource: the resource path, such as ``invoice_payments``.
        path: the JSON pointer there.
        join: the pointer there that holds the ID of the object it left; empty within one object.
        grade: how sure it is that the values are to be read there.
    """

    resource: str
    path: str
    join: str = ""
    grade: Grade = Grade.PROVEN


@dataclass(frozen=True, slots=True)
class Way:
    """What stands in the way to a new place, in the pairs whose old side had the field.

    Where both places are in the items of one list, the pairs are those of its items.

    Attributes:
        pairs: how many pairs these are.
        null: the objects above the new place that were null, each with the number of pairs.
        missing: the keys on the way that were missing, or the place itself, each with the number.
        others: in how many pairs the new value is of another kind, or lacks keys of the old one.
    """

    pairs: int = 0
    null: tuple[tuple[str, int], ...] = ()
    missing: tuple[tuple[str, int], ...] = ()
    others: int = 0


@dataclass(frozen=True, slots=True)
class Support:
    """How many pairs show a change.

    Attributes:
        agree: the pairs that show it.
        pairs: the pairs that could have shown it.
        controlled: whether they are twins, or pairs of one state.
    """

    agree: int
    pairs: int
    controlled: bool


@dataclass(frozen=True, slots=True)
class UsedAt:
    """A line of the user's code that reads a field.

    Attributes:
        file: the file, relative to the project's folder, with slashes.
        line: the line, from 1.
        column: where the expression that reads begins in that line, in bytes, from 1; 0 where the
            interpreter does not tell.
        tests: the tests that ran the line, sorted, without their parameters.
        in_test: whether the line is a test's own.
    """

    file: str
    line: int
    column: int
    tests: tuple[str, ...]
    in_test: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What code reads in one object of each version: it works on the old one, not on the new one.

    Attributes:
        old, new: the objects.
        steps: the steps from an object to the value: a key, a position, ``("id", ID)`` for an item
            of a list, None for the first item that has the rest.
        kind: the type of the old value, as Python names it.
    """

    old: Witness
    new: Witness
    steps: tuple[str | int | tuple[str, str] | None, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One drift between two versions.

    Attributes:
        rule: the ID of the rule, see `replay.drift.judge.rules`.
        severity: how much it hurts.
        grade: how sure it is.
        path: the JSON pointer, ``*`` for any list item or map value.
        old, new: the observations of each version there.
        witnesses: where each version shows it: file, take, pointer. Empty where it shows nothing.
        to: where it is to be read now.
        way: what stands in the way to that place; None where lists lie on it, or in another body.
        parts: for an object or a list that is gone, its leaves with their places now.
        support: the pairs behind it; None where only pools speak. Where it names a new place: how
            many of the pairs that carried a value show it there.
        carried: of a removal: how often the old version had a value other than null there, and how
            often it could have had one; else None.
        detail: the end of the rule's sentence: the new value, the old and the new type.
        blind: the side, ``old`` or ``new``, that showed nothing, where that is the finding.
        settle: the command that records what would decide it; empty where no recording would.
        broken_promise: whether it breaks inside one named train, which Stripe promises not to do.
        accepted: the reason it is accepted for; None where it is not.
        fingerprint: hash of rule, resource, path and versions; independent of the wording.
        used: whether tests read the field; None where that is not known.
        used_at: the lines that read it; the tested code's before those of tests.
        confirmed: whether a reading shows it; None where none was tried.
        reading: the reading that shows it.
    """

    rule: str
    severity: Severity
    grade: Grade
    path: str
    old: Side
    new: Side
    witnesses: tuple[str, str] = ("", "")
    to: Target | None = None
    way: Way | None = None
    parts: tuple[tuple[str, str], ...] = ()
    support: Support | None = None
    carried: tuple[int, int] | None = None
    detail: str = ""
    blind: str = ""
    settle: str = ""
    broken_promise: bool = False
    accepted: str | None = None
    fingerprint: str = ""
    used: bool | None = None
    used_at: tuple[UsedAt, ...] = ()
    confirmed: bool | None = None
    reading: Reading | None = None

    @property
    def order(self) -> tuple[int, int, int, str, str, str]:
        """Sorts findings: the worst first; then what tests use, then the surest, then by path."""
        return -self.severity, -bool(self.used), -self.grade, self.path, self.rule, self.detail

    def fails(
        self, severity: Severity | None, grade: Grade = Grade.LIKELY, *, used: bool = False
    ) -> bool:
        """Whether it fails a gate, see `Report.fails`."""
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
        controlled: how many pairs are twins, or pairs of one state.
        findings: the differences, the worst first.
        slices: which recordings of the two versions.
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
    slices: tuple[Slice, Slice] = (ALL, ALL)

    @property
    def epochs(self) -> tuple[Epoch, Epoch]:
        """Both sides."""
        return Epoch(self.old, self.slices[0]), Epoch(self.new, self.slices[1])

    @property
    def sides(self) -> tuple[str, str]:
        """Both sides in words: the versions, with which of their recordings."""
        old, new = self.epochs
        return old.label, new.label


@dataclass(frozen=True, slots=True)
class Row:
    """One path in all versions.

    Attributes:
        path: where it is in a body, as a pattern.
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


Sides = tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]
"""Sides in words, oldest first, each with its expand sets."""


@dataclass(frozen=True, slots=True)
class Blind:
    """A field that tests read, and that a version did not show.

    Attributes:
        resource: the resource path of its body.
        type: the body's `object` value.
        path: its pointer there, as a pattern.
        settle: the command that records what would show it; empty where it takes another object.
    """

    resource: str
    type: str
    path: str
    settle: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the recordings of two versions say of the fields that tests read.

    Attributes:
        old, new: the sides in words.
        unchanged: how many fields both sides show, without a difference.
        changed: how many have a finding that is not unobserved.
        blind: those that the recordings cannot tell about.
    """

    old: str
    new: str
    unchanged: int
    changed: int
    blind: tuple[Blind, ...]

    @property
    def fields(self) -> int:
        """How many fields the tests read."""
        return self.unchanged + self.changed + len(self.blind)


@dataclass(frozen=True, slots=True)
class Report:
    """All comparisons that were asked for.

    Attributes:
        comparisons: in the order of resource, versions, type and expand set.
        recorded: resource -> the versions recorded, oldest first.
        example: an object that is recorded; None in an empty library.
        matrices: fields against versions, where they were asked for.
        stubs: resource -> the sides, in words, that hold nothing but stubs of deleted objects
            where another side holds living ones. The two are never compared.
        expanded: resource -> its sides, in words, each with its expand sets, where the sides that
            were asked for have none in common. Those are never compared either.
    """

    comparisons: tuple[Comparison, ...]
    recorded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    example: ObjectKey | None = None
    matrices: tuple[Matrix, ...] = ()
    stubs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    expanded: Mapping[str, Sides] = field(default_factory=dict)
    coverage: tuple[Coverage, ...] = ()
    left_out: tuple[Finding, ...] = ()

    def findings(self) -> Iterator[tuple[Comparison, Finding]]:
        """All findings that are shown, each with its comparison."""
        for comparison in self.comparisons:
            for finding in comparison.findings:
                yield comparison, finding

    def _counted(self) -> Iterator[Finding]:
        yield from (finding for _, finding in self.findings())
        yield from self.left_out

    def summary(self) -> dict[str, int]:
        """How many findings of each severity; unobserved and accepted ones are counted apart."""
        counts = {"breaking": 0, "warning": 0, "info": 0, "unobserved": 0, "accepted": 0}
        for finding in self._counted():
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
        """Whether any finding fails a gate.

        Args:
            severity: the least severity that fails; None for none.
            grade: the least grade that fails; `UNOBSERVED` findings never do.
            used: whether only what tests use can fail.
        """
        return any(finding.fails(severity, grade, used=used) for finding in self._counted())

    def summary_of_used(self) -> tuple[int, int] | None:
        """How many breaking findings are used by tests, and how many are not.

        Unobserved and accepted ones are left out. None where use is not known.
        """
        known = [finding for finding in self._counted() if finding.used is not None]
        breaking = [f.used for f in known if f.fails(Severity.BREAKING)]
        return (sum(map(bool, breaking)), breaking.count(False)) if known else None


def fingerprint(rule: str, resource: str, path: str, old: str, new: str) -> str:
    """Names a finding across runs, independent of its evidence: 16 hex digits."""
    named = f"{rule}\0{resource}\0{path}\0{old}\0{new}"
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def breaks_promise(finding: Finding, old: str, new: str) -> bool:
    """Whether a finding breaks Stripe's promise for two versions of one train.

    The promise makes a break less likely, so only controlled pairs show that it was not kept.
    """
    controlled = finding.support is not None and finding.support.controlled
    breaking = finding.severity is Severity.BREAKING and finding.grade > Grade.UNOBSERVED
    return controlled and breaking and promises(old, new)
