"""A recorded body that no recording could hold: every command refuses it, and names the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from support.command import Done, replay_command
from support.shelves import copied
from support.standin import DRAFT, NEW, OLD, PREVIEW, StandIn, generated

import replay
from replay.library.format import seals

OTHER = generated("in", "sound")
FILE = Path("cassettes") / "invoices" / DRAFT / f"{OLD}.yaml"
SOUND = Path("cassettes") / "invoices" / OTHER / f"{OLD}.yaml"


def record(source: StandIn, library: Path) -> None:
    source.add_invoice(OTHER)
    where = ("--library", library, "--api-version", OLD, "--api-version", NEW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRIPE_API_BASE", source.url)
        assert 0 == replay_command("record", "invoice", DRAFT, OTHER, *where).code


@pytest.fixture(autouse=True)
def recorded(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """./cassettes with two invoices at two versions."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_x")
    monkeypatch.setenv("STRIPE_API_BASE", stand_in.url)
    stand_in.add_invoice(OTHER)
    copied(record, Path("cassettes"))


def twice(text: str) -> str:
    """A private value in a key that the next line has again."""
    line = '          "customer_email": '
    assert line in text
    return text.replace(line, f'{line}"jane.doe@corp.com",\n{line}', 1)


def broken(text: str) -> str:
    """A word where a value belongs."""
    return text.replace('"footer": null', '"footer": oops', 1)


def nested(text: str) -> str:
    """More brackets than a parser's stack has room for."""
    return text.replace('"footer": null', f'"footer": {"[" * 3000}{"]" * 3000}', 1)


@pytest.fixture(params=[twice, broken, nested])
def damaged(request: pytest.FixtureRequest) -> Path:
    """One cassette with a bad body below a seal that fits."""
    change: Callable[[str], str] = request.param
    before = FILE.read_text().partition("\n")[2]
    after = change(before)
    assert before != after
    FILE.write_text(seals.seal(after))
    return FILE


def refused(done: Done) -> None:
    """Exit 2, the file named, no value shown."""
    assert 2 == done.code, done.err
    assert f"{DRAFT}/{OLD}.yaml take 0" in done.err
    assert "a recorded body" in done.err
    assert "jane.doe" not in done.out + done.err


@pytest.mark.parametrize(
    "command",
    [
        ("seal", FILE),
        ("seal", "--redact", FILE),
        ("show", "invoice", DRAFT),
        ("show", "invoice", DRAFT, "--format", "json"),
        ("diff", OLD, NEW),
        ("upgrade", PREVIEW, "--yes"),
    ],
    ids=lambda command: " ".join(map(str, command))[:14],
)
def test_a_command_refuses_it(damaged: Path, command: tuple[object, ...]) -> None:
    """No command takes the last of two values, or ends in a traceback."""
    before = damaged.read_bytes()
    refused(replay_command(*command))
    assert before == damaged.read_bytes()


@pytest.mark.parametrize("options", [(), ("--redact",)], ids=["seal", "redact"])
def test_a_folder_goes_on_with_the_others(damaged: Path, options: tuple[str, ...]) -> None:
    """The other files of a folder are done all the same."""
    text = SOUND.read_text()
    edited = text.replace('"footer": null', '"footer": ""', 1)
    relabelled = seals.seal(text.partition("\n")[2].replace("policy: stripe-1", "policy: stripe-0"))
    SOUND.write_text(relabelled if options else edited)
    done = replay_command("seal", *options, "cassettes")
    refused(done)
    assert f"  {SOUND}\ncassettes: 1 of 4 {'redacted' if options else 'sealed'}, 1 failed" in (
        done.out
    )


def test_a_scan_goes_on_with_the_others(damaged: Path) -> None:
    """It is a finding, of the file and its take; what the others hold is found too."""
    text = SOUND.read_text().partition("\n")[2]
    SOUND.write_text(seals.seal(text.replace('"footer": null', '"footer": "for Jane"', 1)))
    done = replay_command("scan", "cassettes", "--format", "json")
    assert 1 == done.code
    assert {
        (str(FILE), "damaged-cassette", "interactions/0 /"),
        (str(SOUND), "unproven-leaf", "interactions/0 /footer"),
    } == {(f["path"], f["rule"], f["pointer"]) for f in done.json["findings"]}


def test_verify_names_it(damaged: Path) -> None:
    """`--deep` has a finding; `--live` has one too, and compares the others."""
    deep = replay_command("verify", "--deep", "--format", "json")
    live = replay_command("verify", "--live", "--rate", 1000, "--format", "json")
    expected = [(f"invoices/{DRAFT}/{OLD}.yaml", "body")]
    for done in (deep, live):
        assert expected == [(f["path"], f["rule"]) for f in done.json["findings"]]
    assert 4 == live.json["asked"]


def test_nothing_is_recorded_beside_it(damaged: Path, stand_in: StandIn) -> None:
    """The gate reads the whole file again: it refuses, and leaves the file as it is."""
    before = damaged.read_bytes()
    stand_in.add_invoice(DRAFT, status="paid")

    @replay.use_cassettes("cassettes", mode="new_episodes", api_base=stand_in.url)
    def ask_twice() -> None:
        for _ in range(2):
            url, pin = f"{stand_in.url}/v1/invoices/{DRAFT}", {"Stripe-Version": OLD}
            requests.get(url, headers=pin, timeout=5)

    with pytest.raises(replay.CassetteDamaged, match="a recorded body"):
        ask_twice()
    assert before == damaged.read_bytes()
