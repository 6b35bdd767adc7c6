"""The HTTP clients of this environment, and what replay does about a call of each: it is tried.

A server on this machine is the live base. Each client runs in a process of its own, in mode
``none`` with an empty library, and asks that server. One whose connection arrives would go online.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import util
from pathlib import Path

from replay.doctor.installed import version_of
from replay.doctor.report import Row, Section, Trouble
from replay.intercept.clients import CLIENTS, Client, Way

_SECONDS = 60
_PATH = "/v1/invoices/in_1MtHbELkdIwHu7ixl4OzzPMv"
_CHILD = """
import os, sys, warnings
warnings.simplefilter("ignore")
import replay
base, url, probe = sys.argv[1:]
said = "went through"
try:
    with replay.use_cassettes("cassettes", mode="none", api_base=base):
        exec(probe, {"url": url, "__name__": "probe"})
except replay.CassetteNotFound:
    said = "answered"
except (replay.CallRefused, replay.NetworkBlocked):
    said = "refused"
except BaseException as error:
    said = type(error).__name__
print("\\n\\x01" + said, flush=True)
os._exit(0)  # threads of some clients crash while Python ends
"""
_UNSEEN = (
    "other processes and other interpreters have no hooks: docs/guarantees.md, “What the guard "
    "cannot see”"
)
_LEFT_OUT = ("REPLAY_", "STRIPE_", "PYTHONWARNINGS")
"""The trial needs no key and no setting. What a client does with one is not its question."""


def clients(*, tried: bool, tell: Callable[[int], Callable[[], None]] | None = None) -> Section:
    """The section of clients.

    Args:
        tried: whether to try each client, or only to list them.
        tell: called with how many are tried; returns the function to call after each.
    """
    found = [client for client in CLIENTS if client.probe and _is_here(client)]
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        advance = tell(len(found)) if tell is not None and tried else lambda: None

        def trial(client: Client) -> str:
            said = _try(client) if tried else ""
            advance()
            return said

        results = list(pool.map(trial, found))
    rows: list[Row] = []
    troubles: list[Trouble] = []
    for client, said in zip(found, results, strict=True):
        row, trouble = _judged(client, said)
        rows.append(row)
        troubles += [trouble] if trouble is not None else []
    notes = [_UNSEEN]
    if not tried:
        notes.insert(0, "the clients were not tried: run `replay doctor` without --no-try")
    return Section("clients", "HTTP clients: calls to Stripe's API in a session", tuple(rows),
                   tuple(troubles), tuple(notes))  # fmt: skip


def _is_here(client: Client) -> bool:
    try:
        return util.find_spec(client.module.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def _judged(client: Client, said: str) -> tuple[Row, Trouble | None]:
    name, version = client.name or client.module, version_of(client.name) or "Python's own"
    expected = {Way.ANSWERED: "answered"}.get(client.way, "refused")
    if said in {"", expected}:
        return Row(name, version, client.way.value), None
    if said == _ARRIVED:
        row = Row(name, version, "goes online: its connection arrived", good=False)
        return row, Trouble(
            f"calls of {name} {version} go online, in every mode",
            where=name,
            next="call Stripe's API by requests, httpx, aiohttp or urllib3,\n"
            "or run `replay serve` and use http://127.0.0.1:12111 as the base address",
        )
    row = Row(name, version, f"could not be tried ({said}); nothing arrived", good=False)
    if client.way is Way.ANSWERED:
        return row, Trouble(
            f"{name} {version} does not work with replay here: {said}",
            where=name,
            next=f"{sys.executable} -m pip install --upgrade {client.name or 'replay-cassettes'}",
        )
    return row, None  # it may lack an optional part of its own


_ARRIVED = "arrived"


def _try(client: Client) -> str:
    """What a call of a client comes to: answered, refused, arrived, or the name of an error."""
    with _listening() as (port, arrived), tempfile.TemporaryDirectory() as folder:
        base = f"http://127.0.0.1:{port}"
        (Path(folder) / "cassettes").mkdir()
        try:
            done = subprocess.run(  # noqa: S603 - this interpreter, with code from our own table
                [sys.executable, "-c", _CHILD, base, base + _PATH, client.probe],
                capture_output=True, text=True, errors="replace", check=False, timeout=_SECONDS,
                cwd=folder, env=_environment(), stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return _ARRIVED if arrived else f"no end within {_SECONDS} s"
        except OSError as error:
            return type(error).__name__
    _, _, said = done.stdout.rpartition("\x01")
    return _ARRIVED if arrived else said.strip() or f"the process ended with {done.returncode}"


@contextmanager
def _listening() -> Iterator[tuple[int, list[bool]]]:
    """A server on this machine: its port, and an item for each connection that arrives."""
    arrived: list[bool] = []
    over = threading.Event()

    def accept() -> None:
        while True:
            connection, _ = server.accept()
            connection.close()
            if over.is_set():
                return
            arrived.append(True)

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield port, arrived
        finally:
            over.set()
            socket.create_connection(("127.0.0.1", port)).close()  # nothing else ends `accept`
            thread.join()


def _environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_LEFT_OUT) and not name.lower().endswith("_proxy")
    }
    # This replay is tried, also where it is run from a checkout.
    path = [str(Path(__file__).parents[2]), *kept.get("PYTHONPATH", "").split(os.pathsep)]
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, path))}
