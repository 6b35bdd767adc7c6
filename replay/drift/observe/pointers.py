"""Paths: JSON pointers in which ``*`` stands for any list item or map value.

Everything that drift reports about a body, it reports about a path: ``/lines/data/*/plan`` is the
plan of any line of an invoice. This module writes paths, parses them, and looks them up in a body.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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


def occurrences(body: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The values at a path of a body, each with its JSON pointer."""
    if not path:
        yield "", body
        return
    segment, _, rest = path[1:].partition("/")
    rest = f"/{rest}" if rest or path.endswith("/") else ""
    children: Iterable[tuple[str, Any]] = ()
    if isinstance(body, list):
        children = ((str(n), item) for n, item in enumerate(body)) if segment == ANY else ()
    elif isinstance(body, dict):
        if segment == ANY:
            children = ((escape(name), item) for name, item in body.items())
        elif (name := unescape(segment)) in body:
            children = ((segment, body[name]),)
    for step, child in children:
        for pointer, value in occurrences(child, rest):
            yield f"/{step}{pointer}", value


def value_at(body: Any, pointer: str) -> Any:
    """The value at a JSON pointer; None where the body has none."""
    for segment in pointer.split("/")[1:]:
        if isinstance(body, dict):
            body = body.get(unescape(segment))
        else:
            there = isinstance(body, list) and segment.isdigit() and int(segment) < len(body)
            body = body[int(segment)] if there else None
    return body
