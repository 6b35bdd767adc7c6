"""Follows values that left one path to the path where they are now, within one object.

A move is proven by value: in every pair where the old path held an informative value and the new
path could have held one, it held the same. A stand-in is made from the owner of the redacted value,
so equal stand-ins prove nothing: such a move is likely at most. Two cases are only hints, not
moves: the same few IDs are equal again and again (all objects may name one customer in several
places), or several new paths fit as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from replay.drift.observe.marks import Node, mark
from replay.drift.observe.pairs import Pair, Take
from replay.drift.observe.pointers import ANY, escape, key, occurrences, parent, value_at
from replay.drift.observe.shape import Shape, Witness, is_map

DISTINCT = 3
"""Fewer different values prove nothing, unless there are no more pairs to see them in."""

_LENGTH = 8  # shorter texts, and smaller numbers, are equal by chance
_NUMBER = 10**6


@dataclass(frozen=True, slots=True)
class Move:
    """Values that left one path for another.

    Attributes:
        source, target: the paths.
        agree: in how many pairs they were equal: in every pair that could show it.
        controlled: whether a controlled pair is among them.
        redacted: whether stand-ins were compared.
        few: whether the same few IDs were equal again and again, which does not prove a move.
        named: whether the values are IDs, or at least three: no text that many places have.
        old, new: the witnesses.
        rivals: other targets that fit as well, so that it is not known where the values went.
    """

    source: str
    target: str
    agree: int
    controlled: bool
    redacted: bool
    few: bool
    named: bool
    old: str
    new: str
    rivals: tuple[str, ...] = ()

    @property
    def doubtful(self) -> bool:
        """Whether it is only a hint: the same few IDs, or one target of several."""
        return self.few or bool(self.rivals)


def leaves(shape: Shape, root: str) -> list[str]:
    """The paths at and below a root that hold values. A map counts as one value."""
    found = []
    inside = f"{root}/"
    for path in shape:
        if path != root and not path.startswith(inside):
            continue
        stat = shape[path]
        if stat.kinds & {"bool", "int", "num", "str"} or is_map(shape, path):
            found.append(path)
    return [path for path in found if not any(is_map(shape, above) for above in _above(path))]


def follow(samples: Sequence[Pair], sources: Iterable[str], targets: Iterable[str]) -> list[Move]:
    """Find where values went: at most one target for each source, one source for each target.

    Args:
        samples: pairs with their bodies.
        sources: paths that the old version has.
        targets: paths that the new version has.

    Returns:
        the moves in the order of their sources.
    """
    sources, targets = list(sources), list(targets)
    if not sources or not targets:
        return []
    left, right = frozenset(sources), frozenset(targets)
    values = [(_values_at(pair.old, left), _values_at(pair.new, right)) for pair in samples]
    possible = [
        move
        for source in sources
        for target in _candidates(values, source, targets)
        if (move := _move(samples, source, target)) is not None
    ]
    taken: dict[str, _Fit] = {}
    moves: dict[str, Move] = {}
    for move in sorted(possible, key=lambda move: (_fit(move), move.source, move.target)):
        if move.source not in moves and move.target not in taken:
            moves[move.source] = move
            taken[move.target] = _fit(move)
    return [
        replace(moves[source], rivals=_rivals(moves[source], possible, taken))
        for source in sorted(moves)
    ]


_Fit = tuple[bool, bool, bool, int, int]


def _fit(move: Move) -> _Fit:
    """How well a target fits a source; the least is the best."""
    source, target = move.source, move.target
    return (
        move.few,
        move.redacted,
        key(source) != key(target),
        abs(source.count(f"/{ANY}") - target.count(f"/{ANY}")),
        target.count("/"),
    )


def _rivals(move: Move, possible: Iterable[Move], taken: Mapping[str, _Fit]) -> tuple[str, ...]:
    # A target that fits its own source better does not compete.
    fit = _fit(move)
    return tuple(
        other.target
        for other in possible
        if other.source == move.source
        and other.target != move.target
        and _fit(other) == fit <= taken.get(other.target, fit)
    )


_Values = dict[str, set[Any]]
"""Path -> the comparable forms of the values there."""


def _candidates(
    values: Sequence[tuple[_Values, _Values]], source: str, targets: Sequence[str]
) -> list[str]:
    # Targets that hold an equal value in some pair. This rules out most, at little cost.
    found: set[str] = set()
    for old, new in values:
        wanted = old.get(source)
        if wanted:
            found |= {
                target
                for target in targets
                if target not in found and not wanted.isdisjoint(new.get(target, ()))
            }
    return sorted(found - {source})


def _values_at(take: Take, paths: frozenset[str]) -> _Values:
    """The comparable forms of the values at some paths."""
    values: _Values = {}

    def look(value: Any, node: Any, path: str, pointer: str) -> None:
        if path in paths and (content := _comparable(take, pointer, value)) is not None:
            values.setdefault(path, set()).add(content)
        if isinstance(node, Node):
            for name, child in zip(node.names, node.children, strict=True):
                below = f"{path}/{name if node.is_record else ANY}"
                look(value_at(value, f"/{name}"), child, below, f"{pointer}/{name}")

    look(take.body, take.marks.root, "", "")
    return values


def _move(samples: Sequence[Pair], source: str, target: str) -> Move | None:
    """The move from one path to another; None where a pair contradicts it, or none shows it."""
    shared = _shared(source, target)
    old_end, new_end = source[len(shared) :], target[len(shared) :]
    agree, controlled, redacted = 0, False, False
    distinct: set[Any] = set()
    witness: tuple[Witness, Witness] | None = None
    for pair in samples:
        shown = False
        for place, old_item in occurrences(pair.old.body, shared):
            new_item = value_at(pair.new.body, place)
            olds = [(place + end, value) for end, value in occurrences(old_item, old_end)]
            news = [(place + end, value) for end, value in occurrences(new_item, new_end)]
            values = [_comparable(pair.old, *old) for old in olds]
            if not values or None in values or not _open(new_item, new_end):
                continue
            if [_comparable(pair.new, *new) for new in news] != values:
                return None
            masked = any(_classes(pair.old, *old) for old in olds) or any(
                _classes(pair.new, *new) for new in news
            )
            if masked and not _same_owner(pair, source, target, olds, news):
                return None
            redacted = redacted or masked
            distinct.update(values)
            shown = True
            here = (
                Witness(pair.old.file, pair.old.number, olds[0][0]),
                Witness(pair.new.file, pair.new.number, news[0][0]),
            )
            witness = here if witness is None else min(witness, here)
        agree += shown
        controlled = controlled or (shown and pair.controlled)
    if witness is None:
        return None
    ids = all(isinstance(value, str) and _is_id(value) for value in distinct)
    few = not redacted and len(distinct) < DISTINCT <= agree
    # Values other than IDs are equal by chance, and the same keys of a map are its user's habit.
    if not (redacted or ids) and len(distinct) < min(DISTINCT, agree):
        return None
    named = ids or len(distinct) >= DISTINCT
    old, new = map(str, witness)
    return Move(source, target, agree, controlled, redacted, few, named, old, new)


def _is_id(value: str) -> bool:
    return mark(value).startswith("str:id:")


def _open(body: Any, path: str) -> bool:
    """Whether a body could hold a value at a path: its parent is an object or a list with items."""
    above = parent(path)
    return any(
        isinstance(value, dict | list) and value != [] for _, value in occurrences(body, above)
    )


def _shared(source: str, target: str) -> str:
    # The longest common beginning that ends in a list item: items are compared one by one.
    both = zip(source.split("/"), target.split("/"), strict=False)
    common = "/".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], both))
    head, found, _ = f"{common}/".rpartition(f"/{ANY}/")
    return f"{head}/{ANY}" if found else ""


def _comparable(take: Take, pointer: str, value: Any) -> Any:
    """A value, or the items of a map, as something to compare; None if it says too little."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) >= _NUMBER else None
    if isinstance(value, str):
        token = mark(value).startswith("str:token")
        return value if len(value) >= _LENGTH and not token else None
    if isinstance(value, dict) and value:
        if _classes(take, pointer, value):
            return tuple(sorted(value))
        return tuple(sorted((name, repr(item)) for name, item in value.items()))
    return None


def _classes(take: Take, pointer: str, value: Any) -> list[str]:
    """The classes of the stand-ins in a value; empty where nothing was redacted."""
    redacted = take.redacted
    if isinstance(value, dict):
        below = (f"{pointer}/{escape(name)}" for name in value)
        return sorted(redacted[child] for child in below if child in redacted)
    return [redacted[pointer]] if pointer in redacted else []


def _same_owner(
    pair: Pair,
    source: str,
    target: str,
    olds: Sequence[tuple[str, Any]],
    news: Sequence[tuple[str, Any]],
) -> bool:
    """Whether stand-ins have one key, class and owner: equal ones may have moved."""
    return key(source) == key(target) and all(
        _classes(pair.old, *old) == _classes(pair.new, *new)
        and _owner(pair.old.body, old[0]) == _owner(pair.new.body, new[0])
        for old, new in zip(olds, news, strict=True)
    )


def _owner(body: Any, pointer: str) -> Any:
    """The ID of the innermost object with an ID around a value; None without one."""
    owner, above = None, ""
    for segment in ["", *pointer.split("/")[1:-1]]:
        above = f"{above}/{segment}" if segment else above
        inside = value_at(body, above)
        if isinstance(inside, dict) and isinstance(inside.get("id"), str):
            owner = inside["id"]
    return owner


def _above(path: str) -> Iterator[str]:
    while path:
        path = parent(path)
        yield path
