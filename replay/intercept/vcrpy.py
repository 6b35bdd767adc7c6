"""The only user of vcrpy: its builder of aiohttp responses. None of its patches is installed."""

from __future__ import annotations

from typing import Any

from replay.model.cassette import Request, Response


def aiohttp_response(request: Request, answer: Response) -> Any:
    """An `aiohttp.ClientResponse` whose body is already there. Needs a running event loop."""
    from vcr.request import Request as VcrRequest
    from vcr.stubs.aiohttp_stubs import build_response

    asked = VcrRequest(request.method, request.uri, None, dict(request.headers))
    headers: dict[str, list[str]] = {}
    for name, value in answer.received:
        headers.setdefault(name, []).append(value)
    return build_response(
        asked,
        {
            "status": {"code": answer.status, "message": answer.reason},
            "headers": headers,
            "body": {"string": answer.body},
        },
        (),
    )
