"""`replay.check`: a factory's object could be an answer of an API version, or the test fails."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replay.config import resolve
from replay.errors import ConfigError, DoubleDiffers, VersionNotRecorded
from replay.library import Library
from replay.library.library import storage_of
from replay.stripe_api.routes import by_name
from replay.stripe_api.versions import checked_version

if TYPE_CHECKING:
    from replay.drift.doubles import Doubles

_DEEPEST = 100


def check(
    double: Any,
    resource: str,
    *,
    api_version: str | None = None,
    library: str | os.PathLike[str] | None = None,
    spec: str | os.PathLike[str] | None = None,
    complete: bool = False,
) -> list[str]:
    """Check that an object of a factory, a mock or a fixture could be an answer of the API.

    The recordings are read once per process for the same arguments.

    Args:
        double: a dict, or an object with ``to_dict``, such as the SDK's.
        resource: what it is, such as ``invoice``; its own `object` key wins.
        api_version: the version it should be of; None for the one of the configuration or the
            environment, else the newest recorded one of its type.
        library: the recordings; None for the configured library.
        spec: Stripe's OpenAPI file of that version, for what no recording shows.
        complete: whether a key that every recording has must be there.

    Returns:
        The warnings, in words.

    Raises:
        DoubleDiffers: it could not be one; says why, and never with a value of the double.
        VersionNotRecorded: nothing of its type was recorded at that version.
        ConfigError: there is no such resource, version or library, or a value is none of JSON's.
        LibraryError: or one of its kinds, where a recording cannot be read.
    """
    __tracebackhide__ = True  # of pytest
    route = by_name(resource)
    body = _plain(double, "", 0)
    if not isinstance(body, dict):
        raise ConfigError(
            "a double is an object, and this is none",
            where="replay.check",
            hint="give a dict, or an object that has to_dict",
        )
    config = resolve(library=library, mode="none")
    asked = checked_version(api_version, "api_version") if api_version else config.api_version
    doubles = _doubles(
        config.library, config.follow_links, asked, None if spec is None else os.fspath(spec),
        complete,
    )  # fmt: skip
    named = body.get("object")
    type = named if isinstance(named, str) and named in doubles.types else route.objects[0]
    remarks = doubles.check(body, type)
    if remarks is None:
        versions = doubles.recorded(type, deleted=body.get("deleted") is True)
        there = f"; recorded: {', '.join(versions)}" if versions else ""
        pin = f" --api-version {asked}" if asked else ""
        raise VersionNotRecorded(
            f"no {type} is recorded at {asked or 'any version'}{there}", where=config.library,
            hint=f"replay record {route.resource} ID{pin}", resource=route.resource,
            recorded=versions,
        )  # fmt: skip
    from replay.drift.doubles import Weight

    findings = tuple(str(remark) for remark in remarks if remark.weight is Weight.FINDING)
    if findings:
        at = asked or "the newest recorded version"
        raise DoubleDiffers(
            "\n".join([f"the double could not be an answer at {at}", *findings]),
            where=f"replay.check(…, {resource!r})",
            hint="correct the double, or record an answer like it: replay record "
            f"{route.resource} ID",
            findings=findings,
        )
    return [str(remark) for remark in remarks if remark.weight is Weight.WARNING]


@lru_cache(maxsize=8)
def _doubles(
    library: str, follow_links: bool, version: str | None, spec: str | None, complete: bool
) -> Doubles:
    from replay.drift.doubles import Doubles
    from replay.drift.openapi.schemas import load_schemas

    opened = Library(library, follow_links=follow_links)
    storage_of(opened).require()
    schemas = load_schemas(Path(spec)) if spec is not None else None
    return Doubles(opened, version, schemas=schemas, complete=complete)


def _plain(value: Any, pointer: str, deep: int) -> Any:
    """A value as JSON has it.

    Raises:
        ConfigError: JSON has no such value; says where, and its type.
    """
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str | int):
        return str(value) if isinstance(value, str) else int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if deep > _DEEPEST:
        raise _foreign("an object that is nested too deep, or in itself,", pointer)
    if isinstance(value, Mapping):
        named = {str(name): child for name, child in value.items()}
        return {name: _plain(child, f"{pointer}/{name}", deep + 1) for name, child in named.items()}
    if isinstance(value, list | tuple):
        return [_plain(child, f"{pointer}/{n}", deep + 1) for n, child in enumerate(value)]
    convert = getattr(type(value), "to_dict", None)
    if callable(convert):
        return _plain(convert(value), pointer, deep + 1)
    raise _foreign(f"a value of the type {type(value).__name__}", pointer)


def _foreign(what: str, pointer: str) -> ConfigError:
    from replay.drift.doubles import shown_path

    return ConfigError(
        f"{what} cannot be in an answer",
        where=f"replay.check: {shown_path(pointer)}",
        hint="give what JSON has: a time is an integer, an amount of decimals is a text",
    )
