"""Pages whose token encodes text: followed while recording and offline, the token never written."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
import requests
import stripe
from support.command import replay_command
from support.standin import NEW, StandIn, generated

import replay
from replay.config import resolve
from replay.server import create_app
from replay.server.running import ServerThread

KEY = "sk_test_x"
EVENTS = [generated("evt_test", f"page{n}") for n in range(5)]
INVOICES = [generated("in", f"page{n}") for n in range(5)]
SECRET = "jane.PRIVATE@example.net"


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


JWT = "eyJhbGciOiJIUzI1NiJ9.{}.c2lnbmF0dXJlc2lnbmF0dXJl"
FORMS: dict[str, tuple[Callable[[bytes], str], Callable[[str], bytes]]] = {
    "base64": (lambda data: base64.b64encode(data).decode(), base64.b64decode),
    "url-safe": (
        lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
        lambda token: base64.urlsafe_b64decode(_padded(token)),
    ),
    "twice": (
        lambda data: base64.b64encode(base64.b64encode(data)).decode(),
        lambda token: base64.b64decode(base64.b64decode(token)),
    ),
    "JWT": (
        lambda data: JWT.format(base64.urlsafe_b64encode(data).decode().rstrip("=")),
        lambda token: base64.urlsafe_b64decode(_padded(token.split(".")[1])),
    ),
    "compressed": (
        lambda data: base64.urlsafe_b64encode(zlib.compress(data)).decode(),
        lambda token: zlib.decompress(base64.urlsafe_b64decode(token)),
    ),
    "hex": (lambda data: data.hex(), bytes.fromhex),
    "as it is": (bytes.decode, str.encode),
    "percent": (lambda data: quote(data, safe=""), lambda token: unquote(token).encode()),
}
"""How a source may write its page tokens, and read them."""


class Source(StandIn):
    """A source whose page tokens are JSON in one of these forms, with an e-mail address in it."""

    def __init__(self, form: str = "url-safe") -> None:
        super().__init__()
        self.encode, self.decode = FORMS[form]
        for id in EVENTS:
            self.add(
                f"/v2/core/events/{id}", {"id": id, "object": "v2.core.event", "livemode": False}
            )
        self.lists = {
            "/v2/core/events": [f"/v2/core/events/{id}" for id in EVENTS],
            "/v1/invoices/search": [f"/v1/invoices/{self.add_invoice(id)}" for id in INVOICES],
        }

    def _page(self, path: str, version: str, asked: dict[str, str]) -> Any:
        start = json.loads(self.decode(asked["page"]))["at"] if "page" in asked else 0
        limit, paths = int(asked.get("limit", "2")), self.lists[path]
        data = [self.objects[p](version, []) for p in paths[start : start + limit]]
        back, on = self.token(start - limit), self.token(start + limit)
        more = start + limit < len(paths)
        if "search" in path:
            found = {"object": "search_result", "data": data, "has_more": more, "url": path}
            return found | {"next_page": on if more else None}
        url = f"{path}?limit={limit}&page="
        return {
            "data": data,
            "next_page_url": url + quote(on, safe="") if more else None,
            "previous_page_url": url + quote(back, safe="") if start else None,
        }

    def token(self, at: int) -> str:
        """The token of the page that starts there."""
        return self.encode(json.dumps({"at": at, "by": SECRET}).encode())


def events(client: Any) -> list[str]:
    return [one.id for one in client.v2.core.events.list({"limit": 2}).auto_paging_iter()]


def searched(client: Any) -> list[str]:
    found = client.v1.invoices.search({"query": "status:'paid'", "limit": 2})
    return [one.id for one in found.auto_paging_iter()]


@pytest.fixture
def source() -> Any:
    with Source() as server:
        yield server


def client_of(url: str | None = None) -> Any:
    return stripe.StripeClient(KEY, base_addresses={"api": url} if url else {})


@pytest.mark.parametrize("masks", ["false", "true"])
def test_all_pages_are_recorded_and_replayed(
    source: Source, library: Path, monkeypatch: pytest.MonkeyPatch, masks: str
) -> None:
    """The SDK follows the stand-ins, forwards; each page is a call of its own."""
    monkeypatch.setenv("REPLAY_PSEUDONYMISE_IDS", masks)
    with replay.use_cassettes(library, mode="once", api_base=source.url) as session:
        recorded = events(client_of()), searched(client_of())
        assert (6, []) == (session.counts.recorded, session.notes)
    if masks == "false":
        assert (EVENTS, INVOICES) == recorded
    asked = 6
    assert asked == source.hits["/v2/core/events"] + source.hits["/v1/invoices/search"]
    source.stop()
    with replay.use_cassettes(library) as session:
        assert recorded == (events(client_of()), searched(client_of()))
        assert 6 == session.counts.played
    texts = [path.read_text("utf-8") for path in library.rglob("*.yaml")]
    assert 6 == len(texts)
    assert all("PRIVATE" not in text and source.token(2) not in text for text in texts)
    assert 6 == sum("page_Redacted" in text for text in texts)
    verified = replay_command("verify", "--deep", "--library", library)
    assert (0, True) == (verified.code, "no findings" in verified.out), verified.out
    assert 0 == replay_command("scan", library).code


@pytest.mark.parametrize("form", FORMS)
def test_tokens_of_each_form(form: str, library: Path, tmp_path: Path) -> None:
    """Followed while recording, offline and over the server; in no form are they written."""
    with Source(form) as source:
        for mode in ("once", "none"):
            with replay.use_cassettes(library, mode=mode, api_base=source.url):
                assert (EVENTS, INVOICES) == (events(client_of()), searched(client_of()))
            app = create_app(resolve(library=tmp_path / "served", mode=mode, api_base=source.url))
            with ServerThread(app) as server:
                client = client_of(server.url)
                assert (EVENTS, INVOICES) == (events(client), searched(client))
            app.sessions.close()
        assert 12 == source.hits["/v2/core/events"] + source.hits["/v1/invoices/search"]
        tokens = {text for at in (2, 4) for text in (source.token(at), quote(source.token(at)))}
    written = "".join(path.read_text("utf-8") for path in tmp_path.rglob("*.yaml"))
    assert "PRIVATE" not in written
    assert not [token for token in tokens if token in written]


def test_the_same_stand_ins_are_given_again(source: Source, library: Path) -> None:
    """Re-recorded in mode all, no file changes; a page by its own is told how to be recorded."""
    with replay.use_cassettes(library, mode="once", api_base=source.url):
        events(client_of())
    before = {path: path.read_bytes() for path in library.glob("v2/**/*.yaml")}
    with replay.use_cassettes(library, mode="all", api_base=source.url):
        assert EVENTS == events(client_of())
    assert before == {path: path.read_bytes() for path in library.glob("v2/**/*.yaml")}
    second = next(path for path in before if "limit-2-page" in str(path))
    second.unlink()
    with (
        pytest.raises(replay.ReplayError, match="a page by a stand-in") as caught,
        replay.use_cassettes(library, mode="once", api_base=source.url),
    ):
        events(client_of())
    assert "mode all" in caught.value.hint


def test_a_raw_view_keeps_pages_apart_too(source: Source, library: Path) -> None:
    """The client follows the live token; the recording is that of the stand-in."""
    with replay.use_cassettes(
        library, mode="once", api_base=source.url, live_view="raw"
    ) as session:
        url = f"{source.url}/v2/core/events?limit=2"
        headers = {"Authorization": f"Bearer {KEY}", "Stripe-Version": NEW}
        first = requests.get(url, headers=headers, timeout=5).json()
        assert "page_Redacted" not in first["next_page_url"]
        requests.get(source.url + first["next_page_url"], headers=headers, timeout=5)
        assert (2, []) == (session.counts.recorded, session.notes)
    with replay.use_cassettes(library) as session:
        url = "https://api.stripe.com/v2/core/events?limit=2"
        first = requests.get(url, headers=headers, timeout=5).json()
        following = "https://api.stripe.com" + first["next_page_url"]
        second = requests.get(following, headers=headers, timeout=5).json()
    assert EVENTS[2:4] == [one["id"] for one in second["data"]]
    assert "PRIVATE" not in "".join(path.read_text("utf-8") for path in library.rglob("*.yaml"))


def test_over_the_server(source: Source, library: Path) -> None:
    """Any client's pages, while it records and offline."""
    for mode in ("once", "none"):
        app = create_app(resolve(library=library, mode=mode, api_base=source.url))
        with ServerThread(app) as server:
            assert EVENTS == events(client_of(server.url))
        app.sessions.close()
    assert 3 == source.hits["/v2/core/events"]


def test_an_upgrade_follows_the_pages(
    source: Source, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page is fetched at the new version with that version's own token."""
    with replay.use_cassettes(library, mode="once", api_base=source.url, api_version="2024-06-20"):
        searched(client_of())
    monkeypatch.setenv("STRIPE_API_KEY", KEY)
    monkeypatch.setenv("STRIPE_API_BASE", source.url)
    done = replay_command("upgrade", NEW, "--yes", "--library", library)
    assert 0 == done.code, done.err
    source.stop()
    with replay.use_cassettes(library, api_version=NEW) as session:
        assert INVOICES == searched(client_of())
        assert 3 == session.counts.played
