"""The classes of request parameters, against the installed SDK's parameter types."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.stripe_api.request_parameters import ParameterClass, operations, parameter

SCRIPT = Path(__file__).parents[2] / "scripts" / "generate_request_parameters.py"
ID = "A1b2C3d4E5f6G7h8"
TABLE = [
    ("/v1/refunds", "amount", "500", ParameterClass.INTEGER),
    ("/v1/refunds", "amount", "0500", ParameterClass.FREE_TEXT),
    ("/v1/refunds", "amount", "1234567890123456", ParameterClass.FREE_TEXT),
    ("/v1/refunds", "reason", "duplicate", ParameterClass.ENUM),
    ("/v1/refunds", "reason", "my aunt asked", ParameterClass.FREE_TEXT),
    ("/v1/refunds", "reverse_transfer", "True", ParameterClass.BOOLEAN),
    ("/v1/refunds", "charge", f"ch_{ID}", ParameterClass.REFERENCE),
    ("/v1/refunds", "charge", f"cus_{ID}", ParameterClass.FREE_TEXT),
    ("/v1/refunds", "instructions_email", "a@example.com", ParameterClass.FREE_TEXT),
    ("/v1/refunds", "metadata[amount]", "500", ParameterClass.FREE_TEXT),
    ("/v1/refunds", "metadata[customer]", f"cus_{ID}", ParameterClass.FREE_TEXT),
    ("/v1/payment_intents", "currency", "eur", ParameterClass.CURRENCY),
    ("/v1/subscriptions", "items[0][price]", f"price_{ID}", ParameterClass.REFERENCE),
    ("/v1/subscriptions", "items[][price]", "annas-price", ParameterClass.FREE_TEXT),
    ("/v1/subscriptions", "items[][price]", "price_annasbirthday", ParameterClass.FREE_TEXT),
    ("/v1/subscriptions", "items[][price]", f"price_{ID}\n", ParameterClass.FREE_TEXT),
    ("/v1/refunds", "charge", f"ch_{ID}\n", ParameterClass.FREE_TEXT),
    ("/v1/refunds", "charge", f"ch_{ID * 6}", ParameterClass.FREE_TEXT),
    ("/v1/refunds", "reverse_transfer", "", ParameterClass.FREE_TEXT),
    ("/v1/subscriptions", "items[][quantity]", "2", ParameterClass.INTEGER),
    ("/v1/subscriptions", "trial_end", "now", ParameterClass.ENUM),
    ("/v1/subscriptions", "trial_end", "1893456000", ParameterClass.TIME),
    ("/v1/subscriptions/{id}", "items[1][id]", f"si_{ID}", ParameterClass.REFERENCE),
    ("/v1/prices", "unit_amount_decimal", "12.5", ParameterClass.DECIMAL),
    ("/v1/prices", "currency_options[eur][unit_amount]", "9", ParameterClass.INTEGER),
    ("/v1/accounts", "individual[dob][day]", "7", ParameterClass.FREE_TEXT),
    ("/v1/payment_methods", "card[number]", "4" * 15, ParameterClass.FREE_TEXT),
]


@pytest.mark.parametrize(("path", "name", "value", "expected"), TABLE)
def test_a_value_has_the_class_that_the_schema_and_the_reviewed_table_give_it(
    path: str, name: str, value: str, expected: ParameterClass
) -> None:
    assert parameter("POST", path, name).class_of(value) is expected


def test_the_data_is_that_of_the_installed_sdk() -> None:
    script = runpy.run_path(str(SCRIPT))
    assert script["TARGET"].read_text("utf-8") == script["document"]()


@pytest.mark.parametrize("name", ["", "no_such", "items[", "items[]]", "[amount]", "amount[0]"])
def test_a_name_that_no_table_knows_is_free_text_and_says_so(name: str) -> None:
    found = parameter("POST", "/v1/refunds", name)
    assert not found.known
    assert found.class_of("500") is ParameterClass.FREE_TEXT


def test_a_version_2_operation_is_known_by_its_body() -> None:
    found = parameter("POST", "/v2/core/event_destinations", "event_payload")
    assert found.words == {"snapshot", "thin"}


def test_an_id_that_a_client_may_choose_is_told_apart() -> None:
    assert parameter("POST", "/v1/subscriptions", "items[][price]").is_client_chosen
    assert not parameter("POST", "/v1/subscriptions", "customer").is_client_chosen


@given(call=st.sampled_from(operations()), name=st.text(max_size=40), value=st.text(max_size=60))
def test_any_name_and_any_value_have_a_class(call: str, name: str, value: str) -> None:
    method, _, path = call.partition(" ")
    assert parameter(method, path, name).class_of(value) in ParameterClass


@given(value=st.text(min_size=1, max_size=60).filter(lambda text: not text.isascii()))
def test_a_text_beyond_ascii_is_always_free_text(value: str) -> None:
    for _, name, _, _ in TABLE:
        for path in ("/v1/refunds", "/v1/subscriptions", "/v1/prices"):
            assert parameter("POST", path, name).class_of(value) is ParameterClass.FREE_TEXT
