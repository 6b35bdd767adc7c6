"""Which expressions of the user's code a report asks to rename, and which it leaves to a person.

First, do no harm. A rename is planned only where the new place is proven, within one body or one
item of a list, through no list; every other line that reads what is gone is named, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from replay.drift.acceptance.used import ALL, Body, Site, Used
from replay.drift.guide.outline import place
from replay.drift.judge.findings import Comparison, Finding, Grade, Report, Severity
from replay.drift.judge.relocate import GONE
from replay.drift.judge.rules import sentence
from replay.drift.observe.pointers import ANY, dotted, parent, unescape

_MOVED = frozenset({"field-moved", "field-renamed"})


@dataclass(frozen=True, slots=True)
class Edit:
    """A rename of what one expression reads.

    Attributes:
        site: the expression.
        field: the field as people write it, such as ``invoice.subscription``.
        old: the keys that the expression ends with.
        new: the keys in their place.
        guards: how many of the new keys lead to an object that may be null, in order.
        remark: which objects were null, and how often; empty without guards.
        never_null: whether no recording shows the field without a value: then it is not known what
            stands on the way to its new place.
    """

    site: Site
    field: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    guards: tuple[int, ...] = ()
    remark: str = ""
    never_null: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """A line that a person must look at.

    Attributes:
        file, line: where it is.
        field: the field as people write it.
        why: why it is not edited, or what to mind after the edit.
    """

    file: str
    line: int
    field: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a report asks of the user's code.

    Attributes:
        edits: the renames, by file and line.
        left: the lines for a person, by file and line.
    """

    edits: tuple[Edit, ...]
    left: tuple[Left, ...]


def plan(report: Report, used: Used) -> Plan:
    """What a report asks of the code that reads what it is about.

    Args:
        report: the report. Accepted, unobserved and informative findings ask for nothing.
        used: the expressions that read fields.
    """
    reads: dict[Site, set[tuple[Body, str]]] = {}
    for body, paths in used.sites.items():
        for path, sites in paths.items():
            for site in sites:
                reads.setdefault(site, set()).add((body, path))
    edits: dict[Site, set[Edit]] = {}
    left: set[Left] = set()
    wholes: dict[tuple[str, int, str], set[str]] = {}
    for comparison, finding in report.findings():
        if not _asks(finding):
            continue
        edit = _edit(comparison, finding)
        field = place(comparison, comparison.resource, finding.path)
        for body, path, site in used.readings(comparison, finding):
            if _is_whole(finding.path, path, reads[site]):
                name = comparison.type or comparison.resource
                wholes.setdefault((site.file, site.line, name), set()).add(finding.path)
            elif isinstance(edit, str):
                left.add(Left(site.file, site.line, field, edit))
            elif path == finding.path:
                why = _not_alone(path, body, reads[site])
                if why:
                    left.add(Left(site.file, site.line, field, why))
                else:
                    full = finding.carried is not None and finding.carried[0] == finding.carried[1]
                    edits.setdefault(site, set()).add(Edit(site, field, *edit, full))
    for (file, line, name), changed in wholes.items():
        count = f"{len(changed)} of its fields changed"
        left.add(Left(file, line, name, f"the object is read as a whole here; {count}"))
    done = []
    for site, wanted in edits.items():
        if len({(edit.old, edit.new) for edit in wanted}) > 1:
            several = ", ".join(sorted(edit.field for edit in wanted))
            left.add(Left(site.file, site.line, several, "findings ask for different new places"))
        else:
            done.append(min(wanted, key=lambda edit: edit.field))
    places = {(edit.site.file, edit.site.line, edit.field) for edit in done}
    rest = [one for one in left if (one.file, one.line, one.field) not in places]
    return Plan(
        tuple(sorted(done, key=lambda edit: edit.site)),
        tuple(sorted(rest, key=lambda one: (one.file, one.line, one.field, one.why))),
    )


def _asks(finding: Finding) -> bool:
    return (
        finding.accepted is None
        and finding.grade > Grade.UNOBSERVED
        and finding.severity > Severity.INFO
    )


class _Change(NamedTuple):
    """A rename, wherever it is made; see `Edit`."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    guards: tuple[int, ...]
    remark: str


def _edit(comparison: Comparison, finding: Finding) -> _Change | str:
    """The rename that a finding asks for; else why it asks for none."""
    to, way = finding.to, finding.way
    if to is None or to.resource != comparison.resource or finding.rule not in _MOVED | GONE:
        return sentence(comparison, finding)
    where = place(comparison, to.resource, to.path)
    if to.grade < Grade.PROVEN:
        return f"{where} is likely, not proven"
    if way is None:
        return f"a list lies on the way to {where}"
    if way.missing:
        path, times = way.missing[0]
        counted = "items of new" if ANY in path.split("/") else "new"
        return f"{dotted(path)}: not there in {times} of {way.pairs} {counted} recordings"
    if way.others:
        return f"{where} is of another kind in {way.others} of {way.pairs}, or lacks keys"
    old, new = (path.split("/")[1:] for path in (finding.path, to.path))
    common = 0
    while common < len(old) - 1 and common < len(new) - 1 and old[common] == new[common]:
        common += 1
    null = dict(way.null)
    guards = tuple(
        n - common for n in range(common + 1, len(new)) if "/" + "/".join(new[:n]) in null
    )
    told = (f"{dotted(path)}: null in {times} of {way.pairs}" for path, times in way.null)
    before, after = (tuple(map(unescape, keys[common:])) for keys in (old, new))
    return _Change(before, after, guards, ", ".join(told) if guards else "")


def _is_whole(path: str, read: str, reads: Iterable[tuple[Body, str]]) -> bool:
    """Whether an expression reads more of the object than a field: all its keys, or all in it."""
    keys = f"{parent(path)}/{ANY}"
    return read.endswith(f"/{ALL}") or any(one == keys for _, one in reads)


def _not_alone(path: str, body: Body, reads: Iterable[tuple[Body, str]]) -> str:
    """Why an expression is not known to read this field alone; empty where it is.

    An object inside another one is read at two places by one expression: at that within its own
    body, and at that within the outer one.
    """
    if any(other.type == "event" for other, _ in reads):
        return "it is read from an event, which has the version of the webhook endpoint"
    others = sorted(
        other.type or other.resource
        for other, read in reads
        if other.type != body.type
        and not (read.endswith(path) and len(read) > len(path))
        and not (path.endswith(read) and len(path) > len(read))
    )
    return f"the same expression reads {others[0]} too" if others else ""


def by_file(edits: Iterable[Edit]) -> Mapping[str, list[Edit]]:
    """The renames of each file."""
    found: dict[str, list[Edit]] = {}
    for edit in edits:
        found.setdefault(edit.site.file, []).append(edit)
    return found
