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
from replay.library.format.fields import (
    formed,
    headers_of,
    no_control,
    only,
    redacted_of,
    text_of,
    unfit,
    value_of,
)
from replay.model.cassette import (
    NOTHING,
    Cassette,
    Interaction,
    ObjectKey,
    Request,
    Response,
)
from replay.stripe_api.headers import (
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    is_kept_status,
    phrases,
)
from replay.stripe_api.routes import resources
from replay.stripe_api.versions import UNVERSIONED, is_version

VERSION = 1
"""The version that a document states."""

_METHOD = "[A-Z]{1,9}"


class Later(Exception):
    """The document has a later version than this release reads.

    Attributes:
        version: the version that it states.
    """

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


def takes(document: Any) -> tuple[tuple[Interaction, ...], dict[str, Any]]:
    """The interactions of a vcrpy cassette, and the other keys at its top level.

    Any status, method and address of an API may be there: `replay.vcr` keeps them all. No header
    says where a redirect leads to.

    Raises:
        Unfit: they are not in the format.
    """
    items = value_of(document if type(document) is dict else {}, "interactions", list, "")
    only(document, _TAPE, "")
    if "policy" in document:
        formed(document, "policy", "", frame.POLICY)
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
        raise unfit("the file is not a mapping")
    version = value_of(document, "version", int, "")
    if version > VERSION:
        raise Later(version)
    if version != VERSION:
        raise unfit(f"version is not {VERSION}")
    only(document, _TOP, "")
    head = value_of(document, "cassette", dict, "")
    only(head, _HEAD, "cassette")
    items = value_of(document, "interactions", list, "")
    if not items:
        raise unfit("interactions is empty")
    key, at_version = _key(head), text_of(head, "api_version", "cassette.")
    if not (is_version(at_version) or at_version == UNVERSIONED):
        raise unfit("cassette.api_version is not an API version")
    interactions = tuple(_interaction(item, f"interactions[{n}]") for n, item in enumerate(items))
    for number, take in enumerate(interactions):
        if why := _why_not_of(key, at_version, take):
            raise unfit(f"interactions[{number}].{why}")
    return Cassette(
        key=key,
        api_version=at_version,
        policy=formed(head, "policy", "cassette.", frame.POLICY),
        interactions=interactions,
    )


def _key(head: Mapping[str, Any]) -> ObjectKey:
    parents = head.get("parents", [])
    if (
        type(parents) is not list
        or not all(type(p) is str for p in parents)
        or ("parents" in head and not parents)
    ):
        raise unfit("cassette.parents is not a list of IDs")
    for parent in parents:
        no_control(parent, "cassette.parents")
    resource = text_of(head, "resource", "cassette.")
    if resource not in resources():
        raise unfit("cassette.resource is none that replay records")
    return ObjectKey(
        resource=resource,
        id=text_of(head, "id", "cassette."),
        parents=tuple(parents),
        account=formed(head, "account", "cassette.", frame.ACCOUNT) if "account" in head else "",
        query=text_of(head, "query", "cassette.") if "query" in head else None,
    )


def _why_not_of(key: ObjectKey, version: str, take: Interaction) -> str:
    answer = take.response
    if not answer.body and answer.status not in {204, 304}:
        return "response.body.string is empty, and its status has a body"
    return frame.why_another_call(key, version, take.request, answer.headers)


def _interaction(item: Any, at: str, *, tape: bool = False) -> Interaction:
    if type(item) is not dict:
        raise unfit(f"{at} is not a mapping")
    only(item, _ITEM, at)
    request = value_of(item, "request", dict, f"{at}.")
    response = value_of(item, "response", dict, f"{at}.")
    status = value_of(response, "status", dict, f"{at}.response.")
    body = value_of(response, "body", dict, f"{at}.response.")
    string = value_of(body, "string", str, f"{at}.response.body.")
    only(request, _REQUEST, f"{at}.request")
    only(response, _RESPONSE, f"{at}.response")
    only(status, _STATUS, f"{at}.response.status")
    only(body, _BODY, f"{at}.response.body")
    code = value_of(status, "code", int, f"{at}.response.status.")
    if code in {204, 304} and string:
        raise unfit(f"{at}.response has a body, and its status has none")
    if not (100 <= code <= 599 if tape else is_kept_status(code)):
        raise unfit(f"{at}.response.status.code is a status that replay does not record")
    if not string.isascii():
        raise unfit(f"{at}.response.body.string is not ASCII")
    if string and not frame.is_object(string):
        raise unfit(f"{at}.response.body.string is not an object of JSON")
    if value_of(status, "message", str, f"{at}.response.status.") not in phrases(code):
        raise unfit(f"{at}.response.status.message is not the reason phrase of its status")
    return Interaction(
        request=_request(request, f"{at}.request."),
        response=Response(
            status=code,
            reason=status["message"],
            headers=headers_of(response, f"{at}.response.", RESPONSE_HEADERS),
            body=string.encode("ascii"),
        ),
        recorded_at=formed(item, "recorded_at", f"{at}.", frame.TIME),
        source=formed(item, "source", f"{at}.", frame.SOURCE),
        batch=formed(item, "batch", f"{at}.", frame.BATCH) if "batch" in item else "",
        redacted=redacted_of(item, at),
        unconfirmed=_unconfirmed(item, at),
        equal_values=_equal_values(item, at),
    )


def _unconfirmed(item: Mapping[str, Any], at: str) -> tuple[str, ...] | None:
    if "unconfirmed" not in item:
        return None
    pointers = value_of(item, "unconfirmed", list, f"{at}.")
    if not all(type(pointer) is str and _is_pointer(pointer) for pointer in pointers):
        raise unfit(f"{at}.unconfirmed is not a list of pointers")
    no_control("".join(pointers), f"{at}.unconfirmed")
    return tuple(pointers)


def _equal_values(item: Mapping[str, Any], at: str) -> Mapping[str, str]:
    if "equal_values" not in item:
        return NOTHING
    found = value_of(item, "equal_values", dict, f"{at}.")
    if not all(
        type(name) is str and re.fullmatch(frame.EQUAL_VALUE, name) and _is_pointer(pointer)
        for pointer, name in found.items()
    ):
        raise unfit(f"{at}.equal_values maps a pointer to no name")
    no_control("".join(found), f"{at}.equal_values")
    return found or NOTHING


def _is_pointer(text: str) -> bool:
    return not text or text.startswith("/")


def _request(request: Mapping[str, Any], at: str) -> Request:
    sent = request.get("body")
    if sent is not None and not (type(sent) is str and sent.isascii()):
        raise unfit(f"{at}body is neither null nor ASCII")
    no_control(sent or "", f"{at}body")
    uri = text_of(request, "uri", at)
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        raise unfit(f"{at}uri is not a URI") from None
    if parts.scheme not in {"http", "https"} or "@" in parts.netloc or parts.fragment:
        raise unfit(f"{at}uri is not the address of an API's call")
    return Request(
        method=formed(request, "method", at, _METHOD),
        uri=uri,
        headers=headers_of(request, at, REQUEST_HEADERS),
        body=None if sent is None else sent.encode("ascii"),
    )
