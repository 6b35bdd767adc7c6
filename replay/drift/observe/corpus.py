"""Folds recordings into evidence, and keeps evidence apart that must not be mixed, in a `Corpus`.

Evidence of one `Stratum` (a type, under one expand set) is counted for each epoch by itself
(`Observed`), and for each pair of epochs from the objects that were recorded in both (`Paired`).
Objects come one after the other and are forgotten once they are counted, so memory does not grow
with the library. The result does not depend on the order of objects.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from replay.drift.observe.marks import Marks
from replay.drift.observe.nested import (
    Nested,
    contents,
    nested_objects,
    read_take,
    resource_of,
    without_items,
)
from replay.drift.observe.pair_events import PairEvents
from replay.drift.observe.pairs import Pair, Take, pairs, status_of
from replay.drift.observe.pointers import parent
from replay.drift.observe.selection import NEIGHBOURS, Epoch, Selection
from replay.drift.observe.shape import Calendar, Shape, ShapeBuilder, Witness, merge
from replay.library.names import served
from replay.model.cassette import Cassette, Interaction, ObjectKey
from replay.stripe_api.call import expand_of
from replay.stripe_api.routes import is_collection

Entries = Iterable[tuple[str, Cassette]]

SAMPLES = 64
"""At most this many pairs of a comparison keep their bodies, to follow values that moved."""


STATUSES = 64
"""At most this many statuses, and changes of status, are told apart between twins."""


@dataclass(frozen=True, slots=True, order=True)
class Stratum:
    """A group of recordings that may be compared: evidence of different strata is never mixed.

    Attributes:
        resource: the resource path.
        type: the body's `object` value; empty where it has none.
        deleted: whether the body is the stub of a deleted object.
        expand: the expand set.
    """

    resource: str
    type: str
    deleted: bool
    expand: tuple[str, ...]


class Observed:
    """The observations of one stratum in one epoch.

    Attributes:
        objects: how many objects were seen.
        pools: state -> the last body of each object that was last seen in that state. One body per
            object: the takes of one object are not independent evidence.
        rest: the objects' other bodies. A repeated body does not count as evidence.
    """

    def __init__(self) -> None:
        self.objects = 0
        self.pools: dict[str, ShapeBuilder] = {}
        self.rest = ShapeBuilder()

    def add(self, takes: Sequence[tuple[bytes, Take]]) -> None:
        """Count the takes of one object, each with the text of its body."""
        self.objects += 1
        _, last = takes[-1]
        self.pool(_state(last)).add(last.marks, *last.place, last.day)
        if len(takes) > 1:
            seen = {_digest(takes[-1][0])}
            for text, take in takes[:-1]:
                if (digest := _digest(text)) not in seen:
                    seen.add(digest)
                    self.rest.add(take.marks, *take.place, take.day)

    def pool(self, state: str) -> ShapeBuilder:
        """The pool of a state."""
        return self.pools.setdefault(state, ShapeBuilder())

    @cached_property
    def total(self) -> Shape:
        """The shape of all bodies, once all of them were counted."""
        return merge(*self.shapes())

    def shapes(self) -> list[Shape]:
        """The shapes that `total` is the sum of."""
        return [self.rest.shape(), *(pool.shape() for pool in self.pools.values())]

    def merge(self, other: Observed) -> None:
        """Add the observations of other objects."""
        self.objects += other.objects
        self.rest.merge(other.rest.shape(), other.rest.calendar)
        for state, pool in other.pools.items():
            self.pool(state).merge(pool.shape(), pool.calendar)

    def calendar(self) -> Calendar:
        """On which days keys were seen."""
        made = Calendar()
        for builder in (self.rest, *self.pools.values()):
            made.merge(builder.calendar)
        return made


class Paired:
    """The observations of those objects of one stratum that were recorded in two epochs.

    Attributes:
        objects: how many objects.
        controlled: the events in twins and in pairs of one state.
        loose: the events in other pairs, and those that the dates of a pair may explain.
        restated: (old, new status) -> the events in twins that nobody looked at twice. The version
            may have renamed the status, or the objects moved on: only all twins together say.
        statuses: those that twins show unchanged.
    """

    def __init__(self) -> None:
        self.objects = 0
        self.controlled = PairEvents()
        self.loose = PairEvents()
        self.restated: dict[tuple[str, str], PairEvents] = {}
        self.statuses: set[str] = set()
        self._samples: list[tuple[bool, int, Witness, Witness, int, Pair]] = []
        self._added = 0  # keeps the heap from comparing pairs

    def add(self, found: Iterable[Pair]) -> None:
        """Count the pairs of one object."""
        for pair in found:
            if pair.controlled:
                self.controlled.add(pair, self.loose)
            else:
                self._beside(pair).add(pair)
            if pair.twins and len(self.statuses) < STATUSES:
                was, now = status_of(pair.old), status_of(pair.new)
                if was == now and isinstance(now, str):
                    self.statuses.add(now)
            name = f"{pair.old.file}#{pair.old.number}{pair.old.at}"
            rank = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())
            # The heap drops its least item. Ranks are negated, so that the least ranks stay.
            self._push(pair.controlled, -rank, pair.old.place, pair.new.place, pair)

    def _beside(self, pair: Pair) -> PairEvents:
        """Where a pair counts that is not controlled."""
        was, now = status_of(pair.old), status_of(pair.new)
        words = isinstance(was, str) and isinstance(now, str)
        if not pair.twins or pair.unconfirmed is not None or not words:
            return self.loose
        if (was, now) not in self.restated and len(self.restated) >= STATUSES:
            return self.loose
        return self.restated.setdefault((was, now), PairEvents())

    def merge(self, other: Paired) -> None:
        """Add the pairs of other objects."""
        self.objects += other.objects
        self.controlled.merge(other.controlled)
        self.loose.merge(other.loose)
        for words, events in other.restated.items():
            self.restated.setdefault(words, PairEvents()).merge(events)
        self.statuses |= other.statuses
        for controlled, rank, old, new, _, pair in other._samples:
            self._push(controlled, rank, old, new, pair)

    def _push(self, controlled: bool, rank: int, old: Witness, new: Witness, pair: Pair) -> None:
        self._added += 1
        heapq.heappush(self._samples, (controlled, rank, old, new, self._added, pair))
        if len(self._samples) > SAMPLES:
            heapq.heappop(self._samples)

    @property
    def samples(self) -> tuple[Pair, ...]:
        """Some pairs with their bodies, controlled ones first. The same library gives the same."""
        return tuple(item[-1] for item in sorted(self._samples, key=lambda i: i[:4], reverse=True))


@dataclass(slots=True)
class _Embedded:
    """The observations of an object inside a recording of another one."""

    digest: bytes
    marks: Marks
    state: str
    day: str


_Found = dict[tuple[Stratum, ObjectKey], dict[Epoch, list[Take]]]
"""Nested objects of the cassettes that are being counted."""


class Corpus:
    """All evidence of some cassettes.

    Attributes:
        observed: stratum -> epoch -> the observations.
        paired: stratum -> (old, new) -> the objects that have both.
        recorded: resource -> all versions recorded, also those that were not asked for.
        objects: cassette -> the key of its object.
        versions: object -> its epochs among those asked for, where it was recorded by itself.
        retyped: (old stratum, new stratum, both epochs) -> the objects that are of one type in the
            old epoch and of another in the new one: whether the two are twins, and the witnesses.
        nested: stratum -> (path, type) of objects in its bodies that count for their own type.
    """

    def __init__(self, selection: Selection = NEIGHBOURS, source: str | None = None) -> None:
        self.selection = selection
        self.source = source
        self.observed: dict[Stratum, dict[Epoch, Observed]] = {}
        self.paired: dict[Stratum, dict[tuple[Epoch, Epoch], Paired]] = {}
        self.recorded: dict[str, set[str]] = {}
        self.objects: dict[str, ObjectKey] = {}
        self.versions: dict[ObjectKey, set[Epoch]] = {}
        self.retyped: dict[
            tuple[Stratum, Stratum, tuple[Epoch, Epoch]], list[tuple[bool, str, str]]
        ] = {}
        self.nested: dict[Stratum, set[tuple[str, str]]] = {}
        # Nested objects: stratum, epoch -> object -> place -> the observations there.
        self._embedded: dict[tuple[Stratum, Epoch], dict[ObjectKey, dict[Witness, _Embedded]]] = {}
        self._embedded_pairs: dict[tuple[Stratum, tuple[Epoch, Epoch]], set[ObjectKey]] = {}

    def add(self, files: Iterable[tuple[str, Cassette, bool]]) -> None:
        """Count all cassettes of one object, each with whether it is of the old library."""
        own: dict[Stratum, dict[Epoch, list[tuple[bytes, Take]]]] = {}
        embedded: _Found = {}
        keys: dict[ObjectKey, ObjectKey] = {}
        for file, cassette, older in files:
            # One value for all files of an object: less data is sent between processes.
            key = keys.setdefault(cassette.key, cassette.key)
            version = cassette.api_version
            self.recorded.setdefault(key.resource, set()).add(version)
            self.objects[file] = key
            for number, interaction in enumerate(cassette.interactions):
                epoch = self.selection.epoch(version, interaction.recorded_at, older)
                event = key.resource == "events"
                if self.source not in (None, interaction.source) or not (epoch or event):
                    continue
                take = read_take(file, number, interaction)
                if take is None:
                    continue
                expand = expand_of(interaction.request)
                if event or is_collection(key):
                    for found in contents(take, key, expand):
                        self._collect(embedded, found, version, interaction.recorded_at, older)
                    take = without_items(take)
                if epoch is not None:
                    stratum = _stratum(key.resource, expand, take)
                    recorded = (interaction.response.body, take)
                    own.setdefault(stratum, {}).setdefault(epoch, []).append(recorded)
                    self.versions.setdefault(key, set()).add(epoch)
        for stratum, epochs in own.items():
            for epoch, takes in epochs.items():
                self._observed(stratum, epoch).add(takes)
            for a, b in self._pairs(epochs):
                paired = self._paired(stratum, (a, b))
                paired.objects += 1
                paired.add(pairs([t for _, t in epochs[a]], [t for _, t in epochs[b]]))
        if len(own) > 1:
            self._note_retyped(
                {(s, e): [t for _, t in ts] for s, es in own.items() for e, ts in es.items()}
            )
        self._store(embedded)

    def _note_retyped(self, own: dict[tuple[Stratum, Epoch], list[Take]]) -> None:
        """Note where an object's type is another one in the next epoch."""
        for alike in {replace(stratum, type="") for stratum, _ in own}:
            types: dict[Epoch, set[Stratum]] = {}
            for stratum, epoch in own:
                if replace(stratum, type="") == alike:
                    types.setdefault(epoch, set()).add(stratum)
            for a, b in self._pairs(types):
                if not types[a] & types[b]:
                    old, new = min(types[a]), min(types[b])
                    pair = next(pairs(own[old, a], own[new, b]))
                    shown = str(pair.old.witness("/object")), str(pair.new.witness("/object"))
                    self.retyped.setdefault((old, new, (a, b)), []).append((pair.twins, *shown))

    def add_nested(
        self,
        files: Iterable[tuple[str, Cassette, bool]],
        places: dict[Stratum, set[tuple[str, str]]],
    ) -> None:
        """Count the objects nested at some places of an object, as evidence for their own types.

        Args:
            files: all cassettes of the object, as in `add`.
            places: stratum -> (path, type) of the objects in its bodies.
        """
        embedded: _Found = {}
        types = {f'"{type}"'.encode() for there in places.values() for _, type in there}
        for file, cassette, older in files:
            for number, interaction in enumerate(cassette.interactions):
                when = interaction.recorded_at
                epoch = self.selection.epoch(cassette.api_version, when, older)
                if self.source not in (None, interaction.source) or epoch is None:
                    continue
                if not any(type in interaction.response.body for type in types):
                    continue
                take = read_take(file, number, interaction, marked=False)
                if take is None:
                    continue
                expand = expand_of(interaction.request)
                stratum = _stratum(cassette.key.resource, expand, take)
                for found in nested_objects(take, cassette.key, places.get(stratum, ()), expand):
                    self._collect(embedded, found, cassette.api_version, when, older)
        self._store(embedded)

    def _collect(
        self, embedded: _Found, found: Nested, version: str, recorded_at: str, older: bool
    ) -> None:
        epoch = self.selection.epoch(found.version or version, recorded_at, older)
        if epoch is not None:
            stratum = _stratum(found.key.resource, found.expand, found.take)
            epochs = embedded.setdefault((stratum, found.key), {})
            epochs.setdefault(epoch, []).append(found.take)

    def _store(self, embedded: _Found) -> None:
        for (stratum, key), epochs in embedded.items():
            for epoch, takes in epochs.items():
                seen = self._embedded.setdefault((stratum, epoch), {}).setdefault(key, {})
                for take in takes:
                    digest = _digest(repr(take.body).encode())
                    seen[take.place] = _Embedded(digest, take.marks, _state(take), take.day)
            for a, b in self._pairs(epochs):
                self._embedded_pairs.setdefault((stratum, (a, b)), set()).add(key)
                self._paired(stratum, (a, b)).add(pairs(epochs[a], epochs[b]))

    def nested_places(self) -> dict[Stratum, set[tuple[str, str]]]:
        """Where bodies hold objects of a type that was recorded by itself: (path, type)."""
        strata = [*self.observed, *(stratum for stratum, _ in self._embedded)]
        own = {stratum.type for stratum in strata if stratum.resource == resource_of(stratum.type)}
        found: dict[Stratum, set[tuple[str, str]]] = {}
        for stratum, epochs in self.observed.items():
            for observed in epochs.values():
                for shape in observed.shapes():
                    for path in shape:
                        if path.endswith("/object") and path != "/object":
                            for type in own & (shape[path].tokens() or {}).keys():
                                found.setdefault(stratum, set()).add((parent(path), type))
        return found

    def finish(self, places: dict[Stratum, set[tuple[str, str]]]) -> None:
        """Count the objects nested in other recordings, once all recordings have been added.

        Args:
            places: the result of `nested_places`.
        """
        self.nested = places
        for (stratum, epoch), objects in self._embedded.items():
            observed = self._observed(stratum, epoch)
            for key, places_of in objects.items():
                alone = epoch not in self.versions.get(key, ())
                observed.objects += alone
                seen: set[bytes] = set()
                for place, found in sorted(places_of.items()):
                    if found.digest in seen:
                        continue
                    if alone and not seen:
                        observed.pool(found.state).add(found.marks, *place, found.day)
                    else:
                        observed.rest.add(found.marks, *place, found.day)
                    seen.add(found.digest)
        for (stratum, both), keys in self._embedded_pairs.items():
            lone = [key for key in keys if not {*both} <= self.versions.get(key, set())]
            self._paired(stratum, both).objects += len(lone)
        self._embedded, self._embedded_pairs = {}, {}

    def merge(self, other: Corpus) -> None:
        """Add the counts of other objects, before either corpus has been finished."""
        for stratum, epochs in other.observed.items():
            for epoch, observed in epochs.items():
                self._observed(stratum, epoch).merge(observed)
        for stratum, both in other.paired.items():
            for pair, paired in both.items():
                self._paired(stratum, pair).merge(paired)
        for resource, versions in other.recorded.items():
            self.recorded.setdefault(resource, set()).update(versions)
        for types, seen_in in other.retyped.items():
            self.retyped.setdefault(types, []).extend(seen_in)
        for name, key in other.objects.items():
            self.objects[name] = key
        for key, seen in other.versions.items():
            self.versions.setdefault(key, set()).update(seen)
        for where, objects in other._embedded.items():
            for key, places_of in objects.items():
                self._embedded.setdefault(where, {}).setdefault(key, {}).update(places_of)
        for place, keys in other._embedded_pairs.items():
            self._embedded_pairs.setdefault(place, set()).update(keys)

    def _pairs(self, epochs: Iterable[Epoch]) -> list[tuple[Epoch, Epoch]]:
        return self.selection.pairs(epochs)

    def _observed(self, stratum: Stratum, epoch: Epoch) -> Observed:
        return self.observed.setdefault(stratum, {}).setdefault(epoch, Observed())

    def _paired(self, stratum: Stratum, both: tuple[Epoch, Epoch]) -> Paired:
        return self.paired.setdefault(stratum, {}).setdefault(both, Paired())


def by_object(
    cassettes: Entries, older: Entries = ()
) -> Iterator[list[tuple[str, Cassette, bool]]]:
    """Group cassettes by object: those of one folder, and the evidence that belongs to it.

    Args:
        cassettes: in the order of `Library.paths`.
        older: those of the old library, in the same order.
    """
    waiting: dict[str, list[tuple[str, Cassette, bool]]] = {}
    tagged = (
        ((file, cassette, False) for file, cassette in cassettes),
        ((file, cassette, True) for file, cassette in older),
    )
    for file, cassette, is_older in heapq.merge(*tagged, key=lambda entry: served(entry[0])):
        folder = served(file).rpartition("/")[0]
        # A folder may hold other folders: it is complete once the paths have left it.
        for done in [name for name in waiting if not f"{folder}/".startswith(f"{name}/")]:
            yield waiting.pop(done)
        waiting.setdefault(folder, []).append((file, cassette, is_older))
    yield from waiting.values()


def stratum_of(resource: str, interaction: Interaction, take: Take) -> Stratum:
    """The stratum of a take that was recorded by itself."""
    return _stratum(resource, expand_of(interaction.request), take)


def _stratum(resource: str, expand: tuple[str, ...], take: Take) -> Stratum:
    kind = take.body.get("object")
    kind = kind if isinstance(kind, str) else ""
    return Stratum(resource, kind, take.body.get("deleted") is True, expand)


def _state(take: Take) -> str:
    """The state that pools compare within: an open invoice has fields that a draft never had."""
    tags = (take.body.get(name) for name in ("status", "type"))
    return "|".join(tag if isinstance(tag, str) else "" for tag in tags)


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()
