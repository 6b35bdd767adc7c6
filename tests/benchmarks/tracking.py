"""Measures what noting the fields that code reads costs a suite: 1,000 sessions, with and without.

`make bench` runs it. Each session retrieves one of 50 invoices and reads ten of its fields in a
function of its own, as `pytest --replay-track-fields` sees it. Rounds take turns; CPU time.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import stripe

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.standin import OLD, StandIn, generated

import replay

VIEW = """
def view(invoice):
    lines = [line.amount for line in invoice.lines]
    shown = invoice.total, invoice.subtotal, invoice.status, invoice.currency, invoice.customer
    return shown, lines, "parent" in invoice, invoice.lines.data[0].description
"""


def recorded(folder: Path, objects: int) -> list[str]:
    """The IDs of invoices that were recorded into a library."""
    with StandIn() as source:
        ids = [source.add_invoice(generated("in", str(n))) for n in range(objects)]
        with replay.use_cassettes(folder, mode="once", api_base=source.url):
            for id in ids:
                client().v1.invoices.retrieve(id)
    return ids


def client() -> Any:
    """The SDK's client, at the version of the recordings."""
    return stripe.StripeClient("sk_test_x", stripe_version=OLD)


def main() -> None:
    """Measure, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sessions", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=7)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)  # the code under test lies in the project's folder
        views: dict[str, Any] = {"__name__": "views"}
        exec(compile(VIEW, str(folder / "views.py"), "exec"), views)  # noqa: S102
        ids, own = recorded(folder / "cassettes", 50), client()

        def suite() -> None:
            for n in range(given.sessions):
                os.environ["PYTEST_CURRENT_TEST"] = f"tests/test_views.py::test_{n} (call)"
                with replay.use_cassettes(folder / "cassettes"):
                    views["view"](own.v1.invoices.retrieve(ids[n % len(ids)]))

        def tracked() -> None:
            with replay.track_fields("used.json"):
                suite()

        suite()  # what is loaded once is no part of it
        ratios = [seconds(tracked) / seconds(suite) for _ in range(given.rounds)]
        os.chdir(Path(__file__).parent)
    print(
        f"\n{given.sessions} sessions that note which fields are read, beside as many that do not"
    )
    print(f"    CPU time {median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}), aim 1.50")


def seconds(work: Callable[[], None]) -> float:
    """The processor time of some work."""
    gc.collect()
    start = process_time()
    work()
    return process_time() - start


if __name__ == "__main__":
    main()
