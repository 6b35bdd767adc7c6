"""A scan's report as text, JSON or SARIF. No line of it holds a value that was found."""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256
from typing import Any

from replay.render import sarif
from replay.scan.rules import RULES, Confidence, Finding
from replay.scan.run import Report

_LEVELS: dict[Confidence, sarif.Level] = {
    Confidence.HIGH: "error",
    Confidence.MEDIUM: "warning",
    Confidence.LOW: "note",
    Confidence.NOTE: "note",
}


def to_text(report: Report) -> str:
    """For people: a line per finding, then what to do about each rule that found something."""
    lines = [
        f"{f.path}:{f.line or 1}: {f.confidence.value} {f.rule}: {_said(f)}"
        for f in report.findings
    ]
    rules = dict.fromkeys(finding.rule for finding in report.findings)
    if rules:
        lines += ["", *(f"fix {rule}: {RULES[rule].fix}" for rule in rules), ""]
    lines += [
        f"unused entry of the ignore file: {entry.path} {entry.rule}".rstrip()
        for entry in report.unused
    ]
    counts = Counter(finding.confidence for finding in report.findings)
    shown = ", ".join(f"{counts[c]} {c.value}" for c in Confidence if counts[c]) or "nothing found"
    accepted = f", {report.accepted} accepted" if report.accepted else ""
    lines.append(f"{shown}{accepted} in {report.files} files")
    return "\n".join(lines) + "\n"


def to_json(report: Report) -> str:
    """For machines; the form is documented in docs/scan.md."""
    document = {
        "format": 1,
        "files": report.files,
        "accepted": report.accepted,
        "unused": [{"path": entry.path, "rule": entry.rule} for entry in report.unused],
        "findings": [
            {
                "path": f.path,
                "line": f.line,
                "rule": f.rule,
                "confidence": f.confidence.value,
                "pointer": f.pointer,
                "message": _said(f),
                "fix": RULES[f.rule].fix,
            }
            for f in report.findings
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def to_sarif(report: Report) -> str:
    """SARIF 2.1.0, for code hosts."""
    rules = [
        sarif.rule(id, RULES[id].title, RULES[id].fix, _LEVELS[RULES[id].confidence])
        for id in sorted({finding.rule for finding in report.findings})
    ]
    seen: Counter[tuple[str, str, str]] = Counter()
    results = [_result(finding, seen) for finding in report.findings]
    return sarif.document("replay scan", rules, results)


def _result(finding: Finding, seen: Counter[tuple[str, str, str]]) -> dict[str, Any]:
    path = finding.path.partition("@")[0]
    place = (path, finding.rule, finding.pointer)
    seen[place] += 1
    print_ = sha256("\0".join((*place, str(seen[place]))).encode()).hexdigest()[:32]
    return sarif.result(
        finding.rule,
        _LEVELS[finding.confidence],
        _said(finding),
        {"replayScan/v1": print_},
        [sarif.location(path, max(finding.line, 1))],
    )


def _said(finding: Finding) -> str:
    more = " ".join(part for part in (finding.pointer, finding.detail) if part)
    title = RULES[finding.rule].title
    return f"{title} ({more})" if more else title
