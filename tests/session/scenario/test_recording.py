"""How a scenario is recorded and when it is played: from a source that takes writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
from support.clients import stripe_client
from support.ledger import Ledger

import replay
from replay.errors import (
    ConfigError,
    LiveDataRefused,
    NoStep,
    ScenarioNotPlayed,
    ScenarioNotRecorded,
)

MAIL = "private.person@shop.example"


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """A source that takes writes."""
    with Ledger() as source:
        yield source


def client(key: str = "sk_test_x", **more: Any) -> stripe.StripeClient:
    """A client for Stripe's own host."""
    return stripe.StripeClient(key, **more)


def pay() -> Any:
    return client().v1.payment_intents.create({"amount": 5, "currency": "eur"})


def scenarios() -> list[Path]:
    """The files of scenarios."""
    return sorted(Path("cassettes").rglob("scenarios/**/*.yaml"))


def make(mail: str = MAIL, **more: Any) -> Any:
    return client().v1.customers.create({"email": mail, **more})


def play(session: Any, *calls: Callable[[], Any]) -> None:
    """Make calls inside a session."""
    with session:
        for call in calls:
            call()


def fail() -> None:
    raise ZeroDivisionError


def in_mode(mode: str, source: Ledger | None = None, **more: Any) -> Any:
    base = source.url if source is not None else "http://127.0.0.1:9"
    given = {"scenario": "it", **more}
    return replay.use_cassettes("cassettes", mode=mode, api_base=base, **given)


def test_once_records_and_then_plays(ledger: Ledger) -> None:
    """The second session asks nobody, and gives back what it sends."""
    with in_mode("once", ledger) as session:
        made = make()
        assert MAIL == made.email == client().v1.customers.retrieve(made.id).email
    assert (2, 0) == (session.counts.recorded, session.counts.played)
    assert MAIL not in scenarios()[0].read_text()
    before = len(ledger.arrived)
    with in_mode("once", ledger) as session:
        again = make("other@shop.example")
        assert made.id == again.id
        assert "other@shop.example" == client().v1.customers.retrieve(made.id).email
    assert (0, 2) == (session.counts.recorded, session.counts.played)
    assert before == len(ledger.arrived)


def test_none_sends_nothing(ledger: Ledger) -> None:
    """A write that no step answers is refused, recorded or not, and never arrives."""
    Path("cassettes").mkdir()
    with pytest.raises(ScenarioNotRecorded, match="the scenario of this test is not recorded"):
        play(in_mode("none", ledger), make)
    with in_mode("once", ledger):
        make()
    before = len(ledger.arrived)
    with pytest.raises(NoStep, match="step 0 has no name"):
        play(in_mode("none", ledger), lambda: make(name="Ann"))
    with pytest.raises(NoStep, match="no step for this call"):
        play(in_mode("none", ledger), make, pay)
    assert before == len(ledger.arrived)


def test_all_records_again(ledger: Ledger) -> None:
    """The new IDs take the place of the old ones."""
    with in_mode("once", ledger):
        old = make().id
    with in_mode("all", ledger):
        new = make().id
    with in_mode("none"):
        assert new == make().id != old


def test_a_test_that_was_renamed_is_told(ledger: Ledger) -> None:
    """With the command that renames its scenario."""
    with in_mode("once", ledger, scenario="tests/test_pay.py::test_refund"):
        make()
    with pytest.raises(ScenarioNotRecorded) as caught:
        play(in_mode("none", scenario="tests/test_pay.py::test_refunds"), make)
    renaming = (
        "replay scenario rename tests/test_pay.py::test_refund tests/test_pay.py::test_refunds"
    )
    assert renaming in str(caught.value)


def test_new_episodes_is_refused(ledger: Ledger) -> None:
    """Half of the scenario would be of another run."""
    with pytest.raises(ConfigError, match="not recorded in part"), in_mode("new_episodes", ledger):
        make()


def test_a_failed_test_writes_nothing(ledger: Ledger) -> None:
    """The old file stays as it was; without one there is none."""
    with pytest.raises(ZeroDivisionError):
        play(in_mode("once", ledger), make, fail)
    assert [] == scenarios()
    with in_mode("once", ledger):
        make()
    before = scenarios()[0].read_bytes()
    with pytest.raises(ZeroDivisionError):
        play(in_mode("all", ledger), make, fail)
    assert before == scenarios()[0].read_bytes()


@pytest.mark.parametrize("allow", [False, True])
def test_a_live_mode_key_writes_nothing(ledger: Ledger, allow: bool) -> None:
    """It is refused before the first byte is sent, also where live data is allowed."""
    key = "sk_" + "live_x"
    with pytest.raises(LiveDataRefused, match="never recorded with a live-mode key"):
        play(
            in_mode("once", ledger, allow_live=allow),
            lambda: client(key).v1.customers.create({"email": MAIL}),
        )
    assert ([], []) == (ledger.arrived, scenarios())


def test_a_live_mode_answer_ends_the_recording(ledger: Ledger) -> None:
    """Nothing is written, also if the test goes on."""
    ledger.live = True
    with pytest.raises(LiveDataRefused, match="the answer is live-mode data"):
        play(in_mode("once", ledger, allow_live=True), make)
    assert [] == scenarios()


def test_a_write_is_sent_once(ledger: Ledger) -> None:
    """Only the client repeats it; what it repeated is one step."""
    ledger.script = [(500, {"error": {"type": "api_error"}})]
    with in_mode("once", ledger), pytest.raises(stripe.APIError):
        client(max_network_retries=0).v1.customers.create({"email": MAIL})
    assert 1 == ledger.writes()
    ledger.script = [(500, {"error": {"type": "api_error"}})]
    with in_mode("once", ledger, scenario="again"):
        made = client(max_network_retries=2).v1.customers.create({"email": MAIL})
    assert 3 == ledger.writes()
    with in_mode("none", scenario="again") as session:
        assert made.id == client(max_network_retries=2).v1.customers.create({"email": "b@x.y"}).id
    assert 1 == session.counts.played


def test_a_write_that_is_not_made_any_more_fails_the_test(ledger: Ledger) -> None:
    """Or warns; a read is no fault."""
    with in_mode("once", ledger):
        made = make()
        client().v1.customers.retrieve(made.id)
        client().v1.customers.delete(made.id)
    with pytest.raises(ScenarioNotPlayed, match=r"step 2 \(DELETE /v1/customers/\{0/id\}\)"):
        play(in_mode("none"), make)
    with in_mode("none", strict=False) as session:
        make()
    assert any("passed without a write" in note for note in session.notes)


def test_a_stand_in_that_is_sent_up_is_the_true_value_there(ledger: Ledger) -> None:
    """A client secret that a test sends on; offline the stand-in is as good."""

    def confirm() -> str:
        v1 = client().v1
        made = v1.payment_intents.create({"amount": 5, "currency": "eur"})
        v1.payment_intents.confirm(made.id, {"return_url": str(made.client_secret)})
        return str(made.client_secret)

    with in_mode("once", ledger):
        shown = confirm()
    assert "PRIVATE" not in shown
    assert b"secret_PRIVATE" in ledger.arrived[-1][2]
    assert "PRIVATE" not in scenarios()[0].read_text()
    with in_mode("none"):
        assert shown == confirm()


def test_reads_of_nothing_that_was_written_are_the_librarys(ledger: Ledger) -> None:
    """While the scenario is recorded they go live, and end in the library."""
    with replay.use_cassettes("cassettes", mode="once", api_base=ledger.url, other_calls="pass"):
        outside = stripe_client(ledger.url, stripe.RequestsClient()).v1.customers.create({}).id
    with in_mode("once", ledger):
        make()
        client().v1.customers.retrieve(outside)
    found = [path for path in Path("cassettes").rglob("*.yaml") if "scenarios" not in path.parts]
    assert [outside] == [path.parent.name for path in found]
    with in_mode("none"):
        make()
        assert outside == client().v1.customers.retrieve(outside).id


def test_writes_that_are_let_through_are_counted(ledger: Ledger) -> None:
    """With a note that says what records them."""
    passing = replay.use_cassettes(
        "cassettes", mode="once", api_base=ledger.url, other_calls="pass"
    )
    with passing as session:
        stripe_client(ledger.url, stripe.RequestsClient()).v1.customers.create({})
        httpx.post(f"{ledger.url}/v1/customers", auth=("sk_test_x", ""))
    assert 2 == session.counts.writes_sent == ledger.writes()
    assert any("a scenario records them once" in note for note in session.notes)


def test_a_test_that_only_reads_is_answered_by_the_library(ledger: Ledger) -> None:
    """With or without a scenario; takes keep their order, and once loses nothing."""
    with replay.use_cassettes("cassettes", mode="once", api_base=ledger.url, other_calls="pass"):
        outside = stripe_client(ledger.url, stripe.RequestsClient()).v1.customers.create({}).id

    def read() -> str | None:
        found: str | None = client().v1.customers.retrieve(outside).to_dict().get("status")
        return found

    polled = [(200, {"id": outside, "object": "customer", "status": word}) for word in "abc"]
    ledger.script = list(polled)
    with in_mode("once", ledger):
        assert ["a", "b", "c"] == [read() for _ in polled]
    assert "steps: []" in scenarios()[0].read_text()
    for name in ("it", "none of this name"):
        with in_mode("none", scenario=name) as session:
            assert ["a", "b", "c"] == [read() for _ in polled]
        assert 3 == session.counts.played
    with in_mode("once", ledger, scenario="another"):
        read()
    with in_mode("none"):
        assert ["a", "b", "c"] == [read() for _ in polled]
    with pytest.raises(ScenarioNotRecorded):
        play(in_mode("none", scenario="none of this name"), read, make)


def test_each_version_has_a_file(ledger: Ledger) -> None:
    """The rehearsal of an upgrade records the same test a second time."""
    for version in ("2024-06-20", "2025-03-31.basil"):
        with in_mode("once", ledger, api_version=version):
            make()
    assert ["2024-06-20.yaml", "2025-03-31.basil.yaml"] == [path.name for path in scenarios()]
    assert {"2024-06-20", "2025-03-31.basil"} == {
        sent[3]["Stripe-Version"] for sent in ledger.arrived
    }
    with in_mode("none", api_version="2024-06-20"):
        make()
    with pytest.raises(ScenarioNotRecorded, match="not recorded at 2023-10-16"):
        play(in_mode("none", api_version="2023-10-16"), make)


def test_variables_are_kept(ledger: Ledger) -> None:
    """The same random text is sent when it is played, and only where it was recorded."""
    made = iter(["first-run", "second-run"])
    with in_mode("once", ledger) as session:
        suffix = session.variable("suffix", lambda: next(made))
        make(name=f"Shop {suffix}")
    assert "first-run" == suffix
    with in_mode("none") as session:
        assert "first-run" == session.variable("suffix", lambda: next(made))
        make(name="Shop first-run")
    with (
        pytest.raises(NoStep, match="name does not have the value of the variable suffix"),
        in_mode("none") as session,
    ):
        make(name=f"Shop {session.variable('suffix', lambda: next(made))} second"[:8])


def test_dates_and_variables_are_known_before_the_version_is(ledger: Ledger) -> None:
    """A client that pins a version says so with its first call only; the newest one counts."""
    for version in ("2024-06-20", "2025-03-31.basil"):
        with in_mode("once", ledger) as session:
            suffix = session.variable("suffix", lambda: "given once")
            client(stripe_version=version).v1.customers.create({"name": suffix})
    with in_mode("none") as session:
        assert session.recorded_at is not None
        assert "given once" == session.variable("suffix", lambda: "another")
        client(stripe_version="2024-06-20").v1.customers.create({"name": "given once"})
    with pytest.raises(ConfigError, match="recorded at several API versions"):
        play(in_mode("none"), lambda: httpx.post("https://api.stripe.com/v1/customers"))


def test_variables_need_a_scenario() -> None:
    """The message says how to have one."""
    Path("cassettes").mkdir()
    words = "only a scenario keeps variables"
    with replay.use_cassettes("cassettes") as session, pytest.raises(ConfigError, match=words):
        session.variable("suffix", str)


def test_what_cannot_be_recorded_ends_the_scenario(ledger: Ledger) -> None:
    """An answer that is no JSON goes to the client, and the scenario is not written."""
    ledger.script = [(302, {})]

    def catch() -> None:
        with pytest.raises(stripe.StripeError):
            make()

    with pytest.raises(ScenarioNotRecorded, match="an answer had the status 302"):
        play(in_mode("once", ledger), catch)
    assert [] == scenarios()


def test_a_class_has_a_scenario_for_each_test(ledger: Ledger) -> None:
    """Each method of a decorated class has its own, named after it."""

    class TestIt:
        def test_one(self) -> Any:
            return make()

        def test_two(self) -> Any:
            return make(name="Two")

    decorated = in_mode("once", ledger)(TestIt)
    decorated().test_one()
    decorated().test_two()
    assert ["TestIt.test_one", "TestIt.test_two"] == [path.parent.name for path in scenarios()]


def test_names_that_differ_in_case_have_files_of_their_own(ledger: Ledger) -> None:
    """The second one has digits of a hash, on every file system."""
    for name in ("Refund", "refund"):
        with in_mode("once", ledger, scenario=name):
            make()
    names = [path.parent.name for path in scenarios()]
    assert "Refund" == names[0]
    assert names[1].startswith("refund~")
    for name in ("Refund", "refund"):
        with in_mode("none", scenario=name):
            make()


def test_a_scenario_of_another_test_is_refused(ledger: Ledger) -> None:
    """A file that was moved names its test."""
    with in_mode("once", ledger):
        make()
    Path("cassettes/scenarios/it").rename("cassettes/scenarios/other")
    with pytest.raises(replay.KeyMismatch, match="this scenario is another test's"):
        play(in_mode("none", scenario="other"), make)
