"""Two bodies of one object side by side: which list items belong together, and which values.

Items belong together by their `id`; where they have none, by their position in lists of one length.
Of any others nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from replay.drift.observe.pointers import ANY, escape, unescape

Met = tuple[str, Any, str, Any]
"""Pointer and value on the old side, pointer and value on the new side."""


def matched(old: list[Any], new: list[Any]) -> Iterator[tuple[int, int]]:
    """The positions of the items that belong together."""
    olds, news = _by_id(old), _by_id(new)
    if olds.keys() & news.keys():
        for id, position in olds.items():
            if id in news:
                yield position, news[id]
    elif len(old) == len(new):
        yield from zip(range(len(old)), range(len(new)), strict=True)


def _by_id(items: list[Any]) -> dict[str, int]:
    """ID -> position; empty unless each item has an ID of its own."""
    found = {}
    for position, item in enumerate(items):
        id = item.get("id") if isinstance(item, dict) else None
        if not isinstance(id, str) or id in found:
            return {}
        found[id] = position
    return found


def together(old: Any, new: Any, path: str) -> Iterator[Met]:
    """The places of a path that both bodies have, those within lists and maps item by item."""
    met: list[Met] = [("", old, "", new)]
    for segment in path.split("/")[1:]:
        met = [below for one in met for below in _step(one, segment)]
    yield from met


def _step(met: Met, segment: str) -> Iterator[Met]:
    at_old, old, at_new, new = met
    if isinstance(old, list) and isinstance(new, list) and segment == ANY:
        for n, m in matched(old, new):
            yield f"{at_old}/{n}", old[n], f"{at_new}/{m}", new[m]
    elif isinstance(old, dict) and isinstance(new, dict):
        names = [unescape(segment)] if segment != ANY else [name for name in old if name in new]
        for name in names:
            if name in old and name in new:
                step = escape(name)
                yield f"{at_old}/{step}", old[name], f"{at_new}/{step}", new[name]
