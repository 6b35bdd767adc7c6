"""What the redactor keeps and what it replaces, one row per rule."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from replay.errors import NotRecordable
from replay.redaction.pseudonyms import pseudonym
from replay.redaction.redactor import MAX_DEPTH, redact

IN = "in_1QaTestAbCdEfGhIjKlMnOp0"
CUS = "cus_Qb7TestZyXwVu1"
LINE = "il_1QaTestLineAbCdEfGhIj001"
OWNER = f"invoices {IN}"


def at(body: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        body = body[int(step) if isinstance(body, list) else step]
    return body


@pytest.mark.parametrize(
    "pointer",
    [
        "/id", "/object", "/account_country", "/amount_due", "/attempted", "/collection_method",
        "/created", "/currency", "/customer", "/customer_address/country",
        "/customer_address/line2", "/customer_tax_ids/0/type", "/confirmation_secret/type",
        "/last_finalization_error/code", "/last_finalization_error/param",
        "/lines/object", "/lines/has_more", "/lines/url", "/lines/data/0/id",
        "/lines/data/0/amount", "/lines/data/0/discount_amounts", "/lines/data/0/period/start",
        "/lines/data/0/parent/subscription_item_details/subscription_item",
        "/lines/data/0/parent/subscription_item_details/proration_details/credited_items",
        "/lines/data/0/pricing/price_details/product", "/lines/data/0/pricing/unit_amount_decimal",
        "/lines/data/0/plan/id", "/lines/data/0/plan/product", "/lines/data/0/plan/amount",
        "/lines/data/0/taxes/0/tax_rate_details/tax_rate",
        "/lines/data/0/taxes/0/taxability_reason", "/lines/data/0/unit_amount_excluding_tax",
        "/livemode", "/metadata/note",
        "/payment_settings/payment_method_options/card/request_three_d_secure",
        "/payment_settings/payment_method_options/konbini",
        "/payment_settings/payment_method_types/1", "/status", "/status_transitions/finalized_at",
        "/tax_percent", "/total",
    ],
)  # fmt: skip
def test_what_the_policy_lists_is_kept(invoice, pointer):
    result = redact(invoice, owner=OWNER)
    assert at(invoice, pointer) == at(result.body, pointer)
    assert pointer not in result.redacted


@pytest.mark.parametrize(
    ("pointer", "owner", "slot", "kind"),
    [
        ("/account_name", IN, "account_name", "name"),
        ("/custom_fields/0/value", IN, "custom_fields/0/value", "text"),
        ("/customer_address/city", CUS, "address/city", "text"),
        ("/customer_address/line1", CUS, "address/line1", "line"),
        ("/customer_address/postal_code", CUS, "address/postal_code", "postal_code"),
        ("/customer_email", CUS, "email", "email"),
        ("/customer_name", CUS, "name", "name"),
        ("/customer_phone", CUS, "phone", "phone"),
        ("/customer_tax_ids/0/value", IN, "customer_tax_ids/0/value", "tax_number"),
        ("/confirmation_secret/client_secret", IN, "confirmation_secret/client_secret", "secret"),
        ("/hosted_invoice_url", IN, "hosted_invoice_url", "url"),
        ("/lines/data/0/description", LINE, "description", "text"),
        ("/lines/data/0/metadata/order", LINE, "metadata/order", "text"),
        ("/lines/data/0/plan/nickname", "boat-monthly", "nickname", "name"),
        ("/metadata/order", IN, "metadata/order", "text"),
        ("/number", IN, "number", "text"),
    ],
)
def test_what_it_does_not_list_gets_its_owners_stand_in(invoice, pointer, owner, slot, kind):
    result = redact(invoice, owner=OWNER)
    assert pseudonym(owner, slot, kind) == at(result.body, pointer)
    assert kind == result.redacted[pointer]


def test_a_customer_and_its_invoice_give_the_same_stand_ins(invoice, customer):
    alone = redact(customer, owner=f"customers {CUS}").body
    beside = redact(invoice, owner=OWNER).body
    assert alone["email"] == beside["customer_email"]
    assert alone["name"] == beside["customer_name"]
    assert alone["address"] == beside["customer_address"]


def test_an_expanded_customer_owns_what_the_invoice_repeats(invoice, customer):
    invoice["customer"] = customer
    body = redact(invoice, owner=OWNER).body
    assert body["customer"]["email"] == body["customer_email"]


@pytest.mark.parametrize("customer_value", [None, "Greta", {"object": "customer"}, {"id": "Greta"}])
def test_without_a_customer_its_values_belong_to_the_invoice(invoice, customer_value):
    invoice["customer"] = customer_value
    body = redact(invoice, owner=OWNER).body
    assert pseudonym(IN, "customer_email", "email") == body["customer_email"]


def test_what_no_id_owns_belongs_to_the_call():
    body = redact({"note": "Greta"}, owner="balance").body
    assert pseudonym("balance", "note") == body["note"]


def test_exactly_the_replaced_leaves_are_listed(invoice):
    result = redact(invoice, owner=OWNER)
    assert {p for p in result.redacted if at(invoice, p) == at(result.body, p)} == set()
    assert {o.pointer for o in result.originals} == set(result.redacted)


def test_the_input_stays_as_it_was(invoice):
    before = copy.deepcopy(invoice)
    redact(invoice, owner=OWNER)
    assert before == invoice


def test_no_repr_shows_an_original(invoice):
    shown = repr(redact(invoice, owner=OWNER))
    assert "Greta" not in shown
    assert "Greta" not in repr(redact(invoice, owner=OWNER).originals)


def test_a_field_of_tomorrow_is_redacted_and_reported_by_name(invoice):
    invoice["loyalty"] = {"nickname": "Gretchen", "since": 1700000000, "level": 3, "ok": True}
    invoice["lines"]["data"][0]["mood"] = None
    invoice["customer_address"]["floor"] = "2. Stock"
    result = redact(invoice, owner=OWNER)
    assert ("invoice/customer_address/floor", "line_item/mood", "invoice/loyalty") == result.unknown
    loyalty = result.body["loyalty"]
    assert {"nickname", "since", "level", "ok"} == set(loyalty)
    assert True is loyalty["ok"]
    assert "text" == result.redacted["/loyalty/nickname"]
    assert ("time", "int") == (result.redacted["/loyalty/since"], result.redacted["/loyalty/level"])


def test_an_id_that_moved_to_a_field_of_tomorrow_is_kept(invoice):
    invoice["linked"] = {"payment": "pi_1QaTestIntentAbCdEf01", "word": "pi_gretaohm1975"}
    body = redact(invoice, owner=OWNER).body
    assert "pi_1QaTestIntentAbCdEf01" == body["linked"]["payment"]
    assert "pi_gretaohm1975" != body["linked"]["word"]


def test_metadata_keeps_no_value_not_even_ids_and_amounts(invoice):
    invoice["metadata"] = {
        "peer": CUS, "mail": "greta@kiesel.example", "count": "17", "deep": {"object": "invoice",
        "id": IN, "total": 5, "list": ["a"]}, "yes": True,
    }  # fmt: skip
    result = redact(invoice, owner=OWNER)
    metadata = result.body["metadata"]
    assert pseudonym(IN, "metadata/peer") == metadata["peer"]
    assert pseudonym(IN, "metadata/mail", "email") == metadata["mail"]
    assert metadata["count"].isdecimal()
    assert {"object", "id", "total", "list", "yes"} <= set(metadata["deep"]) | set(metadata)
    assert IN not in json.dumps(metadata)
    assert () == result.unknown


def test_metadata_that_is_no_map_is_replaced(invoice):
    invoice["metadata"] = "Greta"
    assert pseudonym(IN, "metadata") == redact(invoice, owner=OWNER).body["metadata"]


def test_a_key_that_is_no_plain_identifier_is_renamed(invoice):
    invoice["metadata"] = {"greta@kiesel.example": "x1", "plain": "x2", "two words": None}
    result = redact(invoice, owner=OWNER)
    mail, plain, words = result.body["metadata"]
    assert ("redacted_", "plain", "redacted_") == (mail[:9], plain, words[:9])
    assert "key+text" == result.redacted[f"/metadata/{mail}"]
    assert "key" == result.redacted[f"/metadata/{words}"]
    assert {"greta@kiesel.example", "two words"} <= {o.value for o in result.originals}


def test_a_renamed_key_says_nothing_about_the_key(invoice):
    one = redact({**invoice, "metadata": {"greta@kiesel.example": "x"}}, owner=OWNER)
    other = redact({**invoice, "metadata": {"Søren": "y"}}, owner=OWNER)
    assert (one.body, one.redacted) == (other.body, other.redacted)


def test_a_renamed_key_never_hits_another_one(invoice):
    first = next(iter(redact({**invoice, "metadata": {"a b": "x"}}, owner=OWNER).body["metadata"]))
    body = redact({**invoice, "metadata": {"a b": "x", first: "y"}}, owner=OWNER).body
    assert 2 == len(body["metadata"])


def test_a_private_key_is_not_reported_either(invoice):
    invoice["greta@kiesel.example"] = 1
    (name,) = redact(invoice, owner=OWNER).unknown
    assert name.startswith("invoice/redacted_")


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("status", "Greta Ohm", "text"),
        ("status", "sk_test_QaTestAbCdEf", "secret"),
        ("amount_due", "2500", "integer"),
        ("amount_due", "25.00", "decimal"),
        ("created", "2025-01-02", "date"),
        ("customer", "greta@kiesel.example", "email"),
        ("account_country", "Germany", "text"),
        ("customer_email", 17, "int"),
        ("number", 1.5, "float"),
        ("object", "Greta", "text"),
        ("id", "Greta", "text"),
    ],
)
def test_a_value_of_another_kind_than_declared_goes_by_its_look(invoice, field, value, kind):
    invoice[field] = value
    result = redact(invoice, owner=OWNER)
    assert value != result.body[field]
    assert kind == result.redacted[f"/{field}"]
    assert type(value) is type(result.body[field])


def test_a_list_url_with_private_parts_stays_a_path(invoice):
    invoice["lines"]["url"] = "/v1/customers?email=greta"
    result = redact(invoice, owner=OWNER)
    assert result.body["lines"]["url"].startswith("/v1/redacted/")
    assert "path" == result.redacted["/lines/url"]


@pytest.mark.parametrize("empty", [None, True, False, "", [], {}])
def test_what_carries_nothing_stays(invoice, empty):
    invoice["description"] = empty
    result = redact(invoice, owner=OWNER)
    assert empty == result.body["description"]
    assert "/description" not in result.redacted


def test_big_integers_survive_where_they_are_kept(invoice):
    invoice["total"] = 2**70
    assert 2**70 == redact(invoice, owner=OWNER).body["total"]


def test_a_birth_date_and_an_expiry_become_constants():
    body = {
        "id": "pm_1QaTestMethodAbCdEf01", "object": "payment_method", "type": "card",
        "card": {"brand": "visa", "last4": "1881", "exp_month": 7, "exp_year": 2031,
                 "fingerprint": "Xt5EWLLDS7FJjR1c", "country": "US", "wallet": None},
        "klarna": {"dob": {"day": 9, "month": 4, "year": 1975}},
    }  # fmt: skip
    result = redact(body, owner="payment_methods x")
    assert (12, 2034, "0000", "visa", "US") == tuple(
        result.body["card"][k] for k in ("exp_month", "exp_year", "last4", "brand", "country")
    )
    assert {"day": 1, "month": 1, "year": 1901} == result.body["klarna"]["dob"]
    assert () == result.unknown


def test_a_map_by_currency_keeps_its_amounts():
    body = {
        "id": "price_1QaTestPriceAbCdEf01", "object": "price",
        "currency_options": {"eur": {"unit_amount": 5, "tiers": [{"up_to": 3, "note": "x"}]}},
    }  # fmt: skip
    result = redact(body, owner="prices x")
    option = result.body["currency_options"]["eur"]
    assert (5, 3) == (option["unit_amount"], option["tiers"][0]["up_to"])
    assert ("price/currency_options/eur/tiers/note",) == result.unknown


def test_a_deleted_stub_is_kept_whole():
    body = {"id": CUS, "object": "customer", "deleted": True}
    result = redact(body, owner=f"customers {CUS}")
    assert (body, {}, ()) == (result.body, result.redacted, result.unknown)


def test_a_type_without_a_file_keeps_the_base_and_reports_the_rest():
    body = {
        "id": "sku_1QaTestReviewAbCdEf01", "object": "sku", "created": 1735000000,
        "status": "open", "ip_address": "198.51.100.7", "livemode": False,
    }  # fmt: skip
    result = redact(body, owner="skus x")
    assert {"/ip_address": "ip"} == result.redacted
    assert ("sku/ip_address",) == result.unknown


def test_an_object_of_a_type_that_nobody_knows_gets_no_rules():
    result = redact({"object": "boat", "currency": "eur", "id": CUS}, owner="x")
    assert {"/object": "text", "/currency": "text"} == result.redacted


def error(message: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


NO_SUCH = f"No such invoice: '{IN}'"
LIVE = "; a similar object exists in live mode, but a test mode key was used to make this request."


@pytest.mark.parametrize(
    ("message", "owner"),
    [
        (NO_SUCH, OWNER),
        (NO_SUCH + LIVE, OWNER),
        (f"No such customer: {CUS}", OWNER),
        ("No such coupon: 'SUMMER25'", "coupons SUMMER25"),
    ],
)
def test_a_message_of_kept_parts_stays(message, owner):
    body = error(message, type="invalid_request_error", code="resource_missing", param="id")
    result = redact(body, owner=owner)
    assert (body, {}) == (result.body, result.redacted)


@pytest.mark.parametrize(
    ("message", "fields", "expected"),
    [
        ("Invalid API Key provided: sk_test_****Ab12", {"type": "invalid_request_error"},
         "Redacted message (invalid_request_error)"),
        ("No such customer: 'greta'", {"code": "resource_missing", "type": "invalid_request_error"},
         "Redacted message (resource_missing)"),
        ("No such coupon: 'AUTUMN'", {}, "Redacted message"),
        ("No such yacht: 'SUMMER25'", {"code": "Greta Ohm"}, "Redacted message"),
        ("No such coupon: 'sk_test_QaTestAbCdEf'", {"code": 7}, "Redacted message"),
    ],
)  # fmt: skip
def test_any_other_message_becomes_a_template_with_its_code(message, fields, expected):
    result = redact(error(message, **fields), owner="coupons SUMMER25")
    assert expected == result.body["error"]["message"]
    assert "message" == result.redacted["/error/message"]


def test_a_secret_is_not_kept_by_having_been_asked_for():
    secret = "No such coupon: 'sk_test_QaTestAbCdEf'"
    body = redact(error(secret), owner="coupons sk_test_QaTestAbCdEf").body
    assert "Redacted message" == body["error"]["message"]


def test_a_message_that_is_no_string_goes_by_its_look():
    assert {"/error/message": "int"} == redact(error(5), owner="x").redacted  # type: ignore[arg-type]


def test_the_rest_of_an_error_is_a_type_of_its_own():
    body = error(
        "x", type="card_error", code="card_declined", decline_code="do_not_honor", param="source",
        charge="ch_1QaTestChargeAbCdEf01", request_log_url="https://dashboard.stripe.com/test/logs/x",
        doc_url="https://stripe.com/docs/error-codes/card-declined", hidden="Greta",
    )  # fmt: skip
    result = redact(body, owner="x")
    assert {"/error/message", "/error/request_log_url", "/error/hidden"} == set(result.redacted)
    assert ("error/error/hidden",) == result.unknown


@pytest.mark.parametrize("body", ["Greta", 17, ["Greta"], {"error": "Greta"}, None])
def test_any_json_can_be_redacted(body):
    assert "Greta" not in json.dumps(redact(body, owner="x").body)


@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: {"a": x}])
def test_nesting_is_bounded(wrap):
    body: Any = 1
    for _ in range(MAX_DEPTH):
        body = wrap(body)
    redact(body, owner="x")
    with pytest.raises(NotRecordable, match="deeper than 100"):
        redact(wrap(body), owner="x")


@pytest.mark.parametrize(
    "value",
    ["a@" + "." * 200_000 + " ", "+1" + " " * 200_000, "a-" * 100_000, "%25" * 50_000, "1" * 5000],
    ids=["dots", "blanks", "words", "escapes", "digits"],
)
def test_a_hostile_long_value_is_redacted_in_linear_time(invoice, value):
    invoice["description"] = invoice["mystery"] = invoice["status"] = value
    body = redact(invoice, owner=OWNER).body
    assert value not in body.values()


def test_what_an_event_changed_has_the_rules_and_the_owner_of_its_object():
    customer = {"id": CUS, "object": "customer", "name": "Greta", "balance": 5}
    before = {"name": "Ohm", "balance": 7, "status": "open", "new": "x"}
    event = {"id": "evt_1QaTestAbCdEf01", "object": "event",
             "data": {"object": customer, "previous_attributes": before}}  # fmt: skip
    result = redact(event, owner="events x")
    assert {
        "name": pseudonym(CUS, "name"), "balance": 7, "status": "open",
        "new": pseudonym(CUS, "new"),
    } == result.body["data"]["previous_attributes"]  # fmt: skip
    assert ("customer/new",) == result.unknown


@pytest.mark.parametrize("whole", [None, "x", {}, {"object": "boat"}, {"object": ["x"]}])
def test_what_changed_of_an_unknown_object_is_replaced_as_a_whole(whole):
    data = {"object": whole, "previous_attributes": {"status": "open", "n": [5]}}
    result = redact({"object": "event", "data": data}, owner="events x")
    assert {"/data/previous_attributes/status", "/data/previous_attributes/n/0"} <= (
        result.redacted.keys()
    )


def test_what_changed_of_an_object_without_an_id_belongs_to_the_event():
    data = {"object": {"object": "customer"}, "previous_attributes": {"name": "Ohm"}}
    result = redact({"object": "event", "data": data}, owner="events x").body
    assert (
        pseudonym("events x", "data/previous_attributes/name", "name")
        == (result["data"]["previous_attributes"]["name"])
    )


def test_changed_attributes_that_are_no_object_are_replaced():
    data = {"object": {"object": "customer"}, "previous_attributes": "Greta"}
    result = redact({"object": "event", "data": data}, owner="events x")
    assert {"/data/previous_attributes": "text"} == result.redacted


PAGE = "gAAAAABmQa7TestZyXwVu1Bn2Cm3Dk4El5"


@pytest.mark.parametrize(
    "body",
    [
        {"data": [], "next_page_url": f"/v2/core/accounts?limit=20&page={PAGE}",
         "previous_page_url": None},
        {"object": "list", "data": [], "next_page": PAGE, "url": "/v1/invoices?limit=3"},
        {"object": "search_result", "data": [], "next_page": PAGE, "has_more": True,
         "url": "/v1/customers/search"},
    ],
)  # fmt: skip
def test_pages_can_be_turned_where_their_address_is_made_of_kept_parts(body):
    assert body == redact(body, owner="x").body


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ("next_page_url", "/v2/core/accounts?email=greta%40kiesel.example"),
        ("next_page_url", "/v2/core/accounts?page=Greta"),
        ("next_page_url", "/v2/core/greta?limit=20"),
        ("next_page_url", "https://api.stripe.com/v2/core/accounts?limit=20"),
        ("next_page", "Greta Ohm"),
    ],
)
def test_pages_whose_address_says_more_are_replaced(field, address):
    body = {"data": [], "next_page_url": None, field: address}
    assert [f"/{field}"] == list(redact(body, owner="x").redacted)


def test_an_event_keeps_no_id_of_the_request_that_caused_it():
    """Its `request.id` is replaced: it identifies the account."""
    request = {"id": "req_QaTestAbCdEf12", "idempotency_key": "KW-2025"}
    body = {"id": "evt_1QaTestAbCdEfGhIjKlMn", "object": "event", "request": request}
    done = redact(body, owner="x")
    assert not set(done.body["request"].values()) & set(request.values())


LOOKS = {
    "https://kiesel.example/a": "url", "greta@kiesel.example": "email",
    "sk_test_QaTestAbCdEf": "secret", "2025-01-02T03:04:05Z": "datetime", "2025-01-02": "date",
    "0123": "integer", "1.50": "decimal", "192.0.2.44": "ip", "+49 30 901820": "phone",
    "Greta Ohm": "text",
}  # fmt: skip


@pytest.mark.parametrize(("value", "kind"), LOOKS.items())
def test_a_stand_in_of_metadata_tells_one_of_ten_looks(value, kind):
    """No more of the value, and the manual says so; a field with a class tells nothing at all."""
    body = {"id": CUS, "object": "customer", "metadata": {"a": value}, "name": value}
    result = redact(body, owner="customers")
    assert {"/metadata/a": kind, "/name": "name"} == result.redacted
    page = (Path(__file__).parents[2] / "docs" / "redaction.md").read_text("utf-8")
    assert 10 == len(LOOKS)
    assert "get a class by their look, one of ten" in page


@pytest.mark.parametrize("value", ["", None, True, False])
def test_what_is_empty_or_a_switch_stays(value):
    body = {"id": CUS, "object": "customer", "metadata": {"a": value}, "name": value}
    assert body == redact(body, owner="customers").body


def test_messages_that_stripe_publishes_stay() -> None:
    """Word for word: one that quotes more is replaced."""
    body = {"error": {"code": "card_declined", "message": "Your card was declined."}}
    assert body == redact(body, owner="payment_intents pi_1").body
    body["error"]["message"] = "Your card was declined. Ask Ann."
    kept = redact(body, owner="payment_intents pi_1").body
    assert "Redacted message (card_declined)" == kept["error"]["message"]
