"""How much is read from a connection, and for how long: uvicorn's HTTP protocol with limits.

The parser (llhttp, in httptools) refuses ambiguous framing and forbidden characters. It does not
limit the size of a request's head, and uvicorn does not limit the time that a request may take to
arrive.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from typing import Any, Protocol, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from replay.server.app import BREAK_OFF
from replay.server.error_responses import ErrorResponse, request_error

MAX_HEAD = 32 * 1024
"""The largest request line and header lines together, in bytes."""

MAX_LINES = 100
"""The most header lines."""

ARRIVAL = 5.0
"""Seconds in which the first byte must arrive, and then the whole request."""

IDLE = 120.0
"""Seconds that a connection is kept after an answer."""

DRAIN = 30.0
"""Seconds in which a client must read on while an answer waits for it."""

SILENT = 600.0
"""Seconds after which a connection ends that an override leaves without an answer."""

# Linger for 0 seconds: the connection is reset, and not closed in order.
_RESET = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


_connections = logging.getLogger("replay.server.connections")
_connections.setLevel(logging.WARNING)
# uvicorn's own line has no reason; ours, in its place, has.
_connections.addFilter(lambda record: record.msg != "Invalid HTTP request received.")


_MALFORMED = request_error(
    400, "this is not an HTTP request that can be read in one way only", "request head or framing",
    "this server speaks HTTP/1.1: look at the client's base address, http:// and not https://, "
    "and at header lines that it builds itself",
)  # fmt: skip
_TOO_LARGE = request_error(
    431, "the request's head is too large", f"over {MAX_HEAD} bytes or {MAX_LINES} lines",
    "look at the client's header lines, and at its list of expand[] parameters",
)  # fmt: skip
_TOO_SLOW = request_error(
    408, "the request did not arrive in time", f"over {ARRIVAL:g} seconds",
    "look at the client: it began a request, and did not end it",
)  # fmt: skip


class Counts(Protocol):
    """What the app does with a refusal of a request that never reached it."""

    def count_refusal(self, response: ErrorResponse, session: str = "") -> None:
        """Note a refusal, and count it."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A request that breaks a limit gets one answer, and the connection ends."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access_log = False
        self.logger = _connections
        self._problem = _MALFORMED
        self._in_head = self._partial = False
        self._head = self._unparsed = 0
        self._arrival: asyncio.TimerHandle | None = None
        self._drain: asyncio.TimerHandle | None = None
        self._silent: asyncio.TimerHandle | None = None
        self._stopping = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._arrival = self.loop.call_later(ARRIVAL, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        for timer in (self._arrival, self._drain, self._silent):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, within the limits."""
        in_head = self._in_head
        super().data_received(data)
        if self.transport.is_closing():
            return
        if in_head and self._in_head:
            # The parser calls back only when a line has ended.
            self._unparsed += len(data)
            if self._unparsed > MAX_HEAD:
                self._problem = _TOO_LARGE
                self.send_400_response("")
                return
        if self._partial or self.cycle is None or self.cycle.response_complete:
            if self._arrival is None:
                self._arrival = self.loop.call_later(ARRIVAL, self._too_slow)
        elif self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["state"][BREAK_OFF] = self.break_off
        self._in_head = self._partial = True
        self._head = self._unparsed = 0

    def on_url(self, url: bytes) -> None:
        """Read a piece of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read a header line."""
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """End a request's head."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a request."""
        self._partial = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer an invalid request with an error, log it, and end the connection."""
        cast(Counts, self.app).count_refusal(self._problem)
        body = self._problem.body
        lines = [STATUS_LINE[self._problem.status]]
        lines += [name + b": " + value + b"\r\n" for name, value in self._problem.headers]
        lines.append(b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body))
        self.transport.write(b"".join(lines) + body)
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: a client that offers HTTP/2 or a WebSocket is answered in HTTP/1.1."""

    def break_off(self, *, timeout: bool) -> None:
        """Break the connection, whose request gets no answer.

        Args:
            timeout: whether to stay silent until the client leaves; else the connection is reset.
        """
        if timeout and not self._stopping:
            self._silent = self.loop.call_later(SILENT, self.transport.abort)
            return
        if not timeout:
            of = self.transport.get_extra_info("socket")
            of.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def shutdown(self) -> None:
        """End with the server: what gets no answer is not waited for."""
        self._stopping = True
        if self._silent is not None:
            self.transport.abort()
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        """Wait for the client to read what was written, but not for ever."""
        super().pause_writing()
        self._drain = self.loop.call_later(DRAIN, self.transport.abort)

    def resume_writing(self) -> None:
        """Write on."""
        if self._drain is not None:
            self._drain.cancel()
            self._drain = None
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection, and drop data that the client did not read."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > MAX_HEAD or len(self.headers) >= MAX_LINES:
            self._problem = _TOO_LARGE
            raise ValueError("the head is too large")  # the parser stops, and we answer

    def _too_slow(self) -> None:
        if self.transport.is_closing():
            return
        cycle = self.cycle
        between = cycle is None or not cycle.response_started
        # A body that was refused by its length is not waited for, nor answered twice.
        if self._partial and (between or (cycle.response_complete and self._in_head)):
            self._problem = _TOO_SLOW
            self.send_400_response("")
        else:
            self.transport.abort()
