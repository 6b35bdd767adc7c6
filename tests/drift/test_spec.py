"""Recordings are held against what a specification promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.recordings import NEW, OLD, Shelf, recording

from replay.drift.acceptance.settings import read_settings
from replay.drift.judge.findings import Report, Severity
from replay.drift.openapi.spec import against
from replay.errors import ConfigError
from replay.model.strict_toml import parse

SCHEMAS = {
    "customer": {
        "type": "object",
        "required": ["id", "object"],
        "properties": {
            "id": {"type": "string"},
            "object": {"enum": ["customer"], "type": "string"},
            "name": {"nullable": True, "type": "string"},
        },
    },
    "deleted_customer": {
        "type": "object",
        "required": ["id", "object", "deleted"],
        "properties": {
            "id": {"type": "string"},
            "object": {"enum": ["customer"], "type": "string"},
            "deleted": {"enum": [True], "type": "boolean"},
        },
    },
    "source": {
        "properties": {"object": {"enum": ["source"], "type": "string"}, "flow": {"type": "string"}}
    },
    "thing": {
        "type": "object",
        "required": ["id", "rate"],
        "properties": {
            "id": {"type": "string"},
            "object": {"type": "string"},
            "rate": {"type": "number"},
            "count": {"type": "integer"},
            "any": {},
            "deep": {"properties": {"x": {"type": "boolean"}}, "required": ["x"]},
            "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
            "open": {"type": "object"},
            "closed": {"type": "object", "additionalProperties": False},
            "kept": {"allOf": [{"$ref": "#/components/schemas/customer"}]},
            "lines": {"type": "array", "items": {"$ref": "#/components/schemas/customer"}},
            "customer": {
                "nullable": True,
                "anyOf": [
                    {"type": "string"},
                    {"$ref": "#/components/schemas/customer"},
                    {"$ref": "#/components/schemas/deleted_customer"},
                ],
            },
            "origin": {
                "oneOf": [
                    {"$ref": "#/components/schemas/customer"},
                    {"$ref": "#/components/schemas/source"},
                ]
            },
            "either": {"type": ["string", "null"]},
            "same": {"allOf": [{"$ref": "#/components/schemas/customer"}], "nullable": True},
            "by_currency": {"type": "object", "properties": {"usd": {"type": "integer"}}},
        },
    },
}
GOOD = {"id": "x_1A", "object": "thing", "rate": 1}
CUS = {"id": "cus_1A", "object": "customer"}


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A specification."""
    path = tmp_path / "spec3.json"
    path.write_text(json.dumps({"components": {"schemas": SCHEMAS}}))
    return path


def hold(spec: Path, *bodies: Any, **kwargs: Any) -> Report:
    """Recordings of some bodies, held against the specification."""
    entries = [
        recording({**GOOD, **body}, OLD, id=f"x_{n}A", resource="charges")
        for n, body in enumerate(bodies)
    ]
    entries.append(recording({"wrong": 1}, NEW, id="x_9A", resource="charges"))
    return against(Shelf(entries), spec, OLD, **kwargs)


@pytest.mark.parametrize(
    ("expected", "body"),
    [
        ([], {}),
        ([], {"rate": 1.5, "count": 2, "any": None, "deep": {"x": True}, "open": {"a": [1]}}),
        ([], {"metadata": {"k": "v"}, "lines": [CUS], "either": None, "same": None}),
        ([], {"either": "x", "same": CUS}),
        ([("spec-kind-differs", "/either", "integer, specified as null or string")], {"either": 5}),
        ([], {"customer": None}),
        ([], {"customer": "cus_1A"}),
        ([], {"customer": {**CUS, "name": None}}),
        ([], {"customer": {**CUS, "deleted": True}}),
        ([], {"origin": {"object": "source", "flow": "x"}}),
        ([], {"by_currency": {"usd": 1, "eur": 1, "gbp": 1}}),
        ([], {"closed": {}, "kept": CUS}),
        ([("spec-undocumented", "/closed/x", "")], {"closed": {"x": 1}}),
        ([("spec-kind-differs", "/kept", "null, specified as object")], {"kept": None}),
        ([("spec-undocumented", "/more", "")], {"more": {"below": {"this": 1}}}),
        ([("spec-undocumented", "/lines/*/more", "")], {"lines": [{**CUS, "more": 1}]}),
        ([("spec-kind-differs", "/count", "number, specified as integer")], {"count": 1.5}),
        ([("spec-kind-differs", "/count", "null, specified as integer")], {"count": None}),
        ([("spec-kind-differs", "/metadata/*", "integer, specified as string")],
         {"metadata": {"k": 1}}),
        ([("spec-kind-differs", "/customer", "array, specified as null or string or object")],
         {"customer": []}),
        ([("spec-required-missing", "/deep/x", "")], {"deep": {}}),
        ([("spec-required-missing", "/lines/*/id", "")], {"lines": [CUS, {"object": "customer"}]}),
        ([("spec-required-missing", "/origin/id", "")], {"origin": {"object": "customer"}}),
    ],
)  # fmt: skip
def test_what_contradicts_the_specification_is_found(
    expected: list[Any], body: Any, spec: Path
) -> None:
    """Undocumented, missing or of another kind; maps, unions and references are understood."""
    shown = hold(spec, body)
    assert expected == [(f.rule, f.path, f.detail) for _, f in shown.findings()]


def test_a_finding_names_what_is_specified_and_where_it_was_seen(spec: Path) -> None:
    """The recording is the witness; the specification has none."""
    ((comparison, finding),) = hold(spec, {}, {"count": "12"}).findings()
    assert ("integer",) == finding.old.kinds
    assert (("string",), 1, 2) == (finding.new.kinds, finding.new.present, finding.new.parents)
    assert ("", f"charges/x_1A/{OLD}.yaml#0/count") == finding.witnesses
    assert (f"{OLD} as specified", f"{OLD} as recorded") == comparison.sides
    assert (0, 2, 0) == comparison.objects


def test_a_stub_has_a_specification_of_its_own(spec: Path) -> None:
    """Deleted objects are another schema."""
    stub = {"id": "cus_1A", "object": "customer", "deleted": True}
    shelf = Shelf([recording(stub, OLD, id="cus_1A", resource="customers")])
    assert [] == list(against(shelf, spec, OLD).findings())


def test_a_type_that_the_specification_does_not_have_is_undocumented(spec: Path) -> None:
    """It is not passed over in silence."""
    shelf = Shelf([recording({"object": "novel", "a": 1}, OLD)])
    ((_, finding),) = against(shelf, spec, OLD).findings()
    assert ("spec-undocumented", "") == (finding.rule, finding.path)


def test_one_resource_and_the_teams_severities_count(spec: Path) -> None:
    """As in any comparison."""
    settings = read_settings(parse('[severity]\nspec-undocumented = "breaking"', "x"))
    shown = hold(spec, {"more": 1}, settings=settings)
    assert shown.fails(Severity.BREAKING)
    assert () == hold(spec, {"more": 1}, resource="invoices").comparisons
    assert {"charges": (OLD, NEW)} == shown.recorded


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"components": 5}', '{"components": {"schemas": []}}', "[" * 100_000, None],
)
def test_what_is_no_specification_is_an_error(text: str | None, tmp_path: Path) -> None:
    """It names the file."""
    path = tmp_path / "spec3.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        against(Shelf([]), path, OLD)
    assert str(path) == raised.value.where


THING = "/components/schemas/thing"
DEEP: dict[str, Any] = {"anyOf": [{}]}
for _ in range(40):
    DEEP = {"anyOf": [DEEP]}


@pytest.mark.parametrize(
    ("place", "thing"),
    [
        ("", None),
        ("", [1]),
        ("", True),
        ("", {"$ref": f"#{THING}"}),
        ("", {"anyOf": [{"$ref": f"#{THING}"}]}),
        ("/properties", {"properties": 3}),
        ("/properties", {"properties": ["id"]}),
        ("/properties", {"properties": None}),
        ("/properties/id", {"properties": {"id": None}}),
        ("/properties/id/$ref", {"properties": {"id": {"$ref": 5}}}),
        ("/properties/id/$ref", {"properties": {"id": {"$ref": f"http://localhost/x#{THING}"}}}),
        ("/properties/id/$ref", {"properties": {"id": {"$ref": "#/components/schemas/none"}}}),
        ("/properties/id/anyOf", {"properties": {"id": {"anyOf": {"type": "string"}}}}),
        ("/properties/id/oneOf", {"properties": {"id": {"oneOf": []}}}),
        ("/properties/id/anyOf/1", {"properties": {"id": {"anyOf": [{}, 3]}}}),
        ("/properties/id" + "/anyOf/0" * 33, {"properties": {"id": DEEP}}),
        ("/properties/id/enum", {"properties": {"id": {"enum": 5}}}),
        ("/properties/id/type", {"properties": {"id": {"type": "text"}}}),
        ("/properties/id/type", {"properties": {"id": {"type": ["string", {}]}}}),
        ("/properties/id/type", {"properties": {"id": {"type": []}}}),
        ("/properties/id/nullable", {"properties": {"id": {"nullable": "yes"}}}),
        ("/required", {"properties": {}, "required": 3}),
        ("/required/0", {"properties": {}, "required": [{"a": 1}]}),
        ("/additionalProperties", {"additionalProperties": 5}),
        ("/properties/list/items", {"properties": {"list": {"items": 5}}}),
        ("/allOf", {"allOf": [{}, {}]}),
    ],
)
def test_a_schema_that_cannot_be_understood_is_an_error(
    place: str, thing: Any, tmp_path: Path
) -> None:
    """It names the place in the file, and never passes for one that allows anything."""
    path = tmp_path / "spec3.json"
    path.write_text(json.dumps({"components": {"schemas": {"thing": thing}}}))
    with pytest.raises(ConfigError) as raised:
        hold(path, {"list": []})
    assert f"{path}#{THING}{place}" == raised.value.where


def test_a_specification_is_no_promise_about_the_next_version(spec: Path) -> None:
    """Not even where the version is of a named train."""
    entry = recording({"id": "x_1A", "object": "thing"}, NEW, id="x_1A", resource="charges")
    made = against(Shelf([entry]), spec, NEW)
    assert [("spec-required-missing", False)] == [
        (finding.rule, finding.broken_promise) for _, finding in made.findings()
    ]
