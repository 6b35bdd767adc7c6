"""What a live answer can carry beside its body: live-mode data, headers, a page of a list."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import pytest
from support.standin import DRAFT, OLD, StandIn, generated, invoice

import replay
from replay.config import Config
from replay.errors import LiveDataRefused
from replay.library import Library
from replay.library.format import codec
from replay.model.cassette import ObjectKey, Request, Response
from replay.model.modes import RecordMode
from replay.recording.recorder import Recorder, skeleton
from replay.redaction.gate import gate
from replay.session.session import OpenSession, open_session
from replay.stripe_api.call import read_call
from replay.stripe_api.headers import kept_headers, served_headers
from replay.stripe_api.versions import canonical_version

KEY = "sk_test_51QaTestPlantedKey"


@pytest.fixture
def source():
    with StandIn() as server:
        yield server


def ask(
    source: StandIn, library: Any, path: str = f"/v1/invoices/{DRAFT}"
) -> tuple[OpenSession, Response]:
    session = open_session(Config(str(library), RecordMode.ONCE, source.url, None))
    request = Request("GET", f"https://api.stripe.com{path}", (("Authorization", f"Bearer {KEY}"),))
    try:
        return session, session.answer(request)
    finally:
        session.close()


def test_a_page_of_live_objects_is_refused(source, tmp_path):
    page = {"object": "list", "data": [{"id": DRAFT, "object": "invoice", "livemode": True}]}
    source.add("/v1/invoices", page)
    with pytest.raises(LiveDataRefused):
        ask(source, tmp_path, "/v1/invoices")
    assert [] == list(tmp_path.rglob("*.yaml"))


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("content-type", "application/json; charset=utf-8", True),
        ("Content-Type", "text/html", False),
        ("Content-Type", "application/json; charset=greta", False),
        ("Stripe-Version", "2023-10-16; feature_beta=v1", True),
        ("Stripe-Version", "Greta Ohm", False),
        ("Retry-After", "3", True),
        ("Retry-After", "Greta", False),
        ("Stripe-Should-Retry", "true", True),
        ("Stripe-Should-Retry", "greta", False),
        ("Set-Cookie", "a=b", False),
        ("Request-Id", "req_QaTestAbCdEf01", False),
    ],
)
def test_a_header_is_written_where_its_value_says_nothing_else(name, value, kept):
    assert kept == bool(kept_headers(((name, value),), value))


BETA = "2024-06-20; a_beta=v1"


@pytest.mark.parametrize(
    ("pinned", "stated", "kept"),
    [
        (None, "2024-06-20; plantedjanedoe42=v1", "2024-06-20"),
        ("2024-06-20", "2024-06-20; plantedjanedoe42=v1", "2024-06-20"),
        (BETA, BETA, BETA),
        (BETA, "2024-06-20;a_beta=v1", "2024-06-20;a_beta=v1"),
        (BETA, "2024-06-20;plantedjanedoe42=v1;a_beta=v1", BETA),
        (BETA, "2024-06-20; a_beta=v12", "2024-06-20"),
        (BETA, "2024-06-20", "2024-06-20"),
    ],
)
def test_betas_that_the_request_did_not_name_are_not_written(
    source, tmp_path, pinned, stated, kept
):
    source.script = [(200, {"Stripe-Version": stated}, {"id": DRAFT, "object": "invoice"})]
    session = open_session(Config(str(tmp_path), RecordMode.ONCE, source.url, None))
    sent = [("Authorization", f"Bearer {KEY}"), *([("Stripe-Version", pinned)] if pinned else [])]
    path = f"https://api.stripe.com/v1/invoices/{DRAFT}"
    answer = session.answer(Request("GET", path, tuple(sent)))
    session.close()
    assert kept == dict(answer.headers)["Stripe-Version"]
    (file,) = tmp_path.rglob("*.yaml")
    assert "planted" not in file.name + file.read_text()
    ((_, cassette),) = Library(tmp_path).cassettes()
    assert canonical_version(kept) == cassette.api_version


@pytest.mark.parametrize(
    ("pinned", "stated", "kept"),
    [
        ("2025-03-31.basil", "2025-03-31.janedoe", False),
        (None, "2025-03-31.janedoe", False),
        ("2025-03-31.basil", "2025-03-31.basiljanedoe", False),
        (None, "1985-07-09", False),
        (None, "2024-19-85", False),
        (None, "2027-09-30.eucalyptus", False),
        ("2027-09-30.eucalyptus", "2027-09-30.eucalyptus", True),
        ("2027-09-30.eucalyptus; a_beta=v1", "2027-09-30.eucalyptus", True),
        ("2027-09-30.eucalyptus", "2027-10-28.eucalyptus", False),
        ("2024-06-20", "2026-10-28.endive", True),
        (None, "2027-01-28.preview", True),
        (None, "2013-08-12", True),
    ],
)
def test_a_train_is_one_that_is_known_or_that_the_request_named(
    source, tmp_path, pinned, stated, kept
):
    """A word of the source's own is written nowhere; what the client asks for by name works."""
    source.script = [(200, {"Stripe-Version": stated}, {"id": DRAFT, "object": "invoice"})]
    session = open_session(Config(str(tmp_path), RecordMode.ONCE, source.url, None))
    sent = [("Authorization", f"Bearer {KEY}"), *([("Stripe-Version", pinned)] if pinned else [])]
    path = f"https://api.stripe.com/v1/invoices/{DRAFT}"
    assert 200 == session.answer(Request("GET", path, tuple(sent))).status
    session.close()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [] == [f for f in files if "jane" in f.name + f.read_text()]
    assert kept == any(tmp_path.rglob("*.yaml"))
    assert kept == (not session.notes)
    assert kept or "ask for it by name" in session.notes[0]


def test_a_client_gets_the_headers_that_it_needs_to_read_an_unrecorded_answer():
    headers = (("Content-Type", "text/html"), ("Content-Encoding", "br"), ("Set-Cookie", "a"))
    assert (("Content-Type", "text/html"),) == served_headers(headers)
    assert ("Content-Encoding", "br") in served_headers(headers, "Content-Encoding")


def test_a_version_that_is_none_is_no_file_name(source, tmp_path):
    body = {"id": DRAFT, "object": "invoice", "customer_email": "greta@ohm.de"}
    source.script.append((200, {"Stripe-Version": "Greta Ohm"}, body))
    session, response = ask(source, tmp_path)
    assert [] == list(tmp_path.rglob("*.yaml"))
    assert any("not an API version" in note for note in session.notes)
    assert b"@example.com" in response.body
    assert b"greta" not in response.body.lower()


def test_a_client_that_asks_for_no_api_version_is_refused_before_it_goes_online(source, tmp_path):
    session = open_session(Config(str(tmp_path), RecordMode.ONCE, source.url, None))
    asked = Request("GET", f"{source.url}/v1/invoices/{DRAFT}", (("Stripe-Version", "greta"),))
    with pytest.raises(replay.ConfigError, match="not an API version") as refused:
        session.answer(asked)
    assert "greta" not in str(refused.value)
    assert 0 == sum(source.hits.values())


def test_a_call_that_is_never_recorded_is_not_said_to_be_recordable(source, tmp_path):
    """Private parameters keep a list from being recorded: no refusal says how to record it."""
    session = open_session(Config(str(tmp_path), RecordMode.NONE, source.url, None))
    with pytest.raises(replay.CassetteNotFound) as refused:
        session.answer(Request("GET", f"{source.url}/v1/customers?email=greta@ohm.de"))
    assert "does not record it: the value of email may be private" in str(refused.value)
    assert "REPLAY_MODE" not in str(refused.value)
    assert "greta" not in str(refused.value)


def test_a_field_that_stripe_adds_tomorrow_is_redacted_and_named(source, tmp_path, caplog):
    body = {**invoice(DRAFT, OLD), "loyalty_card": {"holder_words": "Greta Ohm", "points": 7}}
    source.add(f"/v1/invoices/{DRAFT}", body)
    with caplog.at_level(logging.DEBUG):
        session, response = ask(source, tmp_path)
    note = (
        "the policy does not know invoice/loyalty_card; it is redacted, unless null, true or false"
    )
    assert note in session.notes
    assert note in caplog.text
    assert {"/loyalty_card/holder_words": "text", "/loyalty_card/points": "int"}.items() <= (
        session.calls[0].take.redacted.items()
    )
    assert b"Greta" not in response.body


def test_the_log_of_the_http_client_is_silent_while_replay_fetches(source, tmp_path, caplog):
    with caplog.at_level(logging.DEBUG):
        ask(source, tmp_path, f"/v1/invoices/{DRAFT}?expand[]=payments")
    assert [] == [r for r in caplog.records if r.name.startswith(("httpx", "httpcore"))]


def test_reprs_show_no_address_header_or_parameter():
    request = Request("GET", "https://api.stripe.com/v1/customers?email=greta@ohm.de")
    response = Response(200, "Greta", (("Set-Cookie", "greta"),), b"greta")
    key = ObjectKey("customers", "", query="email=greta%40ohm.de")
    assert "greta" not in f"{request!r}{response!r}{key!r}".lower()


def test_a_page_of_a_hundred_invoices_is_redacted_and_checked_in_under_a_second(tmp_path):
    ids = [generated("in", f"speed{n}") for n in range(100)]
    page = {"object": "list", "data": [invoice(id, OLD) for id in ids], "has_more": True,
            "url": "/v1/invoices"}  # fmt: skip
    call = read_call(Request("GET", "https://api.stripe.com/v1/invoices"))
    recorder = Recorder(Library(tmp_path), "http://127.0.0.1:1")
    answer = Response(200, "OK", (("Stripe-Version", OLD),), json.dumps(page).encode())
    outcome = recorder._outcome(call, call, answer, "")
    recorder.append(call, outcome.version, [outcome])
    path = Library(tmp_path).path(call.key, OLD)
    cassette = codec.loads(path.read_bytes(), "f")
    best = 9.0
    for _ in range(3):
        start = time.process_time()
        searched, kept = skeleton(cassette, "f")
        gate(path.read_text("utf-8"), searched, outcome.originals, kept=kept, where="f")
        best = min(best, time.process_time() - start)
    assert len(outcome.originals) > 1000
    assert best < 1


def test_the_client_that_records_sees_what_replay_serves(source, tmp_path):
    first = ask(source, tmp_path)[1]
    session = open_session(Config(str(tmp_path), RecordMode.NONE, source.url, None))
    again = session.answer(Request("GET", f"https://api.stripe.com/v1/invoices/{DRAFT}"))
    assert first == again
    assert (
        replay.pseudonym(generated("cus", DRAFT), "email")
        == json.loads(first.body)["customer_email"]
    )
