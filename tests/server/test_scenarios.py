"""Scenarios over `replay serve`: recorded and played by clients in any language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.ledger import Ledger
from support.served import served_at

from replay.config import resolve

KEY = ("sk_test_x", "")
MAIL = "private.person@shop.example"


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """A source that takes writes."""
    with Ledger() as source:
        yield source


@pytest.fixture
def library() -> str:
    """An empty library."""
    Path("cassettes").mkdir()
    return "cassettes"


def post(url: str, path: str, **more: Any) -> httpx.Response:
    return httpx.post(f"{url}{path}", auth=KEY, **more)


def a_test(url: str, mail: str, headers: dict[str, str]) -> str:
    """Make, read and delete a customer."""
    made = post(url, "/v1/customers", data={"email": mail}, headers=headers).json()
    assert mail == made["email"], made
    path = f"{url}/v1/customers/{made['id']}"
    assert mail == httpx.get(path, auth=KEY, headers=headers).json()["email"]
    assert httpx.delete(path, auth=KEY, headers=headers).json()["deleted"] is True
    return str(made["id"])


def test_a_scenario_that_holds_the_server(ledger: Ledger, library: str) -> None:
    """From begin to end it answers every call; then another one may begin."""
    recording = resolve(library=library, mode="once", api_base=ledger.url)
    with served_at(recording) as url:
        assert 200 == post(url, "/_replay/scenarios/shop/refund/begin").status_code
        other = post(url, "/_replay/scenarios/other/begin")
        assert "has not ended" in other.text
        id = a_test(url, MAIL, {})
        ended = post(url, "/_replay/scenarios/shop/refund/end")
        assert (200, 3) == (ended.status_code, ended.json()["recorded"])
    assert MAIL not in next(Path(library).rglob("scenarios/shop/refund/*.yaml")).read_text()
    ledger.stop()
    with served_at(resolve(library=library, mode="none")) as url:
        post(url, "/_replay/scenarios/shop/refund/begin")
        assert id == a_test(url, "other@shop.example", {})
        assert 3 == post(url, "/_replay/scenarios/shop/refund/end").json()["played"]
        assert "writes are not recorded" in post(url, "/v1/customers").text


def test_a_scenario_by_its_header(ledger: Ledger, library: str) -> None:
    """Two suites beside each other, each with its own; lanes are named by a header too."""
    with served_at(resolve(library=library, mode="once", api_base=ledger.url)) as url:
        ids = {name: a_test(url, MAIL, {"Replay-Scenario": name}) for name in ("one", "two")}
        for name in ids:
            assert 200 == post(url, f"/_replay/scenarios/{name}/end").status_code
    with served_at(resolve(library=library, mode="none")) as url:
        for name, id in ids.items():
            headers = {"Replay-Scenario": name, "Replay-Lane": "worker 1"}
            assert id == a_test(url, "b@shop.example", headers)


def test_what_is_not_ended_is_not_written(ledger: Ledger, library: str) -> None:
    """Nor is what failed, or what was refused."""
    with served_at(resolve(library=library, mode="once", api_base=ledger.url)) as url:
        a_test(url, MAIL, {"Replay-Scenario": "one"})
        a_test(url, MAIL, {"Replay-Scenario": "two"})
        post(url, "/_replay/scenarios/two/end?failed=true")
        assert "has not begun" in post(url, "/_replay/scenarios/three/end").text
    assert [] == list(Path(library).rglob("*.yaml"))


def test_the_end_names_writes_that_were_not_made(ledger: Ledger, library: str) -> None:
    """The suite's runner sees it as an error."""
    with served_at(resolve(library=library, mode="once", api_base=ledger.url)) as url:
        a_test(url, MAIL, {"Replay-Scenario": "one"})
        post(url, "/_replay/scenarios/one/end")
    with served_at(resolve(library=library, mode="none")) as url:
        post(url, "/_replay/scenarios/one/begin")
        post(url, "/v1/customers", data={"email": MAIL})
        ended = post(url, "/_replay/scenarios/one/end")
        assert 400 <= ended.status_code
        assert "step 2 (DELETE /v1/customers/{0/id})" in ended.text


def test_a_refusal_says_what_differs(ledger: Ledger, library: str) -> None:
    """In the form of Stripe's own errors."""
    with served_at(resolve(library=library, mode="once", api_base=ledger.url)) as url:
        a_test(url, MAIL, {"Replay-Scenario": "one"})
        post(url, "/_replay/scenarios/one/end")
    with served_at(resolve(library=library, mode="none")) as url:
        data = {"email": MAIL, "name": "Ann"}
        answer = post(url, "/v1/customers", data=data, headers={"Replay-Scenario": "one"})
        assert "step 0 has no name" in answer.json()["error"]["message"]


def test_writes_may_go_to_a_stand_in(ledger: Ledger, library: str) -> None:
    """Reads come from the library all the same; a live-mode key is sent nowhere."""
    from replay.server import create_app

    app = create_app(resolve(library=library, mode="none"), writes_to=ledger.url)
    with served_at(app) as url:
        made = post(url, "/v1/customers", data={"email": MAIL})
        assert (200, MAIL) == (made.status_code, made.json()["email"])
        read = httpx.get(f"{url}/v1/customers/{made.json()['id']}", auth=KEY)
        assert "is not recorded" in read.text
        live = httpx.post(f"{url}/v1/customers", auth=("sk_" + "live_x", ""))
        assert 400 <= live.status_code
    assert 1 == len(ledger.arrived)
