"""What the recordings cover of the fields that tests read: unchanged, changed, or not observed.

A report that finds nothing may have seen nothing. This says how much of what the tests read both
versions showed, and which recording would show the rest.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence

from replay.drift.acceptance.used import ALL, Body, Used, concerns
from replay.drift.judge.findings import (
    Blind,
    Comparison,
    Coverage,
    Finding,
    Grade,
    Matrix,
    Report,
)
from replay.drift.observe.pointers import ANY, parent

_Cells = dict[str, tuple[bool, bool]]
"""Path -> whether the old and the new side had an object that could hold it."""


def coverage(report: Report, used: Used) -> tuple[Coverage, ...]:
    """What a report says of the fields that tests read, for each two sides that it compares.

    A body that was read as a whole, as JSON, counts with all fields that the old side showed.
    Where only two sides are compared, what was read of other types counts as not observed.

    Args:
        report: the report, with its matrices; without them there is nothing to tell.
        used: the fields that the tests read.
    """
    if not report.matrices:
        return ()
    living = [comparison for comparison in report.comparisons if not comparison.deleted]
    sides = dict.fromkeys(comparison.sides for comparison in living)
    return tuple(
        found
        for both in sides
        if (
            found := _of_sides(
                report, used, [one for one in living if one.sides == both], alone=len(sides) == 1
            )
        ).fields
    )


def _of_sides(
    report: Report, used: Used, comparisons: Sequence[Comparison], *, alone: bool
) -> Coverage:
    first = comparisons[0]
    counts = {"unchanged": 0, "changed": 0}
    blind: dict[tuple[str, str], Blind] = {}
    for type, bodies in _types(used).items():
        told = [one for one in comparisons if any(concerns(body, one) for body in bodies)]
        if not told and not alone:
            continue
        resource = told[0].resource if told else bodies[0].resource
        kind = told[0].type if told else type
        cells = _cells(report.matrices, told)
        findings = [finding for comparison in told for finding in comparison.findings]
        read = {
            path
            for body in bodies
            for path in used.paths[body]
            if told or not _is_inner(used, body, path)
        }
        for path in sorted(_fields(read, _shown(report.matrices, told))):
            about = [finding for finding in findings if _tells_of(finding, path)]
            if any(finding.grade > Grade.UNOBSERVED for finding in about):
                counts["changed"] += 1
            elif not about and all(_seen(cells, path)):
                counts["unchanged"] += 1
            else:
                settle = next((finding.settle for finding in about if finding.settle), "")
                if not told:
                    settle = f"replay upgrade {shlex.quote(first.new)} --resource {resource}"
                blind[kind, path] = Blind(resource, kind, path, settle)
    return Coverage(*first.sides, counts["unchanged"], counts["changed"], tuple(blind.values()))


def _types(used: Used) -> dict[str, list[Body]]:
    """The bodies that were read, by what they are."""
    found: dict[str, list[Body]] = {}
    for body in sorted(used.paths):
        found.setdefault(body.type or body.resource, []).append(body)
    return found


def _is_inner(used: Used, body: Body, path: str) -> bool:
    """Whether a field was only ever read inside another body, for which it counts."""
    sites = used.sites.get(body, {}).get(path, {})
    return bool(sites) and all(
        any(
            site in places and len(outer) > len(path) and outer.endswith(path)
            for other, paths in used.sites.items()
            if other != body
            for outer, places in paths.items()
        )
        for site in sites
    )


def _cells(matrices: Iterable[Matrix], comparisons: Sequence[Comparison]) -> _Cells:
    # An object that changed its type is at one version alone of this one.
    found: _Cells = {"": (True, True)} if comparisons else {}
    for path, cells in _rows(matrices, comparisons):
        old, new = (cell is not None for cell in cells)
        before = found.get(path, (False, False))
        found[path] = (before[0] or old, before[1] or new)
    return found


def _shown(matrices: Iterable[Matrix], comparisons: Sequence[Comparison]) -> set[str]:
    """The paths that an object of the old side had."""
    return {path for path, (old, _) in _rows(matrices, comparisons) if old is not None and old[0]}


def _rows(
    matrices: Iterable[Matrix], comparisons: Sequence[Comparison]
) -> Iterator[tuple[str, list[tuple[int, int] | None]]]:
    """Each path, with its cells of the old and the new side."""
    for comparison in comparisons:
        for matrix in matrices:
            if (matrix.resource, matrix.type, matrix.deleted, matrix.expand) == (
                comparison.resource, comparison.type, comparison.deleted, comparison.expand,
            ):  # fmt: skip
                for row in matrix.rows:
                    cells = dict(zip(matrix.versions, row.cells, strict=True))
                    yield row.path, [cells.get(side) for side in comparison.sides]


def _fields(read: Iterable[str], shown: Iterable[str]) -> set[str]:
    """The fields among what was read: not the items of lists, nor the values of maps.

    What was read as a whole stands for what was shown of it.
    """
    found: set[str] = set()
    for path in read:
        if path.endswith(f"/{ALL}"):
            root = path.removesuffix(ALL)
            found.update(
                one for one in shown if one.startswith(root) and not one.endswith(f"/{ANY}")
            )
        while path.endswith((f"/{ANY}", f"/{ALL}")):
            path = parent(path)
        if path:
            found.add(path)
    return found


def _tells_of(finding: Finding, path: str) -> bool:
    """Whether a finding is about a field, or about an object that holds it."""
    at, segments = finding.path.split("/"), path.split("/")
    return len(at) <= len(segments) and all(
        a == b or ANY in (a, b) for a, b in zip(at, segments, strict=False)
    )


def _seen(cells: _Cells, path: str) -> tuple[bool, bool]:
    """Whether the old and the new side observed what could hold a field."""
    if path in cells:
        return cells[path]
    # No side ever had it: they observed what could hold it where they did for its neighbours.
    beside = [cells[one] for one in cells if one and parent(one) == parent(path)]
    if beside and parent(path):
        return any(old for old, _ in beside), any(new for _, new in beside)
    return cells.get(parent(path), (False, False))
