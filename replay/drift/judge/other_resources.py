"""Follows IDs that left their object into other resources that name the object.

The value of `invoice.payment_intent` is now `payment.payment_intent` of the invoice payment whose
`invoice` is that invoice's ID. Only IDs are followed: nothing else names the same thing everywhere.

All comparisons are followed in one walk of the library. A body is parsed only if it names one of
the objects.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from replay.drift.judge.findings import Comparison, Finding, Grade, Support, Target
from replay.drift.judge.moves import DISTINCT
from replay.drift.judge.relocate import GONE
from replay.drift.judge.rules import RULES
from replay.drift.observe.gather import Recordings
from replay.drift.observe.marks import mark
from replay.drift.observe.nested import contents, nested_objects, read_take
from replay.drift.observe.pairs import Pair, Take
from replay.drift.observe.pointers import ANY, children, key, occurrences
from replay.drift.observe.shape import Witness
from replay.model.cassette import Cassette
from replay.stripe_api.call import expand_of
from replay.stripe_api.routes import is_collection

_RULE = "field-moved-resource"
_IDS = re.compile(rb'"([a-z_]+_[A-Za-z0-9]+)"')

Lost = Mapping[str, Mapping[str, tuple[str, Witness]]]
"""Path -> ID of the object -> the ID that was there, and where it was seen."""

Places = Mapping[str, Sequence[tuple[str, str]]]
"""ID -> (path, JSON pointer) of each place in a body that holds it."""


def elsewhere(
    library: Recordings, found: Sequence[tuple[Comparison, Sequence[Pair]]], resources: set[str],
    *, expanded: bool,
) -> list[tuple[Finding, ...]]:  # fmt: skip
    """The findings of comparisons, with moves in place of removals where another resource has it.

    Args:
        library: the recordings of the new sides.
        found: the comparisons, each with its pairs.
        resources: the resources of the library.
        expanded: whether a recording has expanded fields, so that it may hold other objects.

    Returns:
        the findings of each comparison, in their order.
    """
    searches = [
        Search(comparison.resource, comparison.new, lost_ids(comparison.findings, samples))
        for comparison, samples in found
    ]
    wanted = [search for search in searches if search.owners]
    if wanted and (len(resources) > 1 or expanded):
        _walk(library, wanted, expanded)
    return [
        tuple(search.moved(comparison.findings))
        for search, (comparison, _) in zip(searches, found, strict=True)
    ]


def _walk(library: Recordings, searches: Sequence[Search], expanded: bool) -> None:
    of_version: dict[str, list[Search]] = {}
    for search in searches:
        of_version.setdefault(search.version, []).append(search)
    # A resource that alone lost something need not be read again, unless it has expanded bodies.
    lone = {search.resource for search in searches}
    for file, cassette in library.cassettes():
        if expanded or {cassette.key.resource} != lone:
            _look(file, cassette, of_version.get(cassette.api_version, ()))


def _look(file: str, cassette: Cassette, searches: Sequence[Search]) -> None:
    key = cassette.key
    for number, interaction in enumerate(cassette.interactions if searches else ()):
        expand = expand_of(interaction.request)
        if not expand and all(search.resource == key.resource for search in searches):
            continue
        named = {id.decode() for id in _IDS.findall(interaction.response.body)}
        concerned = [search for search in searches if not search.owners.isdisjoint(named)]
        take = read_take(file, number, interaction) if concerned else None
        if take is None:
            continue
        found = [(key.resource, take)]
        if is_collection(key):
            found = [(each.key.resource, each.take) for each in contents(take, key, expand)]
        elif expand:
            places = [(path, "") for path in _objects_below(take.body)]
            inside = nested_objects(take, key, dict.fromkeys(places), expand)
            found += [(each.key.resource, each.take) for each in inside]
        for resource, body in found:
            for search in concerned:
                if search.resource != resource:
                    search.add(resource, body)


def _objects_below(value: Any, path: str = "") -> Iterator[str]:
    """The paths of the objects with an ID in a body, without the body itself."""
    for step, child in children(value):
        name = ANY if isinstance(value, list) else step
        if isinstance(child, dict) and "id" in child and "object" in child:
            yield f"{path}/{name}"
        yield from _objects_below(child, f"{path}/{name}")


def lost_ids(findings: Iterable[Finding], samples: Sequence[Pair]) -> Lost:
    """The IDs that are gone from their objects, where no move says where to."""
    found: dict[str, dict[str, tuple[str, Witness]]] = {}
    for finding in findings:
        if finding.rule not in GONE or finding.to or ANY in finding.path.split("/"):
            continue
        for pair in samples:
            own = pair.old.body.get("id")
            for pointer, value in occurrences(pair.old.body, finding.path):
                if isinstance(value, dict):  # it was expanded
                    pointer, value = f"{pointer}/id", value.get("id")
                if _is_id(own) and _is_id(value) and pointer not in pair.old.redacted:
                    place = Witness(pair.old.file, pair.old.number, pair.old.at + pointer)
                    found.setdefault(finding.path, {})[own] = (value, place)
    return found


class Search:
    """Looks for the IDs that the objects of one comparison have lost.

    Attributes:
        resource: the resource of the objects: it is not searched.
        version: the version of the recordings to look into.
        owners: the IDs of the objects.
    """

    def __init__(self, resource: str, version: str, lost: Lost) -> None:
        self.resource = resource
        self.version = version
        self.owners = frozenset(own for values in lost.values() for own in values)
        self._lost = lost
        values = (value for found in lost.values() for value, _ in found.values())
        self._ids = self.owners.union(values)
        # (path, resource, join) -> the objects whose IDs are at the join.
        self._joined: dict[tuple[str, str, str], set[str]] = {}
        # (path, resource, join, target) -> object -> where its value is.
        self._hits: dict[tuple[str, str, str, str], dict[str, Witness]] = {}

    def add(self, resource: str, take: Take) -> None:
        """Look into a take of another resource."""
        places = _places(take, self._ids)
        for own in self.owners & places.keys():
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
                            here = Witness(take.file, take.number, take.at + pointer)
                            hits[own] = min(hits.get(own, here), here)

    def moved(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings, with moves in place of the removals whose values were found."""
        went = self._best() if self._hits else {}
        return [
            replace(finding, **went[finding.path])
            if finding.rule in GONE and finding.path in went
            else finding
            for finding in findings
        ]

    def _best(self) -> dict[str, dict[str, Any]]:
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
        values = {self._lost[path][own][0] for own in hits}
        grade = Grade.PROVEN if len(values) >= DISTINCT else Grade.LIKELY
        return {
            "rule": _RULE,
            "severity": RULES[_RULE].severity,
            "to": Target(resource, target, join, grade),
            "support": Support(len(hits), len(hits), controlled=True),
            "witnesses": (str(old), str(hits[own])),
        }


def _places(take: Take, ids: Collection[str]) -> Places:
    """Where some IDs stand in a take, unless they are stand-ins: ID -> its paths and pointers."""
    found: dict[str, list[tuple[str, str]]] = {}
    left: list[tuple[str, Any]] = [("", take.body)]
    while left:
        above, value = left.pop()
        for step, child in children(value):
            if isinstance(child, dict | list):
                left.append((f"{above}/{step}", child))
            elif isinstance(child, str) and child in ids:
                pointer = f"{above}/{step}"
                if pointer not in take.redacted:
                    path = take.marks.path(pointer)
                    found.setdefault(child, []).append((path, pointer))
    return found


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and mark(value).startswith("str:id")
