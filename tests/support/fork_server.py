"""Forks for `support.forks`: `python fork_server.py ADDRESS MODULE…` imports the modules and waits.

It takes one program from each connection to the socket at this address, with its three streams. A
fork becomes the program; this process tells its process ID, and its exit status when it has ended.
It ends with its own standard input.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

SECONDS = 300
"""A program that takes longer hangs, and is killed."""


def _serve(address: str) -> dict[str, Any]:
    """Fork for each connection until standard input ends. Returns in the forks, and only there."""
    running: dict[int, socket.socket] = {}
    with _children_end() as ended, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(64)
        print("ready", flush=True)
        while True:
            ready = select.select([0, listening, ended], [], [])[0]
            if 0 in ready:
                os.unlink(address)  # noqa: PTH108
                os.rmdir(os.path.dirname(address))  # noqa: PTH106, PTH120
                os._exit(0)
            if listening in ready:
                connection, _ = listening.accept()
                _, streams, _, _ = socket.recv_fds(connection, 1, 3)
                with connection.makefile("rb") as file:
                    text = file.read()
                if text and not (child := os.fork()):
                    for one in (connection, *running.values()):
                        one.close()
                    return {**json.loads(text), "streams": streams}
                for stream in streams:
                    os.close(stream)
                if text:
                    running[child] = connection
                    _tell(connection, child)
            if ended in ready:
                os.read(ended.fileno(), 4096)
                while running:
                    child, status = os.waitpid(-1, os.WNOHANG)
                    if not child:
                        break
                    with running.pop(child) as connection:
                        _tell(connection, os.waitstatus_to_exitcode(status))


@contextmanager
def _children_end() -> Iterator[socket.socket]:
    """A socket that can be read when a child has ended."""
    read, write = socket.socketpair()
    with read, write:
        write.setblocking(False)
        signal.set_wakeup_fd(write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        yield read
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _tell(connection: socket.socket, number: int) -> None:
    with suppress(BrokenPipeError):  # who asked has ended
        connection.sendall(b"%d\n" % number)


def _become(args: list[str], cwd: str, env: dict[str, str], streams: list[int]) -> None:
    """Let this process be the program: its folder, environment, arguments and streams."""
    signal.alarm(SECONDS)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(cwd)
    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ.clear()
    os.environ.update(env)
    now = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = [*now, *(path for path in sys.path if path not in before)]
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if args[0] == "-u":
        sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr]
        args = args[1:]
    kind, *rest = args
    if kind == "-m":
        sys.path.insert(0, cwd)
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.path.insert(0, "")
        sys.argv = ["-c", *rest[1:]]
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), main.__dict__)  # noqa: S102
    else:
        sys.path.insert(0, str(Path(kind).parent))
        sys.argv = args
        runpy.run_path(kind, run_name="__main__")


def _main(address: str, *modules: str) -> None:
    import authorities  # from the folder of this script

    authorities.leave_out()
    sys.path.pop(0)
    for name in modules:
        import_module(name)
    gc.collect()
    gc.freeze()  # what was imported is not looked through by each fork
    asked = _serve(address)
    _become(**asked)


if __name__ == "__main__":
    _main(*sys.argv[1:])
