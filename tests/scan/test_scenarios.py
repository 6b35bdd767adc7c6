"""The scan proves scenarios: no step has a free value, and answers are redacted."""

from __future__ import annotations

import re

import pytest
from support.written import FOLDER, MAIL, OLD, edit, written

from replay.redaction.policy import default_policy
from replay.scan.run import scan

FILE = FOLDER / f"{OLD}.yaml"
POLICY = default_policy()


@pytest.fixture(autouse=True)
def recorded() -> None:
    """./cassettes with a scenario at two versions."""
    written()


def rules() -> set[tuple[str, str, str]]:
    """Rule, pointer and detail of each hit."""
    found = scan(["cassettes"], POLICY).hits
    assert MAIL not in repr(found)
    return {(hit.rule, hit.pointer, hit.detail) for hit in found}


def write_in(pattern: str, new: str) -> None:
    """Change the first match of a pattern, and seal the file again."""
    text, count = re.subn(pattern, new, FILE.read_text(), count=1)
    assert count, text
    FILE.write_text(text)
    edit(FILE)


def test_what_was_recorded_is_proven() -> None:
    """The scan finds nothing in a recorded scenario, though a test of it chose an ID."""
    assert "chosen_Redacted" in FILE.read_text()
    assert set() == rules()


@pytest.mark.parametrize(
    ("pattern", "new", "hit"),
    [
        (r"email: 'any#1'", f"email: {MAIL}", ("unproven-leaf", "steps/0 sends/email",
                                               "the value of email")),
        (r"metadata\[order\]", "metadata[ann@shop.example]",
         ("unproven-leaf", "steps/0 sends", "the name of a parameter")),
        (r"customers/\{0/id\}", "customers/ann.other",
         ("unproven-leaf", "steps/1 call", "an ID in the path")),
        (r"  lane: 0\n", "  lane: 0\n  account: ann.other\n",
         ("unproven-leaf", "steps/0 account", "the account")),
        (r'"email": "redacted\+\w+@example.com"', f'"email": "{MAIL}"',
         ("forged-stand-in", "steps/0 /email", "email")),
        (r'"livemode": false', f'"livemode": "{MAIL}"',
         ("unproven-leaf", "steps/0 /livemode", "email")),
        (r"req_replay\w\w", "req_replay00",
         ("forged-stand-in", "steps/0 /headers/Request-Id", "request_id")),
        ("steps:\n", f"  variables:\n    mail: {MAIL.replace('.example', '.de')}\nsteps:\n",
         ("email-address", "", "")),
    ],
)  # fmt: skip
def test_a_value_that_was_written_in(pattern: str, new: str, hit: tuple[str, str, str]) -> None:
    """Each is named by its step and place, and never shown."""
    write_in(pattern, new)
    assert hit in rules()


def test_a_secret_in_a_step() -> None:
    """A key in a step is found as in any text, also where the file cannot be read any more."""
    key = "sk_" + "test_" + "4eC39HqLyjWDarjtT1zdp7dc"
    write_in(r"email: 'any#1'", f"email: {key}")
    assert {"secret-key", "unproven-leaf"} <= {rule for rule, _, _ in rules()}
    FILE.write_text(FILE.read_text() + "\n")
    assert {"secret-key", "damaged-cassette"} == {rule for rule, _, _ in rules()}


def test_another_policy() -> None:
    """A scenario of another policy is noted, as a cassette is."""
    write_in(r"policy: '?[^\n']+'?", f"policy: {re.sub('[0-9a-f]{4}$', 'ffff', POLICY.label)}")
    assert {"policy-behind"} == {rule for rule, _, _ in rules()}
