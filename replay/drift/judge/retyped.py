"""Objects that are of one type at one version, and of another at the next.

Evidence of two types never mixes: all that is said of such an object is that its type changed.
"""

from __future__ import annotations

from replay.drift.judge.compare import with_findings
from replay.drift.judge.findings import Comparison, Finding, Grade, Side, Support
from replay.drift.judge.rules import RULES
from replay.drift.observe.corpus import Corpus, Part


def retyped(
    corpus: Corpus, found: list[tuple[Part, Comparison]], resource: str | None
) -> list[tuple[Part, Comparison]]:
    """Comparisons with what such objects add: a finding, or a comparison where there was none.

    Args:
        corpus: the evidence.
        found: the comparisons of each part with itself.
        resource: only this resource path; None for all.
    """
    done = {(part, c.old, c.new, *c.spans): (part, c) for part, c in found}
    for (before, part, (old, new)), pairs in sorted(corpus.retyped.items()):
        if resource not in (None, part.resource):
            continue
        twins = [pair for pair in pairs if pair[0]]
        _, *witnesses = min(twins or pairs)
        rule = "field-removed" if not part.type else "branch-added"
        rule = rule if before.type else "field-added"
        finding = Finding(
            rule,
            RULES[rule].severity,
            Grade.PROVEN if twins else Grade.LIKELY,
            "/object",
            _side(before.type, len(pairs)),
            _side(part.type, len(pairs)),
            (witnesses[0], witnesses[1]),
            support=Support(len(twins or pairs), len(twins or pairs), bool(twins)),
            detail=part.type if rule == "branch-added" else "",
        )
        key = part, old.version, new.version, old.span, new.span
        sizes = (corpus.observed[before][old].objects, corpus.observed[part][new].objects)
        lone = Comparison(
            part.resource, part.type, part.deleted, old.version, new.version, part.expand,
            (*sizes, len(pairs)), len(twins), (), (old.span, new.span),
        )  # fmt: skip
        _, comparison = done.get(key, (part, lone))
        done[key] = part, with_findings(comparison, [*comparison.findings, finding])
    return list(done.values())


def _side(type: str, objects: int) -> Side:
    return Side(("string",), objects, objects) if type else Side((), 0, objects)
