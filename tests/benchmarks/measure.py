"""Runs the workers in turns: one round is every tool once, so that the machine's moods cancel."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
Rounds = list[dict[str, float]]
"""Seconds by tool, one mapping per round."""

HEADERS = {
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Methods": "GET, HEAD, PUT, PATCH, POST, DELETE",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Request-Id, Stripe-Manage-Version, Stripe-Should-Retry, "
    "X-Stripe-External-Auth-Required, X-Stripe-Privileged-Session-Required",
    "Access-Control-Max-Age": "300",
    "Cache-Control": "no-cache, no-store",
    "Content-Security-Policy": "base-uri 'none'; default-src 'none'; form-action 'none'; "
    "frame-ancestors 'none'; img-src 'self'; script-src 'self' 'report-sample'; "
    "style-src 'self'; worker-src 'none'; upgrade-insecure-requests",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains; preload",
    "Vary": "Origin",
}
"""What Stripe's answers to a retrieve call carried in 2026, beside version, ID, date and length."""

_SERVER = f"""
import sys; sys.path.append(sys.argv[1])
from support.standin import NEW, StandIn
sys.path.append(sys.argv[2])
from subjects import INVOICE, ids
with StandIn() as server:
    server.compress = False
    server.headers = {HEADERS!r}
    # Headers and body are two packets: without this each answer waits for an acknowledgement.
    server._server.RequestHandlerClass.disable_nagle_algorithm = True
    for id in ids(1000):
        server.add_invoice(id, status="draft")
    print(server.url, flush=True)
    sys.stdin.read()
"""


def environment() -> dict[str, str]:
    """The environment of all that is started: little, since requests reads all of it each call."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONHASHSEED": "0"}


class Worker:
    """A tool's process, seen from outside."""

    def __init__(self, python: str, tool: str, folder: Path) -> None:
        self.tool = tool
        folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [python, str(HERE / "worker.py"), tool, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment(), cwd=folder,
        )  # fmt: skip

    def ask(self, command: str, **arguments: Any) -> Any:
        """Run a command and wait for its result."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(json.dumps([command, arguments]) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            sys.exit(f"{self.tool}: {command} failed (its error is above)")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@contextmanager
def workers(pythons: Mapping[str, str], folder: Path) -> Iterator[dict[str, Worker]]:
    """A process per tool."""
    started = {tool: Worker(python, tool, folder / tool) for tool, python in pythons.items()}
    try:
        yield started
    finally:
        for worker in started.values():
            worker.close()


@contextmanager
def stand_in() -> Iterator[str]:
    """The API's stand-in, in a process of its own; gives its address."""
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(HERE.parent), str(HERE)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    assert server.stdout
    try:
        yield server.stdout.readline().strip()
    finally:
        server.communicate()


def in_turns(rounds: int, started: Mapping[str, Worker], command: str, **arguments: Any) -> Rounds:
    """Ask each worker in turn, `rounds` times; every second round backwards."""
    order = list(started)
    return [
        {tool: started[tool].ask(command, **arguments) for tool in order[:: -1 if n % 2 else 1]}
        for n in range(rounds)
    ]


def processes(rounds: int, commands: Mapping[str, list[str]]) -> Rounds:
    """CPU seconds of fresh processes, in turns; a first run of each fills the caches."""
    found = [{tool: _cpu(command) for tool, command in commands.items()} for _ in range(rounds + 1)]
    return found[1:]


def _cpu(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(), cwd="/"
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr.decode()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
