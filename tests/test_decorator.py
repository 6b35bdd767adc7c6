"""use_cassettes as its users write it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import stripe
from support.clients import stripe_client
from support.standin import DRAFT, StandIn

import replay

URL = f"https://api.stripe.com/v1/invoices/{DRAFT}"


@pytest.fixture
def recorded(stand_in: StandIn, library: Path) -> Path:
    """A library with the draft invoice, recorded through the SDK, the source then stopped."""
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        stripe_client(stand_in.url, stripe.RequestsClient()).v1.invoices.retrieve(DRAFT)
    stand_in.stop()
    return library


def test_the_bare_decorator_reads_the_default_library(recorded: Path) -> None:
    """`@replay.use_cassettes` answers from ./cassettes."""

    @replay.use_cassettes
    def retrieve(id: str) -> str:
        """Say the status."""
        return stripe.StripeClient("sk_test_x").v1.invoices.retrieve(id).status

    assert "draft" == retrieve(DRAFT)
    assert ("retrieve", "Say the status.") == (retrieve.__name__, retrieve.__doc__)
    assert ["id"] == list(inspect.signature(retrieve).parameters)


def test_the_decorator_takes_a_library_and_wraps_coroutine_functions(recorded: Path) -> None:
    """`@replay.use_cassettes("path")` keeps a coroutine function one."""

    @replay.use_cassettes(recorded)
    async def retrieve() -> str:
        http_client = stripe.HTTPXClient()
        client = stripe.StripeClient("sk_test_x", http_client=http_client)
        found = await client.v1.invoices.retrieve_async(DRAFT)
        await http_client.close_async()
        return found.status

    assert inspect.iscoroutinefunction(retrieve)
    assert "draft" == asyncio.run(retrieve())


def test_it_is_a_context_manager_sync_and_async(recorded: Path) -> None:
    """`with` and `async with` give the session, which counts what it played."""
    with replay.use_cassettes(recorded) as session:
        requests.get(URL, timeout=5)
    assert 1 == session.tally.played

    async def block() -> int:
        async with replay.use_cassettes(recorded) as session:
            await asyncio.to_thread(requests.get, URL, timeout=5)
        return session.tally.played

    assert 1 == asyncio.run(block())


def test_the_inner_of_nested_sessions_answers_and_the_outer_comes_back(
    recorded: Path, tmp_path: Path
) -> None:
    """Inside the inner block only the inner library is asked."""
    empty = tmp_path / "empty"
    empty.mkdir()
    with replay.use_cassettes(recorded) as outer:
        with pytest.raises(replay.CassetteNotFound), replay.use_cassettes(empty):
            requests.get(URL, timeout=5)
        assert "draft" == requests.get(URL, timeout=5).json()["status"]
    assert 1 == outer.tally.played
    assert [] == outer.refusals


def test_each_call_has_a_session_of_its_own(stand_in: StandIn, library: Path) -> None:
    """Takes start again at the first with every decorated call."""
    path = f"/v1/invoices/{DRAFT}"
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        requests.get(stand_in.url + path, timeout=5)
        stand_in.add_invoice(DRAFT, status="paid")
        requests.get(stand_in.url + path, timeout=5)

    @replay.use_cassettes(library)
    def statuses(depth: int) -> list[str]:
        inner = statuses(depth - 1) if depth else []
        return [requests.get(URL, timeout=5).json()["status"] for _ in range(3)] + inner

    assert ["draft", "paid", "paid"] * 2 == statuses(1)
    assert ["draft", "paid", "paid"] == statuses(0)


def test_a_swallowed_refusal_still_fails_the_session(recorded: Path) -> None:
    """Code that catches everything cannot hide that a call was refused."""
    with pytest.raises(replay.CassetteNotFound) as refused, replay.use_cassettes(recorded):
        _ask_and_hide()
    assert any("caught this refusal" in note for note in refused.value.__notes__)


def test_an_error_made_of_a_refusal_says_what_lies_behind(recorded: Path) -> None:
    """An AssertionError that follows a swallowed refusal carries its text as a note."""
    with pytest.raises(AssertionError) as failed, replay.use_cassettes(recorded):
        _ask_and_fail()
    assert any("is not recorded" in note for note in failed.value.__notes__)


def _ask_and_hide() -> None:
    with contextlib.suppress(BaseException):
        requests.get(URL + "x", timeout=5)


def _ask_and_fail() -> None:
    _ask_and_hide()
    raise AssertionError("no invoice")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"mode": "onse"}, "use one of: none, once, new_episodes, all"),
        ({"moed": "once"}, "did you mean mode?"),
        ({"live_view": "clear"}, "use 'redacted' or 'raw'"),
        ({"api_base": "http://api.example.com"}, "use https"),
        ({"api_version": "new\nest"}, "a version looks like"),
        ({"library": "no/such/place"}, "record into it"),
    ],
)
def test_a_setting_that_cannot_be_used_fails_at_decoration(
    settings: dict[str, str], says: str
) -> None:
    """A misspelt option, mode or path fails where it is written, and says what is right."""
    library = {"library": settings.pop("library", ".")}
    with pytest.raises(replay.ConfigError, match=says):
        replay.use_cassettes(**library, **settings)


def test_the_raw_view_shows_live_data_but_never_in_ci(
    stand_in: StandIn, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """live_view="raw" is for a person at a desk; what is recorded is redacted all the same."""
    url = f"{stand_in.url}/v1/invoices/{DRAFT}"
    raw = replay.use_cassettes(library, mode="once", api_base=stand_in.url, live_view="raw")
    with raw:
        assert requests.get(url, timeout=5).json()["customer_name"].startswith("PRIVATE")
    assert all("PRIVATE" not in path.read_text() for path in library.rglob("*.yaml"))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(replay.ConfigError, match="refused where CI is set"):
        replay.use_cassettes(library, live_view="raw")


def test_the_mode_of_the_environment_counts_at_each_call(
    stand_in: StandIn, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REPLAY_MODE set after decoration is in force when the function runs."""
    library.mkdir()
    monkeypatch.setenv("STRIPE_API_BASE", stand_in.url)

    @replay.use_cassettes(library)
    def retrieve() -> str:
        return requests.get(URL, timeout=5).json()["id"]

    with pytest.raises(replay.CassetteNotFound):
        retrieve()
    monkeypatch.setenv("REPLAY_MODE", "once")
    assert DRAFT == retrieve()


def test_what_a_session_cannot_be_put_around_is_refused() -> None:
    """A generator would run after its session: it is refused instead of going online."""

    def generator() -> Iterator[int]:
        yield 1

    with pytest.raises(replay.ConfigError, match="inside it"):
        replay.use_cassettes(".")(generator)
    with pytest.raises(replay.ConfigError):
        replay.use_cassettes(".")(type("Case", (), {}))


def test_a_session_version_answers_whatever_the_client_pins(
    stand_in: StandIn, library: Path
) -> None:
    """api_version replays the unchanged test on another version's recordings."""
    client = stripe_client(stand_in.url, stripe.RequestsClient())
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url) as session:
        client.v1.invoices.retrieve(DRAFT)
    other = replay.use_cassettes(
        library, mode="once", api_base=stand_in.url, api_version="2024-06-20"
    )
    with other:
        old = client.v1.invoices.retrieve(DRAFT)
    assert "subscription" in old.to_dict()
    stand_in.stop()
    with replay.use_cassettes(library, api_base=stand_in.url, api_version="2024-06-20"):
        assert old == client.v1.invoices.retrieve(DRAFT)
    with replay.use_cassettes(library, api_base=stand_in.url):
        assert "parent" in client.v1.invoices.retrieve(DRAFT).to_dict()
    assert 1 == session.tally.recorded
