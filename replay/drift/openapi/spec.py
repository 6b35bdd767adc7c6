"""Compares recordings with an OpenAPI file: unspecified, missing and differently typed fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from replay.drift.acceptance.settings import DriftSettings
from replay.drift.judge.compare import comparison_of, with_findings
from replay.drift.judge.findings import TYPES, Finding, Grade, Report, Side, side
from replay.drift.judge.rules import RULES
from replay.drift.observe.gather import Recordings, Sources, gather
from replay.drift.observe.pointers import ANY, key, parent, unescape
from replay.drift.observe.selection import Epoch, Selection, Slice, Which
from replay.drift.observe.shape import KINDS, Shape, is_map
from replay.drift.openapi.schemas import Schema, Schemas, load_schemas
from replay.stripe_api.versions import require_version

UNDOCUMENTED, MISSING, DIFFERS = "spec-undocumented", "spec-required-missing", "spec-kind-differs"
SLICES = Slice(Which.SPECIFIED), Slice(Which.RECORDED)


def against(
    library: Recordings,
    path: Path,
    version: str,
    resource: str | None = None,
    source: str | None = None,
    settings: DriftSettings | None = None,
) -> Report:
    """Compare the recordings of one version with a specification.

    Args:
        library: the recordings.
        path: an OpenAPI 3 file in JSON, such as the one that Stripe publishes.
        version: the API version; the specification should be of the same.
        resource: only this resource path; None for all.
        source: only recordings that this host answered.
        settings: the severities to use in place of the catalogue's.

    Raises:
        ConfigError: the file is not such a specification, or a schema that is needed cannot be
            understood; the error says where in the file.
        LibraryError: or one of its kinds, where a recording cannot be read.
    """
    schemas = load_schemas(path)
    epoch = Epoch(version)
    corpus = gather(Sources(library, source=source), Selection((version, version)))
    every = [name for seen in corpus.recorded.values() for name in seen]
    require_version(version, every, "VERSION")
    found = []
    for stratum in sorted(corpus.observed):
        observed = corpus.observed[stratum].get(epoch)
        if observed is None or resource not in (None, stratum.resource):
            continue
        name = f"deleted_{stratum.type}" if stratum.deleted else stratum.type
        old, new = (Epoch(version, slice) for slice in SLICES)
        comparison = comparison_of(stratum, old, new, (0, observed.objects, 0), 0)
        findings = list(_Check(schemas, observed.total).findings(name))
        weighed = (settings or DriftSettings()).weigh(with_findings(comparison, findings))
        # A specification of one version promises nothing about the next one.
        kept = tuple(replace(finding, broken_promise=False) for finding in weighed.findings)
        found.append(replace(weighed, findings=kept))
    recorded = {name: tuple(sorted(seen)) for name, seen in sorted(corpus.recorded.items())}
    return Report(tuple(found), recorded, next(iter(corpus.objects.values()), None))


class _Check:
    def __init__(self, schemas: Schemas, shape: Shape) -> None:
        self._schemas = schemas
        self._shape = shape
        # path -> the alternatives allowed there; None where the specification says nothing.
        self._at: dict[str, list[Schema] | None] = {}

    def findings(self, name: str) -> Iterator[Finding]:
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
                yield self._finding(UNDOCUMENTED, path)
                self._at[path] = None  # that finding stands for all below it
                continue
            yield from self._kinds(path, allowed)
            yield from self._required(path, allowed)

    def _below(self, path: str) -> list[Schema] | None:
        above = self._at[parent(path)]
        if not above:
            return None
        name, found = unescape(key(path)), list[Schema]()
        for schema in above:
            properties = schema.properties or {}
            if name == ANY and schema.items is not None:
                found += self._schemas.alternatives(schema.items)
            elif name in properties:
                found += self._schemas.alternatives(properties[name])
            elif schema.kinds is None or "obj" in schema.kinds:
                if schema.rest is True:
                    return None
                if schema.rest:
                    found += self._schemas.alternatives(schema.rest)
        return None if not found and is_map(self._shape, parent(path)) else found

    def _kinds(self, path: str, allowed: Iterable[Schema]) -> Iterator[Finding]:
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

    def _required(self, path: str, allowed: Iterable[Schema]) -> Iterator[Finding]:
        records = [schema for schema in allowed if schema.properties is not None]
        tags = self._shape.get(f"{path}/object")
        types = set(tags.tokens() or ()) if tags is not None else set[str]()
        if len(records) > 1:
            records = [schema for schema in records if self._types(schema) & types]
        if len(records) != 1 or is_map(self._shape, path):
            return
        for name in records[0].required:
            stat = self._shape.get(f"{path}/{name}")
            living = self._shape[path].parents
            if living and (stat is None or stat.seen < living):
                yield self._finding(MISSING, f"{path}/{name}")

    def _types(self, schema: Schema) -> set[str]:
        tag = (schema.properties or {}).get("object")
        allowed = self._schemas.alternatives(tag) if tag is not None else []
        return {word for one in allowed for word in one.words or ()}

    def _finding(
        self, rule: str, path: str, kinds: Iterable[str] = (), detail: str = ""
    ) -> Finding:
        place = path
        while place not in self._shape:
            place = parent(place)
        above = self._shape.get(parent(path))
        parents = above.parents if above is not None else 0
        names = tuple(TYPES[kind] for kind in KINDS if kind in kinds)
        return Finding(
            rule,
            RULES[rule].severity,
            Grade.PROVEN,
            path,
            Side(names),
            side(self._shape.get(path), parents),
            ("", str(self._shape[place].witness)),
            detail=detail,
        )
