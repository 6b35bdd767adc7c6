"""Undoes the encodings that a value may hide in: escapes, base64, hex, UTF-16, mojibake.

The text is decoded and then searched, instead of searched for each value in every encoding. That is
far cheaper for thousands of values, and it also finds spellings that nobody listed (`%2f` and
`%2F`, `&eacute;` and `&#233;`).
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterable, Iterator
from functools import partial
from urllib.parse import unquote, unquote_plus

BASE64_RUN = re.compile(r"[A-Za-z0-9+/_-]{8,}")
HEX_RUN = re.compile(r"[0-9A-Fa-f]{12,}")

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_LAYERS = 5  # the file's own JSON text, a string in it, JSON in that, and two to spare
_URL_ALPHABET = str.maketrans("-_", "+/")
_JSON_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|([\"\\/bfnrt]))")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HIGH = re.compile(r"[^\x00-\x7f]+")
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def json_unescaped(text: str) -> str:
    """The text with JSON's escapes decoded once; a backslash that starts no escape stays."""
    if "\\" not in text:
        return text
    text = _JSON_ESCAPE.sub(_unescape, text)
    return _SURROGATES.sub(
        lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text
    )


def _unescape(escape: re.Match[str]) -> str:
    code, short = escape.groups()
    return chr(int(code, 16)) if code else _SHORT.get(short, short)


def searchable(text: str) -> str:
    """The text with a question mark for each lone surrogate, which the search cannot take."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _unquoted(run: re.Match[str]) -> str:
    return bytes.fromhex(run[0].replace("%", "")).decode("utf-8", "replace")


def unescaped(text: str) -> str:
    """The text with JSON, URL and HTML escapes decoded once each."""
    text = json_unescaped(text)
    if "%" in text:
        # Not by `unquote`, which takes long where ASCII and other characters alternate.
        text = _PERCENT.sub(_unquoted, text)
    return html.unescape(text) if "&" in text else text


def base64_views(*runs: str) -> Iterator[str]:
    """The texts that runs of base64 or base64url characters decode to, from four start positions.

    All runs are decoded together, one line each: one by one it takes ten times as long.
    """
    plain = [run.translate(_URL_ALPHABET) for run in runs]
    for start in range(4):
        yield from _as_text(binascii.a2b_base64(_whole(run[start:])) for run in plain)


def base32_views(*runs: str) -> Iterator[str]:
    """The texts that runs of base32 digits decode to, from eight start positions; a line each."""
    for start in range(8):
        parts = [run[start:].upper() for run in runs]
        yield from _as_text(
            base64.b32decode(part[: len(part) // 8 * 8]) + _rest(part[len(part) // 8 * 8 :])
            for part in parts
        )


def _rest(digits: str) -> bytes:
    """The whole bytes in fewer than eight digits of base32."""
    bits = "".join(f"{_BASE32.index(digit):05b}" for digit in digits)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) // 8 * 8, 8))


def hex_views(*runs: str) -> Iterator[str]:
    """The texts that runs of hex digits decode to, from both start positions; one line each."""
    for start in range(2):
        yield from _as_text(
            bytes.fromhex(run[start : start + (len(run) - start) // 2 * 2]) for run in runs
        )


def _whole(part: str) -> str:
    # A single last character holds no whole byte; two or three need padding.
    return part[:-1] if len(part) % 4 == 1 else part + "=" * (-len(part) % 4)


def _as_text(lines: Iterable[bytes]) -> Iterator[str]:
    raw = b"\n".join(lines)
    yield raw.decode("utf-8", "replace")
    yield raw.decode("latin-1")


def views(text: str) -> Iterator[str]:
    """A text and everything that it decodes to, each once, the text itself first.

    The views show values in JSON strings, in JSON inside JSON strings, percent-encoded (as UTF-8
    and latin-1), as form data, with HTML entities, in base64 at any offset, base64url, hex, UTF-16,
    and as UTF-8 that was read as latin-1.
    """
    seen: set[str] = set()
    layer, deeper = text, json_unescaped(text)
    for _ in range(_LAYERS):
        for reading in _readings(layer):
            if reading not in seen:
                seen.add(reading)
                yield reading
        if layer == deeper:
            break
        layer, deeper = deeper, json_unescaped(deeper)


def _readings(text: str) -> Iterator[str]:
    """One layer of decoding: the text, and what it decodes to in each encoding."""
    yield text
    if "%" in text:
        yield unquote(text, errors="replace")
        yield unquote(text, encoding="latin-1")
    if "%" in text or "+" in text:
        yield unquote_plus(text, errors="replace")
    if "&" in text:
        yield html.unescape(text)
    yield from base64_views(*BASE64_RUN.findall(text))
    yield from hex_views(*HEX_RUN.findall(text))
    raw = text.encode("latin-1", "replace")
    for start in range(2):
        yield raw[start:].decode("utf-16-le", "replace")
        yield raw[start:].decode("utf-16-be", "replace")
    if not text.isascii():
        for charset in ("latin-1", "cp1252"):
            yield _HIGH.sub(partial(_read_as_utf8, charset), text)


def _read_as_utf8(charset: str, run: re.Match[str]) -> str:
    return run[0].encode(charset, "replace").decode("utf-8", "replace")
