"""The main job end to end: live retrieve, cassette, offline replay, drift report."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import stripe
from support.clients import stripe_client
from support.standin import DRAFT, NEW, OLD, PAYMENT, StandIn, generated

import replay


def command(*args: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """``replay ARGS`` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "replay", *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library recorded by the real command from a source that is stopped afterwards."""
    library = tmp_path_factory.mktemp("recording") / "cassettes"
    with StandIn() as source:
        ids = [DRAFT, *(source.add_invoice(generated("in", str(n))) for n in range(6))]
        live = {
            "STRIPE_API_KEY": "sk_test_PRIVATEkey",
            "STRIPE_API_BASE": source.url,
            "REPLAY_LIBRARY": str(library),
        }
        twins = ("--api-version", OLD, "--api-version", NEW)
        current = ("--api-version", stripe.api_version)
        for arguments in (
            ("invoice", *ids, *twins),
            ("invoice", DRAFT, *current),
            ("invoice_payment", PAYMENT, *current),
        ):
            done = command("record", *arguments, **live)
            assert 0 == done.returncode, done.stderr
    return library


@pytest.fixture
def recorded(recording: Path) -> Path:
    """The recorded library as ./cassettes of this test."""
    return shutil.copytree(recording, Path("cassettes"))


def test_the_sdk_reads_an_invoice_and_its_payment_offline(recorded: Path) -> None:
    """The example of the README holds, with the network refused."""

    @replay.use_cassettes("cassettes")
    def retrieve() -> tuple[str, str]:
        client = stripe.StripeClient("sk_test_x")
        payment = client.v1.invoice_payments.retrieve(PAYMENT)
        return client.v1.invoices.retrieve(DRAFT).status, payment.payment.payment_intent

    assert ("draft", generated("pi", DRAFT)) == retrieve()


def test_an_unknown_id_that_was_recorded_raises_the_sdks_own_error(
    stand_in: StandIn, library: Path
) -> None:
    """A 404 replays as InvalidRequestError with its code, sync and async."""
    gone = DRAFT[:-1] + "w"
    client = stripe_client(stand_in.url, stripe.RequestsClient())
    with (
        pytest.raises(stripe.InvalidRequestError) as live,
        replay.use_cassettes(library, mode="once", api_base=stand_in.url),
    ):
        client.v1.invoices.retrieve(gone)
    stand_in.stop()
    with (
        pytest.raises(stripe.InvalidRequestError) as replayed,
        replay.use_cassettes(library, api_base=stand_in.url),
    ):
        client.v1.invoices.retrieve(gone)
    assert "resource_missing" == replayed.value.code
    assert str(live.value) == str(replayed.value)
    assert gone in str(replayed.value)


def test_gathered_tasks_of_the_sdk_share_their_session(recorded: Path) -> None:
    """Async retrieves of many invoices are each answered with their own."""
    ids = [generated("in", str(n)) for n in range(6)] * 4

    async def main() -> list[str]:
        http_client = stripe.HTTPXClient()
        client = stripe.StripeClient("sk_test_x", http_client=http_client, stripe_version=NEW)
        found = await asyncio.gather(*[client.v1.invoices.retrieve_async(id) for id in ids])
        await http_client.close_async()
        return [invoice.id for invoice in found]

    with replay.use_cassettes():
        assert ids == asyncio.run(main())


def test_nothing_private_is_anywhere_in_the_library(recorded: Path) -> None:
    """No file or file name holds a private value, the key, or a live request ID."""
    files = [path for path in Path("cassettes").rglob("*") if path.is_file()]
    assert len(files) > 15
    for path in files:
        assert b"PRIVATE" not in path.read_bytes()
        assert "PRIVATE" not in str(path)


def test_the_drift_report_says_where_the_subscription_went(recorded: Path) -> None:
    """`replay diff` proves the move with its evidence, and fails the build."""
    arguments = ("diff", OLD, NEW, "--library", "cassettes", "--resource", "invoice")
    done = command(*arguments)
    assert 1 == done.returncode, done.stderr
    assert "subscription moved to parent.subscription_details.subscription" in done.stdout
    report = json.loads(command(*arguments, "--format", "json").stdout)
    comparison = next(c for c in report["comparisons"] if c["resource"] == "invoices")
    moved = next(f for f in comparison["findings"] if f["path"] == "/subscription")
    assert ("field-moved", "breaking", "proven") == (
        moved["rule"], moved["severity"], moved["grade"],
    )  # fmt: skip
    assert "/parent/subscription_details/subscription" == moved["to"]["path"]
    witness = Path("cassettes") / moved["witnesses"]["old"].partition("#")[0]
    assert witness.is_file()


def test_versions_that_answer_alike_are_clean(recorded: Path) -> None:
    """No finding where nothing changed: exit 0."""
    done = command("diff", NEW, stripe.api_version, "--resource", "invoice")
    assert 0 == done.returncode, done.stdout + done.stderr


def test_nothing_to_compare_says_what_to_record(recorded: Path) -> None:
    """A version that nobody recorded exits 3 and names the command."""
    done = command("diff", OLD, "2019-05-16", "--resource", "invoice")
    assert 3 == done.returncode
    assert "replay record invoice" in done.stdout + done.stderr


def test_plain_vcrpy_replays_our_cassettes(recorded: Path) -> None:
    """A cassette is a valid vcrpy version-1 file."""
    import requests
    import vcr

    path = f"cassettes/invoices/{DRAFT}/{NEW}.yaml"
    with vcr.use_cassette(path, record_mode="none"):
        url = f"https://api.stripe.com/v1/invoices/{DRAFT}"
        body = requests.get(url, headers={"Stripe-Version": NEW}, timeout=5).json()
    assert "draft" == body["status"]
