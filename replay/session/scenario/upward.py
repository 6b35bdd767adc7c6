"""A request with the true values in place of the stand-ins that its client was given. Pure.

Clients send on what they got: a client secret, a cursor, an address. While a scenario is recorded,
the live source has to get the true one; it is known in memory only.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from replay.model.cassette import Request, header

if TYPE_CHECKING:
    from replay.session.scenario.recording import Recording


def with_true_values(request: Request, recording: Recording) -> Request:
    """The request that the live source understands; the same one if it has no stand-ins.

    The caller serialises the calls of `recording`.
    """
    if not recording.has_stand_ins:
        return request
    true = recording.true_text
    parts = urlsplit(request.uri)
    segments = parts.path.split("/")
    path = [_segment(part, true(unquote(part))) for part in segments]
    query = parse_qsl(parts.query, keep_blank_values=True)
    new_query = [(name, true(value)) for name, value in query]
    body = _body(request, recording)
    if path == segments and new_query == query and body is request.body:
        return request
    text = urlencode(new_query) if new_query != query else parts.query
    return replace(request, uri=urlunsplit((*parts[:2], "/".join(path), text, "")), body=body)


def _segment(part: str, true: str) -> str:
    return part if unquote(part) == true else quote(true, safe="")


def _body(request: Request, recording: Recording) -> bytes | None:
    if not request.body:
        return request.body
    kind = (header(request.headers, "Content-Type") or "").partition(";")[0].strip().lower()
    true = recording.true_text
    if kind == "application/json":
        document = json.loads(request.body)
        new = _replaced(document, recording)
        return request.body if new == document else json.dumps(new).encode()
    if kind in {"", "application/x-www-form-urlencoded"}:
        pairs = parse_qsl(request.body.decode("ascii"), keep_blank_values=True)
        replaced = [(name, true(value)) for name, value in pairs]
        return request.body if replaced == pairs else urlencode(replaced).encode("ascii")
    return request.body


def _replaced(value: Any, recording: Recording) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(child, recording) for key, child in value.items()}
    if isinstance(value, list):
        return [_replaced(child, recording) for child in value]
    return recording.true_text(value) if isinstance(value, str) else value
