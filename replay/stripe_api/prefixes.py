"""Which types of object an ID may be of, by the prefix that Stripe gives it.

The prefixes are data (``data/prefixes.json``); several types may share one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache

from replay.model.own_data import read_text

_GENERATED = re.compile(r"([a-z]+(?:_[a-z]+)*?)_(?:test_|live_)?[A-Za-z0-9]{14,}\Z")


@cache
def types_of() -> Mapping[str, tuple[str, ...]]:
    """Prefix, without its last underscore -> the types whose IDs may have it."""
    text = read_text("replay.stripe_api", "data/prefixes.json")
    return {prefix: tuple(types) for prefix, types in json.loads(text).items()}


def types_by_prefix(id: str) -> tuple[str, ...]:
    """The types that an ID may be of; empty for one that a person may have chosen."""
    found = _GENERATED.match(id)
    return types_of().get(found[1], ()) if found else ()
