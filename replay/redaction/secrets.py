"""Finds Stripe's secrets in a text: plain, or inside another encoding. Pure; no I/O.

Every form of secret contains a fixed word, such as ``sk_live_``. One pass of a multi-pattern search
finds these words, plain, in base64 at its three offsets and in hex. Regular expressions are tried
only around those hits.
"""

from __future__ import annotations

import base64
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from replay.redaction.encodings import base64_views, hex_views, searchable, unescaped

if TYPE_CHECKING:
    from ahocorasick_rs import AhoCorasick

_ESCAPES = re.compile(r"[%\\&]")
_START = r"(?<![A-Za-z0-9])"


@dataclass(frozen=True, slots=True)
class SecretPattern:
    """One form of secret.

    Attributes:
        id: its name, such as ``secret-key``.
        regex: its form in plain text.
        words: fixed words; each match contains at least one of them.
        identifying: whether it only identifies an account or a request and gives access to nothing;
            the gate lets it pass.
    """

    id: str
    regex: re.Pattern[str]
    words: tuple[str, ...]
    identifying: bool = False


@dataclass(frozen=True, slots=True)
class SecretHit:
    """One secret that was found.

    Attributes:
        id: the pattern's name.
        start: where the secret starts in the text; if it is encoded, where the encoded run starts.
    """

    id: str
    start: int


def _pattern(id: str, regex: str, *words: str, identifying: bool = False) -> SecretPattern:
    return SecretPattern(id, re.compile(regex), words, identifying)


SECRET_PATTERNS: tuple[SecretPattern, ...] = (
    _pattern(
        "secret-key",
        _START + r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9*]{10,}",
        *("sk_live_", "sk_test_", "rk_live_", "rk_test_"),
    ),
    _pattern("organisation-key", _START + r"sk_org_(?:live_|test_)?[A-Za-z0-9]{10,}", "sk_org_"),
    _pattern(
        "publishable-key",
        _START + r"(?:pk|uk)_(?:live|test)_[A-Za-z0-9]{10,}",
        *("pk_live_", "pk_test_", "uk_live_", "uk_test_"),
    ),
    _pattern(
        "ephemeral-key",
        _START + r"(?:ek|pst)_(?:live|test)_[A-Za-z0-9,_+/=-]{10,}",
        *("ek_live_", "ek_test_", "pst_live_", "pst_test_"),
    ),
    _pattern("webhook-secret", _START + r"whsec_[A-Za-z0-9+/=]{10,}", "whsec_"),
    _pattern(
        "client-secret",
        # A digit or capital tells a secret from a name such as `client_secret_basic_method`.
        r"[A-Za-z0-9]_secret_{1,2}(?:live_|test_)?(?=[a-z]*[0-9A-Z])[A-Za-z0-9]{8,}",
        "_secret_",
    ),
    _pattern("oauth-code", _START + r"(?:ac|rt)_[A-Za-z0-9]{24,}", "ac_", "rt_"),
    _pattern(
        "private-url",
        r"https?://(?:invoice|pay|payments|dashboard|hooks|checkout|billing|buy|connect|files"
        r"|receipts?|verify)\.stripe\.com/[^\s\"'<>\\]{4,}",
        ".stripe.com",
    ),
    _pattern(
        "request-id", _START + r"req_(?!replay)[A-Za-z0-9]{14,}", "req_", identifying=True
    ),
)  # fmt: skip
"""All forms, most specific first. IDs such as ``acct_…`` are not secrets: recordings keep them."""

_WINDOW_BEFORE, _WINDOW_AFTER = 64, 512
_RUN = 8192
_DENSE = {
    "base64": (string.ascii_letters + string.digits + "+/_-", base64_views),
    "hex": (string.hexdigits, hex_views),
}
_DEPTH = 3


def find_secrets(
    text: str, *, identifying: bool = False, _depth: int = _DEPTH
) -> Iterator[SecretHit]:
    """Find secrets in a text: plain, encoded for URLs, JSON or HTML, in base64 or hex, nested too.

    Args:
        text: any text.
        identifying: also yield forms that only identify, such as request IDs.
    """
    text = searchable(text)
    hits = dict.fromkeys(_plain_and_runs(text, identifying, _depth))
    if _depth and _ESCAPES.search(text):
        for token in re.finditer(r"[^\s\"'<>]+", text):
            decoded = unescaped(token[0])
            if decoded != token[0]:
                for inner in find_secrets(decoded, identifying=identifying, _depth=_depth - 1):
                    hits[SecretHit(inner.id, token.start())] = None
    yield from sorted(hits, key=lambda hit: hit.start)


def is_secret(text: str) -> bool:
    """Whether any part of the text is a secret; forms that only identify do not count."""
    text = searchable(text)
    if not (_ESCAPES.search(text) or _words()[0].find_matches_as_indexes(text)):
        return False  # the usual answer, and this is asked for every value that is kept
    return next(find_secrets(text), None) is not None


def _plain_and_runs(text: str, identifying: bool, depth: int) -> Iterator[SecretHit]:
    """Secrets around the fixed words of a text, plain or in a run of base64 or hex."""
    search, meanings = _words()
    done: set[tuple[str, int]] = set()
    for word, start, _ in search.find_matches_as_indexes(text, overlapping=True):
        encoding, patterns = meanings[word]
        if encoding == "plain":
            low, high = max(0, start - _WINDOW_BEFORE), start + _WINDOW_AFTER
            for pattern in patterns:
                if identifying or not pattern.identifying:
                    for found in pattern.regex.finditer(text, low, high):
                        yield SecretHit(pattern.id, found.start())
            continue
        alphabet, read = _DENSE[encoding]
        before = text[max(0, start - _RUN) : start]
        after = text[start : start + _RUN]
        first = start - len(before) + len(before.rstrip(alphabet))
        if (encoding, first) not in done:
            done.add((encoding, first))
            run = text[first : start + len(after) - len(after.lstrip(alphabet))]
            for view in read(run):
                for hit in find_secrets(view, identifying=identifying, _depth=depth):
                    yield SecretHit(hit.id, first)


@cache
def _words() -> tuple[AhoCorasick, list[tuple[str, tuple[SecretPattern, ...]]]]:
    """The search for all fixed words, and what each means: its encoding and its patterns."""
    from ahocorasick_rs import AhoCorasick

    needles: dict[str, tuple[str, tuple[SecretPattern, ...]]] = {}
    for pattern in SECRET_PATTERNS:
        for word in pattern.words:
            needles[word] = ("plain", (*needles.get(word, ("", ()))[1], pattern))
            if len(word) < 6:
                continue  # too short to be recognised in base64
            raw = word.encode()
            for offset in range(3):
                # Cut off the characters that share bits with unknown neighbours.
                coded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
                first = (0, 2, 3)[offset]
                last = len(coded) - bool((offset + len(raw)) % 3)
                needles[coded[first:last]] = ("base64", ())
            needles[raw.hex()] = needles[raw.hex().upper()] = ("hex", ())
    return AhoCorasick(list(needles)), list(needles.values())
