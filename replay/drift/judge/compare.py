"""Compares the two epochs of one stratum, and finds objects that changed their type.

Two shapes are first reduced to the facts that rules look at, path by path. Only the paths at which
the two sides differ are judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from replay.drift.judge.evidence import ENOUGH, Evidence
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
from replay.drift.judge.value_changes import findings as findings_of
from replay.drift.judge.value_changes import replaced
from replay.drift.judge.ways import with_ways
from replay.drift.observe.corpus import Corpus, Observed, Paired, Stratum
from replay.drift.observe.pair_events import PairEvents
from replay.drift.observe.pairs import Pair, Take, status_of
from replay.drift.observe.pointers import parent
from replay.drift.observe.selection import Epoch
from replay.drift.observe.shape import Calendar, Shape, Stat, merge


def compare(
    corpus: Corpus,
    stratum: Stratum,
    old: Epoch,
    new: Epoch,
    others: Callable[[], Iterable[Take]] = tuple,
    *,
    one_account: bool = True,
) -> Comparison:
    """Compare one stratum in two epochs; both must have been observed.

    What moved to another resource is not looked for here: that takes another look at the library.

    Args:
        corpus: the evidence.
        stratum: the stratum.
        old, new: the epochs.
        others: gives the old recordings that are in no pair, see `relocate`.
        one_account: whether both sides are recordings of one account.
    """
    before, after = corpus.observed[stratum][old], corpus.observed[stratum][new]
    paired = corpus.paired.get(stratum, {}).get((old, new)) or Paired()
    renamed = _renamed(paired, before.total, after.total)
    evidence = _evidence(before, after, paired, renamed, one_account)
    pairs = _fair(paired, renamed)
    changes = replaced(pairs, evidence.old, evidence.new)
    evidence = replace(evidence, replaced=frozenset(change.path for change in changes))
    found = judge(evidence, candidates(evidence.old, evidence.new))
    found = [*_dated(found, *evidence.calendars), *findings_of(evidence, changes)]
    whole = before.objects == len(pairs) and not before.rest.shape()
    found = relocate(evidence, found, pairs, stratum.resource, tuple if whole else others)
    found = with_ways(found, pairs, stratum.resource)
    sizes = before.objects, after.objects, paired.objects
    comparison = comparison_of(stratum, old, new, sizes, evidence.controlled.pairs)
    return with_findings(comparison, found)


def comparison_of(
    stratum: Stratum, old: Epoch, new: Epoch, objects: tuple[int, int, int], controlled: int
) -> Comparison:
    """A comparison whose list of findings is still empty.

    Args:
        stratum: the recordings that are alike in resource and expanded fields.
        old, new: the recordings at either version.
        objects: the number of objects that are recorded at the old version, at the new one, and
            at both.
        controlled: the number of pairs that were fetched one right after the other.
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
            broken_promise=breaks_promise(finding, old, new),
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


def _evidence(
    before: Observed,
    after: Observed,
    paired: Paired,
    renamed: frozenset[tuple[str, str]],
    one_account: bool,
) -> Evidence:
    states = sorted(before.pools.keys() & after.pools.keys())
    controlled, loose = paired.controlled, paired.loose
    if paired.restated:
        controlled, loose = _added(controlled), _added(loose)
        for words, events in sorted(paired.restated.items()):
            (controlled if words in renamed else loose).merge(events)
    return Evidence(
        before.total,
        after.total,
        [(before.pools[state].shape(), after.pools[state].shape()) for state in states],
        controlled,
        loose,
        (_of_objects(before), _of_objects(after)),
        (before.calendar(), after.calendar()),
        one_account,
    )


def _of_objects(observed: Observed) -> Shape:
    if not observed.rest.shape():
        return observed.total
    return merge(*(pool.shape() for pool in observed.pools.values()))


def _added(events: PairEvents) -> PairEvents:
    made = PairEvents()
    made.merge(events)
    return made


def _renamed(paired: Paired, old: Shape, new: Shape) -> frozenset[tuple[str, str]]:
    """The changes of status that are the version's doing: it has another word for the status.

    All twins of the old word have the one new word, three of them at least; and no new recording
    has an old word, no old one a new word.
    """
    words = paired.restated
    if not words:
        return frozenset()
    old_words, new_words = (shape["/status"].marks for shape in (old, new))
    once = [was for was, _ in words]
    fits = {
        (was, now): events.pairs
        for (was, now), events in words.items()
        if once.count(was) == 1
        and was not in paired.statuses
        and f"str:token:{was}" not in new_words
        and f"str:token:{now}" not in old_words
    }
    return frozenset(fits) if sum(fits.values()) >= ENOUGH else frozenset()


def _fair(paired: Paired, renamed: frozenset[tuple[str, str]]) -> tuple[Pair, ...]:
    """The pairs whose bodies were kept; twins count as controlled where a status was renamed."""
    if not renamed:
        return paired.samples
    return tuple(
        replace(pair, controlled=True)
        if pair.unconfirmed is None and (status_of(pair.old), status_of(pair.new)) in renamed
        else pair
        for pair in paired.samples
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
