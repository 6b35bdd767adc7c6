"""A tool's process: takes one command per line, measures, answers with JSON. See `measure.py`.

Times are CPU seconds of this process unless said otherwise: other processes share the machine.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

# All clients that any of the tools would hook: each of them pays for the same ones.
import aiohttp  # noqa: F401
import httpx  # noqa: F401
import requests
import stripe
from clients import CLIENTS
from subjects import API, INVOICE, VERSION, canned, ids, named


def timed(repeat: int, act: Callable[[], object]) -> float:
    """CPU seconds of one call, from `repeat` calls."""
    started = process_time()
    for _ in range(repeat):
        act()
    return (process_time() - started) / repeat


def client(**options: Any) -> stripe.StripeClient:
    """A client of the SDK with its default HTTP client, which is requests."""
    return stripe.StripeClient("sk_test_bench", stripe_version=VERSION, **options)


class InMemory(stripe.HTTPClient):
    """The SDK's floor: an HTTP client that has the answer already."""

    name = "memory"

    def __init__(self) -> None:
        super().__init__()
        self._answer = canned().decode()

    def request(self, *_: Any, **__: Any) -> Any:
        return self._answer, 200, {"Content-Type": "application/json"}

    def close(self) -> None: ...


class InMemoryAdapter(requests.adapters.BaseAdapter):
    """The floor of requests: an adapter that has the answer already."""

    def __init__(self) -> None:
        super().__init__()
        self._answer = canned()

    def send(self, request: Any, *_: Any, **__: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response.request, response.url = 200, request, request.url
        response.raw = io.BytesIO(self._answer)
        return response

    def close(self) -> None: ...


class Worker:
    """Measures one tool. Each public method is a command; `folder` is the tool's own."""

    def __init__(self, name: str, folder: Path) -> None:
        self.subject = named(name) if name != "floor" else None
        self.folder = folder
        self.place = folder / "one"
        self.stripe = client() if self.subject else client(http_client=InMemory())
        self.http = requests.Session()
        self.headers = {"Stripe-Version": VERSION}
        if self.subject is None:
            self.http.mount(API, InMemoryAdapter())

    def _retrieve(self, id: str = INVOICE) -> None:
        assert self.stripe.v1.invoices.retrieve(id).id == id

    def _get(self) -> None:
        answer = self.http.get(f"{API}/v1/invoices/{INVOICE}", headers=self.headers)
        assert answer.json()["id"] == INVOICE

    def _session(self, place: Path | None = None) -> Any:
        return self.subject.open(place or self.place)

    def setup(self, base: str) -> None:
        """Record the invoice, and keep it as if Stripe had answered."""
        live, recorded = client(base_addresses={"api": base}), self.folder / "recorded"
        with self.subject.record(recorded, base):
            live.v1.invoices.retrieve(INVOICE)
        if recorded.is_file():
            text = recorded.read_text("utf-8").replace(base, API)
            recorded.write_text(text.replace(base.removeprefix("http://"), "api.stripe.com"))
        self.subject.grow(recorded, self.place, [INVOICE])

    def prepare(self, count: int, copies: int) -> None:
        """Make recordings of `count` objects each."""
        for n in range(copies):
            self.subject.grow(self.folder / "recorded", self.folder / f"{count}-{n}", ids(count))

    def enter(self, repeat: int) -> float:
        """Enter and leave."""

        def act() -> None:
            with self._session():
                pass

        act()
        return timed(repeat, act)

    def enter_and_call(self, repeat: int) -> float:
        """Enter, retrieve once, leave; the same recording each time."""

        def act() -> None:
            with self._session():
                self._retrieve()

        act()
        return timed(repeat, act)

    def retrieve(self, repeat: int) -> float:
        """One warm retrieve through the SDK."""
        return self._inside(repeat, self._retrieve)

    def get(self, repeat: int) -> float:
        """One warm GET through requests."""
        return self._inside(repeat, self._get)

    def client(self, name: str, repeat: int) -> float:
        """One warm call through a client."""
        with self._session(), CLIENTS[name]() as ask:
            ask(1)
            started = process_time()
            ask(repeat)
            return (process_time() - started) / repeat

    def _inside(self, repeat: int, act: Callable[[], None]) -> float:
        if self.subject is None:
            act()
            return timed(repeat, act)
        with self._session():
            act()
            return timed(repeat, act)

    def scale(self, counts: dict[str, int]) -> tuple[dict[str, list[float]], dict[str, str]]:
        """Replay recordings of N objects, each object once.

        Args:
            counts: N to the number of recordings.

        Returns:
            By N, per object: seconds of the calls alone, seconds with entering and leaving. And
            by N, why it could not be replayed. What one object costs is measured before and
            after the larger recordings.
        """
        with self._session():
            self._retrieve()
        found: dict[str, list[float]] = {}
        failed: dict[str, str] = {}
        half = counts["1"] // 2
        for count, copies in counts.items():
            try:
                found[count] = self._replayed(int(count), range(half if count == "1" else copies))
            except Exception as error:  # noqa: BLE001 - a rival's limit is a result, not a failure
                why = str(error).replace(f"{self.folder}/", "").splitlines()[0]
                failed[count] = f"{type(error).__name__}: {why}"
                break
        again = self._replayed(1, range(half, counts["1"]))
        found["1"] = [(a + b) / 2 for a, b in zip(found["1"], again, strict=True)]
        return found, failed

    def _replayed(self, count: int, copies: range) -> list[float]:
        calls = whole = 0.0
        names = ids(count)
        for n in copies:
            began = process_time()
            with self._session(self.folder / f"{count}-{n}"):
                started = process_time()
                for id in names:
                    self._retrieve(id)
                calls += process_time() - started
            whole += process_time() - began
        done = count * len(copies)
        return [calls / done, whole / done]

    def record(self, base: str, count: int) -> list[float]:
        """Record `count` objects: elapsed seconds per object, then CPU seconds."""
        place = self.folder / "recording"
        live = client(base_addresses={"api": base})
        started, cpu = perf_counter(), process_time()
        with self.subject.record(place, base):
            for id in ids(count):
                live.v1.invoices.retrieve(id)
        took = [(perf_counter() - started) / count, (process_time() - cpu) / count]
        shutil.rmtree(place) if place.is_dir() else place.unlink()
        return took


def main() -> None:
    """Serve commands from standard input: ``[name, {arguments}]`` to JSON, a line each."""
    answers, sys.stdout = sys.stdout, sys.stderr
    worker = Worker(sys.argv[1], Path(sys.argv[2]))
    for line in sys.stdin:
        command, arguments = json.loads(line)
        print(json.dumps(getattr(worker, command)(**arguments)), file=answers, flush=True)


if __name__ == "__main__":
    main()
