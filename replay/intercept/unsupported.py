"""Refuses clients that replay can neither answer nor stop at the guard.

The sockets of compiled clients (pycurl, curl_cffi, primp, …) are not Python's: they are refused
where they are called. tornado's client waits for ever if its loop meets what is no `Exception`.
"""

from __future__ import annotations

import functools
import re
import socket
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from replay.errors import CallRefused, Refused
from replay.intercept import network_warning
from replay.intercept.current_session import address_of, note_refusal, owns
from replay.intercept.network_warning import INTERPRETERS

if TYPE_CHECKING:
    from replay.intercept.clients import Client
    from replay.intercept.patches import Hook, Patches


def hook_of(client: Client) -> Hook:
    """The function that hooks a client of the table, once it is imported."""
    refuse = {"pycurl": _hook_pycurl, **dict.fromkeys(INTERPRETERS, _hook_interpreters)}.get(
        client.module, _hook_entries
    )

    def hook(patches: Patches, module: ModuleType) -> None:
        network_warning.imported(client)
        refuse(patches, client, module)

    return hook


def _hook_entries(patches: Patches, client: Client, module: ModuleType) -> None:
    for entry in client.entries:
        home, _, path = entry.partition(":")
        *owners, name = path.split(".")
        owner: Any = module if home == module.__name__ else _imported(home)
        for each in owners:
            owner = getattr(owner, each, None)
        if callable(getattr(owner, name, None)):
            make = _noting if name == "setopt" else functools.partial(_refusing, client)
            patches.replace(owner, name, make)


def _imported(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError:  # another version of the client
        return None


def _refusing(client: Client, original: Any) -> Any:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        for url in _urls(args, kwargs):
            address = _address(url)
            if address is not None and owns(*address):
                raise _refusal(client.name)
        return original(*args, **kwargs)

    return call


def _urls(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[str]:
    """The addresses that a call may go to: of its arguments, or of the object it is made on."""
    found = [kwargs.get("url"), *args[:3]]
    for owner in (kwargs.get("request"), *args[:2]):
        # A request, a client with a base address, a handle of libcurl.
        found += [getattr(owner, name, None) for name in ("url", "base_url")]
        if hasattr(owner, "getinfo"):
            yield _with_scheme(_text(_url_of_handle(owner)))
    for each in found:
        if isinstance(each, str | bytes) or type(each).__name__.lower() == "url":
            yield _text(each)


_EFFECTIVE_URL = 0x100000 + 1
_SET_URL = frozenset({10002, 10282})
"""libcurl's option numbers: read a handle's address, set it as text, set it as an object."""

_SCHEME = re.compile(r"(https?|wss?):/*", re.IGNORECASE)


def _noting(original: Any) -> Any:
    """Note the address that a handle is set to: libcurl does not tell all of them later."""

    @functools.wraps(original)
    def setopt(handle: Any, option: int, value: Any, *args: Any) -> Any:
        if option in _SET_URL:
            handle.replay_given = value
        return original(handle, option, value, *args)

    return setopt


def _url_of_handle(handle: Any) -> Any:
    given = getattr(handle, "replay_given", None)
    if given is not None:
        return getattr(given, "url", given)
    try:
        return handle.getinfo(_EFFECTIVE_URL)
    except Exception:  # noqa: BLE001 - of libcurl's kind: a URL without a scheme, from before
        return ""


def _text(url: Any) -> str:
    return url.decode("utf-8", "replace") if isinstance(url, bytes) else str(url)


def _with_scheme(url: str) -> str:
    # libcurl takes an address without a scheme as one of http.
    return url if _SCHEME.match(url.strip()) else f"http://{url}"


def _address(url: str) -> tuple[str, int] | None:
    """The host and port that compiled clients make of a URL; None where it is none of HTTP's.

    They read more spellings than Python does: line ends, backslashes, one slash or three, percent
    signs and wide letters in the host, numbers of addresses in other bases.
    """
    text = "".join(url.split()).replace("\\", "/")
    scheme = _SCHEME.match(text)
    if scheme is None:
        return None
    authority = text[scheme.end() :].partition("/")[0].partition("?")[0].partition("#")[0]
    host = unicodedata.normalize("NFKC", unquote(authority.rpartition("@")[2])).lower()
    host = host.replace("\u3002", ".")  # a full stop in names, and in no other place
    port = 443 if scheme[1].lower() in {"https", "wss"} else 80
    name, colon, number = host.rpartition(":")
    if colon and not number.endswith("]"):
        host, port = name, int(number) if number.isdecimal() else port
    if host[:1].isdigit():
        with suppress(OSError):  # a name that begins with a digit
            host = socket.inet_ntoa(socket.inet_aton(host))
    return host.strip("[]"), port


def _hook_pycurl(patches: Patches, client: Client, module: ModuleType) -> None:
    # Its types cannot be changed. The module gets others in their place.
    def handle(original: Any) -> Any:
        class Kind(type):
            def __instancecheck__(cls, instance: Any) -> bool:
                return isinstance(instance, original)

        class Curl(original, metaclass=Kind):  # type: ignore[misc]  # a base that is found at run time
            __doc__ = original.__doc__

            def __init__(self, *args: Any, **kwargs: Any) -> None:
                network_warning.used(client)
                super().__init__(*args, **kwargs)

            setopt = _noting(original.setopt)
            perform = _refusing(client, original.perform)
            perform_rb = _refusing(client, original.perform_rb)
            perform_rs = _refusing(client, original.perform_rs)

        Curl.__module__, Curl.__qualname__ = original.__module__, original.__qualname__
        return Curl

    def many(original: Any) -> Any:
        class CurlMulti(original):  # type: ignore[misc]  # as above
            __doc__ = original.__doc__
            add_handle = _refusing(client, original.add_handle)

        CurlMulti.__module__, CurlMulti.__qualname__ = original.__module__, original.__qualname__
        return CurlMulti

    def proxy(original: Any) -> Any:
        def get(curl: Any, name: str) -> Any:
            found = original(curl, name)
            if name[:7] != "perform":
                return found
            return functools.partial(_refusing(client, lambda _, *given: found(*given)), curl)

        return get

    _hook_entries(patches, client, module)
    if not hasattr(module, "Curl"):
        return  # a module of that name that is another thing
    if not hasattr(module.Curl, "perform"):
        # A tool's class around the real handle, as pytest-recording puts one into `sys.modules`.
        patches.replace(module.Curl, "__getattribute__", proxy)
        return
    patches.replace(module, "Curl", handle)
    patches.replace(module, "CurlMulti", many)


def _hook_interpreters(patches: Patches, client: Client, module: ModuleType) -> None:
    # Its calls cannot be seen, so nothing is refused: the warning comes when one is made or runs.
    def noting(original: Any) -> Any:
        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            network_warning.runs(client)
            return original(*args, **kwargs)

        return call

    for name in ("create", "call", "exec", "run_func", "run_string"):  # of 3.11 to 3.15
        if hasattr(module, name):
            patches.replace(module, name, noting)


def hook_pycurl(patches: Patches, module: ModuleType) -> None:
    """Hook the Stripe SDK's client on pycurl."""

    def request(original: Any) -> Any:
        def refuse_pycurl(client: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            if owns(*address_of(url)):
                raise _refusal("stripe.PycurlClient")
            return original(client, method, url, *args, **kwargs)

        return refuse_pycurl

    if hasattr(module.PycurlClient, "_request_internal"):  # else pycurl's own hook refuses
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


def _refusal(client: str) -> Refused:
    return note_refusal(
        CallRefused(
            "this HTTP client cannot be intercepted",
            where=client,
            hint="use another: stripe.StripeClient(key, http_client=stripe.RequestsClient())\n"
            "or run `replay serve` and point its base address at http://127.0.0.1:12111",
        )
    )
