"""Doubles against recordings: what fails, what warns, and what nothing can be said about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.recordings import NEW, OLD, Shelf, recording, takes, twins

from replay.drift.doubles import Doubles, Weight, shown_path
from replay.drift.openapi.schemas import load_schemas
from replay.errors import ConfigError

SUBSCRIPTION = "sub_1AbCdEfGhIjKlM"


def old(n: int) -> dict[str, Any]:
    """An invoice of the old version."""
    return {
        "id": f"in_{n}A", "object": "invoice", "status": ("draft", "paid")[n % 2],
        "subscription": f"{SUBSCRIPTION}{n}", "paid": True, "total": 1000 + n, "memo": None,
        "metadata": {},
        "lines": {"object": "list", "data": [{"id": "il_1A", "object": "line_item", "qty": 1}]},
    }  # fmt: skip


def new(n: int) -> dict[str, Any]:
    """The same at the new one: the subscription moved, `paid` went."""
    body = {name: value for name, value in old(n).items() if name not in {"subscription", "paid"}}
    return {**body, "parent": {"subscription": f"{SUBSCRIPTION}{n}"}}


SHELF = Shelf(twins([old(n) for n in range(6)], [new(n) for n in range(6)]))
"""Six invoices at both versions."""


def remarks(body: dict[str, Any], version: str | None = NEW, **options: Any) -> dict[str, str]:
    """Path -> weight, kind and message of what is no missing key."""
    found = Doubles(SHELF, version, **options).check(body, body["object"])
    assert found is not None
    return {
        remark.path: f"{remark.weight} {remark.kind}: {remark.message}"
        for remark in found if remark.weight > Weight.INFO
    }  # fmt: skip


@pytest.mark.parametrize(("body", "version"), [(old(7), OLD), (new(7), NEW)])
def test_an_object_like_the_recorded_ones_passes(body: dict[str, Any], version: str) -> None:
    """A double of its own version has no remark at all."""
    assert [] == Doubles(SHELF, version).check(body, "invoice")


def test_a_key_of_another_version_is_a_finding_that_says_where_the_value_is() -> None:
    """The key is known at the old version; at the new one its value is to be read elsewhere."""
    body = {"object": "invoice", "subscription": SUBSCRIPTION, "paid": True}
    found = remarks(body)
    start = "finding double-key-of-another-version: known at 2024-06-20, in 0 of 6 recordings at"
    assert f"{start} {NEW}; at {NEW} read parent.subscription" == found["/subscription"]
    assert f"{start} {NEW}" == found["/paid"]


def test_a_key_that_comes_later_is_a_finding_too() -> None:
    """A double of the next version is no answer of this one; the place of today is named."""
    found = remarks({"object": "invoice", "parent": {"subscription": SUBSCRIPTION}}, OLD)
    assert ["/parent"] == list(found)
    assert found["/parent"].endswith(f"at {OLD}; at {OLD} read subscription")


def test_a_key_that_no_recording_has_is_a_warning() -> None:
    """It may be rare; a name that is nearly right is named."""
    found = remarks({"object": "invoice", "totl": 1, "frobnicated": 1})
    said = "warning double-key-unknown: a key that 0 of 12 recordings have, at any version"
    assert {"/totl": f"{said}; 'total' is near", "/frobnicated": said} == found


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("total", "1000", "a string; 6 recordings at 2025-03-31.basil have integer"),
        ("lines", [], "an array; 6 recordings at 2025-03-31.basil have object"),
        ("parent", True, "a boolean; 6 recordings at 2025-03-31.basil have object"),
    ],
)
def test_another_kind_is_a_finding(name: str, value: Any, expected: str) -> None:
    """The message names types and never the value."""
    found = remarks({"object": "invoice", name: value})
    assert {f"/{name}": f"finding double-kind-differs: {expected}"} == found


def test_null_is_a_warning_and_what_was_always_null_may_be_anything() -> None:
    """The recordings are a sample: null may be rare, and a memo nobody wrote is a text some day."""
    found = remarks({"object": "invoice", "total": None, "memo": "x"})
    assert ["/total"] == list(found)
    assert found["/total"].startswith("warning double-null: null, which 0 of 6 recordings have")


def test_a_word_outside_a_closed_set_is_a_finding() -> None:
    """The double's word is not printed, the recorded ones are; a near one is named."""
    found = remarks({"object": "invoice", "status": "piad"})["/status"]
    assert "piad" not in found
    assert found.startswith("finding double-word-unknown: a word that 0 of 6 recordings have; they")
    assert found.endswith("have draft, paid; 'paid' is near")


def test_one_recorded_word_closes_no_set() -> None:
    """Twelve paid invoices say nothing of an open one."""
    shelf = Shelf([recording({**new(1), "id": f"in_{n}A"}, NEW, id=f"in_{n}A") for n in range(12)])
    found = Doubles(shelf, NEW).check({**new(1), "status": "open"}, "invoice")
    assert found is not None
    assert [Weight.WARNING] == [remark.weight for remark in found]


def test_missing_keys_are_worth_knowing_and_findings_where_asked_for() -> None:
    """A minimal double has five keys of sixty: one remark says how many it lacks."""
    body = {"id": "in_1A", "object": "invoice", "status": "paid", "total": 1, "memo": None,
            "metadata": {}}  # fmt: skip
    for complete, weight in ((False, Weight.INFO), (True, Weight.FINDING)):
        found = Doubles(SHELF, NEW, complete=complete).check(body, "invoice")
        assert found is not None
        assert [(weight, "lacks 2 keys that each of 6 recordings has: lines, parent")] == [
            (remark.weight, remark.message) for remark in found
        ]


def test_items_of_lists_and_objects_in_a_double_are_checked() -> None:
    """Each remark has the JSON pointer of its place."""
    item = {"id": "il_1A", "object": "line_item", "qty": "2"}
    body = {"object": "invoice", "lines": {"object": "list", "data": [{"qty": 1}, item]}}
    found = Doubles(SHELF, NEW).check(body, "invoice")
    assert found is not None
    assert ["/lines/data/1/qty"] == [r.pointer for r in found if r.weight is Weight.FINDING]


def test_an_item_that_is_recorded_in_lists_alone_is_a_double_by_itself() -> None:
    """Line items have a type and no recordings of their own; those of invoices speak for them."""
    found = Doubles(SHELF, NEW).check({"object": "line_item", "qty": "2"}, "line_item")
    assert found is not None
    assert "double-kind-differs" == found[0].kind


def test_maps_and_empty_objects_say_nothing() -> None:
    """Keys that users chose are no fields, and an object that was always empty shows none."""
    shelf = Shelf([recording({"id": "in_1A", "object": "invoice", "metadata": {"a": "b"},
                              "custom": {}}, NEW)])  # fmt: skip
    body = {"id": "in_1A", "object": "invoice", "metadata": {"order": 1}, "custom": {"x": 1}}
    assert [] == Doubles(shelf, NEW).check(body, "invoice")


def test_a_key_that_an_unrecorded_tag_selects_is_not_judged() -> None:
    """No recording of this version is of the type: the key that bears its name may be right."""
    card = {"id": "pm_1A", "object": "payment_method", "type": "card", "card": {"brand": "visa"}}
    debit = {"id": "pm_2A", "object": "payment_method", "type": "sepa_debit",
             "sepa_debit": {"country": "DE"}}  # fmt: skip
    shelf = Shelf([
        takes(recording(debit, OLD, id="pm_2A", resource="payment_methods")),
        takes(recording(card, NEW, id="pm_1A", resource="payment_methods")),
    ])  # fmt: skip
    found = Doubles(shelf, NEW).check(debit, "payment_method")
    assert found is not None
    assert {"/type", ""} == {remark.path for remark in found}
    assert Weight.FINDING not in {remark.weight for remark in found}


def test_a_type_that_is_not_recorded_at_the_version_is_not_compared() -> None:
    """Nothing recorded is not nothing wrong; without a version, the newest of the type counts."""
    doubles = Doubles(SHELF, NEW)
    assert doubles.check({"object": "charge"}, "charge") is None
    assert () == doubles.recorded("charge")
    assert (OLD, NEW) == doubles.recorded("invoice")
    assert doubles.check({"object": "invoice", "deleted": True}, "invoice") is None
    assert ["/paid"] == list(remarks({"object": "invoice", "paid": True}, None))
    with pytest.raises(ConfigError, match="is not an API version"):
        Doubles(SHELF, "2019-13-01")


def test_the_specification_knows_what_no_recording_shows(tmp_path: Path) -> None:
    """A specified key, kind or word passes; an unspecified one is a finding."""
    schema = {
        "type": "object",
        "properties": {
            "object": {"type": "string"}, "rare": {"type": "integer"},
            "total": {"type": "integer", "nullable": True},
            "status": {"type": "string", "enum": ["draft", "paid", "open"]},
        },
    }  # fmt: skip
    file = tmp_path / "spec.json"
    file.write_text(json.dumps({"components": {"schemas": {"invoice": schema}}}))
    schemas = load_schemas(file)
    good = {"object": "invoice", "rare": 1, "total": None, "status": "open"}
    assert {} == remarks(good, schemas=schemas)
    bad = {"object": "invoice", "frobnicated": 1, "status": "void"}
    assert {"/frobnicated": "finding", "/status": "finding"} == {
        path: said.split()[0] for path, said in remarks(bad, schemas=schemas).items()
    }


def test_a_private_key_is_not_shown() -> None:
    """Keys of doubles are printed only where they are plain names."""
    assert "lines.data[].price" == shown_path("/lines/data/*/price")
    assert "jane" not in shown_path("/jane@example.com/x")
    secret = "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc"
    assert secret not in shown_path(f"/a/{secret}")
