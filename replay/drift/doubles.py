"""Compares hand-written doubles of objects with what was recorded of their type at one version.

A double is a fixture, the body of a mock, or what a factory builds. Nobody records it again, so a
suite stays green on the doubles of a version that production has left. `Doubles` says where a
double could not be an answer of that version. Remarks name paths and types, never a double's value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import IntEnum
from functools import cache, cached_property
from typing import Any

from replay.drift.judge.evidence import ENOUGH
from replay.drift.judge.findings import TYPES, Finding
from replay.drift.observe.gather import Progress, Recordings, Sources, gather
from replay.drift.observe.marks import UNNAMED, keys_are_values, mark
from replay.drift.observe.pointers import ANY, dotted, escape, key, parent
from replay.drift.observe.selection import Selection
from replay.drift.observe.shape import KINDS, Shape, Stat, is_map, merge, names_below
from replay.drift.openapi.schemas import Schema, Schemas
from replay.drift.openapi.spec import ENVELOPES
from replay.drift.report import report
from replay.redaction.secrets import is_secret
from replay.stripe_api.routes import retrieves
from replay.stripe_api.versions import is_preview, require_version, version_order

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,63}")
_UNPRINTED = "(a key that is no plain name)"
_FREE = frozenset({"currency", "country", "id", "locale", "object"})
_LISTED = 8
_DEEPEST = 100


class Weight(IntEnum):
    """How much a remark weighs; only a finding fails a check."""

    INFO = 0
    WARNING = 1
    FINDING = 2

    def __str__(self) -> str:
        return self.name.lower()


KINDS_OF_REMARK: Mapping[str, str] = {
    "double-key-of-another-version": "The double has a key that this version never had, and "
    "another recorded version has.",
    "double-key-unknown": "The double has a key that no recording of any version has.",
    "double-kind-differs": "The double has a value of another JSON type than the recordings.",
    "double-null": "The double has null where the recordings never had it.",
    "double-word-unknown": "The double has a word that neither recordings nor specification have.",
    "double-key-missing": "The double lacks keys that every recording has.",
}
"""The name of each kind of remark -> what it means, in one sentence."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One place where a double differs from what was recorded.

    Attributes:
        kind: one of `KINDS_OF_REMARK`.
        weight: how much it weighs.
        type: the type of the object that the place is in.
        path: the path in that object; ``*`` stands for any list item.
        pointer: the JSON pointer in the double.
        message: what differs, in words, without a value of the double.
        read_at: the paths where the value is at this version; empty where that is not known.
    """

    kind: str
    weight: Weight
    type: str
    path: str
    pointer: str
    message: str
    read_at: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.type}: {shown_path(self.path)}: {self.message}"


def shown_path(path: str) -> str:
    """A path as people write it. A key that is no plain name may be private, and is not shown."""
    segments = path.split("/")[1:]
    plain = [s if s == ANY or _is_plain(s) else _UNPRINTED for s in segments]
    return dotted("".join(f"/{segment}" for segment in plain))


@cache
def _is_plain(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and not is_secret(name)


class Doubles:
    """Checks doubles against a library. The library is read once, by the constructor.

    Attributes:
        version: the API version that doubles are checked against; empty where it is, for each type,
            the newest one recorded, and a release before a preview.
        types: the types of Stripe's objects, as `object` names them.
    """

    def __init__(
        self,
        library: Recordings,
        version: str | None = None,
        *,
        schemas: Schemas | None = None,
        complete: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Read a library.

        Args:
            library: the recordings.
            version: the API version; None for the newest one of each type.
            schemas: the specification of that version, which knows what no recording shows.
            complete: whether a missing key is a finding.
            progress: called with the number of cassettes read since the last call.

        Raises:
            ConfigError: the version is none.
            LibraryError: or one of its kinds, where a recording cannot be read.
        """
        corpus = gather(Sources(library, progress=progress), Selection())
        self._library, self._schemas, self._complete = library, schemas, complete
        every = [name for seen in corpus.recorded.values() for name in seen]
        if version is not None:
            require_version(version, every, "--api-version")
        self.version = version or ""
        # (type, whether deleted) -> version -> the sum of its shapes under all expand sets.
        self._own: dict[tuple[str, bool], dict[str, Shape]] = {}
        self._resources: dict[str, set[str]] = {}
        self._expanded = any(stratum.expand for stratum in corpus.observed)
        for stratum, epochs in corpus.observed.items():
            self._resources.setdefault(stratum.type, set()).add(stratum.resource)
            for epoch, observed in epochs.items():
                shapes = self._own.setdefault((stratum.type, stratum.deleted), {})
                shapes[epoch.version] = merge(shapes.get(epoch.version, {}), observed.total)
        self._moves: dict[tuple[str, str, str], list[Finding]] = {}

    @cached_property
    def types(self) -> frozenset[str]:
        """The types of Stripe's objects, as `object` names them."""
        named = {name for route in retrieves() for name in route.objects}
        named |= {type for type, _ in self._own} | {type for type, _ in self._nested}
        return frozenset(named - ENVELOPES)

    @cached_property
    def _nested(self) -> dict[tuple[str, bool], dict[str, Shape]]:
        """The same for types that are recorded inside other objects alone, such as an item."""
        found: dict[tuple[str, bool], dict[str, Shape]] = {}
        for shapes in list(self._own.values()):
            for version, shape in shapes.items():
                for path, stat in shape.items():
                    words = stat.tokens() if path.endswith("/object") else None
                    if path == "/object" or words is None or len(words) != 1:
                        continue
                    type, root = min(words), parent(path)
                    if (type, False) in self._own:
                        continue
                    inside = {name[len(root) :]: at for name, at in shape.items()
                              if name == root or name.startswith(f"{root}/")}  # fmt: skip
                    known = found.setdefault((type, False), {})
                    known[version] = merge(known.get(version, {}), inside)
        return found

    def recorded(self, type: str, *, deleted: bool = False) -> tuple[str, ...]:
        """The versions at which a type was recorded, oldest first."""
        return tuple(sorted(self._versions(type, deleted), key=version_order))

    def _versions(self, type: str, deleted: bool) -> Mapping[str, Shape]:
        return self._own.get((type, deleted)) or self._nested.get((type, deleted), {})

    def _version(self, type: str, deleted: bool) -> str:
        """The version that doubles of a type are checked against; empty where there is none."""
        recorded = self._versions(type, deleted)
        if self.version:
            return self.version if self.version in recorded else ""
        return max(recorded, key=lambda v: (not is_preview(v), version_order(v)), default="")

    def check(self, double: Mapping[str, Any], type: str) -> list[Remark] | None:
        """The remarks on a double, those that weigh most first.

        Args:
            double: a parsed JSON object.
            type: its type, such as ``invoice``.

        Returns:
            None where no object of this type was recorded at this version.
        """
        deleted = double.get("deleted") is True
        version = self._version(type, deleted)
        if not version:
            return None
        found = _Check(self, type, version, self._versions(type, deleted)).remarks(double)
        return sorted(found, key=lambda remark: (-remark.weight, remark.pointer, remark.kind))

    def moves(self, type: str, old: str, new: str) -> list[Finding]:
        """The findings between two versions that name a place in the same object."""
        found = []
        for resource in sorted(self._resources.get(type, ())):
            asked = resource, old, new
            if asked not in self._moves:
                made = report(self._library, resource, (old, new))
                self._moves[asked] = [
                    finding for comparison in made.comparisons if comparison.type == type
                    for finding in comparison.findings if finding.to or finding.parts
                ]  # fmt: skip
            found += self._moves[asked]
        return found


class _Check:
    """Checks one double, and the objects of other types in it."""

    def __init__(
        self, doubles: Doubles, type: str, version: str, versions: Mapping[str, Shape]
    ) -> None:
        self._all, self._type, self._version, self._versions = doubles, type, version, versions
        self._shape = versions[version]
        self._specified: dict[str, list[Schema] | None] = {}

    def remarks(self, double: Mapping[str, Any], pointer: str = "", deep: int = 0) -> list[Remark]:
        """The remarks on an object of this type, which stands at a pointer of a double."""
        return list(self._object(double, "", pointer, deep))

    def _object(
        self, value: Mapping[str, Any], path: str, pointer: str, deep: int
    ) -> Iterator[Remark]:
        names = [name for name in value if isinstance(name, str)]
        fields = names_below(self._shape, path)
        unjudged = not fields or UNNAMED in fields or is_map(self._shape, path)
        if unjudged or keys_are_values(key(path) if path else "", names) or deep > _DEEPEST:
            return  # nothing was seen in it, or its keys are values
        for name in names:
            where, here = f"{path}/{escape(name)}", f"{pointer}/{escape(name)}"
            if where in self._shape:
                yield from self._value(value[name], where, here, deep + 1)
            else:
                yield from self._unknown(value, where, here)
        yield from self._missing(value, path, pointer)

    def _value(self, value: Any, path: str, pointer: str, deep: int) -> Iterator[Remark]:
        other = self._other(value, path)
        if other is not None:
            yield from other.remarks(value, pointer, deep)
            return
        stat, found = self._shape[path], mark(value)
        kind = found.partition(":")[0]
        problem = self._kind(stat, kind, value, path)
        if problem is not None:
            yield self._remark(*problem, path, pointer)
        elif kind == "str":
            yield from self._word(stat, found, path, pointer)
        elif kind == "obj":
            yield from self._object(value, path, pointer, deep)
        elif kind == "arr" and f"{path}/{ANY}" in self._shape and deep <= _DEEPEST:
            for n, item in enumerate(value):
                yield from self._value(item, f"{path}/{ANY}", f"{pointer}/{n}", deep + 1)

    def _other(self, value: Any, path: str) -> _Check | None:
        """The check for an object that was recorded by itself, wherever it stands."""
        type = value.get("object") if isinstance(value, dict) else None
        if not isinstance(type, str) or type in ENVELOPES:
            return None
        versions = self._all._own.get((type, value.get("deleted") is True), {})
        if self._version in versions:
            return _Check(self._all, type, self._version, versions)
        return None

    def _kind(self, stat: Stat, kind: str, value: Any, path: str) -> tuple[str, Weight, str] | None:
        """What is wrong with the JSON type of a value; None for nothing."""
        kinds, n = stat.kinds, stat.seen
        if kind in kinds or kinds == {"null"} or (kind == "int" and "num" in kinds):
            return None
        allowed = self._allowed(path)
        if allowed and any(one.kinds is None or kind in one.kinds for one in allowed):
            return None
        if kind == "null":
            if n < ENOUGH:
                return None
            return "double-null", Weight.WARNING, f"null, which {_in_none(n)} here"
        if kind == "obj" and "str" in kinds and isinstance(value.get("id"), str):
            return None  # an expanded ID
        if kind == "str" and f"{path}/id" in self._shape and self._all._expanded:
            return None  # the ID of what a recording expanded
        wanted = " or ".join(TYPES[name] for name in KINDS if name in kinds)
        here = f"{_amount(n)} at {self._version}"
        said = f"{_with_article(TYPES[kind])}; {here} {'has' if n == 1 else 'have'} {wanted}"
        return "double-kind-differs", Weight.FINDING, said

    def _word(self, stat: Stat, found: str, path: str, pointer: str) -> Iterator[Remark]:
        """A remark on a word that is not in the closed set it stands in."""
        word, known = found.removeprefix("str:token:"), stat.tokens()
        if word == found or not known or word in known or key(path) in _FREE:
            return
        for other in self._versions.values():
            known = {**known, **((other[path].tokens() or {}) if path in other else {})}
        listed = self._words(path)
        if listed is not None:
            if word in listed:
                return
            known = {**known, **dict.fromkeys(listed, 0)}
        weight, sums = Weight.WARNING, stat.tokens() or {}
        near = get_close_matches(word, known, n=1, cutoff=0.75)
        closed = len(sums) > 1 and sum(sums.values()) >= 2 * len(sums)
        if word in known:
            said = f"a word that {_in_none(stat.seen)} at {self._version}; another version has it"
        else:
            # Each word was seen twice on average: another one would have shown by now.
            if closed or listed is not None:
                weight = Weight.FINDING
            more = ", and the specification does not list" if listed is not None else ""
            said = f"a word that {_in_none(stat.seen)}{more}; they have {_listed(sorted(sums))}"
        if near and near[0] != word:
            said += f"; {near[0]!r} is near"
        yield self._remark("double-word-unknown", weight, said, path, pointer)

    def _unknown(self, owner: Mapping[str, Any], path: str, pointer: str) -> Iterator[Remark]:
        """A remark on a key that no recording of this version has."""
        allowed, tag = self._allowed(path), self._unseen_tag(owner, parent(path))
        if allowed or (tag and key(path) == tag):
            return
        version, above = self._version, self._shape[parent(path)]
        having = [one for one in self._versions if path in self._versions[one]]
        if not having:
            specified = allowed is not None
            total = sum(
                shape[parent(path)].parents
                for shape in self._versions.values() if parent(path) in shape
            )  # fmt: skip
            said = f"a key that {_in_none(total)}, at any version"
            near = get_close_matches(key(path), names_below(self._shape, parent(path)), 1, 0.8)
            said += f"; {near[0]!r} is near" if near else ""
            said += ", and the specification has not" if specified else ""
            weight = Weight.FINDING if specified else Weight.WARNING
            yield self._remark("double-key-unknown", weight, said, path, pointer)
            return
        earlier = [one for one in having if version_order(one) < version_order(version)]
        if earlier:
            other = max(earlier, key=version_order)
            places = self._places(other, version, path, forth=True)
        else:
            other = min(having, key=version_order)
            places = self._places(version, other, path, forth=False)
        there = self._versions[other]
        always = there[path].seen >= there[parent(path)].parents
        sure = not tag and (always or above.parents >= ENOUGH)
        said = f"known at {other}, in 0 of {above.parents} recordings at {version}"
        if places:
            said += f"; at {version} read {' and '.join(map(shown_path, places))}"
        yield self._remark(
            "double-key-of-another-version", Weight.FINDING if sure else Weight.WARNING, said,
            path, pointer, places,
        )  # fmt: skip

    def _places(self, old: str, new: str, path: str, *, forth: bool) -> tuple[str, ...]:
        """Where a value of one version is at another one, in the same object."""
        found: dict[str, None] = {}
        for finding in self._all.moves(self._type, old, new):
            pairs = list(finding.parts)
            if finding.to is not None and not finding.to.join:
                pairs.insert(0, (finding.path, finding.to.path))
            for source, target in pairs:
                start, end = (source, target) if forth else (target, source)
                if path == start or path.startswith(f"{start}/"):
                    found.setdefault(end + path[len(start) :])
                elif start.startswith(f"{path}/"):
                    found.setdefault(end)
        return tuple(found)

    def _unseen_tag(self, owner: Mapping[str, Any], path: str) -> str:
        """The word of an object's tag where no recording has it; it may select keys of its own."""
        for name in ("type", "object"):
            stat, word = self._shape.get(f"{path}/{name}"), owner.get(name)
            known = stat.tokens() if stat is not None else None
            if known and isinstance(word, str) and word not in known:
                return word
        return ""

    def _missing(self, value: Mapping[str, Any], path: str, pointer: str) -> Iterator[Remark]:
        parents = self._shape[path].parents
        lacks = sorted(
            name for name in names_below(self._shape, path)
            if self._shape[f"{path}/{name}"].seen >= parents > 0
        )  # fmt: skip
        given = {escape(name) for name in value if isinstance(name, str)}
        lacks = [name for name in lacks if name not in given]
        if not lacks:
            return
        count = "1 key" if len(lacks) == 1 else f"{len(lacks)} keys"
        said = f"lacks {count} that {_in_all(parents)} has: {_listed(lacks)}"
        weight = Weight.FINDING if self._all._complete else Weight.INFO
        yield self._remark("double-key-missing", weight, said, path, pointer)

    def _remark(
        self, kind: str, weight: Weight, said: str, path: str, pointer: str,
        places: tuple[str, ...] = (),
    ) -> Remark:  # fmt: skip
        return Remark(kind, weight, self._type, path, pointer, said, places)

    # What the specification says; None where there is none, or it leaves the matter open.

    def _words(self, path: str) -> frozenset[str] | None:
        words: set[str] = set()
        for schema in self._allowed(path) or [Schema()]:
            if schema.kinds is None or "str" in schema.kinds:
                if schema.words is None:
                    return None
                words |= schema.words
        return frozenset(words) or None

    def _allowed(self, path: str) -> list[Schema] | None:
        """The alternatives at a path; empty where the specification has no such field."""
        schemas = self._all._schemas
        if schemas is None or self._type not in schemas.named:
            return None
        if path not in self._specified:
            if not path:
                self._specified[path] = schemas.alternatives_of(self._type)
            else:
                above = self._allowed(parent(path))
                self._specified[path] = schemas.below(above, key(path)) if above else None
        return self._specified[path]


def _amount(n: int) -> str:
    return "1 recording" if n == 1 else f"{n} recordings"


def _in_none(n: int) -> str:
    return f"0 of {n} recordings have"


def _in_all(n: int) -> str:
    return "the recording" if n == 1 else f"each of {_amount(n)}"


def _with_article(word: str) -> str:
    return f"{'an' if word[0] in 'aio' else 'a'} {word}" if word != "null" else word


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - _LISTED} more" if len(words) > _LISTED else ""
    return ", ".join(words[:_LISTED]) + more
