"""A session that a fixture or ``setUp`` opens around tests: one report each, without the key."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import unittest
from concurrent.futures import ThreadPoolExecutor

import pytest, replay, requests, stripe
from keys import KEY

def call():
    stripe.StripeClient(KEY).v1.invoices.retrieve("in_1ABCDEFGHIJKLMNOP")

@pytest.fixture
def block():
    with replay.use_cassettes("cassettes"):
        yield

@pytest.fixture
@replay.use_cassettes("cassettes")
def decorated():
    yield

@pytest.fixture(scope="module")
def shared():
    with replay.use_cassettes("cassettes"):
        yield

def test_block(block):
    call()

def test_decorated(decorated):
    call()

@pytest.mark.parametrize("n", [1, 2])
def test_shared(shared, n):
    call()

def test_pool(block):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(call).result()

def test_wrapped(block):
    try:
        call()
    except BaseException as error:
        raise ValueError("mine") from error

class TestCase(unittest.TestCase):
    def setUp(self):
        self.enterContext(replay.use_cassettes("cassettes"))

    def test_unittest(self):
        call()
"""


def run(folder: Path, *options: str) -> str:
    (folder / "cassettes").mkdir()
    (folder / "keys.py").write_text("KEY = 'sk_test_PRIVATEkey'\n")
    (folder / "test_it.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-p", "no:cassetter", "--tb=long", *options]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTEST_ADDOPTS": ""}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize("marked", [False, True])
def test_a_full_trace_has_no_frame_of_ours(tmp_path: Path, marked: bool) -> None:
    """The SDK's frames are shown, as asked for; replay's own locals are not."""
    if marked:
        (tmp_path / "conftest.py").write_text(
            "import pytest\n\ndef pytest_collection_modifyitems(items):\n"
            "    for item in items:\n        item.add_marker(pytest.mark.cassettes('cassettes'))\n"
        )
    said = run(tmp_path, "--full-trace", "-k", "test_block or test_shared")
    assert "3 failed" in said
    assert "_http_client.py" in said
    assert f"{os.sep}replay{os.sep}intercept" not in said
    assert f"{os.sep}replay{os.sep}session" not in said
