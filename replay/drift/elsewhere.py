"""Finds where values went in other resources, joined by the ID of the object that they left.

What `invoice.payment_intent` held is `payment.payment_intent` of the invoice payment whose
`invoice` is that invoice's ID. Only IDs are followed: they alone name one thing everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from replay.cassette import Cassette
from replay.drift.findings import Finding, Support, Target
from replay.drift.inside import read_take
from replay.drift.moves import DISTINCT, at
from replay.drift.pairs import Pair, Take
from replay.drift.reading import ANY, key, mark
from replay.drift.relocate import GONE
from replay.drift.rules import RULES
from replay.drift.shape import Witness

Lost = Mapping[str, Mapping[str, tuple[str, Witness]]]
"""path -> ID of the object -> the ID that was there, and where it was seen."""

_RULE = "field-moved-resource"


def wanted(findings: Iterable[Finding], samples: Sequence[Pair]) -> Lost:
    """The IDs that left their objects, with no word yet on where they went."""
    found: dict[str, dict[str, tuple[str, Witness]]] = {}
    for finding in findings:
        if finding.rule not in GONE or ANY in finding.path.split("/"):
            continue
        for pair in samples:
            own = pair.old.body.get("id")
            for pointer, value in at(pair.old.body, finding.path):
                if _is_id(own) and _is_id(value) and pointer not in pair.old.redacted:
                    place = pair.old.witness(finding.path)
                    found.setdefault(finding.path, {})[own] = (value, place)
    return found


def elsewhere(
    findings: Sequence[Finding], lost: Lost, cassettes: Iterable[tuple[str, Cassette]]
) -> list[Finding]:
    """Say of removals where their values are now, where another resource holds them.

    Args:
        findings: those of one comparison.
        lost: what `wanted` gave for them.
        cassettes: of other resources, at the new version.
    """
    look = _Look(lost)
    for file, cassette in cassettes:
        for number, interaction in enumerate(cassette.interactions):
            take = read_take(file, number, interaction)
            if take is not None:
                look.at(cassette.key.resource, take)
    went = look.best()
    return [
        replace(finding, **went[finding.path])
        if finding.rule in GONE and finding.path in went
        else finding
        for finding in findings
    ]


class _Look:
    def __init__(self, lost: Lost) -> None:
        self._lost = lost
        self._owners = {own for values in lost.values() for own in values}
        # (path, resource, join) -> the objects that such a place names.
        self._joined: dict[tuple[str, str, str], set[str]] = {}
        # (path, resource, join, target) -> object -> where its value is.
        self._hits: dict[tuple[str, str, str, str], dict[str, Witness]] = {}

    def at(self, resource: str, take: Take) -> None:
        places = _ids(take)
        for own in self._owners & places.keys():
            joins = {path for path, _ in places[own]}
            for path, values in self._lost.items():
                if own not in values:
                    continue
                for join in joins:
                    self._joined.setdefault((path, resource, join), set()).add(own)
                    for target, pointer in places.get(values[own][0], ()):
                        # Its own ID: a thing that refers back did not come from there.
                        if key(target) != "id":
                            hits = self._hits.setdefault((path, resource, join, target), {})
                            here = Witness(take.file, take.number, pointer)
                            hits[own] = min(hits.get(own, here), here)

    def best(self) -> dict[str, dict[str, Any]]:
        """path -> what is to change in its finding."""
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
    for path, marks in take.reading.marks.items():
        if "str:id" in marks:
            for pointer, value in at(take.body, path):
                if _is_id(value) and pointer not in take.redacted:
                    places.setdefault(value, []).append((path, pointer))
    return places


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and mark(value).startswith("str:id")
