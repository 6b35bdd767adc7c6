"""The bytes that Stripe's Ruby, PHP and .NET libraries send, and a connection to send them on."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

from support.served import KEY, Served
from support.standin import NEW

BEARER = f"Authorization: Bearer {KEY}"
BASIC = "Authorization: Basic " + base64.b64encode(f"{KEY}:".encode()).decode()

RUBY = [
    "User-Agent: Stripe/v1 RubyBindings/19.5.0", BEARER,
    "Content-Type: application/x-www-form-urlencoded",
    'X-Stripe-Client-User-Agent: {"lang":"ruby","telemetry_id":"PRIVATE-ruby"}',
    f"Stripe-Version: {NEW}", "Accept-Encoding: gzip;q=1.0,deflate;q=0.6,identity;q=0.3",
    "Accept: */*", "Connection: keep-alive", "Keep-Alive: 30",
]  # fmt: skip
PHP = [
    BASIC, "Accept: */*", f"Stripe-Version: {NEW}",
    "User-Agent: Stripe/v1 PhpBindings/21.0.0",
    'X-Stripe-Client-User-Agent: {"lang":"php","uname":"PRIVATE-host"}',
]  # fmt: skip
DOTNET = [
    BEARER, f"Stripe-Version: {NEW}", "User-Agent: Stripe/v1 .NetBindings/52.0.0",
    'X-Stripe-Client-User-Agent: {"lang":".net","os_version":"PRIVATE"}',
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
    "Accept-Encoding: gzip, deflate, br",
]  # fmt: skip
LIBRARIES = {"ruby": RUBY, "php": PHP, "dotnet": DOTNET}


class Wire:
    """One connection that is kept, and the bytes on it."""

    def __init__(self, served: Served) -> None:
        parts = urlsplit(served.url)
        self.host = f"{parts.hostname}:{parts.port}"
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=10)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, target: str, lines: list[str], method: str = "GET", body: str = "") -> Any:
        """Send one request; the status, the headers, and the parsed body."""
        head = [f"{method} {target} HTTP/1.1", f"Host: {self.host}", *lines]
        if body:
            head.append(f"Content-Length: {len(body)}")
        self.socket.sendall("\r\n".join([*head, "", body]).encode("ascii"))
        answer = http.client.HTTPResponse(self.socket, method=method)
        answer.begin()
        return answer.status, answer.headers, json.loads(answer.read())
