"""Page tokens: which may be kept, judged by the text that they encode in base64 or hex.

The next page of a search or of a v2 list is asked for with a token from the page before. If the
token were replaced, the next page could not be replayed. So it is kept if all that it encodes may
be kept.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from replay.redaction.encodings import BASE64_RUN, HEX_RUN, base64_views, hex_views
from replay.redaction.secrets import is_secret
from replay.redaction.values import is_generated

_TOKEN = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9_+/-]{16,512}={0,2}\Z")
_READABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ufffd]{12,}")
_TEXT = re.compile(r"[\w @.,+'&-]{8,}")
_SHORTEST = 11  # characters of base64 that encode eight characters of text
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
    return all(
        _is_public(word, vocabulary, prefixes)
        for view in _views(value)
        for run in _READABLE.findall(view)
        for word in _WORDS.findall(run)
    )


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
    return word.isdecimal() or word in vocabulary or is_generated(word, prefixes)
