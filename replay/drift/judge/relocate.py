"""Turns removals and additions into moves. A move replaces both; a moved object its fields.

Values are followed within their object here, and into other resources by `other_resources`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from replay.drift.judge.evidence import Evidence
from replay.drift.judge.findings import Finding, Grade, Support, Target
from replay.drift.judge.moves import Move, follow, leaves
from replay.drift.observe.pairs import Pair
from replay.drift.observe.pointers import ANY, key, parent

GONE = frozenset({"field-removed", "field-unseen"})
"""The rules for removals."""


def relocate(
    evidence: Evidence, findings: Sequence[Finding], samples: Sequence[Pair], resource: str
) -> list[Finding]:
    """Replace removals and additions by moves, where values show that they are moves.

    Args:
        evidence: the comparison.
        findings: the result of `judge`.
        samples: pairs with their bodies.
        resource: the resource path of the objects.
    """
    gone = {finding.path: finding for finding in findings if finding.rule in GONE}
    came = {finding.path: finding for finding in findings if finding.rule == "field-added"}
    fresh = [leaf for root in came for leaf in leaves(evidence.new, root)]
    followed = _moves(evidence, samples, gone, fresh)
    moves = [move for move in followed if not move.doubtful]
    hints = [move for move in followed if move.doubtful]
    taken = {move.target: _grade([move]) for move in moves}
    dropped: set[str] = set()
    made: list[Finding] = []
    for root, finding in gone.items():
        inside = [move for move in moves if _within(move.source, root)]
        place = _new_place(evidence, root, inside, came)
        if place and _grade(inside) >= finding.grade:
            dropped.add(root)
            made.append(_moved(evidence, finding, inside, root, Target(resource, place)))
            for leaf in leaves(evidence.old, root):
                taken[place + leaf[len(root) :]] = _grade(inside)
            continue
        for move in inside:
            if move.source == root and _grade([move]) >= finding.grade:
                dropped.add(root)
            to = Target(resource, move.target)
            made.append(_moved(evidence, finding, [move], move.source, to))
    aliases = _aliases(evidence, samples, [path for path in fresh if path not in taken])
    for move in aliases:
        to = Target(resource, move.target)
        alias = evidence.finding("field-aliased", move.source, "gained")
        made.append(replace(alias, to=to, grade=_grade([move]), **_shown([move])))
    taken |= {move.target: _grade([move]) for move in aliases}
    for root, finding in came.items():
        content = leaves(evidence.new, root)
        # An addition is reported, unless it came from elsewhere as surely as it is there.
        if content and min(taken.get(leaf, -1) for leaf in content) >= finding.grade:
            dropped.add(root)
    stayed = (finding for finding in findings if finding.path not in dropped)
    return [_hinted(finding, hints) for finding in stayed] + made


def _hinted(gone: Finding, hints: Iterable[Move]) -> Finding:
    """A removal that says where its values may be; any other finding as it is."""
    if gone.rule not in GONE or gone.detail:
        return gone
    places = []
    for move in hints:
        if _within(move.source, gone.path):
            targets = " or ".join((move.target, *move.rivals))
            places.append(f"{move.source[len(gone.path) :]} may be at {targets}".lstrip())
    return replace(gone, detail=" and ".join(places))


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")


def _moves(
    evidence: Evidence, samples: Sequence[Pair], gone: Iterable[str], fresh: Sequence[str]
) -> list[Move]:
    sources = [leaf for root in gone for leaf in leaves(evidence.old, root)]
    moves = follow(samples, sources, fresh)
    # What has no new place may live on at an older path with its name: an alias that stayed.
    moved = {move.source for move in moves}
    lost = [path for path in sources if path not in moved]
    stayed = _stayed(evidence, {key(path) for path in lost})
    found = follow(samples, lost, stayed)
    return moves + [move for move in found if _same_key(move) and move.named]


def _aliases(evidence: Evidence, samples: Sequence[Pair], fresh: Sequence[str]) -> list[Move]:
    # Within the new version alone, which has both paths.
    inside = [Pair(pair.new, pair.new, pair.controlled) for pair in samples]
    stayed = _stayed(evidence, {key(path) for path in fresh})
    return [move for move in follow(inside, stayed, fresh) if _same_key(move) and not move.few]


def _stayed(evidence: Evidence, names: set[str]) -> list[str]:
    return [
        path
        for path in leaves(evidence.new, "")
        if path in evidence.old and key(path) in names and ANY not in path.split("/")
    ]


def _same_key(move: Move) -> bool:
    return key(move.source) == key(move.target)


def _new_place(evidence: Evidence, root: str, moves: Sequence[Move], came: Iterable[str]) -> str:
    """Where an object went with all it held, key by key; empty where it did not."""
    places = {
        move.target.removesuffix(move.source[len(root) :])
        for move in moves
        if move.source != root and move.target.endswith(move.source[len(root) :])
    }
    if len(places) != 1:
        return ""
    place = places.pop()
    followed = {move.source for move in moves if move.target == place + move.source[len(root) :]}
    # A value that says too little to be followed went with its object, if its key did.
    rest = (leaf for leaf in leaves(evidence.old, root) if leaf not in followed)
    whole = followed == {move.source for move in moves} and all(
        place + leaf[len(root) :] in evidence.new for leaf in rest
    )
    return place if whole and any(_within(place, path) for path in came) else ""


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
