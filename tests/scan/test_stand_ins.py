"""The scan makes each stand-in again, and what stands beside the bodies has one form only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import replay_command

from replay.library.format import codec, seals
from replay.redaction.policy import default_policy
from replay.scan.run import scan

EARLIER = Path(__file__).parents[1] / "library" / "recorded_by_0_1_0"
INVOICE = "invoices/in_1MtHbELkdIwHu7ixl4OzzPMv/2024-06-20.yaml"
POLICY = default_policy()


def rules(path: Path) -> set[tuple[str, str]]:
    return {(hit.rule, hit.pointer) for hit in scan([str(path)], POLICY).hits}


@pytest.fixture
def edited(tmp_path: Path) -> Callable[..., Path]:
    """Edits the text of a recording of 0.1.0, and seals it again."""

    def edit(
        old: str, new: str, file: str = f"cassettes/{INVOICE}", kind: str = "cassette"
    ) -> Path:
        whole = (EARLIER / file).read_text("utf-8").partition("\n")[2]
        named = whole.partition("policy: ")[2].partition("\n")[0]
        whole = whole.replace(named, POLICY.label, 1)
        assert old in whole
        path = tmp_path / "tape.yaml"
        path.write_text(seals.seal(whole.replace(old, new, 1), kind), "utf-8")
        return path

    return edit


def test_what_0_1_0_recorded_is_proven() -> None:
    """Each stand-in of that library is the one that this release makes."""
    assert {("policy-behind", "")} <= rules(EARLIER) <= {
        ("policy-behind", ""), ("unknown-version", ""),
    }  # fmt: skip
    done = replay_command("verify", "--deep", "--library", EARLIER / "cassettes")
    assert 0 == done.code, done.out
    assert "another policy than the one in force, which is not at hand" in done.out


@pytest.mark.parametrize(
    ("old", "new", "pointer"),
    [
        ("redacted+6880b0bdfce79ddd@", "redacted+6880b0bdfce79dde@", "/customer_email"),
        ("Redacted 512cca35", "Redacted 512cca36", "/account_name"),
        ('"00000"', '"00001"', "/customer_address/postal_code"),
    ],
)
def test_a_forged_stand_in_is_named_in_a_cassette_of_vcrpys_too(
    edited: Callable[..., Path], old: str, new: str, pointer: str
) -> None:
    wanted = {("forged-stand-in", f"interactions/0 {pointer}")}
    assert wanted == rules(edited(old, new))
    # What does not even look like a stand-in is found as in any other tool's recording, too.
    assert wanted == rules(edited(old, new, "tape.yaml", "vcr")) - {("private-field", "")}
    assert set() == rules(edited(old, old, "tape.yaml", "vcr"))


def test_a_tape_that_cannot_be_read_is_not_proven(tmp_path: Path) -> None:
    tape = tmp_path / "tape.yaml"
    tape.write_text((EARLIER / "tape.yaml").read_text("utf-8").replace("ddd@", "dde@"), "utf-8")
    assert ("damaged-cassette", "") in rules(tape)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("recorded_at: '2026", "recorded_at: 'Jenny 2026"),
        ("uri: https://api.stripe.com/", "uri: https://jenny-rosen.example/"),
        ("in_1MtHbELkdIwHu7ixl4OzzPMv\n    body", "in_1MtHbELkdIwHu7ixl4OzzPMv#jenny\n    body"),
        ("https://api.stripe.com/v1/invoices/in_1Mt", "https://api.stripe.com/v1/invoices/in_2Mt"),
        ("method: GET", "method: HEAD"),
        ("/customer_email: email", "/customer_email: jenny_rosen"),
        ("/customer_email: email", "/customer_email: key+jenny"),
    ],
)  # fmt: skip
def test_what_stands_beside_a_body_has_one_form(
    edited: Callable[..., Path], old: str, new: str
) -> None:
    """A time is a time, and the address is the one of the call that the cassette is of."""
    path = edited(old, new)
    assert {("damaged-cassette", "")} == rules(path)
    told = replay_command("scan", path).out
    assert "is not in the format: interactions[0]." in told
    assert "enny" not in told


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("recorded_at: '2026-", "recorded_at: '0000-", "recorded_at"),
        ("    /customer_email: email", "    /invented: email", "redacted"),
    ],
)
def test_what_only_the_values_tell_is_found(
    edited: Callable[..., Path], old: str, new: str, where: str
) -> None:
    """A day that does not exist, and a pointer that leads nowhere."""
    assert ("unproven-leaf", f"interactions/0 {where}") in rules(edited(old, new))


def test_a_version_with_a_word_that_nobody_knows_is_noted(edited: Callable[..., Path]) -> None:
    """Not what the client's version is, if this release knows its train."""

    def at(version: str) -> Path:
        path = edited("version: 1", "version: 1")
        text = path.read_text("utf-8").partition("\n")[2].replace("'2024-06-20'", version)
        path.write_text(seals.seal(text), "utf-8")
        return path

    assert set() == rules(at("2025-03-31.basil")) - {
        ("forged-stand-in", "interactions/0 /response/headers/Request-Id")
    }
    for word in ("2025-03-31.janedoe", "'2024-06-20; janedoe=v1'"):
        path = at(word)
        assert ("unknown-version", "") in rules(path)
        assert "janedoe" not in replay_command("scan", path).out
    assert codec.loads(path.read_bytes(), "x").api_version == "2024-06-20; janedoe=v1"


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (f"policy: {POLICY.label}", "policy: jenny sha256:0123456789ab", "cassette.policy"),
        (f"policy: {POLICY.label}", f"policy: {POLICY.label} jenny", "cassette.policy"),
        ("  api_version:", "  account: jenny-rosen\n  api_version:", "cassette.account"),
        ("  api_version:", "  account: acct-jenny\n  api_version:", "cassette.account"),
    ],
)
def test_what_stands_at_the_head_has_one_form(
    edited: Callable[..., Path], old: str, new: str, where: str
) -> None:
    """A policy's label and an account's are names with a digest, and no words."""
    path = edited(old, new)
    assert {("damaged-cassette", "")} == rules(path)
    told = replay_command("scan", path).out
    assert where in told
    assert "jenny" not in told
