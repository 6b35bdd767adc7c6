"""Folds recordings into evidence: per type, expand set and epoch; pairs beside pools.

Objects come one after the other and are forgotten once they are counted, so that memory does not
grow with the library. Nothing that comes out depends on the order of objects.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from replay.drift.observe.marks import Reading, parent
from replay.drift.observe.nested import Inside, contents, hollow, home, nested, read_take
from replay.drift.observe.observed import Observed, Paired, digest, state
from replay.drift.observe.pairs import Take, pairs
from replay.drift.observe.selection import NEIGHBOURS, Epoch, Selection
from replay.drift.observe.shape import Witness
from replay.library.names import served
from replay.model.cassette import Cassette, ObjectKey
from replay.stripe_api.call import expand_of

Entries = Iterable[tuple[str, Cassette]]


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """What may be compared with what: evidence of different parts never mixes.

    Attributes:
        resource: the resource path.
        type: the body's `object` value.
        deleted: whether the body is the stub of a deleted object.
        expand: the expand set.
    """

    resource: str
    type: str
    deleted: bool
    expand: tuple[str, ...]


@dataclass(slots=True)
class _Guest:
    """What was seen of an object inside other recordings."""

    digest: bytes
    reading: Reading
    state: str
    day: str


class Corpus:
    """All evidence of some cassettes.

    Attributes:
        observed: part -> epoch -> what was seen.
        paired: part -> (old, new) -> the objects that have both, neighbours in their own history.
        recorded: resource -> all versions recorded, also those that were not asked for.
        objects: cassette -> what it holds.
        versions: what was recorded by itself -> its epochs among those asked for.
        retyped: old part, new part, both epochs -> the objects that are of one type at the one
            and of another at the other: whether they are twins, and the witnesses.
        nested: part -> (path, type) of what lies in its bodies and is evidence for its own type.
    """

    def __init__(self, selection: Selection = NEIGHBOURS, source: str | None = None) -> None:
        self.selection = selection
        self.source = source
        self.observed: dict[Part, dict[Epoch, Observed]] = {}
        self.paired: dict[Part, dict[tuple[Epoch, Epoch], Paired]] = {}
        self.recorded: dict[str, set[str]] = {}
        self.objects: dict[str, ObjectKey] = {}
        self.versions: dict[ObjectKey, set[Epoch]] = {}
        self.retyped: dict[tuple[Part, Part, tuple[Epoch, Epoch]], list[tuple[bool, str, str]]] = {}
        self.nested: dict[Part, set[tuple[str, str]]] = {}
        # What lay inside: part, epoch -> object -> place -> what was seen there.
        self._guests: dict[tuple[Part, Epoch], dict[ObjectKey, dict[Witness, _Guest]]] = {}
        self._met: dict[tuple[Part, tuple[Epoch, Epoch]], set[ObjectKey]] = {}

    def add(self, files: Iterable[tuple[str, Cassette, bool]]) -> None:
        """Count all cassettes of one object, each with whether it is of the old library."""
        own: dict[Part, dict[Epoch, list[tuple[bytes, Take]]]] = {}
        guests: dict[tuple[Part, ObjectKey], dict[Epoch, list[Take]]] = {}
        keys: dict[ObjectKey, ObjectKey] = {}
        for file, cassette, older in files:
            # One value for all files of an object: what is sent between processes is smaller.
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
                if event or key.query is not None:
                    for found in contents(take, key, expand):
                        self._invite(guests, found, version, interaction.recorded_at, older)
                    take = hollow(take)
                if epoch is not None:
                    part = _part(key.resource, expand, take)
                    recorded = (interaction.response.body, take)
                    own.setdefault(part, {}).setdefault(epoch, []).append(recorded)
                    self.versions.setdefault(key, set()).add(epoch)
        for part, epochs in own.items():
            for epoch, takes in epochs.items():
                self._observed(part, epoch).add(takes)
            for a, b in self._pairs(epochs):
                paired = self._paired(part, (a, b))
                paired.objects += 1
                paired.add(pairs([t for _, t in epochs[a]], [t for _, t in epochs[b]]))
        if len(own) > 1:
            self._retype(
                {(p, e): [t for _, t in ts] for p, es in own.items() for e, ts in es.items()}
            )
        self._seat(guests)

    def _retype(self, own: dict[tuple[Part, Epoch], list[Take]]) -> None:
        """Note where an object's type is another one at the next version."""
        for alike in {replace(part, type="") for part, _ in own}:
            types: dict[Epoch, set[Part]] = {}
            for part, epoch in own:
                if replace(part, type="") == alike:
                    types.setdefault(epoch, set()).add(part)
            for a, b in self._pairs(types):
                if not types[a] & types[b]:
                    old, new = min(types[a]), min(types[b])
                    pair = next(pairs(own[old, a], own[new, b]))
                    shown = str(pair.old.witness("/object")), str(pair.new.witness("/object"))
                    self.retyped.setdefault((old, new, (a, b)), []).append((pair.twins, *shown))

    def add_inside(
        self, files: Iterable[tuple[str, Cassette, bool]], places: dict[Part, set[tuple[str, str]]]
    ) -> None:
        """Count what lies at some places of other objects, as evidence for its own type.

        Args:
            files: the cassettes of one object.
            places: part -> (path, type) of what lies in its bodies.
        """
        guests: dict[tuple[Part, ObjectKey], dict[Epoch, list[Take]]] = {}
        for file, cassette, older in files:
            for number, interaction in enumerate(cassette.interactions):
                when = interaction.recorded_at
                epoch = self.selection.epoch(cassette.api_version, when, older)
                if self.source not in (None, interaction.source) or epoch is None:
                    continue
                take = read_take(file, number, interaction)
                if take is None:
                    continue
                expand = expand_of(interaction.request)
                part = _part(cassette.key.resource, expand, take)
                for found in nested(take, cassette.key, places.get(part, ()), expand):
                    self._invite(guests, found, cassette.api_version, when, older)
        self._seat(guests)

    def _invite(
        self,
        guests: dict[tuple[Part, ObjectKey], dict[Epoch, list[Take]]],
        found: Inside,
        version: str,
        recorded_at: str,
        older: bool,
    ) -> None:
        epoch = self.selection.epoch(found.version or version, recorded_at, older)
        if epoch is not None:
            part = _part(found.key.resource, found.expand, found.take)
            epochs = guests.setdefault((part, found.key), {})
            epochs.setdefault(epoch, []).append(found.take)

    def _seat(self, guests: dict[tuple[Part, ObjectKey], dict[Epoch, list[Take]]]) -> None:
        for (part, key), epochs in guests.items():
            for epoch, takes in epochs.items():
                seats = self._guests.setdefault((part, epoch), {}).setdefault(key, {})
                for take in takes:
                    named = digest(repr(take.body).encode())
                    seats[take.place] = _Guest(named, take.reading, state(take), take.day)
            for a, b in self._pairs(epochs):
                self._met.setdefault((part, (a, b)), set()).add(key)
                self._paired(part, (a, b)).add(pairs(epochs[a], epochs[b]))

    def places(self) -> dict[Part, set[tuple[str, str]]]:
        """Where objects lie inside others whose type was recorded by itself: (path, type)."""
        parts = [*self.observed, *(part for part, _ in self._guests)]
        own = {part.type for part in parts if part.resource == home(part.type)}
        found: dict[Part, set[tuple[str, str]]] = {}
        for part, epochs in self.observed.items():
            for observed in epochs.values():
                for shape in observed.shapes():
                    for path in shape:
                        if path.endswith("/object") and path != "/object":
                            for type in own & (shape[path].tokens() or {}).keys():
                                found.setdefault(part, set()).add((parent(path), type))
        return found

    def finish(self, places: dict[Part, set[tuple[str, str]]]) -> None:
        """Count what lay inside other recordings, once all of them are known."""
        self.nested = places
        for (part, epoch), objects in self._guests.items():
            observed = self._observed(part, epoch)
            for key, seats in objects.items():
                alone = epoch not in self.versions.get(key, ())
                observed.objects += alone
                told: set[bytes] = set()
                for place, guest in sorted(seats.items()):
                    if guest.digest in told:
                        continue
                    if alone and not told:
                        observed.pool(guest.state).add(guest.reading, *place, guest.day)
                    else:
                        observed.rest.add(guest.reading, *place, guest.day)
                    told.add(guest.digest)
        for (part, both), keys in self._met.items():
            lone = [key for key in keys if not {*both} <= self.versions.get(key, set())]
            self._paired(part, both).objects += len(lone)
        self._guests, self._met = {}, {}

    def merge(self, other: Corpus) -> None:
        """Add what was counted of other objects, before either has been finished."""
        for part, epochs in other.observed.items():
            for epoch, observed in epochs.items():
                self._observed(part, epoch).merge(observed)
        for part, both in other.paired.items():
            for pair, paired in both.items():
                self._paired(part, pair).merge(paired)
        for resource, versions in other.recorded.items():
            self.recorded.setdefault(resource, set()).update(versions)
        for types, seen_in in other.retyped.items():
            self.retyped.setdefault(types, []).extend(seen_in)
        for name, key in other.objects.items():
            self.objects[name] = key
        for key, seen in other.versions.items():
            self.versions.setdefault(key, set()).update(seen)
        for place, objects in other._guests.items():
            for key, seats in objects.items():
                self._guests.setdefault(place, {}).setdefault(key, {}).update(seats)
        for where, keys in other._met.items():
            self._met.setdefault(where, set()).update(keys)

    def _pairs(self, epochs: Iterable[Epoch]) -> list[tuple[Epoch, Epoch]]:
        return self.selection.pairs(epochs)

    def _observed(self, part: Part, epoch: Epoch) -> Observed:
        return self.observed.setdefault(part, {}).setdefault(epoch, Observed())

    def _paired(self, part: Part, both: tuple[Epoch, Epoch]) -> Paired:
        return self.paired.setdefault(part, {}).setdefault(both, Paired())


def by_object(
    cassettes: Entries, older: Entries = ()
) -> Iterator[list[tuple[str, Cassette, bool]]]:
    """Group cassettes, in the order of `Library.paths`, by object: one folder, and its evidence."""
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


def _part(resource: str, expand: tuple[str, ...], take: Take) -> Part:
    kind = take.body.get("object")
    kind = kind if isinstance(kind, str) else ""
    return Part(resource, kind, take.body.get("deleted") is True, expand)
