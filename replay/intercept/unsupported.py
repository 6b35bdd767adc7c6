"""Refuses clients that replay can neither answer nor stop at the guard.

pycurl's sockets are not Python's. tornado's client waits for ever if its loop meets what is no
`Exception`. httpcore, if it is asked directly, would carry the call to a proxy.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from replay.errors import CallRefused, Refused
from replay.intercept.current_session import address_of, note_refusal, owns

if TYPE_CHECKING:
    from replay.intercept.patches import Patches


def hook_pycurl(patches: Patches, module: ModuleType) -> None:
    """Hook the Stripe SDK's client on pycurl."""

    def request(original: Any) -> Any:
        def refuse_pycurl(client: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            if owns(*address_of(url)):
                raise _refusal("stripe.PycurlClient")
            return original(client, method, url, *args, **kwargs)

        return refuse_pycurl

    patches.replace(module.PycurlClient, "_request_internal", request)


def hook_tornado(patches: Patches, module: ModuleType) -> None:
    """Hook `tornado.httpclient`."""

    def fetch(original: Any) -> Any:
        def refuse_tornado(client: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            if owns(*address_of(request if isinstance(request, str) else request.url)):
                failed = module.Future()
                failed.set_exception(_refusal("tornado.httpclient").error)
                return failed
            return original(client, request, *args, **kwargs)

        return refuse_tornado

    patches.replace(module.AsyncHTTPClient, "fetch", fetch)


def hook_httpcore(patches: Patches, module: ModuleType) -> None:
    """Hook `httpcore`, below httpx: asked directly, it would carry the call to a proxy."""

    def handle(original: Any) -> Any:
        def refuse_httpcore(pool: Any, request: Any) -> Any:
            url = request.url
            port = url.port or (443 if url.scheme == b"https" else 80)
            if owns(url.host.decode("ascii"), port):
                raise _refusal("httpcore")
            return original(pool, request)

        return refuse_httpcore

    patches.replace(module.ConnectionPool, "handle_request", handle)
    patches.replace(module.AsyncConnectionPool, "handle_async_request", handle)


def _refusal(client: str) -> Refused:
    return note_refusal(
        CallRefused(
            "this HTTP client cannot be intercepted",
            where=client,
            hint="use another: stripe.StripeClient(key, http_client=stripe.RequestsClient())\n"
            "or run `replay serve` and point its base address at http://127.0.0.1:12111",
        )
    )
