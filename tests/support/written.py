"""A library with scenarios, recorded once from a source that takes writes, and copied."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import stripe

import replay
from replay.library import Library, scenarios
from replay.library.format import scenario_format
from replay.library.format.seals import seal
from replay.library.library import storage_of
from replay.model.scenario import Scenario
from support.ledger import Ledger

OLD, NEW = "2024-06-20", "2025-03-31.basil"
PAY = "tests/test_pay.py::TestPay::test_pay"
"""A test that makes a customer, reads it, pays, and asks for an ID of its own choice."""
FOLDER = Path("cassettes/scenarios/tests/test_pay.py/TestPay/test_pay")
MAIL = "private.person@shop.example"


def pay(version: str) -> None:
    """The calls of the test."""
    client = stripe.StripeClient("sk_test_x", stripe_version=version)
    made = client.v1.customers.create({"email": MAIL, "name": "Ann", "metadata": {"order": "77"}})
    client.v1.customers.retrieve(made.id)
    client.v1.payment_intents.create({"amount": 500, "currency": "eur", "customer": made.id})
    client.v1.plans.create(
        {"id": "gold-of-ann", "amount": 3, "currency": "eur", "interval": "month",
         "product": {"name": "Ann's plan"}, "nickname": "Nicky"}
    )  # fmt: skip
    client.v1.plans.retrieve("gold-of-ann")


def written(library: Path = Path("cassettes")) -> Library:
    """A library with the scenario at two API versions, and no other recording."""
    return Library(shutil.copytree(Path(_recorded().name, "library"), library))


@cache
def _recorded() -> TemporaryDirectory[str]:
    folder = TemporaryDirectory(prefix="written")
    with Ledger() as source:
        for version in (OLD, NEW):
            record(Path(folder.name, "library"), source, PAY, lambda at=version: pay(at))
    return folder


def record(library: Path, source: Ledger, name: str, calls: Callable[[], object]) -> None:
    """Record a scenario of these calls again."""
    with replay.use_cassettes(library, mode="all", api_base=source.url, scenario=name):
        calls()


def scenario_in(file: Path) -> Scenario:
    """The scenario in a file."""
    return scenario_format.loads(file.read_bytes(), str(file))


def edit(file: Path, *changes: tuple[str, str], sealed: bool = True) -> None:
    """Change a scenario file's text, and by default give it a seal that fits."""
    text = file.read_text("utf-8")
    for old, new in changes:
        assert old in text, text
        text = text.replace(old, new)
    if sealed:
        text = seal(text.partition("\n")[2], "scenario")
    file.write_bytes(text.encode())


def paths(library: Library) -> list[str]:
    """The scenario files of a library."""
    return scenarios.paths(storage_of(library))
