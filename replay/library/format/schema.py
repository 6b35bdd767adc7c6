"""Turns a parsed document into a `Cassette`, strictly.

Unknown keys are kept at the top level, below ``cassette:`` and in an interaction, where a rewrite
can put them back. Anywhere else they would be lost, so they are refused. So is a status or
header that replay does not record: somebody else wrote it, and clients would obey it.
``cassette.schema.json`` says the same for other readers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from replay.model.cassette import (
    NOTHING,
    Cassette,
    Headers,
    Interaction,
    ObjectKey,
    Request,
    Response,
)
from replay.stripe_api.headers import (
    REASON,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    Forms,
    is_kept_status,
    why_not_recorded,
)

VERSION = 1
"""The version that a document states."""


EQUAL_VALUE = re.compile(r"(?:id|text)-[1-9][0-9]{0,3}\Z")
"""The names that twins use for values which they share: they say nothing about the value."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Unfit(ValueError):
    """A value of the parsed document does not fit the format."""


class Later(Exception):
    """The document has a later version than this release reads.

    Attributes:
        version: the version that it states.
    """

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


def _take(mapping: Mapping[str, Any], name: str, kind: type[Any], at: str) -> Any:
    value = mapping.get(name)
    if type(value) is not kind:
        raise Unfit(f"is not in the format: {at}{name} is missing or of another type")
    return value


def _text(mapping: Mapping[str, Any], name: str, at: str) -> str:
    value: str = _take(mapping, name, str, at)
    _no_control(value, f"{at}{name}")
    return value


def _no_control(value: str, at: str) -> None:
    # Messages show these texts, and clients get the address.
    if _CONTROL.search(value):
        raise Unfit(f"is not in the format: {at} holds a control character or a line end")


def _only(mapping: Mapping[str, Any], known: frozenset[str], at: str) -> None:
    # Values have no place for unknown keys here: the next rewrite would lose them.
    if not mapping.keys() <= known:
        raise Unfit(f"is not in the format: {at} holds a key that is not known there")


def _rest(mapping: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name not in known}


def takes(document: Any) -> tuple[tuple[Interaction, ...], dict[str, Any]]:
    """The interactions of a vcrpy cassette, and the other keys at its top level.

    Any status may be there, also a redirect: `replay.vcr` keeps them all. No header says where to.

    Raises:
        Unfit: they are not in the format.
    """
    items = _take(document if type(document) is dict else {}, "interactions", list, "")
    found = tuple(_interaction(item, f"interactions[{n}]") for n, item in enumerate(items))
    return found, _rest(document, frozenset({"version", "interactions"}))


_TOP = frozenset({"version", "cassette", "interactions"})
_HEAD = frozenset({"resource", "parents", "id", "query", "account", "api_version", "policy"})
_ITEM = frozenset({
    "recorded_at", "source", "batch", "unconfirmed", "equal_values",
    "request", "response", "redacted",
})  # fmt: skip
_REQUEST = frozenset({"method", "uri", "body", "headers"})
_RESPONSE = frozenset({"status", "headers", "body"})
_STATUS = frozenset({"code", "message"})
_BODY = frozenset({"string"})


def to_cassette(document: Any) -> Cassette:
    """Read a document as a cassette.

    Raises:
        Later: it has a later version.
        Unfit: it is not a cassette.
    """
    if type(document) is not dict:
        raise Unfit("is not in the format: the file is not a mapping")
    version = _take(document, "version", int, "")
    if version > VERSION:
        raise Later(version)
    if version != VERSION:
        raise Unfit(f"is not in the format: version is not {VERSION}")
    head = _take(document, "cassette", dict, "")
    items = _take(document, "interactions", list, "")
    if not items:
        raise Unfit("is not in the format: interactions is empty")
    parents = head.get("parents", [])
    if type(parents) is not list or not all(type(p) is str for p in parents):
        raise Unfit("is not in the format: cassette.parents is not a list of IDs")
    for parent in parents:
        _no_control(parent, "cassette.parents")
    resource = _text(head, "resource", "cassette.")
    if len(parents) > resource.count("/"):
        raise Unfit("is not in the format: cassette.parents has more IDs than the resource")
    interactions = tuple(_interaction(item, f"interactions[{n}]") for n, item in enumerate(items))
    for number, take in enumerate(interactions):
        if not is_kept_status(take.response.status):
            at = f"interactions[{number}].response.status.code"
            raise Unfit(f"is not in the format: {at} is a status that replay does not record")
    return Cassette(
        key=ObjectKey(
            resource=resource,
            id=_text(head, "id", "cassette."),
            parents=tuple(parents),
            account=_text(head, "account", "cassette.") if "account" in head else "",
            query=_text(head, "query", "cassette.") if "query" in head else None,
        ),
        api_version=_text(head, "api_version", "cassette."),
        policy=_text(head, "policy", "cassette."),
        interactions=interactions,
        extra=_rest(document, _TOP),
        cassette_extra=_rest(head, _HEAD),
    )


def _interaction(item: Any, at: str) -> Interaction:
    if type(item) is not dict:
        raise Unfit(f"is not in the format: {at} is not a mapping")
    request = _take(item, "request", dict, f"{at}.")
    response = _take(item, "response", dict, f"{at}.")
    status = _take(response, "status", dict, f"{at}.response.")
    body = _take(response, "body", dict, f"{at}.response.")
    string = _take(body, "string", str, f"{at}.response.body.")
    redacted = _take(item, "redacted", dict, f"{at}.")
    code = _take(status, "code", int, f"{at}.response.status.")
    _only(request, _REQUEST, f"{at}.request")
    _only(response, _RESPONSE, f"{at}.response")
    _only(status, _STATUS, f"{at}.response.status")
    _only(body, _BODY, f"{at}.response.body")
    sent = request.get("body")
    if sent is not None and not (type(sent) is str and sent.isascii()):
        raise Unfit(f"is not in the format: {at}.request.body is neither null nor ASCII")
    if not all(type(kind) is str for kind in redacted.values()):
        raise Unfit(f"is not in the format: {at}.redacted maps a pointer to no text")
    _no_control("".join((*redacted, *redacted.values())), f"{at}.redacted")
    _no_control(sent or "", f"{at}.request.body")
    if code in {204, 304} and string:
        raise Unfit(f"is not in the format: {at}.response has a body, and its status has none")
    if not string.isascii() or not 100 <= code <= 599:
        raise Unfit(
            f"is not in the format: {at}.response has a body that is not ASCII, or no status"
        )
    reason = _take(status, "message", str, f"{at}.response.status.")
    if not REASON.match(reason):
        raise Unfit(f"is not in the format: {at}.response.status.message is not a reason phrase")
    uri = _text(request, "uri", f"{at}.request.")
    try:
        urlsplit(uri)
    except ValueError:
        raise Unfit(f"is not in the format: {at}.request.uri is not a URI") from None
    return Interaction(
        request=Request(
            method=_text(request, "method", f"{at}.request."),
            uri=uri,
            headers=_headers(request, f"{at}.request.", REQUEST_HEADERS),
            body=None if sent is None else sent.encode("ascii"),
        ),
        response=Response(
            status=code,
            reason=reason,
            headers=_headers(response, f"{at}.response.", RESPONSE_HEADERS),
            body=string.encode("ascii"),
        ),
        recorded_at=_text(item, "recorded_at", f"{at}."),
        source=_text(item, "source", f"{at}."),
        batch=_text(item, "batch", f"{at}.") if "batch" in item else "",
        redacted=redacted,
        extra=_rest(item, _ITEM),
        unconfirmed=_unconfirmed(item, at),
        equal_values=_equal_values(item, at),
    )


def _unconfirmed(item: Mapping[str, Any], at: str) -> tuple[str, ...] | None:
    if "unconfirmed" not in item:
        return None
    pointers = _take(item, "unconfirmed", list, f"{at}.")
    if not all(type(pointer) is str and _is_pointer(pointer) for pointer in pointers):
        raise Unfit(f"is not in the format: {at}.unconfirmed is not a list of pointers")
    _no_control("".join(pointers), f"{at}.unconfirmed")
    return tuple(pointers)


def _equal_values(item: Mapping[str, Any], at: str) -> Mapping[str, str]:
    if "equal_values" not in item:
        return NOTHING
    found = _take(item, "equal_values", dict, f"{at}.")
    if not all(
        type(name) is str and EQUAL_VALUE.match(name) and _is_pointer(pointer)
        for pointer, name in found.items()
    ):
        raise Unfit(f"is not in the format: {at}.equal_values maps a pointer to no name")
    _no_control("".join(found), f"{at}.equal_values")
    return found or NOTHING


def _is_pointer(text: str) -> bool:
    return not text or text.startswith("/")


def _headers(message: Mapping[str, Any], at: str, forms: Forms) -> Headers:
    lines: list[tuple[str, str]] = []
    for name, values in _take(message, "headers", dict, at).items():
        if type(values) is not list or [str] != [type(value) for value in values]:
            raise Unfit(
                f"is not in the format: {at}headers holds a value that is not a list of one text"
            )
        lines.append((name, values[0]))
    if why := why_not_recorded(tuple(lines), forms):
        raise Unfit(f"is not in the format: {at}headers {why}")
    return tuple(lines)
