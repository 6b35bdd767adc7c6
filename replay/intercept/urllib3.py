"""The hooks of urllib3, and so of requests and botocore; also of urllib3-future and niquests.

The hook replaces `_make_request`. A hook above it would lose the retries that urllib3 counts, and
a hook below it would race with other threads. A second hook, at `_prepare_proxy`, prevents that a
proxy's tunnel is opened before `_make_request` is called.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from functools import cache
from inspect import signature
from io import BytesIO, IOBase
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from replay.intercept import elsewhere, stubs_below, vcrpy
from replay.intercept.current_session import hooks_own, session_for, stand_aside
from replay.model.cassette import Request
from replay.recording.upstream import pass_through
from replay.session.overrides import BrokenConnection

if TYPE_CHECKING:
    from replay.intercept.patches import Patches


def hook(patches: Patches, module: ModuleType) -> None:
    """Hook `urllib3.connectionpool`, of urllib3 or of urllib3-future."""
    respond = _responding(sys.modules[f"{_package(module)}.response"].HTTPResponse)

    def make(original: Any) -> Any:
        def make_request(
            pool: Any, conn: Any, method: str, url: str, body: Any = None,
            headers: Any = None, *args: Any, **kwargs: Any,
        ) -> Any:  # fmt: skip
            host, port, target = _target(pool, url)
            session = session_for(host, port)
            if session is None:
                if target is None:
                    elsewhere.note(pool.scheme, host, port, url, headers or {})
                return original(pool, conn, method, url, body, headers, *args, **kwargs)
            request = _request(pool, host, port, target, method, url, body, headers)
            if session.lets_through(request):
                session.note_sent(request)
                with pass_through():
                    if conn.sock is None and pool.proxy is not None and target is None:
                        pool._prepare_proxy(conn)
                    body = _guarded(body)
                    return original(pool, conn, method, url, body, headers, *args, **kwargs)
            if vcrpy.plays(conn, method, url, body, headers):
                return original(pool, conn, method, url, body, headers, *args, **kwargs)
            if stubs_below.layers and stubs_below.answers(request):
                with stand_aside():
                    return original(pool, conn, method, url, body, headers, *args, **kwargs)
            try:
                answer = session.serve(request)
            except BrokenConnection as broken:
                raise _broken(pool, url, broken) from None
            if kwargs.get("response_conn") is not None:
                # The connection was not used, so reading the answer would not give it back.
                pool._put_conn(kwargs["response_conn"])
            return respond(method, url, answer, **kwargs)

        return make_request

    patches.replace(module.HTTPConnectionPool, "_make_request", make)
    patches.replace(module.HTTPSConnectionPool, "_prepare_proxy", _prepare_proxy)


def hook_async(patches: Patches, module: ModuleType) -> None:
    """Hook `urllib3_future._async.connectionpool`, also where that stands in for urllib3."""
    package = _package(module).removesuffix("._async")
    respond = _responding(sys.modules[f"{package}._async.response"].AsyncHTTPResponse)

    def make(original: Any) -> Any:
        async def make_request(
            pool: Any, conn: Any, method: str, url: str, body: Any = None,
            headers: Any = None, *args: Any, **kwargs: Any,
        ) -> Any:  # fmt: skip
            host, port, target = _target(pool, url)
            session = session_for(host, port)
            if session is None:
                if target is None:
                    elsewhere.note(pool.scheme, host, port, url, headers or {})
                return await original(pool, conn, method, url, body, headers, *args, **kwargs)
            request = _request(pool, host, port, target, method, url, body, headers)
            if session.lets_through(request):
                session.note_sent(request)
                with pass_through():
                    body = _guarded_async(body)
                    return await original(pool, conn, method, url, body, headers, *args, **kwargs)
            try:
                answer = await session.serve_async(request)
            except BrokenConnection as broken:
                raise _broken(pool, url, broken) from None
            if kwargs.get("response_conn") is not None:
                await pool._put_conn(kwargs["response_conn"])
            return respond(method, url, answer, **kwargs)

        return make_request

    patches.replace(module.AsyncHTTPConnectionPool, "_make_request", make)


def _broken(pool: Any, url: str, broken: BrokenConnection) -> Exception:
    """What urllib3 raises there."""
    if not broken.timeout:
        return broken.as_system()
    errors = sys.modules[f"{type(pool).__module__.partition('.')[0]}.exceptions"]
    error: Exception = errors.ReadTimeoutError(pool, url, str(broken))
    return error


def _package(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[0]


def _target(pool: Any, url: str) -> tuple[str, int, Any]:
    """Host and port of a call; and its URL, parsed, if it goes through a plain proxy."""
    # Then the pool is the proxy's and the URL is absolute.
    target = urlsplit(url) if url[:4].lower() == "http" else None
    if target is not None:
        return target.hostname or "", target.port or 80, target
    return pool.host, _port(pool), None


def _request(
    pool: Any, host: str, port: int, target: Any, method: str, url: str, body: Any, headers: Any
) -> Request:
    shown = f"[{host}]" if ":" in host and host[:1] != "[" else host
    uri = url if target else f"{pool.scheme}://{shown}:{port}{url}"
    lines = tuple([(_text(k), _text(v)) for k, v in headers.items()]) if headers else ()
    return Request.sending(method, uri, lines, body)


def _guarded(body: Any) -> Any:
    """The body of a call that is let through.

    A stream or generator of the user runs while the call is sent. Calls that its code makes are not
    let through along with it.
    """
    if body is None or isinstance(body, str | bytes | bytearray | memoryview | IOBase):
        return body
    if hasattr(body, "read"):
        return _Read(body)
    return _chunks(body) if hasattr(body, "__iter__") else body


def _guarded_async(body: Any) -> Any:
    return _chunks_async(body) if hasattr(body, "__aiter__") else _guarded(body)


async def _chunks_async(body: Any) -> AsyncIterator[Any]:
    rest = aiter(body)
    while True:
        with pass_through(False):
            chunk = await anext(rest, _END)
        if chunk is _END:
            return
        yield chunk


_END = object()


class _Read:
    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, *size: int) -> Any:
        with pass_through(False):
            return self._body.read(*size)


def _chunks(body: Any) -> Iterator[Any]:
    rest = iter(body)
    while True:
        with pass_through(False):
            chunk = next(rest, _END)
        if chunk is _END:
            return
        yield chunk


def _port(pool: Any) -> int:
    # A pool that was made without a pool manager may have no port.
    return pool.port or (443 if pool.scheme == "https" else 80)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


class _Body(BytesIO):
    """The body of an answer, which counts as closed at its end, as a response of http.client does.

    urllib3 reads until its source is closed; of a read without a size it expects that to close it.
    """

    def isclosed(self) -> bool:
        """Whether nothing is left."""
        return self.closed or self.tell() >= len(self.getbuffer())


@cache
def _responding(kind: Any) -> Any:
    """A function that makes responses of this class."""
    # Of urllib3 since 2.3; urllib3-future has no such parameter.
    takes_text = "version_string" in signature(kind).parameters
    more = {"version_string": "HTTP/1.1"} if takes_text else {}

    def respond(
        method: str, url: str, answer: Any, *,
        retries: Any = None,
        preload_content: bool = True, decode_content: bool = True, **_: Any,
    ) -> Any:  # fmt: skip
        return kind(
            body=_Body(answer.body),
            headers=dict(answer.received),
            status=answer.status,
            reason=answer.reason,
            version=11,
            preload_content=preload_content,
            decode_content=decode_content,
            retries=retries,
            request_method=method,
            request_url=url,
            **more,
        )

    return respond


def _prepare_proxy(original: Any) -> Any:
    def prepare_proxy(pool: Any, conn: Any) -> Any:
        return None if hooks_own(pool.host, _port(pool)) else original(pool, conn)

    return prepare_proxy
