"""Libraries that earlier versions recorded stay good: they load as fast and replay as before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import requests
import vcr
from support.command import replay_command

import replay
import replay.vcr
from replay.library import Library
from replay.library.format import codec, fast_reader

FIRST = Path(__file__).parent / "recorded_by_0_1_0"
API = "https://api.stripe.com"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A copy of what 0.1.0 recorded."""
    return Path(shutil.copytree(FIRST / "cassettes", tmp_path / "cassettes"))


def test_all_of_it_is_replayed(library: Path) -> None:
    """Each take is served in its order, with status, headers and body as they are in the file."""
    statuses = []
    for path, cassette in Library(library).cassettes():
        account = {"Stripe-Account": "acct_1Invented000000000"} if cassette.key.account else {}
        for expand in sorted({"expand" in take.request.uri for take in cassette.interactions}):
            takes = [t for t in cassette.interactions if ("expand" in t.request.uri) == expand]
            with replay.use_cassettes(library):
                for take in takes:
                    sent = {**dict(take.request.headers), **account}
                    got = requests.get(take.request.uri, headers=sent, timeout=5)
                    kept = take.response
                    assert (kept.status, kept.body) == (got.status_code, got.content), path
                    assert dict(kept.headers).items() <= dict(got.headers).items()
                    statuses.append(got.status_code)
    assert {200, 202, 304, 401, 404, 429, 503} == set(statuses)


def test_it_is_read_quickly_and_is_whole(library: Path) -> None:
    """No cassette with a body needs the YAML parser, and `verify` finds nothing."""
    for path in library.rglob("*.yaml"):
        if "in_1Same" in str(path):
            continue  # a 304 has no body, which takes the other reader
        assert fast_reader.read(path.read_bytes().partition(b"\n")[2]) is not None, path
    done = replay_command("verify", "--library", library)
    assert 0 == done.code, done.out


def test_a_cassette_of_vcrpys_is_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A redirect that the persister kept has no address, and is served as it was."""
    tape = tmp_path / "tape.yaml"
    tape.write_bytes((FIRST / "tape.yaml").read_bytes())
    takes, _ = codec.loads_vcr(tape.read_bytes(), str(tape))
    assert [200, 200, 302] == [take.response.status for take in takes]
    monkeypatch.setenv("STRIPE_API_BASE", "http://127.0.0.1:12111")
    player = vcr.VCR(record_mode="none")
    player.register_persister(replay.vcr.Persister())
    with player.use_cassette(str(tape)):
        for take in takes:
            got = requests.request(take.request.method, take.request.uri, timeout=5)
            assert take.response.status == got.status_code
            assert json.loads(take.response.body or b"null") == (
                got.json() if got.content else None
            )
