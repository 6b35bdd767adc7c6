"""A recording front to the live API: modes, keys, concurrency, failures of the source."""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.served import KEY, OTHER, Served
from support.standin import DRAFT, PREVIEW, StandIn, error
from support.waiting import wait_until

Serve = Callable[..., Served]


@pytest.fixture
def recording(stand_in: StandIn, serve: Serve) -> Served:
    """A server in mode once before a live source."""
    stand_in.add_invoice(OTHER)
    return serve(mode="once", api_base=stand_in.url)


def test_the_client_sees_what_is_recorded(
    recording: Served, stand_in: StandIn, serve: Serve, library: Path
) -> None:
    """The answer is redacted already, and a replay without the source gives the same bytes."""
    first = recording.retrieve()
    assert 200 == first.status_code
    assert "PRIVATE" not in first.text + str(first.headers)
    assert 1 == recording.app.sessions.of("").session.counts.recorded
    assert first.content == recording.retrieve(**{"Replay-Session": "other"}).content
    assert 1 == stand_in.hits[f"/v1/invoices/{DRAFT}"]
    stand_in.stop()
    assert first.content == serve().retrieve().content
    written = "".join(path.read_text("utf-8") for path in library.rglob("*.yaml"))
    assert "PRIVATE" not in written


def test_the_key_is_neither_kept_nor_logged(
    recording: Served, stand_in: StandIn, library: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In whichever scheme; it goes to the live source alone."""
    basic = "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()
    with caplog.at_level(logging.DEBUG):
        recording.retrieve()
        recording.retrieve(OTHER, Authorization=basic)
        recording.retrieve("in_1Nothing")
        stand_in.stop()
        recording.retrieve(DRAFT[:-1] + "w")
    assert [f"Bearer {KEY}", basic] == [seen["authorization"] for seen in stand_in.seen[:2]]
    pages = "".join(recording.get(f"/_replay/{name}.json").text for name in ("state", "recorded"))
    written = "".join(p.read_text("utf-8", "replace") for p in library.rglob("*") if p.is_file())
    for secret in (KEY, basic.split()[1]):
        assert secret not in pages + written + caplog.text


def test_a_slow_source_keeps_nobody_else_waiting(recording: Served, stand_in: StandIn) -> None:
    """While one call is fetched, others are answered, and the same call is fetched once."""
    recording.retrieve(OTHER)
    stand_in.hold = threading.Event()
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(recording.retrieve) for _ in range(8)]
        wait_until(lambda: stand_in.held)
        assert 200 == recording.get("/_replay/healthz").status_code
        assert 200 == recording.retrieve(OTHER, **{"Replay-Session": "other"}).status_code
        assert not any(call.done() for call in waiting)
        stand_in.hold.set()
        assert {200} == {call.result().status_code for call in waiting}
    assert 1 == stand_in.hits[f"/v1/invoices/{DRAFT}"]


def test_many_clients_record_many_objects(recording: Served, stand_in: StandIn) -> None:
    """All at once, each once."""
    ids = [stand_in.add_invoice(f"{DRAFT[:-2]}{n:02}") for n in range(20)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(recording.retrieve, ids))
    assert {200} == {answer.status_code for answer in answers}
    assert {1} == {stand_in.hits[f"/v1/invoices/{id}"] for id in ids}


def test_a_source_that_does_not_answer_is_a_502(recording: Served, stand_in: StandIn) -> None:
    """That no client tries again, and that says what to check."""
    stand_in.stop()
    answer = recording.retrieve()
    assert 502 == answer.status_code
    assert "false" == answer.headers["Stripe-Should-Retry"]
    told = answer.json()["error"]
    assert ("replay_upstream_failed", "api_error") == (told["code"], told["type"])
    assert "--api-base" in told["message"]


@pytest.mark.parametrize("status", [401, 429, 500])
def test_errors_of_key_and_moment_go_to_the_client_alone(
    recording: Served, stand_in: StandIn, library: Path, status: int
) -> None:
    """The client gets them, without what they echo; the library does not."""
    stand_in.script.append((status, {}, error(status, f"Invalid API Key: {KEY}")))
    answer = recording.retrieve()
    assert status == answer.status_code
    assert KEY not in answer.text
    assert [] == list(library.rglob("*.yaml"))
    assert 200 == recording.retrieve().status_code


def test_a_live_key_is_refused(recording: Served, stand_in: StandIn, serve: Serve) -> None:
    """Unless that is asked for."""
    live = {"Authorization": "Bearer sk_live_PRIVATE"}
    answer = recording.retrieve(**live)
    assert (403, "replay_live_data_refused") == (
        answer.status_code, answer.json()["error"]["code"],
    )  # fmt: skip
    assert [] == stand_in.seen
    allowed = serve(mode="once", api_base=stand_in.url, allow_live=True)
    assert 200 == allowed.retrieve(**live).status_code


@pytest.mark.parametrize("prefix", ["sk", "rk", "pk", "ek", "sk_org"])
def test_a_live_key_is_refused_wherever_it_stands(
    recording: Served, stand_in: StandIn, serve: Serve, prefix: str
) -> None:
    """In each header, the address and the body; the source is not asked, the message is silent."""
    key = f"{prefix}_live_51PRIVATEabcdef"
    packed = base64.b64encode(f"user:{key}".encode()).decode()
    test, path = f"Bearer {KEY}", f"/v1/invoices/{DRAFT}"
    lines = [{"Authorization": key}, {"Authorization": f"Basic {packed}"}, {"X-Api-Key": key}]
    lines += [{"Authorization": test, name: value} for name, value in (
        ("X-Api-Key", key), ("Proxy-Authorization", f"Basic {packed}"), ("Cookie", f"key={key}"),
        ("Stripe-Account", key),
    )]  # fmt: skip
    answers = [recording.get(path, headers=line) for line in lines]
    answers.append(recording.get(f"{path}?api_key={key}", headers={"Authorization": test}))
    preview = "/v1/invoices/create_preview"
    form = {"customer": "cus_1", "api_key": key}
    answers.append(recording.post(preview, data=form, headers={"Authorization": test}))
    for answer in answers:
        assert 403 == answer.status_code, answer.text
        assert "replay_live_data_refused" == answer.json()["error"]["code"]
        assert "PRIVATE" not in answer.text
    assert [] == stand_in.seen
    allowed = serve(mode="once", api_base=stand_in.url, allow_live=True)
    for line in lines[:2]:
        assert 200 == allowed.get(path, headers=line).status_code


def test_an_unpinned_client_gets_the_accounts_version(recording: Served) -> None:
    """As from the live API."""
    assert PREVIEW == recording.retrieve(version=None).headers["Stripe-Version"]


def test_new_episodes_records_another_take(stand_in: StandIn, serve: Serve) -> None:
    """What was recorded comes first; a named session starts with it again."""
    served = serve(mode="new_episodes", api_base=stand_in.url)
    statuses: list[Any] = [served.retrieve().json()["status"]]
    stand_in.add_invoice(DRAFT, status="paid")
    statuses.append(served.retrieve().json()["status"])
    again = {"Replay-Session": "again"}
    statuses += [served.retrieve(**again).json()["status"] for _ in range(2)]
    assert ["draft", "paid", "draft", "paid"] == statuses


def test_a_header_that_http_forbids_is_no_call(recording: Served, stand_in: StandIn) -> None:
    """The message names the header, not its value."""
    answer = recording.get(
        f"/v1/invoices/{DRAFT}", headers={"Authorization": b"Bearer sk_test_\xffPRIVATE"}
    )
    assert 400 == answer.status_code
    assert "PRIVATE" not in answer.text
    assert [] == stand_in.seen
