"""Secrets in any text, also in base64 that is wrapped over lines or compressed. Pure."""

from __future__ import annotations

import binascii
import re
import zlib
from collections.abc import Iterator
from itertools import chain

from replay.redaction.secrets import find_secrets
from replay.scan.rules import Finding

_WRAPPED = re.compile(
    r"(?:^[ \t]*[A-Za-z0-9+/]{40,}[ \t]*\r?\n)+[ \t]*[A-Za-z0-9+/]+={0,2}", re.MULTILINE
)
_LIMIT = 32 * 1024 * 1024
_GZIP = b"\x1f\x8b"


def decoded(data: bytes) -> str:
    """The text of a file, whatever its encoding: nothing that could hold a secret is skipped."""
    for mark, charset in (
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
        (b"\xef\xbb\xbf", "utf-8-sig"),
    ):
        if data.startswith(mark):
            return data.decode(charset, "replace")
    return inflated(data).decode("utf-8", "replace")


def inflated(data: bytes) -> bytes:
    """What gzip packed; anything else, or what does not unpack, as it is."""
    if not data.startswith(_GZIP):
        return data
    try:
        return zlib.decompressobj(47).decompress(data, _LIMIT)
    except zlib.error:
        return data


def secrets_in(text: str, path: str, *, identifying: bool = False) -> Iterator[Finding]:
    """Every secret of a text, each once per line.

    Args:
        text: the text.
        path: names it in the findings.
        identifying: also yield what only identifies, such as request IDs.
    """
    found = chain(
        ((hit.id, hit.start) for hit in find_secrets(text, identifying=identifying)),
        _in_wrapped(text, identifying),
    )
    lines = dict.fromkeys((line_of(text, start), id) for id, start in found)
    for line, id in lines:
        yield Finding(path, line, id)


def line_of(text: str, start: int) -> int:
    """The line of a position, from 1."""
    return text.count("\n", 0, start) + 1


def _in_wrapped(text: str, identifying: bool) -> Iterator[tuple[str, int]]:
    for block in _WRAPPED.finditer(text):
        run = re.sub(r"\s+", "", block[0])
        raw = binascii.a2b_base64(run[: len(run) // 4 * 4])
        inner = inflated(raw).decode("utf-8", "replace")
        for hit in find_secrets(inner, identifying=identifying):
            yield hit.id, block.start()
