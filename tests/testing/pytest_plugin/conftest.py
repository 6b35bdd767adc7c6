"""A recorded library, and a suite beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from support.standin import DRAFT, NEW, OLD, StandIn
from support.suites import Suite

import replay

PAID = "in_1Paid00000000000000000001"


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings: the draft invoice at two versions and then paid, another one at one version."""
    library = tmp_path_factory.mktemp("shelf") / "cassettes"
    with StandIn() as server:
        asked = [(DRAFT, NEW), (DRAFT, OLD), (PAID, NEW)]
        server.add_invoice(PAID)
        with replay.use_cassettes(library, mode="once", api_base=server.url):
            for id, version in asked:
                url = f"{server.url}/v1/invoices/{id}"
                requests.get(url, headers={"Stripe-Version": version}, timeout=5)
            server.add_invoice(DRAFT, status="paid")
            url = f"{server.url}/v1/invoices/{DRAFT}"
            requests.get(url, headers={"Stripe-Version": NEW}, timeout=5)
    return library


@pytest.fixture
def suite(tmp_path: Path, shelf: Path) -> Suite:
    """An empty suite with the recordings in ./cassettes."""
    made = Suite(tmp_path / "suite")
    (made.folder / "cassettes").symlink_to(shelf)
    return made
