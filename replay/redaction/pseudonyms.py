"""Stand-ins for redacted values, made from whose value it is and never from the value itself.

A stand-in is a digest of (policy name, owner, slot) in the form of its class. So there is no key to
keep, and nothing about the value to guess. The same owner and slot give the same stand-in on every
machine and in every re-recording. Classes with a short or fixed format (a postal code, the last
four digits of a card) have one constant stand-in each: there, the digests of two owners could
collide, and a stand-in could not be told from a real value.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable

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
"""Class of a string -> its one stand-in, the same for every owner."""

NUMBER_CONSTANTS = {"day": 1, "month": 1, "year": 1901, "expiry_month": 12, "expiry_year": 2034}
"""Class of an integer -> its one stand-in."""

CONSTANT_KINDS: frozenset[str] = frozenset(CONSTANTS) | frozenset(NUMBER_CONSTANTS)
"""Classes whose stand-in does not depend on the owner."""

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
"""Last name of a slot -> class, for slots whose name tells the class. The policy's files agree."""

_SEEDED_FORMS = {
    "email": "redacted+{:.16}@example.com",
    "url": "https://redacted.invalid/{:.16}",
    "path": "/v1/redacted/{:.16}",
    "secret": "REDACTED_SECRET_{:.16}",
    "key": "redacted_{:.8}",
    "account": "acct-{:.16}",
    "page": "page_Redacted{:.16}",
}

PAGE = re.compile(r"page_Redacted[0-9a-f]{16}")
"""The stand-in of a page token."""

GENERATED = re.compile(r"[a-z][a-z0-9_]*_[A-Za-z0-9]{8,}")
"""A generated ID in a text, with any prefix."""
CHOSEN = "chosen"
"""The prefix of a stand-in for a chosen ID that has none."""
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
"""Any stand-in that is a string, but for numbers in strings. In form data a plus is a blank."""


def pseudonym(
    owner: str, slot: str, kind: str | None = None, *, policy: str = DEFAULT_POLICY
) -> str:
    """The stand-in that a recording has for one value of one owner.

    Args:
        owner: ID of the object whose value it is, such as ``cus_…``.
        slot: the field of the owner: ``email``, ``address/line1``, ``metadata/order``.
        kind: the value's class; by default the one that the slot's last name tells, else ``text``.
        policy: the name of the policy that it was redacted under.
    """
    if kind is None:
        kind = _SLOT_KINDS.get(slot.rpartition("/")[2], "text")
    return str(stand_in(owner, slot, kind, policy=policy))


def stand_in(
    owner: str, slot: str, kind: str, *, policy: str = DEFAULT_POLICY
) -> str | int | float:
    """Like `pseudonym`, but numbers are numbers: for classes such as `int`, `time` and `month`."""
    if kind in CONSTANTS:
        return CONSTANTS[kind]
    if kind in NUMBER_CONSTANTS:
        return NUMBER_CONSTANTS[kind]
    digest = _digest(policy, owner, slot)
    if kind in _SEEDED_FORMS:
        return _SEEDED_FORMS[kind].format(digest)
    # Plain numbers stay short and times have ten digits, so that a second redaction sees the same
    # class.
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


def request_id(owner: str, version: str, expand: Iterable[str]) -> str:
    """The stand-in of an answer's ``Request-Id``: it tells people which recording answered.

    Args:
        owner: the call key's seed.
        version: the API version that answered.
        expand: the names to expand.
    """
    seed = f"{owner}\0{version}\0{','.join(expand)}"
    return "req_replay" + hashlib.sha256(seed.encode()).hexdigest()[:10]


def is_masked(id: str) -> bool:
    """Whether an ID is a pseudonym."""
    return bool(_MASKED_TAIL.match(id.rpartition("_")[2]))


def masked_id(id: str) -> str:
    """The pseudonym of a generated ID, with the same prefix; a pseudonym stays as it is."""
    prefix = id.rpartition("_")[0]
    return id if is_masked(id) else f"{prefix}_Redacted{_sha256('id', prefix, id)}"


def chosen_stand_in(id: str, prefixes: Collection[str]) -> str:
    """The stand-in of an ID that a person chose: the same everywhere, with a known prefix only."""
    prefix = id.rpartition("_")[0]
    known = prefix if prefix in prefixes else CHOSEN
    return f"{known}_Redacted{_sha256('chosen', id)}"


def _canonical(owner: str) -> str:
    """The owner with pseudonyms for its IDs."""
    # So that stand-ins are the same, whether a recording holds the IDs or their pseudonyms.
    return GENERATED.sub(lambda found: masked_id(found[0]), owner)


def account_label(account: str) -> str:
    """The stand-in of a ``Stripe-Account`` or ``Stripe-Context`` value; safe as a folder name."""
    return pseudonym(account, "account", "account")


def _digest(policy: str, owner: str, slot: str) -> str:
    return _sha256(policy, _canonical(owner), slot)


def _sha256(*parts: str) -> str:
    # The lengths keep apart what the parts alone would not: ("a", "bc") and ("ab", "c"). An owner
    # may hold a lone surrogate.
    seed = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(seed.encode("utf-8", "surrogatepass")).hexdigest()[:16]
