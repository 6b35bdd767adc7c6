"""httpcore and its fork httpcore2, which carry the calls of httpx and httpx2.

httpx has a hook of its own, which is quicker. A call gets here if something stands between that
hook and httpcore (a stub, or an instrumentation that wraps httpx), if it is let through to the live
API, or if httpcore itself is asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from replay.intercept.current_session import session_for
from replay.intercept.patches import is_made_by
from replay.intercept.stubs_below import is_stub
from replay.model.cassette import Request, Response
from replay.recording.upstream import pass_through
from replay.session.overrides import BrokenConnection

if TYPE_CHECKING:
    from replay.intercept.patches import Patches


def hook(patches: Patches, module: ModuleType) -> None:
    """Hook `httpcore` or `httpcore2`."""

    def sync(original: Any) -> Any:
        stubbed = _is_stub(original, module)

        def handle_request(pool: Any, request: Any) -> Any:
            session = session_for(*_target(request))
            if session is None:
                return original(pool, request)
            body = b"".join(request.stream)
            request.stream = _again(module, body)
            asked = _request(request, body)
            if session.lets_through(asked):
                session.note_sent(asked)
                with pass_through():
                    response = original(pool, request)
                response.stream = _Through(response.stream)
                return response
            if stubbed:
                return original(pool, request)
            try:
                return _response(module, session.serve(asked))
            except BrokenConnection as broken:
                raise _broken(module, broken) from None

        handle_request.replay_answers = not stubbed  # type: ignore[attr-defined]  # for `answers`
        return handle_request

    def asynchronous(original: Any) -> Any:
        stubbed = _is_stub(original, module)

        async def handle_async_request(pool: Any, request: Any) -> Any:
            session = session_for(*_target(request))
            if session is None:
                return await original(pool, request)
            body = b"".join([part async for part in request.stream])
            request.stream = _again(module, body)
            asked = _request(request, body)
            if session.lets_through(asked):
                session.note_sent(asked)
                with pass_through():
                    response = await original(pool, request)
                response.stream = _ThroughAsync(response.stream)
                return response
            if stubbed:
                return await original(pool, request)
            try:
                return _response(module, await session.serve_async(asked))
            except BrokenConnection as broken:
                raise _broken(module, broken) from None

        handle_async_request.replay_answers = not stubbed  # type: ignore[attr-defined]  # as above
        return handle_async_request

    patches.replace(module.ConnectionPool, "handle_request", sync)
    patches.replace(module.AsyncConnectionPool, "handle_async_request", asynchronous)


def answers(method: Any) -> bool:
    """Whether calls of a pool's method reach this hook, and no stub before it."""
    return getattr(method, "replay_answers", None) is True


def _broken(module: ModuleType, broken: BrokenConnection) -> Exception:
    """What httpcore raises there."""
    error: Exception = (module.ReadTimeout if broken.timeout else module.ReadError)(str(broken))
    return error


def _is_stub(original: Any, module: ModuleType) -> bool:
    # What only observes httpcore would go on to call it, and nothing below could answer.
    return not is_made_by(original, module.__name__) and is_stub(original)


class _Through:
    """The body of an answer that was let through. HTTP/2 sends while it is read."""

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
            if hasattr(self._stream, "close"):
                self._stream.close()


class _ThroughAsync:
    """The same for event loops."""

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
            if hasattr(self._stream, "aclose"):
                await self._stream.aclose()


def _again(module: ModuleType, body: bytes) -> Any:
    """A body that was read, as a stream that can be sent."""
    return module.Request(b"POST", "http://localhost", content=body).stream


def _target(request: Any) -> tuple[str, int]:
    url = request.url
    return url.host.decode("ascii"), url.port or (443 if url.scheme == b"https" else 80)


def _request(request: Any, body: bytes) -> Request:
    url, (host, port) = request.url, _target(request)
    shown = f"[{host}]" if ":" in host and host[:1] != "[" else host
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers
    )
    uri = f"{url.scheme.decode('ascii')}://{shown}:{port}{url.target.decode('ascii')}"
    return Request(request.method.decode("ascii"), uri, headers, body or None)


def _response(module: ModuleType, answer: Response) -> Any:
    return module.Response(
        answer.status,
        headers=list(answer.received),
        content=answer.body,
        extensions={
            "http_version": b"HTTP/1.1",
            "reason_phrase": answer.reason.encode("latin-1"),
        },
    )
