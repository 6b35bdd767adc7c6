"""Drift reports for tools that show checks: JUnit XML, SARIF, GitHub's annotations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from replay.drift.judge.findings import Comparison, Finding, Grade, Report, Severity
from replay.drift.judge.rules import CATALOGUE, sentence
from replay.drift.observe.pointers import dotted
from replay.errors import printable
from replay.render import github, sarif
from replay.render.words import reader, readers, without_findings

_LEVELS: dict[Severity, sarif.Level] = {
    Severity.BREAKING: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "note",
}
_COMMANDS: dict[Severity, github.Level] = {
    Severity.BREAKING: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "notice",
}


def to_junit(report: Report, fails: Callable[[Finding], bool]) -> str:
    """JUnit XML: a suite for each comparison, a case for each finding.

    A comparison without findings is a suite with one case that passes.

    Args:
        report: the comparisons to write.
        fails: whether a finding fails the gate. Other findings are cases that pass; accepted and
            unobserved ones are skipped.
    """
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    root = Element("testsuites", name="replay diff")
    for comparison in report.comparisons:
        name = _xml(_title(comparison))
        suite = SubElement(root, "testsuite", name=name)
        counts = {"tests": 0, "failures": 0, "skipped": 0, "errors": 0}
        for finding in comparison.findings:
            words = sentence(comparison, finding)
            title = f"{finding.rule} {words}"
            case = SubElement(suite, "testcase", classname=name, name=title)
            counts["tests"] += 1
            if finding.accepted is not None:
                SubElement(case, "skipped", message=_xml(f"accepted: {finding.accepted}"))
                counts["skipped"] += 1
            elif finding.grade is Grade.UNOBSERVED:
                SubElement(case, "skipped", message=_xml(finding.settle or "unobserved"))
                counts["skipped"] += 1
            elif fails(finding):
                failure = SubElement(case, "failure", type=str(finding.severity), message=words)
                failure.text = _xml("\n".join([words, *_evidence(comparison, finding)]))
                counts["failures"] += 1
        if not comparison.findings:
            SubElement(suite, "testcase", classname=name, name=without_findings(report))
            counts["tests"] = 1
        suite.attrib.update({key: str(n) for key, n in counts.items()})
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, "unicode") + "\n"


def to_sarif(report: Report, library: str) -> str:
    """SARIF 2.1.0: a result for each finding, at the code that reads it, else at its cassette.

    Args:
        report: the comparisons to write.
        library: the library's path, relative to the repository, with slashes.
    """
    rules = [
        sarif.rule(rule.id, rule.meaning, f"replay rules {rule.id}", _LEVELS[rule.severity])
        for rule in CATALOGUE
    ]
    results = (_result(comparison, finding, library) for comparison, finding in report.findings())
    return sarif.document("replay", rules, results)


def _result(comparison: Comparison, finding: Finding, library: str) -> dict[str, Any]:
    old, new = finding.witnesses
    more: dict[str, Any] = {
        "properties": {
            "grade": str(finding.grade),
            "path": finding.path,
            "old": comparison.old,
            "new": comparison.new,
        }
    }
    level = _LEVELS[finding.severity]
    if finding.grade is Grade.UNOBSERVED:
        more["kind"], level = "open", "none"
    locations = [
        sarif.location(at.file, at.line, message={"text": reader(at)}) for at in finding.used_at
    ]
    if not locations and (new or old):
        logical = [{"fullyQualifiedName": finding.path or "/", "kind": "member"}]
        locations.append(_location(new or old, library, logicalLocations=logical))
    if old and new:
        more["relatedLocations"] = [
            _location(witness, library, id=n, message={"text": text})
            for n, (text, witness) in enumerate(
                zip(_shown(comparison, finding), (old, new), strict=True)
            )
        ]
    if finding.accepted is not None:
        more["suppressions"] = [{"kind": "external", "justification": finding.accepted}]
    message = f"{_title(comparison)}: {sentence(comparison, finding)}"
    named = {"replay/v1": finding.fingerprint}
    return sarif.result(finding.rule, level, message, named, locations, **more)


def _location(witness: str, library: str, **more: Any) -> dict[str, Any]:
    return sarif.location(f"{library}/{witness.partition('#')[0]}", **more)


def to_github(report: Report, library: str, *, only_used: bool = False) -> str:
    """GitHub's workflow commands: a line for each finding that is not accepted, the worst first.

    A finding stands at the line of code that reads the field; where that is not known, at the
    cassette that shows it.

    Args:
        report: the comparisons to write.
        library: the library's path, relative to the repository.
        only_used: whether only what tests use can fail. Then other findings are notices.
    """
    lines = []
    for comparison, finding in sorted(report.findings(), key=lambda found: found[1].order):
        if finding.accepted is not None:
            continue
        mild = finding.grade is Grade.UNOBSERVED or (only_used and not finding.used)
        command: github.Level = "notice" if mild else _COMMANDS[finding.severity]
        witness = finding.witnesses[1] or finding.witnesses[0]
        title = f"{finding.rule} {dotted(finding.path)}"
        file = f"{library}/{witness.partition('#')[0]}" if witness else ""
        words = f"{_title(comparison)}: {sentence(comparison, finding)} [{finding.grade}]"
        if not finding.used_at:
            lines.append(github.command(command, words, title, file))
            continue
        first = finding.used_at[0]
        words = "\n".join([words, *readers(finding)])
        lines.append(github.command(command, words, title, first.file, first.line))
    return "".join(lines)


def _title(comparison: Comparison) -> str:
    expand = f" expand {','.join(comparison.expand)}" if comparison.expand else ""
    deleted = " (deleted)" * comparison.deleted
    return printable(f"{comparison.resource}{deleted} {' -> '.join(comparison.sides)}{expand}")


def _evidence(comparison: Comparison, finding: Finding) -> list[str]:
    return [*_shown(comparison, finding), f"fingerprint {finding.fingerprint}"]


def _shown(comparison: Comparison, finding: Finding) -> list[str]:
    sides = zip(comparison.sides, finding.witnesses, strict=True)
    return [printable(f"{side}: {witness}") for side, witness in sides if witness]


def _xml(text: str) -> str:
    # XML 1.0 cannot write most control characters, not even escaped.
    return "".join(c if c in "\t\n" or c.isprintable() else f"\\u{ord(c):04x}" for c in text)
