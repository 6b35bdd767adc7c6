"""Compares two OpenAPI files, for what is recorded only.

A whole file of Stripe's describes hundreds of operations, and two neighbouring versions differ in
a hundred thousand places. Here only the types of recorded bodies are compared, and below them only
what the recordings reach: an object that a recording shows is compared field by field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from replay.drift.acceptance.settings import DriftSettings
from replay.drift.judge.compare import comparison_of
from replay.drift.judge.findings import TYPES, Grade, Report, Side
from replay.drift.observe.gather import Recordings, Sources, gather
from replay.drift.observe.pointers import ANY, escape, key
from replay.drift.observe.selection import NEIGHBOURS, Epoch, Slice, Which
from replay.drift.observe.shape import KINDS, Shape, is_map, merge
from replay.drift.openapi.schemas import RawSchema, Schema, Schemas, schemas_of
from replay.drift.openapi.spec import Found, finding_at, report_of, schema_name

_SPECIFIED = Slice(Which.SPECIFIED)


def between(
    library: Recordings,
    before: Path | Schemas,
    after: Path | Schemas,
    resource: str | None = None,
    source: str | None = None,
    settings: DriftSettings | None = None,
) -> Report:
    """Compare two specifications, for the types that a library holds.

    Args:
        library: the recordings, of any version.
        before, after: the old and the new file, or their schemas.
        resource: only this resource path; None for all.
        source: only recordings that this host answered.
        settings: the severities to use in place of the catalogue's.

    Raises:
        ConfigError: a file is not a specification, or a schema that is needed cannot be
            understood; the error says where in the file.
        LibraryError: or one of its kinds, where a recording cannot be read.
    """
    old, new = schemas_of(before), schemas_of(after)
    corpus = gather(Sources(library, source=source), NEIGHBOURS)
    sides = Epoch(_label(old), _SPECIFIED), Epoch(_label(new), _SPECIFIED)
    found = []
    for stratum in sorted(corpus.observed):
        name = schema_name(stratum)
        if resource not in (None, stratum.resource):
            continue
        if name not in old.named and name not in new.named:
            continue  # neither file says anything of it
        epochs = corpus.observed[stratum].values()
        objects = sum(observed.objects for observed in epochs)
        shape = merge(*(observed.total for observed in epochs))
        comparison = comparison_of(stratum, *sides, (0, objects, 0), 0)
        found.append((name, comparison, list(_Files(old, new, shape).findings(name))))
    return report_of(corpus, found, settings)


def _label(schemas: Schemas) -> str:
    return schemas.version or schemas.path.name


class _Files:
    """Compares one type of two files, as far down as recordings go.

    In its methods, `a` and `b` are the alternatives of the old and the new file at a path, and
    `owner` names the schemas that have the field there.
    """

    def __init__(self, old: Schemas, new: Schemas, shape: Shape) -> None:
        self._old, self._new = old, new
        self._shape = shape

    def findings(self, name: str) -> Iterator[Found]:
        """What differs between the two schemas of a name."""
        for schemas, rule in ((self._old, "field-added"), (self._new, "field-removed")):
            if name not in schemas.named:
                detail = f"{_label(schemas)} has no {name}"
                yield self._found(rule, "", (), (), (name,), detail)
                return
        yield from self._below("", self._old.alternatives_of(name), self._new.alternatives_of(name))

    def _below(self, path: str, a: Sequence[Schema], b: Sequence[Schema]) -> Iterator[Found]:
        """The findings below a path."""
        stat = self._shape.get(path)
        if path and (stat is None or not stat.kinds & {"obj", "arr"} or is_map(self._shape, path)):
            return  # no recording goes deeper, or the keys are values
        owner = tuple(sorted({schema.pointer for schema in (*a, *b) if schema.pointer}))
        old, new = _properties(a), _properties(b)
        needed, still = _required(a), _required(b)
        for name in sorted(old.keys() | new.keys()) if old and new else ():
            where = f"{path}/{escape(name)}"
            x, y = _all(self._old, old.get(name, ())), _all(self._new, new.get(name, ()))
            if name not in new:
                yield self._found("field-removed", where, x, y, owner)
            elif name not in old:
                yield self._found("field-added", where, x, y, owner)
            else:
                if name in needed and name not in still:
                    yield self._found("became-optional", where, x, y, owner)
                elif name in still and name not in needed:
                    yield self._found("became-required", where, x, y, owner)
                yield from self._value(where, x, y, owner)
        items = [schema.items for schema in a if schema.items is not None]
        others = [schema.items for schema in b if schema.items is not None]
        if items and others and f"{path}/{ANY}" in self._shape:
            x, y = _all(self._old, items), _all(self._new, others)
            yield from self._value(f"{path}/{ANY}", x, y, owner)

    def _value(
        self, path: str, a: Sequence[Schema], b: Sequence[Schema], owner: tuple[str, ...]
    ) -> Iterator[Found]:
        """The findings at a path that both files have, and below it."""
        old, new = _kinds(a), _kinds(b)
        if old is not None and new is not None:
            if "null" in new - old:
                yield self._found("became-nullable", path, a, b, owner)
            elif "null" in old - new:
                yield self._found("became-non-null", path, a, b, owner)
            x, y = old - {"null"}, new - {"null"}
            if x != y and x and y:
                detail = f"{_in_words(x)} to {_in_words(y)}"
                yield self._found(_retyped(x, y), path, a, b, owner, detail)
        for rule, words in _new_and_unseen(_texts(a), _texts(b)):
            yield self._found(rule, path, a, b, owner, ", ".join(sorted(words)))
        yield from self._below(path, a, b)

    def _found(
        self, rule: str, path: str, a: Sequence[Schema], b: Sequence[Schema],
        owner: tuple[str, ...], detail: str = "",
    ) -> Found:  # fmt: skip
        sides = Side(_names(a)), Side(_names(b))
        found = finding_at(self._shape, rule, path, sides, Grade.PROVEN, detail)
        return Found(found, (*owner, key(path), detail))


def _retyped(x: set[str], y: set[str]) -> str:
    """The rule where a field allows other types."""
    if x ^ y == {"obj"} and "str" in x & y:
        return "expand-changed"
    return "type-widened" if x < y else "type-narrowed" if y < x else "type-changed"


def _new_and_unseen(old: set[str] | None, new: set[str] | None) -> Iterator[tuple[str, set[str]]]:
    """The rules for the words that one of two closed sets lacks."""
    if old is not None and new is not None:
        for rule, words in (("enum-value-new", new - old), ("enum-value-unseen", old - new)):
            if words:
                yield rule, words


def _all(schemas: Schemas, places: Sequence[RawSchema]) -> list[Schema]:
    return [schema for place in places for schema in schemas.alternatives(place)]


def _properties(alternatives: Sequence[Schema]) -> Mapping[str, list[RawSchema]]:
    found: dict[str, list[RawSchema]] = {}
    for schema in alternatives:
        for name, place in (schema.properties or {}).items():
            found.setdefault(name, []).append(place)
    return found


def _required(alternatives: Sequence[Schema]) -> set[str]:
    """The names that every alternative with fields requires."""
    records = [set(schema.required) for schema in alternatives if schema.properties]
    return set.intersection(*records) if records else set()


def _kinds(alternatives: Sequence[Schema]) -> set[str] | None:
    """The JSON types that some alternatives allow; None for any."""
    if any(schema.kinds is None for schema in alternatives):
        return None
    return {kind for schema in alternatives for kind in schema.kinds or ()}


def _texts(alternatives: Sequence[Schema]) -> set[str] | None:
    """The texts that some alternatives allow; None for any, or for none."""
    texts: set[str] = set()
    for schema in alternatives:
        if schema.kinds is None or "str" in schema.kinds:
            if schema.words is None:
                return None
            texts |= schema.words
    return texts or None


def _names(alternatives: Sequence[Schema]) -> tuple[str, ...]:
    kinds = _kinds(alternatives) or set()
    return tuple(TYPES[kind] for kind in KINDS if kind in kinds)


def _in_words(kinds: set[str]) -> str:
    return " or ".join(TYPES[kind] for kind in KINDS if kind in kinds)
