"""Judges the steps of scenarios: what a field's loss in all pairs of a step shows.

Two answers of one step are two objects, so what only one of them has may be due to its run. At one
version, 8.5 to 23.6 % of answers differ in what they gained or have null, and 2 of 28,665 paths
were lost in each of three pairs or more. So only a loss counts: in all of three pairs or more it is
likely, in fewer it is unobserved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from replay.drift.judge.compare import comparison_of, with_findings
from replay.drift.judge.evidence import ENOUGH, Evidence
from replay.drift.judge.findings import Comparison, Finding, Grade, Severity
from replay.drift.observe.corpus import Corpus, Stratum
from replay.drift.observe.pair_events import PairEvents
from replay.drift.observe.pairs import Pair
from replay.drift.observe.pointers import key, parent
from replay.drift.observe.selection import Epoch
from replay.drift.observe.shape import Calendar, ShapeBuilder, is_map
from replay.drift.observe.steps import StepPair

_Place = tuple[Stratum, tuple[Epoch, Epoch]]


def with_steps(
    found: Iterable[tuple[Stratum, Comparison]],
    pairs: Iterable[StepPair],
    corpus: Corpus,
    resource: str | None,
) -> list[tuple[Stratum, Comparison]]:
    """Comparisons with what the steps of scenarios add to them, or show by themselves.

    What the library's own recordings say of a path, or show at the new version, counts more.

    Args:
        found: the comparisons of the library's recordings.
        pairs: the steps.
        corpus: the evidence of the library's recordings.
        resource: only this resource path; None for all.
    """
    done: dict[_Place, Comparison] = {(s, c.epochs): c for s, c in found}
    for place, of_place in _by_place(pairs).items():
        stratum, epochs = place
        if resource not in (None, stratum.resource):
            continue
        lost = _lost(of_place)
        comparison = done.get(place)
        if comparison is None:
            olds, news = (
                {(take.file, take.body.get("id")) for take in takes}
                for takes in zip(*((pair.old, pair.new) for pair in of_place), strict=True)
            )
            sizes = len(olds), len(news), min(len(olds), len(news))
            comparison = comparison_of(stratum, *epochs, sizes, 0)
        known = {finding.path for finding in comparison.findings}
        shown = corpus.observed.get(stratum, {}).get(epochs[1])
        fresh = [
            finding for finding in lost
            if not _is_known(finding.path, known)
            and (shown is None or finding.path not in shown.total)
        ]  # fmt: skip
        done[place] = with_findings(comparison, [*comparison.findings, *fresh])
    return [(stratum, comparison) for (stratum, _), comparison in done.items()]


def _by_place(pairs: Iterable[StepPair]) -> Mapping[_Place, Sequence[StepPair]]:
    found: dict[_Place, list[StepPair]] = {}
    for pair in pairs:
        found.setdefault((pair.stratum, pair.epochs), []).append(pair)
    return found


def _is_known(path: str, known: set[str]) -> bool:
    """Whether a finding at a path, or above it, stands for it."""
    while path:
        if path in known:
            return True
        path = parent(path)
    return False


def _lost(pairs: Sequence[StepPair]) -> list[Finding]:
    """The findings of what all new answers lack that the old ones of their pairs have."""
    events, builders = PairEvents(), (ShapeBuilder(), ShapeBuilder())
    for pair in pairs:
        events.add(Pair(pair.old, pair.new, controlled=False))
        for builder, take in zip(builders, (pair.old, pair.new), strict=True):
            builder.add(take.marks, *take.place, take.day)
    old, new = (builder.shape() for builder in builders)
    evidence = Evidence(old, new, (), PairEvents(), events, (old, new), (Calendar(), Calendar()))
    found = []
    for path in sorted(old.keys() - new.keys()):
        count = events.count("lost", path)
        if not count or events.in_both.get(path) or _is_chosen(evidence, path):
            continue
        finding = evidence.finding(
            "field-removed", path, "lost", detail="seen in steps of scenarios"
        )
        if count < ENOUGH:
            finding = replace(finding, grade=Grade.UNOBSERVED, severity=Severity.WARNING)
        found.append(finding)
    return found


def _is_chosen(evidence: Evidence, path: str) -> bool:
    """Whether a path is the value of a map, or one that its object's ``type`` selects."""
    above = parent(path)
    while above:
        if is_map(evidence.old, above) or is_map(evidence.new, above):
            return True
        above = parent(above)
    words = []
    for shape in (evidence.old, evidence.new):
        stat = shape.get(f"{parent(path)}/type")
        words.append((stat.tokens() if stat is not None else None) or {})
    return key(path) in words[0] and key(path) not in words[1]
