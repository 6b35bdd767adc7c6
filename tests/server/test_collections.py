"""Lists, searches and previews through the server: while it records, and in mode none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from support.served import Served
from support.standin import NEW, StandIn, generated, invoice

Serve = Callable[..., Served]
SEVEN = [generated("in", f"list{n}") for n in range(7)]
PREVIEW_OF = "/v1/invoices/create_preview"
HEADERS = {"Stripe-Version": NEW}


@pytest.fixture
def recording(stand_in: StandIn, serve: Serve) -> Served:
    """A server in mode once; its source has a list, a search and a preview."""
    paths = [f"/v1/invoices/{stand_in.add_invoice(id)}" for id in SEVEN]
    stand_in.lists = {"/v1/invoices": paths, "/v1/invoices/search": paths[:2]}
    preview = invoice(generated("in", "preview"), NEW)
    stand_in.add(PREVIEW_OF, {**preview, "id": "upcoming_in_1Abc2Def3Ghi4"})
    return serve(mode="once", api_base=stand_in.url)


def offline(stand_in: StandIn, serve: Serve) -> Served:
    """A server of what was recorded, in mode none; the live source is gone."""
    stand_in.stop()
    return serve()


def not_recorded(answer: httpx.Response) -> str:
    """The message of an answer that must say that something is missing."""
    assert 404 == answer.status_code, answer.text
    assert "replay_not_recorded" == answer.json()["error"]["code"]
    return str(answer.json()["error"]["message"])


def test_the_pages_of_a_list(
    recording: Served, stand_in: StandIn, serve: Serve, library: Path
) -> None:
    """Each page is a call of its own; offline they are the same bytes, and a page beyond is
    missing."""

    def pages(served: Served) -> list[bytes]:
        found = [served.get("/v1/invoices?limit=3", headers=HEADERS)]
        while found[-1].json()["has_more"]:
            last = found[-1].json()["data"][-1]["id"]
            query = f"limit=3&starting_after={last}"
            found.append(served.get(f"/v1/invoices?{query}", headers=HEADERS))
        return [page.content for page in found]

    first = pages(recording)
    assert 3 == len(first)
    assert 3 == recording.app.sessions.of("").session.counts.recorded
    assert b"PRIVATE" not in b"".join(first)
    served = offline(stand_in, serve)
    assert first == pages(served)
    ids = [
        row["id"]
        for page in pages(served)
        for row in httpx.Response(200, content=page).json()["data"]
    ]
    assert SEVEN == ids
    message = not_recorded(served.get("/v1/invoices?limit=4", headers=HEADERS))
    assert "limit" in message
    assert all("PRIVATE" not in path.read_text("utf-8") for path in library.rglob("*.yaml"))


def test_a_search(recording: Served, stand_in: StandIn, serve: Serve) -> None:
    """It is found by its query, in whatever order the parameters come."""
    asked = {"query": "status:'open'", "limit": "1"}
    first = recording.get("/v1/invoices/search", params=asked, headers=HEADERS)
    assert "search_result" == first.json()["object"]
    assert 1 == recording.app.sessions.of("").session.counts.recorded
    served = offline(stand_in, serve)
    turned = dict(reversed(asked.items()))
    assert first.content == served.get(
        "/v1/invoices/search", params=turned, headers=HEADERS
    ).content  # fmt: skip
    other = {**asked, "query": "status:'paid'"}
    not_recorded(served.get("/v1/invoices/search", params=other, headers=HEADERS))


def test_a_preview(recording: Served, stand_in: StandIn, serve: Serve) -> None:
    """A POST that reads is answered by its form; another form is missing."""
    asked = {"customer": generated("cus", "a"), "automatic_tax[enabled]": "false"}
    first = recording.post(PREVIEW_OF, data=asked, headers=HEADERS)
    assert "upcoming_in_1Abc2Def3Ghi4" == first.json()["id"]
    assert 1 == recording.app.sessions.of("").session.counts.recorded
    served = offline(stand_in, serve)
    turned = dict(reversed(asked.items()))
    assert first.content == served.post(PREVIEW_OF, data=turned, headers=HEADERS).content
    less = {"customer": asked["customer"]}
    not_recorded(served.post(PREVIEW_OF, data=less, headers=HEADERS))


def test_a_private_parameter_is_served_but_not_recorded(
    recording: Served, library: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What a person's data is asked by is written nowhere, neither in files nor on pages."""
    answer = recording.get("/v1/invoices?email=PRIVATE%40example.net", headers=HEADERS)
    assert 7 == len(answer.json()["data"])
    assert 0 == recording.app.sessions.of("").session.counts.recorded
    pages = "".join(recording.get(f"/_replay/{name}.json").text for name in ("state", "recorded"))
    files = [str(path) for path in library.rglob("*")] if library.exists() else []
    assert "PRIVATE" not in f"{answer.text}{pages}{files}{caplog.text}"
    assert [] == [name for name in files if name.endswith(".yaml")]
