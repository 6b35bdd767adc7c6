"""Judges paths whose kinds are the same on both sides: ID prefixes, formats, enum-like values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from replay.drift.evidence import Evidence
from replay.drift.findings import Finding, Grade
from replay.drift.reading import ANY, key, parent
from replay.drift.shape import Stat

_FREE = frozenset({"currency", "country", "id", "locale", "object"})
"""Keys whose values are no closed set of the API's, or are judged elsewhere."""

_SHOWN = 5


def same_kinds(evidence: Evidence, path: str, branches: Collection[str]) -> Iterator[Finding]:
    """Judge a path that has the same kinds on both sides.

    Args:
        evidence: the comparison.
        path: the path; both sides have it, and not as null alone.
        branches: paths already reported as selected by a tag's new or unseen value.
    """
    a, b = evidence.old[path], evidence.new[path]
    if a.kinds - {"null"} != {"str"}:
        return
    changed = _format(a, b)
    if changed is not None:
        rule, detail = changed
        yield evidence.finding(rule, path, "restyled", detail=detail)
    elif key(path) not in _FREE:
        yield from _enum(evidence, path, a, b, branches)


def _format(a: Stat, b: Stat) -> tuple[str, str] | None:
    x, y = a.styles(), b.styles()
    if x == y == {"id"} or x == y == {"url"}:
        style = next(iter(x))
        old, new = a.details(style), b.details(style)
        if old & new or ANY in old | new:
            return None
        detail = f"{_listed(old)} to {_listed(new)}"
        return ("id-prefix-changed" if style == "id" else "format-changed"), detail
    if len(x) != 1 or len(y) != 1 or x == y:
        return None
    old_word, new_word = _word(a), _word(b)
    if {old_word, new_word} in _COMPARABLE:
        return "format-changed", f"{old_word} to {new_word}"
    return None


_COMPARABLE = (
    {"decimal string", "integer string"},
    {"integer string", "ISO time"},
    {"lower-case code", "upper-case code"},
)

_STYLES = {
    "decimal": "decimal string",
    "integer": "integer string",
    "iso-time": "ISO time",
    "code": "upper-case code",
}


def _word(stat: Stat) -> str:
    tokens = stat.tokens()
    if tokens and all(len(token) == 3 for token in tokens):
        return "lower-case code"
    return _STYLES.get(next(iter(stat.styles())), "")


def _enum(
    evidence: Evidence, path: str, a: Stat, b: Stat, branches: Collection[str]
) -> Iterator[Finding]:
    x, y = a.tokens(), b.tokens()
    if x is None or y is None:
        return
    selected = {key(branch) for branch in branches if parent(branch) == parent(path)}
    fresh, gone = sorted(y.keys() - x.keys() - selected), sorted(x.keys() - y.keys() - selected)
    shown = [value for value in fresh if evidence.happened(f"str:token:{value}", path)]
    if fresh and (shown or _closed(x)):
        what = f"str:token:{(shown or fresh)[0]}"
        found = evidence.finding("enum-value-new", path, what, detail=_listed(fresh))
    elif gone and _closed(y):
        found = evidence.finding("enum-value-unseen", path, "restyled", detail=_listed(gone))
    else:
        return
    # A set of values is a sample: what no recording showed may have been possible all along.
    yield replace(found, grade=min(found.grade, Grade.LIKELY), support=None)


def _closed(tokens: Mapping[str, int]) -> bool:
    # Each value was seen twice on average: more of them would have shown by now.
    return sum(tokens.values()) >= 2 * len(tokens)


def _listed(values: Collection[str]) -> str:
    found = sorted(values)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more
