"""What may be removed of a library, and what stays."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import stripe
from support.command import replay_command
from support.ledger import Ledger
from support.standin import DRAFT, NEW, OLD, PAYMENT, StandIn, generated, invoice

import replay

OTHER = generated("in", "other")


@pytest.fixture
def library(stand_in: StandIn) -> Path:
    """An invoice and a payment, each at its version."""
    stand_in.add(f"/v1/invoices/{OTHER}", invoice(OTHER, OLD))
    with replay.use_cassettes("cassettes", mode="once", api_base=stand_in.url):
        for id, version in ((DRAFT, NEW), (OTHER, OLD)):
            client = stripe.StripeClient("sk_test_x", stripe_version=version)
            client.v1.invoices.retrieve(id)
        stripe.StripeClient("sk_test_x", stripe_version=NEW).v1.invoice_payments.retrieve(PAYMENT)
    return Path("cassettes")


def listed(library: Path, *paths: str, made_at: str = "2099-01-01T00:00:00Z") -> None:
    """Write the list of a run that did not play these."""
    note = {"format": 1, "made_at": made_at, "unused": list(paths)}
    (library / ".replay").mkdir(exist_ok=True)
    (library / ".replay" / "unused.json").write_text(json.dumps(note))


def path_of(id: str, version: str) -> str:
    resource = "invoice_payments" if id == PAYMENT else "invoices"
    return f"{resource}/{id}/{version}.yaml"


def left(library: Path) -> set[str]:
    return {path.relative_to(library).as_posix() for path in library.rglob("*.yaml")}


def test_what_no_test_played_goes(library: Path) -> None:
    """First it is only shown; with --yes it goes, with folders that are empty then."""
    gone = path_of(OTHER, OLD)
    listed(library, gone)
    shown = replay_command("prune")
    assert (1, True) == (shown.code, gone in shown.out)
    assert "would remove 1 recording of cassettes: to do it, add --yes" in shown.err
    assert gone in left(library)
    done = replay_command("prune", "--yes")
    assert (0, "removed 1 recording of cassettes") == (done.code, done.out.splitlines()[-1])
    assert {path_of(DRAFT, NEW), path_of(PAYMENT, NEW)} == left(library)
    assert not (library / "invoices" / OTHER).exists()
    assert 0 == replay_command("prune").code
    assert 0 == replay_command("verify").code


def test_without_a_list_there_is_nothing_to_go_by(library: Path) -> None:
    """The message names the run that makes one; a file that is none is refused."""
    done = replay_command("prune")
    assert (2, True) == (done.code, "pytest --replay-unused=warn" in done.err)
    for text in ("", "[]", '{"format": 2, "made_at": "x", "unused": []}'):
        Path("list.json").write_text(text)
        done = replay_command("prune", "--unused", "list.json", "--yes")
        assert (2, True) == (done.code, "this is not a list of unused recordings" in done.err)
    assert 3 == len(left(library))


def test_by_date_and_by_version(library: Path) -> None:
    """Both have to hold where both are given; neither needs the list."""
    assert 0 == replay_command("prune", "--before", "2020-01-01").code
    assert 2 == replay_command("prune", "--before", "soon").code
    assert 2 == replay_command("prune", "--api-version", "latest").code
    both = replay_command("prune", "--before", "2099-01-01", "--api-version", OLD, "--yes")
    assert 0 == both.code
    assert {path_of(DRAFT, NEW), path_of(PAYMENT, NEW)} == left(library)
    shown = replay_command("prune", "--before", "2099-01-01", "--format", "json")
    assert left(library) == set(json.loads(shown.out)["removable"])


def test_what_was_recorded_since_stays(library: Path) -> None:
    """The list is of an earlier run."""
    listed(library, path_of(DRAFT, NEW), made_at="2020-01-01T00:00:00Z")
    done = replay_command("prune", "--yes")
    assert "it was recorded after the list was made" in done.out
    assert 3 == len(left(library))


def test_what_a_scenario_names_stays(library: Path) -> None:
    """Its test needs the object, though the run played another recording of it."""
    with Ledger() as ledger:
        settings = {"mode": "once", "api_base": ledger.url, "scenario": "it"}
        with (
            replay.use_cassettes("cassettes", **settings),
            pytest.raises(stripe.InvalidRequestError),
        ):
            stripe.StripeClient("sk_test_x").v1.invoices.finalize_invoice(OTHER)
    assert OTHER in next(library.rglob("scenarios/it/*.yaml")).read_text()
    listed(library, path_of(OTHER, OLD))
    done = replay_command("prune", "--yes")
    assert "the scenario it names the object" in done.out
    assert path_of(OTHER, OLD) in left(library)


def test_twins_stay(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is evidence for the other."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_x")
    done = replay_command(
        "record", "invoice", DRAFT, "--api-version", OLD, "--api-version", NEW,
        "--api-base", stand_in.url,
    )  # fmt: skip
    assert 0 == done.code, done.err
    listed(Path("cassettes"), path_of(DRAFT, OLD), path_of(DRAFT, NEW))
    done = replay_command("prune", "--yes")
    assert done.out.count("it is the twin of") == 2
    assert 2 == len(left(Path("cassettes")))


def test_a_library_in_an_archive_is_only_read(library: Path) -> None:
    """What would go is shown; removing it is refused."""
    shutil.make_archive("packed", "zip", ".", "cassettes")
    where = str(Path("packed.zip/cassettes").absolute())
    assert 1 == replay_command("prune", "--before", "2099-01-01", "--library", where).code
    done = replay_command("prune", "--before", "2099-01-01", "--yes", "--library", where)
    assert (2, True) == (done.code, "can only be read" in done.err)


def test_damage_is_told_and_stays(library: Path) -> None:
    """What cannot be read is not removed: somebody may still restore it."""
    path = library / path_of(DRAFT, NEW)
    path.write_text(path.read_text()[:-50])
    listed(library, path_of(DRAFT, NEW))
    done = replay_command("prune", "--yes")
    assert f"kept: {path_of(DRAFT, NEW)}: it cannot be read" in done.out
    assert path.exists()
