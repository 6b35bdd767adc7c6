"""Prints the result of a scan as text, JSON or SARIF. No output holds a value that was found."""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256
from typing import Any

from replay.render import sarif
from replay.scan.rules import RULES, Confidence, Hit
from replay.scan.run import ScanResult

_LEVELS: dict[Confidence, sarif.Level] = {
    Confidence.HIGH: "error",
    Confidence.MEDIUM: "warning",
    Confidence.LOW: "note",
    Confidence.NOTE: "note",
}


def to_text(result: ScanResult) -> str:
    """For people: a line per hit, then what to do for each rule that found something."""
    lines = [
        f"{hit.path}:{hit.line or 1}: {hit.confidence.value} {hit.rule}: {_said(hit)}"
        for hit in result.hits
    ]
    rules = dict.fromkeys(hit.rule for hit in result.hits)
    if rules:
        lines += ["", *(f"fix {rule}: {RULES[rule].fix}" for rule in rules), ""]
    lines += [
        f"unused entry of the ignore file: {entry.path} {entry.rule}".rstrip()
        for entry in result.unused
    ]
    counts = Counter(hit.confidence for hit in result.hits)
    shown = ", ".join(f"{counts[c]} {c.value}" for c in Confidence if counts[c]) or "nothing found"
    accepted = f", {result.accepted} accepted" if result.accepted else ""
    lines.append(f"{shown}{accepted} in {result.files} files")
    return "\n".join(lines) + "\n"


def to_json(result: ScanResult) -> str:
    """For machines; docs/scan.md documents the keys."""
    document = {
        "format": 1,
        "files": result.files,
        "accepted": result.accepted,
        "unused": [{"path": entry.path, "rule": entry.rule} for entry in result.unused],
        "findings": [
            {
                "path": hit.path,
                "line": hit.line,
                "rule": hit.rule,
                "confidence": hit.confidence.value,
                "pointer": hit.pointer,
                "message": _said(hit),
                "fix": RULES[hit.rule].fix,
            }
            for hit in result.hits
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def to_sarif(result: ScanResult) -> str:
    """SARIF 2.1.0, for code hosts."""
    rules = [
        sarif.rule(id, RULES[id].title, RULES[id].fix, _LEVELS[RULES[id].confidence])
        for id in sorted({hit.rule for hit in result.hits})
    ]
    seen: Counter[tuple[str, str, str]] = Counter()
    results = [_result(hit, seen) for hit in result.hits]
    return sarif.document("replay scan", rules, results)


def _result(hit: Hit, seen: Counter[tuple[str, str, str]]) -> dict[str, Any]:
    path = hit.path.partition("@")[0]
    place = (path, hit.rule, hit.pointer)
    seen[place] += 1
    fingerprint = sha256("\0".join((*place, str(seen[place]))).encode()).hexdigest()[:32]
    return sarif.result(
        hit.rule,
        _LEVELS[hit.confidence],
        _said(hit),
        {"replayScan/v1": fingerprint},
        [sarif.location(path, max(hit.line, 1))],
    )


def _said(hit: Hit) -> str:
    more = " ".join(part for part in (hit.pointer, hit.detail) if part)
    title = RULES[hit.rule].title
    return f"{title} ({more})" if more else title
