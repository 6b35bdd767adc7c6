"""`replay serve` as a process, and a relay before it that keeps what went over the wire."""

from __future__ import annotations

import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit


class Relay(socketserver.ThreadingTCPServer):
    """Passes bytes on to `target`, and keeps them: what clients sent, and what they were sent."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.target = (urlsplit(target).hostname, urlsplit(target).port)
        self.sent: list[bytearray] = []
        self.received: list[bytearray] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> int:
        """How many requests clients have sent."""
        return sum(sent.count(b" HTTP/1.1\r\n") for sent in self.sent)


class _Connection(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        sent, received = bytearray(), bytearray()
        self.server.sent.append(sent)
        self.server.received.append(received)
        with socket.create_connection(self.server.target) as upstream:
            back = threading.Thread(target=_pump, args=(upstream, self.request, received))
            back.start()
            _pump(self.request, upstream, sent)
            back.join()


def _pump(source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            kept += data
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class Served:
    """A running `replay serve` behind a relay.

    Attributes:
        relay: what clients are pointed at.
        said: what the process printed, once it has ended.
        code: its exit code, once it has ended.
    """

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.said = ""
        self.code: int | None = None


@contextmanager
def serving(library: Path, *options: str) -> Iterator[Served]:
    """Run `replay serve` on a free port, beside the library; end it as a supervisor would."""
    command = [sys.executable, "-m", "replay", "serve", "--library", str(library), "--port", "0"]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*command, "--print-url", *options], cwd=library.parent,
            stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        too_long = threading.Timer(60, process.kill)
        too_long.start()
        try:
            url = process.stdout.readline().strip()
            too_long.cancel()
            if not url:
                process.wait(10)
                log.seek(0)
                raise RuntimeError(f"replay serve did not start: {log.read().strip()}")
            with Relay(url) as relay:
                threading.Thread(target=relay.serve_forever, args=(0.02,), daemon=True).start()
                served = Served(relay)
                yield served
                relay.shutdown()
            process.send_signal(signal.SIGTERM)
            rest, _ = process.communicate(timeout=60)
            log.seek(0)
            served.said, served.code = url + rest + log.read(), process.returncode
        finally:
            too_long.cancel()
            process.kill()
            process.wait()
            process.stdout.close()
