"""Makes text of bytes whose encoding nobody tells: UTF-8, UTF-16, UTF-32 or latin-1.

A byte order mark decides where there is one. Without it, UTF-16 and UTF-32 are recognised by their
zero bytes, and what is no UTF-8 is read as latin-1, in which every byte is a character.
"""

from __future__ import annotations

import codecs

# UTF-32 first: its little-endian mark starts with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)
_WIDE = (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2))
_SAMPLE = 4096
_LEAST_ASCII = 0.25
"""The share of ASCII in a text that is taken for one of the wide encodings: markup has more."""


def text_of(data: bytes) -> str:
    """The text in some bytes. Never fails; what cannot be decoded becomes U+FFFD."""
    for mark, charset in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(charset, "replace")
    if b"\0" in data[:_SAMPLE]:
        for charset, width in _WIDE:
            if _is_text(data[: _SAMPLE // width * width], charset, width):
                return data.decode(charset, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _is_text(sample: bytes, charset: str, width: int) -> bool:
    if len(sample) % width:
        sample = sample[: -(len(sample) % width)]
    text = sample.decode(charset, "replace")
    plain = sum(" " <= char <= "~" or char in "\t\r\n" for char in text)
    strange = text.count("\0") + text.count("\ufffd")
    return bool(text) and plain >= _LEAST_ASCII * len(text) and strange <= len(text) // 50
