"""Which types of object an ID may be of, by the prefix that Stripe gives it.

The prefixes are data (``data/prefixes.json``); several types may share one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_GENERATED = re.compile(r"([a-z]+(?:_[a-z]+)*?)_(?:test_|live_)?[A-Za-z0-9]{14,}\Z")


@cache
def types_of() -> Mapping[str, tuple[str, ...]]:
    """Prefix, without its last underscore -> the types whose IDs may have it."""
    text = files("replay.stripe_api").joinpath("data/prefixes.json").read_text("utf-8")
    return {prefix: tuple(types) for prefix, types in json.loads(text).items()}


def types_by_prefix(id: str) -> tuple[str, ...]:
    """The types that an ID may be of; empty for one that a person may have chosen."""
    found = _GENERATED.match(id)
    return types_of().get(found[1], ()) if found else ()
