"""Folds recordings into evidence: per type, expand set and version; pairs beside pools.

Objects come one after the other and are forgotten once they are counted, so that memory does not
grow with the library. Nothing that comes out depends on the order of objects.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from replay.call import expand_set
from replay.cassette import Cassette, Interaction, ObjectKey
from replay.drift.pairs import Pair, Take, Tally, pairs
from replay.drift.shape import Builder, Shape, merge, read
from replay.drift.versions import version_order
from replay.errors import CassetteDamaged

SAMPLES = 64
"""Pairs per comparison whose bodies are kept, to follow values that moved."""


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


class Observed:
    """One part at one version.

    Attributes:
        objects: how many objects were seen.
        pools: state -> the last body of each object that was last seen in it. One body per
            object, because the takes of one object are no independent evidence.
        rest: their other bodies; the same body again is no evidence at all.
    """

    def __init__(self) -> None:
        self.objects = 0
        self.pools: dict[str, Builder] = {}
        self.rest = Builder()

    def add(self, takes: Sequence[tuple[bytes, Take]]) -> None:
        """Count the takes of one object, each with the digest of its body."""
        self.objects += 1
        distinct: dict[bytes, Take] = {}
        for digest, take in takes:
            distinct.setdefault(digest, take)
        last = distinct.pop(takes[-1][0])
        self.pools.setdefault(_state(last), Builder()).add(last.reading, last.file, last.number)
        for take in distinct.values():
            self.rest.add(take.reading, take.file, take.number)

    def total(self) -> Shape:
        """The shape of all bodies."""
        return merge(self.rest.shape(), *(pool.shape() for pool in self.pools.values()))


class Paired:
    """One part at two versions: the objects that were recorded at both.

    Attributes:
        objects: how many objects.
        controlled: what happened in twins and in pairs that agree in status and dates.
        loose: what happened in other pairs.
        samples: some pairs with their bodies, controlled ones first; always the same ones.
    """

    def __init__(self) -> None:
        self.objects = 0
        self.controlled = Tally()
        self.loose = Tally()
        self._samples: list[tuple[bool, int, str, int, int, Pair]] = []
        self._added = 0  # keeps the heap from ever comparing pairs

    def add(self, found: Sequence[Pair]) -> None:
        """Count the pairs of one object."""
        self.objects += 1
        for pair in found:
            (self.controlled if pair.controlled else self.loose).add(pair)
            name = f"{pair.old.file}#{pair.old.number}"
            rank = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())
            # A heap of the largest: ranks are negated, so that the least ranks stay.
            self._added += 1
            item = (pair.controlled, -rank, name, pair.new.number, self._added, pair)
            heapq.heappush(self._samples, item)
            if len(self._samples) > SAMPLES:
                heapq.heappop(self._samples)

    @property
    def samples(self) -> tuple[Pair, ...]:
        """Some pairs with their bodies."""
        return tuple(item[-1] for item in sorted(self._samples, key=lambda i: i[:4], reverse=True))


class Corpus:
    """All evidence of some cassettes.

    Attributes:
        observed: part -> version -> what was seen.
        paired: part -> (old, new) -> the objects that have both, neighbours in their own history.
        recorded: resource -> all versions recorded, also those that were not asked for.
        objects: cassette -> the object it holds.
        versions: object -> its versions among those asked for.
    """

    def __init__(self) -> None:
        self.observed: dict[Part, dict[str, Observed]] = {}
        self.paired: dict[Part, dict[tuple[str, str], Paired]] = {}
        self.recorded: dict[str, set[str]] = {}
        self.objects: dict[str, ObjectKey] = {}
        self.versions: dict[ObjectKey, set[str]] = {}

    def add(
        self,
        files: Iterable[tuple[str, Cassette]],
        order: Sequence[str] | None = None,
        source: str | None = None,
    ) -> None:
        """Count all cassettes of one object; the arguments are those of `collect`."""
        history: dict[Part, dict[str, list[tuple[bytes, Take]]]] = {}
        for file, cassette in files:
            version = cassette.api_version
            self.recorded.setdefault(cassette.key.resource, set()).add(version)
            self.objects[file] = cassette.key
            if order is not None and version not in order:
                continue
            self.versions.setdefault(cassette.key, set()).add(version)
            for number, interaction in enumerate(cassette.interactions):
                if source is not None and interaction.source != source:
                    continue
                take = read_take(file, number, interaction)
                if take is not None:
                    part = _part(cassette.key.resource, interaction, take)
                    digest = hashlib.blake2b(interaction.response.body, digest_size=16).digest()
                    history.setdefault(part, {}).setdefault(version, []).append((digest, take))
        for part, versions in history.items():
            ranked = sorted(versions, key=order.index if order else version_order)
            for version in ranked:
                observed = self.observed.setdefault(part, {})
                observed.setdefault(version, Observed()).add(versions[version])
            for a, b in pairwise(ranked):
                old, new = ([take for _, take in versions[version]] for version in (a, b))
                paired = self.paired.setdefault(part, {})
                paired.setdefault((a, b), Paired()).add(list(pairs(old, new)))


def collect(
    cassettes: Iterable[tuple[str, Cassette]],
    order: Sequence[str] | None = None,
    source: str | None = None,
) -> Corpus:
    """Fold cassettes, sorted by path, into evidence.

    Args:
        cassettes: paths below the library with what they hold.
        order: the versions to look at, oldest first; None for all, by date.
        source: only recordings that this host answered.

    Raises:
        CassetteDamaged: a body that is no JSON, in a recording that says it is.
    """
    corpus = Corpus()
    for files in by_object(cassettes):
        corpus.add(files, order, source)
    return corpus


def by_object(
    cassettes: Iterable[tuple[str, Cassette]],
) -> Iterator[list[tuple[str, Cassette]]]:
    """Group cassettes, sorted by path, by object: all versions of one lie in one folder."""
    waiting: dict[str, list[tuple[str, Cassette]]] = {}
    for file, cassette in cassettes:
        folder = file.rpartition("/")[0]
        # A folder may hold other folders: it is complete once the paths have left it.
        for done in [name for name in waiting if not f"{folder}/".startswith(f"{name}/")]:
            yield waiting.pop(done)
        waiting.setdefault(folder, []).append((file, cassette))
    yield from waiting.values()


def read_take(file: str, number: int, interaction: Interaction) -> Take | None:
    """Read a recorded object; None for errors and for what is no object.

    Raises:
        CassetteDamaged: a body that is no JSON.
    """
    response, redacted = interaction.response, interaction.redacted
    if not 200 <= response.status < 300:
        return None
    try:
        body = json.loads(response.body)
        if not isinstance(body, dict):
            return None
        return Take(file, number, body, redacted, interaction.batch, read(body, redacted))
    except (ValueError, RecursionError):
        raise CassetteDamaged(
            "a recorded body is no JSON that can be read",
            where=f"{file} take {number}",
            hint="record it again",
        ) from None


def _part(resource: str, interaction: Interaction, take: Take) -> Part:
    kind = take.body.get("object")
    return Part(
        resource,
        kind if isinstance(kind, str) else "",
        take.body.get("deleted") is True,
        expand_set(interaction.request.uri),
    )


def _state(take: Take) -> str:
    # Pools compare like with like: an open invoice has fields that a draft never had.
    tags = (take.body.get(name) for name in ("status", "type"))
    return "|".join(tag if isinstance(tag, str) else "" for tag in tags)
