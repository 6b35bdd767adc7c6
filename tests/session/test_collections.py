"""Lists, searches and previews: recorded by their parameters, through the SDK."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
import stripe
from support.clients import stripe_client
from support.standin import DRAFT, NEW, StandIn, generated, invoice

import replay

SEVEN = [generated("in", f"list{n}") for n in range(7)]


@pytest.fixture
def listed(stand_in: StandIn) -> StandIn:
    """A source with seven invoices in its list and its search, and lines of each."""
    paths = [f"/v1/invoices/{stand_in.add_invoice(id)}" for id in SEVEN]
    stand_in.lists = {"/v1/invoices": paths, "/v1/invoices/search": paths[:2]}
    return stand_in


def client(base: str) -> stripe.StripeClient:
    return stripe_client(base, stripe.RequestsClient(), stripe_version=NEW)


def test_auto_pagination_is_recorded_and_replayed(listed: StandIn, library: Path) -> None:
    """Every page is a call of its own; offline the SDK pages through the same IDs."""

    def ids(base: str) -> list[str]:
        pages = client(base).v1.invoices.list({"limit": 3})
        return [found.id for found in pages.auto_paging_iter()]

    with replay.use_cassettes(library, mode="once", api_base=listed.url) as session:
        assert SEVEN == ids(listed.url)
    assert (3, 0) == (session.counts.recorded, session.counts.unrecorded)
    listed.stop()
    with replay.use_cassettes(library) as session:
        assert SEVEN == ids("https://api.stripe.com")
    assert 3 == session.counts.played
    assert all("PRIVATE" not in path.read_text() for path in library.rglob("*.yaml"))


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"limit": 3, "customer": generated("cus", "a"), "status": "open"},
        {"created": {"gte": 1_700_000_000}, "expand": ["data.customer"]},
    ],
    ids=["none", "some", "nested and expand"],
)
def test_a_list_is_one_call_per_set_of_parameters(
    listed: StandIn, library: Path, parameters: dict[str, object]
) -> None:
    """The same parameters replay; others are refused, and the message shows no values."""
    with replay.use_cassettes(library, mode="once", api_base=listed.url):
        recorded = client(listed.url).v1.invoices.list(parameters)
    listed.stop()
    with replay.use_cassettes(library, api_base=listed.url):
        assert recorded == client(listed.url).v1.invoices.list(parameters)
    other = generated("sub", "other")
    with (
        pytest.raises(replay.CassetteNotFound) as refused,
        replay.use_cassettes(library, api_base=listed.url),
    ):
        client(listed.url).v1.invoices.list({**parameters, "subscription": other})
    assert "subscription" in str(refused.value)
    assert "REPLAY_MODE=once" in str(refused.value)
    assert other not in str(refused.value)


def test_lines_of_an_invoice_are_a_collection_below_it(stand_in: StandIn, library: Path) -> None:
    """/v1/invoices/{id}/lines is kept below the invoice and found by its ID."""
    body = invoice(DRAFT, NEW)["lines"]
    stand_in.add(f"/v1/invoices/{DRAFT}/lines", body)
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        recorded = client(stand_in.url).v1.invoices.line_items.list(DRAFT)
    stand_in.stop()
    with replay.use_cassettes(library):
        found = client("https://api.stripe.com").v1.invoices.line_items.list(DRAFT)
    assert recorded == found
    assert 2 == len(found.data)
    assert [f"invoices/{DRAFT}/lines/_collection/_all/{NEW}.yaml"] == [
        path.relative_to(library).as_posix() for path in library.rglob("*.yaml")
    ]


def test_a_preview_is_keyed_by_what_it_is_asked_for(stand_in: StandIn, library: Path) -> None:
    """POST /v1/invoices/create_preview reads: recorded by its form, replayed by the same form."""
    preview = {**invoice(generated("in", "preview"), NEW), "id": "upcoming_in_" + "1Abc2Def3Ghi4"}
    stand_in.add("/v1/invoices/create_preview", preview)
    asked = {"customer": generated("cus", "a"), "automatic_tax": {"enabled": False}}
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url) as session:
        recorded = client(stand_in.url).v1.invoices.create_preview(asked)
        client(stand_in.url).v1.invoices.create_preview({"customer": generated("cus", "b")})
    assert (2, []) == (session.counts.recorded, session.notes)
    assert preview["id"] == recorded.id
    assert 2 == len(list(library.rglob("*.yaml")))
    stand_in.stop()
    with replay.use_cassettes(library):
        assert recorded == client("https://api.stripe.com").v1.invoices.create_preview(asked)
    with pytest.raises(replay.CassetteNotFound), replay.use_cassettes(library):
        client("https://api.stripe.com").v1.invoices.create_preview({"customer": asked["customer"]})


def test_a_v2_list_pages_by_its_next_page_url(stand_in: StandIn, library: Path) -> None:
    """v2 lists name their next page by URL; each page is a call of its own."""
    ids = [generated("evt", f"v2{n}") for n in range(5)]
    for id in ids:
        event = {"id": id, "object": "v2.core.event", "type": "v1.billing.meter.no_meter_found",
                 "created": "2026-01-01T00:00:00.000Z", "livemode": False}  # fmt: skip
        stand_in.add(f"/v2/core/events/{id}", event)
    stand_in.lists = {"/v2/core/events": [f"/v2/core/events/{id}" for id in ids]}

    def page_through(base: str) -> list[str]:
        found = client(base).v2.core.events.list({"limit": 2})
        return [event.id for event in found.auto_paging_iter()]

    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        assert ids == page_through(stand_in.url)
    stand_in.stop()
    with replay.use_cassettes(library):
        assert ids == page_through("https://api.stripe.com")


@pytest.mark.parametrize(
    "query",
    ["email=PRIVATE%40example.net", "query=email%3A%27PRIVATE%27", "metadata[a]=PRIVATE"],
)
def test_a_private_parameter_is_served_but_not_recorded(
    listed: StandIn, library: Path, query: str
) -> None:
    """What a person's data is asked by is written nowhere: no file, file name, lock or note."""
    with replay.use_cassettes(library, mode="once", api_base=listed.url) as session:
        answer = requests.get(f"{listed.url}/v1/invoices?{query}", timeout=5)
    assert 7 == len(answer.json()["data"])
    assert "PRIVATE" not in answer.text
    assert (0, 1) == (session.counts.recorded, session.counts.unrecorded)
    assert "may be private" in session.notes[0]
    found = list(library.rglob("*")) if library.exists() else []
    assert "PRIVATE" not in f"{found}{session.notes}{session!r}"
    assert [] == [path for path in found if path.suffix == ".yaml"]
