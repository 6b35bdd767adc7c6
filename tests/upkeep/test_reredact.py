"""`replay seal --redact`: a stricter policy applied in place; a looser one says what it needs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.standin import DRAFT, OLD, StandIn

import replay
from replay.cli.main import cli
from replay.errors import ConfigError
from replay.library import Library
from replay.library.format import codec, seals
from replay.model.cassette import Request
from replay.recording.recorder import Recorder
from replay.redaction.policy import default_policy, with_team
from replay.redaction.policy_source import PolicySource
from replay.scan.run import scan
from replay.stripe_api.call import retrieve
from replay.stripe_api.routes import by_name
from replay.upkeep.proof import with_own_places
from replay.upkeep.reredact import redact_again

STRICT = '[[redact]]\ntype = "invoice"\npath = "amount_due"\n[[redact]]\npath = "billing_reason"\n'
LOOSE = '[[keep]]\ntype = "invoice"\npath = "customer_name"\npattern = "PRIVATE [A-Z][a-z]+"\n'


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call = retrieve(by_name("invoice"), [DRAFT], version=OLD)
    with StandIn() as source:
        recorder = Recorder(Library(tmp_path / "lib"), source.url)
        outcome = recorder.fetch(call, Request("GET", call.uri))
        recorder.append(call, outcome.version, [outcome])
        recorder.close()
    return Library(tmp_path / "lib").path(call.key, OLD)


def body(file: Path) -> dict[str, object]:
    return dict(json.loads(codec.loads(file.read_bytes(), "f").interactions[0].response.body))


def test_what_became_stricter_is_redacted_in_place(file):
    before = body(file)
    change = redact_again(file, with_team(STRICT, "p"))
    assert (2, 0, True, True) == (change.redacted, change.looser, change.relabelled, change.any)
    after = body(file)
    assert {"amount_due", "billing_reason"} == {k for k in before if before[k] != after[k]}
    assert [] == list(scan([str(file)], with_team(STRICT, "p")).hits)
    assert not redact_again(file, with_team(STRICT, "p")).any


def test_an_unchanged_policy_writes_nothing(file):
    before = file.read_bytes()
    assert not redact_again(file, default_policy()).any
    assert before == file.read_bytes()


def test_what_became_looser_needs_a_new_recording(file):
    policy = with_team(LOOSE, "p")
    before = body(file)
    assert 0 == redact_again(file, policy).looser  # the stand-in does not look as the team says
    assert before == body(file)
    wide = (
        '[[keep]]\ntype = "invoice"\npath = "customer_name"\npattern = "[A-Za-z]+ [a-z0-9A-Z]+"\n'
    )
    change = redact_again(file, with_team(wide, "p"))
    assert (0, 1) == (change.redacted, change.looser)
    assert "/customer_name" in codec.loads(file.read_bytes(), "f").interactions[0].redacted


def test_pseudonyms_of_ids_need_a_new_recording(file):
    with pytest.raises(ConfigError, match="file names"):
        redact_again(file, with_team("", "", masks_ids=True))


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        redact_again(tmp_path / "x.yaml", default_policy())


def test_an_answer_without_a_body_stays(file):
    head = file.read_text().partition("\n")[2].partition("      string: |-\n")[0]
    text = f"{head}      string: ''\n  redacted: {{}}\n".replace(
        "code: 200, message: OK", "code: 204, message: No Content"
    )
    file.write_text(seals.seal(text))
    assert redact_again(file, with_team(STRICT, "p")).relabelled
    assert b"" == codec.loads(file.read_bytes(), "f").interactions[0].response.body


def test_the_command_redacts_and_says_what_cannot_come_back(file, tmp_path):
    (tmp_path / "replay-policy.toml").write_text(
        STRICT + '[[keep]]\npath = "customer_name"\npattern = "[A-Za-z]+ [a-z0-9A-Z]+"\n'
    )
    result = CliRunner().invoke(cli, ["seal", "--redact", str(file)])
    assert 0 == result.exit_code
    assert "redacted 2 more" in result.stdout
    assert "the policy would keep 1 values" in result.stderr
    again = CliRunner().invoke(cli, ["seal", "--redact", str(file)])
    assert "redacted already" in again.stdout
    assert PolicySource(str(tmp_path / "replay-policy.toml")).load().label in file.read_text()


def test_what_is_redacted_later_still_replays(file, tmp_path):
    redact_again(file, with_team(STRICT, "p"))
    with replay.use_cassettes(tmp_path / "lib") as session:
        response = session.answer(Request("GET", f"https://api.stripe.com/v1/invoices/{DRAFT}"))
    assert 200 == response.status


def noted(file: Path, **notes: object) -> None:
    """Write notes about twins into a cassette, as somebody might who seals it."""
    cassette = codec.loads(file.read_bytes(), "f")
    take = replace(cassette.interactions[0], **notes)
    file.write_text(codec.dumps(replace(cassette, interactions=(take,))))


@pytest.mark.parametrize(
    ("notes", "proven"),
    [
        ({"unconfirmed": ("", "/status", "/lines/data/0/amount", "/gained_since")}, True),
        ({"equal_values": {"/customer_email": "text-1"}}, True),
        ({"unconfirmed": ("/Jenny Rosen",)}, False),
        ({"unconfirmed": ("/nowhere/deeper",)}, False),
        ({"unconfirmed": ("/in_1MtHbELkdIwHu7ixl4OzzPMw",)}, False),
        ({"equal_values": {"/jenny": "text-1"}}, False),
    ],
)
def test_notes_about_twins_name_places_and_nothing_else(file, notes, proven):
    noted(file, **notes)
    assert proven is (not list(scan([str(file)], default_policy()).hits))


def test_a_key_that_is_redacted_later_is_in_no_note(file):
    """A note then names the nearest place that the body still has, or nothing."""
    noted(file, unconfirmed=("/metadata/order no", "/status"), equal_values={"/x": "id-1"})
    take = codec.loads(file.read_bytes(), "f").interactions[0]
    changed = with_own_places(take, json.loads(take.response.body), default_policy())
    assert (("/metadata", "/status"), {}) == (changed.unconfirmed, dict(changed.equal_values))
