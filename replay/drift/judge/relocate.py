"""Turns removals and additions into moves. A move replaces both; a moved object its fields.

Values are followed within their object here, and into other resources by `other_resources`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from replay.drift.judge.evidence import Evidence
from replay.drift.judge.findings import Finding, Grade, Severity, Support, Target
from replay.drift.judge.moves import Move, follow, leaves
from replay.drift.observe.pairs import Pair, Take
from replay.drift.observe.pointers import ANY, key, parent
from replay.drift.observe.shape import Shape, is_map, names_below

GONE = frozenset({"field-removed", "field-unseen"})
"""The rules for removals."""


def relocate(
    evidence: Evidence,
    findings: Sequence[Finding],
    samples: Sequence[Pair],
    resource: str,
    others: Callable[[], Iterable[Take]] = tuple,
) -> list[Finding]:
    """Replace removals and additions by moves, where values show that they are moves.

    Args:
        evidence: the comparison.
        findings: the result of `judge`.
        samples: pairs with their bodies.
        resource: the resource path of the objects.
        others: gives the old recordings that are in no pair. It is called only where the answer
            depends on them.
    """
    gone = {finding.path: finding for finding in findings if finding.rule in GONE}
    came = {finding.path: finding for finding in findings if finding.rule == "field-added"}
    if not gone and not came:
        return list(findings)
    targets = leaves(evidence.new, "")
    fresh = {path for path in targets if _is_fresh(evidence, path)}
    sources = [leaf for root in gone for leaf in leaves(evidence.old, root)]
    known = [path for path in targets if path in evidence.old]
    followed = follow(samples, sources, targets, fresh, known, others)
    moves = [move for move in followed if not move.doubtful]
    hints = [move for move in followed if move.doubtful]
    taken = {move.target for move in moves}
    done: dict[str, Finding] = {}
    for root, finding in gone.items():
        inside = [move for move in moves if _within(move.source, root)]
        core, place = root, _new_place(evidence, root, inside, came)
        if not place:
            core = _core(evidence.old, root)
            place = _new_place(evidence, core, inside, came)
        if place:
            taken |= {place + leaf[len(core) :] for leaf in leaves(evidence.old, core)}
        done[root] = _located(evidence, finding, core, inside, place, resource)
    new = [path for path in targets if path not in evidence.old and path not in taken]
    aliases = _aliases(evidence, samples, new)
    made = []
    for move in aliases:
        to = Target(resource, move.target, "", move.grade)
        alias = evidence.finding("field-aliased", move.source, "gained")
        grade = Grade.PROVEN if move.controlled and not move.stand_in else Grade.LIKELY
        made.append(replace(alias, to=to, grade=grade, **_shown([move])))
    taken |= {move.target for move in aliases}
    swallowed = {path for path in came if _all_taken(evidence, path, taken)} | {
        finding.path
        for finding in findings
        if finding.rule == "became-non-null" and finding.path in taken & fresh
    }
    stayed = [
        _hinted(done[finding.path], hints) if finding.rule in GONE else finding
        for finding in findings
        if finding.path not in swallowed or finding.rule in GONE
    ]
    return stayed + made


def _is_fresh(evidence: Evidence, path: str) -> bool:
    """Whether only the new version has values at a path."""
    before = evidence.old.get(path)
    return before is None or before.kinds == {"null"}


def _all_taken(evidence: Evidence, root: str, taken: Iterable[str]) -> bool:
    content = leaves(evidence.new, root)
    return bool(content) and set(content) <= set(taken)


def _core(old: Shape, root: str) -> str:
    """What an object holds that holds one thing alone; any other path as it is."""
    while old[root].parents and not is_map(old, root):
        names = names_below(old, root)
        if len(names) != 1 or ANY in names:
            break
        root = f"{root}/{min(names)}"
    return root


def _located(
    evidence: Evidence,
    gone: Finding,
    core: str,
    moves: Sequence[Move],
    place: str,
    resource: str,
) -> Finding:
    """A removal that says where its values are now, as far as that is known.

    Args:
        evidence: the comparison.
        gone: the removal.
        core: what it holds; if it moved, that is the finding.
        moves: the moves of all that it held.
        place: where the core went with all it held; empty where it did not.
        resource: the resource path.
    """
    root = core if place or any(move.source == core for move in moves) else gone.path
    if root != gone.path:
        inside = evidence.finding(gone.rule, root)
        gone = replace(gone, path=root, old=inside.old, new=inside.new, carried=inside.carried)
    parts = tuple((move.source, move.target) for move in moves if move.source != root)
    if place:
        shown, target = list(moves), place
    else:
        target, shown = _one_place(evidence, root, moves)
    if not shown:
        return replace(gone, parts=parts)
    grade = min(move.grade for move in shown)
    to = Target(resource, target, "", grade)
    found = replace(gone, to=to, parts=parts, **_shown(shown))
    fresh = all(move.fresh for move in shown)
    if gone.rule == "field-unseen" and not fresh:
        return found
    severity = Severity.BREAKING if fresh else gone.severity
    rule = "field-renamed" if parent(root) == parent(target) else "field-moved"
    return replace(found, rule=rule, severity=severity)


def _one_place(evidence: Evidence, root: str, moves: Sequence[Move]) -> tuple[str, list[Move]]:
    """The place that stands for all that was removed, and the moves that show it."""
    own = [move for move in moves if move.source in (root, f"{root}/id")]
    if own:
        return own[0].target, own[:1]
    # A list, or the envelope of one: its items' values are in another list.
    items = f"{root}/{ANY}" if f"{root}/{ANY}" in evidence.old else f"{root}/data/{ANY}"
    stat = evidence.old.get(items.removesuffix(f"/{ANY}"))
    if stat is None or "arr" not in stat.kinds:
        return "", []
    inside = [move for move in moves if _within(move.source, items)]
    depth = root.count(f"/{ANY}")
    places = {_list_around(move.target, depth) for move in inside}
    if len(places) != 1:
        return "", []
    return places.pop(), inside


def _list_around(target: str, depth: int) -> str:
    """The list that holds a target, where lists above it are shared; else the target itself."""
    parts = target.split(f"/{ANY}")
    return f"/{ANY}".join(parts[: depth + 1]) if len(parts) > depth + 1 else target


def _hinted(gone: Finding, hints: Iterable[Move]) -> Finding:
    """A removal that says where its values may be; any other finding as it is."""
    if gone.rule not in GONE or gone.detail or gone.to is not None:
        return gone
    places = []
    for move in hints:
        if _within(move.source, gone.path):
            targets = " or ".join((move.target, *move.rivals))
            places.append(f"{move.source[len(gone.path) :]} may be at {targets}".lstrip())
    return replace(gone, detail=" and ".join(places))


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")


def _aliases(evidence: Evidence, samples: Sequence[Pair], fresh: Sequence[str]) -> list[Move]:
    # Within the new version alone, which has both paths.
    if not fresh:
        return []
    names = {key(path) for path in fresh}
    stayed = [
        path
        for path in leaves(evidence.new, "")
        if path in evidence.old and key(path) in names and ANY not in path.split("/")
    ]
    if not stayed:
        return []
    inside = [Pair(pair.new, pair.new, pair.controlled) for pair in samples]
    found = follow(inside, stayed, fresh, fresh)
    return [move for move in found if key(move.source) == key(move.target) and not move.few]


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


def _shown(moves: Sequence[Move]) -> dict[str, Any]:
    least = min(moves, key=lambda move: (move.agree, move.old, move.new))
    controlled = all(move.controlled for move in moves)
    return {
        "support": Support(least.agree, least.carrying, controlled),
        "witnesses": (least.old, least.new),
    }
