"""aiohttp, hooked at `ClientSession._request`, after the client's base URL is applied.

aiohttp follows redirects inside of that method, and asks its connector for each: a second hook,
there, refuses a redirect that leads to the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from types import ModuleType
from typing import TYPE_CHECKING, Any

from replay.errors import CallRefused
from replay.intercept.current_session import note_refusal, session_for
from replay.model.cassette import Request
from replay.recording.upstream import pass_through

if TYPE_CHECKING:
    from replay.intercept.patches import Patches

_let_through: ContextVar[bool] = ContextVar("replay_let_through", default=False)
"""Whether the next connection is for a call that is let through."""


def hook(patches: Patches, module: ModuleType) -> None:
    """Hook `aiohttp.client`."""
    patches.replace(module.ClientSession, "_request", _request)
    patches.replace(module.BaseConnector, "connect", _connect)


def _request(original: Any) -> Any:
    async def request(client: Any, method: str, str_or_url: Any, **options: Any) -> Any:
        if client.closed:
            return await original(client, method, str_or_url, **options)
        url = client._build_url(str_or_url)
        session = session_for(url.host or "", url.port)
        if session is None:
            return await original(client, method, str_or_url, **options)
        _refuse_middlewares(client, options)
        if options.get("params"):
            url = url.extend_query(options["params"])
        headers = client._prepare_headers(options.get("headers"))
        auth = options.get("auth") or client.auth
        if auth is not None and "Authorization" not in headers:
            headers["Authorization"] = auth.encode()
        if options.get("json") is not None:
            headers["Content-Type"] = "application/json"
        lines = tuple((str(name), value) for name, value in headers.items())
        asked = Request.sending(method.upper(), str(url), lines, _body(options.get("data")))
        if session.lets_through(asked):
            before = _let_through.set(True)
            try:
                with pass_through():
                    return await original(client, method, str_or_url, **options)
            finally:
                _let_through.reset(before)
        answer = await session.serve_async(asked)

        from replay.intercept.vcrpy import aiohttp_response

        response = aiohttp_response(asked, answer)
        check = options.get("raise_for_status")
        check = client.raise_for_status if check is None else check
        if callable(check):
            await check(response)
        elif check:
            response.raise_for_status()
        return response

    return request


def _refuse_middlewares(client: Any, options: Mapping[str, Any]) -> None:
    # They may change whose data is asked for, and run after this hook; or call the API themselves.
    given = options.get("middlewares")
    if given if given is not None else getattr(client, "_middlewares", ()):
        raise note_refusal(
            CallRefused(
                "this client has middlewares, which may change a call behind replay's hook",
                where="aiohttp",
                hint="in tests, make the client without them, and give it the headers that they "
                "would set: aiohttp.ClientSession(headers=...)",
            )
        )


def _connect(original: Any) -> Any:
    async def connect(connector: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        if _let_through.get():
            _let_through.set(False)  # the next one is a redirect
        else:
            with pass_through(False):
                _refuse_redirect(req)
        return await original(connector, req, *args, **kwargs)

    return connect


def _refuse_redirect(req: Any) -> None:
    session = session_for(req.url.host or "", req.url.port)
    if session is None or session.lets_through(
        Request(req.method, str(req.url), unread=req.method == "POST")
    ):
        return
    raise note_refusal(
        CallRefused(
            "a redirect leads to a call that replay does not let through",
            where=f"aiohttp, {req.method}",
            hint="ask with allow_redirects=False, and then for what the answer names",
        )
    )


def _body(data: Any) -> Any:
    """What aiohttp makes of its `data`, where that is a form."""
    from aiohttp.formdata import FormData

    if isinstance(data, Mapping | list | tuple):
        data = FormData(data)
    return data()._value if isinstance(data, FormData) and not data.is_multipart else data
