"""Libraries made of links: Bazel's runfiles, stow and DVC. Read where the configuration says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from support.clients import HEADERS
from support.command import replay_command
from support.shelves import copied
from support.standin import DRAFT, NEW, OLD, StandIn

import replay
from replay.library import Library

OBJECT = f"invoices/{DRAFT}"
SETTING = "follow_links = true"


def files(library: Path, real: Path) -> None:
    """Bazel and DVC: folders of their own, and each file is a link."""
    for path in real.rglob("*.yaml"):
        link = library / path.relative_to(real)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)


def objects(library: Path, real: Path) -> None:
    """Stow: a link for a whole folder."""
    (library / OBJECT).parent.mkdir(parents=True)
    (library / OBJECT).symlink_to(real / OBJECT)


def resources(library: Path, real: Path) -> None:
    """A link for the folder of a resource."""
    library.mkdir()
    (library / "invoices").symlink_to(real / "invoices")


Make = Callable[[Path, Path], None]
every_form = pytest.mark.parametrize("make", [files, objects, resources])


def record(source: StandIn, library: Path) -> None:
    with replay.use_cassettes(library, mode="once", api_base=source.url):
        for version in (OLD, NEW):
            get(source.url, version)


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library elsewhere, with one invoice at two versions; the test is in an empty folder."""
    library = copied(record, tmp_path / "elsewhere")
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return library


def get(base: str, version: str) -> Any:
    headers = HEADERS | {"Stripe-Version": version}
    return requests.get(f"{base}/v1/{OBJECT}", headers=headers, timeout=5).json()


def follow() -> None:
    Path("replay.toml").write_text(SETTING)


@every_form
def test_links_are_read_where_the_configuration_says_so(
    make: Make, real: Path, stand_in: StandIn
) -> None:
    """Calls are answered, and each command reads the cassettes behind the links."""
    follow()
    make(Path("cassettes"), real)
    stand_in.stop()
    with replay.use_cassettes(api_base=stand_in.url) as session:
        assert DRAFT == get(stand_in.url, OLD)["id"]
    assert 1 == session.counts.played
    assert 2 == len(replay_command("list", "--format", "json").json["cassettes"])
    for arguments in (("list",), ("verify", "--deep"), ("seal", "cassettes"),
                      ("show", "invoice", DRAFT, "--api-version", OLD),
                      ("seal", "--redact", "cassettes"),
                      ("diff", OLD, NEW, "--fail-on", "never")):  # fmt: skip
        done = replay_command(*arguments)
        assert (0, False) == (done.code, "link" in done.err), (arguments, done.err, done.out)
    assert "2 cassettes in cassettes: no findings" in replay_command("verify").out


@every_form
def test_without_the_setting_each_refusal_names_it(
    make: Make, real: Path, stand_in: StandIn
) -> None:
    """A link out is neither read nor taken for nothing."""
    make(Path("cassettes"), real)
    with (
        pytest.raises(replay.CassetteDamaged) as refused,
        replay.use_cassettes(api_base=stand_in.url, mode="once"),
    ):
        get(stand_in.url, OLD)
    assert "leads out of the library" in refused.value.what
    assert SETTING in refused.value.hint
    assert SETTING in replay_command("verify").out
    assert 1 == replay_command("verify").code
    done = replay_command("list")
    assert SETTING in done.err
    assert "nothing is recorded" not in done.out
    assert SETTING in replay_command("seal", "cassettes").err


def test_the_environment_can_say_so_too(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As every setting; and a library that is opened in Python is told."""
    objects(Path("cassettes"), real)
    monkeypatch.setenv("REPLAY_FOLLOW_LINKS", "true")
    assert 2 == len(replay_command("list", "--format", "json").json["cassettes"])
    assert 2 == len([*Library("cassettes", follow_links=True).cassettes()])
    assert [] == [*Library("cassettes").cassettes()]


def test_what_one_library_may_read_another_one_may_not(real: Path) -> None:
    """What was read behind a link is not in the memory of libraries that follow none."""
    files(Path("cassettes"), real)
    path = f"{OBJECT}/{OLD}.yaml"
    for _ in range(2):
        assert Library("cassettes", follow_links=True).read(path) is not None
        with pytest.raises(replay.CassetteDamaged):
            Library("cassettes").read(path)


@every_form
def test_seals_are_checked_behind_links(make: Make, real: Path, stand_in: StandIn) -> None:
    """An edit behind a link is an edit; sealing it is not done through the link."""
    follow()
    make(Path("cassettes"), real)
    edited = real / OBJECT / f"{OLD}.yaml"
    edited.write_text(text := edited.read_text().replace('"draft"', '"paid"'))
    with pytest.raises(replay.CassetteDamaged), replay.use_cassettes(api_base=stand_in.url):
        get(stand_in.url, OLD)
    done = replay_command("seal", "cassettes")
    assert 2 == done.code
    assert "nothing is written through it" in done.err
    assert f"cp --remove-destination {edited}" in done.err
    assert text == edited.read_text()


def test_recording_replaces_a_link_by_a_file(real: Path, stand_in: StandIn) -> None:
    """What the link led to stays as it is."""
    follow()
    files(Path("cassettes"), real)
    before = {path: path.read_bytes() for path in real.rglob("*.yaml")}
    stand_in.add_invoice(DRAFT, status="open")
    with replay.use_cassettes(api_base=stand_in.url, mode="all"):
        assert "open" == get(stand_in.url, OLD)["status"]
    path = Path("cassettes", OBJECT, f"{OLD}.yaml")
    assert not path.is_symlink()
    assert '"open"' in path.read_text()
    assert path.with_name(f"{NEW}.yaml").is_symlink()
    assert before == {path: path.read_bytes() for path in real.rglob("*.yaml")}


@pytest.mark.parametrize("make", [objects, resources])
def test_nothing_is_recorded_into_a_folder_that_is_a_link(
    make: Make, real: Path, stand_in: StandIn
) -> None:
    """The error names the folder; nothing is written, here or there."""
    follow()
    make(Path("cassettes"), real)
    before = {path: path.read_bytes() for path in real.rglob("*.yaml")}
    stand_in.add_invoice(DRAFT, status="open")
    with (
        pytest.raises(replay.LibraryError, match="link that leads out") as refused,
        replay.use_cassettes(api_base=stand_in.url, mode="all"),
    ):
        get(stand_in.url, OLD)
    assert OBJECT in refused.value.where
    assert before == {path: path.read_bytes() for path in real.rglob("*.yaml")}


@pytest.mark.parametrize("target", ["..", "../..", "../../one", "other", "/"])
def test_a_circle_of_links_is_named(target: str, real: Path) -> None:
    """Also one that two links close, and one that leads above the library."""
    follow()
    library = Path("cassettes")
    objects(library, real)
    (library / "one" / "two").mkdir(parents=True)
    link = library / "one" / "two" / "link"
    link.symlink_to(target if target != "other" else Path.cwd() / library / "other")
    if target == "other":
        (library / "other").mkdir()
        (library / "other" / "back").symlink_to(Path.cwd() / library / "one")
    for command in ("list", "verify"):
        done = replay_command(command)
        assert 2 == done.code
        assert "a link to a folder leads in a circle" in done.err
        assert str(library) in done.err


@pytest.mark.parametrize("setting", [True, False])
@pytest.mark.parametrize("name", [f"{OLD}.yaml", "in_folder"])
def test_a_dangling_link_is_named(setting: bool, name: str, real: Path) -> None:
    """With the setting and without: a file that was meant to be there, and a folder."""
    if setting:
        follow()
    link = Path("cassettes", OBJECT, name) if "." in name else Path("cassettes", "invoices", name)
    link.parent.mkdir(parents=True)
    link.symlink_to("nothing")
    done = replay_command("verify", "--format", "json")
    found = {row["path"]: row["detail"] for row in json.loads(done.out)["findings"]}
    assert "leads nowhere" in found[str(link.relative_to("cassettes"))]
    assert 1 == done.code


def test_a_link_to_a_link_is_a_link(real: Path, tmp_path: Path, stand_in: StandIn) -> None:
    """DVC's cache may be behind several."""
    follow()
    (tmp_path / "between").symlink_to(real)
    files(Path("cassettes"), tmp_path / "between")
    with replay.use_cassettes(api_base=stand_in.url):
        assert DRAFT == get(stand_in.url, NEW)["id"]


def test_a_wrong_value_is_refused() -> None:
    """The setting is a switch."""
    Path("replay.toml").write_text('follow_links = "yes"')
    with pytest.raises(replay.ConfigError, match="must be true or false"):
        replay.use_cassettes("cassettes", mode="once")
