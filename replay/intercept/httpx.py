"""httpx and its fork httpx2, sync and async, HTTP/2 on or off.

Hooked at the two transports that open connections. WSGI, ASGI, mock and other transports are left
alone. This is the quick way: if a stub of the test sits below (respx in httpcore, httpretty in
sockets) or was there first (pytest-httpx), or if the call is let through to the live API, it goes
on, and the hook of httpcore has the last word.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from replay.intercept import elsewhere, httpcore, stubs_below
from replay.intercept.current_session import session_for, stand_aside
from replay.intercept.patches import is_made_by
from replay.model.cassette import Request, Response

if TYPE_CHECKING:
    from replay.intercept.patches import Patches


def hook(patches: Patches, module: ModuleType) -> None:
    """Hook `httpx` or `httpx2`."""

    def sync(original: Any) -> Any:
        first = is_made_by(original, module.__name__)

        def handle_request(transport: Any, request: Any) -> Any:
            session = session_for(request.url.host, _port(request.url))
            if session is None:
                _note(request)
                return original(transport, request)
            request.read()
            asked = request_of(request)
            if (
                not first
                or session.lets_through(asked)
                or session.breaks(asked)
                or not httpcore.answers(type(transport._pool).handle_request)
            ):
                return original(transport, request)
            if stubs_below.layers and stubs_below.answers(asked):
                with stand_aside():
                    return original(transport, request)
            return response_of(module, session.serve(asked))

        return handle_request

    def asynchronous(original: Any) -> Any:
        first = is_made_by(original, module.__name__)

        async def handle_async_request(transport: Any, request: Any) -> Any:
            session = session_for(request.url.host, _port(request.url))
            if session is None:
                _note(request)
                return await original(transport, request)
            await request.aread()
            asked = request_of(request)
            if (
                not first
                or session.lets_through(asked)
                or session.breaks(asked)
                or not httpcore.answers(type(transport._pool).handle_async_request)
            ):
                return await original(transport, request)
            if stubs_below.layers and stubs_below.answers(asked):
                with stand_aside():
                    return await original(transport, request)
            return response_of(module, await session.serve_async(asked))

        return handle_async_request

    patches.replace(module.HTTPTransport, "handle_request", sync)
    patches.replace(module.AsyncHTTPTransport, "handle_async_request", asynchronous)


def _note(request: Any) -> None:
    url = request.url
    elsewhere.note(url.scheme, url.host, _port(url), url.path, request.headers)


def _port(url: Any) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def request_of(request: Any) -> Request:
    """A request of httpx's, whose body was read, as replay's."""
    lines = request.headers.raw
    headers = tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in lines])
    return Request(request.method, str(request.url), headers, request.content or None)


def response_of(module: ModuleType, answer: Response) -> Any:
    """An answer as a response of `httpx` or `httpx2`."""
    return module.Response(
        answer.status,
        headers=list(answer.received),
        stream=module.ByteStream(answer.body),
        extensions={
            "http_version": b"HTTP/1.1",
            "reason_phrase": answer.reason.encode("latin-1"),
        },
    )
