"""vcrpy: its builder of aiohttp responses, and its cassettes beside ours in one test.

None of its patches is installed here. A test may install them: then what its cassette can play is
played, and vcrpy neither refuses nor records what the session answers.
"""

from __future__ import annotations

import functools
from contextvars import ContextVar
from types import ModuleType
from typing import TYPE_CHECKING, Any

from replay.intercept.current_session import address_of, session_for
from replay.intercept.supported import require
from replay.model.cassette import Request, Response
from replay.recording.upstream import is_own_fetch

if TYPE_CHECKING:
    from replay.intercept.patches import Patches


_loading: ContextVar[bool] = ContextVar("replay_vcrpy_loading", default=False)
"""Whether a cassette is being read from its file, which appends to it as recording does."""


_client: ContextVar[Any] = ContextVar("replay_vcrpy_client", default=None)
"""The client of aiohttp whose call goes through vcrpy: to it a URL may be relative."""


def hook(patches: Patches, module: ModuleType) -> None:
    """Hook `vcr.cassette`."""

    def refuse(original: Any) -> Any:
        def filter_request(cassette: Any, request: Any) -> Any:
            # Asked before vcrpy refuses or records a call: what it filters out, it leaves alone.
            return None if _is_ours(request) else original(cassette, request)

        return filter_request

    def load(original: Any) -> Any:
        def load_all(cassette: Any) -> None:
            before = _loading.set(True)
            try:
                original(cassette)
            finally:
                _loading.reset(before)

        return load_all

    def record(original: Any) -> Any:
        def append(cassette: Any, request: Any, response: Any) -> None:
            if _loading.get() or not _is_ours(request):
                original(cassette, request, response)

        return append

    patches.replace(module.Cassette, "filter_request", refuse)
    patches.replace(module.Cassette, "_load", load)
    patches.replace(module.Cassette, "append", record)


def hook_aiohttp(patches: Patches, module: ModuleType) -> None:
    """Hook `vcr.stubs.aiohttp_stubs`, for cassettes that are opened from now on."""

    def stub(original: Any) -> Any:
        def vcr_request(cassette: Any, real_request: Any) -> Any:
            return noting_client(original(cassette, real_request))

        return vcr_request

    patches.replace(module, "vcr_request", stub)


def noting_client(request: Any) -> Any:
    """A method of aiohttp's client that vcrpy has patched: its cassette then knows the client."""

    @functools.wraps(request)
    async def request_noting_client(client: Any, *args: Any, **kwargs: Any) -> Any:
        before = _client.set(client)
        try:
            return await request(client, *args, **kwargs)
        finally:
            _client.reset(before)

    return request_noting_client


def _is_ours(request: Any) -> bool:
    if is_own_fetch():
        return True  # vcrpy would write the live answer down, and the key
    uri, client = getattr(request, "uri", None), _client.get()
    if not isinstance(uri, str):
        return False
    if not uri.startswith(("http://", "https://")):
        if client is None or getattr(client, "_base_url", None) is None:
            return False
        uri = str(client._build_url(uri))
    session = session_for(*address_of(uri))
    if session is None:
        return False
    asked = Request.sending(request.method, uri, (), request.body)
    return not session.lets_through(asked)


def plays(connection: Any, method: str, url: str, body: Any, headers: Any) -> bool:
    """Whether a connection of urllib3's is vcrpy's, and its cassette can play the answer."""
    cassette = getattr(connection, "cassette", None)
    if cassette is None:
        return False
    from vcr.request import Request as VcrRequest

    asked = VcrRequest(method, connection._uri(url), body, headers or {})
    return bool(cassette.can_play_response_for(asked))


def aiohttp_response(request: Request, answer: Response) -> Any:
    """An `aiohttp.ClientResponse` whose body is already there. Needs a running event loop.

    Raises:
        Refused: vcrpy's stubs are of a version that nobody tried.
    """
    require("vcr.cassette")
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
