"""What a refusal names is decided by the team's policy, as what a recording keeps is."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import requests
from support.command import replay_command
from support.standin import DRAFT, NEW, OLD, StandIn

import replay

KEEP = '[[keep]]\nresource = "customers"\npattern = "team-[a-z]{3}-[0-9]{2}"\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with an empty library."""
    (tmp_path / "cassettes").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(id: str) -> replay.CassetteNotFound:
    """The refusal of a customer that is not recorded."""
    with pytest.raises(replay.CassetteNotFound) as caught, replay.use_cassettes("cassettes"):
        requests.get(f"https://api.stripe.com/v1/customers/{id}", timeout=5)
    return caught.value


def test_an_id_that_the_team_keeps_is_named_with_its_command(project: Path) -> None:
    """It could be recorded, so the refusal says how."""
    assert "" == refused("team-abc-01").command
    (project / "replay-policy.toml").write_text(KEEP)
    error = refused("team-abc-01")
    assert "customers team-abc-01 is not recorded" == error.what
    assert "replay record customers team-abc-01 --library cassettes" == error.command


def test_an_id_that_the_team_does_not_keep_stays_out_of_the_message(project: Path) -> None:
    """A person may have chosen it."""
    (project / "replay-policy.toml").write_text(KEEP)
    error = refused("jenny-rosen")
    assert "jenny" not in str(error)
    assert "" == error.command


@pytest.mark.parametrize("faked", [True, False])
def test_a_library_that_is_hidden_meanwhile_is_said_to_be_hidden(
    project: Path, monkeypatch: pytest.MonkeyPatch, faked: bool
) -> None:
    """Where a fake file system may hide it, a command to record would not help."""
    if faked:
        monkeypatch.setitem(sys.modules, "pyfakefs", ModuleType("pyfakefs"))
    says = "add_real_directory" if faked else "replay record invoices"

    @replay.use_cassettes("cassettes")
    def ask() -> None:
        (project / "cassettes").rename(project / "hidden")
        requests.get(f"https://api.stripe.com/v1/invoices/{DRAFT}", timeout=5)

    with pytest.raises(replay.CassetteNotFound, match=says) as caught:
        ask()
    assert faked is (caught.value.command == "")


def test_show_names_it_too(project: Path) -> None:
    """`replay show` refuses by the same policy."""
    (project / "replay-policy.toml").write_text(KEEP)
    shown = replay_command("show", "customer", "team-abc-01")
    assert 2 == shown.code
    assert "replay record customers team-abc-01" in shown.err
    assert "may be private" in replay_command("show", "customer", "jenny-rosen").err


@pytest.mark.parametrize(
    ("pinned", "since"),
    [("2026-01-28.clover", ""), ("2024-12-18.acacia", ""), ("2023-10-16", f" --from {OLD}")],
)
def test_a_pinned_version_that_is_not_recorded_has_three_ways_out(
    pinned: str, since: str, stand_in: StandIn, project: Path
) -> None:
    """Record this object, answer at a recorded version, or upgrade: each is said once, and works.

    So it is for a version that is newer than all that are recorded, older, or between them.
    """
    url = f"{stand_in.url}/v1/invoices/{DRAFT}"
    with replay.use_cassettes("cassettes", mode="once", api_base=stand_in.url):
        for version in (OLD, NEW):
            requests.get(url, headers={"Stripe-Version": version}, timeout=5)
    with (
        pytest.raises(replay.VersionNotRecorded) as caught,
        replay.use_cassettes("cassettes", api_base=stand_in.url),
    ):
        requests.get(url, headers={"Stripe-Version": pinned}, timeout=5)
    hint = caught.value.hint
    assert 1 == hint.count(f"record it: replay record invoices {DRAFT} --api-version {pinned}")
    assert 1 == hint.count(f"REPLAY_API_VERSION={NEW} or use_cassettes(api_version={NEW!r})")
    command = f"replay upgrade {pinned}{since} --library cassettes"
    assert hint.endswith(command)
    assert 1 == hint.count("replay upgrade")
    planned = replay_command(*command.split()[1:], "--dry-run")
    assert (0, True) == (planned.code, "fetch  1 invoices" in planned.out), planned.err


def test_an_id_that_is_replaced_is_recorded_by_its_test(stand_in: StandIn, project: Path) -> None:
    """A command would ask the live source for the stand-in, and so would an upgrade."""
    (project / "replay.toml").write_text("pseudonymise_ids = true\n")
    url = f"{stand_in.url}/v1/invoices/{DRAFT}"
    with replay.use_cassettes("masked", mode="once", api_base=stand_in.url):
        requests.get(url, headers={"Stripe-Version": OLD}, timeout=5)
    for asked, version in ((DRAFT, NEW), (DRAFT[:-1] + "x", OLD)):
        with (
            pytest.raises(replay.CassetteNotFound) as caught,
            replay.use_cassettes("masked", api_base=stand_in.url),
        ):
            requests.get(url.replace(DRAFT, asked), headers={"Stripe-Version": version}, timeout=5)
        hint = caught.value.hint
        assert "its ID is a stand-in here: run the test that makes this call" in hint
        assert not caught.value.command
        assert "replay record" not in hint
        assert "replay upgrade" not in hint
        assert (asked == DRAFT) == (f"REPLAY_API_VERSION={OLD}" in hint)


def test_an_id_of_another_resource_gets_no_command_that_is_refused(project: Path) -> None:
    """`replay record customers in_…` would be refused before the call."""
    with (
        pytest.raises(
            replay.CassetteNotFound, match="the ID of another resource: invoice"
        ) as caught,
        replay.use_cassettes("cassettes"),
    ):
        requests.get(f"https://api.stripe.com/v1/customers/{DRAFT}", timeout=5)
    assert "" == caught.value.command
    assert "replay record" not in str(caught.value)
