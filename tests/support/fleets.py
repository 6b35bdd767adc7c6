"""Objects of one version as an account has them: many, of several kinds, in several states.

The bodies have every field that the SDK declares. Nearly all keys are always there, as Stripe sends
them; values are null at times; some keys depend on the state, or on what a list or a tag chooses.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from replay.stripe_api.routes import by_name
from support.recordings import Entry, Shelf, recording
from support.schemas import body

STATES = ("open", "paid", "void")
ALWAYS = frozenset({"id", "object", "status", "type", "created", "metadata", "url", "data"})
METHODS = ("card", "link", "us_bank_account", "sepa_debit", "klarna")

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


@dataclass(frozen=True, slots=True)
class Habit:
    """How one field behaves.

    Attributes:
        nulls: how often it is null.
        absent: how often its key is not there.
        states: the states that have its key; all where it is empty.
    """

    nulls: float = 0.0
    absent: float = 0.0
    states: frozenset[str] = frozenset()


def habits(full: dict[str, Any], chance: random.Random) -> dict[Path, Habit]:
    """The habits of all fields of a type."""
    found = {}
    for path in paths(full, ()):
        draw = chance.random()
        if path[-1] in ALWAYS:
            found[path] = Habit()
        elif draw < 0.02:
            found[path] = Habit(absent=chance.choice([0.1, 0.5, 0.9]))
        elif draw < 0.04:
            found[path] = Habit(states=frozenset(chance.sample(STATES, chance.choice([1, 2]))))
        elif draw < 0.4:
            found[path] = Habit(nulls=chance.random())
        else:
            found[path] = Habit()
    return found


def paths(value: Any, at: Path) -> Iterator[Path]:
    """All keys below a value, with ``*`` for the items of lists."""
    children = value.items() if isinstance(value, dict) else ()
    children = [("*", item) for item in value[:1]] if isinstance(value, list) else children
    for name, child in children:
        if name != "*":
            yield (*at, name)
        yield from paths(child, (*at, name))


def made(value: Any, at: Path, known: dict[Path, Habit], state: str, chance: random.Random) -> Any:
    """One object's own value at a path."""
    if isinstance(value, dict):
        found = {}
        for name, child in value.items():
            habit = known[*at, name]
            there = chance.random() >= habit.absent and state in (habit.states or {state})
            if not there:
                continue
            inner = made(child, (*at, name), known, state, chance)
            found[name] = None if chance.random() < habit.nulls else inner
        return found
    if isinstance(value, list):
        items = chance.choice([0, 1, 1, 2])
        return [made(v, (*at, "*"), known, state, chance) for v in value for _ in range(items)]
    if isinstance(value, bool) or value is None:
        return chance.random() < 0.5 if value is not None else None
    if isinstance(value, int):
        return value + chance.randrange(100_000)
    if isinstance(value, float):
        return value + 0.5
    head, _, tail = value.rpartition("_")
    if head and tail[:1].isdigit():
        return f"{head}_1{chance.getrandbits(80):024x}"
    return f"{value} {chance.getrandbits(40):x}" if " " in value else value


@dataclass(frozen=True)
class Fleet:
    """The objects of one type.

    Attributes:
        name: the type.
        bodies: the objects; the first half of them is of one population, the others of another.
    """

    name: str
    bodies: list[dict[str, Any]]


def fleet(name: str, size: int, seed: object) -> Fleet:
    """Objects of a type, half of them with other payment methods and lists than the others."""
    full = unexpanded(body(name))
    known = habits(full, random.Random(f"{name} {seed}"))
    bodies = []
    for n in range(size):
        chance = random.Random(f"{name} {seed} {n}")
        first = n < size / 2
        state = chance.choices(STATES, (6, 3, 1) if first else (2, 5, 3))[0]
        one = made(full, (), known, state, chance)
        methods = METHODS[:3] if first else METHODS[2:]
        chosen = sorted(chance.sample(methods, chance.choice([1, 2])))
        one |= {
            "id": f"{full['id'].rpartition('_')[0]}_1{chance.getrandbits(80):024x}",
            "status": state,
            "created": 1_700_000_000 + n,
            "payment_method_types": chosen,
            "payment_method_options": {method: {"setup": None} for method in chosen},
            "payment_method_details": {"type": chosen[0], chosen[0]: {"brand": "visa"}},
        }
        bodies.append(one)
    return Fleet(name, bodies)


def shelf(sides: Sequence[tuple[str, str, Sequence[dict[str, Any]]]]) -> Shelf:
    """Recordings of (type, version, bodies)."""
    entries: list[Entry] = []
    for name, version, bodies in sides:
        resource = by_name(name).resource
        entries += [recording(one, version, id=str(one["id"]), resource=resource) for one in bodies]
    return Shelf(entries)


def removable(value: Any, at: Path = ()) -> Iterator[Path]:
    """The fields of a body outside lists, but for those that choose others."""
    for name, child in value.items() if isinstance(value, dict) else ():
        if name not in ALWAYS and not name.startswith("payment_method_"):
            yield (*at, name)
            yield from removable(child, (*at, name))


def without(bodies: Sequence[dict[str, Any]], path: Path) -> list[dict[str, Any]]:
    """The bodies, none of which has a path."""
    found = deepcopy(list(bodies))
    for one in found:
        inside: Any = one
        for name in path[:-1]:
            inside = inside.get(name) if isinstance(inside, dict) else None
        if isinstance(inside, dict):
            inside.pop(path[-1], None)
    return found
