"""A table of the HTTP clients that replay knows: how each connects, and what replay does about it.

The module `installation` installs the hooks that the table names. `network_warning` warns of
clients that do not connect through Python's sockets. `replay doctor` tries each installed client
with the code that the table gives as its probe.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

VERBS = ("delete", "get", "head", "options", "patch", "post", "put", "request", "trace")
"""The methods and functions by which most clients are called."""


class Way(StrEnum):
    """What happens to a call to the API, while a session is open."""

    ANSWERED = "answered from the library"
    GUARDED = "refused by the guard at Python's sockets"
    REFUSED = "refused where it is called"
    UNSEEN = "not seen"


@dataclass(frozen=True, slots=True)
class Client:
    """An HTTP client, or another way to the network.

    Attributes:
        name: its distribution, as pip installs it; empty for a part of Python.
        module: the module whose import tells that it is used.
        way: what happens to a call to the API.
        leaves: what opens its connections, if that is not Python's ``socket``. Then importing it in
            a session gives a warning. Empty for all other clients.
        entries: what is hooked to refuse its calls, as ``module:Class.method`` or
            ``module:function``. What a version does not have is left out.
        probe: code that retrieves ``url`` with it; empty where it cannot be tried so.
        quiet: packages that import it, and whose own calls replay sees.
    """

    name: str
    module: str
    way: Way
    leaves: str = ""
    entries: tuple[str, ...] = ()
    probe: str = ""
    quiet: tuple[str, ...] = ()


def _all(owners: str, *more: str) -> tuple[str, ...]:
    """The entries of classes and modules that have a function for each verb."""
    return tuple(
        f"{owner}{'' if owner.endswith(':') else '.'}{verb}"
        for owner in owners.split()
        for verb in (*VERBS, *more)
    )


_RUST = "a Rust library"
_KNOW_INTERPRETERS = ("anyio", "concurrent", "filelock")
"""From Python 3.14 on asyncio itself imports the module. These tell nothing until one is made."""
_ASYNC = "import asyncio\nasync def main():\n    {}\nasyncio.run(main())"

CLIENTS: tuple[Client, ...] = (
    Client("requests", "requests", Way.ANSWERED, probe="import requests; requests.get(url)"),
    Client("urllib3", "urllib3", Way.ANSWERED,
           probe="import urllib3; urllib3.PoolManager().request('GET', url, retries=False)"),
    Client("httpx", "httpx", Way.ANSWERED, probe="import httpx; httpx.get(url)"),
    Client("httpx2", "httpx2", Way.ANSWERED, probe="import httpx2; httpx2.get(url)"),
    Client("aiohttp", "aiohttp", Way.ANSWERED,
           probe="import aiohttp\n" + _ASYNC.format(
               "async with aiohttp.ClientSession() as client: await client.get(url)")),
    Client("httplib2", "httplib2", Way.ANSWERED,
           probe="import httplib2; httplib2.Http().request(url)"),
    Client("", "http.client", Way.ANSWERED,
           probe="import urllib.request; urllib.request.urlopen(url)"),
    Client("tornado", "tornado.httpclient", Way.REFUSED,
           probe=_ASYNC.format("import tornado.httpclient as client; "
                               "await client.AsyncHTTPClient().fetch(url)")),
    Client("httpcore", "httpcore", Way.ANSWERED,
           probe="import httpcore; httpcore.ConnectionPool().request('GET', url)"),
    Client("niquests", "niquests", Way.ANSWERED, probe="import niquests; niquests.get(url)"),
    Client("aiosonic", "aiosonic", Way.GUARDED,
           probe="import aiosonic\n" + _ASYNC.format("await aiosonic.HTTPClient().get(url)")),
    Client("gevent", "gevent", Way.GUARDED,
           probe="import gevent.socket, urllib.parse\n"
                 "parts = urllib.parse.urlsplit(url)\n"
                 "made = gevent.socket.create_connection((parts.hostname, parts.port))\n"
                 "made.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')"),
    Client("uvloop", "uvloop", Way.GUARDED,
           probe="import asyncio, urllib.parse, uvloop\n"
                 "parts = urllib.parse.urlsplit(url)\n"
                 "uvloop.run(asyncio.open_connection(parts.hostname, parts.port))"),
    Client("geventhttpclient", "geventhttpclient", Way.GUARDED, "gevent's sockets",
           probe="import geventhttpclient; geventhttpclient.get(url)"),
    Client("pycurl", "pycurl", Way.REFUSED, "libcurl",
           ("pycurl.async_multi:AsyncCurlMulti.perform",), quiet=("stripe", "tornado"),
           probe="import pycurl; asked = pycurl.Curl(); asked.setopt(pycurl.URL, url); "
                 "asked.perform()"),
    Client("curl_cffi", "curl_cffi", Way.REFUSED, "libcurl",
           ("curl_cffi:Curl.setopt", "curl_cffi:Curl.perform", "curl_cffi:AsyncCurl.add_handle"),
           "import curl_cffi.requests; curl_cffi.requests.get(url)"),
    Client("primp", "primp", Way.REFUSED, _RUST, _all("primp: primp:Client primp:AsyncClient"),
           "import primp; primp.Client().get(url)"),
    Client("pyreqwest", "pyreqwest", Way.REFUSED, _RUST,
           ("pyreqwest.request:ConsumedRequest.send", "pyreqwest.request:SyncConsumedRequest.send",
            "pyreqwest.request:StreamRequest.__aenter__",
            "pyreqwest.request:SyncStreamRequest.__enter__",
            *(f"pyreqwest.simple.{home}:pyreqwest_{verb}"
              for home in ("request", "sync_request") for verb in VERBS)),
           "from pyreqwest.client import SyncClientBuilder\n"
           "SyncClientBuilder().build().get(url).build().send()"),
    Client("rnet", "rnet", Way.REFUSED, _RUST,
           _all("rnet: rnet:Client rnet:BlockingClient", "websocket"),
           "import rnet; rnet.BlockingClient().get(url)"),
    Client("wreq", "wreq", Way.REFUSED, _RUST,
           _all("wreq: wreq:Client wreq.blocking:Client", "websocket"),
           "import wreq.blocking; wreq.blocking.Client().get(url)"),
    Client("httpr", "httpr", Way.REFUSED, _RUST,
           _all("httpr: httpr:Client httpr:AsyncClient", "stream"),
           "import httpr; httpr.Client().get(url)"),
    Client("impit", "impit", Way.REFUSED, _RUST,
           _all("impit: impit:Client impit:AsyncClient", "stream"),
           "import impit; impit.Client().get(url)"),
    Client("pyqwest", "pyqwest", Way.REFUSED, _RUST,
           (*_all("pyqwest:Client pyqwest:SyncClient", "stream", "execute"),
            "pyqwest:HTTPTransport.execute", "pyqwest:SyncHTTPTransport.execute_sync"),
           "import pyqwest; pyqwest.SyncClient().get(url)"),
    Client("requests-rs", "requests_rs", Way.REFUSED, _RUST,
           _all("requests_rs.requests: requests_rs.requests:Session"),
           "import requests_rs.requests; requests_rs.requests.get(url)"),
    Client("tls-client", "tls_client", Way.REFUSED, "a Go library",
           ("tls_client:Session.execute_request", "tls_client:AsyncSession.execute_request"),
           "import tls_client; tls_client.Session().get(url)"),
    Client("", "_xxsubinterpreters", Way.UNSEEN, "another interpreter in this process",
           quiet=_KNOW_INTERPRETERS),
    Client("", "_interpreters", Way.UNSEEN, "another interpreter in this process",
           quiet=_KNOW_INTERPRETERS),
)  # fmt: skip
"""All of them; the ones that replay answers come first."""

UNSHOWN: tuple[Client, ...] = tuple(client for client in CLIENTS if client.leaves)
"""Those that leave past Python's sockets, or whose calls replay refuses without answering."""
