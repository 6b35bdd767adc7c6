"""Recordings are held against what a specification promises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command import replay_command
from support.recordings import NEW, OLD, Shelf, recording
from support.writing import unchecked

from replay.drift.acceptance.settings import read_settings
from replay.drift.judge.findings import Report, Severity
from replay.drift.openapi.spec import against
from replay.drift.openapi.two_files import between
from replay.errors import ConfigError
from replay.library import Library
from replay.library.library import storage_of
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


WORDS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "object": {"type": "string"},
        "status": {"type": "string", "enum": ["open", "paid"]},
        "mode": {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "string", "enum": ["b"]}]},
        "free": {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "string"}]},
    },
}


@pytest.mark.parametrize(
    ("body", "redacted", "expected"),
    [
        ({"status": "paid", "mode": "b", "free": "other"}, {}, []),
        ({"status": "void"}, {}, [("spec-value-unspecified", "/status", "void")]),
        ({"mode": "c"}, {}, [("spec-value-unspecified", "/mode", "c")]),
        ({"status": None}, {}, [("spec-kind-differs", "/status", "null, specified as string")]),
        ({"status": "void"}, {"/status": "text"}, []),
        ({"status": "Two words"}, {}, []),
    ],
)
def test_words_of_a_closed_set_are_checked(
    body: Any, redacted: Any, expected: list[Any], tmp_path: Path
) -> None:
    """A recorded word that the file does not list is named; of a stand-in nothing is known."""
    path = written(tmp_path / "a.json", {"thing": WORDS})
    whole = {"id": "x_1A", "object": "thing", **body}
    shelf = Shelf([recording(whole, OLD, id="x_1A", resource="charges", redacted=redacted)])
    found = against(shelf, path, OLD).findings()
    assert expected == [(f.rule, f.path, f.detail) for _, f in found]


def written(path: Path, schemas: Any, version: str = "") -> Path:
    """An OpenAPI file; without a version, it names none."""
    info = {"info": {"version": version}} if version else {}
    path.write_text(json.dumps({**info, "components": {"schemas": schemas}}))
    return path


def test_what_is_wrong_with_a_nested_type_is_told_once(spec: Path) -> None:
    """In the type's own recordings where there are some, else where it is met first."""
    more = {**CUS, "more": 1}
    bodies = [{"kept": more, "lines": [more, more], "customer": more}, {"same": more}]
    found = [f.path for _, f in hold(spec, *bodies).findings()]
    assert ["/customer/more"] == found
    own = [
        recording(more, OLD, id="cus_1A", resource="customers"),
        recording({**GOOD, "kept": more}, OLD, id="x_1A", resource="charges"),
    ]
    ((comparison, finding),) = against(Shelf(own), spec, OLD).findings()
    assert ("customers", "/more") == (comparison.resource, finding.path)


def test_legacy_keys_of_lists_are_quiet(tmp_path: Path) -> None:
    """Old lists have a count that no file describes; another key of a list is told."""
    listed = {
        "type": "object",
        "properties": {
            "object": {"enum": ["list"], "type": "string"},
            "data": {"type": "array", "items": {"type": "integer"}},
        },
    }
    thing = {"type": "object", "properties": {"id": {}, "object": {}, "lines": listed}}
    path = written(tmp_path / "a.json", {"thing": thing})
    lines = {"object": "list", "data": [1], "total_count": 1, "count": 1, "odd": 1}
    body = {"id": "x_1A", "object": "thing", "lines": lines}
    whole = {**lines, "data": [], "url": "/v1/charges"}
    shelf = Shelf([
        recording(body, OLD, id="x_1A", resource="charges"),
        recording(whole, OLD, id="_all", resource="charges"),
    ])  # fmt: skip
    assert ["/lines/odd"] == [f.path for _, f in against(shelf, path, OLD).findings()]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """A library on disk that holds one charge."""
    monkeypatch.chdir(tmp_path)
    made = Library(tmp_path / "cassettes")
    _, cassette = recording({"id": "ch_1A", "object": "thing"}, OLD, id="ch_1A", resource="charges")
    storage_of(made).write(cassette, unchecked)
    return made


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        (OLD, ""),
        (NEW, f"warning: spec.json is of {NEW}, and recordings of {OLD} are held against it"),
        ("v1", "note: spec.json does not say of which API version it is (info.version)"),
    ],
)
def test_the_file_names_its_version(library: Library, stated: str, said: str) -> None:
    """The report names the file's version, and a file of another one is no silent yardstick."""
    path = written(library.root.parent / "spec.json", {"thing": WORDS}, stated)
    done = replay_command("diff", OLD, "--spec", path.name)
    assert 0 == done.code, done.err
    assert said in done.err
    assert bool(said) is bool(done.err.strip())
    if stated != "v1":
        assert f"{stated} as specified -> {OLD} as recorded" in done.out


BEFORE: dict[str, Any] = {
    "thing": {
        "type": "object",
        "required": ["id", "always"],
        "properties": {
            "id": {"type": "string"},
            "object": {"type": "string"},
            "always": {"type": "string"},
            "gone": {"type": "string"},
            "status": {"type": "string", "enum": ["open", "paid"]},
            "count": {"type": "integer"},
            "size": {"type": "integer"},
            "ref": {"type": "string"},
            "deep": {"nullable": True, "properties": {"x": {"type": "string"}}},
            "never": {"properties": {"x": {"type": "string"}}},
            "lines": {"type": "array", "items": {"$ref": "#/components/schemas/line"}},
            "first": {"$ref": "#/components/schemas/line"},
            "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    },
    "line": {"type": "object", "properties": {"id": {"type": "string"}, "price": {}}},
    "unrecorded": {"type": "object", "properties": {"a": {"type": "string"}}},
}
AFTER: dict[str, Any] = {
    "thing": {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": "string"},
            "object": {"type": "string"},
            "always": {"type": "string", "nullable": True},
            "status": {"type": "string", "enum": ["open", "settled"]},
            "count": {"type": "string"},
            "size": {"type": "number"},
            "ref": {"anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/line"}]},
            "deep": {"nullable": True, "properties": {"y": {"type": "string"}}},
            "never": {"properties": {"y": {"type": "string"}}},
            "lines": {"type": "array", "items": {"$ref": "#/components/schemas/line"}},
            "first": {"$ref": "#/components/schemas/line"},
            "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    },
    "line": {"type": "object", "properties": {"id": {"type": "string"}}},
    "unrecorded": {"type": "object", "properties": {"b": {"type": "string"}}},
}
LINE = {"id": "il_1A", "price": 1}
RECORDED = {
    "id": "x_1A", "object": "thing", "deep": {"x": "a"}, "lines": [LINE], "first": LINE,
    "metadata": {"k": "v"},
}  # fmt: skip


def test_two_files_are_compared_for_what_is_recorded(tmp_path: Path) -> None:
    """Each change is told once, with the usual rules; what no recording reaches is left out."""
    old = written(tmp_path / "old.json", BEFORE, OLD)
    new = written(tmp_path / "new.json", AFTER, NEW)
    shelf = Shelf([recording(RECORDED, OLD, id="x_1A", resource="charges")])
    found = between(shelf, old, new)
    (comparison,) = found.comparisons
    assert (OLD, NEW, "charges") == (comparison.old, comparison.new, comparison.resource)
    assert {
        ("became-optional", "/always", ""),
        ("became-nullable", "/always", ""),
        ("field-removed", "/gone", ""),
        ("enum-value-new", "/status", "settled"),
        ("enum-value-unseen", "/status", "paid"),
        ("type-changed", "/count", "integer to string"),
        ("type-widened", "/size", "integer to integer or number"),
        ("expand-changed", "/ref", "string to string or object"),
        ("field-removed", "/deep/x", ""),
        ("field-added", "/deep/y", ""),
        ("field-removed", "/first/price", ""),
    } == {(f.rule, f.path, f.detail) for f in comparison.findings}
    assert 11 == len(comparison.findings)
    assert not any(finding.broken_promise for finding in comparison.findings)
    back = {(f.rule, f.path) for c in between(shelf, new, old).comparisons for f in c.findings}
    assert {("field-added", "/gone"), ("became-required", "/always")} <= back
    assert [] == list(between(shelf, old, old).findings())


def test_two_files_on_the_command_line(library: Library) -> None:
    """It names both versions, fails on what breaks, and takes no version beside the files."""
    folder = library.root.parent
    written(folder / "old.json", BEFORE, OLD)
    written(folder / "new.json", AFTER)
    both = ("--spec", "old.json", "--spec", "new.json")
    done = replay_command("diff", *both)
    assert 1 == done.code, done.err
    assert f"{OLD} as specified -> new.json as specified" in done.out
    assert "gone removed" in done.out
    assert 2 == replay_command("diff", OLD, *both).code
    assert 2 == replay_command("diff", *both, "--spec", "new.json").code
    assert 2 == replay_command("diff", "--spec", "old.json").code
    done = replay_command("diff", *both, "--resource", "invoice")
    assert (3, True) == (done.code, "what the files describe" in done.err)


def test_a_type_that_one_file_lacks_is_named(tmp_path: Path) -> None:
    """Lost by the new file, it is a removal; a type that neither has is no matter of the files."""
    shelf = Shelf([
        recording({"id": "x_1A", "object": "thing"}, OLD, id="x_1A", resource="charges"),
        recording({"id": "x_1B", "object": "novel"}, OLD, id="x_1B", resource="charges"),
    ])  # fmt: skip
    old = written(tmp_path / "old.json", {"thing": WORDS}, OLD)
    new = written(tmp_path / "new.json", {"line": {}}, NEW)
    ((_, finding),) = between(shelf, old, new).findings()
    assert ("field-removed", "", f"{NEW} has no thing") == (
        finding.rule, finding.path, finding.detail,
    )  # fmt: skip
