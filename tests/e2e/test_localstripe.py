"""localstripe as the live source: a stateful stand-in that replay's authors did not write."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe
from support.clients import stripe_client
from support.command import replay_command
from support.waiting import HANGS, wait_until

import replay

# Its own command binds every interface; the tests stay on loopback.
SERVE = (
    "import sys; from aiohttp import web; from localstripe.server import app\n"
    "web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]), print=None)"
)


@pytest.fixture
def localstripe(tmp_path: Path) -> Iterator[str]:
    """The base address of a localstripe process that is stopped after the test."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(port)], env=environment, stderr=subprocess.DEVNULL
    )
    base = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(base))
        yield base
    finally:
        process.terminate()
        process.wait(10)


def _answers(base: str) -> bool:
    try:
        requests.get(base, timeout=HANGS)
    except requests.ConnectionError:
        return False
    return True


def _invoice(base: str) -> str:
    """The ID of an open invoice over 42 euros, made as a subscription makes it."""

    def post(path: str, **fields: str) -> Any:
        auth = ("sk_test_12345", "")
        return requests.post(f"{base}/v1/{path}", data=fields, auth=auth, timeout=5).json()

    customer = post("customers", email="private.person@example.net", name="PRIVATE Person")["id"]
    post("plans", id="gold", amount="4200", currency="eur", interval="month", name="PRIVATE Gold")
    # The customer has no card: the subscription is refused, its first invoice stays open.
    post("subscriptions", **{"customer": customer, "items[0][plan]": "gold"})
    client = stripe_client(base, stripe.RequestsClient())
    return client.v1.invoices.list({"customer": customer}).data[0].id


def test_an_invoice_of_localstripe_is_recorded_and_replayed_without_it(
    localstripe: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Recorded by the command, replayed by the SDK for the real host, the source out of reach."""
    id = _invoice(localstripe)
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_12345")
    done = replay_command(
        "record", "invoice", id, "--api-base", localstripe, "--api-version", stripe.api_version
    )
    assert 0 == done.code, done.err
    text = next(Path("cassettes").rglob("*.yaml")).read_text()
    assert "PRIVATE" not in text
    assert "private.person" not in text
    with replay.use_cassettes() as session:
        invoice = stripe.StripeClient("sk_test_x").v1.invoices.retrieve(id)
    assert (id, 4200, "eur") == (invoice.id, invoice.total, invoice.currency)
    assert 1 == session.counts.played


def test_a_test_records_from_localstripe_by_itself(localstripe: str) -> None:
    """A decorated test in mode once records on its first run and is offline on its second."""
    id = _invoice(localstripe)
    client = stripe_client(localstripe, stripe.RequestsClient())

    def total() -> int:
        return client.v1.invoices.retrieve(id).total

    recording = replay.use_cassettes("cassettes", mode="once", api_base=localstripe)
    assert 4200 == recording(total)()
    assert 1 == len(list(Path("cassettes").rglob("*.yaml")))
    requests.delete(f"{localstripe}/_config/data", timeout=5)
    offline = replay.use_cassettes("cassettes", api_base=localstripe)
    assert 4200 == offline(total)()
