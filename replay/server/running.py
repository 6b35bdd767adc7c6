"""Runs the app: in the foreground until a signal ends it, or in a thread of a test run."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from types import FrameType, TracebackType
from typing import Self

import uvicorn

from replay.errors import ConfigError
from replay.server.app import App
from replay.server.limits import IDLE, BoundedProtocol

GRACE = 90
"""Seconds that requests have to finish at the end; a fetch from the live source takes up to 80."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        ConfigError: the address cannot be listened at.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with _real_sockets():
            listener = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise ConfigError(
            "the server cannot listen there: "
            + (getattr(error, "strerror", None) or "this is not a port"),
            where=f"{host}:{port}",
            hint="choose another: --port 0 takes a free one",
        ) from error
    # asyncio sends small answers at once only if it knows that the socket is TCP. Else each waits
    # 40 ms for the client's acknowledgement of the one before.
    return _Listener(family, listener.type, socket.IPPROTO_TCP, fileno=listener.detach())


def _real_socket() -> type[socket.socket]:
    """Python's own class of sockets, also where a test tool has put one of its own in its place."""
    return next(cls for cls in socket.socket.__mro__ if cls.__module__ == "socket")


class _Listener(_real_socket()):  # type: ignore[misc]  # a class that is found at run time
    """A listening socket whose connections are Python's own sockets.

    pytest-socket (`--disable-socket`) replaces the class while a test runs: no socket may be made
    then, and no connection accepted. It is there to keep tests off the network, and the server is
    how they keep off it.
    """

    def accept(self) -> tuple[socket.socket, object]:
        """Accept a connection."""
        descriptor, address = self._accept()
        made = _real_socket()(self.family, self.type, self.proto, fileno=descriptor)
        if socket.getdefaulttimeout() is None and self.gettimeout():
            made.setblocking(True)
        return made, address


@contextmanager
def _real_sockets() -> Iterator[None]:
    """Let the running code make sockets."""
    before = socket.socket
    socket.socket = _real_socket()  # type: ignore[misc]
    try:
        yield
    finally:
        socket.socket = before  # type: ignore[misc]


def url_of(listener: socket.socket) -> str:
    """The base address of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """One run of an app.

    Attributes:
        caught: the signals that ended it, in order.

    Args:
        app: the app; its sessions are not ended here.
        ready: called as soon as requests are accepted.
        loop: uvicorn's name of an event loop.
    """

    def __init__(self, app: App, *, ready: Callable[[], None], loop: str = "auto") -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedProtocol,
                loop=loop,
                ws="none",
                lifespan="off",
                log_config=None,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                timeout_keep_alive=int(IDLE),
                timeout_graceful_shutdown=GRACE,
            )
        )
        self.caught: list[int] = []
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept requests."""
        await super().startup(sockets)
        self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop: open requests are answered; a second Ctrl-C does not wait for them."""
        self.caught.append(sig)
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


class ServerThread:
    """A server in a thread of this process.

    Attributes:
        url: its base address.
    """

    def __init__(self, app: App, host: str = "127.0.0.1") -> None:
        listener = listen(host, 0)
        self.url = url_of(listener)
        self._server = Server(app, ready=lambda: None, loop="asyncio")
        with _real_sockets():
            loop = asyncio.new_event_loop()
        self._thread = Thread(
            target=self._run, args=(loop, listener), name="replay server", daemon=True
        )
        self._thread.start()

    def _run(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._server.serve(sockets=[listener]))

    def __repr__(self) -> str:
        return f"<ServerThread at {self.url}>"

    def stop(self) -> None:
        """Stop the server; open requests are answered."""
        self._server.should_exit = True
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
