"""Pseudonyms: the stand-ins of redacted values, seeded by whose value it is and never by the value.

A stand-in is a digest of (policy name, owner, slot) in the form of its class. There is no key to
keep and nothing about the value to guess; the same owner and slot give the same stand-in on every
machine and in every re-recording. Values of small domains, where a digest would collide or invite
guessing, are constants.
"""

from __future__ import annotations

import hashlib
import re

DEFAULT_POLICY = "stripe-1"

CONSTANTS = {
    "phone": "+1 555 0100",
    "last4": "0000",
    "postal_code": "00000",
    "tax_number": "000000000",
    "account_number": "000123456789",
    "birth_date": "1901-01-01",
    "date": "2000-01-01",
    "datetime": "2000-01-01T00:00:00Z",
    "ip": "192.0.2.1",
}
"""Class of a string -> its one stand-in, whoever the owner is."""

NUMBER_CONSTANTS = {"day": 1, "month": 1, "year": 1901, "expiry_month": 12, "expiry_year": 2034}
"""Class of an integer -> its one stand-in."""

CONSTANT_KINDS: frozenset[str] = frozenset(CONSTANTS) | frozenset(NUMBER_CONSTANTS)
"""Classes whose stand-in says nothing about the owner either."""

FIRST_TIME, TIMES = 1_000_000_000, 1_000_000_000
PLAIN_INTS = 10_000

_SLOT_KINDS = {
    "email": "email",
    "receipt_email": "email",
    "name": "name",
    "phone": "phone",
    "line1": "line",
    "line2": "line",
    "postal_code": "postal_code",
    "last4": "last4",
    "client_secret": "secret",
    "hosted_invoice_url": "url",
    "invoice_pdf": "url",
    "receipt_url": "url",
}
"""Last name of a slot -> class, for slots whose name says it. The policy's data agree with it."""

_SEEDED_FORMS = {
    "email": "redacted+{:.16}@example.com",
    "url": "https://redacted.invalid/{:.16}",
    "path": "/v1/redacted/{:.16}",
    "secret": "REDACTED_SECRET_{:.16}",
    "key": "redacted_{:.8}",
    "account": "acct-{:.16}",
}

GENERATED = re.compile(r"[a-z][a-z0-9_]*_[A-Za-z0-9]{8,}")
"""What a generated ID looks like in a text, whatever its prefix."""
_MASKED_TAIL = re.compile(r"Redacted[0-9a-f]{16}\Z")

STAND_IN = re.compile(
    r"redacted[+ ][0-9a-f]{16}@example\.com"
    r"|https://redacted\.invalid/[0-9a-f]{16}"
    r"|/v1/redacted/[0-9a-f]{16}"
    r"|REDACTED_SECRET_[0-9a-f]{16}"
    r"|redacted_[0-9a-f]{8}"
    r"|[a-z][a-z0-9_]*_Redacted[0-9a-f]{16}"
    r"|acct-[0-9a-f]{16}"
    r"|Redacted[ +][0-9a-f]{8}"
    r"|Redacted message(?: \([a-z0-9_.-]{1,64}\))?"
    r"|" + "|".join(re.escape(constant).replace(r"\+", "[+ ]") for constant in CONSTANTS.values()),
    re.IGNORECASE,
)
"""Every stand-in string that is longer than a word; form data reads a plus as a blank."""


def pseudonym(
    owner: str, slot: str, kind: str | None = None, *, policy: str = DEFAULT_POLICY
) -> str:
    """The stand-in that a recording has for one value of one owner.

    Args:
        owner: ID of the object whose value it is, such as ``cus_…``.
        slot: where the owner keeps it: ``email``, ``address/line1``, ``metadata/order``.
        kind: the value's class; by default what the slot's last name says, else ``text``.
        policy: name of the policy that it was redacted under.
    """
    if kind is None:
        kind = _SLOT_KINDS.get(slot.rpartition("/")[2], "text")
    return str(stand_in(owner, slot, kind, policy=policy))


def stand_in(
    owner: str, slot: str, kind: str, *, policy: str = DEFAULT_POLICY
) -> str | int | float:
    """As `pseudonym`, with numbers as numbers: of classes `int`, `time`, `float`, `month`, …"""
    if kind in CONSTANTS:
        return CONSTANTS[kind]
    if kind in NUMBER_CONSTANTS:
        return NUMBER_CONSTANTS[kind]
    digest = _digest(policy, owner, slot)
    if kind in _SEEDED_FORMS:
        return _SEEDED_FORMS[kind].format(digest)
    # Plain numbers stay short and times keep ten digits: a second redaction sees the same class.
    seed = int(digest, 16)
    match kind:
        case "int" | "integer":
            number = seed % PLAIN_INTS
            return number if kind == "int" else str(number)
        case "time":
            return FIRST_TIME + seed % TIMES
        case "float":
            return seed % PLAIN_INTS + 0.5
        case "decimal":
            return f"{seed % PLAIN_INTS}.5"
        case _:
            return f"Redacted {digest[:8]}"


def is_masked(id: str) -> bool:
    """Whether an ID is the pseudonym of one."""
    return bool(_MASKED_TAIL.match(id.rpartition("_")[2]))


def masked_id(id: str) -> str:
    """The pseudonym of a generated ID: same prefix, recognisable, itself for a pseudonym."""
    prefix = id.rpartition("_")[0]
    return id if is_masked(id) else f"{prefix}_Redacted{_sha256('id', prefix, id)}"


def _canonical(owner: str) -> str:
    # Whether a recording shows the IDs or their pseudonyms, other values' stand-ins are the same.
    return GENERATED.sub(lambda found: masked_id(found[0]), owner)


def account_label(account: str) -> str:
    """The stand-in of a ``Stripe-Account`` or ``Stripe-Context`` value; safe as a folder name."""
    return pseudonym(account, "account", "account")


def _digest(policy: str, owner: str, slot: str) -> str:
    return _sha256(policy, _canonical(owner), slot)


def _sha256(*parts: str) -> str:
    # Lengths make the parts unambiguous, whatever they contain; a lone surrogate is a legal owner.
    seed = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(seed.encode("utf-8", "surrogatepass")).hexdigest()[:16]
