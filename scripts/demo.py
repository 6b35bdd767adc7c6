"""`make demo`: the whole job in a minute, on this machine, with the real parts.

Records two versions of some invoices from a fake Stripe on localhost with the real command, stops
the fake, replays through the real Stripe SDK, shows what a refusal looks like, and prints the drift
report.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import stripe
from support.standin import DRAFT, NEW, OLD, PAYMENT, StandIn, generated, invoice

import replay


def say(text: str) -> None:
    """Announce a step."""
    bold = "\033[1m{}\033[0m" if sys.stdout.isatty() else "{}"
    print("\n" + bold.format(text), flush=True)


def run(arguments: list[str], **environment: str) -> int:
    """Show a command and run it; its exit code."""
    print("$ replay " + " ".join(arguments), flush=True)
    command = [sys.executable, "-m", "replay", *arguments]
    code = subprocess.run(command, check=False, env={**os.environ, **environment}).returncode
    print(f"(exit code {code})", flush=True)
    return code


def main() -> None:
    """Run the demo in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        tour()


def tour() -> None:
    """The steps."""
    say("1. A fake Stripe on localhost starts, with private data in its invoices.")
    with StandIn() as source:
        ids = [DRAFT, *(source.add_invoice(generated("in", str(n))) for n in range(3))]
        live = {"STRIPE_API_KEY": "sk_test_demo", "STRIPE_API_BASE": source.url}
        person = invoice(DRAFT, OLD)
        print(f"{source.url}/v1/invoices/{DRAFT} says customer_email: {person['customer_email']}")

        say("2. Record each invoice at two API versions, back to back: twins.")
        versions = ["--api-version", OLD, "--api-version", NEW]
        run(["record", "invoice", *ids, *versions, "--library", "cassettes"], **live)
        run(["record", "invoice_payment", PAYMENT, "--library", "cassettes"], **live)

    say("3. The fake Stripe is stopped. The Stripe SDK retrieves the invoice all the same.")
    with replay.use_cassettes(Path("cassettes").absolute()) as session:
        client = stripe.StripeClient("sk_test_x", stripe_version=NEW)
        found = client.v1.invoices.retrieve(DRAFT)
        print(f"client.v1.invoices.retrieve({DRAFT!r})")
        print(f"  status          {found.status}")
        print(f"  total           {found.total} {found.currency}")
        print(f"  customer_email  {found.customer_email}   <- a stand-in, the same on each machine")
    print(f"served from cassettes: {session.counts.played}")
    leaks = sum(b"PRIVATE" in path.read_bytes() for path in Path("cassettes").rglob("*.yaml"))
    print(f"files that hold a private value: {leaks}")

    say("4. A call that is not recorded is refused at once, with the command that records it.")
    try:
        with replay.use_cassettes(Path("cassettes").absolute()):
            client.v1.invoices.retrieve(DRAFT[:-1] + "w")
    except replay.CassetteNotFound as refusal:
        print(refusal)

    say("5. What would upgrading break? Exit code 1 fails the build.")
    run(["diff", OLD, NEW, "--library", "cassettes", "--resource", "invoice"])

    say("That was the whole demo: nothing left this machine. See README.md for your own account.")


if __name__ == "__main__":
    main()
