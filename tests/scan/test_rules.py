"""Each rule finds its examples, and passes over those that only look like them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from replay.library.format import codec, seals
from replay.redaction.policy import default_policy
from replay.scan.examples import EXAMPLES, Example
from replay.scan.rules import RULES
from replay.scan.run import scan, scan_branch

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "cassettes/invoices/in_1MtHbELkdIwHu7ixl4OzzPMv/2025-03-31.basil.yaml"
POLICY = default_policy()
BRANCHES = ("newly-kept", "policy-loosened")


def cassette(edits: tuple[tuple[str, str], ...]) -> str:
    body = SAMPLE.read_text("utf-8").partition("\n")[2]
    body = body.replace(codec.loads(SAMPLE.read_bytes(), "x").policy, POLICY.label)
    for old, new in edits:
        body, count = re.subn(old, new, body)
        assert count
    return seals.seal(body)


def rules_of(example: Example, id: str) -> set[str]:
    """The rules that find something in an example, which is written into this folder."""
    path = Path(example.name)
    path.write_text(example.text.replace("^", "") if example.text or example.before is not None
                    else cassette(example.edits), "utf-8")  # fmt: skip
    if id not in BRANCHES:
        return {hit.rule for hit in scan([example.name], POLICY).hits}
    now = path.read_bytes()
    path.write_text(cassette(()) if example.before is None else example.before, "utf-8")
    for arguments in (
        ("init", "-q", "-b", "main"), ("config", "user.email", "a@example.com"),
        ("config", "user.name", "A"), ("add", "-A"), ("commit", "-q", "-m", "x"),
    ):  # fmt: skip
        subprocess.run(["git", *arguments], check=True, capture_output=True)  # noqa: S607
    path.write_bytes(now)
    return {hit.rule for hit in scan_branch("main").hits}


CASES = [
    pytest.param(id, example, wanted, id=f"{id} {'finds' if wanted else 'passes'} {number}")
    for id, examples in EXAMPLES.items()
    for wanted, row in ((True, examples.found), (False, examples.passed))
    for number, example in enumerate(row)
]


@pytest.mark.parametrize(("id", "example", "wanted"), CASES)
def test_a_rule_finds_what_it_must_and_nothing_else(id, example, wanted, tmp_path, monkeypatch):
    """A true example raises the rule, a false one does not."""
    monkeypatch.chdir(tmp_path)
    assert wanted == (id in rules_of(example, id))


def test_every_rule_has_examples_of_both_kinds():
    """A new rule comes with its proof."""
    assert RULES.keys() == EXAMPLES.keys()
    assert [] == [id for id, row in EXAMPLES.items() if not (row.found and row.passed)]


def test_the_examples_hold_nothing_that_a_scanner_would_take_for_a_key():
    """Neither this one nor that of a code host."""
    source = ROOT / "replay/scan/examples.py"
    if not source.exists():
        pytest.skip("the sources are not beside the tests")
    assert [] == [hit.rule for hit in scan([str(source)], POLICY).hits]
