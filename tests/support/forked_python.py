"""`python forked_python.py ADDRESS ARGS` is `python ARGS`: the program runs in a fork.

A process of `support.fork_server` at that address forks. This one gives it its own streams, folder
and environment, and waits for the exit status. It starts fast, because it imports little.
"""

from __future__ import annotations

import json
import os
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def ask(
    address: str, args: Sequence[str], cwd: str, env: Mapping[str, str], streams: Sequence[int]
) -> socket.socket:
    """Ask for a fork; its process ID and its exit status come in, a line each."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
    asked = json.dumps({"args": list(args), "cwd": cwd, "env": dict(env)}).encode()
    socket.send_fds(connection, [b"!"], list(streams))
    connection.sendall(asked)
    connection.shutdown(socket.SHUT_WR)
    return connection


def _main(address: str, *args: str) -> int:
    with ask(address, args, os.getcwd(), os.environ, (0, 1, 2)).makefile("r") as told:  # noqa: PTH109
        told.readline()
        return int(told.readline())


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
