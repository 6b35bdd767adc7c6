"""Which fields an answer may have: those of recordings of its type, and those of the SDK's type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

_FREE = "metadata"
"""The map whose keys and values are the user's."""


class Unknown(NamedTuple):
    """A field that neither recordings nor the SDK's type have.

    Attributes:
        path: the keys that lead to it, itself the last.
        known: the fields that are known beside it.
    """

    path: tuple[str, ...]
    known: tuple[str, ...]


def unknown_field(
    patch: Mapping[str, Any], bodies: Sequence[Any], type_: Any = None
) -> Unknown | None:
    """The first unknown field of a patch; None where all are known.

    Where nothing at all is known of an object, such as of one that was always null, all is taken.

    Args:
        patch: changes of an object, by field.
        bodies: recordings of that object; what is no object among them says nothing.
        type_: the SDK's class for it, where it is part of another; a body's own `object` wins.
    """
    bodies = [body for body in bodies if isinstance(body, Mapping)]
    named = [body["object"] for body in (patch, *bodies) if isinstance(body.get("object"), str)]
    type_ = _sdk_type(named[0]) if named else type_
    if type_ is None and not bodies:
        return None
    known = {*getattr(type_, "__annotations__", ()), *(name for body in bodies for name in body)}
    known = {name.rstrip("_") for name in known}  # the SDK spells a word of Python's so
    inner = getattr(type_, "_inner_class_types", {})
    maps = {_FREE, *getattr(type_, "_inner_class_dicts", ())}
    for name, change in patch.items():
        if name not in known:
            return Unknown((name,), tuple(sorted(known)))
        if name == _FREE:
            continue
        below = [body.get(name) for body in bodies]
        if name in maps:  # such as from currency to object
            change, below = _values(change), [_values(each) for each in below]
        for value in change if isinstance(change, list) else [change]:
            if isinstance(value, Mapping):
                found = unknown_field(value, [*_objects(below)], inner.get(name))
                if found is not None:
                    return found._replace(path=(name, *found.path))
    return None


def _values(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, Mapping) else []


def _objects(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        yield from value if isinstance(value, list) else (value,)


def _sdk_type(kind: str) -> Any:
    """The SDK's class of an object type; None where there is no SDK, or it has none."""
    found: Any = None
    with suppress(ImportError):
        import stripe

        found = stripe
    for part in kind.split("."):
        name = "".join(word.capitalize() for word in part.split("_"))
        found = getattr(found, name, None) or getattr(found, part, None)
    return found if getattr(found, "OBJECT_NAME", None) == kind else None
