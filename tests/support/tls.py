"""A TLS server on loopback that has a certificate for any name, and keeps what it is sent."""

from __future__ import annotations

import socket
import ssl
import threading

import trustme


class TlsListener:
    """A server that never answers.

    Attributes:
        port: where it listens on 127.0.0.1.
        context: of a client that trusts its certificate.
        sent: what clients sent it, without the handshakes.
    """

    def __init__(self, name: str) -> None:
        authority = trustme.CA()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.issue_cert(name).configure_cert(self._context)
        authority.configure_trust(self.context)
        self.sent: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> TlsListener:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> list[bytes]:
        """Stop listening; what was sent."""
        if self._thread.is_alive():
            self._listener.shutdown(socket.SHUT_RDWR)
            self._thread.join()
            self._listener.close()
        return self.sent

    def _serve(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
                with self._context.wrap_socket(accepted, server_side=True) as peer:
                    peer.settimeout(2)
                    data = peer.recv(100)
                    if data:
                        self.sent.append(data)
            except (TimeoutError, ssl.SSLError, ConnectionError):
                continue
            except OSError:
                return
