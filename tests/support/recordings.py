"""Recordings made from plain bodies, for the tests of drift."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from replay.errors import CallRefused
from replay.model.cassette import Cassette, Interaction, ObjectKey, Request, Response
from replay.stripe_api.call import read_call
from replay.stripe_api.routes import retrieves
from replay.stripe_api.versions import UNVERSIONED

OLD, NEW = "2024-06-20", "2025-03-31.basil"
SOURCE = "api.stripe.com"
POLICY = "stripe-1 sha256:0123456789ab"

Entry = tuple[str, Cassette]


def recording(
    body: Any,
    version: str = OLD,
    *,
    id: str = "in_1A",
    resource: str = "invoices",
    batch: str = "",
    redacted: Mapping[str, str] | None = None,
    query: str = "",
    status: int = 200,
    source: str = SOURCE,
    parents: tuple[str, ...] = (),
    account: str = "",
    unconfirmed: tuple[str, ...] | None = None,
    equal_values: Mapping[str, str] | None = None,
) -> Entry:
    """A cassette of one take, with its path below the library."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    stated = () if version == UNVERSIONED else (("Stripe-Version", version),)
    interaction = Interaction(
        Request("GET", _uri(ObjectKey(resource, id, parents), query)),
        Response(status, "", stated, text),
        "2026-01-01T00:00:00Z",
        source,
        batch,
        redacted or {},
        unconfirmed=unconfirmed,
        equal_values=equal_values or {},
    )
    cassette = Cassette(ObjectKey(resource, id, parents, account), version, POLICY, (interaction,))
    return f"{resource}/{id}/{version}.yaml", cassette


def _uri(key: ObjectKey, query: str) -> str:
    """The address of a call, in canonical form if the API has it."""
    route = next((route for route in retrieves() if route.resource == key.resource), None)
    path = route.url_path(key.parents, key.id) if route else f"/v1/{key.resource}/{key.id}"
    try:
        return read_call(Request("GET", f"https://api.stripe.com{path}{query}")).uri
    except CallRefused:
        return f"https://api.stripe.com{path}{query}"


def takes(*entries: Entry) -> Entry:
    """One cassette with the takes of several, in order."""
    file, first = entries[0]
    interactions = tuple(take for _, entry in entries for take in entry.interactions)
    return file, Cassette(first.key, first.api_version, first.policy, interactions)


def twins(olds: Sequence[Any], news: Sequence[Any], **kwargs: Any) -> list[Entry]:
    """Objects recorded back to back at both versions."""
    found = []
    for n, (old, new) in enumerate(zip(olds, news, strict=True)):
        id = f"in_1A{n:04}"
        found.append(recording({"id": id, **old}, OLD, id=id, batch=f"b{n}", **kwargs))
        found.append(recording({"id": id, **new}, NEW, id=id, batch=f"b{n}", **kwargs))
    return found


def pools(olds: Iterable[Any], news: Iterable[Any]) -> list[Entry]:
    """Objects recorded at one version each."""
    return [
        recording({"id": f"in_1{letter}{n:04}", **body}, version, id=f"in_1{letter}{n:04}")
        for version, letter, bodies in ((OLD, "A", olds), (NEW, "B", news))
        for n, body in enumerate(bodies)
    ]


@dataclass
class Shelf:
    """A library in memory."""

    entries: list[Entry]

    def cassettes(self, resource: str | None = None) -> Iterator[Entry]:
        """As `replay.library.Library.cassettes`."""
        for file, cassette in sorted(self.entries, key=lambda entry: entry[0]):
            if resource is None or cassette.key.resource == resource:
                yield file, cassette
