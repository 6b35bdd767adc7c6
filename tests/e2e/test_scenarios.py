"""A whole suite that writes: recorded from localstripe, then played with localstripe stopped."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from support.command import replay_command
from support.suites import Suite
from support.waiting import HANGS, wait_until

SUITE = Path(__file__).with_name("writing_suite.py")
SERVE = (
    "import sys; from aiohttp import web; from localstripe.server import app\n"
    "web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]), print=None)"
)
SHUFFLED = """
import random

def pytest_collection_modifyitems(items):
    random.Random(7).shuffle(items)
"""


class Recorded:
    """The suite with its scenarios, and the address that answered while they were recorded."""

    def __init__(self, suite: Suite, base: str, summary: str) -> None:
        self.suite = suite
        self.base = base
        self.summary = summary

    def edited(self, folder: Path, *edits: tuple[str, str]) -> Suite:
        """The suite with changes in its code; the library is the same."""
        text = SUITE.read_text("utf-8")
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        made = Suite(folder)
        (made.folder / "test_writes.py").write_text(text, "utf-8")
        (made.folder / "cassettes").symlink_to(self.suite.folder / "cassettes")
        return made


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The suite, recorded from localstripe, which is stopped since."""
    folder = tmp_path_factory.mktemp("writes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(port)],
        env={**os.environ, "TMPDIR": str(folder)}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(_answering(base))
        suite = Suite(folder / "suite")
        (suite.folder / "test_writes.py").write_text(SUITE.read_text("utf-8"), "utf-8")
        done = suite.run("--replay-mode=once", "-q", STRIPE_API_BASE=base)
        assert 0 == done.code, done.out
    finally:
        process.terminate()
        process.wait(10)
    return Recorded(suite, base, done.summary)


def _answering(base: str) -> Callable[[], bool]:
    def answers() -> bool:
        try:
            requests.get(base, timeout=HANGS)
        except requests.ConnectionError:
            return False
        return True

    return answers


def test_it_is_played_without_the_source(recorded: Recorded) -> None:
    """With other e-mails, names and IDs than when recorded; what it reads is tracked."""
    done = recorded.suite.run(
        "-q", "--replay-track-fields=used.json", STRIPE_API_BASE=recorded.base
    )
    assert 0 == done.code, done.out
    used = json.loads((recorded.suite.folder / "used.json").read_text("utf-8"))
    assert {"customers", "subscriptions", "refunds"} < {one["resource"] for one in used["bodies"]}
    count = re.search(r"(\d+) recorded", recorded.summary)
    assert count is not None
    assert f"replay: {count[1]} played, 0 recorded, 0 refused" == done.summary


def test_it_is_played_in_another_order_by_several_workers(
    recorded: Recorded, tmp_path: Path
) -> None:
    """Each scenario belongs to its test; the module's fixture is played in each worker."""
    suite = recorded.edited(tmp_path / "suite")
    suite.write(SHUFFLED, "conftest.py")
    done = suite.run("-q", "-n", "2", with_="xdist")
    assert 0 == done.code, done.out
    assert "0 recorded, 0 refused" in done.summary


def test_no_private_text_is_on_disk(recorded: Recorded) -> None:
    """What the tests sent is neither in the library nor beside it, in any encoding."""
    files = [path for path in recorded.suite.folder.rglob("*") if path.is_file()]
    own = recorded.suite.folder / "test_writes.py", recorded.suite.folder / "__pycache__"
    texts = {path: path.read_bytes() for path in files if not {path, path.parent} & {*own}}
    scenarios = [path for path in texts if "scenarios" in path.parts]
    assert 20 < len(scenarios)
    assert [] == [path for path, text in texts.items() if b"private-" in text]


@pytest.mark.parametrize(
    ("old", "new", "test", "words"),
    [
        ('"amount": amount, "currency": "eur"', '"amount": amount + 1, "currency": "eur"',
         "test_amounts[small]", "step 4 has amount=100 (amount is 100, not 101)"),
        ('"currency": "eur", "customer"', '"currency": "usd", "customer"',
         "test_amounts[small]", "step 4 has currency=eur"),
        ('"payment_method": method.id, "confirm": True', '"payment_method": method.id',
         "test_amounts[small]", "confirm is missing"),
        ('{"email": email()})\n    assert not', '{"email": email(), "name": "x"})\n    assert not',
         "test_a_customer_is_deleted", "step 0 has no name"),
        ("    assert v1.customers.delete(made.id).deleted", "    assert made",
         "test_a_customer_is_deleted",
         "the test passed without a write that it made when it was recorded: step 2"),
        ('card = {**CARD, "number": "4000000000000002"}', "card = CARD",
         "test_a_card_is_declined", "card[number] is 4000000000000002, not 4242424242424242"),
        ('items": [{"plan": name}]', 'items": [{"plan": "silver"}]',
         "test_a_subscription_makes_an_invoice", "items[0][plan] is not the one made by step 4"),
    ],
)  # fmt: skip
def test_a_change_of_the_code_is_refused(
    recorded: Recorded, tmp_path: Path, old: str, new: str, test: str, words: str
) -> None:
    """Each edit that changes what the test does fails it, with the parameter."""
    suite = recorded.edited(tmp_path / "suite", (old, new))
    done = suite.run("-q", f"test_writes.py::{test}")
    assert 1 == done.code, done.out
    assert words in done.out


def test_a_test_that_fails_leaves_the_old_scenario(recorded: Recorded, tmp_path: Path) -> None:
    """Nothing is written for it, and nothing of the run is left."""
    folder = recorded.suite.folder / "cassettes" / "scenarios" / "test_writes.py"
    before = {path: path.read_bytes() for path in folder.rglob("*.yaml")}
    suite = recorded.edited(tmp_path / "suite")
    done = suite.run(
        "-q", "--replay-mode=all", "-k", "test_a_customer_is_deleted",
        STRIPE_API_BASE="http://127.0.0.1:9",
    )  # fmt: skip
    assert 1 == done.code, done.out
    assert before == {path: path.read_bytes() for path in folder.rglob("*.yaml")}


def test_what_was_recorded_is_proven(recorded: Recorded) -> None:
    """Each step and each stand-in of all files, by the deep check and by the scan."""
    library = recorded.suite.folder / "cassettes"
    count = len(list(library.rglob("scenarios/**/*.yaml")))
    done = replay_command("verify", "--deep", "--library", library)
    assert 0 == done.code, done.out
    assert f"{count} scenario files" in done.out
    done = replay_command("scan", library)
    assert 0 == done.code, done.out
