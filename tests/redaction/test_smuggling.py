"""Ways to get a private value into a cassette past the policy's words, numbers and versions."""

from __future__ import annotations

import pytest

from replay.redaction.policy import default_policy, keeps_parameter
from replay.redaction.redactor import redact
from replay.stripe_api.headers import kept_headers

POLICY = default_policy()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        # An enum is a lower-case word with few digits at a time: many parts make a number.
        ("enum", "ssn-123-45-6789"),
        ("enum", "card_4242_4242_4242_4242"),
        ("enum", "tel.0170.1234.567"),
        ("enum", "jane.doe-at-example.com"),
        ("param", "x[123][45][678][9]"),
        ("word", "tax_078_05_1120"),
        # A version's train may be any word, its day any eight digits.
        ("version", "2025-03-31.janedoe"),
        ("version", "1985-07-09"),
        ("version", "2027-09-30.eucalyptus"),
        # Digits of other alphabets are digits, too.
        ("decimal", "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢"),
        ("param", "x[٤٢]"),
        # An ID behind separators, in parts, behind a prefix; a list's address with one.
        ("chosen", "4242----4242----4242----4242"),
        ("chosen", "1.2.3-4.5-6.7.8.9"),
        ("list_url", "/v1/customers/cus_4242424242424242/sources"),
        ("list_url", "/v1/prices?product=123-45-6789"),
        # A page token is random letters and digits; a card's number is none.
        ("page", "Jane4242424242424242Doe"),
        ("page", "DE89370400440532013000Jane"),
    ],
)
def test_it_is_not_kept(kind: str, value: str) -> None:
    assert not POLICY.keeps(kind, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "378282246310005"),
        ("created[gte]", "4242424242424242"),
        ("percent_off", "4242424242424242.5"),
        ("starting_after", "123-45-6789"),
        ("status", "ssn-123-45-6789"),
        ("page", "Jane4242424242424242Doe"),
        ("ids[]", "cus_janedoe1985"),
        ("query", "status:'ssn-123-45-6789'"),
    ],
)
def test_no_parameter_carries_it(name: str, value: str) -> None:
    assert not keeps_parameter("prices", name, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("enum", "requires_action"),
        ("enum", "us_bank_account_ach_payments"),
        ("enum", "invoice.payment_succeeded"),
        ("enum", "tax_reporting_us_1099_misc"),
        ("param", "items[0][price]"),
        ("version", "2024-06-20"),
        ("version", "2025-03-31.basil"),
        ("version", "2027-01-28.preview"),
        ("version", "2.2.0"),
        ("decimal", "1999.123456789012"),
    ],
)
def test_what_stripe_writes_there_stays(kind: str, value: str) -> None:
    assert POLICY.keeps(kind, value)


@pytest.mark.parametrize(
    ("wait", "kept"),
    [("0.5", True), ("30", True), ("86400", True), ("123456.789", False), ("123456", False)],
)
def test_a_time_to_wait_has_few_digits(wait: str, kept: bool) -> None:
    assert kept == bool(kept_headers((("Retry-After", wait),), None))


def test_no_error_names_it() -> None:
    """Neither the message, nor the parameter's name, nor a code."""
    error = {
        "message": "No such customer: '123-45-6789'",
        "param": "a[123][456][789]",
        "code": "ssn_123_45_6789",
        "decline_code": "jane.doe-at-example.com",
    }
    text = str(redact({"error": error}, owner="customers 123-45-6789").body)
    for word in ("123", "jane", "6789"):
        assert word not in text
