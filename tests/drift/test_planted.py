"""Drift planted into objects of many types is found as what it is, and nothing else is proven.

The bodies have every field that the SDK declares for a type, with values, nulls, absences and
lists of their own in each object. The new version is the old one with known changes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from support.proof import FULL, rounds
from support.recordings import NEW, OLD, Entry, Shelf, recording
from support.schemas import body

from replay.drift.judge.findings import Finding, Grade
from replay.drift.report import report
from replay.stripe_api.routes import by_name

TYPES = ("charge", "customer", "dispute", "invoice", "payment_intent", "payout", "price", "refund",
         "setup_intent", "subscription")  # fmt: skip
HELD_OUT = ("coupon", "credit_note", "invoiceitem", "payment_link", "plan", "product",
            "promotion_code", "quote", "tax_rate", "topup", "transfer")  # fmt: skip
"""Types that no rule was tried on while it was written."""

TYPES += HELD_OUT if FULL else ()
KEPT = {
    "id",
    "object",
    "currency_options",
    "status",
    "type",
    "created",
    "livemode",
    "metadata",
    "deleted",
    "url",
}
OBJECTS = 8
SEEDS = range(rounds(1, 10))

Path = tuple[str, ...]


def unexpanded(value: Any, *, top: bool = True) -> Any:
    """A body in which an ID stands for each object that has one."""
    if isinstance(value, list):
        return [unexpanded(item, top=False) for item in value]
    if not isinstance(value, dict):
        return value
    if not top and "object" in value and "id" in value:
        return value["id"]
    return {name: unexpanded(child, top=False) for name, child in value.items()}


def fields(value: dict[str, Any], at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every field outside lists, parents before children."""
    for name, child in value.items():
        if name not in KEPT:
            yield (*at, name), child
            if isinstance(child, dict):
                yield from fields(child, (*at, name))


def varied(value: Any, chance: random.Random, loose: dict[int, float], seat: list[int]) -> Any:
    """One object's values: IDs, texts and numbers of its own, some nulls, some fields left out.

    Args:
        value: the full body.
        chance: the object's own.
        loose: by number of the field, how often it is null (below 0.5) or absent.
        seat: counts fields, the same way for every object.
    """
    if isinstance(value, dict):
        made = {}
        for name, child in value.items():
            seat[0] += 1
            limit = loose.setdefault(seat[0], random.Random(seat[0]).random() * 2)
            kept = varied(child, chance, loose, seat)
            if name in KEPT or limit > 1 or chance.random() > 0.4:
                made[name] = kept
            elif limit < 0.5:
                made[name] = None
        return made
    if isinstance(value, list):
        items = [varied(item, chance, loose, seat) for item in value]
        return items * chance.choice([0, 1, 1, 2])
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value + chance.randrange(1000)
    if isinstance(value, float):
        return value + 0.5
    head, _, tail = value.rpartition("_")
    if head and tail[:1].isdigit():
        return f"{head}_1{chance.getrandbits(80):024x}"
    return f"{value} {chance.getrandbits(40):x}" if " " in value else value


class Planter:
    """Changes bodies at paths of its choice, and knows what should be found."""

    def __init__(self, olds: list[dict[str, Any]], chance: random.Random) -> None:
        self.news = deepcopy(olds)
        self.expected: set[tuple[str, str, str]] = set()
        self._olds = olds
        self._chance = chance
        self._taken: list[Path] = []

    def plant(self, *, nulls: bool) -> None:
        """Plant one change of each kind, where the bodies have room for it."""
        kinds = [self.remove, self.rename, self.move, self.to_text, self.to_object]
        for kind in [*kinds, self.null] if nulls else kinds:
            places = sorted({path for old in self._olds for path, _ in fields(old)})
            self._chance.shuffle(places)
            for path in places:
                apart = all(
                    path[: len(other)] != other and other[: len(path)] != path
                    for other in self._taken
                )
                if apart and kind(path):
                    self._taken.append(path)
                    break
        self.add()

    def _values(self, path: Path) -> list[Any]:
        """What the objects have at a path, where its parent is there."""
        found = []
        for old in self._olds:
            above = inside(old, path)
            if above is not None and path[-1] in above:
                found.append(above[path[-1]])
        return found

    def _always(self, path: Path) -> bool:
        above = [a for old in self._olds if (a := inside(old, path)) is not None]
        return all(path[-1] in each for each in above)

    def _each(self, path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        for new in self.news:
            above = inside(new, path)
            if above is not None and path[-1] in above:
                yield new, above

    def _expect(self, rule: str, path: Path, to: Path = ()) -> None:
        self.expected.add((rule, pointer(path), pointer(to)))

    def _speaks(self, path: Path) -> bool:
        values = self._values(path)
        told = [v for v in values if isinstance(v, str) and len(v) >= 16 and v[-24:].isalnum()]
        return len(set(told)) >= 3 and len(told) == len(values)

    def remove(self, path: Path) -> bool:
        values = self._values(path)
        if not values or self._speaks(path) or (len(values) < 3 and not self._always(path)):
            return False
        for _, above in self._each(path):
            del above[path[-1]]
        self._expect("field-removed", path)
        return True

    def rename(self, path: Path) -> bool:
        if not self._speaks(path):
            return False
        for _, above in self._each(path):
            above["planted_name"] = above.pop(path[-1])
        self._expect("field-renamed", path, (*path[:-1], "planted_name"))
        return True

    def move(self, path: Path) -> bool:
        if not self._speaks(path):
            return False
        for new, above in self._each(path):
            new["planted_home"] = {"room": {path[-1]: above.pop(path[-1])}}
        self._expect("field-moved", path, ("planted_home", "room", path[-1]))
        return True

    def to_text(self, path: Path) -> bool:
        values = self._values(path)
        if not values or not all(type(value) is int and value < 10**9 for value in values):
            return False
        for _, above in self._each(path):
            above[path[-1]] = f"{above[path[-1]]}.00"
        self._expect("int-to-decimal-string", path)
        return True

    def to_object(self, path: Path) -> bool:
        values = self._values(path)
        if not values or not all(isinstance(value, bool) for value in values):
            return False
        for _, above in self._each(path):
            above[path[-1]] = {"enabled": above[path[-1]]}
        self._expect("type-changed", path)
        return True

    def null(self, path: Path) -> bool:
        values = self._values(path)
        if len(values) < 3 or not all(type(value) is int and value < 10**9 for value in values):
            return False
        for _, above in self._each(path):
            above[path[-1]] = None
        self._expect("became-nullable", path)
        return True

    def add(self) -> None:
        for new in self.news:
            new["planted_field"] = {"amount": 1, "reason": None}
        self._expect("field-added", ("planted_field",))


def inside(value: Any, path: Path) -> dict[str, Any] | None:
    """The object that holds the last segment of a path; None where it is not there."""
    for segment in path[:-1]:
        value = value.get(segment) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None


def pointer(path: Path) -> str:
    return "".join(f"/{segment}" for segment in path)


def planted(name: str, seed: int, *, nulls: bool = True) -> tuple[list[dict[str, Any]], Planter]:
    """Old bodies of a type, and the planter that has made the new ones."""
    chance = random.Random(f"{name} {seed}")
    loose: dict[int, float] = {}
    full = unexpanded(body(name))
    olds = [varied(full, random.Random(f"{name} {seed} {n}"), loose, [0]) for n in range(OBJECTS)]
    planter = Planter(olds, chance)
    planter.plant(nulls=nulls)
    return olds, planter


def shelf(
    name: str, olds: list[dict[str, Any]], news: list[dict[str, Any]], *, twins: bool
) -> Shelf:
    """The recordings of both versions."""
    resource = by_name(name).resource
    entries: list[Entry] = []
    for n, (old, new) in enumerate(zip(olds, news, strict=True)):
        for version, one in ((OLD, old), (NEW, new)):
            batch = f"b{n}" if twins else ""
            entries.append(
                recording(one, version, id=str(one["id"]), resource=resource, batch=batch)
            )
    return Shelf(entries)


def proven(made: Shelf, name: str) -> list[Finding]:
    """What is proven of the type itself."""
    resource = by_name(name).resource
    return [
        finding
        for comparison, finding in report(made, versions=(OLD, NEW)).findings()
        if finding.grade is Grade.PROVEN and comparison.resource == resource
    ]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("twins", [True, False])
def test_all_that_was_planted_is_proven_and_nothing_else(name: str, seed: int, twins: bool) -> None:
    """In twins, and in pairs of one state: nothing in those became null, as an edit has it."""
    olds, planter = planted(name, seed, nulls=twins)
    found = {
        (finding.rule, finding.path, finding.to.path if finding.to else "")
        for finding in proven(shelf(name, olds, planter.news, twins=twins), name)
    }
    assert planter.expected == found
    assert len(found) >= (4 if twins else 3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", TYPES)
def test_objects_that_moved_on_prove_nothing(name: str, seed: int) -> None:
    """With the same drift between the versions, but another state at each."""
    olds, planter = planted(name, seed)
    for old, new in zip(olds, planter.news, strict=True):
        old["status"], new["status"] = "open", "closed"
        new["closed_at"] = 1_700_000_000
    assert [] == proven(shelf(name, olds, planter.news, twins=False), name)
