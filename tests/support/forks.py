"""Starts Python programs by forking a process that has imported what they import.

Each program has a process of its own, as if an interpreter had been started for it, without the
second that the imports take. Before the fork, the clients, pytest and what replay needs of others
are imported (`CLIENTS`), but no pytest plugin and nothing of `replay`: a program loads and patches
everything itself. With `REPLAY`, its modules are imported too, for programs that are about what
processes do beside each other; nothing is patched and no session was open.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile, mkdtemp
from typing import Any

from support import fork_server
from support.forked_python import ask

CLIENTS = (
    "pytest", "requests", "stripe", "unittest.mock", "execnet", "yaml",
    "click", "filelock", "httpcore", "httpx", "rich.console", "tenacity", "ahocorasick_rs",
    "anyio.to_thread", "anyio._backends._asyncio", "tomllib", "faulthandler", "pdb", "http.server",
)  # fmt: skip
"""What is imported before the fork, with the modules of pytest that every run loads."""

REPLAY = (
    *CLIENTS, "replay.cli.main", "replay.testing.decorator", "replay.session.rerecording",
    "replay.session.run_folder", "replay.redaction.redactor", "replay.redaction.gate",
    "replay.redaction.page_tokens", "replay.library.format.yaml_writer",
    "replay.intercept.installation", "replay.recording.upstream",
)  # fmt: skip
"""Modules of replay besides."""

ADDRESS = "REPLAY_TESTS_FORKS"
"""The variable with the address of the process that forks, for `support.forked_workers`."""

_servers: dict[tuple[int, tuple[str, ...]], str] = {}
"""Addresses: a process of pytest has its own."""


class Forked:
    """``python ARGS``, running in a fork.

    Args:
        args: ``-m MODULE``, ``-c PROGRAM`` or a script, and what follows.
        streams: standard input, output and error, as file descriptors.
        cwd: the working directory; that of this process by default.
        env: all variables of the environment; those of this process by default.
        imported: what is imported before the fork.

    Attributes:
        pid: its process ID.
        returncode: its exit status, negative for a signal; None until `wait` has returned.
    """

    def __init__(
        self,
        args: Sequence[str],
        streams: tuple[int, int, int],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        imported: Sequence[str] = CLIENTS,
    ) -> None:
        variables = dict(os.environ if env is None else env)
        address = _server(tuple(imported))
        variables[ADDRESS] = address
        self.returncode: int | None = None
        self._connection = ask(address, args, str(cwd or Path.cwd()), variables, streams)
        self._told = self._connection.makefile("rb", buffering=0)  # `send_signal` looks there
        self.pid = int(self._told.readline())

    def wait(self) -> int:
        """Wait for its end: the exit status."""
        if self.returncode is None:
            self.returncode = int(self._told.readline())
            self._told.close()
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, if it has not ended."""
        if self.returncode is None and not select.select([self._connection], [], [], 0)[0]:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class Piped(Forked):
    """The same, with pipes for standard input and output; standard error is that of the tests."""

    def __init__(self, args: Sequence[str], **options: Any) -> None:
        theirs, ours = os.pipe()
        read, write = os.pipe()
        self.stdin, self.stdout = os.fdopen(ours, "w"), os.fdopen(read)
        try:
            super().__init__(args, (theirs, write, 2), **options)
        finally:
            os.close(theirs)
            os.close(write)

    def __enter__(self) -> Piped:
        return self

    def __exit__(self, *_: object) -> None:
        self.communicate()

    def communicate(self, text: str = "") -> str:
        """Give it this text and the end of its input; wait for its end: the rest of its output."""
        if self.stdin.closed:
            return ""
        with suppress(BrokenPipeError), self.stdin:
            self.stdin.write(text)
        said = self.stdout.read()
        self.stdout.close()
        self.wait()
        return said


def run(args: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run ``python ARGS`` in a fork to its end, without any input."""
    with TemporaryFile() as out, TemporaryFile() as err, Path(os.devnull).open() as empty:
        code = Forked(args, (empty.fileno(), out.fileno(), err.fileno()), **options).wait()
        said = [file.seek(0) or file.read().decode("utf-8", "replace") for file in (out, err)]
    return subprocess.CompletedProcess(args, code, *said)


def _server(imported: tuple[str, ...]) -> str:
    key = (os.getpid(), imported)
    if key not in _servers:
        from _pytest.config import default_plugins

        address = str(Path(mkdtemp(prefix="forks")) / "socket")
        server = subprocess.Popen(
            [sys.executable, fork_server.__file__, address, *imported,
             *(f"_pytest.{name}" for name in default_plugins)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert server.stdout is not None
        assert "ready\n" == server.stdout.readline()
        atexit.register(server.communicate)
        _servers[key] = address
    return _servers[key]
