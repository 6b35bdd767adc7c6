"""`make conformance`, second part: the reads of stripe-python's own test suite.

The suite runs once against a small source on localhost; a plugin notes each GET that a test
asserts. Every one of them is then asked of `replay serve` twice: while it records from that
source, and without it. Each answer must be what the source has at that path, or a refusal that
says why.

The suite comes with the newest source distribution that has it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from replay.config import resolve
from replay.server import create_app
from replay.server.running import ServerThread
from replay.stripe_api import routes

ROOT = Path(__file__).parents[1]
VENV = ROOT / ".venv-conformance-stripe"
PYTHON = VENV / "bin" / "python"
SUITE = "15.0.0"
"""The last release of stripe-python whose source distribution holds the suite, as far as tried."""

NEEDS = [
    "pytest", "pytest-mock", "anyio", "trio", "requests", "httpx", "aiohttp", "typing-extensions",
]  # fmt: skip
PLUGIN = """
import json, os

def pytest_configure(config):
    from tests.http_client_mock import HTTPClientMock
    asserted = HTTPClientMock.assert_requested

    def noted(self, method, *args, **kwargs):
        result = asserted(self, method, *args, **kwargs)
        if method == "get" and kwargs.get("path"):
            query = kwargs.get("query_string") or ""
            with open(os.environ["READS"], "a") as file:
                file.write(json.dumps(kwargs["path"] + "?" * bool(query) + query) + chr(10))
        return result

    HTTPClientMock.assert_requested = noted
"""
ITEM = "cus_1ABCDEFGHIJKLMNOPQRSTUVW"
"""The ID of all objects in lists: replay keeps any ID that Stripe generates."""

WORDS = {
    "accounts/capabilities": "transfers", "country_specs": "US", "exchange_rates": "usd",
    "reporting/report_types": "balance.summary.1",
}  # fmt: skip
"""The IDs of objects that are named by a word of the API."""

FEWEST = 100
"""How many reads are right at least; most of the others have placeholders for IDs."""

VERSION = "2025-03-31.basil"
HEADERS = {"Authorization": "Bearer sk_test_123", "Stripe-Version": VERSION}


def answer(path: str) -> dict[str, Any]:
    """What the source has at a path: an object of the path's type, or a list of one object."""
    found = routes.match(path)
    if found is None or found.route.file:
        return {"id": path.rpartition("/")[2], "object": "unknown", "livemode": False}
    if found.route.collection:
        item = routes.match(f"{path}/obj_1")
        kinds = item.route.objects if item is not None and not item.route.collection else ()
        id = WORDS.get(found.route.resource, ITEM)
        data = [{"id": id, "object": kinds[0], "livemode": False}] if kinds else []
        kind = "search_result" if path.endswith("/search") else "list"
        return {"object": kind, "data": data, "has_more": False, "url": path}
    body = {"object": found.route.objects[0], "livemode": False}
    return {"id": found.id, **body} if found.id else body


class Handler(BaseHTTPRequestHandler):
    """Answers every request with what the source has at its path."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.dumps(answer(urlsplit(self.path).path)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Stripe-Version", self.headers.get("Stripe-Version", VERSION))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET  # noqa: N815 - names that the base class looks for


def run(*command: object, **environment: str) -> str:
    """Run a command and return its output; a failing test is not an error here."""
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False,
        cwd=environment.pop("cwd", str(ROOT)), env={**os.environ, **environment},
    )  # fmt: skip
    return done.stdout + done.stderr


def prepare() -> Path:
    """The environment, and the suite's unpacked source."""
    source = VENV / f"stripe-{SUITE}"
    if not source.exists():
        run(sys.executable, "-m", "venv", VENV)
        print(run(PYTHON, "-m", "pip", "install", "--quiet", *NEEDS), end="")
        run(PYTHON, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
            "--dest", VENV, f"stripe=={SUITE}")  # fmt: skip
        with tarfile.open(VENV / f"stripe-{SUITE}.tar.gz") as archive:
            archive.extractall(VENV, filter="data")
    (source / "note_reads.py").write_text(PLUGIN)
    return source


def reads_of(source: Path, port: int) -> list[str]:
    """The paths, with queries, that the suite's tests ask for."""
    with tempfile.TemporaryDirectory() as folder:
        noted = Path(folder, "reads")
        noted.touch()
        output = run(
            PYTHON, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "note_reads",
            "-o", "addopts=", "-k", "get or retriev or list or search or find or preview", "tests",
            cwd=str(source), READS=str(noted), STRIPE_MOCK_PORT=str(port),
        )  # fmt: skip
        print(f"stripe-python {SUITE}: {output.strip().splitlines()[-1].strip('= ')}", flush=True)
        return sorted({json.loads(line) for line in noted.read_text().splitlines()})


def ask(
    library: str, targets: list[str], mode: str, api_base: str | None = None
) -> dict[str, httpx.Response]:
    """The server's answer to each target."""
    app = create_app(resolve(library=library, mode=mode, api_base=api_base))
    with ServerThread(app) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        found = {target: client.get(target, headers=HEADERS) for target in targets}
    app.sessions.close()
    return found


def refusal(response: httpx.Response) -> str:
    """Why replay refused, in a few words; empty if it did not."""
    error = response.json().get("error", {})
    if not str(error.get("code", "")).startswith("replay_"):
        return ""
    message = str(error["message"])
    for words, reason in (
        ("a file, not JSON", "files"),
        ("does not know this read", "paths that replay does not know"),
        ("ID may be private", "IDs that may be private"),
        ("the ID in the path", "IDs that may be private"),
        ("may be private", "parameters that may be private"),
        ("none of the API's own", "names to expand"),
    ):
        if words in message:
            return reason
    return message.splitlines()[0]


def main() -> None:
    """Run, print what came of the reads; exit 1 if an answer is wrong."""
    source = prepare()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    targets = reads_of(source, port)
    with tempfile.TemporaryDirectory() as library:
        ask(library, targets, mode="once", api_base=f"http://127.0.0.1:{port}")
        server.shutdown()
        replayed = ask(library, targets, mode="none")
    refused: Counter[str] = Counter()
    wrong: list[str] = []
    for target, response in replayed.items():
        if reason := refusal(response):
            refused[reason] += 1
        elif response.status_code != 200 or response.json() != answer(urlsplit(target).path):
            wrong.append(target)
    right = len(targets) - sum(refused.values()) - len(wrong)
    print(f"{len(targets)} reads of the suite, recorded and replayed: {right} right, "
          f"{len(wrong)} wrong, {sum(refused.values())} refused")  # fmt: skip
    for reason, count in refused.most_common():
        print(f"  refused: {count} {reason}")
    for target in wrong:
        print(f"  wrong: {target}")
    sys.exit(1 if wrong or right < FEWEST else 0)


if __name__ == "__main__":
    main()
