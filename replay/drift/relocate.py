"""Turns removals and additions into moves: a move swallows both, a moved object its leaves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from replay.drift.evidence import Evidence
from replay.drift.findings import Finding, Grade, Support, Target
from replay.drift.moves import Move, follow, leaves
from replay.drift.pairs import Pair
from replay.drift.reading import ANY, key, parent

GONE = frozenset({"field-removed", "field-unseen"})
"""The rules of what left."""


def relocate(
    evidence: Evidence, findings: Sequence[Finding], samples: Sequence[Pair], resource: str
) -> list[Finding]:
    """Say where things went, in place of what left and what came.

    Args:
        evidence: the comparison.
        findings: what `judge` found.
        samples: pairs with their bodies.
        resource: the resource path of the objects.
    """
    gone = {finding.path: finding for finding in findings if finding.rule in GONE}
    came = [finding.path for finding in findings if finding.rule == "field-added"]
    fresh = [leaf for root in came for leaf in leaves(evidence.new, root)]
    moves = _moves(evidence, samples, gone, fresh)
    taken = {move.target for move in moves}
    dropped: set[str] = set()
    made: list[Finding] = []
    for root, finding in gone.items():
        inside = [move for move in moves if _within(move.source, root)]
        home = _home(evidence, root, inside, came)
        if home and _grade(inside) >= finding.grade:
            dropped.add(root)
            made.append(_moved(evidence, finding, inside, root, Target(resource, home)))
            taken.update(home + leaf[len(root) :] for leaf in leaves(evidence.old, root))
            continue
        for move in inside:
            if move.source == root:
                dropped.add(root)
            to = Target(resource, move.target)
            made.append(_moved(evidence, finding, [move], move.source, to))
    aliases = _aliases(evidence, samples, [path for path in fresh if path not in taken])
    for move in aliases:
        to = Target(resource, move.target)
        alias = evidence.finding("field-aliased", move.source, "gained")
        made.append(replace(alias, to=to, grade=_grade([move]), **_shown([move])))
    taken |= {move.target for move in aliases}
    for root in came:
        content = leaves(evidence.new, root)
        if content and taken.issuperset(content):
            dropped.add(root)
    return [finding for finding in findings if finding.path not in dropped] + made


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")


def _moves(
    evidence: Evidence, samples: Sequence[Pair], gone: Iterable[str], fresh: Sequence[str]
) -> list[Move]:
    sources = [leaf for root in gone for leaf in leaves(evidence.old, root)]
    moves = follow(samples, sources, fresh)
    # What has no new place may live on at an older path of its name: an alias that stayed.
    moved = {move.source for move in moves}
    lost = [path for path in sources if path not in moved]
    stayed = _stayed(evidence, {key(path) for path in lost})
    return moves + [move for move in follow(samples, lost, stayed) if _same_key(move)]


def _aliases(evidence: Evidence, samples: Sequence[Pair], fresh: Sequence[str]) -> list[Move]:
    # Within the new version alone: both paths live there.
    inside = [Pair(pair.new, pair.new, pair.controlled) for pair in samples]
    stayed = _stayed(evidence, {key(path) for path in fresh})
    return [move for move in follow(inside, stayed, fresh) if _same_key(move)]


def _stayed(evidence: Evidence, names: set[str]) -> list[str]:
    return [
        path
        for path in leaves(evidence.new, "")
        if path in evidence.old and key(path) in names and ANY not in path.split("/")
    ]


def _same_key(move: Move) -> bool:
    return key(move.source) == key(move.target)


def _home(evidence: Evidence, root: str, moves: Sequence[Move], came: Iterable[str]) -> str:
    """Where an object went with all it held, key by key; empty where it did not."""
    homes = {
        move.target.removesuffix(move.source[len(root) :])
        for move in moves
        if move.source != root and move.target.endswith(move.source[len(root) :])
    }
    if len(homes) != 1:
        return ""
    home = homes.pop()
    followed = {move.source for move in moves if move.target == home + move.source[len(root) :]}
    # What is too plain to be recognised follows its object where its key does.
    rest = (leaf for leaf in leaves(evidence.old, root) if leaf not in followed)
    whole = followed == {move.source for move in moves} and all(
        home + leaf[len(root) :] in evidence.new for leaf in rest
    )
    return home if whole and any(_within(home, path) for path in came) else ""


def _grade(moves: Iterable[Move]) -> Grade:
    sure = all(move.controlled and not move.redacted for move in moves)
    return Grade.PROVEN if sure else Grade.LIKELY


def _moved(
    evidence: Evidence, gone: Finding, moves: Sequence[Move], source: str, to: Target
) -> Finding:
    rule = "field-renamed" if parent(source) == parent(to.path) else "field-moved"
    parts = tuple((move.source, move.target) for move in moves if move.source != source)
    finding = evidence.finding(rule, source, "lost")
    grade = min(_grade(moves), gone.grade)
    return replace(finding, grade=grade, to=to, parts=parts, **_shown(moves))


def _shown(moves: Sequence[Move]) -> dict[str, Any]:
    least = min(moves, key=lambda move: (move.agree, move.old, move.new))
    controlled = all(move.controlled for move in moves)
    return {
        "support": Support(least.agree, least.agree, controlled),
        "witnesses": (least.old, least.new),
    }
