"""The objects of the sample library: as Stripe's API reference shows them, and composed ones.

The reference shows one invoice and one invoice payment ("Retrieve an invoice", "Retrieve an
InvoicePayment"). Both are here word for word. It shows each at one version only, so the same IDs
are composed at other versions too: the same facts, in the places where the version keeps them.
What differs between two composed bodies is what Stripe's changelog says of 2025-03-31.basil.
"""

from __future__ import annotations

import copy
from typing import Any

BEFORE = "2024-06-20"
BASIL = "2025-03-31.basil"
CLOVER = "2026-01-28.clover"
PREVIEW = "2026-01-28.preview"
"""The version of the API reference: the invoice's page names it, the payment's page names none."""

PINNED = {
    "2026-05-27.dahlia": "stripe-go 86.0.0",
    "2026-07-29.dahlia": "stripe-java 33.3.0",
    "2026-09-30.endive": "none of those tried; the first release of endive",
    "2026-10-28.endive": "stripe-python 16.1.0 and stripe-node 23.1.0",
}
"""The versions that Stripe's libraries pin, where they were tried, and which libraries do."""

_CREATED = 1680644467

INVOICE: dict[str, Any] = {
    "id": "in_1MtHbELkdIwHu7ixl4OzzPMv",
    "object": "invoice",
    "account_country": "US",
    "account_name": "Stripe Docs",
    "account_tax_ids": None,
    "amount_due": 0,
    "amount_paid": 0,
    "amount_overpaid": 0,
    "amount_remaining": 0,
    "amount_shipping": 0,
    "application": None,
    "attempt_count": 0,
    "attempted": False,
    "auto_advance": False,
    "automatic_tax": {"enabled": False, "liability": None, "status": None},
    "billing_reason": "manual",
    "collection_method": "charge_automatically",
    "created": _CREATED,
    "currency": "usd",
    "custom_fields": None,
    "customer": "cus_NeZwdNtLEOXuvB",
    "customer_address": None,
    "customer_email": "jennyrosen@example.com",
    "customer_name": "Jenny Rosen",
    "customer_phone": None,
    "customer_shipping": None,
    "customer_tax_exempt": "none",
    "customer_tax_ids": [],
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "discounts": [],
    "due_date": None,
    "ending_balance": None,
    "footer": None,
    "from_invoice": None,
    "hosted_invoice_url": None,
    "invoice_pdf": None,
    "issuer": {"type": "self"},
    "last_finalization_error": None,
    "latest_revision": None,
    "lines": {
        "object": "list",
        "data": [],
        "has_more": False,
        "total_count": 0,
        "url": "/v1/invoices/in_1MtHbELkdIwHu7ixl4OzzPMv/lines",
    },
    "livemode": False,
    "metadata": {},
    "next_payment_attempt": None,
    "number": None,
    "on_behalf_of": None,
    "paid": False,
    "paid_out_of_band": False,
    "parent": None,
    "payment_intent": None,
    "payment_settings": {
        "default_mandate": None,
        "payment_method_options": None,
        "payment_method_types": None,
    },
    "period_end": _CREATED,
    "period_start": _CREATED,
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "receipt_number": None,
    "shipping_cost": None,
    "shipping_details": None,
    "starting_balance": 0,
    "statement_descriptor": None,
    "status": "draft",
    "status_transitions": {
        "finalized_at": None,
        "marked_uncollectible_at": None,
        "paid_at": None,
        "voided_at": None,
    },
    "subtotal": 0,
    "subtotal_excluding_tax": 0,
    "test_clock": None,
    "total": 0,
    "total_discount_amounts": [],
    "total_excluding_tax": 0,
    "total_taxes": [],
    "webhooks_delivered_at": _CREATED,
}
"""The invoice, as its page shows it."""

INVOICE_PAYMENT: dict[str, Any] = {
    "id": "inpay_1M3USa2eZvKYlo2CBjuwbq0N",
    "object": "invoice_payment",
    "amount_paid": 2000,
    "amount_requested": 2000,
    "created": 1391288554,
    "currency": "usd",
    "invoice": "in_103Q0w2eZvKYlo2C5PYwf6Wf",
    "is_default": True,
    "livemode": False,
    "payment": {"type": "payment_intent", "payment_intent": "pi_103Q0w2eZvKYlo2C364X582Z"},
    "status": "paid",
    "status_transitions": {"canceled_at": None, "paid_at": 1391288554},
}
"""The invoice payment, as its page shows it."""

_GONE_WITH_BASIL = ("paid", "paid_out_of_band", "payment_intent")
_NEW_WITH_BASIL = ("amount_overpaid", "parent", "total_taxes")
_SUBSCRIPTION = "sub_1MtHbDLkdIwHu7ixQ2b7Fv9k"
_ITEM = "si_NeZwYQh3s9LdTm"
_PRICE = "price_1MtHbCLkdIwHu7ix8GJfWc4n"
_PRODUCT = "prod_NeZw5kRp0aVtZx"
_RATE = "txr_1MtHbBLkdIwHu7ixd6UyPq3S"
_AMOUNT, _TAX = 2000, 160
_MONTH = 2_678_400


def composed_invoice(version: str) -> dict[str, Any]:
    """The invoice as a draft for a month of a subscription, as `version` answers it."""
    body = copy.deepcopy(INVOICE)
    for name in _NEW_WITH_BASIL if version == BEFORE else _GONE_WITH_BASIL:
        del body[name]
    total = _AMOUNT + _TAX
    body |= {
        "amount_due": total, "amount_remaining": total, "auto_advance": True,
        "billing_reason": "subscription_cycle", "period_start": _CREATED - _MONTH,
        "subtotal": _AMOUNT, "subtotal_excluding_tax": _AMOUNT, "total": total,
        "total_excluding_tax": _AMOUNT,
    }  # fmt: skip
    body["lines"] |= {"data": [_line(version)], "total_count": 1}
    metadata = {"team": "blue"}
    if version == BEFORE:
        body |= {
            "application_fee_amount": None, "charge": None, "discount": None, "quote": None,
            "subscription": _SUBSCRIPTION, "subscription_details": {"metadata": metadata},
            "tax": _TAX, "total_tax_amounts": [_tax_of_before()], "transfer_data": None,
        }  # fmt: skip
    else:
        body |= {
            "parent": {
                "quote_details": None,
                "subscription_details": {"metadata": metadata, "subscription": _SUBSCRIPTION},
                "type": "subscription_details",
            },
            "total_taxes": [_tax()],
        }
    return dict(sorted(body.items(), key=lambda item: (item[0] not in {"id", "object"}, item[0])))


def _line(version: str) -> dict[str, Any]:
    line: dict[str, Any] = {
        "id": "il_1MtHbELkdIwHu7ixWc5gXo8R", "object": "line_item", "amount": _AMOUNT,
        "currency": "usd", "description": "1 x Gold plan", "discount_amounts": [],
        "discountable": True, "discounts": [], "invoice": INVOICE["id"], "livemode": False,
        "metadata": {}, "period": {"end": _CREATED + _MONTH, "start": _CREATED}, "quantity": 1,
    }  # fmt: skip
    if version == BEFORE:
        recurring = {"interval": "month", "interval_count": 1, "usage_type": "licensed"}
        return line | {
            "amount_excluding_tax": _AMOUNT,
            "plan": {
                "id": _PRICE, "object": "plan", "active": True, "amount": _AMOUNT,
                "currency": "usd", "interval": "month", "interval_count": 1, "livemode": False,
                "product": _PRODUCT, "usage_type": "licensed",
            },
            "price": {
                "id": _PRICE, "object": "price", "active": True, "currency": "usd",
                "livemode": False, "product": _PRODUCT, "recurring": recurring,
                "type": "recurring", "unit_amount": _AMOUNT,
                "unit_amount_decimal": str(_AMOUNT),
            },
            "proration": False, "proration_details": {"credited_items": None},
            "subscription": _SUBSCRIPTION, "subscription_item": _ITEM,
            "tax_amounts": [_tax_of_before()], "tax_rates": [], "type": "subscription",
            "unit_amount_excluding_tax": str(_AMOUNT),
        }  # fmt: skip
    return line | {
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None, "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": _SUBSCRIPTION, "subscription_item": _ITEM,
            },
            "type": "subscription_item_details",
        },
        "pricing": {
            "price_details": {"price": _PRICE, "product": _PRODUCT}, "type": "price_details",
            "unit_amount_decimal": str(_AMOUNT),
        },
        "taxes": [_tax()],
    }  # fmt: skip


def _tax_of_before() -> dict[str, Any]:
    return {
        "amount": _TAX, "inclusive": False, "tax_rate": _RATE,
        "taxability_reason": "standard_rated", "taxable_amount": _AMOUNT,
    }  # fmt: skip


def _tax() -> dict[str, Any]:
    return {
        "amount": _TAX, "tax_behavior": "exclusive", "tax_rate_details": {"tax_rate": _RATE},
        "taxability_reason": "standard_rated", "taxable_amount": _AMOUNT,
        "type": "tax_rate_details",
    }  # fmt: skip


def composed_payment(paid: dict[str, Any]) -> dict[str, Any]:
    """The payment of a paid invoice, from that invoice as 2024-06-20 answers it.

    That version has no invoice payments: the invoice itself names the payment intent.
    """
    paid_at = paid["status_transitions"]["paid_at"]
    return INVOICE_PAYMENT | {
        "amount_paid": paid["amount_paid"], "amount_requested": paid["amount_due"],
        "created": paid["created"], "invoice": paid["id"],
        "payment": {"type": "payment_intent", "payment_intent": paid["payment_intent"]},
        "status_transitions": {"canceled_at": None, "paid_at": paid_at},
    }  # fmt: skip
