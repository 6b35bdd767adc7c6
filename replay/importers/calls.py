"""The calls that another tool recorded: request, response and time, as frozen values.

`recorded_calls` finds them in a document of any format that `formats` lists.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from replay.importers.bodies import Body, body_of, without_encoding
from replay.importers.documents import Document
from replay.importers.formats import FORMATS, Format
from replay.model.cassette import Headers, Request, Response, header


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call of a foreign recording. Nothing in it is redacted.

    Attributes:
        format: the name of the format that it was read in, such as ``Ruby VCR``.
        request: the request as it was sent. Its address may be a path alone, or a pattern, where
            the format keeps no more.
        response: the response; its body is unpacked. A status of 0 means that none came.
        recorded_at: UTC time in ISO 8601 with seconds, ending in ``Z``; empty if none is kept.
        packed: whether the response's body stands in base64, in hex or compressed in the file.
        body_file: the file that holds the response's body, where that is another file.
        line: its line in the file, from 1; 0 where it is not known.
        problems: what could not be read of it, such as a damaged body.
    """

    format: str
    request: Request
    response: Response = field(repr=False)
    recorded_at: str = ""
    packed: bool = False
    body_file: str = field(default="", repr=False)
    line: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """The calls that were found in a document.

    Attributes:
        calls: the calls, in the document's order.
        used: the entries of the document that are part of a call, as pairs of a mapping's identity
            (Python's `id`) and a key. All other entries were left out.
    """

    calls: tuple[RecordedCall, ...]
    used: frozenset[tuple[int, Any]] = field(default=frozenset(), repr=False)


def recorded_calls(document: Document) -> Reading | None:
    """The calls in a document; None if it is in no known format."""
    for format in FORMATS:
        found = [(node, line) for node, line in _listed(document, format) if format.fits(node)]
        if found:
            used: set[tuple[int, Any]] = set()
            calls = tuple(_call(format, node, line, used) for node, line in found)
            return Reading(calls, frozenset(used))
    return None


def _listed(document: Document, format: Format) -> Iterator[tuple[Any, int]]:
    """What may be calls of a format, each with its line."""
    node = document.root
    for key in format.within:
        node = node.get(key) if isinstance(node, dict) else None
    if isinstance(node, list):
        lines = document.lines.get(id(node)) or [0] * len(node)
        yield from zip(node, lines, strict=True)
    elif isinstance(node, dict) and format.single:
        yield node, 1 if document.lines else 0


class _Node:
    """Looks up the fields of one call, and notes which it used."""

    def __init__(self, format: Format, node: Any, used: set[tuple[int, Any]]) -> None:
        self.format = format
        self.node = node
        self.used = used

    def __call__(self, field: str) -> Any:
        """The value of a field: the first of its places that holds something; else None."""
        for path in self.format.fields.get(field, ()):
            holder, value = None, self.node
            for key in path:
                holder, value = value, value.get(key) if isinstance(value, dict) else None
            if value or value == 0:
                self.used.add((id(holder), path[-1]))
                return value
        return None


def _call(format: Format, node: Any, line: int, used: set[tuple[int, Any]]) -> RecordedCall:
    look = _Node(format, node, used)
    sent_headers, headers = _headers(look("sent headers")), _headers(look("headers"))
    sent = body_of(look("sent"), binary=False, type=look("sent type"))
    found = body_of(look("body"), binary=bool(look("binary")), type=look("body type"),
                    encoding=look("encoding"))  # fmt: skip
    if (packed := look("base64 body")) is not None:
        found = body_of(packed, encoding="base64")
    named = [(header_name(name), value) for name, value in headers]
    plain = without_encoding(found, header(tuple(named), "Content-Encoding") or "")
    kept = [
        line for line, (name, _) in zip(headers, named, strict=True) if name not in _DESCRIBES_BODY
    ]
    method = str(look("method") or "").lstrip(":").upper()
    return RecordedCall(
        format.name,
        Request(method, _address(look), sent_headers, sent.data),
        Response(_status(look("status")), _reason(look("reason")), tuple(kept), plain.data or b""),
        _time(look("time")),
        plain.packed,
        str(look("body file") or ""),
        line,
        tuple(f"the {what} {body.problem}" for what, body in _bodies(sent, plain) if body.problem),
    )


def header_name(name: str) -> str:
    """A header's name in one spelling: ``:http_x_a``, ``HTTP_X_A``, ``xA`` and ``X-A`` are ``x-a``.

    CGI, Rack and PHP write names of requests with `HTTP_` before them.
    """
    if name.islower() and name.isalpha():  # the usual case
        return name
    name = name.strip().lstrip(":").replace("_", "-")
    if "-" not in name:
        name = _CAPITAL.sub("-", name)
    return name.lower().removeprefix("redirect-").removeprefix("http-")


_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_DESCRIBES_BODY = frozenset({"content-encoding", "transfer-encoding", "content-length"})


def _bodies(sent: Body, received: Body) -> Iterable[tuple[str, Body]]:
    return ("request's body", sent), ("response's body", received)


def _address(look: _Node) -> str:
    """The URL of a request; its host may stand apart from its path."""
    address, host = str(look("url") or ""), str(look("host") or "")
    if not host or "://" in address:
        return address
    return re.sub(r":(?:443|80)\Z", "", host.rstrip("/")) + address


def _status(value: Any) -> int:
    found = re.match(r"(?:HTTP/[\d.]+ )?(\d{3})\b", str(value or ""))
    return int(found[1]) if found else 0


def _reason(value: Any) -> str:
    return re.sub(r"\A(?:HTTP/[\d.]+ )?\d{3} ?", "", value) if isinstance(value, str) else ""


def _headers(found: Any) -> Headers:
    """Header lines, however a format keeps them: a mapping, pairs, or names and values in turn."""
    if isinstance(found, Mapping):
        return tuple((str(name), text) for name, value in found.items() for text in _texts(value))
    if not isinstance(found, list):
        return ()
    if all(isinstance(one, dict) for one in found):
        pairs = [(one.get("name", one.get("key", "")), one.get("value")) for one in found]
        return tuple((str(name), text) for name, value in pairs for text in _texts(value))
    if all(isinstance(one, list) and len(one) == 2 for one in found):
        return tuple((str(name), text) for name, value in found for text in _texts(value))
    if all(isinstance(one, str) for one in found):
        if found and all(": " in one for one in found):  # whole lines
            lines = [one.partition(": ") for one in found]
            return tuple((name, value) for name, _, value in lines)
        return tuple(zip(found[::2], found[1::2], strict=False))
    return ()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):  # a matcher, such as {"equalTo": "Bearer …"}
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, bytes):
        yield value.decode("utf-8", "replace")
    elif isinstance(value, bool | int | float):
        yield json.dumps(value)
    elif value is not None:
        yield str(value)


def _time(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            seconds = value / 1000 if value > 10_000_000_000 else value
            when = datetime.fromtimestamp(seconds, UTC)
        except (ValueError, OverflowError, OSError):
            return ""
    elif isinstance(value, str):
        try:
            when = datetime.fromisoformat(value)
        except ValueError:
            try:
                when = parsedate_to_datetime(value)
            except (ValueError, TypeError, IndexError):
                return ""
    elif isinstance(value, datetime):
        when = value
    else:
        return ""
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    try:
        return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return ""
