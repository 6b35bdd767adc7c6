"""The Stripe SDK's client on requests is answered directly, unless something stands below it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import requests
import stripe
import urllib3
from requests.adapters import HTTPAdapter
from support.standin import DRAFT, NEW, StandIn

import replay

GONE = DRAFT[:-1] + "w"


class Reached(Exception):
    """The call came to what stands below the SDK."""


def client(http: Any = None) -> Any:
    """A client of the SDK that sends by requests."""
    http = http or stripe.RequestsClient()
    return stripe.StripeClient("sk_test_x", stripe_version=NEW, http_client=http)


def went_through_requests(http: Any) -> bool:
    """Whether a client of the SDK has made a session of requests for itself."""
    return getattr(http._thread_local, "session", None) is not None


@pytest.fixture
def recorded(stand_in: StandIn, library: Path) -> Path:
    """An invoice, a missing one, and a preview."""
    stand_in.add("/v1/invoices/create_preview", {"object": "invoice", "total": 1})
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        asked = stripe.StripeClient(
            "sk_test_x", stripe_version=NEW, base_addresses={"api": stand_in.url}
        )
        asked.v1.invoices.retrieve(DRAFT)
        asked.v1.invoices.create_preview({"customer": "cus_1uu4FSwHrv38fS8qoeLCxgEt"})
        with pytest.raises(stripe.InvalidRequestError):
            asked.v1.invoices.retrieve(GONE)
    return library


def answers(asked: Any) -> list[tuple[Any, ...]]:
    """All that the SDK shows of a retrieve, a read that is a POST, and a 404."""
    found = asked.v1.invoices.retrieve(DRAFT)
    preview = asked.v1.invoices.create_preview({"customer": "cus_1uu4FSwHrv38fS8qoeLCxgEt"})
    with pytest.raises(stripe.InvalidRequestError) as missing:
        asked.v1.invoices.retrieve(GONE)
    error = missing.value
    said = [(r.body, r.code, r.headers) for r in (found.last_response, preview.last_response)]
    return [*said, (error.http_body, error.http_status, error.headers, error.request_id)]


def test_direct_answers_are_the_same(recorded: Path) -> None:
    """Body, status and headers are what requests would have given, of the same types."""
    http = stripe.RequestsClient()
    with replay.use_cassettes(recorded) as session:
        direct = answers(client(http))
        through = answers(client(stripe.RequestsClient(session=requests.Session())))
    assert not went_through_requests(http)
    assert through == direct
    assert [type(x) for row in through for x in row] == [type(x) for row in direct for x in row]
    assert 6 == session.counts.played


def test_a_session_of_the_users_is_asked(recorded: Path) -> None:
    """Whoever gives the SDK a session of requests gets each call there."""
    own = requests.Session()
    own.mount("https://", mock.Mock(spec=HTTPAdapter, send=mock.Mock(side_effect=Reached)))
    with replay.use_cassettes(recorded), pytest.raises(stripe.APIConnectionError) as raised:
        client(stripe.RequestsClient(session=own)).v1.invoices.retrieve(DRAFT)
    assert isinstance(raised.value.__cause__, Reached)


WAYS = {
    "Session.request": (requests.Session, "request"),
    "Session.send": (requests.Session, "send"),
    "Session.get_adapter": (requests.Session, "get_adapter"),
    "HTTPAdapter.send": (HTTPAdapter, "send"),
    "urlopen": (urllib3.HTTPConnectionPool, "urlopen"),
    "Session": (requests, "Session"),
}


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize(("owner", "name"), WAYS.values(), ids=WAYS)
def test_a_mock_below_the_sdk_is_asked(recorded: Path, owner: Any, name: str, early: bool) -> None:
    """What a test puts in place of requests' or urllib3's ways, before or in the session."""
    put: Callable[[], AbstractContextManager[Any]] = lambda: mock.patch.object(  # noqa: E731 - two orders of one patch
        owner, name, side_effect=Reached
    )
    asked = client()
    opened = replay.use_cassettes(recorded)
    first, second = (put(), opened) if early else (opened, put())
    with first, second, pytest.raises((stripe.APIConnectionError, Reached)) as raised:
        asked.v1.invoices.retrieve(DRAFT)
    assert Reached in {type(raised.value), type(raised.value.__cause__)}


def test_recording_and_streams_go_the_whole_way(stand_in: StandIn, recorded: Path) -> None:
    """What may go online does so by requests, and a stream is requests' own."""
    http = stripe.RequestsClient()
    with replay.use_cassettes(recorded, mode="once", api_base=stand_in.url):
        client(http).v1.invoices.retrieve(DRAFT)
    assert went_through_requests(http)
    http = stripe.RequestsClient()
    with replay.use_cassettes(recorded):
        body, status, _ = http.request_stream(
            "get", f"https://api.stripe.com/v1/invoices/{DRAFT}", {"Stripe-Version": NEW}
        )
        assert (200, True) == (status, DRAFT.encode() in body.read())
    assert went_through_requests(http)


def test_a_subclass_of_the_client_keeps_its_own_way(recorded: Path) -> None:
    """What a subclass does before and after a call is done."""

    class Own(stripe.RequestsClient):
        def _request_internal(self, *args: Any, **kwargs: Any) -> Any:
            body, status, headers = super()._request_internal(*args, **kwargs)
            return body.replace(b"draft", b"DRAFT"), status, headers

    with replay.use_cassettes(recorded):
        assert "DRAFT" == client(Own()).v1.invoices.retrieve(DRAFT).status
