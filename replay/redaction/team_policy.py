"""A team's own rules: what it keeps and redacts beyond the shipped policy, in a file of its own.

The file is checked strictly, because a misspelt word would silently keep too much or too little,
and it stands apart from the configuration so that code owners can guard it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from replay.errors import PolicyError

FILE = "replay-policy.toml"

_PLACES = ("path", "metadata", "parameter", "resource")
_KEYS = {"keep": ("type", *_PLACES, "pattern"), "redact": ("type", "path")}
_PATH = re.compile(r"[a-z0-9_]+(?:\.(?:[A-Za-z0-9_-]+|\*))*\Z")
_METADATA = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}\Z")
_FIXED = frozenset({"id", "object"})


@dataclass(frozen=True, slots=True)
class Keep:
    """Values that the team keeps: where, and what they look like.

    Attributes:
        pattern: what the whole value must match.
        type: the object type; ``*`` for every type.
        path: the field below the type; empty for the other three.
        metadata: the key in whatever is called ``metadata``.
        parameter: a query parameter, by its last name.
        resource: a resource path whose IDs people choose.
    """

    pattern: re.Pattern[str]
    type: str = "*"
    path: str = ""
    metadata: str = ""
    parameter: str = ""
    resource: str = ""


@dataclass(frozen=True, slots=True)
class Team:
    """A team's rules. What is redacted wins over what is kept.

    Attributes:
        keeps: values to keep.
        redacts: type and path of subtrees to replace as a whole.
    """

    keeps: tuple[Keep, ...] = ()
    redacts: tuple[tuple[str, str], ...] = ()

    def matches(self, number: int, value: object) -> bool:
        """Whether a value matches the pattern of the n-th keep."""
        return self.keeps[number].pattern.fullmatch(str(value)) is not None

    def keeps_value(self, place: str, name: str, value: str) -> bool:
        """Whether a ``parameter`` or ``resource`` of a name keeps a value."""
        return any(
            getattr(keep, place) == name and keep.pattern.fullmatch(value) for keep in self.keeps
        )


def read(text: str, where: str, types: frozenset[str]) -> Team:
    """Read a team's file.

    Args:
        text: the file's text.
        where: names the file in errors.
        types: the known object types.

    Raises:
        PolicyError: a word or value that cannot be used; names file and line.
    """
    reader = _Reader(text, where, types)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"no TOML: {error}", where=where) from None
    for section, entries in document.items():
        if section not in _KEYS:
            raise reader.error(section, section, 0, _near(section, _KEYS, "section"))
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            raise reader.error(section, section, 0, f"entries are written [[{section}]]")
    return Team(
        tuple(reader.keep(n, entry) for n, entry in enumerate(document.get("keep", ()))),
        tuple(reader.redact(n, entry) for n, entry in enumerate(document.get("redact", ()))),
    )


def _near(word: str, words: Mapping[str, Any] | tuple[str, ...], what: str) -> str:
    near = get_close_matches(word, list(words), n=1)
    hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(words)}"
    return f"{word!r} is no {what}: {hint}"


@dataclass(frozen=True, slots=True)
class _Reader:
    text: str
    where: str
    types: frozenset[str]

    def keep(self, number: int, entry: dict[str, Any]) -> Keep:
        self.check("keep", number, entry)
        places = [place for place in _PLACES if place in entry]
        if len(places) != 1:
            raise self.error("keep", "keep", number, f"name one of {', '.join(_PLACES)}")
        if "pattern" not in entry:
            raise self.error("keep", "keep", number, "a kept value needs a pattern")
        if places[0] in {"parameter", "resource"} and "type" in entry:
            raise self.error("keep", "type", number, f"{places[0]} has no type")
        try:
            pattern = re.compile(entry["pattern"])
        except re.error as error:
            raise self.error("keep", "pattern", number, f"no pattern: {error.msg}") from None
        if pattern.fullmatch("sk_live_0Jenny Rosen, jenny@rosen.example 4242 /?"):
            raise self.error("keep", "pattern", number, "a pattern that everything matches")
        rest = {key: value for key, value in entry.items() if key != "pattern"}
        return Keep(pattern, **rest)

    def redact(self, number: int, entry: dict[str, Any]) -> tuple[str, str]:
        self.check("redact", number, entry)
        if "path" not in entry:
            raise self.error("redact", "redact", number, "name a path")
        return entry.get("type", "*"), entry["path"]

    def check(self, section: str, number: int, entry: dict[str, Any]) -> None:
        for key, value in entry.items():
            if key not in _KEYS[section]:
                what = _near(key, _KEYS[section], f"key of [[{section}]]")
                raise self.error(section, key, number, what)
            if not isinstance(value, str):
                raise self.error(section, key, number, f"{key} is no text")
        name = entry.get("type", "*")
        if name != "*" and name not in self.types:
            what = _near(name, tuple(sorted(self.types)), "object type")
            raise self.error(
                section, "type", number, what if len(what) < 200 else f"{name!r}: no type"
            )
        path = entry.get("path", "x")
        if not _PATH.match(path):
            raise self.error(section, "path", number, f"{path!r} is no path")
        if path in _FIXED:
            what = f"{path!r} names the object: replay needs it as it is (see pseudonymise_ids)"
            raise self.error(section, "path", number, what)
        if not _METADATA.match(entry.get("metadata", "x")):
            what = "metadata keys that are no plain identifiers are never kept"
            raise self.error(section, "metadata", number, what)

    def error(self, section: str, key: str, number: int, what: str) -> PolicyError:
        """The error, with the line of a key in the n-th entry of a section."""
        lines = self.text.split("\n")
        head = re.compile(rf"\s*\[\[?\s*{re.escape(section)}\s*\]")
        starts = [n for n, line in enumerate(lines, 1) if head.match(line)]
        start = starts[number] if number < len(starts) else 1
        named = re.compile(rf"\s*(?:\[+\s*)?[\"']?{re.escape(key)}\b")
        line = next((n for n, row in enumerate(lines, 1) if n >= start and named.match(row)), start)
        return PolicyError(what, where=f"{self.where}:{line}")
