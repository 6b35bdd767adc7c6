"""Each client records, replays and is refused alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.clients import CLIENTS, VERSION
from support.standin import DRAFT, StandIn

import replay

API = "https://api.stripe.com"
every_client = pytest.mark.parametrize("name", CLIENTS)


@every_client
def test_a_recording_client_gets_what_replay_will_serve_offline(
    name: str, stand_in: StandIn, library: Path
) -> None:
    """What the client sees while recording is what it gets offline, nothing private."""
    client = CLIENTS[name]
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        recorded = client(stand_in.url, DRAFT)
    stand_in.stop()
    with replay.use_cassettes(library) as session:
        replayed = client(API, DRAFT)
    assert recorded == replayed
    assert replay.pseudonym(recorded["customer"], "email") == replayed["customer_email"]
    assert 1 == sum(stand_in.hits.values())
    assert 1 == session.counts.played
    assert "PRIVATE" not in "".join(p.read_text() for p in library.rglob("*.yaml"))


@every_client
def test_one_clients_recording_serves_every_other(
    name: str, stand_in: StandIn, library: Path
) -> None:
    """The same JSON reaches every client whichever client recorded it."""
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        recorded = CLIENTS["requests"](stand_in.url, DRAFT)
    stand_in.stop()
    with replay.use_cassettes(library, api_base=stand_in.url):
        assert recorded == CLIENTS[name](stand_in.url, DRAFT)


@every_client
def test_an_unrecorded_call_is_refused_at_once_with_its_whole_text(
    name: str, stand_in: StandIn, library: Path
) -> None:
    """The refusal reaches the caller through every client as itself, after one attempt."""
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        CLIENTS["requests"](stand_in.url, DRAFT)
    stand_in.hits.clear()
    absent = DRAFT[:-1] + "w"
    with (
        pytest.raises(replay.CassetteNotFound) as refused,
        replay.use_cassettes(library, api_base=stand_in.url) as session,
    ):
        CLIENTS[name](stand_in.url, absent)
    assert (DRAFT,) == refused.value.nearest
    assert f"replay record invoices {absent} --api-version {VERSION}" in str(refused.value)
    assert 1 == len(session.refusals)
    assert {} == stand_in.hits


@every_client
def test_a_library_of_loopback_recordings_replays_for_the_real_host_and_back(
    name: str, stand_in: StandIn, library: Path
) -> None:
    """Calls to the live base and to Stripe share their cassettes."""
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        recorded = CLIENTS[name](API, DRAFT)
        assert 1 == sum(stand_in.hits.values())
        assert recorded["id"] == DRAFT


# stripe 16.1's HTTPXClient.close_async leaves its pool's sockets to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@every_client
def test_other_hosts_are_untouched(name: str, stand_in: StandIn, library: Path) -> None:
    """A call to another host goes where it always went, unredacted."""
    library.mkdir()
    with replay.use_cassettes(library) as session:
        answered = CLIENTS[name](stand_in.url, DRAFT)
    assert answered["customer_name"].startswith("PRIVATE")
    assert 1 == sum(stand_in.hits.values())
    assert 0 == session.counts.played
