"""Whether an answer is the object that was asked for: its type and its ID. Pure.

A library's file is named after the call. So an answer of another type or ID would be served as the
wrong object, and is not recorded. The data here list the calls where Stripe may answer so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from replay.stripe_api.call import Call

_CARDS = """
    visa visa_debit mastercard mastercard_debit mastercard_prepaid amex discover diners jcb
    unionpay debit us threeDSecureRequired threeDSecure2Required threeDSecureOptional
    threeDSecureRequiredChargeDeclined authenticationRequired authenticationRequiredOnSetup
    authenticationRequiredSetupForOffSession
    authenticationRequiredChargeDeclinedInsufficientFunds chargeDeclined
    chargeDeclinedExpiredCard chargeDeclinedFraudulent chargeDeclinedIncorrectCvc
    chargeDeclinedInsufficientFunds chargeDeclinedLostCard chargeDeclinedProcessingError
    chargeDeclinedStolenCard chargeDeclinedVelocityLimitExceeded visa_chargeDeclined
    visa_chargeDeclinedExpiredCard visa_chargeDeclinedFraudulent visa_chargeDeclinedIncorrectCvc
    visa_chargeDeclinedInsufficientFunds visa_chargeDeclinedLostCard
    visa_chargeDeclinedProcessingError visa_chargeDeclinedStolenCard
    visa_chargeDeclinedVelocityLimitExceeded chargeCustomerFail bypassPending
    bypassPendingInternational domesticPricing radarBlock riskLevelElevated riskLevelHighest
    cvcCheckFail cvcCheckFailElevatedRisk avsFail avsLine1Fail avsUnchecked avsZipFail
    avsZipFailElevatedRisk createDispute createDisputeInquiry createDisputeProductNotReceived
    createMultipleDisputes createIssuerFraudRecord pendingRefund refundFail offlinePinRequired
    onlineOrOfflinePinRequired visa_triggerNextRequiresAction
    mastercard_triggerNextRequiresAction
"""
_COUNTRIES = """
    ae ar at au be bg br by ca ch cl cn co cr cy cz de dk ec ee es fi fr gb gi gr hk hr hu ie in
    is it jp li lt lu lv mt mx my nl no nz pa pe pl pt py ro sa se sg si sk th tw us uy
"""
_ACCOUNTS = """
    accountClosed noAccount insufficientFunds debitNotAuthorized invalidCurrency
    failMicrodeposits dispute processing success success_dispute
"""
_BANKS = "us_verified us_verified_noAccount us_verified_accountClosed us_verified_insufficientFunds"
_ALIASES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "payment_methods": frozenset(
            {
                *(f"pm_card_{name}" for name in (*_CARDS.split(), *_COUNTRIES.split())),
                *(f"pm_usBankAccount_{name}" for name in _ACCOUNTS.split()),
                "pm_usBankAccount",
            }
        ),
        "tokens": frozenset(
            {
                *(f"tok_{name}" for name in (*_CARDS.split(), *_COUNTRIES.split())),
                *(f"btok_{name}" for name in _BANKS.split()),
            }
        ),
    }
)
"""Resource -> the IDs that Stripe's documentation gives for tests. Such a call is answered with an
object of its own ID."""

_NO_IDS = frozenset({"upcoming"})
"""Words in an ID's place that are not IDs: the preview of an invoice, at older versions. All other
types without an ID are singletons, such as the balance, or lists: no ID is asked for there."""

_ANY_CASE = frozenset({"country_specs", "exchange_rates"})
"""Resources whose IDs are codes, which may be asked for in any case."""

_OLDER_TYPES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "files": frozenset({"file_upload"}),
        "customers/sources": frozenset({"alipay_account", "bitcoin_receiver"}),
    }
)
"""Types that older versions answer with, beside those that the route table has."""

_LISTS = frozenset({"list", "search_result"})
_PREVIEW = re.compile(r"preview|upcoming")


def is_test_alias(resource: str, id: str) -> bool:
    """Whether an ID is one that Stripe's documentation gives for tests, such as `pm_card_visa`."""
    return id in _ALIASES.get(resource, ())


def why_another(call: Call, status: int, body: Any) -> str:
    """Why an answer is not what a call asks for; empty if it is, or does not say.

    Args:
        call: the call, with the ID that the source was asked for.
        status: the answer's status. An error is not an object: it always fits.
        body: the answer's body, parsed; a deleted object still has its type and its ID.

    Returns:
        The words; never a value of the answer.
    """
    if status >= 400 or not isinstance(body, dict):
        return ""
    kind, id = body.get("object"), body.get("id")
    resource = call.route.resource
    if isinstance(kind, str) and not _fits(call, kind):
        return "the answer is of another type than the path answers with"
    asked = call.key.id
    if not asked or asked in _NO_IDS:
        return ""
    if not isinstance(id, str) or not id:
        return "the answer has no ID, and one was asked for"
    if is_test_alias(resource, asked):
        return ""
    same = id.lower() == asked.lower() if resource in _ANY_CASE else id == asked
    return "" if same else "the answer has another ID than was asked for"


def _fits(call: Call, kind: str) -> bool:
    route = call.route
    if route.collection:
        return kind in _LISTS or _PREVIEW.search(route.resource) is not None
    return (
        not route.objects or kind in route.objects or kind in _OLDER_TYPES.get(route.resource, ())
    )
