"""JSON bodies: parsed strictly, written one way. Pure; what cannot be kept exactly is refused."""

from __future__ import annotations

import json
import math
from decimal import Decimal, InvalidOperation
from typing import Any

from replay.errors import NotRecordable


def parse(body: bytes) -> dict[str, Any]:
    """A JSON object, every number kept at its value.

    Raises:
        NotRecordable: no JSON object in UTF-8, or one that a cassette could not keep exactly.
    """
    try:
        document = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_exact_float,
        )
    except NotRecordable:
        raise
    except RecursionError:
        raise NotRecordable("the answer is nested too deeply") from None
    except ValueError:
        # The decoder's own message quotes the text, which may be private.
        raise NotRecordable("the answer is no JSON that can be read") from None
    if not isinstance(document, dict):
        raise NotRecordable("the answer is no JSON object")
    return document


def dump(document: Any) -> bytes:
    """JSON text as cassettes keep and clients get it: two spaces, pure ASCII without DEL."""
    # `ensure_ascii` escapes DEL too, so that YAML can keep the text as a literal block.
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False).encode("ascii")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise NotRecordable("the answer holds an object with a key twice")
    return mapping


def _refuse_constant(name: str) -> Any:
    raise NotRecordable("the answer holds NaN or an infinity, which JSON does not have")


def _exact_float(text: str) -> float:
    value = float(text)
    try:
        exact = math.isfinite(value) and Decimal(repr(value)) == Decimal(text)
    except InvalidOperation:  # an exponent beyond all bounds
        exact = False
    if not exact:
        raise NotRecordable("the answer holds a number that a float cannot keep")
    return value
