"""Each retrieve path, recorded from a source and replayed without one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from support.standin import NEW, StandIn, generated

import replay
from replay.stripe_api.routes import Route, retrieves

HEADERS = {"Stripe-Version": NEW}
PREFIXES = ("cus", "acct", "in", "sub")


def path_of(route: Route) -> str:
    ids = [generated(PREFIXES[n], f"{route.path}{n}") for n in range(route.parameters)]
    parents, id = (ids, "") if route.singleton else (ids[:-1], ids[-1])
    return route.url_path(tuple(parents), id)


def body_of(route: Route) -> dict[str, object]:
    named = {"object": route.objects[0]} if route.objects else {}
    return {"id": path_of(route).rpartition("/")[2], **named, "livemode": False}


@pytest.fixture(scope="module")
def source() -> Iterator[StandIn]:
    """A source that has an object at every path."""
    with StandIn() as server:
        for route in retrieves():
            server.add(path_of(route), body_of(route))
        yield server


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One library for all of them."""
    return tmp_path_factory.mktemp("routes") / "cassettes"


@pytest.mark.parametrize("route", retrieves(), ids=lambda route: route.path)
def test_a_retrieve_is_recorded_and_replayed(route: Route, source: StandIn, shelf: Path) -> None:
    """The same answer comes from the source and from the file, which is named by the path."""
    with replay.use_cassettes(shelf, mode="once", api_base=source.url) as session:
        recorded = requests.get(source.url + path_of(route), headers=HEADERS, timeout=5)
    assert (1, []) == (session.counts.recorded, session.notes)
    assert 1 == source.hits[path_of(route)]
    with replay.use_cassettes(shelf) as session:
        url = "https://api.stripe.com" + path_of(route)
        replayed = requests.get(url, headers=HEADERS, timeout=5)
    assert recorded.content == replayed.content
    assert route.objects[:1] == tuple(filter(None, [json.loads(replayed.content).get("object")]))
    assert 1 == session.counts.played
    assert 1 == source.hits[path_of(route)]
    (one,) = session.calls
    assert (route.resource, NEW) == (one.call.key.resource, one.api_version)
