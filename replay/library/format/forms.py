"""The forms of what stands beside a recorded body. Both readers refuse everything else. Pure.

`cassette.schema.json` states the same patterns. Statuses and headers have theirs in
`replay.stripe_api.headers`; values in bodies are for the redaction policy to judge.
"""

from __future__ import annotations

from functools import lru_cache

from replay.errors import ConfigError
from replay.model.cassette import Headers, ObjectKey, Request, header
from replay.stripe_api.call import wrong_part
from replay.stripe_api.versions import UNVERSIONED, canonical_version

TIME = (
    "[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    "T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
)
"""When a take was recorded."""

SOURCE = "(?:[a-z0-9_](?:[a-z0-9._-]{0,252})|[0-9a-f:]*:[0-9a-f:.]{1,45})(?::[0-9]{1,5})?"
"""A host name or an address, and a port: never with a user, so that no e-mail address fits."""

BATCH = "[0-9a-f]{1,64}"
ACCOUNT = "(?:acct|ctx)-[0-9a-f]{16}"
POLICY = "stripe-[0-9]{1,3} sha256:[0-9a-f]{12}"

EQUAL_VALUE = "(?:id|text)-[1-9][0-9]{0,3}"
"""The names that twins use for values which they share: they say nothing about the value."""

CLASSES = frozenset(
    {"account_number", "birth_date", "date", "datetime", "day", "decimal", "email", "expiry_month",
     "expiry_year", "float", "id", "int", "integer", "ip", "key", "last4", "line", "message",
     "month", "name", "page", "path", "phone", "postal_code", "secret", "tax_number", "text",
     "time", "url", "year"}
)  # fmt: skip
"""The classes that ``redacted:`` names."""


def names_classes(kind: str) -> bool:
    """Whether an entry of ``redacted:`` names a class, or several with ``+`` between them."""
    return kind in CLASSES or CLASSES.issuperset(kind.split("+"))


def is_object(body: str | bytes) -> bool:
    """Whether a body begins and ends as a recorded one does. `--deep` checks read it as JSON."""
    ends = (body[:1], body[-1:])
    return ends in {("{", "}"), (b"{", b"}")} and len(body) > 1


def why_another_call(key: ObjectKey, version: str, request: Request, received: Headers) -> str:
    """Why a take is none of its cassette's key and version: the end of a sentence; empty if it is.

    Args:
        key: the key that the cassette states.
        version: the API version that it states.
        request: the take's request.
        received: the headers of its answer.
    """
    if part := wrong_part(request, key):
        return f"request.{part} is not that of the call that the cassette is of"
    if is_version_of(version, received, request.headers):
        return ""
    return "response.headers has another API version than the cassette"


@lru_cache(maxsize=1024)
def is_version_of(version: str, received: Headers, sent: Headers) -> bool:
    """Whether a version is that of an answer: its own, else the one that was asked for."""
    stated = header(received, "Stripe-Version") or header(sent, "Stripe-Version")
    if stated is None:
        return version == UNVERSIONED
    try:
        return canonical_version(stated) == version
    except ConfigError:  # longer than any that is recorded
        return False
