"""Paths: JSON pointers in which ``*`` stands for any list item or map value.

Everything that drift reports about a body, it reports about a path: ``/lines/data/*/plan`` is the
plan of any line of an invoice. This module writes paths, parses them, and looks them up in a body.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from replay.errors import printable

ANY = "*"
"""Any list item or map value."""

EMPTY = '""'
"""The key without a character, as people write it."""


def escape(name: str) -> str:
    """A key as a segment of a path. The key ``*`` is written ``~2``; ``*`` means any list item."""
    return "~2" if name == ANY else name.replace("~", "~0").replace("/", "~1")


def unescape(segment: str) -> str:
    """A segment of a path as a key."""
    return ANY if segment == "~2" else segment.replace("~1", "/").replace("~0", "~")


def parent(path: str) -> str:
    """The path of the enclosing object or list."""
    return path.rpartition("/")[0]


def key(path: str) -> str:
    """The last segment of a path, still escaped."""
    return path.rpartition("/")[2]


def dotted(path: str) -> str:
    """A path as people write it: ``lines.data[].plan``; ``the body`` for the root."""
    words = ""
    for segment in path.split("/")[1:]:
        words += "[]" if segment == ANY else f".{printable(unescape(segment)) or EMPTY}"
    return words.removeprefix(".") or "the body"


def occurrences(body: Any, path: str) -> list[tuple[str, Any]]:
    """The values at a path of a body, each with its JSON pointer."""
    found = [("", body)]
    for segment in path.split("/")[1:]:
        if segment == ANY:
            found = [
                (f"{pointer}/{step}", child)
                for pointer, value in found
                for step, child in children(value)
            ]
        else:
            name = unescape(segment)
            found = [
                (f"{pointer}/{segment}", value[name])
                for pointer, value in found
                if isinstance(value, dict) and name in value
            ]
    return found


def children(value: Any) -> Iterable[tuple[str | int, Any]]:
    """The items of a list or values of a map, each with its segment of a pointer."""
    if isinstance(value, list):
        return enumerate(value)
    return ((escape(name), v) for name, v in value.items()) if isinstance(value, dict) else ()


def value_at(body: Any, pointer: str) -> Any:
    """The value at a JSON pointer; None where the body has none."""
    for segment in pointer.split("/")[1:]:
        if isinstance(body, dict):
            body = body.get(unescape(segment))
        else:
            there = isinstance(body, list) and segment.isdigit() and int(segment) < len(body)
            body = body[int(segment)] if there else None
    return body
