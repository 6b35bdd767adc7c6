"""Mock libraries that sit above replay's hooks: what no stub of theirs answers is the session's.

By themselves they refuse such a call, unless it is registered as one that passes. A call that is
replay's to answer needs no such registration. A call that replay lets through to the live API
(`other_calls="pass"`) does: there the library's own rule holds.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from replay.intercept.aiohttp import error_of, response_to
from replay.intercept.current_session import address_of, session_for
from replay.intercept.httpx import request_of, response_of
from replay.model.cassette import Request
from replay.recording.upstream import is_own_fetch
from replay.session.overrides import BrokenConnection

if TYPE_CHECKING:
    from replay.intercept.patches import Patches
    from replay.session.session import OpenSession


class _Unmatched(BaseException):
    """Raised where no stub answers a call and the session does. It never leaves this module."""


def _session(request: Request) -> OpenSession | None:
    """The session that answers or refuses a call; None if the library's own rule holds."""
    session = session_for(*address_of(request.uri))
    return None if session is None or session.lets_through(request) else session


def hook_responses(patches: Patches, module: ModuleType) -> None:
    """Hook `responses`."""

    def find(original: Any) -> Any:
        def find_match(mock: Any, request: Any) -> Any:
            found = original(mock, request)
            if found[0] is None and _session(_of_requests(request)) is not None:
                raise _Unmatched
            return found

        return find_match

    def answer(original: Any) -> Any:
        def on_request(mock: Any, adapter: Any, request: Any, **options: Any) -> Any:
            try:
                return original(mock, adapter, request, **options)
            except _Unmatched:
                pass
            options.pop("retries", None)
            return mock._real_send(adapter, request, **options)

        return on_request

    patches.replace(module.RequestsMock, "_find_match", find)
    patches.replace(module.RequestsMock, "_on_request", answer)


def hook_requests_mock(patches: Patches, module: ModuleType) -> None:
    """Hook `requests_mock.adapter`."""

    def answer(original: Any) -> Any:
        def send(adapter: Any, request: Any, **options: Any) -> Any:
            try:
                return original(adapter, request, **options)
            except module.exceptions.NoMockAddress:
                if _session(_of_requests(request)) is None:
                    raise
            real = sys.modules["requests"].adapters.HTTPAdapter()
            return real.send(request, **options)

        return send

    patches.replace(module.Adapter, "send", answer)


def _of_requests(request: Any) -> Request:
    return Request.sending(
        request.method, request.url, tuple(request.headers.items()), request.body
    )


def hook_pytest_httpx(patches: Patches, module: ModuleType) -> None:
    """Hook `pytest_httpx._httpx_mock`."""

    def unmatched(original: Any) -> Any:
        def request_not_matched(mock: Any, transport: Any, request: Any) -> None:
            if not is_own_fetch() and _session(request_of(request)) is None:
                original(mock, transport, request)
            mock._requests.remove((transport, request))  # those are the stubs' alone

        return request_not_matched

    def sync(original: Any) -> Any:
        def handle_request(mock: Any, transport: Any, request: Any) -> Any:
            found = original(mock, transport, request)
            if found is None and is_own_fetch():
                return _sent(transport, request)
            return found if found is not None else _answer(request)

        return handle_request

    def asynchronous(original: Any) -> Any:
        async def handle_async_request(mock: Any, transport: Any, request: Any) -> Any:
            found = await original(mock, transport, request)
            return found if found is not None else await _answer_async(request)

        return handle_async_request

    patches.replace(module.HTTPXMock, "_request_not_matched", unmatched)
    patches.replace(module.HTTPXMock, "_handle_request", sync)
    patches.replace(module.HTTPXMock, "_handle_async_request", asynchronous)


def _sent(transport: Any, request: Any) -> Any:
    """Send a request as the transport does by itself; its own method is out of reach."""
    core, httpx, url = sys.modules["httpcore"], sys.modules["httpx"], request.url
    answer = transport._pool.handle_request(
        core.Request(
            request.method.encode("ascii"),
            core.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
    )
    return httpx.Response(
        answer.status,
        headers=answer.headers,
        stream=sys.modules["httpx._transports.default"].ResponseStream(answer.stream),
        extensions=answer.extensions,
    )


def hook_respx(patches: Patches, module: ModuleType) -> None:
    """Hook `respx.mocks`."""
    unmatched = (module.AllMockedAssertionError, module.PassThrough)

    def sync(original: Any) -> Any:
        def handler(mocker: Any, request: Any) -> Any:
            try:
                return original(mocker, request)
            except unmatched:
                if is_own_fetch():
                    raise module.PassThrough("replay's own", request=request, origin=None) from None
                if _session(request_of(request)) is None:
                    raise
            return _answer(request)

        return handler

    def asynchronous(original: Any) -> Any:
        async def async_handler(mocker: Any, request: Any) -> Any:
            try:
                return await original(mocker, request)
            except unmatched:
                if is_own_fetch():
                    raise module.PassThrough("replay's own", request=request, origin=None) from None
                if _session(request_of(request)) is None:
                    raise
            return await _answer_async(request)

        return async_handler

    patches.replace(module.Mocker, "handler", sync)
    patches.replace(module.Mocker, "async_handler", asynchronous)


def _answer(request: Any) -> Any:
    asked = request_of(request)
    session = session_for(*address_of(asked.uri))
    assert session is not None  # noqa: S101 - asked before
    httpx = sys.modules["httpx"]
    try:
        return response_of(httpx, session.serve(asked))
    except BrokenConnection as broken:
        raise _error_of(httpx, broken, request) from None


async def _answer_async(request: Any) -> Any:
    asked = request_of(request)
    session = session_for(*address_of(asked.uri))
    assert session is not None  # noqa: S101 - asked before
    httpx = sys.modules["httpx"]
    try:
        return response_of(httpx, await session.serve_async(asked))
    except BrokenConnection as broken:
        raise _error_of(httpx, broken, request) from None


def _error_of(httpx: ModuleType, broken: BrokenConnection, request: Any) -> Exception:
    """What httpx raises where a connection breaks."""
    kind = httpx.ReadTimeout if broken.timeout else httpx.ReadError
    error: Exception = kind(str(broken), request=request)
    return error


def hook_aioresponses(patches: Patches, module: ModuleType) -> None:
    """Hook `aioresponses.core`."""

    def answer(original: Any) -> Any:
        async def match(mock: Any, method: str, url: Any, *args: Any, **options: Any) -> Any:
            found = await original(mock, method, url, *args, **options)
            if found is not None:
                return found
            asked = Request.sending(method.upper(), str(url), _lines(options), options.get("data"))
            session = _session(asked)
            if session is None:
                return None
            calls = mock.requests.get((method, url), [])
            if calls:
                calls.pop()  # those are the stubs' alone
            if not calls:
                mock.requests.pop((method, url), None)
            try:
                return response_to(asked, await session.serve_async(asked))
            except BrokenConnection as broken:
                raise error_of(broken) from None

        return match

    patches.replace(module.aioresponses, "match", answer)


def _lines(options: Any) -> tuple[tuple[str, str], ...]:
    headers = options.get("headers") or {}
    lines = tuple((str(name), str(value)) for name, value in headers.items())
    auth = options.get("auth")
    return lines if auth is None else (*lines, ("Authorization", auth.encode()))


def hook_pook(patches: Patches, module: ModuleType) -> None:
    """Hook `pook.engine`."""

    def passes(original: Any) -> Any:
        def should_use_network(engine: Any, request: Any) -> Any:
            if is_own_fetch() or original(engine, request):
                return True
            asked = Request.sending(
                request.method, request.rawurl, tuple(request.headers.items()), request.body
            )
            return _session(asked) is not None

        return should_use_network

    patches.replace(module.Engine, "should_use_network", passes)
