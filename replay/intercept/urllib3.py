"""urllib3, and with it requests, botocore and every pool manager.

Hooked at `_make_request`: a hook above it would break the pool's lists of retries, one below it
would race with other threads. A second hook, at `_prepare_proxy`, keeps a tunnel from being opened
before.
"""

from __future__ import annotations

from collections.abc import Iterator
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

if TYPE_CHECKING:
    from replay.intercept.patches import Patches


def hook(patches: Patches, module: ModuleType) -> None:
    """Hook `urllib3.connectionpool`."""
    patches.replace(module.HTTPConnectionPool, "_make_request", _make_request)
    patches.replace(module.HTTPSConnectionPool, "_prepare_proxy", _prepare_proxy)


def _make_request(original: Any) -> Any:
    def make_request(
        pool: Any, conn: Any, method: str, url: str, body: Any = None,
        headers: Any = None, *args: Any, **kwargs: Any,
    ) -> Any:  # fmt: skip
        # Through a plain proxy, the pool is the proxy's and the URL is absolute.
        target = urlsplit(url) if url[:4].lower() == "http" else None
        host = (target.hostname or "") if target else pool.host
        port = (target.port or 80) if target else _port(pool)
        session = session_for(host, port)
        if session is None:
            if target is None:
                elsewhere.note(pool.scheme, host, port, url, headers or {})
            return original(pool, conn, method, url, body, headers, *args, **kwargs)
        shown = f"[{host}]" if ":" in host and host[:1] != "[" else host
        uri = url if target else f"{pool.scheme}://{shown}:{port}{url}"
        lines = tuple([(_text(k), _text(v)) for k, v in headers.items()]) if headers else ()
        request = Request.sending(method, uri, lines, body)
        if session.lets_through(request):
            with pass_through():
                if conn.sock is None and pool.proxy is not None and target is None:
                    pool._prepare_proxy(conn)
                return original(pool, conn, method, url, _guarded(body), headers, *args, **kwargs)
        if vcrpy.plays(conn, method, url, body, headers):
            return original(pool, conn, method, url, body, headers, *args, **kwargs)
        if stubs_below.answers(request):
            with stand_aside():
                return original(pool, conn, method, url, body, headers, *args, **kwargs)
        answer = session.serve(request)
        if kwargs.get("response_conn") is not None:
            # The connection was not used, so reading the answer would not give it back.
            pool._put_conn(kwargs["response_conn"])
        return _response(method, url, answer, **kwargs)

    return make_request


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
def _version_string() -> dict[str, Any]:
    """The HTTP version as text, which urllib3 takes since 2.3."""
    from urllib3.response import HTTPResponse

    takes = "version_string" in signature(HTTPResponse).parameters
    return {"version_string": "HTTP/1.1"} if takes else {}


def _response(
    method: str, url: str, answer: Any, *,
    retries: Any = None,
    preload_content: bool = True, decode_content: bool = True, **_: Any,
) -> Any:  # fmt: skip
    from urllib3.response import HTTPResponse

    return HTTPResponse(
        body=_Body(answer.body),
        headers=dict(answer.received),
        status=answer.status,
        reason=answer.reason,
        version=11,
        **_version_string(),
        preload_content=preload_content,
        decode_content=decode_content,
        retries=retries,
        request_method=method,
        request_url=url,
    )


def _prepare_proxy(original: Any) -> Any:
    def prepare_proxy(pool: Any, conn: Any) -> Any:
        return None if hooks_own(pool.host, _port(pool)) else original(pool, conn)

    return prepare_proxy
