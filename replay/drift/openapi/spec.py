"""Compares recordings with an OpenAPI file: unspecified, missing and differently typed fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from replay.drift.acceptance.settings import DriftSettings
from replay.drift.judge.compare import comparison_of, with_findings
from replay.drift.judge.findings import TYPES, Comparison, Finding, Grade, Report, Side, side
from replay.drift.judge.rules import RULES
from replay.drift.observe.corpus import Corpus, Stratum
from replay.drift.observe.gather import Recordings, Sources, gather
from replay.drift.observe.pointers import ANY, key, parent
from replay.drift.observe.selection import Epoch, Selection, Slice, Which
from replay.drift.observe.shape import KINDS, Shape, is_map
from replay.drift.openapi.schemas import Schema, Schemas, schemas_of
from replay.stripe_api.versions import require_version

UNDOCUMENTED, MISSING, DIFFERS = "spec-undocumented", "spec-required-missing", "spec-kind-differs"
UNSPECIFIED = "spec-value-unspecified"
SLICES = Slice(Which.SPECIFIED), Slice(Which.RECORDED)

ENVELOPES = frozenset({"list", "search_result"})
"""Types that files describe in each operation, and not as a schema with a name."""

_LEGACY = frozenset({"count", "total_count"})
"""Keys that old lists have, and that no file has described for years."""


def against(
    library: Recordings,
    specification: Path | Schemas,
    version: str,
    resource: str | None = None,
    source: str | None = None,
    settings: DriftSettings | None = None,
) -> Report:
    """Compare the recordings of one version with a specification.

    Args:
        library: the recordings.
        specification: an OpenAPI 3 file in JSON, such as the one that Stripe publishes, or its
            schemas.
        version: the API version; the specification should be of the same.
        resource: only this resource path; None for all.
        source: only recordings that this host answered.
        settings: the severities to use in place of the catalogue's.

    Raises:
        ConfigError: the file is not such a specification, or a schema that is needed cannot be
            understood; the error says where in the file.
        LibraryError: or one of its kinds, where a recording cannot be read.
    """
    schemas = schemas_of(specification)
    epoch = Epoch(version)
    corpus = gather(Sources(library, source=source), Selection((version, version)))
    every = [name for seen in corpus.recorded.values() for name in seen]
    require_version(version, every, "VERSION")
    found = []
    for stratum in sorted(corpus.observed):
        observed = corpus.observed[stratum].get(epoch)
        if observed is None or resource not in (None, stratum.resource):
            continue
        name = schema_name(stratum)
        if name in ENVELOPES and name not in schemas.named:
            continue  # each item counts for its own type
        old, new = Epoch(schemas.version or version, SLICES[0]), Epoch(version, SLICES[1])
        comparison = comparison_of(stratum, old, new, (0, observed.objects, 0), 0)
        findings = list(_Check(schemas, observed.total).findings(name))
        found.append((name, comparison, findings))
    return report_of(corpus, found, settings)


def schema_name(stratum: Stratum) -> str:
    """The name of the schema that describes the bodies of a stratum."""
    return f"deleted_{stratum.type}" if stratum.deleted else stratum.type


@dataclass(frozen=True, slots=True)
class Found:
    """A finding, and the places in the file that it contradicts.

    Attributes:
        finding: the finding.
        place: JSON pointers in the file to the schemas that have the field, its key, and what is
            wrong with it.
    """

    finding: Finding
    place: tuple[str, ...]

    @property
    def what(self) -> tuple[str, ...]:
        """The same for findings that are one contradiction."""
        return self.finding.rule, *self.place


def report_of(
    corpus: Corpus,
    found: Sequence[tuple[str, Comparison, Sequence[Found]]],
    settings: DriftSettings | None,
) -> Report:
    """A report in which each contradiction of one place in the file is told once.

    A nested type stands in many bodies. Its findings are told where it is recorded by itself, else
    where they are found first.
    """
    first: dict[tuple[str, ...], _Rank] = {}
    for number, (name, _, findings) in enumerate(found):
        for each in findings:
            rank = _rank(name, number, each)
            first[each.what] = min(first.get(each.what, rank), rank)
    comparisons = []
    for number, (name, comparison, findings) in enumerate(found):
        told = [each.finding for each in findings if first[each.what] == _rank(name, number, each)]
        weighed = (settings or DriftSettings()).weigh(with_findings(comparison, told))
        # A specification of one version promises nothing about the next one.
        kept = tuple(replace(finding, broken_promise=False) for finding in weighed.findings)
        comparisons.append(replace(weighed, findings=kept))
    recorded = {name: tuple(sorted(seen)) for name, seen in sorted(corpus.recorded.items())}
    return Report(tuple(comparisons), recorded, next(iter(corpus.objects.values()), None))


_Rank = tuple[bool, int, int, str]


def _rank(name: str, number: int, found: Found) -> _Rank:
    """Sorts the places of one contradiction: first in a type's own body, then by depth."""
    own = f"/components/schemas/{name}"
    elsewhere = not any(place == own or place.startswith(f"{own}/") for place in found.place)
    return elsewhere, found.finding.path.count("/"), number, found.finding.path


class _Check:
    def __init__(self, schemas: Schemas, shape: Shape) -> None:
        self._schemas = schemas
        self._shape = shape
        # path -> the alternatives allowed there; None where the specification says nothing.
        self._at: dict[str, list[Schema] | None] = {}

    def findings(self, name: str) -> Iterator[Found]:
        """The findings on values that contradict a schema."""
        if name not in self._schemas.named:
            yield self._finding(UNDOCUMENTED, "", detail=f"the specification has no {name}")
            return
        self._at[""] = self._schemas.alternatives_of(name)
        for path in self._shape:
            if path:
                self._at[path] = self._below(path)
            allowed = self._at[path]
            if allowed is None:
                continue
            if not allowed:
                if not self._is_legacy(path):
                    yield self._finding(UNDOCUMENTED, path)
                self._at[path] = None  # that finding stands for all below it
                continue
            yield from self._kinds(path, allowed)
            yield from self._words(path, allowed)
            yield from self._required(path, allowed)

    def _below(self, path: str) -> list[Schema] | None:
        above = self._at[parent(path)]
        if not above:
            return None
        found = self._schemas.below(above, key(path))
        return None if not found and is_map(self._shape, parent(path)) else found

    def _is_legacy(self, path: str) -> bool:
        """Whether a path is a key that old lists have."""
        above = parent(path)
        tag = self._shape.get(f"{above}/object")
        types = (tag.tokens() or {}).keys() if tag is not None else ()
        return key(path) in _LEGACY and bool(types) and ENVELOPES.issuperset(types)

    def _kinds(self, path: str, allowed: Iterable[Schema]) -> Iterator[Found]:
        kinds: set[str] = set()
        for schema in allowed:
            if schema.kinds is None:
                return
            kinds |= schema.kinds
        extra = self._shape[path].kinds - kinds
        if extra:
            seen = " or ".join(TYPES[kind] for kind in KINDS if kind in extra)
            wanted = " or ".join(TYPES[kind] for kind in KINDS if kind in kinds)
            yield self._finding(DIFFERS, path, kinds, f"{seen}, specified as {wanted}")

    def _words(self, path: str, allowed: Iterable[Schema]) -> Iterator[Found]:
        """A finding on words that a closed set does not list; a redacted value says none."""
        words: set[str] = set()
        for schema in allowed:
            if schema.kinds is None or "str" in schema.kinds:
                if schema.words is None:
                    return
                words |= schema.words
        extra = sorted(self._shape[path].details("token") - words - {ANY})
        if extra and words:
            yield self._finding(UNSPECIFIED, path, ("str",), ", ".join(extra))

    def _required(self, path: str, allowed: Iterable[Schema]) -> Iterator[Found]:
        records = [s for s in self._records(path, allowed) if s.properties is not None]
        if len(records) != 1 or is_map(self._shape, path):
            return
        for name in records[0].required:
            stat = self._shape.get(f"{path}/{name}")
            living = self._shape[path].parents
            if living and (stat is None or stat.seen < living):
                yield self._finding(MISSING, f"{path}/{name}")

    def _records(self, path: str, allowed: Iterable[Schema]) -> list[Schema]:
        """The alternatives with fields; of several, those of the types that were recorded."""
        records = [schema for schema in allowed if schema.properties is not None or schema.items]
        tags = self._shape.get(f"{path}/object")
        types = set(tags.tokens() or ()) if tags is not None else set[str]()
        if len(records) > 1:
            records = [schema for schema in records if self._types(schema) & types]
        return records

    def _types(self, schema: Schema) -> set[str]:
        tag = (schema.properties or {}).get("object")
        allowed = self._schemas.alternatives(tag) if tag is not None else []
        return {word for one in allowed for word in one.words or ()}

    def _finding(self, rule: str, path: str, kinds: Iterable[str] = (), detail: str = "") -> Found:
        names = tuple(TYPES[kind] for kind in KINDS if kind in kinds)
        above = self._at.get(parent(path)) or () if path else ()
        records = self._records(parent(path), above)
        # A living object and its stub are one type.
        pointers = sorted({s.pointer.replace("/deleted_", "/", 1) for s in records})
        place = (*pointers, key(path), detail) if pointers else (path, detail, str(id(self)))
        return Found(
            finding_at(self._shape, rule, path, (Side(names), None), Grade.PROVEN, detail), place
        )


def finding_at(
    shape: Shape, rule: str, path: str, sides: tuple[Side, Side | None], grade: Grade, detail: str
) -> Finding:
    """A finding that recordings show on the new side, or as near to its path as they go.

    Args:
        shape: the shape of the recordings.
        rule: the rule's ID.
        path: the path.
        sides: what each side shows; None for what the recordings show.
        grade: how sure it is.
        detail: the end of the rule's sentence.
    """
    place = path
    while place not in shape:
        place = parent(place)
    above = shape.get(parent(path))
    seen = side(shape.get(path), above.parents if above is not None else 0)
    old, new = sides
    witness = str(shape[place].witness)
    return Finding(
        rule, RULES[rule].severity, grade, path, old, new or seen, ("", witness), detail=detail
    )
