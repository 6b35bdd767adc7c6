"""Turns an object's key and an API version into safe file names. Never the other way.

An ID that a file system could confuse (reserved, too long, hostile or not ASCII) gets a name of a
readable start, ``~`` and a digest. A plain name has no ``~``, so the two kinds never collide.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from replay.model.cassette import ObjectKey
from replay.stripe_api.routes import is_collection

T = TypeVar("T")

SUFFIX = ".yaml"

VCR_SUFFIXES = (".yaml", ".yml", ".json")
"""The ends of the names that vcrpy's users give to their cassettes."""

EVIDENCE = "_evidence"
"""The folder of a library for recordings that are compared and never served."""

SCENARIOS = "scenarios"
"""The folder of a library for scenarios."""

SINGLETON = "_singleton"
"""The folder of an object that has no ID, such as the balance."""

_DEVICE = r"(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?\Z"
_RESERVED = re.compile(_DEVICE)
_PLAIN = re.compile(
    rf"(?!{_DEVICE})[A-Za-z0-9](?:[A-Za-z0-9_.-]{{0,118}}[A-Za-z0-9_-])?\Z(?<!\{SUFFIX})"
)
_UNSAFE_PART = re.compile(r"[^A-Za-z0-9_.,=+@()\[\] -]+|\A[._-]+(?=\.)")
_LONGEST_PART = 100
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


def plain(name: str) -> bool:
    """Whether a name is a safe file name on every file system, unchanged."""
    return _PLAIN.match(name) is not None


def is_cassette(name: str) -> bool:
    """Whether a file name is a cassette's."""
    return name.endswith(SUFFIX) and not name.startswith(".")


def digested(name: str) -> str:
    """A readable start and a digest: the file name for a name that is not safe, or not unique."""
    start = _UNSAFE.sub("-", name).strip("-.")[:40]
    if _RESERVED.match(start):  # Windows looks at the part before the first dot
        start = "_" + start
    return f"{start}~{digest(name)}"


def digest(name: str) -> str:
    """24 hex digits that identify a name without showing it."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def segment(name: str) -> str:
    """The file name of an ID or version."""
    return name if plain(name) else digested(name)


@lru_cache(maxsize=256)
def file(version: str) -> str:
    """The file name of a cassette at an API version. Upper-case letters give it a digest."""
    name = segment(version) if version == version.lower() else digested(version)
    return name + SUFFIX


def of_scenario(name: str, *, hashed: bool = False) -> tuple[str, ...]:
    """The folders of a scenario below those of all scenarios: one for each part of its name.

    Args:
        name: a test's node ID from the root of the project, or a name that the user gave.
        hashed: add digits of a hash to the last part, for a name that differs from another one in
            case only.
    """
    head, bracket, values = name.partition("[")
    parts = [part for part in re.split(r"/|::", head) if part] or ["_"]
    parts[-1] += bracket + values
    return tuple(
        _part(part, name, hashed=hashed and place == len(parts))
        for place, part in enumerate(parts, 1)
    )


def _part(part: str, name: str, *, hashed: bool) -> str:
    safe = _UNSAFE_PART.sub("-", part).strip(" .") or "_"
    if safe == part and len(part) <= _LONGEST_PART and not hashed and not _RESERVED.match(part):
        return part
    digits = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe[:_LONGEST_PART]}~{digits}"


def is_of_scenarios(path: str) -> bool:
    """Whether a path below a library is that of a scenario file, or of a folder with some."""
    return path.startswith(f"{SCENARIOS}/")


def served(path: str) -> str:
    """A path below a library without the folder of the evidence, if it begins with that."""
    return path.removeprefix(f"{EVIDENCE}/")


def directories(key: ObjectKey) -> tuple[str, ...]:
    """The folders of an object below the library, the object's own last.

    Parents have the same position as in the URL: ``customers/<customer>/sources/<id>``. A singleton
    is in ``_singleton``, a collection call in ``_collection/<its parameters>``, an object that was
    asked for with parameters in ``<id>/_asked/<its parameters>``, and a connected account's
    objects are below ``_accounts/<label>``. No plain name begins with an underscore.
    """
    return _parts(key, segment, str)


def spellings(key: ObjectKey) -> tuple[tuple[str, ...], ...]:
    """The possible names of each of an object's folders, the usual name first.

    An ID's folder is named by a digest if another ID differs from it in case only.
    """
    return _parts(key, _of_id, _one)


def _parts(key: ObjectKey, of_id: Callable[[str], T], of: Callable[[str], T]) -> tuple[T, ...]:
    literals = [of(literal) for literal in key.resource.split("/")]
    if not key.parents and not key.account and key.query is None and key.id:
        return (*literals, of_id(key.id))
    # The last literals follow one parent each: a/{x}/b/{y}/c/{id}.
    first = len(literals) - len(key.parents)
    nested = zip(key.parents, literals[first:], strict=True)
    tail = [part for parent, literal in nested for part in (of_id(parent), literal)]
    account = (of("_accounts"), of(segment(key.account))) if key.account else ()
    asked = of(digested(key.query) if key.query else "_all")
    if is_collection(key):
        return (*account, *literals[:first], *tail, of("_collection"), asked)
    own = of_id(key.id) if key.id else of(SINGLETON)
    below = () if key.query is None else (of("_asked"), asked)
    return (*account, *literals[:first], *tail, own, *below)


def _one(name: str) -> tuple[str, ...]:
    return (name,)


def _of_id(id: str) -> tuple[str, ...]:
    name = segment(id)
    return (name, digested(id)) if name == id else (name,)
