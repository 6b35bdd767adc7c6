"""Reads a cassette's text that stands as `codec.dumps` writes it, ten times as fast as YAML.

What is written has one form, line by line: a small part of YAML in which a text has one meaning
only. A text of any other form, a single character apart, is left to `replay.library.events`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

# Plain texts begin with a letter or a slash, so that none is a number; in flow style no colon.
_PLAIN = r"[A-Za-z/][A-Za-z0-9_./+-]*(?:[: ][A-Za-z0-9_./+-]+)*"
_FLOW = r"[A-Za-z/][A-Za-z0-9_./+-]*(?: [A-Za-z0-9_./+-]+)*"
_QUOTED = r"'[^'\n]*'"
_VALUE = f"(?:{_PLAIN}|{_QUOTED})"
_LIST = rf"\[(?:{_FLOW}|{_QUOTED})(?:, (?:{_FLOW}|{_QUOTED}))*\]"

_HEAD = re.compile(
    "version: 1\n"
    "cassette:\n"
    f"  resource: (?P<resource>{_VALUE})\n"
    f"(?:  parents: (?P<parents>{_LIST})\n)?"
    f"  id: (?P<id>{_VALUE})\n"
    f"(?:  query: (?P<query>{_VALUE})\n)?"
    f"(?:  account: (?P<account>{_VALUE})\n)?"
    f"  api_version: (?P<api_version>{_VALUE})\n"
    f"  policy: (?P<policy>{_VALUE})\n"
    "interactions:\n"
)
_HEADERS = rf"(?: \{{\}}\n|\n(?:      {_VALUE}: {_LIST}\n)+)"
_ITEM = re.compile(
    f"- recorded_at: (?P<recorded_at>{_VALUE})\n"
    f"  source: (?P<source>{_VALUE})\n"
    f"(?:  batch: (?P<batch>{_VALUE})\n)?"
    "  request:\n"
    f"    method: (?P<method>{_VALUE})\n"
    f"    uri: (?P<uri>{_VALUE})\n"
    "    body: null\n"
    f"    headers:(?P<sent>{_HEADERS})"
    "  response:\n"
    rf"    status: \{{code: (?P<code>[1-9][0-9]{{2}}), message: (?P<message>{_FLOW}|{_QUOTED})\}}\n"
    f"    headers:(?P<received>{_HEADERS})"
    "    body:\n"
    "      string: [|]-(?=\n)"
)
_INDENT = "\n        "
_AFTER = "\n  redacted:"
_END = re.compile(rf"{_AFTER}(?: \{{\}}\n|\n((?:    {_VALUE}: {_VALUE}\n)+))")
_HEADER = re.compile(f"      ({_VALUE}): ({_LIST})\n")
_REDACTED = re.compile(f"    ({_VALUE}): ({_VALUE})\n")
_ENTRY = re.compile(f"{_FLOW}|{_QUOTED}")
_CONSTANTS = frozenset(["null", "true", "false"])
_SHORT = 8192
_PRINTABLE = bytes([*range(0x20, 0x7F), 0x0A])


class _Other(Exception):
    """The text is of another form."""


def read(text: str) -> dict[str, Any] | None:
    """What `replay.library.events.parse` gives for a text; None where that has to be asked."""
    if not text.isascii() or text.encode("ascii").translate(None, _PRINTABLE):
        return None
    head = _HEAD.match(text)
    if head is None:
        return None
    try:
        cassette = _cassette(head)
        items, place = [], head.end()
        while place < len(text):
            item, place = _interaction(text, place)
            items.append(item)
    except _Other:
        return None
    return {"version": 1, "cassette": cassette, "interactions": items} if items else None


def read_head(text: str) -> dict[str, Any] | None:
    """What `read` gives for ``cassette:``, whatever follows; None where a parser has to be asked.

    The lines of the head stand first and each is whole, so that nothing below changes them, but for
    a second key ``cassette``, which no reader of the whole text accepts.
    """
    head = _HEAD.match(text)
    if head is None:
        return None
    try:
        return _cassette(head)
    except _Other:
        return None


def _cassette(head: re.Match[str]) -> dict[str, Any]:
    found = head.groupdict()
    parents = found.pop("parents")
    cassette: dict[str, Any] = {
        name: _text(value) for name, value in found.items() if value is not None
    }
    if parents is not None:
        cassette["parents"] = _texts(parents)
    return cassette


def _interaction(text: str, place: int) -> tuple[dict[str, Any], int]:
    """The interaction that begins at a place, and where it ends."""
    item = _ITEM.match(text, place)
    if item is None:
        raise _Other
    after = text.find(_AFTER, item.end())
    end = _END.match(text, after) if after > 0 else None
    if end is None:
        raise _Other
    made: dict[str, Any] = {
        "recorded_at": _text(item["recorded_at"]),
        "source": _text(item["source"]),
        "request": {
            "method": _text(item["method"]),
            "uri": _text(item["uri"]),
            "body": None,
            "headers": _known(_headers, item["sent"]),
        },
        "response": {
            "status": {"code": int(item["code"]), "message": _text(item["message"])},
            "headers": _known(_headers, item["received"]),
            "body": {"string": _literal(text[item.end() : after])},
        },
        "redacted": _known(_redacted, end[1] or ""),
    }
    if item["batch"] is not None:
        made["batch"] = _text(item["batch"])
    return made, end.end()


def _literal(block: str) -> str:
    """The text of a literal block, all lines with its indent, the first and last not blank."""
    lines = block.count("\n")
    if not lines or block.count(_INDENT) != lines or block[9] in " \n" or block[-1] == " ":
        raise _Other
    return block.replace(_INDENT, "\n")[1:]


# What one library repeats in file after file is read once. Nobody changes what a cassette holds.


def _known(read: Any, lines: str) -> dict[str, Any]:
    found: dict[str, Any] = (read if len(lines) < _SHORT else read.__wrapped__)(lines)
    return found


@lru_cache(maxsize=256)
def _headers(lines: str) -> dict[str, Any]:
    found = _HEADER.findall(lines)
    return _mapping([(name, _texts(values)) for name, values in found])


@lru_cache(maxsize=256)
def _redacted(lines: str) -> dict[str, Any]:
    return _mapping([(name, _text(value)) for name, value in _REDACTED.findall(lines)])


def _mapping(rows: list[tuple[str, Any]]) -> dict[str, Any]:
    made = {_text(name): value for name, value in rows}
    if len(made) != len(rows):
        raise _Other  # a duplicate key
    return made


def _texts(values: str) -> list[str]:
    return [_text(value) for value in _ENTRY.findall(values)]


def _text(value: str) -> str:
    if value[0] == "'":
        return value[1:-1]
    if value.lower() in _CONSTANTS:
        raise _Other
    return value
