"""A client of Stripe's at a base that the settings do not name: its call goes on, and is noted."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from support.clients import CLIENTS, HEADERS
from support.standin import DRAFT, StandIn

import replay

NAMED = [name for name in CLIENTS if name != "stripe_httpx"]
"""All but one that leaves its connection open; its client is httpx, too."""


@pytest.mark.parametrize("name", NAMED)
def test_the_base_is_named_with_the_setting_for_it(
    name: str, stand_in: StandIn, library: Path
) -> None:
    """Once, however many calls went there; nothing else changes."""
    with replay.use_cassettes(library, mode="once") as session:
        for _ in range(2):
            assert DRAFT == CLIENTS[name](stand_in.url, DRAFT)["id"]
    (note,) = session.notes
    assert f"asked {stand_in.url}, which is not replay's to answer" in note
    assert "it answers api.stripe.com" in note
    assert f"STRIPE_API_BASE={stand_in.url}" in note
    assert 0 == session.counts.played


def test_calls_of_others_are_not_noted(stand_in: StandIn, library: Path) -> None:
    """A service with paths like Stripe's, and Stripe's key for another path."""
    with replay.use_cassettes(library, mode="once") as session:
        requests.get(f"{stand_in.url}/v1/invoices/{DRAFT}", timeout=5)
        requests.get(f"{stand_in.url}/health", headers=HEADERS, timeout=5)
        requests.get(f"{stand_in.url}/v1/x", headers={"Authorization": "Bearer other"}, timeout=5)
    assert [] == session.notes


def test_nothing_is_noted_once_the_setting_is_there(stand_in: StandIn, library: Path) -> None:
    """Neither what is recorded, nor replay's own request for it."""
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url) as session:
        CLIENTS["requests"](stand_in.url, DRAFT)
    assert [] == session.notes
