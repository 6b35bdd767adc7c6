"""Try to reach the API, in mode ``none``, with each compiled client that is on the table.

``make compiled`` runs it: an environment ``.venv-compiled`` with the built wheel and the clients
from PyPI. A server on this machine is the live base. Each way is also tried at another server,
which must be reached: a client that talks to something else than Stripe goes its own way.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import venv
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import indent
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv-compiled"
PACKAGES = (
    "curl_cffi", "primp", "pyreqwest", "rnet", "wreq", "httpr", "impit", "pyqwest", "tls-client",
    "requests-rs", "pycurl", "gevent", "geventhttpclient", "uvloop", "aiohttp", "stripe",
)  # fmt: skip

A = "async "  # marks a way that is a coroutine's body
# Client to the ways to call it; `url`, `base`, `host` and `port` say where to.
WAYS: dict[str, dict[str, str]] = {
    "curl_cffi": {
        "function": "import curl_cffi; curl_cffi.get(url)",
        "stream": "import curl_cffi\nwith curl_cffi.Session() as c: c.get(url, stream=True)",
        "base URL": "import curl_cffi\nwith curl_cffi.Session(base_url=base) as c: c.get('/v1/x')",
        "no scheme": "import curl_cffi; curl_cffi.get(url[7:])",
        A + "client": "import curl_cffi\n"
                      "async with curl_cffi.AsyncSession() as c: await c.get(url)",
    },
    "pycurl": {
        "handle": "import pycurl; c = pycurl.Curl(); c.setopt(pycurl.URL, url); c.perform()",
        "bytes": "import pycurl; c = pycurl.Curl(); c.setopt(pycurl.URL, url); c.perform_rb()",
        "no scheme": "import pycurl; c = pycurl.Curl(); c.setopt(pycurl.URL, url[7:]); c.perform()",
        "percent signs": "import pycurl; c = pycurl.Curl()\n"
                         "c.setopt(pycurl.URL, url.replace('.', '%2e', 1)); c.perform()",
        "a number": "import pycurl; c = pycurl.Curl()\n"
                    "c.setopt(pycurl.URL, url.replace(host, '2130706433')); c.perform()",
        "URL object": "import pycurl; c = pycurl.Curl(); u = pycurl.CurlUrl(); u.url = url\n"
                      "c.setopt(pycurl.CURLU, u); c.perform()",
        "many": "import pycurl; c = pycurl.Curl(); c.setopt(pycurl.URL, url)\n"
                "m = pycurl.CurlMulti(); m.add_handle(c)\nwhile m.perform()[1]: m.select(1)",
        A + "many": "import pycurl; c = pycurl.Curl(); c.setopt(pycurl.URL, url)\n"
                    "async with pycurl.AsyncCurlMulti() as m: await m.perform(c)",
    },
    "primp": {
        "function": "import primp; primp.get(url)",
        "client": "import primp; primp.Client().request(method='GET', url=url)",
        "base URL": "import primp; primp.Client(base_url=base).get('/v1/x')",
        "tab": "import primp; primp.Client().get(url.replace('127', '1\\t27'))",
        "backslashes": "import primp; primp.Client().get(url.replace('/', '\\\\'))",
        "wide letters": "import primp; primp.Client().get(url.replace('1', '\\uff11', 1))",
        "one slash": "import primp; primp.Client().get(url.replace('//', '/'))",
        A + "client": "import primp; await primp.AsyncClient().get(url)",
    },
    "pyreqwest": {
        "client": "from pyreqwest.client import SyncClientBuilder\n"
                  "SyncClientBuilder().build().get(url).build().send()",
        "stream": "from pyreqwest.client import SyncClientBuilder\n"
                  "with SyncClientBuilder().build().get(url).build_streamed(): pass",
        "base URL": "from pyreqwest.client import SyncClientBuilder\n"
                    "SyncClientBuilder().base_url(base + '/').build().get('v1/x').build().send()",
        "function": "from pyreqwest.simple.sync_request import pyreqwest_get\n"
                    "pyreqwest_get(url).send()",
        A + "client": "from pyreqwest.client import ClientBuilder\n"
                      "async with ClientBuilder().build() as c: await c.get(url).build().send()",
    },
    "rnet": {
        "client": "import rnet; rnet.BlockingClient().get(url)",
        A + "client": "import rnet; await rnet.Client().get(url)",
        A + "function": "import rnet; await rnet.get(url)",
    },
    "wreq": {
        "client": "import wreq.blocking; wreq.blocking.Client().get(url)",
        A + "client": "import wreq; await wreq.Client().get(url)",
        A + "function": "import wreq; await wreq.get(url)",
    },
    "httpr": {
        "function": "import httpr; httpr.get(url)",
        "stream": "import httpr\nwith httpr.Client().stream('GET', url) as r: r.read()",
        A + "client": "import httpr; await httpr.AsyncClient().get(url)",
    },
    "impit": {
        "function": "import impit; impit.get(url)",
        "stream": "import impit\nwith impit.Client().stream('GET', url) as r: r.read()",
        A + "client": "import impit; await impit.AsyncClient().get(url)",
    },
    "pyqwest": {
        "client": "import pyqwest; pyqwest.SyncClient().get(url)",
        "transport": "import pyqwest; asked = pyqwest.SyncRequest('GET', url)\n"
                     "pyqwest.get_default_sync_transport().execute_sync(asked)",
        A + "client": "import pyqwest; await pyqwest.Client().get(url)",
    },
    "tls-client": {
        "client": "import tls_client; tls_client.Session().get(url)",
        A + "client": "import tls_client; await tls_client.AsyncSession().get(url)",
    },
    "requests-rs": {
        "function": "import requests_rs.requests; requests_rs.requests.get(url)",
        "client": "import requests_rs.requests; requests_rs.requests.Session().get(url)",
    },
    "geventhttpclient": {
        "function": "import geventhttpclient; geventhttpclient.get(url)",
        "client": "import geventhttpclient; geventhttpclient.HTTPClient(host, port).get('/v1')",
    },
    "gevent": {
        "socket": "import gevent.socket as g; s = g.create_connection((host, port))\n"
                  "s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n'); s.recv(9)",
        "greenlet": "import gevent, gevent.socket as g\n"
                    "def ask():\n    s = g.socket(); s.connect((host, port))\n"
                    "    s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n'); s.recv(9)\n"
                    "gevent.spawn(ask).get()",
    },
    "uvloop": {
        "streams": "import asyncio, uvloop\nasync def main():\n"
                   "    r, w = await asyncio.open_connection(host, port)\n"
                   "    w.write(b'GET / HTTP/1.0\\r\\n\\r\\n')\n    await r.read(9)\n"
        "uvloop.run(main())",
        "socket": "import asyncio, socket, uvloop\nasync def main():\n"
                  "    s = socket.socket(); s.setblocking(False)\n"
                  "    loop = asyncio.get_running_loop()\n"
        "    await loop.sock_connect(s, (host, port))\n"
                  "    await loop.sock_sendall(s, b'GET / HTTP/1.0\\r\\n\\r\\n')\n"
                  "    await loop.sock_recv(s, 9)\nuvloop.run(main())",
    },
}  # fmt: skip

UNWARNED = {"gevent", "uvloop"}
"""What the guard sees whole, so that no warning is given."""


class _Source:
    """A server on this machine that counts the requests that reach it."""

    def __init__(self) -> None:
        self.hits = hits = [0]

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hits[0] += 1
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def _names(source: _Source) -> dict[str, Any]:
    base = f"http://127.0.0.1:{source.port}"
    return {
        "base": base, "url": f"{base}/v1/invoices/in_1", "host": "127.0.0.1", "port": source.port,
    }  # fmt: skip


def _call(way: str, code: str, source: _Source) -> None:
    names = _names(source)
    if way.startswith(A):
        code = f"import asyncio\nasync def main():\n{indent(code, '    ')}\nasyncio.run(main())"
    exec(code, names)  # noqa: S102 - the table above


def try_client(client: str) -> Iterator[dict[str, Any]]:
    """Try each way of a client: at the live base, and at another server."""
    import replay

    live, other = _Source(), _Source()
    base = f"http://127.0.0.1:{live.port}"
    for way, code in WAYS[client].items():
        with warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always")
            error = "none"
            try:
                with replay.use_cassettes(ROOT / "cassettes", api_base=base):
                    _call(way, code, live)
            except Exception as raised:  # noqa: BLE001 - it is printed
                error = type(raised).__name__
            warned = [each for each in given if each.category is replay.NetworkWarning]
            with contextlib.suppress(Exception), replay.use_cassettes(ROOT / "cassettes"):
                _call(way, code, other)
        yield {
            "client": client, "way": way, "arrived": live.hits[0], "error": error,
            "warnings": len(warned), "other": other.hits[0],
        }  # fmt: skip
        live.hits[0] = other.hits[0] = 0


def _right(row: dict[str, Any], first: bool) -> bool:
    warned = int(first and row["client"] not in UNWARNED)
    refused = row["error"] in {"CallRefused", "NetworkBlocked"}
    return refused and not row["arrived"] and row["other"] == 1 and row["warnings"] == warned


def _environment() -> Path:
    python = ENVIRONMENT / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    wheel = next((ROOT / "dist").glob("*.whl"), None)
    if wheel is None:
        sys.exit("there is no wheel: run `make compiled`")
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    if not (ENVIRONMENT / ".made").exists():
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        subprocess.run([*pip, str(wheel), *PACKAGES], check=True)
        (ENVIRONMENT / ".made").touch()
    subprocess.run([*pip, "--no-deps", "--force-reinstall", str(wheel)], check=True)
    return python


def main() -> int:
    """Print a row for each way; 1 if one of them arrived, or another host was not reached."""
    if sys.argv[1:]:
        for row in try_client(sys.argv[1]):
            print(json.dumps(row), flush=True)
        os._exit(0)  # threads of some clients crash while Python ends
    python, bad, ways = _environment(), 0, 0
    print(f"{'client':<18}{'way':<16}{'arrived':>8}  {'raised':<16}{'warned':>7}{'other host':>12}")
    for client in WAYS:
        done = subprocess.run(
            [python, __file__, client], capture_output=True, text=True, check=False, timeout=120,
            cwd=ROOT / "scripts",
        )  # fmt: skip
        # libcurl prints the answers of the other server on the same lines.
        found = [line.partition('{"client"') for line in done.stdout.splitlines()]
        rows = [json.loads(start + rest) for _, start, rest in found if start]
        if done.returncode or len(rows) != len(WAYS[client]):
            print(f"{client}: {done.stderr}", file=sys.stderr)
            bad += 1
        for n, row in enumerate(rows):
            right = _right(row, first=not n)
            bad += not right
            ways += 1
            print(f"{row['client']:<18}{row['way']:<16}{row['arrived']:>8}  {row['error']:<16}"
                  f"{row['warnings']:>7}{'reached' if row['other'] else 'NOT REACHED':>12}"
                  f"{'' if right else '  WRONG'}")  # fmt: skip
    print(f"{len(WAYS)} clients, {ways} ways: {bad} wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
