"""A client of a replay server that runs beside the test."""

from __future__ import annotations

from typing import Any

import httpx

from replay.server.app import App
from support.standin import DRAFT, NEW, generated
from support.waiting import HANGS

OTHER = generated("in", "other")
GONE = generated("in", "gone")
KEY = "sk_test_PRIVATEkey"


class Served(httpx.Client):
    """A client of one server.

    Attributes:
        app: the server's app.
        url: its base address.
    """

    def __init__(self, app: App, url: str) -> None:
        headers = {"Authorization": f"Bearer {KEY}"}
        super().__init__(base_url=url, headers=headers, trust_env=False, timeout=HANGS)
        self.app = app
        self.url = url

    def retrieve(self, id: str = DRAFT, version: str | None = NEW, **headers: str) -> Any:
        """Ask for an invoice."""
        if version is not None:
            headers["Stripe-Version"] = version
        return self.get(f"/v1/invoices/{id}", headers=headers)

    def reset(self, name: str | None = None, **params: str) -> Any:
        """End a session."""
        headers = {} if name is None else {"Replay-Session": name}
        return self.post("/_replay/reset", headers=headers, params=params)
