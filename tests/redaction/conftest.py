"""Bodies that the redaction tests share: invented, with fields of old and new API versions."""

from __future__ import annotations

from typing import Any

import pytest

IN = "in_1QaTestAbCdEfGhIjKlMnOp0"
CUS = "cus_Qb7TestZyXwVu1"
LINE = "il_1QaTestLineAbCdEfGhIj001"
PRIVATE = {
    "account": "Fennimore & Søns GmbH",
    "email": "greta.ohm@kiesel-werft.example",
    "name": "Greta Ohm-Kiesel",
    "phone": "+49 30 901820",
    "line1": "Uferstraße 17b",
    "city": "Büsum",
    "postal_code": "25761",
    "note": 'Segel geflickt; zahlt "später" / 50%',
    "order": "KW-2025/0817 blau",
    "url": "https://invoice.stripe.com/i/acct_1QaTestAccount01/test_YWNjdF8x",
    "secret": "in_1QaTestAbCdEfGhIjKlMnOp0_secret_Zk81LmPq27",
}


def _line() -> dict[str, Any]:
    return {
        "id": LINE,
        "object": "line_item",
        "amount": 2500,
        "currency": "eur",
        "description": PRIVATE["note"],
        "discount_amounts": [],
        "discountable": True,
        "invoice": IN,
        "livemode": False,
        "metadata": {"order": PRIVATE["order"]},
        "period": {"start": 1735000000, "end": 1737600000},
        "parent": {
            "type": "subscription_item_details",
            "subscription_item_details": {
                "subscription": "sub_1QaTestSubAbCdEfGhIj01",
                "subscription_item": "si_QaTestItemAb01",
                "proration": False,
                "proration_details": {"credited_items": None},
            },
        },
        "pricing": {
            "type": "price_details",
            "price_details": {
                "price": "price_1QaTestPriceAbCdEfGh1",
                "product": "prod_QaTestProd01",
            },
            "unit_amount_decimal": "2500.5",
        },
        "plan": {
            "id": "boat-monthly",
            "object": "plan",
            "amount": 2500,
            "nickname": "Boot im Monat",
            "interval": "month",
            "product": "boat",
        },
        "quantity": 1,
        "taxes": [
            {
                "amount": 399,
                "tax_behavior": "inclusive",
                "tax_rate_details": {"tax_rate": "txr_1QaTestRateAbCdEfGh01"},
                "taxability_reason": "standard_rated",
                "taxable_amount": 2101,
                "type": "tax_rate_details",
            }
        ],
        "unit_amount_excluding_tax": "2101",
    }


def _invoice() -> dict[str, Any]:
    return {
        "id": IN,
        "object": "invoice",
        "account_country": "DE",
        "account_name": PRIVATE["account"],
        "amount_due": 2500,
        "attempted": True,
        "collection_method": "charge_automatically",
        "created": 1735000000,
        "currency": "eur",
        "custom_fields": [{"name": "Liegeplatz", "value": "Steg 4, Box 12"}],
        "customer": CUS,
        "customer_address": {
            "city": PRIVATE["city"],
            "country": "DE",
            "line1": PRIVATE["line1"],
            "line2": None,
            "postal_code": PRIVATE["postal_code"],
            "state": None,
        },
        "customer_email": PRIVATE["email"],
        "customer_name": PRIVATE["name"],
        "customer_phone": PRIVATE["phone"],
        "customer_tax_ids": [{"type": "eu_vat", "value": "DE812345678"}],
        "confirmation_secret": {"client_secret": PRIVATE["secret"], "type": "payment_intent"},
        "hosted_invoice_url": PRIVATE["url"],
        "last_finalization_error": {
            "code": "tax_id_invalid",
            "type": "invalid_request_error",
            "message": "The tax ID of Greta Ohm-Kiesel is not valid",
            "param": "customer_tax_ids[0][value]",
        },
        "lines": {
            "object": "list",
            "data": [_line()],
            "has_more": False,
            "url": f"/v1/invoices/{IN}/lines",
        },
        "livemode": False,
        "metadata": {"order": PRIVATE["order"], "note": ""},
        "number": "KIESEL-0042",
        "payment_settings": {
            "payment_method_options": {
                "card": {"request_three_d_secure": "automatic", "installments": None},
                "konbini": {},
            },
            "payment_method_types": ["card", "sepa_debit"],
        },
        "status": "open",
        "status_transitions": {"finalized_at": 1735000100, "paid_at": None},
        "tax_percent": 19.0,
        "total": 2500,
    }


@pytest.fixture
def invoice() -> dict[str, Any]:
    return _invoice()


@pytest.fixture
def customer() -> dict[str, Any]:
    return {
        "id": CUS,
        "object": "customer",
        "address": dict(_invoice()["customer_address"]),
        "email": PRIVATE["email"],
        "name": PRIVATE["name"],
        "phone": PRIVATE["phone"],
    }


@pytest.fixture
def private() -> dict[str, str]:
    return PRIVATE
