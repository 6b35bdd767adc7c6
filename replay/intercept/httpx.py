"""httpx and its fork httpx2, sync and async, HTTP/2 on or off.

Hooked at the two transports that open connections: WSGI, ASGI, mock and other transports are
untouched.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from replay.cassette import Request, Response
from replay.intercept.answering import owns, session
from replay.upstream import pass_through

if TYPE_CHECKING:
    from replay.intercept.patches import Patches


def hook(patches: Patches, module: ModuleType) -> None:
    """Hook `httpx` or `httpx2`."""

    def sync(original: Any) -> Any:
        def handle_request(transport: Any, request: Any) -> Any:
            if not owns(request.url.host, _port(request.url)):
                return original(transport, request)
            request.read()
            found, asked = session(), _request(request)
            if found.lets_through(asked):
                with pass_through():
                    return original(transport, request)
            return _response(module, found.serve(asked))

        return handle_request

    def asynchronous(original: Any) -> Any:
        async def handle_async_request(transport: Any, request: Any) -> Any:
            if not owns(request.url.host, _port(request.url)):
                return await original(transport, request)
            await request.aread()
            found, asked = session(), _request(request)
            if found.lets_through(asked):
                with pass_through():
                    return await original(transport, request)
            return _response(module, await found.serve_async(asked))

        return handle_async_request

    patches.replace(module.HTTPTransport, "handle_request", sync)
    patches.replace(module.AsyncHTTPTransport, "handle_async_request", asynchronous)


def _port(url: Any) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _request(request: Any) -> Request:
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw
    )
    return Request(request.method, str(request.url), headers, request.content or None)


def _response(module: ModuleType, answer: Response) -> Any:
    return module.Response(
        answer.status,
        headers=list(answer.received),
        stream=module.ByteStream(answer.body),
        extensions={
            "http_version": b"HTTP/1.1",
            "reason_phrase": answer.reason.encode("latin-1"),
        },
    )
