"""Which type of object an ID is of, by the prefix that Stripe gives it.

Only prefixes that belong to one type are here. An ID with another prefix may be of any type.
"""

from __future__ import annotations

import re

from replay.errors import ConfigError
from replay.stripe_api.routes import Route, by_name

_TYPES = {
    "acct": "account", "ch": "charge", "cn": "credit_note", "cs": "checkout.session",
    "cus": "customer", "dp": "dispute", "du": "dispute", "evt": "event", "fee": "application_fee",
    "file": "file", "ii": "invoiceitem", "in": "invoice", "inpay": "invoice_payment",
    "link": "file_link", "pi": "payment_intent", "plink": "payment_link", "pm": "payment_method",
    "po": "payout", "promo": "promotion_code", "qt": "quote", "re": "refund",
    "seti": "setup_intent", "si": "subscription_item", "sub": "subscription",
    "sub_sched": "subscription_schedule", "tr": "transfer", "txn": "balance_transaction",
    "txr": "tax_rate", "we": "webhook_endpoint",
}  # fmt: skip

_GENERATED = re.compile(r"([a-z]+(?:_sched)?)_(?:test_|live_)?[A-Za-z0-9]{14,}\Z")


def require_own(route: Route, id: str) -> None:
    """Make sure that an ID is not one of another resource: the source would answer a 404.

    Of resources whose IDs people choose (coupons, products, plans), nothing is known.

    Raises:
        ConfigError: it is; the hint names the command that records it.
    """
    found = _GENERATED.match(id)
    type_ = _TYPES.get(found[1], "") if found else ""
    if not type_ or route.parameters != 1 or type_ in route.objects:
        return
    if not set(route.objects) & set(_TYPES.values()):
        return
    raise ConfigError(
        f"{id} is the ID of another resource: {type_}",
        where=f"replay record {route.resource}",
        hint=f"replay record {by_name(type_).resource} {id}",
    )
