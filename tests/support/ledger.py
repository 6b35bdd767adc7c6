"""A loopback source that takes writes: it makes, changes, reads, lists and deletes objects.

It knows idempotency keys as Stripe does, and can be told to answer with an error first. An object
has what was sent, nested as the names say.
"""

from __future__ import annotations

import json
import random
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from support.standin import ALPHABET

_TYPES = {
    "customers": ("customer", "cus"),
    "payment_intents": ("payment_intent", "pi"),
    "payment_methods": ("payment_method", "pm"),
    "refunds": ("refund", "re"),
    "plans": ("plan", "plan"),
    "coupons": ("coupon", "coupon"),
    "invoices": ("invoice", "in"),
    "test_helpers/test_clocks": ("test_helpers.test_clock", "clock"),
    "files": ("file", "file"),
    "accounts": ("account", "acct"),
}
_NUMBER = re.compile(r"-?\d{1,11}\Z")


class Ledger:
    """The source. Use it as a context manager.

    Attributes:
        url: its base address.
        arrived: method, path and body of each request, in order of arrival.
        script: statuses and bodies that answer the next requests in place of what they ask for.
        live: whether its objects are live-mode data.
    """

    def __init__(self) -> None:
        self.arrived: list[tuple[str, str, bytes, dict[str, str]]] = []
        self.script: list[tuple[int, Any]] = []
        self.live = False
        self._objects: dict[str, dict[str, Any]] = {}
        self._keys: dict[str, tuple[bytes, int, Any]] = {}
        self._random = random.Random()
        self._lock = threading.Lock()
        ledger = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one packet an answer: a second one would wait for the first's receipt

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with ledger._lock:
                    status, answer, more = ledger._answer(
                        self.command, self.path, body, dict(self.headers)
                    )
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                version = self.headers.get("Stripe-Version")
                if version:
                    self.send_header("Stripe-Version", version)
                for name, value in more.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # a client was killed
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    def writes(self) -> int:
        """How many writes arrived."""
        return len([one for one in self.arrived if one[0] != "GET"])

    def _answer(
        self, method: str, target: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, Any, dict[str, str]]:
        self.arrived.append((method, target, body, headers))
        key = headers.get("Idempotency-Key")
        if key in self._keys and method == "POST":
            then, status, answer = self._keys[key]
            if then != body:
                return 400, _error("idempotency_error", "Keys for idempotent requests can…"), {}
            return status, answer, {"Idempotent-Replayed": "true"}
        if self.script:
            status, answer = self.script.pop(0)
            return status, answer, {}
        parts = urlsplit(target)
        sent = dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
        status, answer = self._asked(method, parts.path, sent, dict(parse_qsl(parts.query)))
        if key and method == "POST":
            self._keys[key] = body, status, answer
        return status, answer, {}

    def _asked(
        self, method: str, path: str, sent: dict[str, str], query: dict[str, str]
    ) -> tuple[int, Any]:
        resource, _, id = path.removeprefix("/v1/").partition("/")
        if resource == "test_helpers":
            resource, _, id = id.partition("/")
            resource = f"test_helpers/{resource}"
        id, _, verb = id.partition("/")
        if resource not in _TYPES:
            return 404, _error("invalid_request_error", "Unrecognized request URL")
        if not id and method == "POST":
            return 200, self._make(resource, sent)
        if not id:
            data = [one for one in self._objects.values() if one["object"] == _TYPES[resource][0]]
            return 200, {"object": "list", "data": data, "has_more": False, "url": path}
        found = self._objects.get(id)
        if found is None:
            return 404, _error("invalid_request_error", f"No such {_TYPES[resource][0]}: '{id}'")
        if method == "DELETE":
            del self._objects[id]
            return 200, {"id": id, "object": found["object"], "deleted": True}
        if method == "POST":
            found |= _nested(sent)
            if verb:
                found["status"] = f"{verb}ed"
        return 200, found

    def _make(self, resource: str, sent: dict[str, str]) -> dict[str, Any]:
        kind, prefix = _TYPES[resource]
        tail = "".join(self._random.choice(ALPHABET) for _ in range(18))
        made = {
            "id": sent.get("id") or f"{prefix}_1{tail}",
            "object": kind,
            "created": 1_700_000_000,
            "livemode": self.live,
            **_nested(sent),
        }
        if kind == "invoice":
            made |= {"total": 0}
        if kind == "payment_intent":
            made |= {"status": "succeeded", "client_secret": f"{made['id']}_secret_PRIVATE{tail}"}
        self._objects[made["id"]] = made
        return made


def _error(kind: str, message: str) -> Any:
    return {"error": {"type": kind, "message": message}}


def _nested(sent: dict[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in sent.items():
        parts = re.findall(r"[^\[\]]+", name)
        holder = made
        for part in parts[:-1]:
            holder = holder.setdefault(part, {})
        holder[parts[-1]] = int(value) if _NUMBER.match(value) else value
    return made
