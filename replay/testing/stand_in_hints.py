"""A failed comparison with a private value: the hint that the recording has a stand-in for it.

It is the first thing that users with existing suites meet, while they record. The look of the text
in the error decides: only forms that no other text has, so that the hint is never wrong.
"""

from __future__ import annotations

import re

_STAND_IN = re.compile(
    r"redacted\+[0-9a-f]{16}@example\.com|https://redacted\.invalid/[0-9a-f]{16}"
    r"|REDACTED_SECRET_[0-9a-f]{16}|\bRedacted [0-9a-f]{8}\b"
)
_MOST_READ = 100_000


def stand_in_text(raised: BaseException) -> str:
    """What to tell below a failed assertion that shows a stand-in; empty if it shows none."""
    if not isinstance(raised, AssertionError):
        return ""
    found = _STAND_IN.search(str(raised)[:_MOST_READ])
    if found is None:
        return ""
    return (
        f"{found[0]} is a stand-in for a private value, which recordings do not hold. A test\n"
        "sees it while recording too, so that it passes offline as it does now.\n"
        'Compare with replay.pseudonym(OWNER, "email") or with what is not private, or keep the\n'
        "field in replay-policy.toml and record again: docs/redaction.md, Why is this value a "
        "stand-in?"
    )
