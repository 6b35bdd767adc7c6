"""The named parameters of a request: of its query and its body, in one spelling. Pure.

A form's ``items[][price]`` and ``items[0][price]`` are one parameter. A JSON body gives names of
the same form, and its values keep their kinds. Of a multipart body only its purpose is read. What
is too large, too deep or malformed is opaque: it has no parameters, and raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from enum import Enum
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from replay.errors import ReplayError
from replay.model.json_body import parse

Scalar: TypeAlias = str | int | float | bool | None

MAX_BODY = 1 << 20
"""Bytes of a form or a JSON body; Stripe takes no larger ones."""

MAX_UPLOAD = 32 << 20
"""Bytes of a multipart body."""

MAX_PARAMETERS = 2000
MAX_DEPTH = 10
_MAX_NAME = 500
_MAX_PURPOSE = 100

_NAME = re.compile(r"[^\[\]]+(?:\[[^\[\]]*\])*")
_SPELLINGS = {"True": "true", "False": "false"}


class BodyKind(Enum):
    """How a body is written."""

    NONE = "none"
    FORM = "form"
    JSON = "json"
    MULTIPART = "multipart"
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a request sends.

    Attributes:
        kind: how the body is written; opaque if body or query could not be read.
        values: name, with positions such as ``items[0][price]`` -> value; a text in forms. Never
            shown in a repr: people choose names and values.
        expand: the names to expand; None if the request has no such parameter.
    """

    kind: BodyKind
    values: Mapping[str, Scalar] = field(default_factory=dict, repr=False)
    expand: frozenset[str] | None = field(default=None, repr=False)


_OPAQUE = Parameters(BodyKind.OPAQUE)


def read_parameters(uri: str, content_type: str, body: bytes | None) -> Parameters:
    """The parameters of a request; opaque if it cannot be read whole.

    Args:
        uri: the URL with its query.
        content_type: the header's value; empty if it was not sent. A body without it is a form.
        body: the body's bytes; None where there is none.
    """
    try:
        kind, sent = _read_body(content_type, body or b"")
        query = list(_form(urlsplit(uri).query))
        return _gathered(kind, [*query, *sent])
    except (ValueError, ReplayError, RecursionError):
        return _OPAQUE


def _read_body(content_type: str, body: bytes) -> tuple[BodyKind, list[tuple[str, Scalar]]]:
    media = content_type.partition(";")[0].strip().lower()
    if media == "multipart/form-data":
        return BodyKind.MULTIPART, list(_purpose(content_type, body))
    if not body:
        return BodyKind.NONE, []
    if len(body) > MAX_BODY:
        raise ValueError("the body is too large")
    if media == "application/json":
        return BodyKind.JSON, list(_leaves("", parse(body), 0))
    if media in {"", "application/x-www-form-urlencoded"}:
        return BodyKind.FORM, list(_form(body.decode("ascii")))
    raise ValueError("the content type is unknown")


def _form(text: str) -> Iterator[tuple[str, Scalar]]:
    """Names with positions and values, as Stripe's servers understand a form."""
    positions: dict[str, int] = {}
    seen: set[tuple[str, int, str]] = set()
    pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    for name, value in pairs:
        if len(name) > _MAX_NAME or not _NAME.fullmatch(name) or name.count("[") > MAX_DEPTH:
            raise ValueError("a name is malformed")
        while "[]" in name:
            prefix, _, rest = name.partition("[]")
            position = positions.get(prefix, 0)
            # An item ends where one of its names comes again, or at once if it has none.
            if "[]" not in rest and (prefix, position, rest) in seen:
                position += 1
            positions[prefix] = position
            seen.add((prefix, position, rest))
            name = f"{prefix}[{position}]{rest}"
        yield name, _SPELLINGS.get(value, value)


def _leaves(name: str, value: Any, depth: int) -> Iterator[tuple[str, Scalar]]:
    """The scalars of a JSON body. An empty list or object is an empty text at its name."""
    if depth > MAX_DEPTH or len(name) > _MAX_NAME:
        raise ValueError("the body is too deep")
    if isinstance(value, dict | list) and (value or not name):
        inner: Iterable[tuple[Any, Any]]
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in inner:
            if not str(key) or "[" in str(key) or "]" in str(key):
                raise ValueError("a name has brackets")
            yield from _leaves(f"{name}[{key}]" if name else str(key), item, depth + 1)
    elif isinstance(value, dict | list):
        yield name, ""
    else:
        yield name, value


def _purpose(content_type: str, body: bytes) -> Iterator[tuple[str, Scalar]]:
    """The purpose of an upload. Names, sizes and contents of files are not read."""
    if not content_type.isprintable() or len(body) > MAX_UPLOAD:
        raise ValueError("the upload is malformed or too large")
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    parts = BytesParser().parsebytes(head + body).get_payload()
    for part in parts if isinstance(parts, list) else ():
        if not isinstance(part, Message):
            continue
        if part.get_param("name", header="content-disposition") == "purpose":
            value = part.get_payload()
            if isinstance(value, str) and len(value) <= _MAX_PURPOSE:
                yield "purpose", value.strip()


def _gathered(kind: BodyKind, sent: list[tuple[str, Scalar]]) -> Parameters:
    if len(sent) > MAX_PARAMETERS:
        raise ValueError("there are too many parameters")
    expand = {str(value) for name, value in sent if name.partition("[")[0] == "expand"}
    asks = any(name.partition("[")[0] == "expand" for name, _ in sent)
    others = [(name, value) for name, value in sent if name.partition("[")[0] != "expand"]
    values = dict(others)
    if len(values) < len(others):
        raise ValueError("a parameter is there twice")
    return Parameters(kind, values, frozenset(expand) if asks else None)
