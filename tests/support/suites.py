"""Test suites in folders of their own, run by pytest in processes of their own, as users do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from support import fork_server, forks

HEAD = """
import asyncio, contextlib, threading, unittest
import pytest, requests, stripe
import replay
from support.standin import DRAFT, NEW

def get(id=DRAFT, version=NEW):
    return stripe.StripeClient("sk_test_x", stripe_version=version).v1.invoices.retrieve(id)

async def get_async(id=DRAFT, version=NEW):
    http = stripe.HTTPXClient()
    client = stripe.StripeClient("sk_test_x", stripe_version=version, http_client=http)
    try:
        return await client.v1.invoices.retrieve_async(id)
    finally:
        await http.close_async()
"""
"""What the tests of every suite start with."""

LINES = HEAD.count("\n")
SUPPORT = str(Path(__file__).parents[1])
SLOW = ("hypothesispytest", "anyio", "asyncio")
"""Plugins that take most of a start: pytest rewrites what they import."""
WITHOUT_SLOW = [word for name in ("cassetter", *SLOW) for word in ("-p", f"no:{name}")]
"""Options for runs that are started in another way."""
OUTCOME = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|deselected)")


@dataclass(frozen=True)
class Ran:
    """A finished run.

    Attributes:
        code: the exit status.
        out: all output.
    """

    code: int
    out: str

    @property
    def outcomes(self) -> dict[str, int]:
        """Numbers of tests by outcome, as pytest's last line gives them."""
        last = self.out.rstrip().splitlines()[-1]
        return {kind.removesuffix("s"): int(n) for n, kind in OUTCOME.findall(last)}

    @property
    def summary(self) -> str:
        """The plugin's line."""
        lines = [line for line in self.out.splitlines() if line.startswith("replay: ")]
        return lines[-1] if lines else ""


class Suite:
    """A folder with tests, without any configuration but its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.ini()

    def ini(self, *lines: str) -> None:
        """Write pytest.ini."""
        (self.folder / "pytest.ini").write_text("\n".join(["[pytest]", *lines, ""]), "utf-8")

    def write(self, tests: str, name: str = "test_suite.py") -> None:
        """Write a file of tests, or a conftest."""
        (self.folder / name).write_text(HEAD + dedent(tests), "utf-8")

    def run(self, *args: str, cwd: Path | None = None, with_: str = "", **env: str) -> Ran:
        """Run pytest in the folder, in a process of its own.

        Args:
            args: what stands on the command line.
            cwd: another folder to run it in.
            with_: the plugins that the tests need, of those that are slow to load. With `all`,
                every plugin that is installed is loaded, by an interpreter that starts for this.
            env: variables of the environment.
        """
        where = cwd or self.folder
        # What is tested is what the tests themselves import: a checkout, where they are run on one.
        path = os.pathsep.join(filter(None, (SUPPORT, os.environ.get("PYTHONPATH"))))
        variables = {
            **os.environ, "PYTHONPATH": path, "COLUMNS": "200", "REPLAY_RUN": "", **env,
        }  # fmt: skip
        left_out = [] if with_ == "all" else [name for name in SLOW if name not in with_.split()]
        line = ["-W", "ignore::DeprecationWarning", "--color=no"]
        for name in ("cassetter", *left_out):
            line += ["-p", f"no:{name}"]
        if "asyncio" not in left_out:
            line += ["-o", "asyncio_default_fixture_loop_scope=function"]
        line += args
        if with_ != "all":
            variables["PYTEST_PLUGINS"] = "support.forked_workers"
            line += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of clients' own imports
            done = forks.run(["-m", "pytest", *line], cwd=where, env=variables)
            return Ran(done.returncode, done.stdout + done.stderr)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *line], capture_output=True, text=True, check=False,
            timeout=fork_server.SECONDS, cwd=where, env=variables,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout + done.stderr)
