"""The real SDK reads redacted bodies into the same types as the originals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import stripe

from replay.redaction.redactor import redact


def parsed(body: dict[str, Any]) -> Any:
    return stripe.Invoice.construct_from(body, key=None)


def types(value: Any) -> Any:
    if isinstance(value, stripe.StripeObject):
        return type(value), {k: types(v) for k, v in value.to_dict(recursive=False).items()}
    if isinstance(value, list):
        return [types(child) for child in value]
    return type(value)


def test_a_redacted_invoice_has_the_same_types(invoice):
    assert types(parsed(invoice)) == types(parsed(redact(invoice, owner="x").body))


def test_a_redacted_decimal_string_is_still_a_decimal(invoice):
    invoice["lines"]["data"][0]["pricing"]["unit_amount_decimal"] = "12.125"
    invoice["lines"]["data"][0]["quantity_decimal"] = "1.5"
    line = parsed(redact(invoice, owner="x").body).lines.data[0]
    assert Decimal("12.125") == line.pricing.unit_amount_decimal
    assert isinstance(line.quantity_decimal, Decimal)
