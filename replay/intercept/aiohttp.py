"""aiohttp, hooked at `ClientSession._request`, after the session's base URL is applied."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from replay.cassette import Request
from replay.intercept.answering import owns, session
from replay.upstream import pass_through

if TYPE_CHECKING:
    from replay.intercept.patches import Patches


def hook(patches: Patches, module: ModuleType) -> None:
    """Hook `aiohttp.client`."""
    patches.replace(module.ClientSession, "_request", _request)


def _request(original: Any) -> Any:
    async def request(client: Any, method: str, str_or_url: Any, **options: Any) -> Any:
        if client.closed:
            return await original(client, method, str_or_url, **options)
        url = client._build_url(str_or_url)
        if not owns(url.host or "", url.port):
            return await original(client, method, str_or_url, **options)
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
        found = session()
        if found.lets_through(asked):
            with pass_through():
                return await original(client, method, str_or_url, **options)
        answer = await found.serve_async(asked)

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


def _body(data: Any) -> Any:
    """What aiohttp makes of its `data`, where that is a form."""
    from aiohttp.formdata import FormData

    if isinstance(data, Mapping | list | tuple):
        data = FormData(data)
    return data()._value if isinstance(data, FormData) and not data.is_multipart else data
