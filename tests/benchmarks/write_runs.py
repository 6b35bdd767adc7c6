"""Suites that write, beside the rivals: what each tool answers to a changed test, and its time.

Each tool records from a source that takes writes, which is stopped then. What is measured is the
process of a pytest run of many tests with four writes each, in mode ``none``. The verdicts run each
tool at its defaults: vcrpy by pytest-recording.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import report
from measure import environment as variables
from pytest_runs import MARKERS as READS
from pytest_runs import OTHERS, pythons, run
from subjects import API
from support.ledger import Ledger

MARKERS = {**READS, "replay": 'cassettes("cassettes", writes="scenario")'}
RECORD = {"replay": "--replay-mode=once", "cassetter": "--record-mode=once",
          "vcrpy": "--record-mode=once"}  # fmt: skip
PLAY = {"replay": (), "cassetter": ("--record-mode=none",), "vcrpy": ("--record-mode=none",)}
HEAD = """
import os, threading, uuid
import pytest, stripe

client = stripe.StripeClient("sk_test_x", base_addresses={{"api": {base!r}}}, max_network_retries=0)
v1, seen = client.v1, os.environ.get("SEEN", "")
CARD = {{"number": "4242424242424242", "exp_month": 12, "exp_year": 2034, "cvc": "123"}}
"""
TIMED = """
@pytest.mark.{marker}
@pytest.mark.parametrize("n", range({count}))
def test_write(n):
    customer = v1.customers.create({{"email": f"{{uuid.uuid4().hex}}@shop.example"}})
    method = v1.payment_methods.create({{"type": "card", "card": CARD}})
    v1.payment_methods.attach(method.id, {{"customer": customer.id}})
    paid = v1.payment_intents.create({{"amount": 900, "currency": "eur", "customer": customer.id}})
    assert paid.customer == customer.id
"""
VERDICTS = """
@pytest.mark.{marker}
def test_amount():
    amount = 350 if seen else 300
    assert amount == v1.payment_intents.create({{"amount": amount, "currency": "eur"}}).amount

@pytest.mark.{marker}
def test_parameter():
    more = {{"receipt_email": "a@shop.example"}} if seen else {{}}
    made = v1.payment_intents.create({{"amount": 5, "currency": "eur", **more}})
    assert more.get("receipt_email") == getattr(made, "receipt_email", None)

@pytest.mark.{marker}
def test_threads():
    got, first = {{}}, threading.Event()

    def one(name, wait):
        if wait:
            first.wait(10)
        got[name] = v1.customers.create({{"name": name}}).name
        first.set()

    threads = [threading.Thread(target=one, args=("Ann", bool(seen))),
               threading.Thread(target=one, args=("Bob", not seen))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {{"Ann": "Ann", "Bob": "Bob"}} == got

@pytest.mark.{marker}
def test_email():
    email = f"private.{{uuid.uuid4().hex}}@shop.example"
    made = v1.customers.create({{"email": email}})
    v1.payment_methods.create({{"type": "card", "card": {{**CARD, "number": "4000056655665556"}}}})
    assert email == v1.customers.retrieve(made.id).email
"""
QUESTIONS = {
    "the amount is changed": "test_amount",
    "a parameter is new": "test_parameter",
    "two threads come in the other order": "test_threads",
    "a random e-mail": "test_email",
}


def recorded(tool: str, python: str, suite: Path, text: str, count: int = 1) -> None:
    """Write a suite, and record it from a source that is stopped then."""
    suite.mkdir(parents=True)
    (suite / "pytest.ini").write_text("[pytest]\n", "utf-8")
    with Ledger() as source:
        base = API if tool == "replay" else source.url  # the others know no source of answers
        filled = (HEAD + text).format(base=base, marker=MARKERS[tool], count=count)
        (suite / "test_suite.py").write_text(filled, "utf-8")
        done = _pytest(python, suite, RECORD[tool], STRIPE_API_BASE=source.url)
    if done.returncode:
        sys.exit(f"{suite}: {tool} did not record\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def _pytest(python: str, suite: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    without = [arg for name in OTHERS for arg in ("-p", f"no:{name}")]
    return subprocess.run(
        [python, "-m", "pytest", "-q", *without, *args],
        capture_output=True, text=True, env={**variables(), **env}, cwd=suite, check=False,
    )  # fmt: skip


def verdict(tool: str, python: str, suite: Path, test: str) -> str:
    """What a tool does with a test that is not quite the one recorded."""
    done = _pytest(python, suite, *PLAY[tool], f"test_suite.py::{test}", SEEN="1",
                   STRIPE_API_BASE="http://127.0.0.1:9")  # fmt: skip
    if not done.returncode:
        return "right"
    return "wrong answer" if "AssertionError" in done.stdout else "refused"


def on_disk(suite: Path) -> str:
    """Which private values the recordings of a suite hold."""
    texts = [path.read_text("utf-8", "replace") for path in suite.rglob("*") if path.is_file()
             and path.suffix in {".yaml", ".yml", ".json"}]  # fmt: skip
    known = {
        "e-mail": "private.", "test card number": "4000056655665556", "API key": "sk_test_x",
    }  # fmt: skip
    found = [what for what, word in known.items() if any(word in text for text in texts)]
    return ", ".join(found) or "nothing private"


def print_verdicts(tools: list[str], folder: Path) -> dict[str, dict[str, str]]:
    """Print a table: what each tool answers."""
    found = pythons(tools)
    rows: dict[str, dict[str, str]] = {}
    for tool in tools:
        suite = folder / tool / "verdicts"
        recorded(tool, found[tool], suite, VERDICTS)
        for label, test in QUESTIONS.items():
            rows.setdefault(label, {})[tool] = verdict(tool, found[tool], suite, test)
        rows.setdefault("on disk", {})[tool] = on_disk(suite)
    print("\nA test that writes, played with a change")
    print(f"{'':36}" + "".join(f"{tool:>36}" for tool in tools))
    for label, cells in rows.items():
        print(f"{label:36}" + "".join(f"{cells[tool]:>36}" for tool in tools))
    return rows


def measure(tools: list[str], folder: Path, count: int, rounds: int) -> list[report.Aim]:
    """Print the row of a suite of tests with four writes each."""
    found = pythons(tools)
    suites = {tool: folder / tool / "writes" for tool in tools}
    for tool, suite in suites.items():
        recorded(tool, found[tool], suite, TIMED, count)
        run(found[tool], suite, count)
    turns = [
        {tool: run(found[tool], suites[tool], count)[0] for tool in tools[:: -1 if n % 2 else 1]}
        for n in range(rounds)
    ]
    report.head(f"A pytest run of {count:,} tests with four writes each, elapsed")
    report.row("four writes each, StripeClient", turns)
    return [
        report.share("a run that writes, of pytest-recording", 0.5, turns, "vcrpy"),
        report.share("a run that writes, of cassetter", 0.8, turns, "cassetter"),
    ]
