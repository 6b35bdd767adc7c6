"""Values are kept only where they look like the kind that the policy declares."""

from __future__ import annotations

import pytest

from replay.redaction.policy import default_policy
from replay.redaction.values import is_generated, is_plain_key, look

KEPT = [
    ("amount", 2500),
    ("amount", -1),
    ("amount", 2**70),
    ("amount", 4242424242424241),
    ("int", 3),
    ("time", 1735000000),
    ("time", "2025-01-02T03:04:05.678Z"),
    ("rate", 19.5),
    ("rate", 19),
    ("decimal", "0.125"),
    ("decimal", "-12"),
    ("decimal", "0.4242424242424242"),
    ("decimal", 12),
    ("enum", "requires_payment_method"),
    ("enum", "v2.core.event"),
    ("enum", "p24"),
    ("enum", "a4"),
    ("enum", "eu_oss_non_union"),
    ("chosen", "SUMMER-25.b"),
    ("code", "05"),
    ("currency", "usd"),
    ("currency", "EUR"),
    ("country", "DE"),
    ("locale", "pt-BR"),
    ("locale", "auto"),
    ("version", "2026-01-28.clover"),
    ("version", "2017-08-15"),
    ("version", "2.2.0"),
    ("param", "lines[0][price]"),
    ("doc_url", "https://docs.stripe.com/error-codes/resource-missing"),
    ("doc_url", "https://stripe.com/docs/error-codes/tax-id-invalid"),
    ("doc_url", "https://stripe.com/docs/error-codes/resource_missing"),
    ("id", "in_1QaTestAbCdEfGhIjKlMnOp0"),
    ("id", "il_tmp_1QaTestAbCdEfGhI"),
    ("id", "cs_test_a1QaTestAbCdEfGhI"),
    ("id", "txcd_10000000"),
    ("object", "invoice"),
    ("object", "checkout.session"),
    ("list_url", "/v1/invoices/in_1QaTestAbCdEfGhIjKlMnOp0/lines"),
    ("list_url", "/v1/subscription_items?subscription=sub_1QaTestSubAbCdEfGh"),
    ("list_url", "/v1/billing/meters/mtr_test_61QaTestAbCdEfGh"),
    ("list_url", "/v1/coupons/SUMMER-25"),
    ("list_url", "/v1/payment_methods/pm_1QaTestAbCdEfGhI/attach"),
    ("context", "acct_1QaTestAbCdEfGhI"),
    ("context", "org_61QaTestAbCdEfGh/acct_1QaTestAbCdEfGhI"),
]

REFUSED = [
    ("amount", "2500"),
    ("amount", 2.5),
    ("amount", 4242424242424242),
    ("amount", -4242424242424242),
    ("int", 378282246310005),
    ("time", 4242424242424242),
    ("rate", 4242424242424242.0),
    ("decimal", "4242424242424242"),
    ("decimal", "-004242424242424242.50"),
    ("decimal", 4242424242424242),
    ("time", "gestern"),
    ("rate", "19"),
    ("decimal", "12,50"),
    ("decimal", "ten"),
    ("enum", "Requires Action"),
    ("enum", "greta@kiesel.example"),
    ("enum", "a" * 65),
    ("enum", "a_" * 32 + "b"),
    ("enum", "4fd8e1a0c9b2"),
    ("enum", "a1b2c3d4e5f6"),
    ("enum", "sk_test_abcdefghijkl"),
    ("chosen", "greta@kiesel.example"),
    ("chosen", "49301234567"),
    ("chosen", "two words"),
    ("code", "decline 05"),
    ("currency", "Usd"),
    ("country", "Germany"),
    ("locale", "Deutsch"),
    ("version", "tomorrow"),
    ("param", "Greta[0]"),
    ("doc_url", "https://docs.stripe.com/error-codes?key=1"),
    ("doc_url", "https://kiesel.example/docs"),
    ("id", "kunde_1QaTestAbCdEfGhIj"),
    ("id", "cus_gretaohm"),
    ("id", "cus_QaTest"),
    ("id", "cus_Qa Test AbCdEf1"),
    ("id", "cus_QaTestÄbCdEf12345"),
    ("id", "pi_1QaTestAb_secret_Zk81LmPq27"),
    ("id", "in_" + "A1" * 200),
    ("id", 17),
    ("object", "boat"),
    ("object", "base"),
    ("object", "../known"),
    ("list_url", "/v1/invoices/greta/lines"),
    ("list_url", "/v1/customers?email=greta%40kiesel.example"),
    ("list_url", "/v1/customers?Greta=cus_QaTestAbCdEf12"),
    ("list_url", "/v1/coupons/greta%40kiesel.example"),
    ("list_url", "/v1/customers/greta/frobnicate"),
    ("list_url", "https://kiesel.example/v1/invoices"),
    ("list_url", 5),
    ("context", "greta/acct_1QaTestAbCdEfGhI"),
    ("context", "acct_1QaTestAbCdEfGhI/"),
    ("context", 17),
    ("bool", "true"),
    ("group", "x"),
    ("text", "x"),
]


@pytest.mark.parametrize(("kind", "value"), KEPT)
def test_a_value_of_its_kind_is_kept(kind, value):
    assert default_policy().keeps(kind, value)


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_a_value_that_does_not_look_like_its_kind_is_not_kept(kind, value):
    assert not default_policy().keeps(kind, value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("greta@kiesel.example", "email"),
        ("https://kiesel.example/a b", "text"),
        ("HTTPS://kiesel.example/a", "url"),
        ("2025-01-02", "date"),
        ("2025-01-02T03:04:05+01:00", "datetime"),
        ("0123", "integer"),
        ("-1.50", "decimal"),
        ("192.0.2.44", "ip"),
        ("+49 (30) 901820", "phone"),
        ("030 901820", "phone"),
        ("sk_test_QaTestAbCdEf", "secret"),
        ("Greta", "text"),
        (" ", "text"),
        (17, "int"),
        (-1, "int"),
        (1735000000, "time"),
        (5_000_000_000, "int"),
        (1.5, "float"),
    ],
)
def test_a_value_has_the_class_of_its_look(value, expected):
    assert expected == look(value)


@pytest.mark.parametrize(
    ("key", "plain"),
    [
        ("order_id", True),
        ("Order-Id", True),
        ("_internal", True),
        ("v2", True),
        ("greta@kiesel.example", False),
        ("two words", False),
        ("customer_12345", False),
        ("7", False),
        ("", False),
        ("x" * 65, False),
        ("cus_QaTestAbCdEf12", False),
        ("k_Zk81LmPq27Rt", False),
        ("sk_test_abcdefghijkl", False),
        ("straße", False),
    ],
)
def test_only_plain_identifiers_stay_as_keys(key, plain):
    assert plain == is_plain_key(key, default_policy().prefixes)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("cus_QaTestAbCdEf12", True),
        ("in_1QaTestAbCdEfGhIjKlMnOp0", True),
        ("txcd_10000000", False),
        ("in_lowercaseonly12345", False),
        ("in_NoDigitsAtAllHere", False),
        ("in_Sh0rtTail", False),
    ],
)
def test_where_nobody_declared_an_id_only_unmistakable_ones_count(value, expected):
    assert expected == is_generated(value, default_policy().prefixes, strict=True)
