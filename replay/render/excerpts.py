"""Excerpts of recordings: the few lines that a finding's witnesses point at."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from replay.drift.judge.findings import Report
from replay.drift.observe.pointers import unescape
from replay.drift.observe.shape import Witness
from replay.library.names import is_of_scenarios
from replay.model import json_body
from replay.model.cassette import Cassette

Excerpt = tuple[tuple[str, bool], ...]
"""Lines of JSON, each with whether the witness points at it."""

_LINES = 24  # of one excerpt
_TEXT = 120  # characters of one value


def excerpts(
    report: Report,
    old: Callable[[str], Cassette | None],
    new: Callable[[str], Cassette | None],
) -> Mapping[tuple[str, str], Excerpt]:
    """Excerpts for all findings of a report.

    Args:
        report: the findings, whose witnesses say where to look.
        old, new: give the cassette at a path below the library of either side.

    Returns:
        (``old`` or ``new``, witness) -> excerpt.
    """
    made: dict[tuple[str, str], Excerpt] = {}
    for side, read in (("old", old), ("new", new)):
        body = lru_cache(maxsize=32)(_bodies(read))
        for _, finding in report.findings():
            witness = finding.witnesses[side == "new"]
            if not witness or (side, witness) in made:
                continue
            file, take, pointer = Witness.of(witness)
            if not is_of_scenarios(file):  # a step is shown by `replay show scenario`
                made[side, witness] = _cut(body(file, take), pointer)
    return made


def _bodies(read: Callable[[str], Cassette | None]) -> Callable[[str, int], Any]:
    def body(file: str, take: int) -> Any:
        cassette = read(file)
        # A file that was removed or replaced since the comparison has nothing to show.
        if cassette is None or take >= len(cassette.interactions):
            return None
        return json_body.parse_recorded(
            cassette.interactions[take].response.body, f"{file} take {take}"
        )

    return body


def _cut(body: Any, pointer: str) -> Excerpt:
    segments = [unescape(segment) for segment in pointer.split("/")[1:]]
    inside, last = body, None
    for segment in segments:
        if last is not None:
            inside = _step(inside, last)
        last = segment
    if last is not None and isinstance(_step(inside, last), dict):
        inside, last = _step(inside, last), None  # show the object from within
    if not isinstance(inside, dict):
        return ((_short(inside if last is None else _step(inside, last)), True),)
    lines = [
        (f"{json.dumps(name)}: {_short(value)}", name == last) for name, value in inside.items()
    ]
    at = next((n for n, (_, marked) in enumerate(lines) if marked), 0)
    start = max(0, min(at - _LINES // 2, len(lines) - _LINES))
    shown = lines[start : start + _LINES]
    before = [("…", False)] if start else []
    after = [("…", False)] if start + _LINES < len(lines) else []
    return (("{", False), *before, *shown, *after, ("}", False))


def _step(inside: Any, segment: str) -> Any:
    if isinstance(inside, list):
        there = segment.isdigit() and int(segment) < len(inside)
        return inside[int(segment)] if there else None
    return inside.get(segment) if isinstance(inside, dict) else None


def _short(value: Any) -> str:
    if isinstance(value, dict) and value:
        names = ", ".join(json.dumps(name) for name in list(value)[:4])
        return f"{{{names}, …}}" if len(value) > 4 else f"{{{names}}}"
    if isinstance(value, list) and value:
        return f"[{len(value)} item{'s' * (len(value) > 1)}]"
    text = json.dumps(value)
    return text if len(text) <= _TEXT else text[:_TEXT] + "…"
