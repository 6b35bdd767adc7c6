"""Compares the two epochs of one stratum, and finds objects that changed their type.

Two shapes are first reduced to the facts that rules look at, path by path. Only the paths at which
the two sides differ are judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from replay.drift.judge.evidence import Evidence
from replay.drift.judge.findings import (
    Comparison,
    Finding,
    Grade,
    Side,
    Support,
    breaks_promise,
    fingerprint,
)
from replay.drift.judge.judge import judge
from replay.drift.judge.relocate import GONE, relocate
from replay.drift.judge.rules import RULES
from replay.drift.observe.corpus import Corpus, Observed, Paired, Stratum
from replay.drift.observe.pairs import Pair
from replay.drift.observe.pointers import parent
from replay.drift.observe.selection import Epoch
from replay.drift.observe.shape import Calendar, Shape, Stat


def compare(corpus: Corpus, stratum: Stratum, old: Epoch, new: Epoch) -> Comparison:
    """Compare one stratum in two epochs; both must have been observed.

    What moved to another resource is not looked for here: that takes another look at the library.
    """
    before, after = corpus.observed[stratum][old], corpus.observed[stratum][new]
    paired = corpus.paired.get(stratum, {}).get((old, new)) or Paired()
    evidence = _evidence(before, after, paired)
    found = judge(evidence, candidates(evidence.old, evidence.new))
    found = list(_dated(found, *evidence.calendars))
    found = relocate(evidence, found, paired.samples, stratum.resource)
    sizes = before.objects, after.objects, paired.objects
    comparison = comparison_of(stratum, old, new, sizes, paired.controlled.pairs)
    return with_findings(comparison, found)


def comparison_of(
    stratum: Stratum, old: Epoch, new: Epoch, objects: tuple[int, int, int], controlled: int
) -> Comparison:
    """A comparison without findings.

    Args:
        stratum: the stratum.
        old, new: the epochs.
        objects: how many objects were recorded: old, new, at both.
        controlled: how many pairs are controlled.
    """
    return Comparison(
        stratum.resource,
        stratum.type,
        stratum.deleted,
        old.version,
        new.version,
        stratum.expand,
        objects,
        controlled,
        (),
        (old.slice, new.slice),
    )


def samples(corpus: Corpus, stratum: Stratum, old: Epoch, new: Epoch) -> Sequence[Pair]:
    """The pairs of a comparison whose bodies were kept."""
    paired = corpus.paired.get(stratum, {}).get((old, new))
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
    """The paths at which two shapes differ in anything that a rule could look at."""
    signatures = (
        {(path, _signature(shape, path, stat)) for path, stat in shape.items()}
        for shape in (old, new)
    )
    return {path for path, _ in next(signatures) ^ next(signatures)}


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


# Objects that are of one type at one version, and of another at the next. Evidence of two types is
# never mixed, so all that is said of such an object is that its type changed.


def retyped(
    corpus: Corpus, found: list[tuple[Stratum, Comparison]], resource: str | None
) -> list[tuple[Stratum, Comparison]]:
    """Comparisons with what such objects add: a finding, or a comparison where there was none.

    Args:
        corpus: the evidence.
        found: the comparisons of each stratum with itself.
        resource: only this resource path; None for all.
    """
    done = {(stratum, *c.epochs): (stratum, c) for stratum, c in found}
    for (before, stratum, (old, new)), pairs in sorted(corpus.retyped.items()):
        if resource not in (None, stratum.resource):
            continue
        twins = [pair for pair in pairs if pair[0]]
        _, *witnesses = min(twins or pairs)
        rule = "field-removed" if not stratum.type else "branch-added"
        rule = rule if before.type else "field-added"
        finding = Finding(
            rule,
            RULES[rule].severity,
            Grade.PROVEN if twins else Grade.LIKELY,
            "/object",
            _type_side(before.type, len(pairs)),
            _type_side(stratum.type, len(pairs)),
            (witnesses[0], witnesses[1]),
            support=Support(len(twins or pairs), len(twins or pairs), bool(twins)),
            detail=stratum.type if rule == "branch-added" else "",
        )
        sizes = (corpus.observed[before][old].objects, corpus.observed[stratum][new].objects)
        lone = comparison_of(stratum, old, new, (*sizes, len(pairs)), len(twins))
        _, comparison = done.get((stratum, old, new), (stratum, lone))
        done[stratum, old, new] = (
            stratum,
            with_findings(comparison, [*comparison.findings, finding]),
        )
    return list(done.values())


def _type_side(type: str, objects: int) -> Side:
    return Side(("string",), objects, objects) if type else Side((), 0, objects)
