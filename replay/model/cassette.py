"""The values of replay: request, response, interaction, cassette. Frozen, no I/O.

A cassette is one file: all takes of one object at one API version. An `Interaction` is always
redacted. Of these values, only a `Response` may hold an answer that is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

NOTHING: Mapping[str, Any] = MappingProxyType({})


def _nothing() -> Mapping[str, Any]:
    return NOTHING


_NAME = re.compile(r"[a-z_]{1,64}(?:\[(?:[a-z_]{0,64}|\d{1,3})\]){0,8}\Z")

Headers = tuple[tuple[str, str], ...]
"""Header lines in order, names as sent."""


def header(headers: Headers, name: str) -> str | None:
    """The first value of a header, whose name may be in any case; None where there is none."""
    wanted, length = name.lower(), len(name)
    for key, value in headers:
        if len(key) == length and key.lower() == wanted:
            return value
    return None


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as a client made it, or as a cassette keeps it.

    Attributes:
        method: the method, upper case.
        uri: the absolute URL with its query. Never shown in a repr: people choose IDs and values.
        headers: as sent; a cassette keeps ``Stripe-Version`` alone. Never shown in a repr: it
            may hold the API key.
        body: the body's bytes, None where there is none.
        unread: there is a body, but reading it would use it up, such as a stream.
    """

    method: str
    uri: str = field(repr=False)
    headers: Headers = field(default=(), repr=False)
    body: bytes | None = field(default=None, repr=False)
    unread: bool = field(default=False, repr=False)

    @classmethod
    def sending(cls, method: str, uri: str, headers: Headers, body: Any) -> Request:
        """Make a request from a body as clients take it: text, bytes of any kind, or a stream."""
        if body is None or isinstance(body, bytes):
            return cls(method, uri, headers, body)
        if isinstance(body, str):
            return cls(method, uri, headers, body.encode())
        try:
            return cls(method, uri, headers, bytes(memoryview(body)))
        except TypeError:
            return cls(method, uri, headers, unread=True)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer, decoded (no content or transfer encoding).

    Attributes:
        status: the status code.
        reason: the reason phrase.
        headers: without length and encodings, which the body determines.
        body: the decoded body's bytes.
        withheld: how many bytes of the body are left out: all of them in the answer to a HEAD.

    Its repr shows the status alone: a live answer is not redacted.
    """

    status: int
    reason: str = field(repr=False)
    headers: Headers = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    withheld: int = field(default=0, repr=False)

    @property
    def received(self) -> Headers:
        """The headers that a client gets, with the length; a HEAD gets the length of the GET."""
        return (*self.headers, ("Content-Length", str(len(self.body) + self.withheld)))


@dataclass(frozen=True, slots=True)
class Interaction:
    """One request and its redacted response: a take.

    Attributes:
        request: the request, headers reduced to the allowlist.
        response: the redacted response; its body is JSON text in pure ASCII.
        recorded_at: UTC time in ISO 8601 with seconds, ending in ``Z``.
        source: the host (and port, if not the API's own) that answered.
        batch: a name that recordings fetched back to back share; empty for a single one.
        redacted: JSON pointer of each replaced value, mapped to its class.
        unconfirmed: JSON pointers at which the same version gave another answer when it was asked
            once more, right after its twins had been fetched: what differs there may be due to
            time. ``("",)`` is the whole body. None where it was not asked once more.
        equal_values: JSON pointer of a value that a twin has at another place, mapped to a name
            that both twins use for it, such as ``id-1`` or ``text-2``. Noted where one of the two
            is redacted, so that the recordings themselves do not show it.
    """

    request: Request
    response: Response
    recorded_at: str
    source: str
    batch: str = ""
    redacted: Mapping[str, str] = field(default_factory=_nothing)
    unconfirmed: tuple[str, ...] | None = None
    equal_values: Mapping[str, str] = field(default_factory=_nothing)

    @property
    def pinned(self) -> str | None:
        """The API version that the client asked for; None where it did not."""
        return header(self.request.headers, "Stripe-Version")


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """Names one object, or one call with parameters, at any API version: where its cassettes lie.

    Attributes:
        resource: the resource path, such as ``invoices`` or ``customers/sources``.
        parents: IDs of the enclosing objects, outermost first.
        id: the object's ID; empty for a singleton such as the balance.
        account: label (a pseudonym) of the connected account; empty without one.
        query: the call's parameters without expand, form-encoded and in canonical order. Empty for
            a collection call without any; None for a retrieve call without any.
    """

    resource: str
    id: str
    parents: tuple[str, ...] = ()
    account: str = ""
    query: str | None = field(default=None, repr=False)

    @property
    def ids(self) -> tuple[tuple[str, str], ...]:
        """The IDs in the path, outermost first, each with the resource path that it is an ID of."""
        names = self.resource.split("/")
        first = len(names) - len(self.parents)
        own = ((self.resource, self.id),) if self.id else ()
        return (
            *(("/".join(names[: first + n]), id) for n, id in enumerate(self.parents)),
            *own,
        )

    @property
    def seed(self) -> str:
        """Names the key in stand-ins. It never changes: each stand-in in each library would."""
        names = dict.fromkeys(name for name, _ in parse_qsl(self.query or "", True))
        asked = f"by {', '.join(names)}" if names else ""
        what = "" if self.query is None else "collection"
        parts = [self.resource, what, *self.parents, self.id, asked]
        return " ".join(part for part in parts if part)

    def __str__(self) -> str:
        # Parameter values may be private: messages give only the names, if they look like names.
        given = (name for name, _ in parse_qsl(self.query or "", True))
        names = dict.fromkeys(name if _NAME.match(name) else "another" for name in given)
        asked = f"by {', '.join(names)}" if names else ""
        what = "collection" if self.query == "" else ""
        parts = [self.resource, what, *self.parents, self.id, asked]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Cassette:
    """All takes of one object at one API version.

    Attributes:
        key: the object.
        api_version: the version that answered, or `UNVERSIONED`.
        policy: name and digest of the redaction policy, such as ``stripe-1 sha256:0123…``.
        interactions: the takes in the order recorded; never empty.
    """

    key: ObjectKey
    api_version: str
    policy: str
    interactions: tuple[Interaction, ...]
