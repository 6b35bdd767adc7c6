"""Record the sample library, ``cassettes/``, from the tests' stand-in for the API.

``.venv/bin/python scripts/sample_library.py``: four invoices at two API versions (twins), an
invoice payment, and an ID that does not exist. What is unchanged is left alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.standin import DRAFT, NEW, OLD, PAYMENT, StandIn, generated

PORT = 12112


def main() -> None:
    """Record all samples."""
    with StandIn(PORT) as source:
        ids = [DRAFT, *(source.add_invoice(generated("in", f"sample{n}")) for n in range(3))]
        versions = ["--api-version", OLD, "--api-version", NEW]
        missing = generated("in", "missing")
        for arguments in (
            ["invoice", *ids, *versions],
            ["invoice_payment", PAYMENT, "--api-version", NEW],
            ["invoice", missing, "--api-version", NEW],
        ):
            subprocess.run(
                [sys.executable, "-m", "replay", "record", *arguments, "--mode", "all"],
                check=False,  # the ID that does not exist exits 1
                cwd=ROOT,
                env={**os.environ, "STRIPE_API_KEY": "sk_test_x", "STRIPE_API_BASE": source.url},
            )


if __name__ == "__main__":
    main()
