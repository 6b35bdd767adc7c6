"""Reads the schemas of an OpenAPI file. Each is checked when it is read.

Nothing is skipped: a schema that cannot be understood or found is an error with its place in the
file, and never "anything is allowed".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote

from replay.drift.observe.pointers import ANY, escape, unescape
from replay.errors import ConfigError
from replay.model.cassette import NOTHING
from replay.model.text_files import read_text
from replay.stripe_api.versions import canonical_version, is_version

_ROOT = "/components/schemas"
_DEEPEST = 32
_KINDS = {
    "null": {"null"},
    "boolean": {"bool"},
    "integer": {"int"},
    "number": {"int", "num"},
    "string": {"str"},
    "object": {"obj"},
    "array": {"arr"},
}


@dataclass(frozen=True, slots=True)
class RawSchema:
    """A schema as the file has it.

    Attributes:
        raw: the value, not yet checked.
        pointer: the JSON pointer to it in the file.
    """

    raw: Any
    pointer: str

    def at(self, *keys: str | int) -> RawSchema:
        """A place below this one, which is there."""
        raw, pointer = self.raw, self.pointer
        for key in keys:
            raw, pointer = raw[key], f"{pointer}/{escape(str(key))}"
        return RawSchema(raw, pointer)


@dataclass(frozen=True, slots=True)
class Schema:
    """One of the alternatives that a schema allows at a path, without references.

    Attributes:
        kinds: the JSON types that it allows, as `shape.KINDS` names them; None for any.
        properties: name -> schema; None where it names none.
        required: the names that must be there.
        items: the schema of a list's items; None where it has none.
        rest: the schema of other properties; False where there are none, True for any.
        words: the texts that it allows; None for any.
        pointer: the JSON pointer to it in the file.
    """

    kinds: frozenset[str] | None = None
    properties: Mapping[str, RawSchema] | None = None
    required: tuple[str, ...] = ()
    items: RawSchema | None = None
    rest: RawSchema | bool = True
    words: frozenset[str] | None = None
    pointer: str = ""


@dataclass(frozen=True)
class Schemas:
    """The schemas of one file.

    Attributes:
        path: the file.
        named: name -> schema, as the file has them.
        version: the API version that the file says it is of; empty where it says none.
    """

    path: Path
    named: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    version: str = ""

    def alternatives_of(self, name: str) -> list[Schema]:
        """The alternatives of a schema that `named` holds.

        Raises:
            ConfigError: it cannot be understood; says where in the file.
        """
        return self.alternatives(RawSchema(self.named, _ROOT).at(name))

    def alternatives(self, place: RawSchema) -> list[Schema]:
        """The alternatives of a schema: one for each branch of its ``anyOf`` and ``oneOf``.

        Raises:
            ConfigError: it cannot be understood; says where in the file.
        """
        return list(self._alternatives(place, ()))

    def below(self, above: Iterable[Schema], segment: str) -> list[Schema] | None:
        """The alternatives one step below some: of a property, an item or a map's value.

        Args:
            above: the alternatives of the enclosing object or list.
            segment: the step, as a segment of a path.

        Returns:
            None where anything is allowed there; empty where nothing is.

        Raises:
            ConfigError: one cannot be understood; says where in the file.
        """
        name, found = unescape(segment), list[Schema]()
        for schema in above:
            properties = schema.properties or {}
            if name == ANY and schema.items is not None:
                found += self.alternatives(schema.items)
            elif name in properties:
                found += self.alternatives(properties[name])
            elif schema.kinds is None or "obj" in schema.kinds:
                if schema.rest is True:
                    return None
                if schema.rest:
                    found += self.alternatives(schema.rest)
        return found

    def _alternatives(self, place: RawSchema, above: tuple[str, ...]) -> Iterator[Schema]:
        raw = place.raw
        if not isinstance(raw, dict):
            self._refuse("this is not a schema: a table is expected", place)
        if place.pointer in above:
            self._refuse("this schema is a reference to itself", place)
        if len(above) > _DEEPEST:
            self._refuse(f"more than {_DEEPEST} schemas stand inside each other", place)
        above = (*above, place.pointer)
        if "$ref" in raw:
            yield from self._alternatives(self._target(place.at("$ref")), above)
            return
        if parts := self._of(place, "allOf", list, []):
            if len(parts) > 1 or raw.keys() & {"properties", "required", "anyOf", "oneOf"}:
                self._refuse("an allOf of more than one schema cannot be read", place.at("allOf"))
            yield from self._alternatives(place.at("allOf", 0), above)
            if self._of(place, "nullable", bool, False):
                yield Schema(frozenset({"null"}))
            return
        branches = [word for word in ("anyOf", "oneOf") if word in raw]
        if not branches:
            yield self._schema(place)
            return
        for word in branches:
            choices = self._of(place, word, list, [])
            if not choices:
                self._refuse("at least one schema is expected", place.at(word))
            for n in range(len(choices)):
                yield from self._alternatives(place.at(word, n), above)
        if self._of(place, "nullable", bool, False):
            yield Schema(frozenset({"null"}))

    def _target(self, place: RawSchema) -> RawSchema:
        named = place.raw
        if not isinstance(named, str):
            self._refuse("a reference is a text", place)
        start, _, name = named.rpartition("/")
        if start != f"#{_ROOT}":
            self._refuse(
                f"the reference {named!r} leads out of components.schemas", place,
                "put the schema into this file: nothing is fetched",
            )  # fmt: skip
        name = unescape(unquote(name))
        if name not in self.named:
            self._refuse(f"components.schemas has no {name!r}", place)
        return RawSchema(self.named, _ROOT).at(name)

    def _schema(self, place: RawSchema) -> Schema:
        properties = self._of(place, "properties", dict, None)
        required = self._of(place, "required", list, [])
        for n, name in enumerate(required):
            if not isinstance(name, str):
                self._refuse("a required property is named by a text", place.at("required", n))
        self._of(place, "items", dict, None)
        words = self._of(place, "enum", list, None)
        texts = None if words is None else frozenset(w for w in words if isinstance(w, str))
        rest: RawSchema | bool = not properties
        if "additionalProperties" in place.raw:
            rest = place.raw["additionalProperties"]
            if not isinstance(rest, bool):
                rest = place.at("additionalProperties")
                self._of(place, "additionalProperties", dict, None)
        return Schema(
            self._kinds(place),
            None if properties is None
            else {name: place.at("properties", name) for name in properties},
            tuple(sorted(required)),
            place.at("items") if "items" in place.raw else None,
            rest,
            texts,
            place.pointer,
        )  # fmt: skip

    def _kinds(self, place: RawSchema) -> frozenset[str] | None:
        nullable = self._of(place, "nullable", bool, False)
        if "type" not in place.raw:
            if "properties" not in place.raw:
                return None
            return frozenset({"obj"} | ({"null"} if nullable else set()))
        given = place.raw["type"]
        kinds = {"null"} if nullable else set[str]()
        for type in given if isinstance(given, list) and given else [given]:
            if not isinstance(type, str) or type not in _KINDS:
                known = ", ".join(sorted(_KINDS))
                self._refuse(f"{type!r} is not a type", place.at("type"), f"types are {known}")
            kinds |= _KINDS[type]
        return frozenset(kinds)

    def _of(self, place: RawSchema, name: str, kind: type, default: Any) -> Any:
        found = place.raw.get(name, default)
        if name in place.raw and not isinstance(found, kind):
            wanted = {list: "a list", dict: "a table", bool: "true or false"}[kind]
            self._refuse(f"{name} is not {wanted}", place.at(name))
        return found

    def _refuse(self, what: str, place: RawSchema, hint: str = "correct the file") -> NoReturn:
        raise ConfigError(
            f"the specification cannot be used: {what}",
            where=f"{self.path}#{place.pointer}",
            hint=hint,
        )


def schemas_of(specification: Path | Schemas) -> Schemas:
    """The schemas of a file; schemas as they are.

    Raises:
        ConfigError: as `load_schemas`.
    """
    return load_schemas(specification) if isinstance(specification, Path) else specification


def load_schemas(path: Path) -> Schemas:
    """The schemas of an OpenAPI 3 file in JSON; each is checked when it is read.

    Raises:
        ConfigError: the file cannot be read, or has no ``components.schemas``.
    """
    try:
        document = json.loads(read_text(path))
        found = document["components"]["schemas"]
    except OSError as error:
        raise ConfigError(
            f"the specification cannot be read: {error.strerror}",
            where=str(path),
            hint="name a file that exists and that this user may read",
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(
            "this is not an OpenAPI file in JSON",
            where=str(path),
            hint="give one that has components.schemas, such as Stripe's spec3.json",
        ) from error
    if not isinstance(found, dict):
        raise ConfigError(
            "components.schemas is not an object",
            where=str(path),
            hint="give one that has components.schemas, such as Stripe's spec3.json",
        )
    info = document.get("info")
    stated = info.get("version") if isinstance(info, dict) else None
    version = canonical_version(stated) if isinstance(stated, str) and is_version(stated) else ""
    return Schemas(path, found, version)
