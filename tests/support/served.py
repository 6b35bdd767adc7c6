"""A client of a replay server that runs beside the test."""

from __future__ import annotations

from typing import Any

import httpx

from replay.server.app import App
from support.standin import DRAFT, NEW, generated

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
        super().__init__(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False)
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
