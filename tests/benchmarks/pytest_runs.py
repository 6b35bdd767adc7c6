"""A whole pytest run: many marked tests with one retrieve each, through each tool's own plugin.

What is measured is the process: start, collection, tests, end. Every test asks for an object of
its own, and every tool keeps it in a file of its own; all run in mode ``none``.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter

import report
from environments import SHARED, distribution, environment
from measure import Rounds
from measure import environment as variables
from subjects import API, INVOICE, VERSION, Replay, ids

PLUGINS = {"cassetter": (), "vcrpy": ("pytest-recording==0.14.1",)}
MARKERS = {
    "replay": 'cassettes("cassettes")', "cassetter": "vcr", "vcrpy": "vcr",
    "floor": "usefixtures()",
}  # fmt: skip
FLOOR = """
import sys

sys.path.append({here!r})
from subjects import Hook, canned

hook = Hook(canned()).open(None)  # held: collected, it would take itself out
hook.__enter__()
"""
"""Makes a canned answer of every call: what such a run costs without any tool."""
OTHERS = ("cacheprovider", "asyncio", "xdist", "hypothesispytest", "anyio", "pytest_cov")
NOWHERE = "http://127.0.0.1:9"
SUITE = """
import pytest, requests, stripe

client = stripe.StripeClient(
    "sk_test_x", stripe_version={version!r}, base_addresses={{"api": "{api}"}}
)
headers = {{"Stripe-Version": {version!r}}}
IDS = {ids!r}

def by_stripe(id):
    return client.v1.invoices.retrieve(id).id

def by_requests(id):
    return requests.get("{api}/v1/invoices/" + id, headers=headers).json()["id"]

@pytest.mark.{marker}
@pytest.mark.parametrize("n", range({count}))
def test_retrieve(n):
    assert by_{client}(IDS[n % len(IDS)]) == {answer}
"""

ROWS = {
    "an object each, StripeClient": ("stripe", 1),
    "an object each, requests": ("requests", 1),
    "20 tests share an object, StripeClient": ("stripe", 20),
    "20 tests share an object, requests": ("requests", 20),
}
"""Label to the client that asks, and how many tests ask for one object."""


def pythons(tools: list[str]) -> dict[str, str]:
    """An interpreter with pytest and the tool's plugin for each; the one that runs this suffices
    where replay is measured alone."""
    if tools == ["replay"]:
        return {"replay": sys.executable}
    shared = [f"{name}=={version(name)}" for name in (*SHARED, "pytest")]
    return {
        tool: environment(f"pytest-{tool}", [distribution(tool), *PLUGINS.get(tool, ()), *shared])
        for tool in tools
    }


def prepare(tool: str, recorded: Path, suite: Path, count: int, client: str, shared: int) -> None:
    """Write a suite, and make its recordings from the tool's own recording of one invoice."""
    suite.mkdir(parents=True)
    names = ids(count // shared)
    (suite / "pytest.ini").write_text("[pytest]\n", "utf-8")
    # Without a tool nothing but the hook stands before the network: that suite knows no real host.
    answer = repr(INVOICE) if tool == "floor" else "IDS[n % len(IDS)]"
    text = SUITE.format(
        marker=MARKERS[tool], version=VERSION, api=NOWHERE if tool == "floor" else API,
        ids=names, count=count, client=client, answer=answer,
    )  # fmt: skip
    (suite / "test_suite.py").write_text(text, "utf-8")
    if tool == "floor":
        here = str(Path(__file__).resolve().parent)
        (suite / "conftest.py").write_text(FLOOR.format(here=here), "utf-8")
    elif tool == "replay":
        Replay().grow(recorded, suite / "cassettes", names)
    else:
        folder = suite / "cassettes" / "test_suite"
        folder.mkdir(parents=True)
        text = recorded.read_text("utf-8")
        for n in range(count):
            mine = text.replace(INVOICE, names[n % len(names)])
            (folder / f"test_retrieve[{n}].yaml").write_text(mine, "utf-8")


def run(python: str, suite: Path, count: int) -> tuple[float, float]:
    """Elapsed and CPU seconds of a pytest run that must pass."""
    others = OTHERS if (suite / "cassettes").exists() else (*OTHERS, "replay_cassettes")
    without = [arg for name in others for arg in ("-p", f"no:{name}")]
    before, started = getrusage(RUSAGE_CHILDREN), perf_counter()
    done = subprocess.run(
        [python, "-m", "pytest", "-q", *without, str(suite)],
        capture_output=True, text=True, env=variables(), cwd=suite, check=False,
    )  # fmt: skip
    took, after = perf_counter() - started, getrusage(RUSAGE_CHILDREN)
    if done.returncode or f"{count} passed" not in done.stdout:
        sys.exit(f"{suite}: the run did not pass\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(tools: list[str], folder: Path, count: int, rounds: int) -> list[report.Aim]:
    """Print the rows; `folder` holds each tool's recording of one invoice."""
    found = pythons(tools)
    found["floor"] = found.get("replay", sys.executable)
    order = list(found)
    aims: list[report.Aim] = []
    report.head(f"A pytest run of {count:,} marked tests, elapsed (vcrpy: by pytest-recording)")
    for row, (label, (client, shared)) in enumerate(ROWS.items()):
        suites = {tool: folder / tool / f"suite-{row}" for tool in found}
        for tool, suite in suites.items():
            prepare(tool, folder / tool / "one", suite, count, client, shared)
            run(found[tool], suite, count)
        turns = [
            {tool: run(found[tool], suites[tool], count) for tool in order[:: -1 if n % 2 else 1]}
            for n in range(rounds)
        ]
        elapsed, cpu = (_of(turns, kind) for kind in (0, 1))
        report.row(label, elapsed)
        report.row("  CPU time", cpu)
        report.compared("times the run with a canned answer and no tool", elapsed, "floor")
        if not aims:
            aims = [
                report.share("pytest run, of pytest-recording", 0.4, elapsed, "vcrpy"),
                report.share("pytest run, of cassetter", 1.0, elapsed, "cassetter"),
            ]
    return aims


def _of(turns: list[Mapping[str, tuple[float, float]]], kind: int) -> Rounds:
    return [{tool: times[kind] for tool, times in turn.items()} for turn in turns]
