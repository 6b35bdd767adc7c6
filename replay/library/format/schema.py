"""Turns a parsed document into a `Cassette`, strictly.

It takes what recording can write, and nothing else: what differs was written by somebody else, and
clients would obey it. Errors name the field. ``cassette.schema.json`` says the same for other
readers, but for what takes the table of paths to know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

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
from replay.stripe_api.headers import (
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    Forms,
    is_kept_status,
    phrases,
    why_not_recorded,
)
from replay.stripe_api.routes import resources
from replay.stripe_api.versions import UNVERSIONED, is_version

VERSION = 1
"""The version that a document states."""


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SHOWN_KEY = re.compile("[a-z][a-z_-]{0,39}")
_METHOD = "[A-Z]{1,9}"


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
        raise _unfit(f"{at}{name} is missing or of another type")
    return value


def _text(mapping: Mapping[str, Any], name: str, at: str) -> str:
    value: str = _take(mapping, name, str, at)
    _no_control(value, f"{at}{name}")
    return value


def _formed(mapping: Mapping[str, Any], name: str, at: str, form: str) -> str:
    value = _text(mapping, name, at)
    if not re.fullmatch(form, value):
        raise _unfit(f"{at}{name} does not have the form that replay writes there")
    return value


def _no_control(value: str, at: str) -> None:
    # Messages show these texts, and clients get the address.
    if _CONTROL.search(value):
        raise _unfit(f"{at} holds a control character or a line end")


def _only(mapping: Mapping[str, Any], known: frozenset[str], at: str) -> None:
    for name in mapping:
        if name not in known:
            shown = f"{at}.{name}".lstrip(".") if _SHOWN_KEY.fullmatch(name) else ""
            raise _unfit(
                f"{shown} is a key that replay does not write"
                if shown
                else f"{at or 'the top level'} holds a key that replay does not write"
            )


def _unfit(why: str) -> Unfit:
    return Unfit(f"is not in the format: {why}")


def takes(document: Any) -> tuple[tuple[Interaction, ...], dict[str, Any]]:
    """The interactions of a vcrpy cassette, and the other keys at its top level.

    Any status, method and address of an API may be there: `replay.vcr` keeps them all. No header
    says where a redirect leads to.

    Raises:
        Unfit: they are not in the format.
    """
    items = _take(document if type(document) is dict else {}, "interactions", list, "")
    _only(document, _TAPE, "")
    if "policy" in document:
        _formed(document, "policy", "", frame.POLICY)
    found = tuple(
        _interaction(item, f"interactions[{n}]", tape=True) for n, item in enumerate(items)
    )
    return found, {name: document[name] for name in ("policy", "metadata") if name in document}


_TOP = frozenset({"version", "cassette", "interactions"})
_TAPE = frozenset({"version", "interactions", "policy", "metadata"})
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
        raise _unfit("the file is not a mapping")
    version = _take(document, "version", int, "")
    if version > VERSION:
        raise Later(version)
    if version != VERSION:
        raise _unfit(f"version is not {VERSION}")
    _only(document, _TOP, "")
    head = _take(document, "cassette", dict, "")
    _only(head, _HEAD, "cassette")
    items = _take(document, "interactions", list, "")
    if not items:
        raise _unfit("interactions is empty")
    key, at_version = _key(head), _text(head, "api_version", "cassette.")
    if not (is_version(at_version) or at_version == UNVERSIONED):
        raise _unfit("cassette.api_version is not an API version")
    interactions = tuple(_interaction(item, f"interactions[{n}]") for n, item in enumerate(items))
    for number, take in enumerate(interactions):
        if why := _why_not_of(key, at_version, take):
            raise _unfit(f"interactions[{number}].{why}")
    return Cassette(
        key=key,
        api_version=at_version,
        policy=_formed(head, "policy", "cassette.", frame.POLICY),
        interactions=interactions,
    )


def _key(head: Mapping[str, Any]) -> ObjectKey:
    parents = head.get("parents", [])
    if (
        type(parents) is not list
        or not all(type(p) is str for p in parents)
        or ("parents" in head and not parents)
    ):
        raise _unfit("cassette.parents is not a list of IDs")
    for parent in parents:
        _no_control(parent, "cassette.parents")
    resource = _text(head, "resource", "cassette.")
    if resource not in resources():
        raise _unfit("cassette.resource is none that replay records")
    return ObjectKey(
        resource=resource,
        id=_text(head, "id", "cassette."),
        parents=tuple(parents),
        account=_formed(head, "account", "cassette.", frame.ACCOUNT) if "account" in head else "",
        query=_text(head, "query", "cassette.") if "query" in head else None,
    )


def _why_not_of(key: ObjectKey, version: str, take: Interaction) -> str:
    answer = take.response
    if not answer.body and answer.status not in {204, 304}:
        return "response.body.string is empty, and its status has a body"
    return frame.why_another_call(key, version, take.request, answer.headers)


def _interaction(item: Any, at: str, *, tape: bool = False) -> Interaction:
    if type(item) is not dict:
        raise _unfit(f"{at} is not a mapping")
    _only(item, _ITEM, at)
    request = _take(item, "request", dict, f"{at}.")
    response = _take(item, "response", dict, f"{at}.")
    status = _take(response, "status", dict, f"{at}.response.")
    body = _take(response, "body", dict, f"{at}.response.")
    string = _take(body, "string", str, f"{at}.response.body.")
    _only(request, _REQUEST, f"{at}.request")
    _only(response, _RESPONSE, f"{at}.response")
    _only(status, _STATUS, f"{at}.response.status")
    _only(body, _BODY, f"{at}.response.body")
    code = _take(status, "code", int, f"{at}.response.status.")
    if code in {204, 304} and string:
        raise _unfit(f"{at}.response has a body, and its status has none")
    if not (100 <= code <= 599 if tape else is_kept_status(code)):
        raise _unfit(f"{at}.response.status.code is a status that replay does not record")
    if not string.isascii():
        raise _unfit(f"{at}.response.body.string is not ASCII")
    if string and not frame.is_object(string):
        raise _unfit(f"{at}.response.body.string is not an object of JSON")
    if _take(status, "message", str, f"{at}.response.status.") not in phrases(code):
        raise _unfit(f"{at}.response.status.message is not the reason phrase of its status")
    return Interaction(
        request=_request(request, f"{at}.request."),
        response=Response(
            status=code,
            reason=status["message"],
            headers=_headers(response, f"{at}.response.", RESPONSE_HEADERS),
            body=string.encode("ascii"),
        ),
        recorded_at=_formed(item, "recorded_at", f"{at}.", frame.TIME),
        source=_formed(item, "source", f"{at}.", frame.SOURCE),
        batch=_formed(item, "batch", f"{at}.", frame.BATCH) if "batch" in item else "",
        redacted=_redacted(item, at),
        unconfirmed=_unconfirmed(item, at),
        equal_values=_equal_values(item, at),
    )


def _unconfirmed(item: Mapping[str, Any], at: str) -> tuple[str, ...] | None:
    if "unconfirmed" not in item:
        return None
    pointers = _take(item, "unconfirmed", list, f"{at}.")
    if not all(type(pointer) is str and _is_pointer(pointer) for pointer in pointers):
        raise _unfit(f"{at}.unconfirmed is not a list of pointers")
    _no_control("".join(pointers), f"{at}.unconfirmed")
    return tuple(pointers)


def _equal_values(item: Mapping[str, Any], at: str) -> Mapping[str, str]:
    if "equal_values" not in item:
        return NOTHING
    found = _take(item, "equal_values", dict, f"{at}.")
    if not all(
        type(name) is str and re.fullmatch(frame.EQUAL_VALUE, name) and _is_pointer(pointer)
        for pointer, name in found.items()
    ):
        raise _unfit(f"{at}.equal_values maps a pointer to no name")
    _no_control("".join(found), f"{at}.equal_values")
    return found or NOTHING


def _is_pointer(text: str) -> bool:
    return not text or text.startswith("/")


def _request(request: Mapping[str, Any], at: str) -> Request:
    sent = request.get("body")
    if sent is not None and not (type(sent) is str and sent.isascii()):
        raise _unfit(f"{at}body is neither null nor ASCII")
    _no_control(sent or "", f"{at}body")
    uri = _text(request, "uri", at)
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        raise _unfit(f"{at}uri is not a URI") from None
    if parts.scheme not in {"http", "https"} or "@" in parts.netloc or parts.fragment:
        raise _unfit(f"{at}uri is not the address of an API's call")
    return Request(
        method=_formed(request, "method", at, _METHOD),
        uri=uri,
        headers=_headers(request, at, REQUEST_HEADERS),
        body=None if sent is None else sent.encode("ascii"),
    )


def _redacted(item: Mapping[str, Any], at: str) -> Mapping[str, str]:
    redacted: Mapping[str, Any] = _take(item, "redacted", dict, f"{at}.")
    for pointer, kind in redacted.items():
        if type(kind) is not str:
            raise _unfit(f"{at}.redacted maps a pointer to no text")
        _no_control(pointer, f"{at}.redacted")
        if pointer[:1] != "/" or not frame.names_classes(kind):
            raise _unfit(f"{at}.redacted maps what is no pointer, or to what is no class")
    return redacted


def _headers(message: Mapping[str, Any], at: str, forms: Forms) -> Headers:
    lines: list[tuple[str, str]] = []
    for name, values in _take(message, "headers", dict, at).items():
        if type(values) is not list or [str] != [type(value) for value in values]:
            raise _unfit(f"{at}headers holds a value that is not a list of one text")
        lines.append((name, values[0]))
    if why := why_not_recorded(tuple(lines), forms):
        raise _unfit(f"{at}headers {why}")
    return tuple(lines)
