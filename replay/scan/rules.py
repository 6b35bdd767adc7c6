"""The scanner's rules as data: what each finds, how sure it is, and the fix."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b


class Confidence(StrEnum):
    """How sure a rule is. A ``note`` never fails a run."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 is the surest."""
        return list(Confidence).index(self)


@dataclass(frozen=True, slots=True)
class ScanRule:
    """One rule of the scanner.

    Attributes:
        id: its name in reports and ignore files.
        confidence: how sure a hit of it is.
        title: the finding, as a noun phrase.
        fix: what to do about it, one sentence.
    """

    id: str
    confidence: Confidence
    title: str
    fix: str


_ROLL = "Roll it in the Stripe dashboard, then remove it from the file and from the git history."
_RECORD = "Record the call with replay, whose cassettes are redacted, and delete this recording."

RULES: dict[str, ScanRule] = {
    rule.id: rule
    for rule in (
        ScanRule("secret-key", Confidence.HIGH, "a secret or restricted API key", _ROLL),
        ScanRule("organisation-key", Confidence.HIGH, "an organisation API key", _ROLL),
        ScanRule(
            "publishable-key", Confidence.MEDIUM, "a publishable key, which names the account",
            "Public by design; remove it if the account should not be known.",
        ),
        ScanRule("ephemeral-key", Confidence.HIGH, "an ephemeral key or terminal token", _ROLL),
        ScanRule("webhook-secret", Confidence.HIGH, "a webhook signing secret", _ROLL),
        ScanRule(
            "client-secret", Confidence.HIGH, "a client secret, which can complete a payment",
            "Remove it from the file and the history; cancel the object it belongs to.",
        ),
        ScanRule("oauth-code", Confidence.HIGH, "an OAuth code or refresh token", _ROLL),
        ScanRule(
            "private-url", Confidence.HIGH,
            "a hosted page that opens for anyone who has its address",
            "Remove the address from the file and the history.",
        ),
        ScanRule(
            "request-id", Confidence.LOW, "a request ID, which identifies the account's log line",
            "Remove it, or replace it with one that was never sent.",
        ),
        ScanRule(
            "private-field", Confidence.MEDIUM, "a recorded field that the policy would redact",
            _RECORD,
        ),
        ScanRule(
            "private-parameter", Confidence.MEDIUM, "a recorded parameter that is private", _RECORD
        ),
        ScanRule(
            "machine-name", Confidence.MEDIUM,
            "the name of a developer's machine, sent by a client",
            "Record the call with replay, which keeps no such header, or remove it from the file.",
        ),
        ScanRule(
            "email-address", Confidence.LOW, "an email address in a recording",
            _RECORD,
        ),
        ScanRule(
            "unproven-leaf", Confidence.HIGH,
            "a value in a recording that the policy does not keep and the file does not list",
            "replay seal --redact PATH, or record it again.",
        ),
        ScanRule(
            "forged-stand-in", Confidence.HIGH,
            "a value listed as redacted that is not the stand-in which belongs there",
            "replay seal --redact PATH, or record it again.",
        ),
        ScanRule(
            "unknown-stand-in", Confidence.MEDIUM,
            "a stand-in that the policy in force does not make; the cassette's own is not at hand",
            "replay seal --redact PATH, or record it again.",
        ),
        ScanRule(
            "damaged-cassette", Confidence.HIGH, "a cassette that cannot be read, so not proven",
            "Restore it, or accept an edit with replay seal PATH after reading it.",
        ),
        ScanRule(
            "policy-behind", Confidence.NOTE, "a cassette redacted under another policy",
            "replay seal --redact PATH applies what became stricter.",
        ),
        ScanRule(
            "unknown-version", Confidence.NOTE,
            "a version that names a train or a beta which this release does not know",
            "Check that a client asked for it: any word could be there.",
        ),
        ScanRule(
            "unknown-name", Confidence.NOTE,
            "the name of a field or a host that this release does not know",
            "Check that Stripe sends the field, or that the host is yours: any word may be there.",
        ),
        ScanRule(
            "newly-kept", Confidence.NOTE, "a field whose values no cassette kept before",
            "Check that the policy means to keep it.",
        ),
        ScanRule(
            "policy-loosened", Confidence.HIGH, "a change that keeps or accepts more than before",
            "Have the owners of the policy review it, and merge it before what needs it.",
        ),
        ScanRule(
            "unread-file", Confidence.MEDIUM, "a file that cannot be searched",
            "Search it by hand and accept it in the ignore file, or keep it out of the repository.",
        ),
    )
}  # fmt: skip
"""All rules, by ID."""


_KEY = os.urandom(16)


def digest_of(value: str | bytes) -> bytes:
    """A digest of a value that was found, to compare it with others in this process.

    Its key is random and never leaves the process, so that nobody can guess values by it.
    """
    raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return blake2b(raw, digest_size=16, key=_KEY).digest()


@dataclass(frozen=True, slots=True)
class Hit:
    """One place where a rule found something. It never holds the value that was found.

    Attributes:
        path: the file, as it was named.
        line: the line, from 1; 0 where it is not known.
        rule: the rule's ID.
        pointer: where in a recording: ``interactions/0 /customer_email``; empty in plain text.
        detail: more for people, such as the field's name.
        inside: the member of an archive that it is in; empty for the file itself.
        version: the blob or commit in the history that it is in, or ``staged`` for git's index;
            empty for a file on disk.
        digest: of the value, see `digest_of`; empty where there is no value.
    """

    path: str
    line: int
    rule: str
    pointer: str = ""
    detail: str = ""
    inside: str = ""
    version: str = ""
    digest: bytes = field(default=b"", repr=False)

    @property
    def confidence(self) -> Confidence:
        """The confidence of its rule."""
        return RULES[self.rule].confidence

    @property
    def field(self) -> str:
        """The field or kind of thing that it is about: the same for all such places."""
        steps = self.pointer.rpartition(" ")[2].split("/")
        return "/".join(step for step in steps if not step.isdecimal()) or self.detail
