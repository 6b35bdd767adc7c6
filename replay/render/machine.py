"""Reports for machines, as JSON. Fields may be added to the format, never removed or changed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from replay.drift.judge.findings import (
    Comparison,
    Coverage,
    Finding,
    Matrix,
    Report,
    Side,
    Support,
    Target,
)
from replay.drift.judge.rules import Rule

FORMAT = 1


def to_json(report: Report) -> str:
    """The report as JSON text; the same recordings give the same bytes."""
    return json.dumps(document(report), indent=2) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The report as the values that its JSON text stands for."""
    made: dict[str, Any] = {
        "format": FORMAT,
        "comparisons": [_comparison(comparison) for comparison in report.comparisons],
        "summary": report.summary(),
    }
    if report.left_out:
        made["left_out"] = len(report.left_out)
    if report.coverage:
        made["coverage"] = [_coverage(each) for each in report.coverage]
    if report.matrices:
        made["matrices"] = [_matrix(matrix) for matrix in report.matrices]
    return made


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return {
        "old": coverage.old,
        "new": coverage.new,
        "fields": coverage.fields,
        "unchanged": coverage.unchanged,
        "changed": coverage.changed,
        "unobserved": [
            {"resource": one.resource, "type": one.type, "path": one.path, "settle": one.settle}
            for one in coverage.blind
        ],
    }


def _matrix(matrix: Matrix) -> dict[str, Any]:
    """Cells are ``[present, parents]``, or null where no parent was observed."""
    versions = matrix.versions
    return {
        "resource": matrix.resource,
        "type": matrix.type,
        "deleted": matrix.deleted,
        "expand": list(matrix.expand),
        "versions": list(versions),
        "fields": [
            {
                "path": row.path,
                "first": versions[row.seen[0]],
                "last": versions[row.seen[1]],
                "cells": row.cells,
            }
            for row in matrix.rows
        ],
    }


def rules_to_json(rules: Iterable[Rule]) -> str:
    """Rules of the catalogue as JSON text."""
    rows = [
        {
            "id": rule.id,
            "severity": str(rule.severity),
            "meaning": rule.meaning,
            "mirror": rule.mirror,
            "why": rule.why,
            "wrong": rule.wrong,
            "settles": rule.settles,
            "example": {"old": rule.old, "new": rule.new},
        }
        for rule in rules
    ]
    return json.dumps({"format": FORMAT, "rules": rows}, indent=2) + "\n"


def _comparison(comparison: Comparison) -> dict[str, Any]:
    old, new, paired = comparison.objects
    return {
        "resource": comparison.resource,
        "type": comparison.type,
        "deleted": comparison.deleted,
        "old": comparison.old,
        "new": comparison.new,
        "expand": list(comparison.expand),
        "objects": {"old": old, "new": new, "paired": paired},
        "controlled_pairs": comparison.controlled,
        "spans": {"old": comparison.slices[0].label, "new": comparison.slices[1].label},
        "findings": [_finding(finding) for finding in comparison.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    old, new = finding.witnesses
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "grade": str(finding.grade),
        "path": finding.path,
        "to": _target(finding.to),
        "parts": [{"path": source, "to": target} for source, target in finding.parts],
        "old": _side(finding.old),
        "new": _side(finding.new),
        "support": _support(finding.support),
        "detail": finding.detail,
        "witnesses": {"old": old or None, "new": new or None},
        "carried": _carried(finding.carried),
        "settle": finding.settle,
        "broken_promise": finding.broken_promise,
        "accepted": finding.accepted,
        "used": finding.used,
        "used_at": [
            {
                "file": at.file,
                "line": at.line,
                "column": at.column,
                "in_test": at.in_test,
                "tests": list(at.tests),
            }
            for at in finding.used_at
        ],
        "confirmed": finding.confirmed,
        "fingerprint": finding.fingerprint,
    }


def _target(to: Target | None) -> dict[str, str] | None:
    if to is None:
        return None
    target = {"resource": to.resource, "path": to.path, "grade": str(to.grade)}
    return target | {"join": to.join} if to.join else target


def _carried(carried: tuple[int, int] | None) -> dict[str, int] | None:
    return None if carried is None else {"old": carried[0], "parents": carried[1]}


def _side(side: Side) -> dict[str, Any]:
    return {"kinds": list(side.kinds), "present": side.present, "parents": side.parents}


def _support(support: Support | None) -> dict[str, Any] | None:
    if support is None:
        return None
    return {"agree": support.agree, "pairs": support.pairs, "controlled": support.controlled}
