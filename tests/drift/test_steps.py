"""Steps of scenarios are evidence: what all pairs of a step lost is likely, and nothing else is."""

from __future__ import annotations

import re
import shutil
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import stripe
from support.command import replay_command
from support.ledger import Ledger
from support.recordings import twins
from support.writing import shelve
from support.written import NEW, OLD, edit, record

from replay.drift.observe.steps import aligned
from replay.model.scenario import Answer, Step

NAME = "tests/test_pay.py::test_pay"
FILE = Path("cassettes/scenarios/tests/test_pay.py/test_pay", f"{NEW}.yaml")


def calls(version: str) -> None:
    """Three customers, one of them read again, and two payments."""
    client = stripe.StripeClient("sk_test_x", stripe_version=version)
    for number in range(3):
        given: Any = {"name": f"Ann {number}", "phone": "+49 555", "metadata": {"order": "9"}}
        made = client.v1.customers.create({**given, "address": {"city": "Bonn", "country": "DE"}})
    client.v1.customers.retrieve(made.id)
    for _ in range(2):
        client.v1.payment_intents.create({"amount": 500, "currency": "eur", "description": "it"})


@pytest.fixture(autouse=True)
def library() -> None:
    """./cassettes with the scenario at both versions, the same in both."""
    shutil.copytree(Path(_recorded().name, "library"), "cassettes")


@cache
def _recorded() -> TemporaryDirectory[str]:
    folder = TemporaryDirectory(prefix="steps")
    with Ledger() as source:
        for version in (OLD, NEW):
            record(Path(folder.name, "library"), source, NAME, lambda at=version: calls(at))
    return folder


def lose(pattern: str, most: int = 0) -> None:
    """Take lines out of the answers at the new version."""
    text, count = re.subn(pattern, "", FILE.read_text(), count=most)
    assert count, text
    FILE.write_text(text)
    edit(FILE)


def findings(*options: object, code: int) -> set[tuple[str, str, str, str]]:
    """Resource, path, rule and grade of each finding."""
    done = replay_command("diff", OLD, NEW, "--format", "json", *options)
    assert code == done.code, done.out + done.err
    return {
        (comparison["resource"], one["path"], one["rule"], one["grade"])
        for comparison in done.json["comparisons"]
        for one in comparison["findings"]
    }


def test_two_runs_that_are_alike_show_no_drift() -> None:
    """The answers differ in IDs and stand-ins only; the versions count as recorded."""
    assert set() == findings(code=0)
    assert "customers  2024-06-20 -> 2025-03-31.basil" in replay_command("diff", OLD, NEW).out


def test_what_all_of_three_pairs_lost_is_likely() -> None:
    """A field that each old answer has and no new one is a removal, and fails the build."""
    lose(r' +"phone": [^\n]*\n')
    assert {("customers", "/phone", "field-removed", "likely")} == findings(code=1)
    text = replay_command("diff", OLD, NEW, "--verbose").out
    assert "phone removed; seen in steps of scenarios; set in 4 of 4 (4 of 4 pairs" in text
    assert f"scenarios/tests/test_pay.py/test_pay/{OLD}.yaml#0/phone" in text
    for format in ("html", "brief", "markdown", "junit", "sarif", "github"):
        assert "phone" in replay_command("diff", OLD, NEW, "--format", format).out


def test_what_two_pairs_lost_is_unobserved() -> None:
    """It may be due to the run, so it fails nothing."""
    lose(r' +"description": [^\n]*\n')
    assert {("payment_intents", "/description", "field-removed", "unobserved")} == findings(code=0)


@pytest.mark.parametrize(
    ("pattern", "most"),
    [(r' +"phone": [^\n]*\n', 3), (r' +"order": [^\n]*\n', 0), (r' +"metadata": \{[^}]*\},\n', 2)],
    ids=["one has it still", "a key of a map", "some"],
)
def test_what_a_run_explains(pattern: str, most: int) -> None:
    """One pair that kept the field is enough to say nothing; keys that users choose say nothing."""
    lose(pattern, most)
    assert set() == findings(code=0)


def test_gains_and_nulls_prove_nothing() -> None:
    """Both come and go from run to run at one version."""
    text = FILE.read_text()
    changed = text.replace('"object": "customer",', '"object": "customer",\n        "tax": {},')
    changed = re.sub(r'"phone": "[^"]*"', '"phone": null', changed)
    assert text != changed
    FILE.write_text(changed)
    edit(FILE)
    assert set() == findings(code=0)


def test_what_the_library_shows_counts_more() -> None:
    """A recording at the new version that has the field still answers the question."""
    lose(r' +"phone": [^\n]*\n')
    assert findings(code=1)
    body = {"id": "cus_1A2b3C4d5E6f7G8h", "object": "customer", "phone": None}
    shelve(Path("cassettes"), twins([body], [body], resource="customers"))
    assert "/phone" not in {path for _, path, _, _ in findings(code=0)}


def test_one_resource() -> None:
    """--resource leaves the others out."""
    lose(r' +"phone": [^\n]*\n')
    assert set() == findings("--resource", "payment_intent", code=0)
    assert findings("--resource", "customer", code=1)


def test_the_old_side_in_another_library() -> None:
    """Scenarios of two libraries are paired by their names, too."""
    shutil.copytree("cassettes", "before")
    lose(r' +"phone": [^\n]*\n')
    options = ("--old-library", "before", "--format", "json")
    done = replay_command("diff", NEW, NEW, *options)
    assert 1 == done.code, done.err
    found = {one["path"] for each in done.json["comparisons"] for one in each["findings"]}
    assert {"/phone"} == found


def test_a_scenario_that_cannot_be_read() -> None:
    """It is named: a report without it would say less than it seems."""
    FILE.write_text("")
    done = replay_command("diff", OLD, NEW)
    assert (2, True) == (done.code, FILE.name in done.err)


def step(route: str) -> Step:
    method, _, path = route.partition(" ")
    return Step(method, "", (), "none", 0, {}, Answer(200, (), b""), path)


@pytest.mark.parametrize(
    ("old", "new", "length"),
    [
        ("abc", "abc", 3), ("abc", "axbc", 3), ("abcd", "acd", 3), ("aabb", "bbaa", 2),
        ("axbyc", "ambnc", 3), ("aaa", "aa", 2), ("abcabba", "cbabac", 4), ("a", "b", 0),
        ("", "a", 0),
    ],
)  # fmt: skip
def test_steps_are_aligned_by_their_routes(old: str, new: str, length: int) -> None:
    """A longest common sequence, in order: a step that one version has more shifts nothing."""
    made = [[step(f"POST v1/{letter}") for letter in routes] for routes in (old, new)]
    found = list(aligned(*made))
    assert length == len(found)
    assert all(old[i] == new[j] for i, j in found)
    assert all(i < k and j < m for (i, j), (k, m) in pairwise(found))


def test_files_of_other_versions_are_not_read() -> None:
    """What cannot be one side of a pair costs no time, and its damage is verify's to tell."""
    FILE.with_name("2023-10-16.yaml").write_text("")
    assert set() == findings(code=0)
    lone = FILE.parents[1] / "test_other" / FILE.name
    lone.parent.mkdir()
    lone.write_text("")
    assert set() == findings(code=0)
    assert 2 == replay_command("diff", "2023-10-16", NEW).code
