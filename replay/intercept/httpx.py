"""httpx and its fork httpx2, sync and async, HTTP/2 on or off.

Hooked at the two transports that open connections. WSGI, ASGI, mock and other transports are left
alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from replay.intercept.current_session import session_for
from replay.model.cassette import Request, Response
from replay.recording.upstream import pass_through

if TYPE_CHECKING:
    from replay.intercept.patches import Patches


def hook(patches: Patches, module: ModuleType) -> None:
    """Hook `httpx` or `httpx2`."""
    through, through_async = _streams(module)

    def sync(original: Any) -> Any:
        def handle_request(transport: Any, request: Any) -> Any:
            session = session_for(request.url.host, _port(request.url))
            if session is None:
                return original(transport, request)
            request.read()
            asked = _request(request)
            if session.lets_through(asked):
                with pass_through():
                    response = original(transport, request)
                response.stream = through(response.stream)
                return response
            return _response(module, session.serve(asked))

        return handle_request

    def asynchronous(original: Any) -> Any:
        async def handle_async_request(transport: Any, request: Any) -> Any:
            session = session_for(request.url.host, _port(request.url))
            if session is None:
                return await original(transport, request)
            await request.aread()
            asked = _request(request)
            if session.lets_through(asked):
                with pass_through():
                    response = await original(transport, request)
                response.stream = through_async(response.stream)
                return response
            return _response(module, await session.serve_async(asked))

        return handle_async_request

    patches.replace(module.HTTPTransport, "handle_request", sync)
    patches.replace(module.AsyncHTTPTransport, "handle_async_request", asynchronous)


@cache
def _streams(module: ModuleType) -> tuple[Any, Any]:
    """Classes for the body of an answer that was let through, sync and async.

    HTTP/2 sends while the body is read; that traffic is let through, too.
    """

    class Through(module.SyncByteStream):  # type: ignore[misc,name-defined]  # httpx or httpx2
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        def __iter__(self) -> Iterator[bytes]:
            rest = iter(self._stream)
            while True:
                with pass_through():
                    chunk = next(rest, None)
                if chunk is None:
                    return
                yield chunk

        def close(self) -> None:
            with pass_through():
                self._stream.close()

    class ThroughAsync(module.AsyncByteStream):  # type: ignore[misc,name-defined]  # httpx or httpx2
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            rest = aiter(self._stream)
            while True:
                with pass_through():
                    chunk = await anext(rest, None)
                if chunk is None:
                    return
                yield chunk

        async def aclose(self) -> None:
            with pass_through():
                await self._stream.aclose()

    return Through, ThroughAsync


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
