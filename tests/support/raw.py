"""A server that sends bytes, whatever is asked."""

from __future__ import annotations

import socket
import threading


class Raw:
    """A server that sends bytes, one answer per connection, whatever is asked.

    Attributes:
        url: the base address.
        seen: what was asked.
    """

    def __init__(self, *answers: bytes, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._server = socket.create_server((host, 0), family=family)
        self._answers = answers
        self._thread = threading.Thread(target=self._serve)
        shown = f"[{host}]" if ":" in host else host
        self.address = f"{shown}:{self._server.getsockname()[1]}"
        self.url = f"http://{self.address}"
        self.seen: list[bytes] = []

    def _serve(self) -> None:
        for answer in self._answers:
            connection, _ = self._server.accept()
            with connection:
                self.seen.append(connection.recv(65536))
                connection.sendall(answer)

    def __enter__(self) -> Raw:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._server.close()
