"""The guard behind the hooks: Python sockets cannot reach the API while a session is open.

Sees `socket.socket` and everything on it (asyncio, trio, raw sockets). It cannot see sockets of C
libraries (pycurl, uvloop), which docs/guarantees.md names.
"""

from __future__ import annotations

import socket as sockets
import traceback
from types import ModuleType
from typing import TYPE_CHECKING, Any

from replay.errors import NetworkBlocked, Refused
from replay.intercept.answering import blocked, owns

if TYPE_CHECKING:
    from replay.intercept.patches import Patches


def hook(patches: Patches, module: ModuleType) -> None:
    """Hook `socket`."""
    patches.replace(module.socket, "connect", _connect)
    patches.replace(module.socket, "connect_ex", _connect)
    for name in ("send", "sendall", "sendfile", "sendmsg", "sendto"):
        patches.replace(module.socket, name, _send)
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        patches.replace(module, name, _resolve)


def hook_tls(patches: Patches, module: ModuleType) -> None:
    """Hook `ssl`: its sockets write past those of `socket`, its objects belong to event loops."""
    for name in ("send", "sendall", "sendfile", "write"):
        patches.replace(module.SSLSocket, name, _send)
    patches.replace(module.SSLObject, "write", _write_in_loop)
    patches.replace(module.SSLContext, "wrap_bio", _wrap_in_loop)


def _connect(original: Any) -> Any:
    def connect(sock: Any, address: Any) -> Any:
        # A path (Unix socket) or anything else that is no (host, port) cannot be the API's.
        if isinstance(address, tuple) and len(address) >= 2 and isinstance(address[0], str):
            _refuse(address[0], address[1])
        return original(sock, address)

    return connect


def _send(original: Any) -> Any:
    def send(sock: Any, *args: Any) -> Any:
        # For connections from before the session: whom they lead to is known by name or address.
        name = getattr(sock, "server_hostname", None)
        if name:
            _refuse(name, None)
        try:
            peer = sock.getpeername()
        except OSError:
            peer = None
        if isinstance(peer, tuple) and len(peer) >= 2:
            _refuse(peer[0], peer[1])
        return original(sock, *args)

    return send


def _write_in_loop(original: Any) -> Any:
    def write(tls: Any, data: Any) -> Any:
        _refuse_in_loop(tls.server_hostname)
        return original(tls, data)

    return write


def _wrap_in_loop(original: Any) -> Any:
    def wrap_bio(
        context: Any, incoming: Any, outgoing: Any, server_side: bool = False,
        server_hostname: Any = None, session: Any = None,
    ) -> Any:  # fmt: skip
        _refuse_in_loop(server_hostname)
        return original(context, incoming, outgoing, server_side, server_hostname, session)

    return wrap_bio


def _refuse_in_loop(name: Any) -> None:
    # An event loop drops what is no Exception and waits on: the session raises the refusal.
    try:
        if isinstance(name, str):
            _refuse(name, None)
    except Refused as refused:
        raise ConnectionRefusedError(refused.error.what) from refused.error


def _resolve(original: Any) -> Any:
    def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        # An address of the API never becomes known: a loopback base has no name to look up.
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if isinstance(name, str) and name[-4:].lower() in {".com", "com."}:
            _refuse(name, None)
        return original(host, *args, **kwargs)

    return resolve


def _refuse(host: str, port: Any) -> None:
    if owns(host, port if isinstance(port, int) else None):
        error = NetworkBlocked(
            f"{host} was about to be reached past replay's hooks",
            where=_caller(),
            hint="use a client that replay intercepts, or the replay server",
        )
        blocked(error)
        raise Refused(error)


def _caller() -> str:
    """The nearest line of code outside replay and the standard library's network modules."""
    skipped = (sockets.__file__, __file__)
    for frame in reversed(traceback.extract_stack()):
        if frame.filename not in skipped and "asyncio" not in frame.filename:
            return f"{frame.filename}:{frame.lineno} in {frame.name}"
    return ""
