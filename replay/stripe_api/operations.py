"""Which operation of Stripe's API a path is, and which type of object it returns. Pure.

Writes are known from the data of their parameters, reads from the table of routes. In a path that
neither has, what is no word of the API counts as an ID.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from replay.stripe_api.request_parameters import operations
from replay.stripe_api.routes import match, table, words

_HOLE = "{}"
_OAUTH = frozenset({"authorize", "deauthorize", "token"})
"""The paths of ``connect.stripe.com``."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Attributes:
        template: the path with ``{}`` for each ID, without a slash at its start.
        returns: the type of object that it returns; empty where that is not known.
        resource: for a read that the table knows: the resource path; else empty.
        single: whether it is a read of one object.
        ids: for each segment, the resource whose IDs stand there; empty for a literal.
    """

    template: str
    returns: str
    resource: str
    single: bool
    ids: tuple[str, ...]


@lru_cache(maxsize=2048)
def operation(method: str, path: str) -> Operation:
    """The operation of a method and a path such as ``/v1/customers/cus_…``."""
    segments = path.strip("/").split("/")
    found = match("/" + "/".join(segments)) if method in {"GET", "HEAD"} else None
    if found is not None and found.route.method == "GET":
        template = _holes(found.route.path)
        single = not found.route.collection and bool(found.id)
        resource = found.route.resource
    else:
        template, single, resource = _template(method, tuple(segments)), False, ""
    return Operation(template, returned(template), resource, single, _ids(template))


def _holes(path: str) -> str:
    return "/".join(_HOLE if part[:1] == "{" else part for part in path.strip("/").split("/"))


def _template(method: str, segments: tuple[str, ...]) -> str:
    known = _trie().get(method)
    if known is not None and (found := _walk(known, segments, 0)) is not None:
        return found
    known_words = _OAUTH if segments[0] == "oauth" else words()
    return "/".join(
        part if part in known_words or place == 0 else _HOLE for place, part in enumerate(segments)
    )


def _walk(node: _Node, segments: tuple[str, ...], at: int) -> str | None:
    if at == len(segments):
        return node.template
    for key in (segments[at], _HOLE):  # a literal wins over an ID
        below = node.below.get(key)
        found = _walk(below, segments, at + 1) if below is not None else None
        if found is not None:
            return found
    return None


class _Node:
    __slots__ = ("below", "template")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.template: str | None = None


@cache
def _trie() -> dict[str, _Node]:
    roots: dict[str, _Node] = {}
    for call in operations():
        method, _, path = call.partition(" ")
        node = roots.setdefault(method, _Node())
        template = _holes(path)
        for part in template.split("/"):
            node = node.below.setdefault(part, _Node())
        node.template = template
    return roots


@cache
def _types() -> dict[str, str]:
    """Template of a retrieve call -> the type of its object."""
    return {
        _holes(route.path): route.objects[0]
        for route in reversed(table())
        if route.objects and not route.collection and route.method == "GET"
    }


def returned(template: str) -> str:
    """The type of object that a template's operations return; empty where that is not known."""
    return next((kind for path in _nearby(template) if (kind := _types().get(path, ""))), "")


@cache
def _retrieved() -> dict[str, str]:
    """Template of a retrieve call -> its resource path."""
    return {_holes(route.path): route.resource for route in table() if not route.collection}


def resource_answered(method: str, path: str) -> str:
    """The resource path of the object that an operation returns, such as ``customers``."""
    template = operation(method, path).template
    found = (_retrieved().get(near) for near in _nearby(template))
    literals = [part for part in template.split("/")[1:] if part != _HOLE]
    return next((resource for resource in found if resource), "/".join(literals))


def _nearby(template: str) -> Iterator[str]:
    """The paths of the object that an operation may return: its own, a member's, its owner's."""
    yield template
    yield f"{template}/{_HOLE}"
    head, _, last = template.rpartition("/")
    while head and last != _HOLE:
        yield head
        head, _, last = head.rpartition("/")


@cache
def _resources() -> dict[str, str]:
    """Template up to an ID -> the resource path of that ID."""
    found: dict[str, str] = {}
    for route in table():
        parts = route.path.strip("/").split("/")
        literals: list[str] = []
        for place, part in enumerate(parts):
            if part[:1] == "{":
                head = _holes("/".join(parts[: place + 1]))
                found.setdefault(head, "/".join(literals[1:]))
            else:
                literals.append(part)
    return found


def _ids(template: str) -> tuple[str, ...]:
    parts = template.split("/")
    named = []
    for place, part in enumerate(parts):
        if part != _HOLE:
            named.append("")
            continue
        head = "/".join(parts[: place + 1])
        literals = "/".join(p for p in parts[1:place] if p != _HOLE)
        named.append(_resources().get(head) or literals)
    return tuple(named)
