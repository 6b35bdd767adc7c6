"""Record the sample library, ``cassettes/``, from a source on loopback.

``.venv/bin/python scripts/sample_library.py``: the invoice and the invoice payment of Stripe's API
reference, as it shows them and composed at other versions; three invoices at two versions (twins);
and an ID that does not exist. ``cassettes/README.md`` says which is which. What is unchanged is
left alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.sample_objects import (
    BASIL,
    BEFORE,
    CLOVER,
    INVOICE,
    INVOICE_PAYMENT,
    PINNED,
    PREVIEW,
    composed_invoice,
    composed_payment,
)
from support.standin import StandIn, generated

PORT = 12112
COMPOSED = (BEFORE, BASIL, CLOVER)


def main() -> None:
    """Record all samples into the library that the first argument names."""
    library = sys.argv[1] if len(sys.argv) > 1 else "cassettes"
    with StandIn(PORT) as source:
        source.default_version = PREVIEW
        ids = [source.add_invoice(generated("in", f"sample{n}")) for n in range(3)]
        paid = source.objects[f"/v1/invoices/{ids[0]}"](BEFORE, [])

        def invoice(version: str, expand: list[str]) -> Any:
            return composed_invoice(version) if version in COMPOSED else INVOICE

        def payment(version: str, expand: list[str]) -> Any:
            return composed_payment(paid) if version in COMPOSED else INVOICE_PAYMENT

        source.objects[f"/v1/invoices/{INVOICE['id']}"] = invoice
        source.objects[f"/v1/invoice_payments/{INVOICE_PAYMENT['id']}"] = payment

        def record(resource: str, *ids: str, at: tuple[str, ...]) -> None:
            versions = [part for version in at for part in ("--api-version", version)]
            subprocess.run(
                [sys.executable, "-m", "replay", "record", resource, *ids, *versions,
                 "--mode", "all", "--library", library],
                check=False,  # the ID that does not exist exits 1
                cwd=ROOT,
                env={**os.environ, "STRIPE_API_KEY": "sk_test_x", "STRIPE_API_BASE": source.url},
            )  # fmt: skip

        record("invoice", INVOICE["id"], at=COMPOSED)
        record("invoice", INVOICE["id"], at=(PREVIEW,))
        record("invoice", *ids, at=(BEFORE, BASIL))
        record("invoice", generated("in", "missing"), at=(BASIL,))
        record("invoice_payment", INVOICE_PAYMENT["id"], at=())
        record("invoice_payment", INVOICE_PAYMENT["id"], at=(BASIL, CLOVER))
        for version in PINNED:
            record("invoice_payment", INVOICE_PAYMENT["id"], at=(version,))


if __name__ == "__main__":
    main()
