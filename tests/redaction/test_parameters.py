"""Query parameters are written to disk only where name and value are public."""

from __future__ import annotations

import base64
import json

import pytest

from replay.errors import PolicyError
from replay.redaction.parameters import _KINDS, KINDS
from replay.redaction.policy import Policy, default_policy, keeps_expand, keeps_parameter

CUS = "cus_Qb7TestZyXwVu1"
TOKEN = "gAAAAABmQa7TestZyXwVu1Bn2Cm3Dk4El5"
KEPT = [
    ("invoices", "limit", "100"),
    ("invoices", "starting_after", "in_1QaTestAbCdEfGhIjKlMnOp0"),
    ("invoices", "ending_before", "in_1QaTestAbCdEfGhIjKlMnOp0"),
    ("plans", "starting_after", "gold-monthly"),
    ("invoices", "created", "1735000000"),
    ("invoices", "created[gte]", "1735000000"),
    ("invoices", "due_date[lt]", "1735000000"),
    ("v2/core/accounts", "created_gte", "2025-01-02T03:04:05Z"),
    ("invoices", "collection_method", "send_invoice"),
    ("invoices", "status", "open"),
    ("invoices", "status", ""),
    ("invoices", "customer", CUS),
    ("subscriptions", "price", "price_1QaTestPriceAbCdEfGh1"),
    ("subscriptions", "plan", "gold-monthly"),
    ("products", "active", "true"),
    ("prices", "recurring[interval]", "month"),
    ("prices", "currency", "eur"),
    ("invoice_payments", "payment[payment_intent]", "pi_1QaTestAbCdEfGhIjKlMnOp0"),
    ("invoices/upcoming", "subscription_details[items][0][price]", "price_1QaTestPriceAbCdEfGh1"),
    ("invoices/upcoming", "subscription_details[items][0][quantity]", "3"),
    ("invoices/upcoming", "customer_details[address][country]", "DE"),
    ("invoices/upcoming", "subscription_trial_end", "now"),
    ("events", "types[]", "invoice.paid"),
    ("events", "types[0]", "invoice.paid"),
    ("invoices", "expand[]", "data.customer"),
    ("invoices", "expand[0]", "data.lines.data"),
    ("prices", "lookup_keys[]", "gold-monthly"),
    ("promotion_codes", "code", "SUMMER10"),
    ("invoices/search", "page", TOKEN),
    ("invoices/search", "query", "status:'open' AND created>1735000000"),
    ("invoices/search", "query", f'customer:"{CUS}" or -status:"void"'),
    ("invoices/search", "query", "total>=100 currency:'eur'"),
    ("charges/search", "query", "refunded:null"),
    ("charges/search", "query", "amount<500"),
]
PRIVATE = [
    ("customers", "email", "greta@kiesel.example"),
    ("customers", "limit", "greta"),
    ("customers", "metadata[order]", "17"),
    ("customers", "metadata[status]", "open"),
    ("customers", "greta", "1"),
    ("customers", "GRETA", "1"),
    ("customers", "limit[greta]", "1"),
    ("customers", "created[greta]", "1"),
    ("customers", "lim it", "1"),
    ("customers", "", "1"),
    ("customers", "starting_after", "greta"),
    ("customers", "starting_after", "gold-monthly"),
    ("invoices", "created[gte]", "greta"),
    ("invoices", "status", "Greta Ohm"),
    ("invoices", "customer", "greta"),
    ("invoices", "limit", "9" * 16),
    ("invoices", "limit", "1" * 3000),
    ("prices", "lookup_keys[]", "greta special"),
    ("prices", "lookup_keys[]", "greta@kiesel.example"),
    ("prices", "lookup_keys[]", "4242-4242-4242-4242"),
    ("promotion_codes", "code", "GB82 WEST 1234 5698 7654 32"),
    ("promotion_codes", "code", "+49 151 2345678"),
    ("payment_methods", "type", "sk_test_QaTestAbCdEf01"),
    ("invoices", "expand[]", "data.greta_ohm"),
    ("invoices", "expand[]", "Greta Ohm"),
    ("customers/search", "query", "email:'greta@kiesel.example'"),
    ("customers/search", "query", "name~'greta'"),
    ("customers/search", "query", "metadata['order']:'17'"),
    ("customers/search", "query", "metadata.order:'17'"),
    ("customers/search", "query", "status:'open' AND email:'greta@kiesel.example'"),
    ("customers/search", "query", "status:'open'greta"),
    ("customers/search", "query", "status:'open' greta"),
    ("customers/search", "query", "query:'greta'"),
    ("customers/search", "query", "greta:'open'"),
    ("customers/search", "query", "status:'open' AND "),
    ("customers/search", "query", "status:'Greta Ohm'"),
    ("customers/search", "page", "greta"),
    ("customers/search", "page", base64.b64encode(b"Greta Ohm-Kiesel, 17").decode()),
    ("customers/search", "page", base64.b64encode(b".Greta Ohm-Kiesel, 17").decode()),
    ("customers/search", "page", "q" + base64.b64encode(b"Greta Ohm-Kiesel, 17").decode()),
    ("customers/search", "page", b"Greta Ohm-Kiesel17".hex() + "xX"),
    ("customers/search", "page", "sk_test_QaTestAbCdEf01x"),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "name", "value"), KEPT)
def test_amounts_times_enums_and_ids_are_kept(resource, name, value):
    assert keeps_parameter(resource, name, value)


@pytest.mark.parametrize(("resource", "name", "value"), PRIVATE)
def test_everything_else_is_private(resource, name, value):
    assert not keeps_parameter(resource, name, value)


def test_a_token_that_encodes_kept_parts_is_kept():
    token = base64.b64encode(json.dumps(["created", 1735000000, CUS]).encode()).decode()
    assert keeps_parameter("customers/search", "page", token)


@pytest.mark.parametrize("name", ["customer", "data.customer", "data.*.price", "payments"])
def test_expanding_the_fields_of_the_api_is_public(name):
    assert keeps_expand(name)


@pytest.mark.parametrize("name", ["greta", "data.greta", "Customer", "", ".", "a.b.c.d.e"])
def test_expanding_what_the_api_does_not_have_is_private(name):
    assert not keeps_expand(name)


def test_each_kind_of_the_data_has_a_judge():
    assert KINDS == _KINDS.keys()


def test_a_misspelt_kind_is_an_error_with_its_line():
    text = '[kept]\nint = ["limit"]\nnit = ["quantity"]\n'
    sources = {**default_policy().sources, "parameters.toml": text}
    with pytest.raises(PolicyError, match=r"'nit'") as caught:
        keeps_parameter("invoices", "limit", "1", policy=Policy("x", sources))
    assert "redaction/data/parameters.toml:3" == caught.value.where
