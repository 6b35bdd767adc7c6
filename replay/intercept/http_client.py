"""http.client, and with it urllib.request and all that builds on the standard library.

A connection to the API gets a socket in memory, which hands each request to the session. A
connection that was opened before the session is closed first, and then gets such a socket.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable
from io import BytesIO
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from replay.errors import Refused
from replay.intercept import elsewhere, stubs_below
from replay.intercept.current_session import (
    address_of,
    answering_session,
    hooks_own,
    stand_aside,
)
from replay.model.cassette import Headers, Request, Response, header
from replay.recording.upstream import pass_through
from replay.session.overrides import BrokenConnection

if TYPE_CHECKING:
    from replay.intercept.patches import Patches


def hook(patches: Patches, module: ModuleType) -> None:
    """Hook `http.client`."""
    connection, secure = _real(module.HTTPConnection), _real(module.HTTPSConnection)
    patches.replace(connection, "connect", _connect)
    patches.replace(secure, "connect", _connect)
    patches.replace(connection, "putrequest", _putrequest)
    patches.replace(connection, "endheaders", _endheaders)


def hook_httplib2(patches: Patches, module: ModuleType) -> None:
    """Hook `httplib2`, whose connections are http.client's but open sockets of their own."""
    patches.replace(_real(module.HTTPConnectionWithTimeout), "connect", _connect)
    patches.replace(_real(module.HTTPSConnectionWithTimeout), "connect", _connect)


def _real(connection: Any) -> Any:
    """The class of the connections that vcrpy makes, if its own class is in the place of that."""
    return getattr(connection, "_baseclass", connection)


def _connect(original: Any) -> Any:
    def connect(connection: Any) -> None:
        if not _owned(connection):
            original(connection)
            return
        host, port = _target(connection)
        shown = f"[{host}]" if ":" in host else host
        base = f"{_scheme(connection)}://{shown}:{port}"
        connection.sock = _Socket(base, lambda: _live(original, connection))

    return connect


def _putrequest(original: Any) -> Any:
    def putrequest(connection: Any, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        # Through a plain proxy, the connection leads to the proxy, and the URL names the host.
        connection._replay_target = _absolute(url)
        sock = connection.sock
        if sock is not None and isinstance(sock, _Socket) != _owned(connection):
            connection.close()
        original(connection, method, url, *args, **kwargs)

    return putrequest


def _endheaders(original: Any) -> Any:
    def endheaders(connection: Any, *args: Any, **kwargs: Any) -> None:
        lines = getattr(connection, "_buffer", None)  # private: the request's lines so far
        if lines and not isinstance(connection.sock, _Socket):
            _note(connection, lines)
        original(connection, *args, **kwargs)

    return endheaders


def _note(connection: Any, lines: list[bytes]) -> None:
    """Note a request that goes on, if it is one of a client of Stripe's."""
    target = lines[0].split(b" ", 2)[1].decode("latin-1")
    path = urlsplit(target).path if _absolute(target) is not None else target
    if not path.startswith(("/v1/", "/v2/")) or _owned(connection):
        return
    host, port = _target(connection)
    pairs = (line.decode("latin-1").partition(":") for line in lines[1:])
    headers = {name: value.strip() for name, _, value in pairs}
    elsewhere.note(_scheme(connection), host, port, path, headers)


def _absolute(url: str) -> tuple[str, int] | None:
    if not url[:8].lower().startswith(("http://", "https://")):
        return None
    return address_of(url)


def _target(connection: Any) -> tuple[str, int]:
    named: tuple[str, int] | None = getattr(connection, "_replay_target", None)
    if named is not None:
        return named
    if connection._tunnel_host:
        return connection._tunnel_host, connection._tunnel_port or 443
    return connection.host, connection.port


def _scheme(connection: Any) -> str:
    return "https" if isinstance(connection, http.client.HTTPSConnection) else "http"


def _owned(connection: Any) -> bool:
    return hooks_own(*_target(connection))


def _live(connect: Any, connection: Any) -> Any:
    """The connection's real socket, for a call that is let through."""
    connect(connection)
    return connection.sock


class _Socket:
    """Takes the place of a connection's socket: collects a request, and returns its answer."""

    def __init__(self, base: str, live: Callable[[], Any]) -> None:
        self._base = base
        self._live = live
        self._sent = bytearray()

    def sendall(self, data: Any) -> None:
        self._sent += bytes(data)

    def makefile(self, *_: Any, **__: Any) -> Any:
        try:
            return self._answer()
        except Refused as refused:
            return _Raising(refused)
        except BrokenConnection as broken:
            return _Raising(broken.as_system())

    def _answer(self) -> Any:
        raw = bytes(self._sent)
        self._sent.clear()
        sent = BytesIO(raw)
        method, target, _version = sent.readline().decode("latin-1").split(" ", 2)
        headers = tuple(http.client.parse_headers(sent).items())
        uri = self._base + target if _absolute(target) is None else target
        body = _unchunked(sent) if _is_chunked(headers) else sent.read()
        request = Request(method, uri, headers, body or None, unread=body is None)
        session = answering_session()
        if session.lets_through(request):
            session.note_sent(request)
            with pass_through():
                sock = self._live()
                sock.sendall(raw)
            return sock.makefile("rb")
        if stubs_below.layers and stubs_below.answers(request):
            with stand_aside():
                sock = self._live()
                sock.sendall(raw)
                return sock.makefile("rb")
        return BytesIO(wire(session.serve(request)))

    def settimeout(self, *_: Any) -> None: ...

    def setsockopt(self, *_: Any) -> None: ...

    def close(self) -> None: ...


class _Raising(BytesIO):
    """Raises an error when it is read: only then can http.client close its response."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error

    def readline(self, size: int | None = -1, /) -> bytes:
        raise self._error


def _is_chunked(headers: Headers) -> bool:
    return (header(headers, "Transfer-Encoding") or "").strip().lower() == "chunked"


def _unchunked(sent: BytesIO) -> bytes | None:
    """The body that was sent in chunks; None if the chunks are malformed."""
    body = bytearray()
    while True:
        size = sent.readline().partition(b";")[0].strip()
        if not 0 < len(size) < 16 or size.strip(b"0123456789abcdefABCDEF"):
            return None
        length = int(size, 16)
        if length == 0:
            return bytes(body)
        body += sent.read(length)
        if sent.readline() != b"\r\n":
            return None


def wire(answer: Response) -> bytes:
    """An answer as it travels. Each one closes its connection, so that a session leaves none."""
    lines = [
        f"HTTP/1.1 {answer.status} {answer.reason}",
        *(f"{name}: {value}" for name, value in answer.received),
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body
