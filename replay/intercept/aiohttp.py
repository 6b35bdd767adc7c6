"""aiohttp, hooked at `ClientSession._request`, after the client's base URL is applied.

This is the quick way. A second hook, at the connector, has the last word on what does not take it:
a redirect, a call that middlewares may change, one that passed a stub of the test, or one that is
let through to the live API. It gives out a connection in memory on which the answer has come.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from replay.intercept import elsewhere, stubs_below, vcrpy
from replay.intercept.current_session import session_for, stand_aside
from replay.intercept.http_client import wire
from replay.intercept.patches import is_made_by
from replay.model.cassette import Request, Response
from replay.recording.upstream import pass_through
from replay.session.overrides import BrokenConnection

if TYPE_CHECKING:
    from replay.intercept.patches import Patches


def hook(patches: Patches, module: ModuleType) -> None:
    """Hook `aiohttp.client`."""
    patches.replace(module.ClientSession, "_request", _request)
    patches.replace(module.BaseConnector, "connect", _connect)
    patches.replace(module.ClientRequest, "send", _send)


def _request(original: Any) -> Any:
    first = is_made_by(original, "aiohttp")
    if is_made_by(original, "vcr"):
        original = vcrpy.noting_client(original)

    async def request(client: Any, method: str, str_or_url: Any, **options: Any) -> Any:
        if client.closed or not first or _has_middlewares(client, options):
            return await original(client, method, str_or_url, **options)
        url = client._build_url(str_or_url)
        session = session_for(url.host or "", url.port)
        if session is None:
            if url.path[:3] == "/v1" or url.path[:3] == "/v2":
                headers = client._prepare_headers(options.get("headers"))
                elsewhere.note(url.scheme, url.host or "", url.port or 0, url.path, headers)
            return await original(client, method, str_or_url, **options)
        if options.get("params"):
            url = url.extend_query(options["params"])
        headers = client._prepare_headers(options.get("headers"))
        auth = options.get("auth") or client.auth
        if auth is not None and "Authorization" not in headers:
            headers["Authorization"] = auth.encode()
        body = _body(options.get("data"))
        if options.get("json") is not None:
            headers.setdefault("Content-Type", "application/json")
            body = client._json_serialize(options["json"])
        elif body is not None and body is not options.get("data"):
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        lines = tuple((str(name), value) for name, value in headers.items())
        asked = Request.sending(method.upper(), str(url), lines, body)
        if session.lets_through(asked) or session.breaks(asked):
            return await original(client, method, str_or_url, **options)
        if stubs_below.layers and stubs_below.answers(asked):
            with stand_aside():
                return await original(client, method, str_or_url, **options)
        response = response_to(asked, await session.serve_async(asked))
        check = options.get("raise_for_status")
        check = client.raise_for_status if check is None else check
        if callable(check):
            await check(response)
        elif check:
            response.raise_for_status()
        return response

    return request


def response_to(asked: Request, answer: Response) -> Any:
    """An answer as aiohttp's response. Needs a running event loop."""
    return vcrpy.aiohttp_response(asked, answer)


def _has_middlewares(client: Any, options: Mapping[str, Any]) -> bool:
    given = options.get("middlewares")
    return bool(given if given is not None else getattr(client, "_middlewares", ()))


def _connect(original: Any) -> Any:
    async def connect(connector: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        session = session_for(req.url.host or "", req.url.port)
        if session is None:
            return await original(connector, req, *args, **kwargs)
        asked = _asked(req)
        if session.lets_through(asked):
            session.note_sent(asked)
            req.replay_lets_through = True
            with pass_through():
                return await original(connector, req, *args, **kwargs)
        try:
            return _connection(connector, req, await session.serve_async(asked))
        except BrokenConnection as broken:
            raise error_of(broken) from None

    return connect


def error_of(broken: BrokenConnection) -> Exception:
    """What aiohttp raises where a connection breaks."""
    errors = sys.modules["aiohttp.client_exceptions"]
    if broken.timeout:
        error: Exception = errors.ServerTimeoutError(str(broken))
    elif hasattr(errors, "ClientConnectionResetError"):
        error = errors.ClientConnectionResetError(str(broken))
    else:  # before aiohttp 3.10
        error = errors.ClientOSError(errno.ECONNRESET, str(broken))
    return error


def _send(original: Any) -> Any:
    async def send(req: Any, *args: Any, **kwargs: Any) -> Any:
        with pass_through() if hasattr(req, "replay_lets_through") else nullcontext():
            return await original(req, *args, **kwargs)

    return send


def _asked(req: Any) -> Request:
    lines = tuple((str(name), str(value)) for name, value in req.headers.items())
    body = req.body
    if body and not isinstance(body, bytes):
        body = getattr(body, "_value", body)  # of a payload
    if body and req.compress:
        body = _SQUEEZED
    return Request.sending(req.method, str(req.url), lines, body or None)


_SQUEEZED = object()
"""A body that would have to be unpacked to be read."""


def _connection(connector: Any, req: Any, answer: Response) -> Any:
    """A connection on which the answer has come already."""
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection

    loop, key = connector._loop, req.connection_key
    protocol = ResponseHandler(loop)
    protocol.connection_made(cast("Any", _Transport(loop, protocol)))
    protocol.data_received(wire(answer))
    connector._acquired.add(protocol)
    connector._acquired_per_host[key].add(protocol)
    return Connection(connector, key, protocol, loop)


class _Transport:
    """Where a request is written that has its answer."""

    def __init__(self, loop: Any, protocol: Any) -> None:
        self._loop = loop
        self._protocol = protocol
        self._closing = False

    def write(self, data: Any) -> None: ...

    def writelines(self, data: Any) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    abort = close


def _body(data: Any) -> Any:
    """What aiohttp makes of its `data`, where that is a form."""
    from aiohttp.formdata import FormData

    if isinstance(data, Mapping | list | tuple):
        data = FormData(data)
    return data()._value if isinstance(data, FormData) and not data.is_multipart else data
