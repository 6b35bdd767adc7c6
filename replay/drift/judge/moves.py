"""Follows values that left one path to the paths where they are now, within one object.

A destination is found by value: in every pair in which the destination could hold a value, it holds
what the old path held. Only values that say something are followed: Stripe's IDs, texts of eight
characters, numbers from a million. A stand-in is made from the owner of the redacted value, so
equal stand-ins prove nothing; where twins were recorded, their cassettes note which places held one
value before it was redacted.

A place that both versions have must also have held the same in every old recording. Numbers under
another name that both versions have are never taken for a destination: of 127 real bodies, 27 times
such a number was equal by chance, most of them times (`period_end` and `period_start`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from replay.drift.judge.findings import Grade
from replay.drift.judge.side_by_side import together
from replay.drift.observe.marks import MAPS, mark
from replay.drift.observe.pairs import Pair, Take
from replay.drift.observe.pointers import ANY, escape, key, occurrences, parent, value_at
from replay.drift.observe.shape import Shape, Witness, is_map

DISTINCT = 3
"""Fewer different values prove nothing, unless there are no more pairs to see them in."""

_LENGTH = 8  # shorter texts, and smaller numbers, are equal by chance
_NUMBER = 10**6
_NUMERIC = ("str:integer", "str:decimal", "str:iso-time")


@dataclass(frozen=True, slots=True)
class Move:
    """Values that left one path and are at another.

    Attributes:
        source, target: the paths.
        agree: in how many pairs the target holds them: in every pair that could show it.
        carrying: in how many pairs the source held a value that can be followed.
        controlled: whether a controlled pair is among those that agree.
        distinct: how many different values the controlled pairs show.
        stand_in: whether stand-ins were compared.
        noted: whether values other than IDs were known to be equal only from the recordings' notes.
        few: whether the same few values were equal again and again, which shows no move.
        ids: whether all values are IDs of Stripe's.
        numbers: whether there are numbers among them, times included.
        alone: whether no place with another name holds the values.
        fresh: whether only the new version has the target.
        old, new: the witnesses.
        rivals: other targets that fit as well, so that it is not known where to read it.
    """

    source: str
    target: str
    agree: int
    carrying: int
    controlled: bool
    distinct: int
    stand_in: bool
    noted: bool
    few: bool
    ids: bool
    numbers: bool
    alone: bool
    fresh: bool
    old: str
    new: str
    rivals: tuple[str, ...] = ()

    @property
    def doubtful(self) -> bool:
        """Whether it is only a hint: the same few values, or one target of several."""
        return self.few or bool(self.rivals)

    @property
    def same_key(self) -> bool:
        """Whether the value is still under its name; an object's ID may be under the object's."""
        names = {key(self.source)}
        if key(self.source) == "id":
            names.add(key(_outside(parent(self.source))))
        return key(_outside(self.target)) in names or key(self.target) in names

    @property
    def grade(self) -> Grade:
        """How sure it is that the values are to be read at the target."""
        told = self.controlled and self.distinct >= DISTINCT
        sure = told and not (self.stand_in or self.noted)
        named = self.fresh or self.same_key or (self.ids and self.alone)
        return Grade.PROVEN if sure and named else Grade.LIKELY

    @property
    def fit(self) -> tuple[bool, bool, bool, bool, bool, int]:
        """How well the target fits; the least is the best."""
        source, target = self.source, self.target
        if key(source) == "id" and "/" in parent(source):
            source = parent(source)  # the place of the object, whose name its ID takes over
        return (
            self.stand_in or self.few,
            not self.fresh,
            not self.same_key,
            source.count(f"/{ANY}") != target.count(f"/{ANY}") or _crosses(source, target),
            parent(source) != parent(target),
            target.count("/"),
        )


def _outside(path: str) -> str:
    """The list that an item belongs to; any other path as it is."""
    return path.removesuffix(f"/{ANY}")


def _crosses(source: str, target: str) -> bool:
    shared = _shared(source, target)
    return f"/{ANY}" in source[len(shared) :] or f"/{ANY}" in target[len(shared) :]


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
    maps = {path for path in shape if path.endswith(f"/{ANY}") and is_map(shape, parent(path))}
    inner = {parent(path) for path in maps} | {path for path in shape if key(path) in MAPS}
    if not inner:
        return found
    return [path for path in found if inner.isdisjoint(_above(path))]


def follow(
    samples: Sequence[Pair],
    sources: Collection[str],
    targets: Collection[str],
    fresh: Collection[str],
    known: Collection[str] = (),
    others: Callable[[], Iterable[Take]] = tuple,
) -> list[Move]:
    """Find where values are now: the best target for each source.

    Args:
        samples: pairs with their bodies.
        sources: paths that the old version has.
        targets: paths that the new version has.
        fresh: those of them at which the old version has no values.
        known: those of them that the old version has, with values or null.
        others: gives further old recordings, which must not speak against a target that both
            versions have. It is called only where there is such a target.

    Returns:
        the moves in the order of their sources.
    """
    if not sources or not targets:
        return []
    sources, targets = frozenset(sources), frozenset(targets)
    seen = [_look(pair, number, sources, targets) for number, pair in enumerate(samples)]
    wanted: dict[tuple[str, str], None] = {}
    for one in seen:
        for source, values in one.old.items():
            for content in values.values():
                for target in one.holders.get(content, ()):
                    wanted[source, target] = None
    empty, there = frozenset(fresh), frozenset(known)
    possible = [
        move
        for source, target in sorted(wanted)
        if (move := _move(seen, source, target, target in empty)) is not None
        and not (move.numbers and not move.same_key and target in there)
    ]
    staying = {(move.source, move.target) for move in possible if not move.fresh}
    if staying:
        for take in (*(pair.old for pair in samples), *others()):
            staying = {both for both in staying if not _differs(take, *both)}
            if not staying:
                break
    possible = [move for move in possible if move.fresh or (move.source, move.target) in staying]
    return _best(possible)


def _best(possible: Sequence[Move]) -> list[Move]:
    fits: dict[str, list[Move]] = {}
    for move in sorted(possible, key=lambda move: (move.source, move.fit, move.target)):
        best = fits.setdefault(move.source, [])
        if not best or best[0].fit == move.fit:
            best.append(move)
    # A target that fits another source better does not compete.
    closest: dict[str, tuple[Any, ...]] = {}
    for best in fits.values():
        for move in best:
            closest[move.target] = min(closest.get(move.target, move.fit), move.fit)
    found = []
    for best in fits.values():
        equals = [move for move in best if closest[move.target] == move.fit] or best
        found.append(replace(equals[0], rivals=tuple(move.target for move in equals[1:])))
    return found


@dataclass(frozen=True, slots=True)
class _Sight:
    """What of a pair can be compared.

    Attributes:
        pair: the pair.
        old: source -> pointer -> the content there.
        new: target -> pointer -> the content there.
        holders: content -> the targets that hold it.
        keys: content -> the names under which the new body holds it.
        noted: contents that are known to be equal only from the notes of the recordings -> whether
            they are IDs.
    """

    pair: Pair
    old: dict[str, dict[str, Any]]
    new: dict[str, dict[str, Any]]
    holders: dict[Any, set[str]]
    keys: dict[Any, set[str]]
    noted: dict[Any, bool] = field(default_factory=dict)


def _look(pair: Pair, number: int, sources: frozenset[str], targets: frozenset[str]) -> _Sight:
    olds, news, noted = _notes(pair, number)
    old: dict[str, dict[str, Any]] = {}
    wanted = set()
    for path in sources:
        for pointer, value in occurrences(pair.old.body, path):
            content = olds.get(pointer) or _comparable(pair.old, pointer, value)
            if content is not None:
                old.setdefault(path, {})[pointer] = content
                wanted.add(content)
    sight = _Sight(pair, old, {}, {}, {}, noted)
    for pointer, content in _places_of(pair.new, wanted, news):
        place = _path_of(pair.new.marks.root, pointer)
        if place is None:
            continue
        sight.keys.setdefault(content, set()).add(key(_outside(place)))
        if place in targets:
            sight.new.setdefault(place, {})[pointer] = content
            sight.holders.setdefault(content, set()).add(place)
    return sight


def _places_of(
    take: Take, wanted: Collection[Any], noted: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """The JSON pointers at which a body holds some contents, with the contents."""
    yield from ((pointer, content) for pointer, content in noted.items() if content in wanted)
    found: list[tuple[str, Any]] = []
    if wanted:
        # Maps and stand-ins are compared by more than their value.
        _search(take, take.body, "", wanted, any(isinstance(one, tuple) for one in wanted), found)
    yield from (one for one in found if one[0] not in noted)


def _search(
    take: Take,
    value: Any,
    at: str,
    wanted: Collection[Any],
    closely: bool,
    found: list[tuple[str, Any]],
) -> None:
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for name, child in children:
        if isinstance(child, dict | list):
            here = f"{at}/{escape(str(name))}"
            if closely and isinstance(child, dict):
                content = _comparable(take, here, child)
                if content in wanted:
                    found.append((here, content))
            _search(take, child, here, wanted, closely, found)
        elif child in wanted and not isinstance(child, bool):
            here = f"{at}/{escape(str(name))}"
            if here not in take.redacted:
                found.append((here, child))
        elif closely:
            here = f"{at}/{escape(str(name))}"
            content = _comparable(take, here, child) if here in take.redacted else None
            if content in wanted:
                found.append((here, content))


def _path_of(node: Any, pointer: str) -> str | None:
    """The path of a pointer; None below a field whose name was redacted."""
    path = ""
    for segment in pointer.split("/")[1:]:
        if segment not in node.names:
            return None
        path += f"/{segment if node.is_record else ANY}"
        node = node.children[node.names.index(segment)]
    return path


def _notes(pair: Pair, number: int) -> tuple[dict[str, Any], dict[str, Any], dict[Any, bool]]:
    """What the recordings note of equal values: contents by old and new pointer; which they are."""
    olds: dict[str, Any] = {}
    news: dict[str, Any] = {}
    noted: dict[Any, bool] = {}
    for here, (there, name) in pair.equal_places.items():
        content = None
        for take, pointer in ((pair.old, here), (pair.new, there)):
            if content is None and pointer not in take.redacted:
                content = _comparable(take, pointer, value_at(take.body, pointer))
        if content is None:
            content = "noted", number, name
        olds[here] = news[there] = content
        noted[content] = name.startswith("id-")
    return olds, news, noted


def _move(seen: Sequence[_Sight], source: str, target: str, fresh: bool) -> Move | None:
    """The move from one path to another; None where a pair contradicts it, or none shows it."""
    shared = _shared(source, target)
    target_end = target[len(shared) :]
    agree = carrying = 0
    controlled = stand_in = noted = False
    contents: set[Any] = set()
    sure: set[Any] = set()
    keys: set[str] = set()
    witness: tuple[Witness, Witness] | None = None
    for sight in seen:
        olds = sight.old.get(source)
        if not olds:
            continue
        carrying += 1
        pair, shown = sight.pair, False
        for at_old, _, at_new, new_item in together(pair.old.body, pair.new.body, shared):
            left = {p: c for p, c in olds.items() if not at_old or p.startswith(f"{at_old}/")}
            if not left or not _open(new_item, target_end):
                continue
            right = {
                p: c
                for p, c in sight.new.get(target, {}).items()
                if not at_new or p.startswith(f"{at_new}/")
            }
            if not set(left.values()) <= set(right.values()):
                return None
            shown = True
            found = set(left.values())
            contents |= found
            if pair.controlled:
                sure |= found
            for content in found:
                keys |= sight.keys[content]
                stand_in = stand_in or _is_stand_in(content)
                noted = noted or sight.noted.get(content) is False
            first = min(left)
            there = min(p for p, c in right.items() if c == left[first])
            here = (
                Witness(pair.old.file, pair.old.number, pair.old.at + first),
                Witness(pair.new.file, pair.new.number, pair.new.at + there),
            )
            witness = here if witness is None else min(witness, here)
        agree += shown
        controlled = controlled or (shown and pair.controlled)
    if witness is None:
        return None
    if stand_in and not fresh:
        return None
    old, new = map(str, witness)
    return Move(
        source,
        target,
        agree,
        carrying,
        controlled,
        len(sure),
        stand_in,
        noted,
        not stand_in and len(contents) < DISTINCT <= carrying,
        all(_is_id(content) or _noted_as_id(seen, content) for content in contents),
        any(map(_is_number, contents)),
        keys == {key(_outside(target))},
        fresh,
        old,
        new,
    )


def _noted_as_id(seen: Iterable[_Sight], content: Any) -> bool:
    """Whether a note of the recordings calls a content an ID."""
    return any(sight.noted.get(content) for sight in seen)


def _differs(take: Take, source: str, target: str) -> bool:
    """Whether an old recording has both places, and the target holds something else."""
    shared = _shared(source, target)
    source_end, target_end = source[len(shared) :], target[len(shared) :]
    for place, item in occurrences(take.body, shared):
        olds = {
            content
            for end, value in occurrences(item, source_end)
            if (content := _comparable(take, place + end, value)) is not None
            and not _is_stand_in(content)
        }
        if not olds or not _open(item, target_end):
            continue
        held = [value for _, value in occurrences(item, target_end)]
        if not all(content in held for content in olds):
            return True
    return False


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and mark(value).startswith("str:id:")


def _is_number(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and mark(value) in _NUMERIC)


def _is_stand_in(content: Any) -> bool:
    return isinstance(content, tuple) and content[0] == "stand-in"


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
    """A value, or the items of a map, as something to compare; None if it says too little.

    A stand-in is comparable under one name, with the class and the owner that it was made from.
    """
    if isinstance(value, bool):
        return None
    name = key(pointer)
    if isinstance(value, dict) and value:
        classes = _classes_in(take.redacted, pointer, value)
        if classes:
            return "stand-in", name, classes, _owner(take.body, pointer), tuple(sorted(value))
        return "map", tuple(sorted((item, repr(inside)) for item, inside in value.items()))
    if not isinstance(value, str | int):
        return None
    if pointer in take.redacted:
        kind = take.redacted[pointer]
        return "stand-in", name, kind, _owner(take.body, pointer), value
    if isinstance(value, int):
        return value if abs(value) >= _NUMBER else None
    style = mark(value)
    if len(value) < _LENGTH or (style.startswith("str:token") and name != "id"):
        return None
    if style in ("str:integer", "str:decimal") and abs(float(value)) < _NUMBER:
        return None
    return value


def _classes_in(
    redacted: Mapping[str, str], pointer: str, value: dict[str, Any]
) -> tuple[str, ...]:
    below = (f"{pointer}/{escape(name)}" for name in value)
    return tuple(sorted(redacted[child] for child in below if child in redacted))


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
