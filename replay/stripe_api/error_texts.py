"""The error messages that Stripe publishes word for word: they quote nothing of a request. Pure.

Source: Stripe's pages on error codes and decline codes. A message that is not exactly one of these
may quote what was sent, and is replaced.
"""

from __future__ import annotations

from functools import cache

from replay.stripe_api.faults import FAULTS

_MORE = (
    "Your card number is incorrect.",
    "Your card number is invalid.",
    "Your card's security code is invalid.",
    "Your card's expiration month is invalid.",
    "Your card's expiration year is invalid.",
    "Your card's number is invalid.",
    "Your card does not support this type of purchase.",
    "Your card is not supported.",
    "Your card was declined. Your request was in test mode, but used a non test (live) card. For a "
    "list of valid test cards, visit: https://stripe.com/docs/testing.",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount "
    "limit.",
    "Your card has been declined.",
    "The zip code you supplied failed validation.",
    "An error occurred while processing your card. Try again later.",
    "Keys for idempotent requests can only be used with the same endpoint they were first used for."
    " Try using a different idempotency key if you meant to execute a different request.",
    "Must provide source or customer.",
    "This PaymentIntent requires a payment method.",
    "We are unable to authenticate your payment method. Please choose a different payment method "
    "and try again.",
)


@cache
def published() -> frozenset[str]:
    """All of these messages."""
    own = {str(fault.error["message"]) for fault in FAULTS.values()}
    return frozenset(own | set(_MORE))
