"""IDs that Stripe's documentation gives for tests: each answer is a fresh object, and a take."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
from support.clients import stripe_client
from support.command import replay_command
from support.standin import NEW, StandIn, generated

import replay
from replay.config import resolve
from replay.server import create_app
from replay.server.running import ServerThread

VISA = "/v1/payment_methods/pm_card_visa"


@pytest.fixture
def fresh(stand_in: StandIn) -> StandIn:
    """A source that answers each retrieve of an alias with another object."""
    made = count()

    def payment_method(version: str, expand: list[str]) -> Any:
        number = next(made)
        id = generated("pm", str(number))
        return {
            "id": id,
            "object": "payment_method",
            "type": "card",
            "created": 1700000000 + number,
        }

    def token(version: str, expand: list[str]) -> Any:
        return {"id": generated("tok", str(next(made))), "object": "token", "livemode": False}

    stand_in.objects[VISA] = payment_method
    stand_in.objects["/v1/tokens/tok_visa"] = token
    return stand_in


def take(source: StandIn, times: int) -> list[str]:
    """The IDs that the SDK gets of the alias."""
    client = stripe_client(source.url, stripe.RequestsClient(), stripe_version=NEW)
    return [client.v1.payment_methods.retrieve("pm_card_visa").id for _ in range(times)]


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all"])
def test_its_takes_are_recorded_and_replayed_in_order(
    mode: str, fresh: StandIn, library: Path
) -> None:
    """In each test from the first one on; the last one is repeated. A server does the same."""
    recording = replay.use_cassettes(library, mode=mode, api_base=fresh.url)
    with recording as session:
        recorded = take(fresh, 2)
        assert (2, []) == (session.counts.recorded, session.notes)
    first, second = recorded
    assert first != second
    fresh.hits.clear()
    for _ in range(2):
        with replay.use_cassettes(library, api_base=fresh.url):
            assert [first, second, second] == take(fresh, 3)
    app = create_app(resolve(library=str(library), mode="none"))
    with ServerThread(app) as server, httpx.Client(base_url=server.url) as client:
        headers = {"Stripe-Version": NEW, "Authorization": "Bearer sk_test_x"}
        served = [client.get(VISA, headers=headers).json()["id"] for _ in range(3)]
    app.sessions.close()
    assert [first, second, second] == served
    assert {} == fresh.hits


def test_another_take_is_recorded_where_that_is_asked_for(fresh: StandIn, library: Path) -> None:
    """Mode `once` keeps what is there; `new_episodes` adds one after the last."""
    with replay.use_cassettes(library, mode="once", api_base=fresh.url):
        (first,) = take(fresh, 1)
    with replay.use_cassettes(library, mode="once", api_base=fresh.url):
        assert [first, first] == take(fresh, 2)
    with replay.use_cassettes(library, mode="new_episodes", api_base=fresh.url):
        assert first == (found := take(fresh, 2))[0] != found[1]
    with replay.use_cassettes(library, api_base=fresh.url):
        assert found == take(fresh, 2)


def test_the_commands_know_them(
    fresh: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`record` takes them like any ID. `verify --live` compares their form: no two are equal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_x")
    monkeypatch.setenv("STRIPE_API_BASE", fresh.url)
    for resource, id in (("payment_method", "pm_card_visa"), ("token", "tok_visa")):
        done = replay_command("record", resource, id, "--api-version", NEW)
        assert (0, "1 recorded") == (done.code, done.out.splitlines()[-1][:10]), done.err
    again = replay_command("record", "payment_method", "pm_card_visa", "--mode", "new_episodes",
                           "--api-version", NEW)  # fmt: skip
    assert "1 recorded" in again.out
    assert 0 == replay_command("verify", "--live").code
    fresh.objects["/v1/tokens/tok_visa"] = lambda *_: {"id": generated("tok", "x"), "object": 1}
    assert "tok_visa" in replay_command("verify", "--live").out
