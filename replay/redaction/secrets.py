"""Finds Stripe's secrets in a text: plain, or inside another encoding. Pure; no I/O.

Every form of secret contains a fixed word, such as ``sk_live_``. One pass of a multi-pattern search
finds these words, plain, in base64 at its three offsets and in hex. Regular expressions are tried
only at those hits. No stretch of a text is read twice for the same pattern or encoding, so the time
grows with the text's length, whatever it holds.
"""

from __future__ import annotations

import base64
import html
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from replay.redaction.encodings import (
    base32_views,
    base64_views,
    hex_views,
    json_unescaped,
    searchable,
    unescaped,
)

if TYPE_CHECKING:
    from ahocorasick_rs import AhoCorasick

_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ENTITY = re.compile(r"&(?:#[0-9A-Fa-fxX]+;?|[A-Za-z][A-Za-z0-9]*;)")
_ESCAPES = re.compile(
    rf"{_PERCENT.pattern}|{_ENTITY.pattern}" r"|\\(?:u[0-9A-Fa-f]{4}|[\"\\/bfnrt])"
)
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
        lead: what a match may hold before its word; at most `_MOST_LEAD` characters.
    """

    id: str
    regex: re.Pattern[str]
    words: tuple[str, ...]
    identifying: bool = False
    lead: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class SecretHit:
    """One secret that was found.

    Attributes:
        id: the pattern's name.
        start: where the secret starts in the text; if it is encoded, where the encoded run starts.
        value: the secret itself, decoded; for comparing in memory alone.
    """

    id: str
    start: int
    value: str = field(default="", repr=False)


def _pattern(
    id: str, regex: str, *words: str, identifying: bool = False, lead: str = ""
) -> SecretPattern:
    before = re.compile(rf"(?:{lead})\Z") if lead else None
    return SecretPattern(id, re.compile(regex), words, identifying, before)


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
        lead="[A-Za-z0-9]",
    ),
    _pattern("oauth-code", _START + r"(?:ac|rt)_[A-Za-z0-9]{24,}", "ac_", "rt_"),
    _pattern(
        "private-url",
        r"https?://(?:invoice|pay|payments|dashboard|hooks|checkout|billing|buy|connect|files"
        r"|receipts?|verify)\.stripe\.com/[^\s\"'<>\\\x7f-\U0010ffff]{4,}",
        ".stripe.com",
        lead="https?://[a-z]+",
    ),
    _pattern(
        "request-id", _START + r"req_(?!replay)[A-Za-z0-9]{14,}", "req_", identifying=True
    ),
)  # fmt: skip
"""All forms, most specific first. IDs such as ``acct_…`` are not secrets: recordings keep them."""

_MASKED = re.compile(r"[sr]k_(?:live|test)_[A-Za-z0-9]{0,8}\*{4,}[A-Za-z0-9]{0,4}\Z")
_MOST_LEAD = 24
_MOST_AT_ONCE, _OVERLAP = 64 * 1024, 4096
"""Characters of a run that are decoded at once, and how many of them again with the next ones."""


class _Dense(NamedTuple):
    """An encoding whose text is one run of characters."""

    alphabet: str
    run: re.Pattern[str]
    read: Callable[[str], Iterator[str]]


_DENSE = {
    "base64": _Dense(
        string.ascii_letters + string.digits + "+/_-", re.compile("[A-Za-z0-9+/_-]*"), base64_views
    ),
    "hex": _Dense(string.hexdigits, re.compile("[0-9A-Fa-f]*"), hex_views),
    "base32": _Dense(string.ascii_letters + "234567", re.compile("[A-Za-z2-7]*"), base32_views),
}
_DEPTH = 3
_TOKEN = re.compile(r"[^\s\"'<>]+")
_USUAL_ESCAPES = (('\\"', '"'), ("\\n", "\n"), ("\\/", "/"))


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
        known = {(hit.id, hit.value) for hit in hits}
        hidden = {
            (hit.id, hit.value)
            for hit in find_secrets(_unescaped(text), identifying=identifying, _depth=_depth - 1)
        } - known
        if hidden:  # seldom: it is looked for token by token, which tells its place
            hits.update(dict.fromkeys(_in_tokens(text, hidden, identifying, _depth - 1)))
    yield from sorted(hits, key=lambda hit: hit.start)


def _unescaped(text: str) -> str:
    """A whole text with its escapes decoded; faster than `unescaped` and less exact."""
    if "\\" in text:
        for escape, meant in _USUAL_ESCAPES:
            text = text.replace(escape, meant)
    text = _PERCENT.sub(lambda run: unquote(run[0], errors="replace"), json_unescaped(text))
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)


def _in_tokens(
    text: str, wanted: set[tuple[str, str]], identifying: bool, depth: int
) -> Iterator[SecretHit]:
    """The wanted secrets, by pattern and value, where the escapes of a token hide them."""
    missing = set(wanted)
    for token in _TOKEN.finditer(text):
        decoded = unescaped(token[0])
        if decoded != token[0]:
            for inner in find_secrets(decoded, identifying=identifying, _depth=depth):
                missing.discard((inner.id, inner.value))
                if (inner.id, inner.value) in wanted:
                    yield SecretHit(inner.id, token.start(), inner.value)
    for id, value in missing:
        yield SecretHit(id, 0, value)


def is_masked_key(secret: str) -> bool:
    """Whether a secret is a key as Stripe's messages show it, mostly hidden: ``sk_test_****Ab1C``.

    The gate takes it for a key all the same, because replay never writes it.
    """
    return _MASKED.match(secret) is not None


def is_placeholder(id: str, value: str) -> bool:
    """Whether a match of a pattern only stands for a secret, or is a word of a program.

    Documentation writes ``sk_live_xxxxxxxxxxxx``; a page of Stripe's that anybody may see has no ID
    in its address; and ``create_secret_version2`` is a name. The gate does not ask: replay writes
    none of them.

    Args:
        id: the pattern's name.
        value: the match.
    """
    if id == "private-url":
        return _PAGE_ID.search(value.partition("://")[2].partition("/")[2]) is None
    tail = value.rpartition("_")[2]
    if len(set(tail.lower())) <= _FEW:
        return True
    return id == "client-secret" and _NAME.fullmatch(tail) is not None


_FEW = 3
_NAME = re.compile(r"(?=.{8,19}\Z)[a-z]*[0-9]{0,4}[a-z]*")
_PAGE_ID = re.compile(r"(?=[A-Za-z_-]*[0-9A-Z])[A-Za-z0-9_-]{10,}")


def is_secret(text: str) -> bool:
    """Whether any part of the text is a secret; forms that only identify do not count."""
    text = searchable(text)
    if not (_ESCAPES.search(text) or _words()[0].find_matches_as_indexes(text)):
        return False  # the usual answer, and this is asked for every value that is kept
    return next(find_secrets(text), None) is not None


def _plain_and_runs(text: str, identifying: bool, depth: int) -> Iterator[SecretHit]:
    """Secrets around the fixed words of a text, plain or in a run of base64 or hex."""
    search, meanings = _words()
    ends: dict[str, int] = {}  # pattern or encoding -> end of what it has read
    runs: dict[str, int] = {}  # encoding -> start of the run that it reads
    run_ends: dict[str, int] = {}
    for word, start, _ in search.find_matches_as_indexes(text, overlapping=True):
        encoding, patterns = meanings[word]
        if encoding == "plain":
            for pattern in patterns:
                if start >= ends.get(pattern.id, 0) and (identifying or not pattern.identifying):
                    found = _match(pattern, text, start)
                    if found is not None:
                        ends[pattern.id] = found.end()
                        yield SecretHit(pattern.id, found.start(), found[0])
        elif start >= ends.get(encoding, 0):
            dense = _DENSE[encoding]
            if start >= run_ends.get(encoding, 0):
                runs[encoding] = _start_of_run(dense.alphabet, text, start)
                run_ends[encoding] = dense.run.match(text, start).end()  # type: ignore[union-attr]
            first, end = runs[encoding], min(run_ends[encoding], start + _MOST_AT_ONCE)
            # A word near the end is read again, with what follows it.
            ends[encoding] = end if end == run_ends[encoding] else end - _OVERLAP
            for view in dict.fromkeys(dense.read(text[max(first, start - _OVERLAP) : end])):
                view = view.replace("\0", "") if "\0" in view else view  # UTF-16
                for hit in find_secrets(view, identifying=identifying, _depth=depth):
                    yield SecretHit(hit.id, first, hit.value)


def _start_of_run(alphabet: str, text: str, inside: int) -> int:
    """Where the run of an alphabet's characters starts that a place is in."""
    length = 256
    while True:
        start = max(0, inside - length)
        before = text[start:inside].rstrip(alphabet)
        if before or not start:
            return start + len(before)
        length *= 4


def _match(pattern: SecretPattern, text: str, start: int) -> re.Match[str] | None:
    """A match whose fixed word starts at a place."""
    if pattern.lead is not None:
        before = pattern.lead.search(text, max(0, start - _MOST_LEAD), start)
        if before is None:
            return None
        start = before.start()
    return pattern.regex.match(text, start)


@cache
def _words() -> tuple[AhoCorasick, list[tuple[str, tuple[SecretPattern, ...]]]]:
    """The search for all fixed words, and what each means: its encoding and its patterns."""
    from ahocorasick_rs import AhoCorasick

    needles: dict[str, tuple[str, tuple[SecretPattern, ...]]] = {}
    for pattern in SECRET_PATTERNS:
        for word in pattern.words:
            needles[word] = ("plain", (*needles.get(word, ("", ()))[1], pattern))
            raw = word.encode()
            needles |= dict.fromkeys(_in_base64(raw), ("base64", ()))
            needles |= dict.fromkeys(_in_hex(raw), ("hex", ()))
            if len(word) < 6:
                continue  # too short to be recognised through two encodings
            for wide in (word.encode("utf-16-le"), word.encode("utf-16-be")):
                needles |= dict.fromkeys(_in_base64(wide), ("base64", ()))
            for digits in _in_base32(raw):
                needles[digits] = needles[digits.lower()] = ("base32", ())
            for once in _in_hex(raw):
                needles |= dict.fromkeys(_in_base64(once.encode()), ("base64", ()))
                needles |= dict.fromkeys(_in_hex(once.encode()), ("hex", ()))
            for once in _in_base64(raw):
                needles |= dict.fromkeys(_in_hex(once.encode()), ("hex", ()))
                for twice in _in_base64(once.encode()):
                    needles[twice] = ("base64", ())
                    needles |= dict.fromkeys(_in_base64(twice.encode()), ("base64", ()))
    return AhoCorasick(list(needles)), list(needles.values())


def _in_base64(raw: bytes) -> Iterator[str]:
    """What bytes become in base64, at each of the three places where they may start in it."""
    for offset in range(3):
        # Cut off the characters that share bits with unknown neighbours.
        coded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        yield coded[(0, 2, 3)[offset] : len(coded) - bool((offset + len(raw)) % 3)]


def _in_hex(raw: bytes) -> tuple[str, str]:
    """What bytes become in hex, in both cases."""
    return raw.hex(), raw.hex().upper()


def _in_base32(raw: bytes) -> Iterator[str]:
    """What bytes become in base32, at each of the five places where they may start in it."""
    for offset in range(5):
        coded = base64.b32encode(b"\0" * offset + raw).decode()
        first, last = -(-offset * 8 // 5), (offset + len(raw)) * 8 // 5
        yield coded[first:last]
