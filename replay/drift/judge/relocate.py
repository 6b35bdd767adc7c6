"""Turns removals and additions into moves. A move replaces both; a moved object its fields.

Values are followed within their object, and then into other resources that name the object's ID:
the value of `invoice.payment_intent` is now `payment.payment_intent` of the invoice payment whose
`invoice` is that invoice's ID. Across resources only IDs are followed: nothing else names the same
thing everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from replay.drift.judge.evidence import Evidence
from replay.drift.judge.findings import Finding, Grade, Support, Target
from replay.drift.judge.moves import DISTINCT, Move, follow, leaves
from replay.drift.judge.rules import RULES
from replay.drift.observe.marks import mark
from replay.drift.observe.nested import read_take
from replay.drift.observe.pairs import Pair, Take
from replay.drift.observe.pointers import ANY, key, occurrences, parent
from replay.drift.observe.shape import Witness
from replay.model.cassette import Cassette

GONE = frozenset({"field-removed", "field-unseen"})
"""The rules for removals."""

Lost = Mapping[str, Mapping[str, tuple[str, Witness]]]
"""Path -> ID of the object -> the ID that was there, and where it was seen."""

_RULE = "field-moved-resource"


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


# In other resources.


def lost_ids(findings: Iterable[Finding], samples: Sequence[Pair]) -> Lost:
    """The IDs that are gone from their objects, where no move says where to."""
    found: dict[str, dict[str, tuple[str, Witness]]] = {}
    for finding in findings:
        if finding.rule not in GONE or ANY in finding.path.split("/"):
            continue
        for pair in samples:
            own = pair.old.body.get("id")
            for pointer, value in occurrences(pair.old.body, finding.path):
                if _is_id(own) and _is_id(value) and pointer not in pair.old.redacted:
                    place = pair.old.witness(finding.path)
                    found.setdefault(finding.path, {})[own] = (value, place)
    return found


def elsewhere(
    findings: Sequence[Finding], lost: Lost, cassettes: Iterable[tuple[str, Cassette]]
) -> list[Finding]:
    """Replace removals by moves to another resource, where one holds their values now.

    Args:
        findings: the findings of one comparison.
        lost: the result of `lost_ids` for them.
        cassettes: cassettes of other resources, at the new version.
    """
    look = _Search(lost)
    for file, cassette in cassettes:
        for number, interaction in enumerate(cassette.interactions):
            take = read_take(file, number, interaction)
            if take is not None:
                look.add(cassette.key.resource, take)
    went = look.best()
    return [
        replace(finding, **went[finding.path])
        if finding.rule in GONE and finding.path in went
        else finding
        for finding in findings
    ]


class _Search:
    def __init__(self, lost: Lost) -> None:
        self._lost = lost
        self._owners = {own for values in lost.values() for own in values}
        # (path, resource, join) -> the objects whose IDs are at the join.
        self._joined: dict[tuple[str, str, str], set[str]] = {}
        # (path, resource, join, target) -> object -> where its value is.
        self._hits: dict[tuple[str, str, str, str], dict[str, Witness]] = {}

    def add(self, resource: str, take: Take) -> None:
        places = _ids(take)
        for own in self._owners & places.keys():
            joins = {path for path, _ in places[own]}
            for path, values in self._lost.items():
                if own not in values:
                    continue
                for join in joins:
                    self._joined.setdefault((path, resource, join), set()).add(own)
                    for target, pointer in places.get(values[own][0], ()):
                        # The resource's own ID did not come from the object that it refers to.
                        if key(target) != "id":
                            hits = self._hits.setdefault((path, resource, join, target), {})
                            here = Witness(take.file, take.number, pointer)
                            hits[own] = min(hits.get(own, here), here)

    def best(self) -> dict[str, dict[str, Any]]:
        """Path -> what changes in its finding."""
        ranked: dict[str, tuple[Any, ...]] = {}
        for (path, resource, join, target), hits in self._hits.items():
            values = {self._lost[path][own][0] for own in hits}
            if hits.keys() != self._joined[path, resource, join]:
                continue
            if len(values) < DISTINCT <= len(hits):
                continue
            deep = target.count("/") + join.count("/")
            rank = (key(path) != key(target), -len(hits), deep, resource, target, join)
            ranked[path] = min(ranked.get(path, rank), rank)
        return {path: self._change(path, *rank[-3:]) for path, rank in ranked.items()}

    def _change(self, path: str, resource: str, target: str, join: str) -> dict[str, Any]:
        hits = self._hits[path, resource, join, target]
        old, own = min((self._lost[path][own][1], own) for own in hits)
        return {
            "rule": _RULE,
            "severity": RULES[_RULE].severity,
            "to": Target(resource, target, join),
            "support": Support(len(hits), len(hits), controlled=True),
            "witnesses": (str(old), str(hits[own])),
        }


def _ids(take: Take) -> dict[str, list[tuple[str, str]]]:
    places: dict[str, list[tuple[str, str]]] = {}
    for path, marks in take.marks.by_path.items():
        if "str:id" in marks:
            for pointer, value in occurrences(take.body, path):
                if _is_id(value) and pointer not in take.redacted:
                    places.setdefault(value, []).append((path, pointer))
    return places


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and mark(value).startswith("str:id")
