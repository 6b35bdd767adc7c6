"""Page tokens: which may be kept, judged by the text that they encode in base64 or hex.

The next page of a search or of a v2 list is asked for with a token from the page before. A token
that encodes text is replaced by a stand-in, which names the item that the page follows. A session
that records asks the live source with the token itself.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Collection
from contextlib import suppress
from urllib.parse import parse_qsl, quote_plus

from replay.redaction.encodings import BASE64_RUN, HEX_RUN, base64_views, hex_views
from replay.redaction.personal import is_in_token
from replay.redaction.secrets import is_secret
from replay.redaction.values import is_generated

_TOKEN = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9_+/-]{16,512}={0,2}\Z")
_READABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ufffd]{12,}")
_TEXT = re.compile(r"[\w @.,+'&-]{8,}")
_SHORTEST = 11  # characters of base64 that encode eight characters of text
_URL_SAFE = str.maketrans("+/", "-_")
_MOST_INFLATED = 1 << 16
_WORDS = re.compile(r"[A-Za-z0-9_]+|[^\x00-\x7f]+")


def is_opaque(value: object, vocabulary: Collection[str], prefixes: Collection[str]) -> bool:
    """Whether a value is a page token that encodes nothing private.

    Args:
        value: any JSON value.
        vocabulary: the API's own words, which a token may encode.
        prefixes: the prefixes of generated IDs, which a token may encode too.
    """
    if not isinstance(value, str) or not _TOKEN.match(value) or is_secret(value):
        return False
    if is_in_token(value) or _is_compressed(value):
        return False
    return all(
        _is_public(word, vocabulary, prefixes)
        for view in _views(value)
        for run in _READABLE.findall(view)
        for word in _WORDS.findall(run)
    )


def _is_compressed(value: str) -> bool:
    """Whether a token in base64 is a whole stream of gzip, zlib or deflate: it may hold a text."""
    try:
        data = base64.urlsafe_b64decode(value.translate(_URL_SAFE) + "=" * (-len(value) % 4))
    except ValueError:
        return False
    for window in (47, -15):
        inflater = zlib.decompressobj(window)
        with suppress(zlib.error):
            text = inflater.decompress(data, _MOST_INFLATED)
            if text and not inflater.unused_data and (inflater.eof or inflater.unconsumed_tail):
                return True
    return False


def in_address(url: str) -> str:
    """The page token in the address of a page, as its query has it decoded; empty without one."""
    query = url.partition("?")[2]
    return next((value for name, value in parse_qsl(query) if name == "page"), "")


def with_token(url: str, token: str) -> str:
    """The address of a page with another token; all else is left as it is spelled."""
    path, _, query = url.partition("?")
    parts = [
        f"page={quote_plus(token)}" if part.partition("=")[0] == "page" else part
        for part in query.split("&")
    ]
    return f"{path}?{'&'.join(parts)}"


def encodes_text(value: str) -> bool:
    """Whether base64 or hex in a value, from any start position, decodes to readable text."""
    return len(value) >= _SHORTEST and any(_TEXT.search(view) for view in _views(value))


def _views(value: str) -> list[str]:
    """The texts that a value decodes to, in base64 and in hex."""
    # Every second view: those in UTF-8. In latin-1 any bytes look readable.
    runs = BASE64_RUN.findall(value)
    views = list(base64_views(*runs))[::2] if runs else []
    runs = HEX_RUN.findall(value)
    return views + (list(hex_views(*runs))[::2] if runs else [])


def _is_public(word: str, vocabulary: Collection[str], prefixes: Collection[str]) -> bool:
    """Whether a word that a token encodes may be kept."""
    if word.isdecimal():
        return not is_in_token(word)
    return word in vocabulary or is_generated(word, prefixes)
