"""Which types of object an ID may be of, by the prefix that Stripe gives it.

The prefixes are data (``data/prefixes.json``); several types may share one.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

from replay.errors import ConfigError
from replay.stripe_api.routes import Route, by_name

_GENERATED = re.compile(r"([a-z]+(?:_[a-z]+)*?)_(?:test_|live_)?[A-Za-z0-9]{14,}\Z")

_CHOSEN = frozenset({"coupon", "plan", "price", "product"})
"""Types whose IDs people choose: nothing is known of them."""


@cache
def types_of() -> Mapping[str, tuple[str, ...]]:
    """Prefix, without its last underscore -> the types whose IDs may have it."""
    text = files("replay.stripe_api").joinpath("data/prefixes.json").read_text("utf-8")
    return {prefix: tuple(types) for prefix, types in json.loads(text).items()}


def types_by_prefix(id: str) -> tuple[str, ...]:
    """The types that an ID may be of, by its prefix; none where that does not say."""
    found = _GENERATED.match(id)
    return types_of().get(found[1], ()) if found else ()


def require_own(route: Route, id: str) -> None:
    """Make sure that an ID is not one of another resource: the source would answer a 404.

    Args:
        route: the route of the resource.
        id: the ID, with those of its parents before it, as in ``cus_…/card_…``.

    Raises:
        ConfigError: it is; the hint names the command that records it.
    """
    own = id.rpartition("/")[2]
    types = types_by_prefix(own)
    if not types or route.singleton or not _CHOSEN.isdisjoint(route.objects):
        return
    known = {type_ for each in types_of().values() for type_ in each}
    if not known.issuperset(route.objects) or not set(types).isdisjoint(route.objects):
        return
    raise ConfigError(
        f"{own} is the ID of another resource: {' or '.join(types)}",
        where=f"replay record {route.resource}",
        hint="\n".join(_commands(types, own)) or f"name an ID of {route.resource}",
    )


def _commands(types: tuple[str, ...], id: str) -> Iterator[str]:
    """The commands that record an object of these types, where there are any."""
    for type_ in types:
        try:
            route = by_name(type_)
        except ConfigError:
            continue
        if not route.singleton:
            parents = "PARENT/" * (route.parameters - 1)
            yield f"replay record {route.resource} {parents}{shlex.quote(id)}"
