"""Reads recorded bodies, and finds the objects inside them that are evidence for their own type.

Such are the items of a collection, an event's payload (under the event's own `api_version`), and
any nested object of a type that has a resource of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from replay.drift.observe.marks import ANY, read
from replay.drift.observe.pairs import Take
from replay.drift.observe.pointers import at
from replay.errors import ConfigError
from replay.model import json_body
from replay.model.cassette import Interaction, ObjectKey
from replay.stripe_api.routes import by_name

_PAYLOAD = ("object", "previous_attributes")


@dataclass(frozen=True, slots=True)
class Inside:
    """An object found in another one's body.

    Attributes:
        key: the object.
        take: its body.
        expand: the expand set, as seen from it.
        version: the API version that it is rendered in; empty for that of the recording.
    """

    key: ObjectKey
    take: Take
    expand: tuple[str, ...] = ()
    version: str = ""


def read_take(file: str, number: int, interaction: Interaction) -> Take | None:
    """Read a recorded object; None for errors and for what is no object.

    Raises:
        CassetteDamaged: a body that no recording has.
    """
    response, redacted = interaction.response, interaction.redacted
    if not 200 <= response.status < 300:
        return None
    body = json_body.recorded(response.body, f"{file} take {number}")
    if not isinstance(body, dict):
        return None
    day = interaction.recorded_at[:10]
    return Take(file, number, body, redacted, interaction.batch, read(body, redacted), "", day)


def hollow(take: Take) -> Take:
    """A collection without its items, or an event without its payload: they speak elsewhere."""
    data = take.body.get("data")
    if _is_event(take.body) and isinstance(data, dict):
        empty: Any = {name: {} if name in _PAYLOAD else value for name, value in data.items()}
    elif not _is_event(take.body) and isinstance(data, list):
        empty = []
    else:
        return take
    body = {**take.body, "data": empty}
    return replace(take, body=body, reading=read(body, take.redacted))


def contents(take: Take, owner: ObjectKey, expand: tuple[str, ...]) -> Iterator[Inside]:
    """The payload of an event, or the items of a collection and the payloads of those."""
    if _is_event(take.body):
        named = take.body.get("api_version")
        for found in nested(take, owner, [("/data/object", "")], expand):
            yield replace(found, version=named if isinstance(named, str) else "")
        return
    for found in nested(take, owner, [(f"/data/{ANY}", "")], expand):
        if _is_event(found.take.body):
            yield from contents(found.take, owner, found.expand)
            found = replace(found, take=hollow(found.take))
        yield found


def nested(
    take: Take, owner: ObjectKey, places: Iterable[tuple[str, str]], expand: tuple[str, ...]
) -> Iterator[Inside]:
    """The objects at some places of a body that have an ID and a resource of their own.

    Args:
        take: the body.
        owner: what was recorded.
        places: paths with the type that is looked for there; empty for any.
        expand: the expand set of the body.
    """
    for path, type in sorted(places):
        dotted = path.replace("/", ".").replace(f".{ANY}", "")[1:] + "."
        below = tuple(name[len(dotted) :] for name in expand if name.startswith(dotted))
        for pointer, body in at(take.body, path):
            kind = body.get("object") if isinstance(body, dict) else None
            resource = home(kind) if isinstance(kind, str) else None
            if resource is not None and type in ("", kind) and isinstance(body.get("id"), str):
                redacted = {
                    name[len(pointer) :]: value
                    for name, value in take.redacted.items()
                    if name.startswith(f"{pointer}/")
                }
                found = replace(
                    take,
                    body=body,
                    redacted=redacted,
                    reading=read(body, redacted),
                    at=take.at + pointer,
                )
                yield Inside(ObjectKey(resource, body["id"], (), owner.account), found, below)


def _is_event(body: Any) -> bool:
    return bool(body.get("object") == "event")


@cache
def home(type: str) -> str | None:
    """The resource that retrieves objects of a type by their ID; None where none does."""
    try:
        route = by_name(type)
    except ConfigError:
        return None
    return route.resource if type in route.objects else None
