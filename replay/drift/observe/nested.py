"""Reads recorded bodies, and finds the objects nested in them that are evidence for their own type.

Such objects are the items of a collection, the payload of an event (under the event's own
`api_version`), and any nested object of a type that has a resource of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from replay.drift.observe.marks import NO_MARKS, marks_of
from replay.drift.observe.pairs import Take, covers
from replay.drift.observe.pointers import ANY, occurrences
from replay.errors import ConfigError
from replay.model import json_body
from replay.model.cassette import Interaction, ObjectKey
from replay.stripe_api.routes import by_name

_PAYLOAD = ("object", "previous_attributes")


@dataclass(frozen=True, slots=True)
class Nested:
    """An object that was found in the body of another one.

    Attributes:
        key: the object's key.
        take: its body.
        expand: the expand set, as seen from this object.
        version: the API version that it is written in; empty for that of the recording.
    """

    key: ObjectKey
    take: Take
    expand: tuple[str, ...] = ()
    version: str = ""


def read_take(
    file: str, number: int, interaction: Interaction, *, marked: bool = True
) -> Take | None:
    """A recorded object as a take; None for an error, and for a body that is not a JSON object.

    Args:
        file, number: where it was recorded.
        interaction: the recording.
        marked: whether to mark its values; without, only the objects nested in it are of use.

    Raises:
        CassetteDamaged: the body is not JSON that a recording can hold.
    """
    response, redacted = interaction.response, interaction.redacted
    if not 200 <= response.status < 300:
        return None
    body = json_body.parse_recorded(response.body, f"{file} take {number}")
    if not isinstance(body, dict):
        return None
    day, marks = interaction.recorded_at[:10], marks_of(body, redacted) if marked else NO_MARKS
    return Take(
        file, number, body, redacted, interaction.batch, marks, "", day,
        interaction.unconfirmed, interaction.equal_values,
    )  # fmt: skip


def without_items(take: Take) -> Take:
    """A collection without its items, or an event without its payload; any other take as it is.

    Items and payloads are evidence for their own types.
    """
    data = take.body.get("data")
    if _is_event(take.body) and isinstance(data, dict):
        empty: Any = {name: {} if name in _PAYLOAD else value for name, value in data.items()}
    elif not _is_event(take.body) and isinstance(data, list):
        empty = []
    else:
        return take
    body = {**take.body, "data": empty}
    return replace(take, body=body, marks=marks_of(body, take.redacted))


def contents(take: Take, owner: ObjectKey, expand: tuple[str, ...]) -> Iterator[Nested]:
    """The payload of an event; or the items of a collection, and the payloads of its events."""
    if _is_event(take.body):
        named = take.body.get("api_version")
        for found in nested_objects(take, owner, [("/data/object", "")], expand):
            yield replace(found, version=named if isinstance(named, str) else "")
        return
    for found in nested_objects(take, owner, [(f"/data/{ANY}", "")], expand):
        if _is_event(found.take.body):
            yield from contents(found.take, owner, found.expand)
            found = replace(found, take=without_items(found.take))
        yield found


def nested_objects(
    take: Take, owner: ObjectKey, places: Iterable[tuple[str, str]], expand: tuple[str, ...]
) -> Iterator[Nested]:
    """The objects at some places of a body that have an ID, and a resource of their own.

    Args:
        take: the body.
        owner: the key of the recorded object.
        places: (path, type): where to look, and for which type; empty for any.
        expand: the expand set of the body.
    """
    for path, type in sorted(places):
        dotted = path.replace("/", ".").replace(f".{ANY}", "")[1:] + "."
        below = tuple(name[len(dotted) :] for name in expand if name.startswith(dotted))
        for pointer, body in occurrences(take.body, path):
            kind = body.get("object") if isinstance(body, dict) else None
            resource = resource_of(kind) if isinstance(kind, str) else None
            if resource is not None and type in ("", kind) and isinstance(body.get("id"), str):
                redacted = _below(take.redacted, pointer)
                found = replace(
                    take,
                    body=body,
                    redacted=redacted,
                    marks=marks_of(body, redacted),
                    at=take.at + pointer,
                    unconfirmed=_unconfirmed_below(take, pointer),
                    equal_values=_below(take.equal_values, pointer),
                )
                yield Nested(ObjectKey(resource, body["id"], (), owner.account), found, below)


def _below(named: Mapping[str, str], pointer: str) -> dict[str, str]:
    start = f"{pointer}/"
    return {place[len(pointer) :]: name for place, name in named.items() if place.startswith(start)}


def _unconfirmed_below(take: Take, pointer: str) -> tuple[str, ...] | None:
    if not take.unconfirmed:
        return take.unconfirmed
    if any(covers(place, pointer) for place in take.unconfirmed):
        return ("",)
    inside = (place for place in take.unconfirmed if covers(pointer, place))
    return tuple(place[len(pointer) :] for place in inside)


def _is_event(body: Any) -> bool:
    return bool(body.get("object") == "event")


@cache
def resource_of(type: str) -> str | None:
    """The resource that an object of a type is retrieved from; None where there is none."""
    try:
        route = by_name(type)
    except ConfigError:
        return None
    return route.resource if type in route.objects else None
