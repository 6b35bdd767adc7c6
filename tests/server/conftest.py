"""A library of two invoices at two versions, and real servers on loopback before it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.served import GONE, KEY, OTHER, Served
from support.standin import DRAFT, NEW, OLD, PAYMENT, StandIn

import replay
from replay.config import resolve
from replay.server import create_app
from replay.server.running import ServerThread

Serve = Callable[..., Served]


@pytest.fixture
def serve(library: Path) -> Iterator[Serve]:
    """Starts servers; settings as `replay.config.resolve` has them."""
    with ExitStack() as stack:

        def start(*, hosts: tuple[str, ...] = (), allow_live: bool = False, **settings: Any) -> Any:
            config = resolve(**{"library": library, **settings})
            app = create_app(config, hosts=hosts, allow_live=allow_live)
            stack.callback(app.sessions.close)
            server = stack.enter_context(ServerThread(app))
            return stack.enter_context(Served(app, server.url))

        yield start


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recordings: invoices at both versions, one with payments too, an invoice payment."""
    library = tmp_path_factory.mktemp("shelf") / "cassettes"
    with (
        StandIn() as source,
        replay.use_cassettes(library, mode="once", api_base=source.url),
        httpx.Client(base_url="https://api.stripe.com") as client,
    ):
        source.add_invoice(OTHER)
        for version in (OLD, NEW):
            headers = {"Authorization": f"Bearer {KEY}", "Stripe-Version": version}
            for id in (DRAFT, OTHER):
                client.get(f"/v1/invoices/{id}", headers=headers)
            client.get(f"/v1/invoices/{OTHER}?expand[]=payments", headers=headers)
            client.get(f"/v1/invoices/{GONE}", headers=headers)
        client.get(f"/v1/invoice_payments/{PAYMENT}", headers=headers)
    return library


@pytest.fixture
def recorded(stand_in: StandIn, shelf: Path, library: Path) -> Path:
    """A library of the recordings, and a live source that has the same."""
    stand_in.add_invoice(OTHER)
    return shutil.copytree(shelf, library)


@pytest.fixture
def served(recorded: Path, stand_in: StandIn, serve: Serve) -> Served:
    """A server of the library in mode none; the live source is gone."""
    stand_in.stop()
    return serve()
