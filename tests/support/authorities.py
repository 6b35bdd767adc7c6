"""Leaves out the authorities of the web, which take each new client twenty milliseconds to load.

No test speaks to the internet. A client that trusts nobody refuses what it would refuse anyway.
"""

from __future__ import annotations

import ssl
from pathlib import PurePath
from typing import Any

BUNDLES = {"cacert.pem", "ca-certificates.crt"}
"""Names of their files: certifi's, and that of the SDK and of Linux."""


def leave_out() -> None:
    """Let no client of this process load them from now on."""
    load = ssl.SSLContext.load_verify_locations

    def load_others(context: ssl.SSLContext, cafile: Any = None, *args: Any, **named: Any) -> None:
        if cafile is None or PurePath(cafile).name not in BUNDLES:
            load(context, cafile, *args, **named)

    ssl.SSLContext.load_verify_locations = load_others  # type: ignore[method-assign]
