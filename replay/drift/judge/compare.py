"""Compares the two sides of one part. The only user of deepdiff, which finds the candidates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from replay.drift.judge.evidence import Evidence
from replay.drift.judge.findings import (
    Comparison,
    Finding,
    Grade,
    breaks_promise,
    fingerprint,
)
from replay.drift.judge.judge import judge
from replay.drift.judge.relocate import GONE, relocate
from replay.drift.observe.corpus import Corpus, Part
from replay.drift.observe.marks import parent
from replay.drift.observe.observed import Observed, Paired
from replay.drift.observe.pairs import Pair
from replay.drift.observe.selection import Epoch
from replay.drift.observe.shape import Calendar, Shape, Stat


def compare(corpus: Corpus, part: Part, old: Epoch, new: Epoch) -> Comparison:
    """Compare one part in two epochs; both must have been observed.

    What moved to another resource is not looked for here: that takes another look at the library.
    """
    before, after = corpus.observed[part][old], corpus.observed[part][new]
    paired = corpus.paired.get(part, {}).get((old, new)) or Paired()
    evidence = _evidence(before, after, paired)
    found = judge(evidence, candidates(evidence.old, evidence.new))
    found = list(_dated(found, *evidence.calendars))
    found = relocate(evidence, found, paired.samples, part.resource)
    comparison = Comparison(
        part.resource,
        part.type,
        part.deleted,
        old.version,
        new.version,
        part.expand,
        (before.objects, after.objects, paired.objects),
        paired.controlled.pairs,
        (),
        (old.span, new.span),
    )
    return with_findings(comparison, found)


def samples(corpus: Corpus, part: Part, old: Epoch, new: Epoch) -> Sequence[Pair]:
    """The pairs of a comparison whose bodies were kept."""
    paired = corpus.paired.get(part, {}).get((old, new))
    return paired.samples if paired else ()


def with_findings(comparison: Comparison, found: Sequence[Finding]) -> Comparison:
    """A comparison with its findings completed (fingerprint, broken promise) and sorted."""
    old, new = comparison.old, comparison.new
    done = [
        replace(
            finding,
            broken_promise=breaks_promise(finding.severity, finding.grade, old, new),
            fingerprint=fingerprint(finding.rule, comparison.resource, finding.path, old, new),
        )
        for finding in found
    ]
    return replace(comparison, findings=tuple(sorted(done, key=lambda finding: finding.order)))


def candidates(old: Shape, new: Shape) -> set[str]:
    """The paths at which two shapes say different things."""
    # Imported here: it costs more than all the rest of a small comparison.
    from deepdiff import DeepDiff

    a = {path: _signature(old, path, stat) for path, stat in old.items()}
    b = {path: _signature(new, path, stat) for path, stat in new.items()}
    # 0: the flat maps themselves are the level of interest, however little they share.
    found = DeepDiff(a, b, view="tree", threshold_to_diff_deeper=0)
    return {item.path(output_format="list")[-1] for items in found.values() for item in items}


def _signature(shape: Shape, path: str, stat: Stat) -> str:
    """All that a rule could look at, and no counts: they differ between any two recordings."""
    above = shape.get(parent(path)) if path else None
    always = above is None or path.endswith("/*") or stat.seen >= above.parents
    return f"{'always' if always else 'sometimes'} {'|'.join(stat.marks)}"


def _evidence(before: Observed, after: Observed, paired: Paired) -> Evidence:
    states = sorted(before.pools.keys() & after.pools.keys())
    return Evidence(
        before.total,
        after.total,
        [(before.pools[state].shape(), after.pools[state].shape()) for state in states],
        paired.controlled,
        paired.loose,
        (before.calendar(), after.calendar()),
    )


def _dated(found: Iterable[Finding], old: Calendar, new: Calendar) -> Iterable[Finding]:
    """Leave out what a day explains: additions reach old versions too, when they ship."""
    for finding in found:
        path = finding.path
        if finding.rule == "became-required" and old.arrived(path):
            continue
        if finding.rule == "became-optional" and new.arrived(path):
            continue
        if finding.rule in GONE and old.arrived(path):
            shipped = old.first_seen(path)
            if new.last_absent(path) < shipped:
                detail = f"old recordings have it since {shipped}; no new one is as late"
                finding = replace(finding, grade=Grade.UNOBSERVED, blind="new", detail=detail)
        yield finding
