"""Reports for what shows checks: JUnit XML, SARIF 2.1.0, GitHub's annotations."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from replay.drift.judge.findings import Comparison, Finding, Grade, Report, Severity
from replay.drift.judge.rules import CATALOGUE, sentence
from replay.drift.observe.pointers import dotted
from replay.errors import printable

_LEVELS = {Severity.BREAKING: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_COMMANDS = {Severity.BREAKING: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_HOME = "https://pypi.org/project/replay-cassettes/"


def to_junit(report: Report, fails: Callable[[Finding], bool]) -> str:
    """JUnit XML: a suite per comparison, a case per finding; one good case where none is.

    Args:
        report: the report.
        fails: whether a finding fails the gate. What passes it is a case that passes; what is
            accepted or unobserved is skipped.
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
            SubElement(suite, "testcase", classname=name, name="no drift seen")
            counts["tests"] = 1
        suite.attrib.update({key: str(n) for key, n in counts.items()})
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, "unicode") + "\n"


def to_sarif(report: Report, library: str) -> str:
    """SARIF 2.1.0: a result per finding, at the cassette that shows it.

    Args:
        report: the report.
        library: the library's path as a URI knows it, relative to the repository.
    """
    rules = [
        {
            "id": rule.id,
            "shortDescription": {"text": rule.meaning},
            "help": {"text": f"replay rules {rule.id}"},
            "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        }
        for rule in CATALOGUE
    ]
    driver = {"name": "replay", "informationUri": _HOME, "rules": rules}
    index = {rule.id: n for n, rule in enumerate(CATALOGUE)}
    results = [
        _result(comparison, finding, index, library) for comparison, finding in report.findings()
    ]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _result(
    comparison: Comparison, finding: Finding, index: dict[str, int], library: str
) -> dict[str, Any]:
    old, new = finding.witnesses
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{_title(comparison)}: {sentence(comparison, finding)}"},
        "partialFingerprints": {"replay/v1": finding.fingerprint},
        "properties": {
            "grade": str(finding.grade),
            "path": finding.path,
            "old": comparison.old,
            "new": comparison.new,
        },
    }
    if finding.grade is Grade.UNOBSERVED:
        result["kind"], result["level"] = "open", "none"
    if new or old:
        logical = [{"fullyQualifiedName": finding.path or "/", "kind": "member"}]
        place = _location(new or old, library)
        result["locations"] = [{**place, "logicalLocations": logical}]
    if old and new:
        result["relatedLocations"] = [
            {**_location(witness, library), "id": n, "message": {"text": text}}
            for n, (text, witness) in enumerate(
                zip(_shown(comparison, finding), (old, new), strict=True)
            )
        ]
    if finding.accepted is not None:
        result["suppressions"] = [{"kind": "external", "justification": finding.accepted}]
    return result


def _location(witness: str, library: str) -> dict[str, Any]:
    uri = quote(f"{library}/{witness.partition('#')[0]}")
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}}}


def to_github(report: Report, library: str, *, only_used: bool = False) -> str:
    """GitHub's workflow commands, one line per finding that is not accepted, the worst first.

    Args:
        report: the report.
        library: the library's path, relative to the repository.
        only_used: whether what tests do not use is a notice at most, as it fails nothing.
    """
    lines = []
    for comparison, finding in sorted(report.findings(), key=lambda found: found[1].order):
        if finding.accepted is not None:
            continue
        mild = finding.grade is Grade.UNOBSERVED or (only_used and not finding.used)
        command = "notice" if mild else _COMMANDS[finding.severity]
        witness = finding.witnesses[1] or finding.witnesses[0]
        values = {"title": f"{finding.rule} {dotted(finding.path)}"}
        if witness:
            values = {"file": f"{library}/{witness.partition('#')[0]}", "line": "1", **values}
        shown = ",".join(f"{name}={_property(value)}" for name, value in values.items())
        words = f"{_title(comparison)}: {sentence(comparison, finding)} [{finding.grade}]"
        lines.append(f"::{command} {shown}::{_data(words)}\n")
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


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(printable(text)).replace(":", "%3A").replace(",", "%2C")


def _xml(text: str) -> str:
    # XML 1.0 has no way at all to write most control characters.
    return "".join(c if c in "\t\n" or c.isprintable() else f"\\u{ord(c):04x}" for c in text)
