"""Which values that a write sends may be kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.redaction.policy import default_policy
from replay.redaction.sent import keeps_sent
from replay.stripe_api.request_parameters import parameter

ID = "A1b2C3d4E5f6G7h8"


def kept(path: str, object_type: str, name: str, value: str) -> bool:
    found = parameter("POST", path, name)
    return keeps_sent(name, value, found, object_type, default_policy())


@pytest.mark.parametrize(
    ("path", "object_type", "name", "value", "expected"),
    [
        ("/v1/refunds", "refund", "amount", "500", True),
        ("/v1/refunds", "refund", "reason", "duplicate", True),
        ("/v1/refunds", "refund", "reason", "because", False),
        ("/v1/refunds", "refund", "charge", f"ch_{ID}", True),
        ("/v1/refunds", "refund", "no_such", "500", False),
        ("/v1/refunds", "refund", "metadata[amount]", "500", False),
        ("/v1/accounts", "account", "country", "DE", True),
        ("/v1/accounts", "account", "email", "anna@example.com", False),
        ("/v1/accounts", "account", "individual[dob][day]", "7", False),
        ("/v1/accounts", "account", "individual[gender]", "female", False),
        ("/v1/accounts", "account", "individual[political_exposure]", "existing", False),
        ("/v1/accounts/{a}/persons", "person", "political_exposure", "existing", False),
        # The schema does not have these; the policy of the answer does.
        ("/v1/refunds", "refund", "status", "pending", True),
        ("/v1/payment_intents", "payment_intent", "payment_method_types[]", "card", True),
        ("/v1/payment_intents", "payment_intent", "payment_method_types[0]", "sepa_debit", True),
        ("/v1/payment_intents", "payment_intent", "payment_method_types[]", "Anna B.", False),
        ("/v1/accounts", "account", "business_profile[annual_revenue][amount]", "7", False),
    ],
)
def test_a_value_is_kept_if_the_schema_closes_it_and_the_policy_lets_it_stay(
    path: str, object_type: str, name: str, value: str, expected: bool
) -> None:
    assert kept(path, object_type, name, value) is expected


@given(value=st.text(max_size=60))
def test_no_text_is_kept_where_the_policy_redacts_the_field(value: str) -> None:
    for name in ("email", "business_profile[name]", "individual[first_name]", "metadata[a]"):
        assert not kept("/v1/accounts", "account", name, value)
