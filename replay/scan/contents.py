"""Reads what a file holds: its texts, and the values in them. Pure; judges nothing.

`contents` gives the texts of a file, decoded and unpacked. `values` gives the strings of a text
that is a recording, each with its line, and `document` the JSON that a string holds.
"""

from __future__ import annotations

import binascii
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from replay.library.format.yaml_reader import Malformed, scalars

FIRST_LINE = b"# replay cassette "
"""The first characters of every cassette of replay."""

_MOST_INFLATED = 32 * 1024 * 1024
_VCR_KEY = re.compile(r"^(?:http_interactions|interactions):\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Content:
    """One text that a file holds.

    Attributes:
        text: the text.
        recording: whether it is a recording that another tool made; private values are searched
            for in these alone.
    """

    text: str = field(repr=False)
    recording: bool = False


def is_ours(data: bytes) -> bool:
    """Whether a file says that it is a cassette of replay."""
    return data.removeprefix(b"\xef\xbb\xbf").startswith(FIRST_LINE)


def contents(data: bytes, name: str) -> Iterator[Content]:
    """All texts of a file.

    Args:
        data: its bytes.
        name: its name; the suffix helps to tell recordings.
    """
    text = _decoded(data)
    suffix = PurePosixPath(name).suffix.lower()
    yield Content(text, not is_ours(data) and _is_recording(text, suffix))


def values(text: str) -> Iterator[tuple[Any, int]]:
    """The strings and documents of a recording, each with its line; a JSON file is one string."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        try:
            yield from scalars(text)
        except Malformed:
            yield from ((line, number) for number, line in enumerate(text.split("\n"), 1))
    else:
        yield text, 1


def document(value: str) -> Any:
    """The JSON that a string holds, plain or in base64; None if it holds none."""
    text = value
    if re.fullmatch(r"[A-Za-z0-9+/\s]{16,}={0,2}\s*", value):
        try:
            text = inflated(binascii.a2b_base64(value)).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return None
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _decoded(data: bytes) -> str:
    """The text of a file in any encoding; bytes that are not text are not left out either."""
    for mark, charset in (
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
        (b"\xef\xbb\xbf", "utf-8-sig"),
    ):
        if data.startswith(mark):
            return data.decode(charset, "replace")
    return inflated(data).decode("utf-8", "replace")


def inflated(data: bytes) -> bytes:
    """The unpacked content of gzip data, up to a limit; other data as it is."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return zlib.decompressobj(47).decompress(data, _MOST_INFLATED)
    except zlib.error:
        return data


def _is_recording(text: str, suffix: str) -> bool:
    """Whether a text is a recording: a VCR cassette by its keys, HAR and JSON by their form."""
    if suffix in {".yaml", ".yml"}:
        return _VCR_KEY.search(text) is not None
    start = text[:4096].lstrip()
    if suffix == ".har" or start[:1] != "{":
        return suffix == ".har"
    return (
        '"object"' in text
        or '"http_interactions"' in text
        or '"interactions"' in text
        or ('"log"' in start and '"entries"' in text)
    )
