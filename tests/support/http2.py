"""A source on loopback that speaks HTTP/2 alone, and sends as its client's window allows."""

from __future__ import annotations

import socket
import threading

import h2.config
import h2.connection
import h2.events


class Http2Source:
    """Answers every request with the same body.

    Attributes:
        url: its base address.
        methods: of the requests, in order.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.methods: list[bytes] = []

    def __enter__(self) -> Http2Source:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            with accepted:
                self._answer(accepted)

    def _answer(self, peer: socket.socket) -> None:
        peer.settimeout(60)
        state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        state.initiate_connection()
        left: dict[int, memoryview] = {}
        while True:
            for stream in list(left):
                self._send(state, stream, left)
            try:
                peer.sendall(state.data_to_send())
                data = peer.recv(1 << 16)
            except OSError:
                return
            if not data:
                return
            for event in state.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self.methods.append(dict(event.headers)[b":method"])
                elif isinstance(event, h2.events.StreamEnded):
                    headers = [(":status", "200"), ("content-type", "application/json")]
                    state.send_headers(event.stream_id, headers)
                    left[event.stream_id] = memoryview(self._body)

    def _send(
        self, state: h2.connection.H2Connection, stream: int, left: dict[int, memoryview]
    ) -> None:
        while left[stream]:
            size = min(state.local_flow_control_window(stream), 1 << 14)
            if size <= 0:
                return
            state.send_data(stream, bytes(left[stream][:size]))
            left[stream] = left[stream][size:]
        state.end_stream(stream)
        del left[stream]
