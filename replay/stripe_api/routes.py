"""The route table: which GET paths read something, and under which resource that is kept.

The rows are data (``data/routes.json``, made from the SDK by ``scripts/generate_routes.py``):
no rule about path segments can tell ``/v1/invoices/{id}`` from ``/v1/credit_notes/preview``. The
words of all paths are there too, those of writes included.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from replay.errors import ConfigError
from replay.model.cassette import ObjectKey
from replay.model.own_data import read_text
from replay.stripe_api.prefixes import types_by_prefix, types_of

_CHOSEN = frozenset({"coupon", "plan", "price", "product"})
"""Types whose IDs people choose: nothing is known of them."""

_RESOURCE = re.compile(r"[a-z]+(?:_[a-z]+)*\Z")


@dataclass(frozen=True, slots=True)
class Route:
    """One GET path: it retrieves an object, or is a collection (a list, a search, a preview).

    A third kind answers with a file, which is not recorded: only JSON can be redacted.

    Attributes:
        path: the template, such as ``/v1/customers/{customer}/sources/{id}``.
        resource: the literal segments without ``v1``: ``customers/sources``. Unique per route, and
            the path of its folder in a library.
        objects: the `object` values that it answers with; empty for a collection.
        collection: whether it answers with a list, a search result or a preview.
        method: ``GET``, or ``POST`` where a POST only reads.
        parameters: how many IDs the path holds. 0 is a singleton such as ``/v1/balance``.
        singleton: whether the last segment is literal, so that the object has no ID in the path.
        former: whether the newest SDK has no method for it. The API still answers; a type's name
            means another route where there is one.
        file: whether it answers with a file, such as a PDF.
    """

    path: str
    resource: str
    objects: tuple[str, ...]
    collection: bool
    method: str
    parameters: int
    singleton: bool
    former: bool = False
    file: bool = False

    def url_path(self, parents: tuple[str, ...], id: str) -> str:
        """The path of one object; IDs are put in as they are (callers encode them)."""
        ids = iter((*parents, id))
        return "/".join(next(ids) if part[:1] == "{" else part for part in self.path.split("/"))


@dataclass(frozen=True, slots=True)
class Match:
    """A path as the table reads it: its route, and the IDs in it (still percent-encoded)."""

    route: Route
    parents: tuple[str, ...]
    id: str


@cache
def table() -> tuple[Route, ...]:
    """All routes, in the order of their paths."""
    return tuple(
        _route(
            row["path"],
            tuple(row.get("objects", ())),
            collection=row["kind"] == "collection",
            method=row.get("method", "GET"),
            former=row.get("former", False),
            file=row["kind"] == "file",
        )
        for row in _document()["routes"]
    )


@cache
def words() -> frozenset[str]:
    """The literal segments of the API's paths, such as ``payment_methods`` and ``attach``."""
    parts = {part for route in table() for part in route.path.split("/")}
    return frozenset(part for part in parts if part[:1] != "{").union(_document()["words"])


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(read_text("replay.stripe_api", "data/routes.json"))
    return document


@cache
def retrieves() -> tuple[Route, ...]:
    """The routes that retrieve one object."""
    return tuple(route for route in table() if not route.collection and not route.file)


@cache
def _singletons() -> frozenset[str]:
    return frozenset(route.resource for route in retrieves() if route.singleton)


@cache
def resources() -> frozenset[str]:
    """The resource paths that recordings may be of."""
    return frozenset(route.resource for route in table() if not route.file)


@cache
def retrieved_by_id() -> Mapping[str, Route]:
    """Resource -> the route of the GET that retrieves one of its objects by its ID."""
    return {r.resource: r for r in retrieves() if r.method == "GET" and not r.singleton}


def is_collection(key: ObjectKey) -> bool:
    """Whether a key is that of a collection call, and not of a retrieve call with parameters."""
    return key.query is not None and not key.id and key.resource not in _singletons()


def template_of(path: str) -> str:
    """A path that the table does not have, with `{id}` for all that may be an ID.

    The name of a resource stays: the API's own words, and what follows ``/v1`` or ``/v2``.
    """
    head, *rest = path.strip("/").split("/")
    if head not in {"v1", "v2"} or not rest:
        return "a path that is none of the API's"
    shown = [head]
    for position, segment in enumerate(rest):
        own = segment in words() or (position == 0 and _RESOURCE.match(segment))
        shown.append(segment if own else "{id}")
    return "/" + "/".join(shown)


def _route(
    path: str,
    objects: tuple[str, ...],
    *,
    collection: bool,
    method: str,
    former: bool,
    file: bool,
) -> Route:
    segments = path.strip("/").split("/")
    literals = [s for s in segments if not s.startswith("{")]
    if literals[0] == "v1":
        del literals[0]
    return Route(
        path=path,
        resource="/".join(literals),
        objects=objects,
        collection=collection,
        method=method,
        parameters=sum(s.startswith("{") for s in segments),
        singleton=not segments[-1].startswith("{"),
        former=former,
        file=file,
    )


@cache
def _tree() -> dict[str, Any]:
    # Segment -> subtree; "/", which no segment can be, is any ID; "" holds the route ending here.
    root: dict[str, Any] = {}
    for route in table():
        node = root
        for segment in route.path.strip("/").split("/"):
            node = node.setdefault("/" if segment.startswith("{") else segment, {})
        node[""] = route
    return root


def match(path: str) -> Match | None:
    """Find the route of a URL path (without query). None where the table does not have it.

    A literal segment wins over an ID: in ``/v1/account``, ``account`` is never an ID.
    """
    node = _tree()
    ids: list[str] = []
    for segment in path.strip("/").split("/"):
        if not segment:
            return None
        step = node.get(segment)
        if step is None:
            step = node.get("/")
            ids.append(segment)
        if step is None:
            return None
        node = step
    route = node.get("")
    if route is None:
        return None
    if route.singleton:
        return Match(route, tuple(ids), "")
    return Match(route, tuple(ids[:-1]), ids[-1])


@cache
def _names() -> dict[str, Route]:
    names = {route.resource: route for route in retrieves()}
    # The shortest path with an ID owns the name of a type: `payment_method` is not a customer's,
    # `account` is one by its ID; only what has no such path is a singleton (`balance`).
    for route in sorted(
        retrieves(), key=lambda r: (r.former, r.singleton, r.parameters), reverse=True
    ):
        for name in route.objects:
            names[name] = names[name.replace(".", "/")] = route
    return names


def by_name(name: str) -> Route:
    """The route of a RESOURCE argument: ``invoice``, ``invoices``, ``checkout.session``, …

    Raises:
        ConfigError: no such resource; the hint names the nearest ones.
    """
    wanted = name.strip("/").lower()
    names = _names()
    for candidate in (wanted, wanted.replace("-", "_"), wanted.replace(".", "/")):
        if candidate in names:
            return names[candidate]
    if types := types_by_prefix(name):
        named = [f"{names[type_].resource} {name}" for type_ in types if type_ in names]
        raise ConfigError(
            f"{name} is the ID of an object, and stands where the resource belongs",
            where="RESOURCE",
            hint="write the resource before it: " + " or ".join(named or [f"RESOURCE {name}"]),
        )
    near = get_close_matches(wanted, names, n=3, cutoff=0.6)
    raise ConfigError(
        f"{name!r} is not a resource of the API",
        where="RESOURCE",
        hint="did you mean " + " or ".join(near) + "?"
        if near
        else "use a name such as invoice, invoice_payment or checkout/sessions",
    )


def by_resource(resource: str) -> Route:
    """The route of a resource path as a cassette names it.

    Raises:
        ConfigError: no such resource.
    """
    for route in retrieves():
        if route.resource == resource:
            return route
    raise ConfigError(
        f"{resource!r} is not a resource of the API",
        where="cassette.resource",
        hint="correct the name; replay show lists the calls of a library with theirs",
    )


def types_elsewhere(route: Route, id: str) -> tuple[str, ...]:
    """The types that an ID is of, if the route answers with none of them; else empty.

    The source would answer a 404 to such a call.
    """
    types = types_by_prefix(id)
    if not types or route.singleton or not _CHOSEN.isdisjoint(route.objects):
        return ()
    known = {type_ for each in types_of().values() for type_ in each}
    fits = not known.issuperset(route.objects) or not set(types).isdisjoint(route.objects)
    return () if fits else types
