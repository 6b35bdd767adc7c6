"""Which headers of a live answer are recorded or passed on, and what is live-mode. Pure.

A header is recorded only if its value has the form that the header defines: nothing else can hide
in it.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from replay.model.cassette import Headers, header
from replay.stripe_api.versions import is_version

_LIVE_KEYS = ("sk_live_", "rk_live_", "sk_org_live_")
RETRY_HINTS = ("Retry-After", "Stripe-Should-Retry")
_IS_KEPT: dict[str, Callable[[str], object]] = {
    "Content-Type": re.compile(r"application/json(?:; ?charset=(?i:utf-8|us-ascii))?\Z").match,
    "Stripe-Version": is_version,
    "Retry-After": re.compile(r"\d{1,6}(?:\.\d{1,3})?\Z").match,
    "Stripe-Should-Retry": re.compile(r"(?:true|false)\Z").match,
}
_URL_ALPHABET = str.maketrans("-_", "+/")
_SERVED_VALUE = re.compile(r"[0-9A-Za-z./+*; =_,-]{1,120}\Z")


def kept_headers(headers: Headers) -> Headers:
    """The headers that are recorded: the few that replay knows, with values of the right form."""
    return tuple(
        (name, value)
        for name, is_kept in _IS_KEPT.items()
        if (value := header(headers, name)) is not None and is_kept(value)
    )


def served_headers(headers: Headers, *more: str) -> Headers:
    """The headers that a client gets with an answer that is not recorded."""
    return tuple(
        (name, value)
        for name in (*_IS_KEPT, *more)
        if (value := header(headers, name)) is not None and _SERVED_VALUE.match(value)
    )


def phrase(status: int) -> str:
    """The standard reason phrase of a status. What the source wrote there is not kept."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def is_live(body: Any) -> bool:
    """Whether any object in a body is live-mode data. A list itself does not say."""
    stack = [body]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if value.get("livemode") is True:
                return True
            stack += value.values()
        elif isinstance(value, list):
            stack += value
    return False


def is_live_key(authorization: str | None) -> bool:
    """Whether an Authorization header carries a live-mode key, in any scheme."""
    if not authorization:
        return False
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "basic":
        # Decode leniently, as the source might: a live key must not slip past on bad padding.
        raw = re.sub(r"[^A-Za-z0-9+/]", "", credentials.translate(_URL_ALPHABET))
        credentials = binascii.a2b_base64(raw[: len(raw) - (len(raw) % 4 == 1)] + "===").decode(
            "latin-1"
        )
    return credentials.strip().startswith(_LIVE_KEYS)
