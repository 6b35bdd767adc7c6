"""The shipped library answers the calls of Stripe's API reference with the objects shown there.

`make clients` runs the same calls in the clients that need other languages' tools.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import api_reference as reference
from support.habits import LIBRARIES, Wire
from support.sample_objects import INVOICE_PAYMENT, PINNED, PREVIEW
from support.served import Served

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "cassettes"
PAYMENT = f"/v1/invoice_payments/{INVOICE_PAYMENT['id']}"
TARGETS = {"ruby": f"{PAYMENT}?", "php": PAYMENT, "dotnet": PAYMENT}
"""What each library asks for: Ruby's ends a bare GET with a question mark."""


@pytest.fixture
def shipped(serve: Callable[..., Served]) -> Served:
    """A server of the shipped library, as `replay serve` starts it."""
    return serve(library=SAMPLES)


@pytest.mark.parametrize("client", ["Python", "Python async"])
def test_the_python_call_of_the_page(shipped: Served, client: str) -> None:
    """Word for word: the answer is the page's object."""
    (text,) = reference.calls(client, shipped.url).values()
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert "" == done.stderr
    assert "" == reference.wrong("payment", json.loads(done.stdout))


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("kind", ["payment", "invoice"])
def test_the_curl_calls_of_both_pages(shipped: Served, kind: str) -> None:
    """The payment's names no version; the invoice's names the preview."""
    text = reference.calls("curl", shipped.url)[kind]
    done = subprocess.run(shlex.split(text), capture_output=True, text=True, check=False)
    assert "" == reference.wrong(kind, json.loads(done.stdout))


@pytest.mark.parametrize("version", [None, PREVIEW, *PINNED])
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_ruby_php_and_dotnet_calls(shipped: Served, library: str, version: str | None) -> None:
    """As those libraries send them, at each version that a library pins, and at none."""
    lines = [line for line in LIBRARIES[library] if not line.startswith("Stripe-Version")]
    pinned = [f"Stripe-Version: {version}"] if version else []
    with Wire(shipped) as wire:
        status, headers, body = wire.ask(TARGETS[library], [*lines, *pinned])
    assert (200, "") == (status, reference.wrong("payment", body))
    assert (version or PREVIEW) == headers["Stripe-Version"]


def test_the_versions_are_those_of_the_libraries_here() -> None:
    """stripe-python's own pin is listed, and the library's page names each version."""
    import stripe

    assert stripe.api_version in PINNED
    page = (SAMPLES / "README.md").read_text("utf-8")
    for version, libraries in PINNED.items():
        assert f"{version}.yaml" in page
        for one in libraries.split(" and ") if "tried" not in libraries else ():
            assert one in page


def test_a_body_that_is_not_the_pages_is_told() -> None:
    """A field that is missing, changed or new; a private value that is answered."""
    assert "amount_paid" in reference.wrong("payment", INVOICE_PAYMENT | {"amount_paid": 1})
    assert "extra" in reference.wrong("payment", INVOICE_PAYMENT | {"extra": None})
    assert "customer_email" in reference.wrong("invoice", dict(reference.INVOICE))
