"""What is live-mode: a key in any part of a request, and data in an answer. Pure."""

from __future__ import annotations

import binascii
import re
from typing import Any
from urllib.parse import unquote

from replay.model.cassette import Request

_KEY = "(?:[a-z]k|pst|sk_org)_live_"
"""How live-mode keys begin: secret, restricted, publishable, ephemeral and user keys, and those of
organisations. Test-mode keys have ``test`` there."""

_IN_HEADER = re.compile(_KEY)
_IN_TEXT = re.compile(rf"(?<![A-Za-z0-9]){_KEY}")  # a word such as `task_live_view` is no key
_PACKED = re.compile(r"[A-Za-z0-9+/_-]{8,}")
_URL_ALPHABET = str.maketrans("-_", "+/")
_SHOWN_NAME = re.compile(r"[A-Za-z][A-Za-z-]{0,39}\Z")


def is_live_key(text: str) -> bool:
    """Whether a text, such as the value of a header, holds a live-mode key: plain or encoded."""
    decoded = map(_decoded, _PACKED.findall(text))
    return any(map(_IN_HEADER.search, (text, *_undone(text), *decoded)))


def live_key_in(request: Request) -> str:
    """Where a request carries a live-mode key; empty if it carries none.

    Each header is looked at: in any scheme, without one, and in base64, as Basic credentials have
    it. So are address and body, with percent signs undone. Body streams are not read.

    Returns:
        ``Authorization`` or another header's name, ``the address`` or ``the body``.
    """
    for name, value in request.headers:
        if is_live_key(value):
            return name.title() if _SHOWN_NAME.match(name) else "a header"
    if any(map(_IN_TEXT.search, (request.uri, *_undone(request.uri)))):
        return "the address"
    body = (request.body or b"").decode("latin-1")
    return "the body" if any(map(_IN_TEXT.search, (body, *_undone(body)))) else ""


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


def _undone(text: str) -> tuple[str, ...]:
    # Encoded twice, it would be a key again behind a proxy that decodes.
    if "%" not in text:
        return ()
    once = unquote(text)
    return once, unquote(once)


def _decoded(word: str) -> str:
    # Decode leniently, as the source might: a live key must not slip past on bad padding.
    raw = re.sub(r"[^A-Za-z0-9+/]", "", word.translate(_URL_ALPHABET))
    return binascii.a2b_base64(raw[: len(raw) - (len(raw) % 4 == 1)] + "===").decode("latin-1")
