"""Another answer in one test: through real clients, without a change on disk."""

from __future__ import annotations

import asyncio
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import stripe
import urllib3
from support.standin import DRAFT, NEW, StandIn, generated

import replay
from replay.errors import ConfigError
from replay.session.session import Session

HEADERS = {"Stripe-Version": NEW, "Authorization": "Bearer sk_test_x"}
OTHER = generated("in", "other")
INVOICE = f"https://api.stripe.com/v1/invoices/{DRAFT}"


def by_urllib(method: str, url: str) -> tuple[int, Any]:
    asked = urllib.request.Request(url, headers=HEADERS, method=method)
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def by_aiohttp(method: str, url: str) -> tuple[int, Any]:
    async def ask() -> tuple[int, Any]:
        async with (
            aiohttp.ClientSession(headers=HEADERS) as client,
            client.request(method, url) as answer,
        ):
            return answer.status, await answer.json()

    return asyncio.run(ask())


def by_httpx_async(method: str, url: str) -> tuple[int, Any]:
    async def ask() -> tuple[int, Any]:
        async with httpx.AsyncClient(headers=HEADERS) as client:
            answer = await client.request(method, url)
            return answer.status_code, answer.json()

    return asyncio.run(ask())


def by_requests(method: str, url: str) -> tuple[int, Any]:
    answer = requests.request(method, url, headers=HEADERS, timeout=60)
    return answer.status_code, answer.json()


def by_httpx(method: str, url: str) -> tuple[int, Any]:
    answer = httpx.request(method, url, headers=HEADERS)
    return answer.status_code, answer.json()


CLIENTS: dict[str, Callable[[str, str], tuple[int, Any]]] = {
    "requests": by_requests, "httpx": by_httpx, "httpx async": by_httpx_async,
    "aiohttp": by_aiohttp, "urllib": by_urllib,
}  # fmt: skip


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of two invoices and their list."""
    folder = tmp_path_factory.mktemp("overrides") / "cassettes"
    with StandIn() as source:
        source.add_invoice(OTHER)
        source.lists["/v1/invoices"] = [f"/v1/invoices/{id}" for id in (DRAFT, OTHER)]
        client = stripe.StripeClient("sk_test_x", stripe_version=NEW)
        with replay.use_cassettes(folder, mode="once", api_base=source.url):
            client.v1.invoices.list()
            for id in (DRAFT, OTHER):
                client.v1.invoices.retrieve(id)
    return folder


@pytest.fixture
def session(recorded: Path) -> Iterator[Session]:
    """A session in mode none; afterwards the library is as it was."""
    before = {file: file.read_bytes() for file in recorded.rglob("*.yaml")}
    with replay.use_cassettes(recorded) as opened:
        yield opened
    assert before == {file: file.read_bytes() for file in recorded.rglob("*.yaml")}


def sdk(**options: Any) -> Any:
    return stripe.StripeClient("sk_test_x", stripe_version=NEW, **options).v1


@pytest.mark.parametrize("name", CLIENTS)
def test_every_client_sees_a_patch_a_status_and_a_fault(name: str, session: Session) -> None:
    """The latest override wins while it has turns left; then the earlier one."""
    ask = CLIENTS[name]
    session.override("invoices", DRAFT, {"status": "void", "issuer": {"type": "account"}})
    session.override("invoice", "*", status=503, times=1)
    session.override("invoices", DRAFT, fault="rate_limit", times=1)
    assert (429, "rate_limit") == _shown(ask("GET", INVOICE))
    assert (503, "api_error") == _shown(ask("GET", INVOICE))
    status, body = ask("GET", INVOICE)
    assert (200, "void", "account") == (status, body["status"], body["issuer"]["type"])
    assert "paid" == ask("GET", INVOICE.replace(DRAFT, OTHER))[1]["status"]
    assert (2, 3) == (session.counts.played, session.counts.overridden)


BROKEN: dict[str, tuple[type[BaseException], type[BaseException]]] = {
    "requests": (requests.Timeout, requests.ConnectionError),
    "httpx": (httpx.ReadTimeout, httpx.ReadError),
    "httpx async": (httpx.ReadTimeout, httpx.ReadError),
    "aiohttp": (aiohttp.ServerTimeoutError, aiohttp.ClientConnectionError),
    "urllib": (TimeoutError, ConnectionResetError),
}
"""Client -> what it raises where no answer comes in time, and where the connection is reset."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_connection_that_breaks_raises_what_the_client_raises_live(
    name: str, session: Session
) -> None:
    """Afterwards the recording answers; the run has no refusal."""
    for error, raised in zip(("timeout", "reset"), BROKEN[name], strict=True):
        session.override("invoices", DRAFT, error=error, times=1)
        with pytest.raises(raised):
            CLIENTS[name]("GET", INVOICE)
    assert 200 == CLIENTS[name]("GET", INVOICE)[0]
    assert ([], 2) == (session.refusals, session.counts.overridden)


@pytest.mark.parametrize("http", [stripe.RequestsClient, stripe.HTTPXClient])
def test_the_sdk_tries_again_after_a_broken_connection(http: Any, session: Session) -> None:
    """Without a retry it raises its own error."""
    options = {"allow_sync_methods": True} if http is stripe.HTTPXClient else {}
    session.override("invoices", DRAFT, error="reset", times=1)
    with pytest.raises(stripe.APIConnectionError):
        sdk(http_client=http(**options), max_network_retries=0).invoices.retrieve(DRAFT)
    session.override("invoices", DRAFT, error="timeout", times=1)
    client = sdk(http_client=http(**options), max_network_retries=1)
    assert DRAFT == client.invoices.retrieve(DRAFT).id


def _shown(answer: tuple[int, Any]) -> tuple[int, str]:
    error = answer[1]["error"]
    return answer[0], error.get("code", error["type"])


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        ("card_declined", stripe.CardError),
        ("insufficient_funds", stripe.CardError),
        ("rate_limit", stripe.RateLimitError),
        ("idempotency_conflict", stripe.IdempotencyError),
        ("api_error", stripe.APIError),
        ("invalid_api_key", stripe.AuthenticationError),
        ("permission_denied", stripe.PermissionError),
        ("resource_missing", stripe.InvalidRequestError),
    ],
)
def test_the_sdk_raises_what_it_raises_live(
    fault: str, raised: type[stripe.StripeError], session: Session
) -> None:
    """Also for a write: it creates nothing, and nothing goes online."""
    session.override("payment_intents", None, fault=fault)
    with pytest.raises(raised) as caught:
        sdk(max_network_retries=0).payment_intents.create({"amount": 100, "currency": "eur"})
    if fault == "insufficient_funds":
        assert ("card_declined", 402) == (caught.value.code, caught.value.http_status)
        error = caught.value.error
        assert error is not None
        assert "insufficient_funds" == error.decline_code


def test_a_write_below_an_object_is_that_objects(session: Session) -> None:
    """`confirm` and its like; another object's is refused as ever."""
    session.override("payment_intents", "pi_1", fault="card_declined")
    with pytest.raises(stripe.CardError):
        sdk(max_network_retries=0).payment_intents.confirm("pi_1")
    with pytest.raises(replay.Refused):
        sdk().payment_intents.confirm("pi_2")
    session.refusals.clear()


def test_the_sdks_own_retries_see_it(session: Session) -> None:
    """One failure, then the recording."""
    session.override("invoices", DRAFT, fault="service_unavailable", times=1)
    assert "draft" == sdk(max_network_retries=1).invoices.retrieve(DRAFT).status
    assert (1, 1) == (session.counts.played, session.counts.overridden)


def test_lists_headers_and_delays(session: Session) -> None:
    """A list is the resource's own call, under no ID; what a delay holds up, it answers."""
    session.override("invoices", None, {"data": [], "has_more": False})
    session.override("invoices", OTHER, headers={"Request-Id": "req_mine"}, delay=0.01)
    assert [] == sdk().invoices.list().data
    assert "req_mine" == sdk().invoices.retrieve(OTHER).last_response.request_id
    assert DRAFT == sdk().invoices.retrieve(DRAFT).id


@pytest.mark.parametrize(
    ("patch", "hint"),
    [
        ({"statuss": "void"}, "did you mean status?"),
        ({"payment_intent": "pi_1"}, "did you mean"),
        ({"quux": "pi_1"}, "name a field that the API sends"),
        ({"issuer": {"tipe": "x"}}, "did you mean type?"),
        ({"automatic_tax": {"percent_off": 1}}, "use one of: disabled_reason, enabled"),
        ({"lines": {"data": [{"pricee": 1}]}}, "did you mean pricing?"),
        ({"lines": {"data": [{"period": {"beginning": 1}}]}}, "use one of: end, start"),
    ],
)
def test_a_field_that_the_api_does_not_send_is_refused(
    patch: dict[str, Any], hint: str, recorded: Path
) -> None:
    """A test must not rest on what Stripe no longer sends; the error is the test's failure."""
    override = {"resource": "invoices", "id": DRAFT, "patch": patch}
    asked = replay.use_cassettes(recorded, overrides=[override])(requests.get)
    with pytest.raises(ConfigError, match="has no field") as caught:
        asked(INVOICE, headers=HEADERS, timeout=60)
    assert hint in caught.value.hint


def test_a_field_that_only_another_recording_has_is_known(recorded: Path, tmp_path: Path) -> None:
    """One of the same type at the same version, also where the SDK does not know the field."""
    library = tmp_path / "cassettes"
    with StandIn() as source:
        for id in (DRAFT, OTHER):
            source.add_invoice(id)
        plain = source.objects[f"/v1/invoices/{OTHER}"]
        source.objects[f"/v1/invoices/{OTHER}"] = lambda version, expand: {
            **plain(version, expand), "field_of_tomorrow": {"part": True},
        }  # fmt: skip
        with replay.use_cassettes(library, mode="once", api_base=source.url):
            for id in (DRAFT, OTHER):
                sdk().invoices.retrieve(id)
    with replay.use_cassettes(library) as session:
        session.override("invoices", DRAFT, {"field_of_tomorrow": {"part": False}})
        assert sdk().invoices.retrieve(DRAFT).field_of_tomorrow.part is False
    with replay.use_cassettes(recorded) as session:
        session.override("invoices", DRAFT, {"field_of_tomorrow": {"part": False}})
        with pytest.raises(replay.Refused):
            sdk().invoices.retrieve(DRAFT)
        session.refusals.clear()


@pytest.mark.parametrize("name", ["urllib3", "http.client"])
def test_clients_below_the_others_see_it_too(name: str, session: Session) -> None:
    """A bare pool of urllib3, and a connection of http.client: a fault, then a reset."""
    session.override("invoices", DRAFT, error="reset", times=1)
    session.override("invoices", DRAFT, fault="card_declined", times=1)
    path = f"/v1/invoices/{DRAFT}"

    def ask() -> int:
        if name == "urllib3":
            pool = urllib3.PoolManager()
            return pool.request("GET", INVOICE, headers=HEADERS, retries=False).status
        connection = http.client.HTTPSConnection("api.stripe.com")
        connection.request("GET", path, headers=HEADERS)
        return connection.getresponse().status

    assert 402 == ask()
    with pytest.raises((ConnectionResetError, urllib3.exceptions.ProtocolError)):
        ask()
    assert 200 == ask()


def test_metadata_and_fields_of_the_sdks_type_may_be_patched(session: Session) -> None:
    """Keys of metadata are the user's; the recording need not have an optional field."""
    session.override("invoices", DRAFT, {"metadata": {"mine": "1"}, "latest_revision": "in_2"})
    found = sdk().invoices.retrieve(DRAFT)
    assert ("1", "in_2") == (found.metadata["mine"], found.latest_revision)


@pytest.mark.parametrize(
    ("given", "what", "hint"),
    [
        ({"fault": "card_decline"}, "no fault", "did you mean card_declined?"),
        ({"status": 99}, "no status", "200 to 599"),
        ({"fault": "api_error", "status": 500}, "status of its own", "leave out"),
        ({"patch": ["x"]}, "a patch is a mapping", "status"),
        ({"delay": -1, "status": 500}, "no delay", "seconds"),
        ({"times": 0, "status": 500}, "no number of calls", "from 1"),
        ({}, "changes something", "give a patch"),
        ({"resource": "invoces", "status": 500}, "invoces", "did you mean invoice"),
        ({"headers": {"A": "b\r\nC: d"}}, "no header", "one line"),
        ({"headers": [1]}, "no header", "one line"),
        ({"headers": {"a": 1}}, "no header", "one line"),
        ({"resource": 7}, "names a resource", "texts"),
        ({"id": 7}, "names a resource", "texts"),
        ({"fault": {}}, "no fault", "faults: card_declined"),
        ({"error": ["x"]}, "no connection breaks so", "timeout or reset"),
        ({"times": True, "status": 500}, "no number of calls", "from 1"),
        ({"error": "timeot"}, "no connection breaks so", "timeout or reset"),
        ({"error": "reset", "status": 500}, "brings no answer", "delay= only"),
        ({"tims": 1}, "no option 'tims'", "did you mean times?"),
    ],
)
def test_what_no_override_can_be_is_told_at_decoration(
    given: dict[str, Any], what: str, hint: str, recorded: Path
) -> None:
    """With what to write instead."""
    with pytest.raises(ConfigError) as caught:
        replay.use_cassettes(recorded, overrides=[{"resource": "invoices", "id": "*", **given}])
    assert what in caught.value.what
    assert hint in caught.value.hint


@pytest.mark.parametrize("overrides", [7, "void", {"resource": "invoices"}, [None]])
def test_what_is_no_list_of_overrides_is_told(overrides: Any, recorded: Path) -> None:
    """With how one is written."""
    with pytest.raises(ConfigError, match="names a resource and an id"):
        replay.use_cassettes(recorded, overrides=overrides)


def test_a_decorator_gives_them_to_each_session(recorded: Path) -> None:
    """Their turns begin again each time."""

    @replay.use_cassettes(
        recorded,
        overrides=[{"resource": "invoices", "id": "*", "patch": {"status": "void"}, "times": 1}],
    )
    def statuses() -> list[str]:
        return [sdk().invoices.retrieve(DRAFT).status for _ in range(2)]

    assert [["void", "draft"]] * 2 == [statuses(), statuses()]


def test_while_recording_the_file_has_what_the_api_said(stand_in: StandIn, library: Path) -> None:
    """The override changes the answer, never the recording; an error asks nobody."""
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url) as session:
        session.override("invoices", DRAFT, {"status": "void"})
        session.override("invoices", DRAFT, status=500, times=1)
        assert 500 == requests.get(INVOICE, headers=HEADERS, timeout=60).status_code
        assert {} == stand_in.hits
        assert "void" == requests.get(INVOICE, headers=HEADERS, timeout=60).json()["status"]
    with replay.use_cassettes(library):
        assert "draft" == requests.get(INVOICE, headers=HEADERS, timeout=60).json()["status"]
