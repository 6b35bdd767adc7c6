"""`replay serve` under load: 500 kept connections, and no request is lost.

`make load` runs it, a minute each: wrk as fast as it can, then a client that checks every answer.
It fails where a request was not answered, was answered wrongly, or the server grew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import aiohttp
import httpx
from support.standin import NEW, OLD, StandIn, generated

import replay

WRK = shutil.which("wrk") or ""
CONNECTIONS = 500
OBJECTS = 50
GROWTH = 40
"""MB that the server may grow between the first seconds and the end."""

KEY = "Bearer sk_test_x"


@dataclass(frozen=True)
class Server:
    """A running `replay serve`."""

    process: subprocess.Popen[str]
    url: str

    @property
    def megabytes(self) -> float:
        """What it holds in memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def state(self) -> Any:
        """What it says of itself."""
        return json.load(urllib.request.urlopen(f"{self.url}/_replay/state.json", timeout=30))


def main() -> None:
    """Run both, print, and fail for anything lost."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=60, help="of each of the two")
    seconds = options.parse_args().seconds
    if not WRK or not Path("/proc").is_dir():
        sys.exit("this needs Linux and wrk: apt-get install wrk")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
    folder = Path(tempfile.mkdtemp(prefix="replay-load-"))
    try:
        ids = _recorded(folder)
        server = _started(folder)
        try:
            problems = [*_wrk(server, ids[0], seconds), *_checked(server, ids, seconds)]
        finally:
            server.process.send_signal(signal.SIGTERM)
            code = server.process.wait(30)
        problems += [f"the server ended with {code}"] if code else []
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if problems:
        sys.exit("\n".join(problems))
    print("no request was lost")


def _recorded(folder: Path) -> list[str]:
    ids = [generated("in", str(n)) for n in range(OBJECTS)]
    with (
        StandIn() as stand_in,
        replay.use_cassettes(folder / "cassettes", mode="once", api_base=stand_in.url),
        httpx.Client(base_url=stand_in.url) as client,
    ):
        for id in ids:
            stand_in.add_invoice(id)
            for version in (OLD, NEW):
                headers = {"Authorization": KEY, "Stripe-Version": version}
                client.get(f"/v1/invoices/{id}", headers=headers).raise_for_status()
    return ids


def _started(folder: Path) -> Server:
    process = subprocess.Popen(
        [sys.executable, "-m", "replay", "serve", "--port", "0", "--print-url"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout
    return Server(process, process.stdout.readline().strip())


def _wrk(server: Server, id: str, seconds: int) -> list[str]:
    """As many requests as it takes; wrk reports what was not answered, or not with 200."""
    before = server.state()["answered"]
    done = subprocess.run(
        [WRK, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "20s", "--latency",
         "-H", f"Stripe-Version: {NEW}", "-H", f"Authorization: {KEY}",
         f"{server.url}/v1/invoices/{id}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"(\d+) requests in", done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    slow = re.search(r"99%\s+(\S+)", done.stdout)
    assert found
    assert rate
    assert slow
    answered = server.state()["answered"] - before
    received = int(found[1])
    print(
        f"wrk, {CONNECTIONS} kept connections, {seconds} s: {received} answers received, "
        f"{float(rate[1]):.0f} a second, 99% within {slow[1]}",
        flush=True,
    )
    problems = re.findall(r"(?:Non-2xx|Socket errors).*", done.stdout)
    # At its end wrk hangs up on what is not answered yet: at most one request of each connection.
    if not received <= answered <= received + CONNECTIONS:
        problems.append(f"the server answered {answered}, wrk received {received}")
    return problems


def _checked(server: Server, ids: list[str], seconds: int) -> list[str]:
    """Every answer is the one that was asked for, on connections that are kept."""
    return asyncio.run(_check(server, ids, seconds))


async def _check(server: Server, ids: list[str], seconds: int) -> list[str]:
    end = time.monotonic() + seconds
    counts: Counter[str] = Counter()
    problems: list[str] = []
    start_size = 0.0
    opened: set[int] = set()

    async def client(number: int) -> None:
        asked = cycle([*ids[number % OBJECTS :], *ids[: number % OBJECTS]])
        trace = aiohttp.TraceConfig()

        async def count(*_: Any) -> None:
            counts["connections"] += 1

        trace.on_connection_create_end.append(count)
        connector = aiohttp.TCPConnector(limit=1, force_close=False, keepalive_timeout=300)
        async with aiohttp.ClientSession(
            server.url, connector=connector, trace_configs=[trace]
        ) as session:
            while time.monotonic() < end:
                id, missing = next(asked), counts["asked"] % 50 == 0
                version = (OLD, NEW)[counts["asked"] % 2]
                counts["asked"] += 1
                headers = {"Authorization": KEY, "Stripe-Version": version}
                path = f"/v1/invoices/{id[:-2] + 'zz' if missing else id}"
                async with session.get(path, headers=headers) as answer:
                    body = await answer.json()
                right = (
                    (answer.status, body["error"]["code"]) == (404, "replay_not_recorded")
                    if missing
                    else (answer.status, body["id"], answer.headers["Stripe-Version"])
                    == (200, id, version)
                    and ("payment_intent" in body) == (version == OLD)
                )
                counts["right" if right else "wrong"] += 1

    async def watched(number: int) -> None:
        opened.add(number)
        try:
            await client(number)
        except (aiohttp.ClientError, OSError, ValueError, KeyError) as error:
            problems.append(f"connection {number}: {type(error).__name__}: {error}")

    tasks = [asyncio.create_task(watched(number)) for number in range(CONNECTIONS)]
    await asyncio.sleep(min(5, seconds / 2))
    start_size = server.megabytes
    await asyncio.gather(*tasks)
    size = server.megabytes
    print(
        f"checked, {counts['connections']} kept connections, {seconds} s: {counts['asked']} asked, "
        f"{counts['right']} right, {counts['wrong']} wrong; the server holds {size:.0f} MB, "
        f"{size - start_size:+.0f} MB",
        flush=True,
    )
    if counts["right"] != counts["asked"]:
        problems.append(f"{counts['asked']} were asked, {counts['right']} answers were right")
    if counts["connections"] != CONNECTIONS:
        problems.append(f"{counts['connections']} connections were made for {CONNECTIONS} clients")
    if size - start_size > GROWTH:
        problems.append(f"the server grew by {size - start_size:.0f} MB")
    return problems


if __name__ == "__main__":
    main()
