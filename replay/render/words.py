"""Puts findings into words: the sentence of each rule, the way paths are written for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from replay.drift.judge.findings import Comparison, Finding, Report, Support, Target
from replay.drift.observe.marks import ANY, unescape
from replay.errors import printable

EMPTY = '""'
"""The key without a character, as people write it."""


def dotted(path: str) -> str:
    """A JSON pointer as people write paths: ``lines.data[].plan``; ``the body`` for the root."""
    words = ""
    for segment in path.split("/")[1:]:
        words += "[]" if segment == ANY else f".{printable(unescape(segment)) or EMPTY}"
    return words.removeprefix(".") or "the body"


def group(path: str) -> str:
    """The list item that a path is part of, as a pointer; empty for the object itself."""
    head, found, _ = path.rpartition(f"/{ANY}/")
    return f"{head}/{ANY}" if found else ""


def counted(counts: Mapping[str, int]) -> str:
    """A report's summary in words: ``2 breaking, 1 warning, 0 info``."""
    nouns = {"warning": "warnings"}
    return ", ".join(
        f"{n} {nouns.get(name, name) if n != 1 else name}"
        for name, n in counts.items()
        if n or name in ("breaking", "warning", "info")
    )


def counted_use(report: Report) -> str:
    """How much of what breaks is used, in words; empty where use was not asked for."""
    counts = report.summary_of_used()
    if counts is None:
        return ""
    return f"breaking: {counts[0]} used by these tests, {counts[1]} not used"


def cell(seen: tuple[int, int] | None) -> str:
    """A cell of a matrix: ``all``, ``no``, ``2 of 5``; empty where no parent was observed."""
    if seen is None:
        return ""
    present, parents = seen
    return "no" if not present else "all" if present >= parents else f"{present} of {parents}"


def sentence(comparison: Comparison, finding: Finding, within: str = "") -> str:
    """What happened, in one clause that begins with the path.

    Args:
        comparison: the finding's comparison.
        finding: the finding.
        within: the group that the line stands under: the path is shown from there.
    """
    inside = finding.path.removeprefix(within) if within != finding.path else finding.path
    words = f"{dotted(inside)} {_WORDS[finding.rule](comparison, finding)}"
    if finding.support is not None:
        words += f" ({support(finding.support)})"
    if finding.broken_promise:
        words += "; Stripe promises no breaking change within this train"
    return words


def support(support: Support) -> str:
    """How many pairs agree; says where their state may have moved on."""
    kind = "pairs" if support.controlled else "pairs of differing state"
    return f"{support.agree} of {support.pairs} {kind} agree"


def _where(comparison: Comparison, finding: Finding) -> str:
    to = finding.to or Target(comparison.resource, finding.path)
    if to.resource == comparison.resource:
        return dotted(to.path)
    return f"{to.resource}: {dotted(to.path)}, joined by its {dotted(to.join)}"


def _detail(before: str) -> Callable[[Comparison, Finding], str]:
    return lambda _, finding: f"{before}: {printable(finding.detail)}"


def _besides(finding: Finding) -> str:
    words = (dotted(w) if w.startswith("/") else printable(w) for w in finding.detail.split(" "))
    return "; " + " ".join(words) if finding.detail else ""


def _just(words: str) -> Callable[[Comparison, Finding], str]:
    return lambda *_: words


def _blind(before: str) -> Callable[[Comparison, Finding], str]:
    def words(comparison: Comparison, finding: Finding) -> str:
        return f"{before} in {comparison.sides[finding.blind != 'old']}"

    return words


_WORDS: Mapping[str, Callable[[Comparison, Finding], str]] = {
    "field-removed": lambda _, f: "removed" + _besides(f),
    "field-unseen": lambda _, f: (
        f"no longer seen: in {f.old.present} of {f.old.parents} before,"
        f" in none of {f.new.parents} now" + _besides(f)
    ),
    "field-added": _just("added"),
    "field-moved": lambda c, f: f"moved to {_where(c, f)}",
    "field-renamed": lambda c, f: f"renamed to {_where(c, f)}",
    "field-moved-resource": lambda c, f: f"moved to {_where(c, f)}",
    "field-aliased": lambda c, f: f"also lives at {_where(c, f)}",
    "became-optional": lambda _, f: (
        f"became optional: always there before, in {f.new.present} of {f.new.parents} now"
    ),
    "became-required": lambda _, f: (
        f"became required: in {f.old.present} of {f.old.parents} before, always there now"
    ),
    "became-nullable": _just("can now be null"),
    "became-non-null": _just("is no longer null"),
    "null-only": _blind("was only ever null"),
    "subtree-unobserved": _blind("was not seen as an object or list"),
    "name-redacted": _blind("(fields whose names are redacted) was not seen"),
    "list-element-unobserved": _blind("was always empty"),
    "type-changed": _detail("changed its type"),
    "type-widened": _detail("has values of more types"),
    "type-narrowed": _detail("has values of fewer types"),
    "int-to-decimal-string": _just("is now a number in a string, was an integer"),
    "expand-changed": _detail("is expanded differently"),
    "list-to-scalar": _just("was a list, is now a single value"),
    "scalar-to-list": _just("was a single value, is now a list"),
    "enum-value-new": _detail("has new values"),
    "enum-value-unseen": _detail("no longer shows"),
    "branch-added": lambda _, f: (
        f"names another kind of object: {printable(f.detail)}"
        if f.detail
        else "is a new branch, selected by a new tag value"
    ),
    "branch-unseen": _just("was not selected by its tag any more"),
    "format-changed": _detail("is written otherwise"),
    "id-prefix-changed": _detail("has IDs with another prefix"),
    "map-became-record": _detail("has keys of another kind"),
    "spec-undocumented": lambda _, f: (
        "is not specified" + (f": {printable(f.detail)}" if f.detail else "")
    ),
    "spec-required-missing": lambda _, f: (
        f"is required by the specification, and in {f.new.present} of {f.new.parents}"
    ),
    "spec-kind-differs": _detail("is of another kind than specified"),
    "baseline-expired": _detail("is accepted no longer"),
    "baseline-unused": _detail("is in the baseline, and no longer found"),
}
