"""The guard behind the hooks: Python's sockets cannot reach the API while a session is open.

It sees `socket.socket` and all that builds on it (asyncio, trio, raw sockets), gevent's sockets and
the methods of uvloop's loops. It cannot see the sockets of compiled clients; `clients` lists them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

from replay.config import is_loopback, plain_host
from replay.errors import NetworkBlocked, Refused
from replay.intercept import user_frames
from replay.intercept.current_session import live_bases, note_refusal, owns, standing_aside
from replay.recording.upstream import passing

if TYPE_CHECKING:
    from replay.intercept.patches import Patches

_looked_up: dict[str, str] = {}
"""Address to the name of a live base that it was looked up for."""

_SERVICES = {"https": 443, "http": 80}


def forget_addresses() -> None:
    """Forget which names were looked up; called before the hooks go in."""
    _looked_up.clear()


def hook(patches: Patches, module: ModuleType) -> None:
    """Hook `socket`."""
    _hook_sockets(patches, module)
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        patches.replace(module, name, _resolve)


def _hook_sockets(patches: Patches, module: ModuleType) -> None:
    for make, names in (
        (_connect, ("connect", "connect_ex")),
        (_send, ("send", "sendall", "sendfile")),
        (_send_to, ("sendmsg", "sendto")),
    ):
        for name in names:
            if hasattr(module.socket, name):  # eventlet's sockets have no `sendfile`
                patches.replace(module.socket, name, make)


def hook_tls(patches: Patches, module: ModuleType) -> None:
    """Hook `ssl`: its sockets write by methods of their own, its objects serve event loops."""
    for name in ("send", "sendall", "sendfile", "write"):
        patches.replace(module.SSLSocket, name, _send)
    patches.replace(module.SSLObject, "write", _write_in_loop)
    patches.replace(module.SSLContext, "wrap_bio", _wrap_in_loop)


def hook_loops(patches: Patches, module: ModuleType) -> None:
    """Hook `asyncio`'s event loops. They look names up in a thread, far from the user's line, and
    send files without the methods of the socket."""
    patches.replace(module.BaseEventLoop, "getaddrinfo", _resolve_in_loop)
    patches.replace(module.BaseEventLoop, "sock_sendfile", _send_file_in_loop)


def hook_proactor(patches: Patches, module: ModuleType) -> None:
    """Hook `asyncio.windows_events`: on Windows the loop connects and sends past `socket`."""
    patches.replace(module.IocpProactor, "connect", _connect_in_proactor)
    for name in ("send", "sendto", "sendfile"):
        patches.replace(module.IocpProactor, name, _send_in_proactor)


def hook_trio(patches: Patches, module: ModuleType) -> None:
    """Hook `trio._socket`: its sockets took `send` from those of `socket` when it was imported."""
    patches.replace(module._SocketType, "send", _send_in_trio)


def hook_gevent(patches: Patches, module: ModuleType) -> None:
    """Hook `gevent._socket3`: its sockets build on `_socket`, beside those of `socket`."""
    if module.socket is not sys.modules["socket"].socket:  # else gevent has put its own there
        _hook_sockets(patches, module)


def hook_lookups(patches: Patches, module: ModuleType) -> None:
    """Hook `gevent.socket` or `eventlet.green.socket`, whose functions look names up."""
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        if vars(module)[name] is not vars(sys.modules["socket"])[name]:
            patches.replace(module, name, _resolve)


def hook_gevent_tls(patches: Patches, module: ModuleType) -> None:
    """Hook `gevent.ssl`: its sockets write by methods of their own."""
    if module.SSLSocket is not getattr(sys.modules.get("ssl"), "SSLSocket", None):
        for name in ("send", "sendall", "write"):
            patches.replace(module.SSLSocket, name, _send)


def hook_uvloop(patches: Patches, module: ModuleType) -> None:
    """Hook `uvloop`: its loops open connections without Python's sockets."""
    patches.replace(module.Loop, "create_connection", _create_in_loop)
    patches.replace(module.Loop, "create_datagram_endpoint", _create_in_loop)
    patches.replace(module.Loop, "getaddrinfo", _resolve_in_loop)
    patches.replace(module.Loop, "sock_connect", _connect_in_loop)
    for name in ("sock_sendall", "sock_sendfile"):
        patches.replace(module.Loop, name, _send_file_in_loop)


def _connect(original: Any) -> Any:
    def connect(sock: Any, address: Any) -> Any:
        try:
            _refuse_peer(address)
        except Refused:
            sock.close()  # its maker expects an OSError, and would leave it open
            raise
        return original(sock, address)

    return connect


def _send(original: Any) -> Any:
    def send(sock: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_connected(sock)
        return original(sock, *args, **kwargs)

    return send


def _send_to(original: Any) -> Any:
    def send_to(sock: Any, *args: Any) -> Any:
        # The address, if any, comes last. Such a call may also open the connection (MSG_FASTOPEN).
        _refuse_peer(args[-1] if args else None)
        _refuse_connected(sock)
        return original(sock, *args)

    return send_to


def _send_in_trio(original: Any) -> Any:
    async def send(sock: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_connected(sock)
        return await original(sock, *args, **kwargs)

    return send


def _create_in_loop(original: Any) -> Any:
    async def create(
        loop: Any, protocol: Any, host: Any = None, port: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        # A datagram's addresses are pairs: its own and the peer's.
        peer = kwargs.get("remote_addr", port if isinstance(port, tuple) else None)
        name, number = peer[:2] if peer else (host, port)
        if name is not None and not isinstance(name, tuple):
            _refuse_name(name, number)
            _refuse_peer((name, int(number) if str(number).isdecimal() else number))
        if kwargs.get("sock") is not None:
            _refuse_connected(kwargs["sock"])
        return await original(loop, protocol, host, port, *args, **kwargs)

    return create


def _connect_in_loop(original: Any) -> Any:
    async def connect(loop: Any, sock: Any, address: Any) -> Any:
        _refuse_peer(address)
        return await original(loop, sock, address)

    return connect


def _connect_in_proactor(original: Any) -> Any:
    def connect(proactor: Any, sock: Any, address: Any) -> Any:
        _refuse_peer(address)
        return original(proactor, sock, address)

    return connect


def _send_in_proactor(original: Any) -> Any:
    def send(proactor: Any, sock: Any, *args: Any, **kwargs: Any) -> Any:
        if hasattr(sock, "getpeername"):  # else it is a pipe
            _refuse_peer(args[-1] if args else kwargs.get("addr"))
            _refuse_connected(sock)
        return original(proactor, sock, *args, **kwargs)

    return send


def _send_file_in_loop(original: Any) -> Any:
    async def send_file(loop: Any, sock: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_connected(sock)
        return await original(loop, sock, *args, **kwargs)

    return send_file


def _refuse_connected(sock: Any) -> None:
    # For connections from before the session: their name or address tells where they lead.
    try:
        peer = sock.getpeername()
    except OSError:
        peer = None
    name = getattr(sock, "server_hostname", None)
    if name:
        _refuse(name, peer[1] if isinstance(peer, tuple) else None)
    _refuse_peer(peer)


def _refuse_peer(address: Any) -> None:
    # Anything but (host, port), such as the path of a Unix socket, is not the API.
    if isinstance(address, tuple) and len(address) >= 2 and isinstance(address[1], int):
        host, port = _text(address[0]), address[1]
        if not isinstance(host, str):
            return
        _refuse(host, port)
        if host in _looked_up:
            _refuse(_looked_up[host], port)


def _write_in_loop(original: Any) -> Any:
    def write(tls: Any, data: Any) -> Any:
        # The port is unknown here. It was checked when a connection of this session was made.
        name = tls.server_hostname
        if isinstance(name, str) and name not in getattr(tls, "replay_connected_to", ()):
            _refuse_in_loop(name, by_name=True)
        return original(tls, data)

    return write


def _wrap_in_loop(original: Any) -> Any:
    def wrap_bio(
        context: Any, incoming: Any, outgoing: Any, server_side: bool = False,
        server_hostname: Any = None, session: Any = None,
    ) -> Any:  # fmt: skip
        if isinstance(server_hostname, str):
            _refuse_in_loop(server_hostname, by_name=False)
        tls = original(context, incoming, outgoing, server_side, server_hostname, session)
        if isinstance(server_hostname, str) and _is_base(server_hostname):
            tls.replay_connected_to = (server_hostname,)
        return tls

    return wrap_bio


def _refuse_in_loop(name: str, *, by_name: bool) -> None:
    if owns(name, None) or (by_name and _is_base(name)):
        # An event loop drops what is not an Exception, and waits. The session raises the refusal
        # later.
        error = _refusal(name).error
        raise ConnectionRefusedError(error.what) from error


def _resolve(original: Any) -> Any:
    def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = _refuse_name(host, args[0] if args else kwargs.get("port"))
        found = original(host, *args, **kwargs)
        if name:
            _looked_up.update(dict.fromkeys(_addresses(found), name))
        return found

    return resolve


def _resolve_in_loop(original: Any) -> Any:
    async def getaddrinfo(loop: Any, host: Any, port: Any, **kwargs: Any) -> Any:
        _refuse_name(host, port)
        return await original(loop, host, port, **kwargs)

    return getaddrinfo


def _refuse_name(host: Any, port: Any) -> str:
    """Refuse to look up the API's name.

    Returns:
        The name, if a live base has it but at another port, which may be looked up; else empty.
    """
    name = _text(host)
    if not isinstance(name, str) or is_loopback(name) or standing_aside():
        return ""
    port = _text(port)
    if isinstance(port, str):
        port = int(port) if port.isdecimal() else _SERVICES.get(port)
    _refuse(name, port)
    return name if _is_base(name) else ""


def _text(value: Any) -> Any:
    return (
        bytes(value).decode("ascii", "replace") if isinstance(value, bytes | bytearray) else value
    )


def _is_base(name: str) -> bool:
    """Whether a live base has this host name, at any port.

    Never for this machine: many programs listen here, so without the port the name says nothing.
    """
    host = plain_host(name)
    return host != "127.0.0.1" and not passing() and any(host == base.host for base in live_bases())


def _addresses(found: Any) -> Iterable[str]:
    """The addresses in what getaddrinfo, gethostbyname or gethostbyname_ex returned."""
    if isinstance(found, str):
        return [found]
    if isinstance(found, tuple):
        return list(found[2])
    return [entry[4][0] for entry in found]


def _refuse(host: str, port: Any) -> None:
    if owns(host, port if isinstance(port, int) else None):
        raise _refusal(host)


def _refusal(host: str) -> Refused:
    return note_refusal(
        NetworkBlocked(
            f"{host} was about to be reached past replay's hooks",
            where=_caller(),
            hint="use a client that replay intercepts, or the replay server",
        )
    )


def _caller() -> str:
    """The nearest line of the user's code; else of a library's; empty where there is neither."""
    library = ""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        shown = f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
        if user_frames.is_users(frame):
            return shown
        if not library and user_frames.is_installed(frame):
            library = shown
        frame = frame.f_back
    return library
