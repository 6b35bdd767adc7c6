"""The gate: the last check before a text is written to disk.

It searches the finished text for every value that the redactor replaced, and for every form of
secret, in many encodings. It trusts neither the redactor nor the policy: a mistake of theirs ends
in an error here, and nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any, NoReturn

from replay.errors import LeakFound
from replay.redaction.encodings import searchable, views
from replay.redaction.policy import default_policy
from replay.redaction.policy_files import KEPT_KINDS, REPLACED_KINDS
from replay.redaction.pseudonyms import STAND_IN
from replay.redaction.redactor import Original
from replay.redaction.secrets import find_secrets

SHORTEST = 6
"""Originals with fewer characters are not searched for: they occur in any text by chance."""

_FRAME_WORDS = (
    "# replay cassette 1 sha256:", "interactions:", "recorded_at:", "response:", "request:",
    "headers:", "method:", "status:", "message:", "string:", "redacted:", "policy:", "resource:",
    "parents:", "account:", "api_version:", "version:", "source:", "batch:", "Stripe-Version",
    "unconfirmed:", "equal_values:",
    "Content-Type", "Request-Id", "Retry-After", "Stripe-Should-Retry", "application/json",
    "charset=utf-8", "api.stripe.com", "localhost", "unversioned", "Too Many Requests",
    "Bad Request", "Unauthorized", "Payment Required", "Forbidden", "Not Found", "Conflict",
)  # fmt: skip
"""Words that occur in every cassette."""

_FRAME_FORMS = re.compile(
    r"\d{4}-\d\d-\d\dt\d\d:\d\d:\d\dz"
    r"|sha256:[0-9a-f]{12,64}|batch: '?[0-9a-f]{8,64}|req_replay[0-9a-f]{10}"
)
"""Values that replay makes itself: times, digests, batches, request IDs. Compared in lower case."""

_NEAR = 100  # characters around a hit; no form is longer


def gate(
    final_text: str,
    skeleton: str,
    originals: Iterable[Original],
    *,
    kept: Collection[str],
    where: str,
) -> None:
    """Raise if a text must not be written.

    Args:
        final_text: the exact text about to be written. It is searched for every form of secret.
        skeleton: the same text, with each body reduced to its `stand_ins`. It is searched for every
            original of 6 characters or more, in every encoding that `encodings.views` undoes.
        originals: the values that the redactor replaced.
        kept: the words that are public in this file: the `public_words` of its bodies, and the IDs
            and the version of the call key. An original that equals one, or is found inside one, is
            not a leak.
        where: names the file in the error.

    Raises:
        LeakFound: names the value's pointer and class, or the form of secret; never the value.
    """
    for hit in find_secrets(final_text):
        raise LeakFound(
            f"a secret ({hit.id}) would have been written",
            where=where,
            hint="nothing was written; please report this: a policy kept what it must not",
            kind=hit.id,
        )
    public = {word.casefold() for word in kept} | _api_words()
    searched = _searched(originals, public)
    if not searched:
        return
    from ahocorasick_rs import AhoCorasick

    search, owners = AhoCorasick(list(searched)), list(searched.values())
    needles = list(searched)
    hosts: dict[str, list[str]] = {}
    for view in views(skeleton):
        text = searchable(view.casefold())
        for index, start, end in search.find_matches_as_indexes(text, overlapping=True):
            needle = needles[index]
            if _inside_number(needle, text, start, end) or _in_form(text, start, end):
                continue
            if needle not in hosts:
                hosts[needle] = [word for word in public if needle in word]
            if not any(_covers(word, needle, text, start) for word in hosts[needle]):
                _refuse(owners[index], where)


def stand_ins(body: Any, redacted: Mapping[str, str]) -> list[Any]:
    """The stand-ins in a redacted body: replaced leaves and renamed keys.

    Args:
        body: the redacted body.
        redacted: JSON pointer -> class of each stand-in. The result has the same order.
    """
    found: list[Any] = []
    for pointer, kind in redacted.items():
        steps = pointer.split("/")[1:]
        if kind.startswith("key"):
            found.append(steps[-1])
        if kind != "key":
            value = body
            for step in steps:
                value = value[int(step) if isinstance(value, list) else step]
            found.append(value)
    return found


def public_words(body: Any, redacted: Mapping[str, str]) -> set[str]:
    """The strings of a redacted body that the policy kept: keys and leaves.

    Args:
        body: the redacted body.
        redacted: JSON pointer -> class of each stand-in.
    """
    words: set[str] = set()
    stack = [("", body)]
    while stack:
        pointer, value = stack.pop()
        if isinstance(value, dict):
            for key, child in value.items():
                if not redacted.get(f"{pointer}/{key}", "").startswith("key"):
                    words.add(key)
                stack.append((f"{pointer}/{key}", child))
        elif isinstance(value, list):
            stack += [(f"{pointer}/{index}", child) for index, child in enumerate(value)]
        elif isinstance(value, str) and pointer not in redacted:
            words.add(value)
    return words


@cache
def _api_words() -> frozenset[str]:
    """The words that are public in every cassette, in lower case."""
    policy = {*KEPT_KINDS, *REPLACED_KINDS, *default_policy().vocabulary}
    return frozenset(word.casefold() for word in (*policy, *_FRAME_WORDS))


def _searched(originals: Iterable[Original], public: Collection[str]) -> dict[str, Original]:
    """The originals to search for, by their text in lower case."""
    searched = {}
    for original in originals:
        text = searchable(str(original.value).casefold())
        # A line of dashes or blanks tells nobody anything, and occurs in every file.
        telling = not text.isascii() or any(map(str.isalnum, text))
        if len(text) >= SHORTEST and telling and text not in public:
            searched[text] = original
    return searched


def _inside_number(needle: str, text: str, start: int, end: int) -> bool:
    """Whether a hit of digits is only a part of a longer number."""
    return needle.isdecimal() and (
        text[start - 1 : start].isdecimal() or text[end : end + 1].isdecimal()
    )


def _in_form(text: str, start: int, end: int) -> bool:
    """Whether a hit is inside a stand-in, or inside a value that replay made itself."""
    low, high = max(0, start - _NEAR), end + _NEAR
    return any(
        form.start() <= start and end <= form.end()
        for forms in (STAND_IN, _FRAME_FORMS)
        for form in forms.finditer(text, low, high)
    )


def _covers(word: str, needle: str, text: str, start: int) -> bool:
    """Whether a hit is part of a public word at that place in the text."""
    offset = word.find(needle)
    while offset >= 0:
        if text.startswith(word, start - offset) and start >= offset:
            return True
        offset = word.find(needle, offset + 1)
    return False


def _refuse(original: Original, where: str) -> NoReturn:
    raise LeakFound(
        f"the replaced value of {original.pointer or 'the body'} ({original.kind}) would have"
        " been written",
        where=where,
        hint="nothing was written; please report this, with the pointer but without the value",
        pointer=original.pointer,
        kind=original.kind,
    )
