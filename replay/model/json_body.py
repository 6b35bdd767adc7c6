"""JSON bodies: parsed strictly, written in one form. Pure.

What cannot be kept exactly is refused.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal, InvalidOperation
from typing import Any

from replay.errors import CassetteDamaged, NotRecordable
from replay.model.cassette import Cassette, Interaction

MAX_DEPTH = 200
"""The deepest nesting that is read: no real body comes near, and no recursive walk overflows."""


class _Unfit(Exception):
    """A body that a cassette cannot keep. Says why, and never quotes the text."""


def parse(body: bytes) -> dict[str, Any]:
    """Parse a JSON object; every number keeps its exact value.

    Raises:
        NotRecordable: not a JSON object in UTF-8, or one that a cassette cannot keep exactly.
    """
    try:
        document = _parsed(body)
    except _Unfit as unfit:
        raise NotRecordable(f"the answer {unfit}") from None
    if not isinstance(document, dict):
        raise NotRecordable("the answer is not a JSON object")
    return document


def parse_recorded(body: bytes, where: str) -> Any:
    """Parse a recorded body, as strictly as when it was recorded.

    Args:
        body: a recorded body.
        where: the file and the take, for errors.

    Raises:
        CassetteDamaged: a recording could not have written it.
    """
    try:
        document = _parsed(body)
        if body.count(b"{") + body.count(b"[") > MAX_DEPTH:
            _refuse_depth(document)
    except _Unfit as unfit:
        raise CassetteDamaged(
            f"a recorded body {unfit}",
            where=where,
            hint="restore the file from version control, or record it again",
        ) from None
    return document


def require_readable(cassette: Cassette, where: str) -> None:
    """Make sure that every body of a cassette could have been recorded.

    Raises:
        CassetteDamaged: one could not.
    """
    for number, take in enumerate(cassette.interactions):
        if take.response.body:
            parse_recorded(take.response.body, f"{where} take {number}")


def is_deleted(take: Interaction) -> bool:
    """Whether a take says that its object was deleted.

    Raises:
        CassetteDamaged: a recording could not have written its body.
    """
    if not take.response.body:
        return False
    body = parse_recorded(take.response.body, take.request.uri)
    return isinstance(body, dict) and body.get("deleted") is True


def _parsed(body: bytes) -> Any:
    try:
        document = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_exact_float,
        )
    except RecursionError:
        raise _Unfit("is nested too deeply") from None
    except ValueError:
        # The decoder's own message quotes the text, which may be private.
        raise _Unfit("is not JSON that can be read") from None
    return document


def dump(document: Any) -> bytes:
    """JSON text as cassettes keep it and clients get it: indented by two, ASCII without DEL."""
    # `ensure_ascii` escapes DEL too, so that YAML can keep the text as a literal block.
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False).encode("ascii")


def _refuse_depth(document: Any) -> None:
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for value in level
            for child in (value.values() if isinstance(value, dict) else value)
            if isinstance(child, dict | list)
        ]
    if level:
        raise _Unfit("is nested too deeply")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise _Unfit("holds an object with a key twice")
    return mapping


def _refuse_constant(name: str) -> Any:
    raise _Unfit("holds NaN or an infinity, which JSON does not have")


def _exact_float(text: str) -> float:
    value = float(text)
    try:
        exact = math.isfinite(value) and Decimal(repr(value)) == Decimal(text)
    except InvalidOperation:  # an exponent beyond all bounds
        exact = False
    if not exact:
        raise _Unfit("holds a number that a float cannot keep")
    return value
