"""The server answers as a session in the process does: versions, takes, expand, refusals."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from support.served import GONE, KEY, OTHER, Served
from support.standin import DRAFT, NEW, OLD, PAYMENT, StandIn, generated
from support.waiting import HANGS, wait_until

import replay
from replay.config import resolve
from replay.library.location import display_path
from replay.server import create_app
from replay.server.app import MAX_BODY
from replay.server.running import ServerThread

Serve = Callable[..., Served]
LATE = generated("in", "late")


def refused(answer: httpx.Response, status: int, code: str) -> Any:
    """The error of an answer that must be a refusal."""
    assert status == answer.status_code, answer.text
    assert "false" == answer.headers["Stripe-Should-Retry"]
    assert "application/json" == answer.headers["Content-Type"]
    error = answer.json()["error"]
    assert code == error["code"]
    assert ("invalid_request_error" if status < 500 else "api_error") == error["type"]
    return error


def test_bytes_and_headers_are_those_of_the_session(served: Served, recorded: Path) -> None:
    """A client of the server gets what a client in the process gets."""
    url = f"https://api.stripe.com/v1/invoices/{DRAFT}"
    with replay.use_cassettes(recorded), httpx.Client(trust_env=False) as client:
        inside = client.get(url, headers={"Stripe-Version": OLD})
    outside = served.retrieve(DRAFT, OLD)
    assert inside.content == outside.content
    assert inside.status_code == outside.status_code
    assert dict(inside.headers) == dict(outside.headers)


def test_versions(served: Served) -> None:
    """Each version has its own shape; an unpinned call of an object at two is refused."""
    assert "payment_intent" in served.retrieve(DRAFT, OLD).json()
    assert "payment_intent" not in served.retrieve(DRAFT, NEW).json()
    assert 200 == served.get(f"/v1/invoice_payments/{PAYMENT}").status_code
    error = refused(served.retrieve(DRAFT, None), 404, "replay_not_recorded")
    assert "several API versions" in error["message"]
    error = refused(served.retrieve(DRAFT, "2019-01-01"), 404, "replay_not_recorded")
    assert f"recorded: {OLD}, {NEW}" in error["message"]


def test_one_version_for_all(recorded: Path, serve: Serve) -> None:
    """`--api-version` answers whatever the client pins."""
    served = serve(api_version=OLD)
    assert "payment_intent" in served.retrieve(DRAFT, NEW).json()
    assert "payment_intent" in served.retrieve(DRAFT, None).json()


@pytest.mark.parametrize(
    "query",
    ["expand[]=payments", "expand[0]=payments", "expand%5B%5D=payments", "expand%5B0%5D=payments",
     "expand=payments", "expand[]=payments&expand[]=payments"],
)  # fmt: skip
def test_expand_in_every_spelling(served: Served, query: str) -> None:
    """It names another recording than the call without."""
    headers = {"Stripe-Version": NEW}
    expanded = served.get(f"/v1/invoices/{OTHER}?{query}", headers=headers).json()
    assert "list" == expanded["payments"]["object"]
    assert "payments" not in served.retrieve(OTHER).json()
    error = refused(
        served.get(f"/v1/invoices/{DRAFT}?{query}", headers=headers), 404, "replay_not_recorded"
    )
    assert "is not recorded with expand payments" in error["message"]


def test_a_recorded_404_is_no_refusal(served: Served) -> None:
    """What Stripe said of an object that is gone is replayed as it was."""
    answer = served.retrieve(GONE)
    assert 404 == answer.status_code
    assert "resource_missing" == answer.json()["error"]["code"]
    assert "Stripe-Should-Retry" not in answer.headers


def test_head_has_no_body(served: Served) -> None:
    """HEAD is answered with the headers alone, among them the length that GET has."""
    path, headers = f"/v1/invoices/{DRAFT}", {"Stripe-Version": NEW}
    answer, whole = served.head(path, headers=headers), served.get(path, headers=headers)
    assert str(len(whole.content)) == whole.headers["Content-Length"]
    assert whole.headers["Content-Length"] == answer.headers["Content-Length"]
    assert (200, b"") == (answer.status_code, answer.content)
    assert NEW == answer.headers["Stripe-Version"]


def test_not_recorded_says_what_is_near_and_how_to_record(served: Served) -> None:
    """The message that a client shows has all that the in-process refusal has."""
    error = refused(served.retrieve(DRAFT[:-1] + "w"), 404, "replay_not_recorded")
    assert f"invoices {DRAFT[:-1]}w is not recorded" in error["message"]
    assert f"nearest IDs: {DRAFT}" in error["message"]
    assert error["replay_command"].startswith(
        f"replay record invoices {DRAFT[:-1]}w --api-version {NEW}"
    )
    assert error["replay_command"] in error["message"]


def test_a_private_id_stays_out_of_the_refusal(served: Served) -> None:
    """A person may have chosen it."""
    answer = served.get("/v1/customers/jenny.rosen@example.com")
    error = refused(answer, 404, "replay_not_recorded")
    assert "jenny" not in answer.text
    assert "replay_command" not in error


@pytest.mark.parametrize(
    ("method", "path", "what"),
    [
        ("POST", f"/v1/invoices/{DRAFT}", "writes are not recorded"),
        ("DELETE", f"/v1/invoices/{DRAFT}", "writes are not recorded"),
        ("GET", "/v1/nothing/of/the/sort", "does not know this read"),
        ("GET", "/favicon.ico", "does not know this read"),
        ("GET", "/v1/quotes/qt_1ABCDEFGHIJKLMNO/pdf", "a file, not JSON"),
    ],
)
def test_what_is_no_read_is_refused(served: Served, method: str, path: str, what: str) -> None:
    """With a code of its own, and advice for clients that are not in Python."""
    error = refused(served.request(method, path), 400, "replay_call_refused")
    assert what in error["message"]
    assert "use_cassettes" not in error["message"]


def test_damage_is_an_error_of_the_server(served: Served, recorded: Path) -> None:
    """It is never taken for missing, and no client asks again."""
    path = recorded / "invoices" / DRAFT / f"{NEW}.yaml"
    path.write_text(path.read_text("utf-8")[:-40], "utf-8")
    error = refused(served.retrieve(), 500, "replay_cassette_damaged")
    assert str(path) in error["message"]
    assert 200 == served.retrieve(OTHER).status_code


def test_takes_come_in_order_and_a_reset_starts_afresh(
    stand_in: StandIn, library: Path, serve: Serve
) -> None:
    """The second take is the paid invoice; after a reset the first is served again."""
    with replay.use_cassettes(library, mode="new_episodes", api_base=stand_in.url):
        headers = {"Authorization": f"Bearer {KEY}", "Stripe-Version": NEW}
        httpx.get(f"{stand_in.url}/v1/invoices/{DRAFT}", headers=headers)
        stand_in.add_invoice(DRAFT, status="paid")
        httpx.get(f"{stand_in.url}/v1/invoices/{DRAFT}", headers=headers)
    stand_in.stop()
    served = serve()
    assert ["draft", "paid", "paid"] == [served.retrieve().json()["status"] for _ in range(3)]
    ended = served.reset().json()
    assert (3, 0, 0) == (ended["played"], ended["recorded"], ended["refused"])
    assert "draft" == served.retrieve().json()["status"]
    named = [served.retrieve(**{"Replay-Session": "one"}).json()["status"] for _ in range(2)]
    assert ["draft", "paid"] == named
    assert "draft" == served.retrieve(**{"Replay-Session": "two"}).json()["status"]
    assert "paid" == served.retrieve().json()["status"]
    assert 2 == served.reset("one").json()["played"]
    assert "draft" == served.retrieve(**{"Replay-Session": "one"}).json()["status"]


def test_an_override_is_for_one_session_until_its_reset(served: Served) -> None:
    """In any language: `POST /_replay/override`, with the session's name in the header."""
    url, name = f"{served.url}/_replay/override", {"Replay-Session": "suite/one"}
    patch = {"resource": "invoices", "id": "*", "patch": {"status": "void"}}
    assert 200 == httpx.post(url, json=patch, headers=name).status_code
    assert "void" == served.retrieve(**name).json()["status"]
    assert "draft" == served.retrieve().json()["status"]
    fault = {"resource": "payment_intents", "id": None, "fault": "card_declined"}
    assert 200 == httpx.post(url, json=fault, headers=name).status_code
    headers = {"Authorization": f"Bearer {KEY}", **name}
    declined = httpx.post(f"{served.url}/v1/payment_intents", headers=headers)
    assert (402, "card_declined") == (declined.status_code, declined.json()["error"]["code"])
    assert 2 == served.reset("suite/one").json()["overridden"]
    assert "draft" == served.retrieve(**name).json()["status"]


def test_an_override_breaks_the_connection(served: Served) -> None:
    """As a client sees it live; afterwards the recording answers."""
    for error in ("reset", "timeout"):
        given = {"resource": "invoices", "id": "*", "error": error, "times": 1}
        assert 200 == served.post("/_replay/override", json=given).status_code
    path = f"/v1/invoices/{DRAFT}"
    with pytest.raises(httpx.ReadTimeout):
        served.get(path, timeout=httpx.Timeout(HANGS, read=0.1))
    with pytest.raises(httpx.ReadError) as caught:
        served.get(path)
    assert "reset" in str(caught.value).lower()
    assert "draft" == served.retrieve().json()["status"]
    ended = served.reset().json()
    assert (2, 0) == (ended["overridden"], ended["refused"])


def test_a_server_ends_while_a_client_waits_for_no_answer(recorded: Path) -> None:
    """The connection ends at once, long before the time that open requests have."""
    app = create_app(resolve(library=recorded, mode="none"))
    server = ServerThread(app)
    session = app.sessions.of("").session
    session.override("invoices", DRAFT, error="timeout")
    at = httpx.URL(server.url)
    with socket.create_connection((at.host, at.port or 0), timeout=HANGS) as client:
        head = f"GET /v1/invoices/{DRAFT} HTTP/1.1\r\nHost: {at.host}"
        client.sendall(f"{head}\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode())
        wait_until(lambda: session.counts.overridden)
        stopping = Thread(target=server.stop)
        stopping.start()
        assert b"" == client.recv(1)
    stopping.join()
    app.sessions.close()


def test_another_asgi_server_breaks_no_connection(recorded: Path) -> None:
    """The call is refused, with what to do."""
    app = create_app(resolve(library=recorded, mode="none"))
    app.sessions.of("").session.override("invoices", DRAFT, error="reset")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport) as client:
            headers = {"Authorization": f"Bearer {KEY}"}
            return await client.get(f"http://127.0.0.1/v1/invoices/{DRAFT}", headers=headers)

    answer = asyncio.run(ask())
    assert 500 == answer.status_code
    assert "run the app with replay serve" in answer.json()["error"]["message"]
    app.sessions.close()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[]", "an override names a resource and an id"),
        (b"{", "an override names a resource and an id"),
        (b'{"resource": "invoices", "id": "*", "fault": "card_decline"}', "did you mean"),
    ],
)
def test_what_is_no_override_is_refused(served: Served, body: bytes, said: str) -> None:
    """With what to send instead."""
    answer = httpx.post(f"{served.url}/_replay/override", content=body)
    assert 400 <= answer.status_code < 600
    assert said in answer.json()["error"]["message"]


def test_a_reset_tells_what_was_refused(served: Served) -> None:
    """So that any language's suite can fail for a refusal that the code swallowed."""
    served.retrieve(LATE, **{"Replay-Session": "suite/one"})
    ended = served.reset("suite/one").json()
    assert ("suite/one", 1) == (ended["session"], ended["refused"])
    assert f"invoices {LATE} is not recorded" in ended["refusals"][0]
    assert 0 == served.reset("suite/one").json()["refused"]


def test_what_is_recorded_meanwhile_is_found(served: Served, recorded: Path) -> None:
    """Who runs the command that a refusal names need not restart or reset the server."""
    assert 404 == served.retrieve(LATE).status_code
    with StandIn() as live:
        live.add_invoice(LATE)
        with replay.use_cassettes(recorded, mode="once", api_base=live.url):
            headers = {"Authorization": f"Bearer {KEY}", "Stripe-Version": NEW}
            httpx.get(f"{live.url}/v1/invoices/{LATE}", headers=headers)
    assert 200 == served.retrieve(LATE).status_code


def test_refusals_are_said_once_in_the_log_and_without_the_key(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """A person at the terminal sees what is missing; nothing says who asked."""
    with caplog.at_level(logging.WARNING, "replay.server"):
        for _ in range(3):
            served.retrieve(LATE)
    told = [record.getMessage() for record in caplog.records]
    assert 1 == len(told)
    assert f"invoices {LATE} is not recorded" in told[0]
    assert "PRIVATE" not in told[0]


def test_every_refusal_counts_has_a_next_line_and_an_id(served: Served) -> None:
    """Also of requests that reach no session: too large, with a bad session name, malformed."""
    large = served.post("/v1/invoices", content=b"x" * (MAX_BODY + 1))
    named = served.get(f"/v1/invoices/{DRAFT}", headers={"Replay-Session": "no name!"})
    heavy = served.get(f"/v1/invoices/{DRAFT}", headers={"X-Filler": "x" * 40_000})
    for answer, status in ((large, 413), (named, 400), (heavy, 431)):
        error = refused(answer, status, "replay_call_refused")
        assert "\n  next: " in error["message"]
        assert re.fullmatch("req_replay[0-9a-f]{10}", answer.headers["Request-Id"])
    summary = served.reset().json()
    assert (3, 3) == (summary["refused"], len(summary["refusals"]))
    assert 3 == served.app.journal.refused
    missing = served.retrieve("in_1ABCDEFGHIJKLMNOP", **{"Replay-Session": "checkout"})
    large = served.post(
        "/v1/invoices", content=b"x" * (MAX_BODY + 1), headers={"Replay-Session": "checkout"}
    )
    assert (404, 413) == (missing.status_code, large.status_code)
    assert 2 == served.reset("checkout").json()["refused"]


def test_a_list_that_is_missing_is_told_for_clients_of_a_server(
    stand_in: StandIn, library: Path, serve: Serve
) -> None:
    """What is recorded nearby, and how this client records it: no word of Python."""
    stand_in.lists = {"/v1/invoices": [f"/v1/invoices/{stand_in.add_invoice(OTHER)}"]}
    recording = serve(mode="once", api_base=stand_in.url)
    for query in (
        "?limit=10",
        "",
        "?customer=cus_1ABCDEFGHIJKLMNO&limit=3",
        "?limit=77&status=paid",
    ):
        assert 200 == recording.get(f"/v1/invoices{query}").status_code
    error = refused(serve().get("/v1/invoices?limit=5"), 404, "replay_not_recorded")
    nearby = "limit=10, limit=77&status=paid"
    assert f"recorded with other parameters: none at all, {nearby}" in error["message"]
    named = f"--library {display_path(library)}"
    assert f"replay serve --mode once {named}" in error["message"]
    assert "REPLAY_" not in error["message"]
    assert "replay_command" not in error


def test_another_version_is_told_for_clients_of_a_server(served: Served) -> None:
    """The option of the server, not an argument in Python."""
    error = refused(served.retrieve(version="2026-01-28.clover"), 404, "replay_not_recorded")
    assert f"replay serve --api-version {NEW} --library " in error["message"]
    assert "use_cassettes" not in error["message"]


def test_a_policy_that_cannot_be_used_stops_the_start(recorded: Path, serve: Serve) -> None:
    """Else each answer would be an error of the server."""
    Path("replay-policy.toml").write_text("[[kep]]\n")
    with pytest.raises(replay.errors.PolicyError):
        serve()
