"""Every object type of the SDK: known, useful after redaction, and read into the same types."""

from __future__ import annotations

import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import stripe
from stripe._object_classes import get_object_class
from support import schemas

from replay.redaction.policy import default_policy
from replay.redaction.redactor import redact
from replay.redaction.values import look

ROOT = Path(__file__).parents[2]
NAMES = schemas.names()
assert len(NAMES) > 150  # a test over no type proves nothing
REVIEWED = {
    "account", "balance_transaction", "charge", "credit_note", "customer", "discount", "dispute",
    "event", "invoice", "invoice_payment", "line_item", "payment_intent", "payment_method", "price",
    "product", "quote", "refund", "setup_intent", "subscription", "transfer",
}  # fmt: skip


def forms(value: Any, places: set[str], pointer: str = "") -> Any:
    """The tree with each leaf as its format class; as its JSON type where a class is declared."""
    if isinstance(value, dict):
        return {key: forms(child, places, f"{pointer}/{key}") for key, child in value.items()}
    if isinstance(value, list):
        return [forms(child, places, f"{pointer}/{n}") for n, child in enumerate(value)]
    if value is None or isinstance(value, bool) or pointer in places:
        return type(value)
    return look(value)


def parsed(body: dict[str, Any]) -> Any:
    kind = get_object_class("V2" if body["object"].startswith("v2.") else "V1", body["object"])
    return kind.construct_from(body, key=None)


def types(value: Any) -> Any:
    if isinstance(value, stripe.StripeObject):
        return type(value), {k: types(v) for k, v in value.to_dict(recursive=False).items()}
    if isinstance(value, list):
        return [types(child) for child in value]
    return type(value)


def test_the_types_that_the_contract_names_were_reviewed_by_hand():
    assert set() == {n for n in REVIEWED if f"types/{n}.toml" not in default_policy().sources}


def test_every_type_of_the_sdk_has_a_policy_that_knows_each_of_its_fields():
    sources = default_policy().sources
    own = {n for n in NAMES if {f"types/{n}.toml", f"generated/{n}.toml"} & sources.keys()}
    assert set(NAMES) == own
    unknown = {name: redact(schemas.body(name), owner="x y").unknown for name in NAMES}
    assert {} == {name: fields for name, fields in unknown.items() if fields}


def test_the_sdk_reads_a_redacted_body_into_the_same_types():
    for name in NAMES:
        body = schemas.body(name)
        assert types(parsed(body)) == types(parsed(redact(body, owner="x y").body)), name


def test_kinds_and_format_classes_stay_at_every_path():
    """Where a class is declared (a name, a postal code), that is the format class."""
    for name in NAMES:
        body = schemas.body(name)
        result = redact(body, owner="x y")
        kinds = result.redacted.items()
        declared = {pointer for pointer, kind in kinds if kind not in UNDECLARED}
        assert forms(body, declared) == forms(result.body, declared), name


UNDECLARED = {"text", "decimal", "integer", "int", "float", "time"}


def test_statuses_times_and_amounts_survive():
    for name in NAMES:
        body = schemas.body(name)
        result = redact(body, owner="x y").body
        for field, value in body.items():
            named = field in {"status", "created", "amount", "currency", "type"}
            if named and not str(value).startswith("Greta"):
                assert value == result[field], (name, field)


def test_a_payout_keeps_what_a_test_asserts_on():
    body = {
        "id": "po_1QaTestPayoutAbCdEf01", "object": "payout", "amount": 4200,
        "status": "in_transit", "arrival_date": 1735000000, "currency": "eur",
        "method": "instant", "type": "card",
        "destination": "ba_1QaTestBankAbCdEf0001", "description": "Greta's boat",
        "failure_code": "account_closed", "trace_id": {"status": "pending", "value": "Greta 7"},
    }  # fmt: skip
    result = redact(body, owner="payouts x")
    assert {"/description": "text", "/trace_id/value": "text"} == result.redacted


def test_what_is_about_a_person_is_not_kept_though_it_is_an_enum():
    body = schemas.body("person") | {
        "political_exposure": "existing", "gender": "female", "nationality": "DE",
        "us_cfpb_data": {"ethnicity_details": {"ethnicity": ["cuban"]},
                         "race_details": {"race": ["asian"]}},
    }  # fmt: skip
    result = redact(body, owner="persons x").redacted
    assert {
        "/political_exposure", "/gender", "/nationality", "/dob/day", "/dob/month", "/dob/year",
        "/us_cfpb_data/ethnicity_details/ethnicity/0", "/us_cfpb_data/race_details/race/0",
    } <= result.keys()  # fmt: skip


def test_a_decimal_of_a_generated_type_is_still_one():
    body = {"id": "climorder_1QaTestAbCdEf01", "object": "climate.order", "metric_tons": "0.25"}
    assert Decimal("0.25") == parsed(redact(body, owner="x").body).metric_tons


def test_what_people_do_not_choose_names_exchange_rates_and_countries():
    body = {"id": "usd", "object": "exchange_rate", "rates": {"eur": 0.92}}
    assert body == redact(body, owner="exchange_rates usd").body


def test_generating_again_changes_nothing(tmp_path):
    data = tmp_path / "replay" / "redaction" / "data"
    shutil.copytree(ROOT / "replay" / "redaction" / "data" / "types", data / "types")
    (tmp_path / "scripts").mkdir()
    script = shutil.copy(ROOT / "scripts" / "generate_policy.py", tmp_path / "scripts")
    subprocess.run([sys.executable, script], check=True)
    made = {file.name: file.read_text("utf-8") for file in (data / "generated").iterdir()}
    kept = (ROOT / "replay" / "redaction" / "data" / "generated").iterdir()
    assert {file.name: file.read_text("utf-8") for file in kept} == made


def other_private_values(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: other_private_values(child) for key, child in tree.items()}
    if isinstance(tree, list):
        return [other_private_values(child) for child in tree]
    if isinstance(tree, str) and "Greta" in tree:
        return tree.replace("Greta", "Søren Ohm-Kiesel of 17b")
    return tree


def test_bodies_that_differ_in_private_values_only_are_the_same():
    for name in NAMES:
        body = schemas.body(name)
        other = other_private_values(body)
        assert redact(body, owner="x y").body == redact(other, owner="x y").body, name


def test_redacting_a_type_again_changes_nothing():
    for name in NAMES:
        once = redact(schemas.body(name), owner="x y")
        again = redact(once.body, owner="x y")
        assert (once.body, once.redacted, ()) == (again.body, again.redacted, again.originals), name
