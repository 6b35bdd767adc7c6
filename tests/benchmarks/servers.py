"""Measures `replay serve` beside localstripe and Prism: one object, the same core, wrk.

`make bench` runs it. localstripe makes an invoice, replay records it and serves the recording, and
Prism serves what replay serves, as the example of an OpenAPI document. Never fails on a figure.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from report import Ratio, ratio

ROOT = Path(__file__).resolve().parents[2]
PRISM = "@stoplight/prism-cli@5.16.0"
KEY = "sk_test_12345"
VERSION = "2024-06-20"
CONNECTIONS = 32
AIM = 2.0
SERVER_CORE, LOAD_CORE = "0", "1"
TASKSET, WRK = shutil.which("taskset") or "", shutil.which("wrk") or ""

# Its own command binds every interface.
LOCALSTRIPE = (
    "import sys; from aiohttp import web; from localstripe.server import app\n"
    "web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]), print=None)"
)


@dataclass(frozen=True)
class Server:
    """A running server, pinned to a core."""

    pid: int
    url: str

    def cpu(self) -> float:
        """CPU seconds so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[Server]:
    """A server that answers something at its port."""
    process = subprocess.Popen(
        [TASKSET, "-c", SERVER_CORE, *command],
        cwd=folder, env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            if process.poll() is not None:
                sys.exit(f"{command[0]} ended at its start")
            try:
                urllib.request.urlopen(url, timeout=1).close()
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.1)
        yield Server(process.pid, url)
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def invoice(base: str) -> str:
    """The ID of an open invoice that localstripe makes for a subscription."""

    def ask(path: str, **fields: str) -> Any:
        data = urllib.parse.urlencode(fields).encode() if fields else None
        request = urllib.request.Request(f"{base}/v1/{path}", data)
        request.add_header("Authorization", f"Bearer {KEY}")
        try:
            answer = urllib.request.urlopen(request, timeout=10)
        except urllib.error.HTTPError as error:  # the subscription of a customer without a card
            answer = error
        return json.loads(answer.read())

    customer = ask("customers", email="person@example.net")["id"]
    ask("plans", id="gold", amount="4200", currency="eur", interval="month", name="Gold")
    ask("subscriptions", **{"customer": customer, "items[0][plan]": "gold"})
    found = ask(f"invoices?customer={customer}")
    return str(found["data"][0]["id"])


def prism(folder: Path) -> list[str] | None:
    """The command of Prism, installed beside the other rivals' environments; None without npm."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    home = ROOT / ".venv-bench-prism"
    command = home / "node_modules" / ".bin" / "prism"
    if not command.exists():
        print(f"installing {PRISM}", file=sys.stderr)
        home.mkdir(exist_ok=True)
        subprocess.run(
            [npm, "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(home), PRISM],
            check=True,
        )
    return [str(command)]


def document(body: Any) -> dict[str, Any]:
    """An OpenAPI document that answers a retrieve with one body."""
    answer = {"description": "an invoice", "content": {"application/json": {"example": body}}}
    parameter = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    path = {"get": {"parameters": [parameter], "responses": {"200": answer}}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "one invoice", "version": "1"},
        "paths": {"/v1/invoices/{id}": path},
    }


def load(server: Server, id: str, seconds: int) -> tuple[float, float]:
    """Requests per second, and per CPU second of the server. Ends where one was not answered."""
    before = server.cpu()
    done = subprocess.run(
        [TASKSET, "-c", LOAD_CORE, WRK, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s",
         "--timeout", "20s",
         "-H", f"Stripe-Version: {VERSION}", "-H", f"Authorization: Bearer {KEY}",
         f"{server.url}/v1/invoices/{id}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    spent = server.cpu() - before
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        sys.exit(f"{server.url} did not answer every request:\n{done.stdout}")
    requests = re.search(r"(\d+) requests in", done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert requests
    assert rate
    return float(rate[1]), int(requests[1]) / spent


def main() -> None:
    """Measure, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=5)
    given = options.parse_args()
    if not TASKSET or not WRK:
        sys.exit("the servers are measured with wrk and taskset, on Linux: apt-get install wrk")
    folder = Path(tempfile.mkdtemp(prefix="replay-bench-servers-"))
    try:
        with ExitStack() as stack:
            measure(stack, folder, given.rounds, given.seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(stack: ExitStack, folder: Path, rounds: int, seconds: int) -> None:
    """Start the servers, load them in turns, print."""
    port = free_port()
    servers = {
        "localstripe": stack.enter_context(
            running([sys.executable, "-c", LOCALSTRIPE, str(port)], port, folder)
        )
    }
    id = invoice(servers["localstripe"].url)
    subprocess.run(
        [sys.executable, "-m", "replay", "record", "invoice", id, "--api-version", VERSION,
         "--api-base", servers["localstripe"].url],
        cwd=folder, env={**os.environ, "STRIPE_API_KEY": KEY}, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    port = free_port()
    serve = [sys.executable, "-m", "replay", "serve", "--port", str(port)]
    servers = {"replay": stack.enter_context(running(serve, port, folder)), **servers}
    request = urllib.request.Request(f"{servers['replay'].url}/v1/invoices/{id}")
    request.add_header("Stripe-Version", VERSION)
    body = urllib.request.urlopen(request, timeout=10).read()
    command = prism(folder)
    if command is not None:
        (folder / "openapi.json").write_text(json.dumps(document(json.loads(body))), "utf-8")
        port = free_port()
        command += ["mock", "openapi.json", "--host", "127.0.0.1", "--port", str(port)]
        servers["prism"] = stack.enter_context(running(command, port, folder))
    for server in servers.values():
        load(server, id, 1)
    rates: list[dict[str, float]] = []
    costs: list[dict[str, float]] = []
    for n in range(rounds):
        rates.append({})
        costs.append({})
        for tool in list(servers)[:: -1 if n % 2 else 1]:
            rates[-1][tool], costs[-1][tool] = load(servers[tool], id, seconds)
    print(
        f"\nOne invoice of {len(body)} bytes over HTTP, {CONNECTIONS} kept connections; servers on "
        f"core {SERVER_CORE}, wrk on core {LOAD_CORE}; median of {rounds} rounds of {seconds} s"
    )
    _line("", *servers, *(f"of {tool}" for tool in servers if tool != "replay"))
    shares = [_rows("requests per second", rates), _rows("requests per CPU second", costs)]
    found = shares[0]["localstripe"]
    print("\nAims")
    verdict = "met" if found.middle >= AIM else "MISSED"
    print(
        f"{'requests per second, of localstripe':<52}{f'>= {AIM:.2f}':>9}{found!s:>20}  {verdict}"
    )
    if "prism" not in servers:
        print("Prism was not measured: there is no npm")


def _rows(label: str, rounds: list[dict[str, float]]) -> dict[str, Ratio]:
    tools = list(rounds[0])
    order = ["replay", *(tool for tool in ("localstripe", "prism") if tool in tools)]
    shares = {
        tool: found for tool in order[1:] if (found := ratio(rounds, "replay", tool)) is not None
    }
    middles = [f"{median([r[tool] for r in rounds]):,.0f}" for tool in order]
    _line(label, *middles, *map(str, shares.values()))
    return shares


def _line(first: str, *cells: str) -> None:
    print((first.ljust(28) + "".join(cell.rjust(20) for cell in cells)).rstrip(), flush=True)


if __name__ == "__main__":
    main()
