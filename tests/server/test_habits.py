"""The habits of Stripe's Ruby, PHP and .NET libraries, as the bytes that they send.

Their packages are not on the registries that the tests reach; curl, the Stripe CLI, Python, Node,
Go and Java are driven for real elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from support.habits import BASIC, BEARER, LIBRARIES, Wire
from support.served import OTHER, Served
from support.standin import DRAFT, NEW, OLD, PAYMENT, StandIn

Serve = Callable[..., Served]

EXPANDS = {
    "unindexed": "expand[]=payments",
    "unindexed, encoded": "expand%5B%5D=payments",
    "indexed": "expand[0]=payments",
    "indexed, encoded": "expand%5B0%5D=payments",
    "lower-case hex": "expand%5b0%5d=payments",
}


@pytest.mark.parametrize("lines", LIBRARIES.values(), ids=LIBRARIES)
def test_retrieves_on_one_connection(served: Served, lines: list[str]) -> None:
    """Invoice and invoice payment, bare, with a trailing question mark, and expanded."""
    with Wire(served) as wire:
        for target in (f"/v1/invoices/{DRAFT}", f"/v1/invoices/{DRAFT}?"):
            status, headers, body = wire.ask(target, lines)
            assert (200, DRAFT) == (status, body["id"])
            assert NEW == headers["Stripe-Version"]
            assert "Content-Encoding" not in headers
        assert PAYMENT == wire.ask(f"/v1/invoice_payments/{PAYMENT}?", lines)[2]["id"]
        for query in EXPANDS.values():
            body = wire.ask(f"/v1/invoices/{OTHER}?{query}", lines)[2]
            assert "list" == body["payments"]["object"], query
        assert "payments" not in wire.ask(f"/v1/invoices/{OTHER}?", lines)[2]


@pytest.mark.parametrize("lines", LIBRARIES.values(), ids=LIBRARIES)
def test_errors_on_one_connection(served: Served, lines: list[str]) -> None:
    """A refusal is an answer like any other, and the connection stays."""
    with Wire(served) as wire:
        status, headers, body = wire.ask(f"/v1/invoices/{DRAFT[:-1]}w?", lines)
        assert (404, "replay_not_recorded") == (status, body["error"]["code"])
        assert "false" == headers["Stripe-Should-Retry"]
        status, _, body = wire.ask(f"/v1/invoices/{DRAFT}", lines, "POST", "description=PRIVATE")
        assert (400, "replay_call_refused") == (status, body["error"]["code"])
        assert 200 == wire.ask(f"/v1/invoices/{DRAFT}", lines)[0]


@pytest.mark.parametrize("lines", LIBRARIES.values(), ids=LIBRARIES)
def test_two_versions_and_none(served: Served, lines: list[str]) -> None:
    """The pin decides; without one, an object of one recorded version is answered."""
    unpinned = [line for line in lines if not line.startswith("Stripe-Version")]
    old = [*unpinned, f"stripe-version: {OLD}"]
    with Wire(served) as wire:
        assert "payment_intent" in wire.ask(f"/v1/invoices/{DRAFT}", old)[2]
        assert "payment_intent" not in wire.ask(f"/v1/invoices/{DRAFT}", lines)[2]
        assert 200 == wire.ask(f"/v1/invoice_payments/{PAYMENT}", unpinned)[0]
        assert 404 == wire.ask(f"/v1/invoices/{DRAFT}", unpinned)[0]


@pytest.mark.parametrize(
    ("authorization", "encoding"),
    [*product([BASIC, BEARER, ""], ["", "Accept-Encoding: gzip", "Accept-Encoding: identity"])],
)
def test_any_key_and_encoding_will_do(served: Served, authorization: str, encoding: str) -> None:
    """The answer is the same, and not encoded."""
    lines = [line for line in (authorization, encoding, f"Stripe-Version: {NEW}") if line]
    with Wire(served) as wire:
        status, headers, body = wire.ask(f"/v1/invoices/{DRAFT}", lines)
        assert (200, DRAFT) == (status, body["id"])
        assert "Content-Encoding" not in headers


@pytest.mark.parametrize("lines", LIBRARIES.values(), ids=LIBRARIES)
def test_each_can_record(stand_in: StandIn, serve: Serve, lines: list[str]) -> None:
    """Their key goes to the live source as it came, nothing else of them does or is kept."""
    served = serve(mode="once", api_base=stand_in.url)
    with Wire(served) as wire:
        status, _, body = wire.ask(f"/v1/invoices/{DRAFT}?", lines)
    assert (200, DRAFT) == (status, body["id"])
    seen = stand_in.seen[-1]
    assert f"Authorization: {seen['authorization']}" in lines
    assert NEW == seen["stripe-version"]
    assert "PRIVATE" not in str({k: v for k, v in seen.items() if k != "authorization"})
    stand_in.stop()
    offline = serve()
    with Wire(offline) as wire:
        assert body == wire.ask(f"/v1/invoices/{DRAFT}?", lines)[2]
