"""Paths of shapes followed into a body: the values at a path, each with its JSON pointer. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from replay.drift.observe.marks import ANY, escape, unescape


def at(body: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The values at a path, each with its pointer; ``*`` stands for any item or map value."""
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
        for pointer, value in at(child, rest):
            yield f"/{step}{pointer}", value
