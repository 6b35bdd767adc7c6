"""Reads the text of a cassette in the form in which `codec.dumps` writes it, without YAML.

The form is a small part of YAML, line by line, in which a text can mean only one thing. A text that
differs from it by a single character is left to `yaml_reader`. So is what replay does not record:
`schema` says what it is.

What it buys: a cassette of 1.4 kB is read in 16 µs, and by `yaml_reader` in 115 µs (measured on
CPython 3.11); and a run that only replays never imports PyYAML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from replay.library.format import forms as frame
from replay.model.cassette import (
    NOTHING,
    Cassette,
    Headers,
    Interaction,
    ObjectKey,
    Request,
    Response,
)
from replay.stripe_api.call import is_plain_get
from replay.stripe_api.headers import (
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    Forms,
    is_kept_status,
    phrases,
    why_not_recorded,
)
from replay.stripe_api.routes import resources


def _bytes(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode("ascii"))


# Plain texts begin with a letter or a slash, so none can be a number. In a list they have no colon.
_PLAIN = r"[A-Za-z/][A-Za-z0-9_./+-]*(?:[: ][A-Za-z0-9_./+-]+)*"
_FLOW = r"[A-Za-z/][A-Za-z0-9_./+-]*(?: [A-Za-z0-9_./+-]+)*"
_QUOTED = r"'[^'\n]*'"
_VALUE = f"(?:{_PLAIN}|{_QUOTED})"
_SOURCE = f"(?:(?=[a-z]){frame.SOURCE}|'{frame.SOURCE}')"
_BATCH = f"(?:(?=[a-z]){frame.BATCH}|'{frame.BATCH}')"
_LIST = rf"\[(?:{_FLOW}|{_QUOTED})(?:, (?:{_FLOW}|{_QUOTED}))*\]"

_HEAD = _bytes(
    "version: 1\n"
    "cassette:\n"
    f"  resource: (?P<resource>{_VALUE})\n"
    f"(?:  parents: (?P<parents>{_LIST})\n)?"
    f"  id: (?P<id>{_VALUE})\n"
    f"(?:  query: (?P<query>{_VALUE})\n)?"
    f"(?:  account: (?P<account>{frame.ACCOUNT})\n)?"
    f"  api_version: (?P<api_version>{_VALUE})\n"
    f"  policy: (?P<policy>{frame.POLICY})\n"
    "interactions:\n"
)
_HEADERS = rf"(?: \{{\}}\n|\n(?:      {_VALUE}: {_LIST}\n)+)"
_ITEM = _bytes(
    f"- recorded_at: (?P<recorded_at>'{frame.TIME}')\n"
    f"  source: (?P<source>{_SOURCE})\n"
    f"(?:  batch: (?P<batch>{_BATCH})\n)?"
    rf"(?:  unconfirmed: (?P<unconfirmed>\[\]|{_LIST})\n)?"
    rf"(?:  equal_values:\n(?P<equal>(?:    {_VALUE}: {frame.EQUAL_VALUE}\n)+))?"
    "  request:\n"
    f"    method: (?P<method>{_VALUE})\n"
    f"    uri: (?P<uri>{_VALUE})\n"
    "    body: null\n"
    f"    headers:(?P<sent>{_HEADERS})"
    "  response:\n"
    rf"    status: \{{code: (?P<code>[1-5][0-9]{{2}}), message: (?P<message>{_FLOW}|{_QUOTED})\}}\n"
    f"    headers:(?P<received>{_HEADERS})"
    "    body:\n"
    "      string: [|]-(?=\n)"
)
_INDENT = b"\n        "
_AFTER = _bytes("\n  redacted:")  # a search for this pattern is twice as fast as `bytes.find`
_NEXT = b"\n- "
_END = _bytes(rf" \{{\}}\n|\n(?:    {_VALUE}: {_VALUE}\n)+")
_HEADER = _bytes(f"      ({_VALUE}): ({_LIST})\n")
_REDACTED = _bytes(f"    ({_VALUE}): ({_VALUE})\n")
_ENTRY = _bytes(f"{_FLOW}|{_QUOTED}")
_CONSTANTS = frozenset(["null", "true", "false"])
_SHORT = 8192
_LONGEST_KEY = 128  # YAML reads at most 1,024 characters as a key in one line with its value
_PRINTABLE = bytes([*range(0x20, 0x7F), 0x0A])


class _Other(Exception):
    """The text does not have the form that replay writes."""


def read(text: bytes) -> Cassette | None:
    """The cassette in a text; None where the text has another form, and YAML must read it.

    It is the same cassette that `schema.to_cassette` makes of the text parsed as YAML. Bodies stay
    bytes: they are most of the text, and decoding them would take most of the time.
    """
    if not _is_plain(text):
        return None
    head = _HEAD.match(text)
    if head is None:
        return None
    takes, offset, size = [], head.end(), len(text)
    try:
        key, api_version, policy = _cassette(head)
        while offset < size:
            take, offset = _interaction(text, offset, key, api_version)
            takes.append(take)
    except _Other:
        return None
    return Cassette(key, api_version, policy, tuple(takes)) if takes else None


def _is_plain(text: bytes) -> bool:
    return not text.translate(None, _PRINTABLE)


def read_head(text: bytes) -> tuple[ObjectKey, str] | None:
    """The key and API version that `read` finds; None where YAML has to be asked.

    What follows is checked as `read` checks it, but no values are made: that is two thirds of the
    time of reading.
    """
    if not _is_plain(text):
        return None
    head = _HEAD.match(text)
    if head is None:
        return None
    place, size = head.end(), len(text)
    try:
        key, api_version, _ = _cassette(head)
        while place < size:
            item, body, redacted, place = _parted(text, place)
            if not _is_literal(body):
                return None
            _status(item["code"], item["message"])
            sent, received = _known(_sent, item["sent"]), _known(_received, item["received"])
            if not (
                item["method"] == b"GET"
                and is_plain_get(_text(item["uri"]), key)
                and frame.is_version_of(api_version, received, sent)
            ):
                _request(item, key, api_version, received)
            _known(_redacted, redacted)
            _pointers(_texts(item["unconfirmed"] or b""))
            _equal_values(item["equal"] or b"")
    except _Other:
        return None
    return (key, api_version) if place > head.end() else None


def _cassette(head: re.Match[bytes]) -> tuple[ObjectKey, str, str]:
    resource, parents, id, query, account, api_version, policy = head.groups()
    path = _text(resource)
    above = _texts(parents) if parents is not None else ()
    if path not in resources():
        raise _Other
    key = ObjectKey(
        path,
        _text(id),
        above,
        _text(account) if account is not None else "",
        _text(query) if query is not None else None,
    )
    return key, _text(api_version), _text(policy)


class _Parts(NamedTuple):
    """The parts of one interaction: the lines above its body, the body, and what is below it."""

    item: re.Match[bytes]
    body: bytes
    redacted: bytes
    end: int


def _parted(text: bytes, offset: int) -> _Parts:
    """The parts of the interaction that begins at an offset in the text."""
    item = _ITEM.match(text, offset)
    if item is None:
        raise _Other
    after = _AFTER.search(text, item.end())
    if after is None:
        raise _Other
    end = text.find(_NEXT, after.end()) + 1 or len(text)
    return _Parts(item, text[item.end() : after.start()], text[after.end() : end], end)


def _interaction(text: bytes, offset: int, key: ObjectKey, version: str) -> tuple[Interaction, int]:
    """The interaction that begins at an offset in the text, and the offset where it ends."""
    item, body, redacted, end = _parted(text, offset)
    at, source, batch, doubt, equal, _, _, _, code, message, lines = item.groups()
    received = _known(_received, lines)
    take = Interaction(
        _request(item, key, version, received),
        Response(*_status(code, message), received, _literal(body)),
        _text(at),
        _text(source),
        _text(batch) if batch is not None else "",
        _known(_redacted, redacted),
        None if doubt is None else _pointers(_texts(doubt)),
        NOTHING if equal is None else _equal_values(equal),
    )
    return take, end


def _request(item: re.Match[bytes], key: ObjectKey, version: str, received: Headers) -> Request:
    """The request of an interaction, if it and its answer are of the cassette's call."""
    request = Request(_text(item["method"]), _text(item["uri"]), _known(_sent, item["sent"]))
    if frame.why_another_call(key, version, request, received):
        raise _Other
    return request


def _literal(block: bytes) -> bytes:
    """The text of a literal block: an object of JSON, all lines indented."""
    lines = block.replace(_INDENT, b"\n")
    indented = (len(block) - len(lines)) // (len(_INDENT) - 1)
    if indented != block.count(b"\n") or not _has_ends(block):
        raise _Other
    return lines[1:]


def _is_literal(block: bytes) -> bool:
    """Whether `_literal` reads a block; in half its time."""
    return block.count(_INDENT) == block.count(b"\n") and _has_ends(block)


def _has_ends(block: bytes) -> bool:
    return frame.is_object(block[len(_INDENT) :])


# The files of a library repeat these lines over and over; they are read once. Values are frozen.


def _known(read: Any, lines: bytes) -> Any:
    return (read if len(lines) < _SHORT else read.__wrapped__)(lines)


@lru_cache(maxsize=256)
def _status(code: bytes, message: bytes) -> tuple[int, str]:
    status, reason = int(code), _text(message)
    if not is_kept_status(status) or status in {204, 304} or reason not in phrases(status):
        raise _Other
    return status, reason


@lru_cache(maxsize=256)
def _sent(lines: bytes) -> Headers:
    return _headers(lines, REQUEST_HEADERS)


@lru_cache(maxsize=256)
def _received(lines: bytes) -> Headers:
    return _headers(lines, RESPONSE_HEADERS)


def _headers(lines: bytes, forms: Forms) -> Headers:
    rows = [(name, _texts(values)) for name, values in _rows(_HEADER, lines)]
    found = tuple((name, value) for name, values in rows for value in values)
    if len(found) != len(rows) or why_not_recorded(found, forms):
        raise _Other
    return found


@lru_cache(maxsize=256)
def _redacted(lines: bytes) -> Mapping[str, str]:
    if _END.fullmatch(lines) is None:
        raise _Other
    found = {name: _text(kind) for name, kind in _rows(_REDACTED, lines)}
    if not all(name[:1] == "/" and frame.names_classes(kind) for name, kind in found.items()):
        raise _Other
    return found or NOTHING


def _pointers(found: tuple[str, ...]) -> tuple[str, ...]:
    if any(pointer and pointer[0] != "/" for pointer in found):
        raise _Other
    return found


def _equal_values(lines: bytes) -> Mapping[str, str]:
    rows = _rows(_REDACTED, lines)
    _pointers(tuple(pointer for pointer, _ in rows))
    return {pointer: _text(name) for pointer, name in rows}


def _rows(row: re.Pattern[bytes], lines: bytes) -> list[tuple[str, bytes]]:
    found = [(_text(name), value) for name, value in row.findall(lines)]
    if len({name for name, _ in found}) != len(found) or any(
        len(name) > _LONGEST_KEY for name, _ in found
    ):
        raise _Other  # a duplicate key, or one that is written otherwise
    return found


def _texts(values: bytes) -> tuple[str, ...]:
    return tuple([_text(value) for value in _ENTRY.findall(values)])


def _text(value: bytes) -> str:
    text = value.decode("ascii")
    if text[0] == "'":
        return text[1:-1]
    if len(text) < 6 and text.lower() in _CONSTANTS:
        raise _Other
    return text
