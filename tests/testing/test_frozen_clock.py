"""A test's clock at the date of its recordings, and the date itself."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import stripe
from support.clients import stripe_client
from support.ledger import Ledger
from support.standin import DRAFT, NEW, StandIn

import replay
from replay.errors import ConfigError

THEN = "2020-05-06T07:08:09Z"


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """A source that takes writes."""
    with Ledger() as source:
        yield source


@pytest.fixture
def library(stand_in: StandIn) -> Path:
    """A library with one invoice, recorded in 2020."""
    with replay.use_cassettes("cassettes", mode="once", api_base=stand_in.url):
        invoice()
    redated(Path("cassettes"))
    return Path("cassettes")


def invoice() -> Any:
    return stripe.StripeClient("sk_test_x", stripe_version=NEW).v1.invoices.retrieve(DRAFT)


def redated(folder: Path) -> None:
    """Let all recordings be of 2020, sealed again."""
    from support.command import replay_command

    for path in folder.rglob("*.yaml"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text(
            "".join(
                line.partition("recorded_at:")[0] + f"recorded_at: '{THEN}'\n"
                if "recorded_at:" in line else line
                for line in lines
            )
        )  # fmt: skip
        assert 0 == replay_command("seal", str(path)).code


def year() -> int:
    return datetime.now(UTC).year


def test_the_date_of_what_was_played(library: Path) -> None:
    """None before anything was, then that of the newest recording."""
    with replay.use_cassettes("cassettes") as session:
        assert session.recorded_at is None
        invoice()
        assert datetime.fromisoformat(THEN) == session.recorded_at


def test_the_date_of_a_scenario(ledger: Ledger) -> None:
    """Known before the first call; None while it is recorded."""
    given: dict[str, Any] = {"scenario": "it", "api_base": ledger.url}

    def make() -> None:
        stripe.StripeClient("sk_test_x").v1.customers.create({"name": "x"})

    with replay.use_cassettes("cassettes", mode="once", **given) as session:
        make()
        assert session.recorded_at is None
    with replay.use_cassettes("cassettes", **given) as session:
        recorded = session.recorded_at
        assert recorded is not None
        assert abs(recorded.timestamp() - time.time()) < 3600
        make()


@pytest.mark.parametrize(
    ("freeze", "expected"),
    [
        (True, datetime(2020, 5, 6, 7, 8, 9, tzinfo=UTC)),
        (("invoices", DRAFT), datetime(2020, 5, 6, 7, 8, 9, tzinfo=UTC)),
        (("invoice", DRAFT), datetime(2020, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("2021-02-03", datetime(2021, 2, 3, tzinfo=UTC)),
        (date(2021, 2, 3), datetime(2021, 2, 3, tzinfo=UTC)),
        (datetime(2021, 2, 3, 4), datetime(2021, 2, 3, 4, tzinfo=UTC)),
    ],
)
def test_the_clock_stands_still(library: Path, freeze: Any, expected: datetime) -> None:
    """At the recordings' date or at another; after the block it runs on."""
    before = year()
    with replay.use_cassettes("cassettes", freeze=freeze):
        assert expected == datetime.now(UTC)
        assert expected.timestamp() == time.time()
        invoice()
    assert before <= year()


def test_a_decorated_function_has_its_clock(library: Path) -> None:
    """Each call, also an async one, and one that fails."""

    @replay.use_cassettes("cassettes", freeze=True)
    def frozen() -> int:
        return year()

    @replay.use_cassettes("cassettes", freeze=True)
    def failing() -> None:
        raise ZeroDivisionError

    assert 2020 == frozen() == frozen()
    with pytest.raises(ZeroDivisionError):
        failing()
    assert 2020 < year()


def test_recording_again_is_not_frozen(library: Path, stand_in: StandIn) -> None:
    """What is recorded now is of today; its own date comes from the real clock in any case."""
    settings: dict[str, Any] = {"mode": "all", "api_base": stand_in.url}
    with replay.use_cassettes("cassettes", freeze=True, **settings):
        assert 2020 < year()
        invoice()
    with replay.use_cassettes("cassettes", freeze="2001-01-01", **settings) as session:
        assert 2001 == year()
        invoice()
    assert session.recorded_at is not None
    assert 2020 < session.recorded_at.year


@pytest.mark.parametrize(
    ("freeze", "words"),
    [
        ("soon", "'soon' is no date"),
        (7, "7 is no date"),
        (("invoices",), "is no date"),
        (("bills", "in_1"), "'bills' is not a resource"),
    ],
)
def test_what_is_no_date_is_told_at_once(freeze: Any, words: str) -> None:
    """At decoration, with what may be written."""
    Path("cassettes").mkdir()
    with pytest.raises(ConfigError, match=words):
        replay.use_cassettes("cassettes", freeze=freeze)


def test_without_recordings_there_is_no_date() -> None:
    """The message says what to do."""
    Path("cassettes").mkdir()
    words = "there is no recording whose date the clock could have"
    with pytest.raises(ConfigError, match=words), replay.use_cassettes("cassettes", freeze=True):
        pass
    named = replay.use_cassettes("cassettes", freeze=("invoices", DRAFT))
    with pytest.raises(ConfigError, match="is not recorded"), named:
        pass


def test_without_time_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    Path("cassettes").mkdir()
    monkeypatch.setitem(sys.modules, "time_machine", None)
    with pytest.raises(ConfigError, match="pip install 'replay-cassettes\\[time\\]'"):
        replay.use_cassettes("cassettes", freeze=True)


def test_clients_go_on(library: Path) -> None:
    """The SDK's own use of the clock does no harm, also in several threads."""
    with replay.use_cassettes("cassettes", freeze=True):
        client = stripe_client("https://api.stripe.com", stripe.RequestsClient())
        assert DRAFT == client.v1.invoices.retrieve(DRAFT, options={"stripe_version": NEW}).id
