"""Scenarios under pytest: which tests have one, its name, and what is written when."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import replay_command
from support.ledger import Ledger
from support.suites import Suite

TESTS = """
from uuid import uuid4
import pytest, stripe
from hypothesis import given, settings, strategies

pytestmark = pytest.mark.cassettes("cassettes", writes="scenario")

def make(**sends):
    return stripe.StripeClient("sk_test_x").v1.customers.create({"email": "a@x.example", **sends})

def test_plain():
    assert make().email == "a@x.example"

@pytest.mark.parametrize("cents", [1, 2])
@pytest.mark.parametrize("kind", ["a/b", "c::d"])
def test_named(kind, cents):
    make()

@pytest.mark.parametrize("thing", [object()])
def test_unnamed(thing):
    make()

@pytest.mark.parametrize("id", [str(uuid4())])
def test_random(id):
    make()

@given(strategies.integers())
@settings(max_examples=2)
def test_property(number):
    make()

def test_fails():
    make()
    assert False

def test_skips():
    make()
    pytest.skip("later")

@pytest.mark.xfail
def test_known():
    make()
    assert False

@pytest.fixture
def made():
    return make()

def test_fixture(made):
    stripe.StripeClient("sk_test_x").v1.customers.delete(made.id)

@pytest.mark.cassettes("cassettes", scenario="of my own")
def test_own_name():
    make()

@pytest.mark.cassettes("cassettes", writes="block")
def test_blocked():
    make()

@pytest.mark.cassettes("cassettes", other_calls="pass")
def test_both():
    make()
"""


@pytest.fixture(scope="module")
def ledger() -> Iterator[Ledger]:
    """A source that takes writes."""
    with Ledger() as source:
        yield source


@pytest.fixture
def writing(tmp_path: Path) -> Suite:
    """The suite above, without recordings."""
    suite = Suite(tmp_path / "suite")
    (suite.folder / "test_it.py").write_text(TESTS, "utf-8")
    return suite


def test_what_has_a_scenario_and_what_has_not(writing: Suite, ledger: Ledger) -> None:
    """Recorded in one run: what fails, is skipped or has no stable name has no file."""
    done = writing.run(
        "-q", "--replay-mode=once", with_="hypothesispytest", STRIPE_API_BASE=ledger.url
    )
    folder = writing.folder / "cassettes" / "scenarios"
    names = {path.parent.relative_to(folder).as_posix() for path in folder.rglob("*.yaml")}
    named = {name for name in names if "test_named" in name}
    assert {"test_it.py/test_plain", "test_it.py/test_fixture", "of my own"} == names - named
    assert 4 == len(named)
    assert all("~" in name for name in named)
    assert "its parameter thing has no name of its own: give it one with ids=" in done.out
    assert "its name holds a random ID" in done.out
    assert "Hypothesis calls this test many times, each with other values" in done.out
    assert "other_calls='pass' sends writes on, and a scenario answers them" in done.out
    assert "writes are not recorded" in done.out
    again = writing.run("-q", "-k", "plain or test_named or fixture or own_name")
    assert 0 == again.code, again.out


def test_the_setting_of_the_project(writing: Suite, ledger: Ledger) -> None:
    """``replay_writes`` holds for marked tests; a marker that says otherwise wins."""
    writing.ini("replay_writes = scenario")
    path = writing.folder / "test_it.py"
    path.write_text(TESTS.replace(', writes="scenario"', ""), "utf-8")
    done = writing.run(
        "-q", "--replay-mode=once", "-k", "plain or blocked", STRIPE_API_BASE=ledger.url
    )
    assert "1 failed, 1 passed" in done.out, done.out
    assert ["test_plain"] == [
        path.parent.name for path in (writing.folder / "cassettes").rglob("*.yaml")
    ]
    writing.ini("replay_writes = sometimes")
    assert "replay_writes = sometimes: use scenario or block" in writing.run("-q").out


def test_a_write_that_was_dropped_fails_the_test(writing: Suite, ledger: Ledger) -> None:
    """At its end, with the step; with ``strict=False`` the summary warns."""
    writing.run("-q", "--replay-mode=once", "-k", "fixture", STRIPE_API_BASE=ledger.url)
    path = writing.folder / "test_it.py"
    dropped = 'stripe.StripeClient("sk_test_x").v1.customers.delete(made.id)'
    shorter = TESTS.replace(dropped, "pass")
    path.write_text(shorter, "utf-8")
    done = writing.run("-q", "-k", "fixture")
    assert 1 == done.code
    assert "the test passed without a write that it made when it was recorded: step 1" in done.out
    path.write_text(
        shorter.replace('writes="scenario")', 'writes="scenario", strict=False)'), "utf-8"
    )
    done = writing.run("-q", "-k", "fixture")
    assert 0 == done.code, done.out
    assert "passed without a write" in done.out


WIDER = """
import pytest, stripe
pytestmark = pytest.mark.cassettes("cassettes", writes="scenario")

def v1():
    return stripe.StripeClient("sk_test_x").v1

@pytest.fixture(scope="module")
def customer():
    made = v1().customers.create({"email": "a@x.example"})
    yield made
    v1().customers.delete(made.id)

def test_one(customer):
    assert customer.id == v1().customers.update(customer.id, {"name": "One"}).id

def test_two(customer):
    assert customer.email == v1().customers.retrieve(customer.id).email
    v1().payment_intents.create({"amount": 5, "currency": "eur", "customer": customer.id})
"""


def test_a_fixture_that_is_recorded_again_keeps_its_tests(tmp_path: Path, ledger: Ledger) -> None:
    """A new test below it has it recorded again; the others go on with its new IDs."""
    suite = Suite(tmp_path / "suite")
    path = suite.folder / "test_it.py"
    path.write_text(WIDER, "utf-8")
    done = suite.run("-q", "--replay-mode=once", STRIPE_API_BASE=ledger.url)
    assert 0 == done.code, done.out
    folder = suite.folder / "cassettes" / "scenarios" / "test_it.py"
    old = {path.parent.name: path.read_text() for path in folder.rglob("*.yaml")}
    assert {"customer", "test_one", "test_two"} == set(old)
    assert "POST /v1/customers/{customer:0/id}" in old["test_one"]
    path.write_text(
        WIDER + WIDER[WIDER.index("def test_one") :].replace("test_", "test_new_"), "utf-8"
    )
    done = suite.run("-q", "--replay-mode=once", STRIPE_API_BASE=ledger.url)
    assert 0 == done.code, done.out
    new = {path.parent.name: path.read_text() for path in folder.rglob("*.yaml")}
    assert old["customer"] != new["customer"]
    assert old["test_one"] == new["test_one"]
    done = suite.run("-q", STRIPE_API_BASE="http://127.0.0.1:9")
    assert (0, "replay: 8 played, 0 recorded, 0 refused") == (done.code, done.summary), done.out


def test_workers_record_no_wider_fixture(tmp_path: Path, ledger: Ledger) -> None:
    """Each would record it, and the last one would win."""
    suite = Suite(tmp_path / "suite")
    (suite.folder / "test_it.py").write_text(WIDER, "utf-8")
    done = suite.run(
        "-q", "--replay-mode=once", "-n", "2", with_="xdist", STRIPE_API_BASE=ledger.url
    )
    assert 1 == done.code
    assert "each of 2 workers would record it: record without pytest-xdist (-n 0)" in done.out


CHOSEN = """
import os
import pytest, stripe
pytestmark = pytest.mark.cassettes("cassettes", writes="scenario")

def client():
    return stripe.StripeClient("sk_test_x").v1

@pytest.fixture(scope="module")
def plan():
    return client().plans.create({"id": f"gold-of-{os.environ['WHO']}", "nickname": "it",
        "amount": 3, "currency": "eur", "interval": "month", "product": {"name": "it"}}).id

def test_plan(plan):
    assert plan == client().plans.retrieve(plan).id == f"gold-of-{os.environ['WHO']}"
    assert plan == client().plans.update(plan, {"nickname": "that"}).id
"""


def test_an_id_that_a_fixture_chose(tmp_path: Path, ledger: Ledger) -> None:
    """It is in no file, of the fixture or of its tests; played, the test sees this run's ID."""
    suite = Suite(tmp_path / "suite")
    (suite.folder / "test_it.py").write_text(CHOSEN, "utf-8")
    done = suite.run("-q", "--replay-mode=once", STRIPE_API_BASE=ledger.url, WHO="ann-private")
    assert 0 == done.code, done.out
    files = list((suite.folder / "cassettes").rglob("*.yaml"))
    assert 2 == len(files)
    assert not any("ann-private" in path.read_text("utf-8") for path in files)
    for who in ("ann-private", "bob"):
        done = suite.run("-q", WHO=who)
        assert 0 == done.code, done.out
    proven = replay_command("verify", "--deep", "--library", suite.folder / "cassettes")
    assert 0 == proven.code, proven.out
