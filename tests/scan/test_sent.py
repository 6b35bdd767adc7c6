"""Parameters of queries and forms: the private ones are named, words of the API are not."""

from __future__ import annotations

import time

import pytest

from replay.redaction.policy import default_policy
from replay.scan.sent import in_address, in_form

POLICY = default_policy()


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("capture=true&confirm=False&off_session=", []),
        ("payment_method_types[]=card&payment_method_types[1]=sepa_debit", []),
        ("capture_method=manual&usage=off_session&interval=month&mode=setup", []),
        ("payment_behavior=default_incomplete&proration_behavior=none", []),
        ("amount=4200&currency=eur&application_fee_amount=12&unit_amount=-3", []),
        ("customer=cus_QaTestAbCdEf01&expand[]=customer", []),
        ("email=greta%40kiesel.de&name=greta", ["email", "name"]),
        ("description=red&limit=3", ["description"]),
        ("mode=Greta Ohm&interval=month", []),  # a blank: no form
        ("mode=Greta&interval=month", ["mode"]),
        ("metadata[Greta]=Ohm&metadata[b]=2", ["metadata[]", "metadata[]"]),
        ("items[0][price_data][product_data][name]=x&items[1][quantity]=2",
         ["items[][price_data][product_data][name]"]),
        ("usage=sk_live_51QaTestAbCdEf&limit=3", ["usage"]),
        ("token=tok_1QaTest&shop[Ohm]=greta&limit=1", ["token", ""]),
    ],
)  # fmt: skip
def test_the_private_parameters_of_a_form(form, expected):
    named = [f"body parameter {name}" if name else "a body parameter" for name in expected]
    assert named == [detail for detail, _ in in_form(form, POLICY)]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://api.stripe.com/v1/customers?email=greta%40kiesel.de&limit=3", ["email"]),
        ("https://api.stripe.com/v1/unheard/of?email=greta%40kiesel.de", ["email"]),
        ("http://127.0.0.1:9000/v1/customers?email=greta%40kiesel.de", ["email"]),
        ("/v1/customers?email=greta%40kiesel.de", ["email"]),
        ("https://api.stripe.com/v1/customers?limit=3", []),
        ("https://api.stripe.com/v1/customers", []),
        ("https://q.stripe.com/coop-report?p=/v1/customers&s=payins", []),
        ("https://q.stripe.com/csp-report?p=%2Fv1%2Fcustomers", []),
        ('coop="https://q.stripe.com/coop-report?p=/v1/customers&s=payins"', []),
        ("https://r.stripe.com/v1/report?a=b", []),
        ("https://example.org/v1/search?q=boats", []),
    ],
)
def test_the_private_parameters_of_an_address(address, expected):
    assert [f"query parameter {name}" for name in expected] == [
        detail for detail, _ in in_address(address, POLICY)
    ]


@pytest.mark.parametrize(
    "text",
    [
        'coop="https://q.stripe.com/coop-report?p=/v1/customers&s=payins-bapi-srv"',
        "https://example.org/?a=b&c=d",
        "max-age=31556926; includeSubDomains; preload",
        '{"a=b&c": "d"}',
        "a" * 70_000 + "=b&c=d",
    ],
)
def test_what_is_no_form_has_no_parameters(text):
    assert [] == list(in_form(text, POLICY))


@pytest.mark.parametrize("text", ["a=" * 30_000, "a&" * 30_000, "a=b&" * 15_000, "=" * 60_000])
def test_reading_takes_as_long_as_the_text_is(text):
    began = time.process_time()
    list(in_form(text, POLICY))
    list(in_address(f"/v1/{text}", POLICY))
    assert time.process_time() - began < 3
