"""The JSON report keeps the contract that other tools rely on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
from support.recordings import NEW, OLD, Shelf, recording, twins

from replay.drift.guide.outline import only
from replay.drift.judge.findings import Blind, Coverage
from replay.drift.judge.rules import CATALOGUE, RULES
from replay.drift.report import report
from replay.render.machine import document, rules_to_json, to_json

SIDE = {
    "type": "object",
    "required": ["kinds", "present", "parents"],
    "properties": {
        "kinds": {
            "type": "array",
            "items": {
                "enum": ["null", "boolean", "integer", "number", "string", "object", "array"]
            },
        },
        "present": {"type": "integer", "minimum": 0},
        "parents": {"type": "integer", "minimum": 0},
    },
}
FINDING = {
    "type": "object",
    "required": [
        "rule", "severity", "grade", "path", "to", "old", "new", "witnesses", "accepted",
        "fingerprint", "parts", "support", "detail", "settle", "broken_promise", "carried", "used",
    ],
    "properties": {
        "rule": {"enum": sorted(RULES)},
        "severity": {"enum": ["breaking", "warning", "info"]},
        "grade": {"enum": ["proven", "likely", "unobserved"]},
        "path": {"type": "string", "pattern": "^(/|$)"},
        "to": {
            "type": ["object", "null"],
            "required": ["resource", "path", "grade"],
            "properties": {
                "resource": {"type": "string"},
                "path": {"type": "string"},
                "grade": {"enum": ["proven", "likely"]},
            },
        },
        "old": SIDE,
        "new": SIDE,
        "witnesses": {
            "type": "object",
            "required": ["old", "new"],
            "additionalProperties": {"type": "string", "pattern": r"^[^#]+\.yaml#\d+(/.*)?$"},
        },
        "accepted": {"type": ["string", "null"]},
        "settle": {"type": "string"},
        "used": {"type": ["boolean", "null"]},
        "carried": {"type": ["object", "null"], "required": ["old", "parents"]},
        "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    },
}  # fmt: skip
CONTRACT = {
    "type": "object",
    "required": ["format", "comparisons", "summary"],
    "properties": {
        "format": {"const": 1},
        "comparisons": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["resource", "old", "new", "expand", "objects", "findings"],
                "properties": {
                    "expand": {"type": "array", "items": {"type": "string"}},
                    "objects": {
                        "type": "object",
                        "required": ["old", "new", "paired"],
                        "additionalProperties": {"type": "integer"},
                    },
                    "findings": {"type": "array", "items": FINDING},
                },
            },
        },
        "summary": {
            "type": "object",
            "required": ["breaking", "warning", "info", "unobserved", "accepted"],
            "additionalProperties": {"type": "integer"},
        },
    },
}


def test_a_report_with_findings_of_many_kinds_keeps_the_contract() -> None:
    """Removed, moved to another resource, unobserved: every field has its type."""
    pi = "pi_3MtwBwLkdIwHu7ix"
    entries = twins(
        [{"paid": True, "payment_intent": pi, "l": [1], "d": {"a": "sub_1MowQVLk"}}],
        [{"l": [], "p": {"d": {"a": "sub_1MowQVLk"}}}],
    )
    body = {"id": "inpay_1A", "invoice": "in_1A0000", "payment": {"payment_intent": pi}}
    entries.append(recording(body, NEW, id="inpay_1A", resource="invoice_payments"))
    document = json.loads(to_json(report(Shelf(entries), "invoices", (OLD, NEW))))
    jsonschema.validate(document, CONTRACT)
    (comparison,) = document["comparisons"]
    assert {"old": 1, "new": 1, "paired": 1} == comparison["objects"]
    assert {"breaking": 3, "warning": 0, "info": 0, "unobserved": 1, "accepted": 0} == document[
        "summary"
    ]
    found = {finding["path"]: finding for finding in comparison["findings"]}
    assert {
        "resource": "invoice_payments", "path": "/payment/payment_intent", "join": "/invoice",
        "grade": "likely",
    } == found["/payment_intent"]["to"]  # fmt: skip
    assert [{"path": "/d/a", "to": "/p/d/a"}] == found["/d"]["parts"]
    assert "" == found["/l"]["settle"]
    assert {"old": 1, "parents": 1} == found["/paid"]["carried"] == found["/d"]["carried"]
    assert found["/l"]["carried"] is None
    expected: Any = {"kinds": ["boolean"], "present": 1, "parents": 1}
    assert expected == found["/paid"]["old"]
    assert {"agree": 1, "pairs": 1, "controlled": True} == found["/paid"]["support"]


def test_a_report_without_comparisons_keeps_the_contract() -> None:
    """A machine that reads it need not special-case an empty library."""
    document = json.loads(to_json(report(Shelf([]))))
    jsonschema.validate(document, CONTRACT)
    assert [] == document["comparisons"]


def test_fingerprints_name_rule_resource_path_and_versions_alone() -> None:
    """More recordings of the same change are the same finding."""
    few = report(Shelf(twins([{"a": 1}], [{}])))
    many = report(Shelf(twins([{"a": 1}] * 9, [{}] * 9)))
    assert [f.fingerprint for _, f in few.findings()] == [f.fingerprint for _, f in many.findings()]
    other = report(Shelf(twins([{"b": 1}], [{}])))
    assert [f.fingerprint for _, f in few.findings()] != [
        f.fingerprint for _, f in other.findings()
    ]


def test_rules_are_listed_for_machines() -> None:
    """With example and mirror."""
    document = json.loads(rules_to_json(CATALOGUE))
    assert [rule.id for rule in CATALOGUE] == [row["id"] for row in document["rules"]]
    names = {"id", "severity", "meaning", "mirror", "why", "wrong", "settles", "example"}
    assert names == set(document["rules"][0])


def test_what_is_not_shown_and_what_is_covered_are_counted() -> None:
    """Fields that are added to the format, and only where they were asked for."""
    plain = report(Shelf(twins([{"a": 1}], [{}])))
    assert not {"left_out", "coverage"} & document(plain).keys()
    blind = Blind("invoices", "invoice", "/sub/x", "replay record …")
    covered = Coverage(OLD, NEW, 2, 1, (blind,))
    made = document(replace(only(plain, ["info"]), coverage=(covered,)))
    assert 1 == made["left_out"]
    assert 1 == made["summary"]["breaking"]
    (row,) = made["coverage"]
    assert (4, 2, 1) == (row["fields"], row["unchanged"], row["changed"])
    assert ["/sub/x"] == [each["path"] for each in row["unobserved"]]
