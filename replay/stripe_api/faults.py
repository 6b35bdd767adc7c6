"""Stripe's error answers, by the name that its documentation gives them: status, body, headers.

Source: the pages on error codes, decline codes, rate limits and idempotent requests of Stripe's API
reference. The SDK raises from them what it raises live.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """An error answer.

    Attributes:
        status: the HTTP status.
        error: the value of the body's ``error``.
        headers: headers beside the usual ones, such as those that say whether to try again.
    """

    status: int
    error: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


_RETRY = {"Stripe-Should-Retry": "true"}
_NO_RETRY = {"Stripe-Should-Retry": "false"}


def _card(code: str, message: str, decline_code: str = "") -> Fault:
    declined = {"decline_code": decline_code} if decline_code else {}
    return Fault(
        402, {"type": "card_error", "code": code, **declined, "message": message}, _NO_RETRY
    )


FAULTS: Mapping[str, Fault] = {
    "card_declined": _card("card_declined", "Your card was declined.", "generic_decline"),
    "insufficient_funds": _card(
        "card_declined", "Your card has insufficient funds.", "insufficient_funds"
    ),
    "lost_card": _card("card_declined", "Your card was declined.", "lost_card"),
    "stolen_card": _card("card_declined", "Your card was declined.", "stolen_card"),
    "fraudulent": _card("card_declined", "Your card was declined.", "fraudulent"),
    "expired_card": _card("expired_card", "Your card has expired."),
    "incorrect_cvc": _card("incorrect_cvc", "Your card's security code is incorrect."),
    "processing_error": _card(
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
    "authentication_required": _card(
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
        "authentication_required",
    ),
    "rate_limit": Fault(
        429,
        {
            "type": "invalid_request_error",
            "code": "rate_limit",
            "message": "Request rate limit exceeded.",
        },
        {"Retry-After": "1", "Stripe-Rate-Limited-Reason": "global-rate", **_RETRY},
    ),
    "lock_timeout": Fault(
        429,
        {
            "type": "invalid_request_error",
            "code": "lock_timeout",
            "message": "This object cannot be accessed right now because another API request or "
            "Stripe process is currently accessing it.",
        },
        _RETRY,
    ),
    "idempotency_conflict": Fault(
        400,
        {
            "type": "idempotency_error",
            "message": "Keys for idempotent requests can only be used with the same parameters "
            "they were first used with.",
        },
        _NO_RETRY,
    ),
    "idempotency_key_in_use": Fault(
        409,
        {
            "type": "idempotency_error",
            "code": "idempotency_key_in_use",
            "message": "There is currently another in-progress request using this Idempotent Key.",
        },
        _RETRY,
    ),
    "api_error": Fault(500, {"type": "api_error", "message": "An unknown error occurred."}),
    "service_unavailable": Fault(
        503, {"type": "api_error", "message": "Stripe is temporarily unavailable."}, _RETRY
    ),
    "invalid_api_key": Fault(
        401, {"type": "invalid_request_error", "message": "Invalid API Key provided."}, _NO_RETRY
    ),
    "permission_denied": Fault(
        403,
        {
            "type": "invalid_request_error",
            "message": "The provided key does not have the required permissions for this endpoint.",
        },
        _NO_RETRY,
    ),
    "resource_missing": Fault(
        404,
        {"type": "invalid_request_error", "code": "resource_missing", "message": "No such object."},
        _NO_RETRY,
    ),
}
"""Name -> the answer. Messages are Stripe's own, without what it would quote of a request."""
