"""Measures replay beside vcrpy and cassetter in one run, and prints ratios. `make bench` runs it.

Never fails on a time. docs/benchmarks.md says what the rows mean.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import pytest_runs
import report
import write_runs
from clients import CLIENTS, UNHOOKED
from environments import pythons
from measure import Rounds, Worker, in_turns, processes, stand_in, workers

VCRPY_LIMIT = 1000
"""vcrpy looks through all interactions at each call: more would take minutes."""


COPIES = {1: 100, 100: 2}
"""How many recordings of N objects are replayed in a round; one of the others."""


@dataclass(frozen=True)
class Effort:
    """How much is measured: rounds, and repeats in a round."""

    rounds: int
    repeat: int
    counts: tuple[int, ...]
    scale_rounds: int
    recorded: int
    record_rounds: int
    fresh: int
    tests: int
    test_runs: int


FULL = Effort(15, 40, (1, 100, 1000, 10_000), 3, 100, 5, 9, 1000, 7)
QUICK = Effort(3, 10, (1, 100), 1, 10, 1, 2, 20, 1)


def main() -> None:
    """Measure, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="every row, with little precision")
    options.add_argument("--only", action="append", choices=report.TOOLS, metavar="TOOL")
    given = options.parse_args()
    tools = [tool for tool in report.TOOLS if tool in (given.only or report.TOOLS)]
    effort = QUICK if given.quick else FULL
    began = perf_counter()
    found = pythons(tools)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}; "
          "median of rounds, all tools in each round; ratio: median (least-most)")  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="replay-bench-"))
    try:
        aims = _all(found, folder, effort)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\nAims")
    for aim in aims:
        aim.print()
    print(f"\n{perf_counter() - began:.0f} s in all")


def _all(found: Mapping[str, str], folder: Path, effort: Effort) -> list[report.Aim]:
    extras = {"floor": sys.executable, "hook": sys.executable}
    with stand_in() as base:
        # Recording leaves a process larger than replaying needs it: what replays starts afresh.
        with workers(found, folder) as tools:
            _set_up(tools, base, effort)
        with workers({**found, **extras}, folder) as started:
            tools = {tool: worker for tool, worker in started.items() if tool in found}
            entering, warm = _calls(started, tools, effort)
            _clients(tools, effort)
        flat = _scale(found, folder, effort)
        with workers(found, folder) as tools:
            _record(tools, base, effort)
    helping = _fresh(found, folder, effort)
    runs = pytest_runs.measure(list(found), folder, effort.tests, effort.test_runs)
    write_runs.print_verdicts(list(found), folder)
    runs += write_runs.measure(list(found), folder, effort.tests, effort.test_runs)
    return [
        report.share("enter and leave, of cassetter", 1.0, entering, "cassetter"),
        report.share("enter and leave, of vcrpy", 0.35, entering, "vcrpy"),
        report.share("warm StripeClient retrieve, of cassetter", 1.0, warm, "cassetter"),
        report.share("warm StripeClient retrieve, of vcrpy", 0.8, warm, "vcrpy"),
        flat,
        helping,
        *runs,
    ]


def _set_up(tools: Mapping[str, Worker], base: str, effort: Effort) -> None:
    for tool, worker in tools.items():
        worker.ask("setup", base=base)
        for count in _counts(tool, effort):
            worker.ask("prepare", count=count, copies=COPIES.get(count, 1))


def _counts(tool: str, effort: Effort) -> list[int]:
    return [n for n in effort.counts if tool != "vcrpy" or n <= VCRPY_LIMIT]


def _calls(
    started: Mapping[str, Worker], tools: Mapping[str, Worker], effort: Effort
) -> tuple[Rounds, Rounds]:
    rounds, repeat = effort.rounds, effort.repeat
    report.head("One cassette, CPU time")
    entering = in_turns(rounds, tools, "enter", repeat=repeat)
    report.row("enter and leave", entering)
    report.row(
        "enter, retrieve, leave", in_turns(rounds, tools, "enter_and_call", repeat=repeat // 2)
    )
    report.head("One warm call, CPU time")
    warm = in_turns(rounds, started, "retrieve", repeat=repeat)
    report.row("StripeClient retrieve", warm)
    report.compared("times the SDK on an HTTP client in memory", warm, "floor")
    plain = in_turns(rounds, started, "get", repeat=repeat)
    report.row("requests GET", plain)
    report.compared("times requests on an adapter in memory", plain, "floor")
    return entering, warm


def _clients(tools: Mapping[str, Worker], effort: Effort) -> None:
    report.head("One warm call through each client, CPU time")
    for name in CLIENTS:
        known = {t: w for t, w in tools.items() if name not in UNHOOKED.get(t, ())}
        rounds = max(effort.rounds // 3, 1)
        report.row(name, in_turns(rounds, known, "client", name=name, repeat=effort.repeat))


def _scale(found: Mapping[str, str], folder: Path, effort: Effort) -> report.Aim:
    measured: list[dict[str, Any]] = []
    failed: dict[str, str] = {}
    for _ in range(effort.scale_rounds):
        each: dict[str, Any] = {}
        for tool, python in found.items():
            # A process of its own each round: nothing is loaded before.
            with workers({tool: python}, folder) as fresh:
                each[tool], errors = fresh[tool].ask(
                    "scale", counts={n: COPIES.get(n, 1) for n in _counts(tool, effort)}
                )
                failed |= {f"{tool} fails at N = {int(n):,}": why for n, why in errors.items()}
        measured.append(each)
    report.head("N objects once each, CPU time per object")
    for kind, label in ((1, "with entering and leaving"), (0, "calls alone")):
        for count in effort.counts:
            report.row(f"N = {count:,}, {label}", _of(measured, str(count), kind))
    most, n = max(effort.counts), str(max(effort.counts))
    growth = [
        {tool: r[tool][n][0] / r[tool]["1"][0] for tool in r if n in r[tool]} for r in measured
    ]
    for tool in found:
        at = [r[tool] for r in growth if tool in r]
        if at:
            report.note(f"a call at N = {most:,} costs {median(at):.2f} ({min(at):.2f}-"
                        f"{max(at):.2f}) times one at N = 1: {tool}")  # fmt: skip
    if "vcrpy" in found and most > VCRPY_LIMIT:
        report.note(f"vcrpy is measured up to N = {VCRPY_LIMIT:,}: its replay is quadratic")
    for what, why in failed.items():
        report.note(f"{what}: {why}")
    ours = [r["replay"] for r in growth if "replay" in r]
    what = f"a call at N = {most:,}, of one at N = 1"
    if not ours:
        return report.Aim(what, 1.2, None)
    spread = str(report.Ratio(median(ours), min(ours), max(ours)))
    return report.Aim(what, 1.2, median(ours), spread)


def _of(measured: list[dict[str, Any]], count: str, kind: int) -> Rounds:
    return [{tool: at[count][kind] for tool, at in r.items() if count in at} for r in measured]


def _record(tools: Mapping[str, Worker], base: str, effort: Effort) -> None:
    count = effort.recorded
    for worker in tools.values():
        worker.ask("record", base=base, count=1)
    found = in_turns(effort.record_rounds, tools, "record", base=base, count=count)
    report.head(f"Record {count} objects from a loopback server, per object")
    for kind, label in enumerate(("elapsed", "CPU time of the recording process")):
        report.row(label, [{tool: r[tool][kind] for tool in r} for r in found])


_MODULES = {"replay": "replay", "cassetter": "cassetter", "vcrpy": "vcr"}
_FIRST = (
    "import sys, pathlib; sys.path.append(sys.argv[1]); import requests; import subjects as s\n"
    "with s.named(sys.argv[2]).open(pathlib.Path(sys.argv[3])):\n"
    "    requests.get(f'{s.API}/v1/invoices/{s.INVOICE}',"
    " headers={'Stripe-Version': s.VERSION}).json()"
)


def _fresh(found: Mapping[str, str], folder: Path, effort: Effort) -> report.Aim:
    bare = {"floor": [sys.executable, "-c", "pass"]}
    report.head("Fresh processes, CPU time with the interpreter's own start")
    imports = {tool: [python, "-c", f"import {_MODULES[tool]}"] for tool, python in found.items()}
    importing = processes(effort.fresh, {**imports, **bare})
    report.row("import", importing)
    report.compared("times an interpreter that does nothing", importing, "floor")
    here = str(Path(__file__).resolve().parent)
    report.row("import, enter, one requests GET, leave", processes(effort.fresh, {
        tool: [python, "-c", _FIRST, here, tool, str(folder / tool / "one")]
        for tool, python in found.items()
    }))  # fmt: skip
    helps = {"replay": ["-m", "replay", "--help"],
             "cassetter": ["-m", "cassetter.cli", "--help"]}  # fmt: skip
    helping = processes(
        effort.fresh, {tool: [found[tool], *args] for tool, args in helps.items() if tool in found}
    )
    report.row("--help of the command", helping)
    seconds = median(r["replay"] for r in helping) if "replay" in found else None
    shown = f"{seconds:.2f} s" if seconds is not None else ""
    return report.Aim("replay --help, CPU seconds", 0.25, seconds, shown)


if __name__ == "__main__":
    main()
