"""The small suite that `scripts/stripe_sdks.py` runs with each major version of the Stripe SDK.

pytest runs it in an environment of that version alone. It needs no network: what it records comes
from a server of its own on localhost. Only calls that SDK 7 has too are made, but for the client
object, which came with SDK 8.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import stripe

import replay

ID = "in_1MtHbELkdIwHu7ixl4OzzPMv"
PIN = "2025-03-31.basil"
KEY = "sk_test_x"
OLD = not hasattr(stripe, "CardError")  # SDK 7 has its errors in a module of their own


@pytest.fixture
def source() -> Iterator[str]:
    """The address of a stand-in that knows one customer."""
    body = {"id": "cus_N1ffrTEP9KJ4pX", "object": "customer", "livemode": False, "name": "PRIVATE"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Stripe-Version", PIN)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def retrieve(id: str = ID) -> Any:
    """An invoice, by the call that every version has."""
    return stripe.Invoice.retrieve(id, api_key=KEY, stripe_version=PIN)


@pytest.mark.cassettes
def test_a_recorded_invoice_is_answered(cassettes: Any) -> None:
    invoice = retrieve()
    assert (ID, "invoice") == (invoice.id, invoice["object"])
    assert (2160, 2000) == (invoice.amount_due, invoice.lines.data[0].amount)
    assert 1 == cassettes.counts.played


@pytest.mark.cassettes
@pytest.mark.xfail(raises=replay.CassetteNotFound, strict=True)
def test_an_invoice_that_is_not_recorded_is_refused() -> None:
    retrieve(ID[:-1] + "x")


@pytest.mark.cassettes
@pytest.mark.xfail(raises=replay.CallRefused, strict=True)
def test_a_write_is_refused() -> None:
    stripe.Customer.create(api_key=KEY, stripe_version=PIN)


@pytest.mark.xfail(raises=replay.ReplayError, strict=True)
def test_an_unmarked_test_reaches_nothing() -> None:
    retrieve()


@pytest.mark.skipif(not hasattr(stripe, "StripeClient"), reason="came with SDK 8")
@pytest.mark.cassettes
def test_the_client_object_is_answered() -> None:
    client = stripe.StripeClient(KEY, stripe_version=PIN)
    assert ID == getattr(client, "v1", client).invoices.retrieve(ID).id


@pytest.mark.skipif(not hasattr(stripe, "HTTPXClient"), reason="came during SDK 8")
@pytest.mark.cassettes
def test_async_calls_are_answered() -> None:
    async def ask() -> Any:
        http = stripe.HTTPXClient()
        client = stripe.StripeClient(KEY, stripe_version=PIN, http_client=http)
        try:
            return await getattr(client, "v1", client).invoices.retrieve_async(ID)
        finally:
            await http.close_async()

    assert ID == asyncio.run(ask()).id


def test_what_is_recorded_is_redacted_and_answered(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe, "api_base", source)
    asked = {"api_key": KEY, "stripe_version": PIN}
    seen = []
    for mode in ("once", "none"):
        with replay.use_cassettes(tmp_path / "made", mode=mode, api_base=source):
            seen.append(stripe.Customer.retrieve("cus_N1ffrTEP9KJ4pX", **asked).name)
    assert seen[0] == seen[1]
    assert "PRIVATE" not in "".join(seen)


def test_an_override_of_a_fault_is_the_sdks_own_error() -> None:
    with replay.use_cassettes("cassettes") as session:
        session.override("invoices", ID, fault="card_declined")
        with pytest.raises(stripe.error.CardError if OLD else stripe.CardError):
            retrieve()
        session.override("invoices", ID, {"status": "void"})
        assert "void" == retrieve().status


def test_fields_that_are_read_are_noted(tmp_path: Path) -> None:
    with replay.use_cassettes("cassettes"), replay.track_fields(tmp_path / "used.json"):
        invoice = retrieve()
        assert invoice.status
        assert invoice.lines.data[0]["amount"] is not None
    used = (tmp_path / "used.json").read_text("utf-8")
    assert '"/status"' in used
    assert "/amount" in used
    assert "/currency" not in used
