"""Starts pytest by forking: a process that has imported pytest and the clients, once for many runs.

Each run has a process of its own, as if it had been started by `python -m pytest`, without the
second that the imports of pytest take. Nothing of `replay` is imported before the fork, nor any
pytest plugin, so a run loads and patches everything itself.

Run as a script, this is the process that forks. It reads one run a line from standard input and
writes the exit status of each to standard output.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

SECONDS = 300
"""A run that takes longer hangs, and is killed."""

_running: dict[int, subprocess.Popen[str]] = {}
"""The process that forks, by the process that asks: one for each worker of pytest-xdist."""


def run(args: list[str], cwd: Path, env: dict[str, str]) -> tuple[int, str]:
    """Run ``python -m pytest ARGS`` in a fork: the exit status, and standard output and error."""
    server = _server(env["PYTHONPATH"])
    out, err = cwd / ".stdout", cwd / ".stderr"
    asked = {"args": args, "cwd": str(cwd), "env": env, "out": str(out), "err": str(err)}
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps(asked) + "\n")
    server.stdin.flush()
    code = int(server.stdout.readline())
    text = "".join(path.read_text("utf-8", "replace") for path in (out, err))
    out.unlink()
    err.unlink()
    return code, text


def _server(path: str) -> subprocess.Popen[str]:
    if os.getpid() not in _running:
        server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        _running[os.getpid()] = server
        atexit.register(server.communicate)
    return _running[os.getpid()]


def _serve() -> None:
    import unittest.mock

    import _pytest.config
    import requests
    import stripe

    for name in _pytest.config.default_plugins:
        __import__(f"_pytest.{name}")
    del requests, stripe, unittest
    answers = os.fdopen(os.dup(1), "w")
    sys.path.pop(0)  # the folder of this script
    for line in sys.stdin:
        if not (child := os.fork()):
            _become(**json.loads(line))
            runpy.run_module("pytest", run_name="__main__", alter_sys=True)
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


def _become(args: list[str], cwd: str, env: dict[str, str], out: str, err: str) -> None:
    """Let this process be the run: its folder, environment, arguments and streams."""
    signal.alarm(SECONDS)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["pytest", *args]
    sys.path.insert(0, cwd)
    writing = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for descriptor, path, flags in (
        (0, os.devnull, os.O_RDONLY), (1, out, writing), (2, err, writing),
    ):  # fmt: skip
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115


if __name__ == "__main__":
    _serve()
