"""What stands in the way of reading a field at its new place, as the pairs show it.

Code that reads the new place must go through the objects above it. Where one of them was null or
missing in a recording whose old side had the field, that code would fail where the old code did
not. Where both places are in the items of one list, each item is a case of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from replay.drift.judge.findings import Finding, Way
from replay.drift.judge.side_by_side import together
from replay.drift.observe.pairs import Pair
from replay.drift.observe.pointers import ANY, unescape


def with_ways(findings: Iterable[Finding], pairs: Sequence[Pair], resource: str) -> list[Finding]:
    """Findings that say what stands in the way to their new place, where no list does.

    A list whose items have both places is in no way: code that reads an item has passed it.

    Args:
        findings: the findings of a comparison.
        pairs: its pairs, with their bodies.
        resource: its resource path.
    """
    return [
        replace(finding, way=_way(pairs, items, finding.path, finding.to.path))
        if finding.to is not None
        and finding.to.resource == resource
        and (items := items_of(finding.path)) == items_of(finding.to.path)
        else finding
        for finding in findings
    ]


def items_of(path: str) -> str:
    """The path of the innermost items that a path leads through; empty for none."""
    head, found, _ = f"{path}/".rpartition(f"/{ANY}/")
    return f"{head}/{ANY}" if found else ""


def _way(pairs: Sequence[Pair], items: str, source: str, target: str) -> Way:
    null, missing = Counter[str](), Counter[str]()
    having = others = 0
    for pair in pairs:
        for _, before, _, after in together(pair.old.body, pair.new.body, items):
            old, stopped = _walk(before, source[len(items) :])
            if stopped is not None:
                continue
            having += 1
            new, stopped = _walk(after, target[len(items) :])
            if stopped is not None:
                (null if new is None else missing)[items + stopped] += 1
            elif not _fits(old, new):
                others += 1
    return Way(having, tuple(sorted(null.items())), tuple(sorted(missing.items())), others)


def _walk(body: Any, path: str) -> tuple[Any, str | None]:
    """The value at a path; else what stands where the path ends, and where that is.

    That is the path of something that is null and has no keys, or of a key that is missing.
    """
    place = ""
    for segment in path.split("/")[1:]:
        if body is None:
            return None, place
        name, place = unescape(segment), f"{place}/{segment}"
        if not isinstance(body, dict) or name not in body:
            return body, place
        body = body[name]
    return body, None


def _fits(old: Any, new: Any) -> bool:
    """Whether code that reads the old value can read the new one: its kind, and all in it."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() <= new.keys() and all(_fits(old[name], new[name]) for name in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_fits, old, new))
    return old is None or new is None or type(old) is type(new)
