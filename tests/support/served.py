"""A client of a replay server that runs beside the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from replay.config import Config
from replay.server import create_app
from replay.server.app import App
from replay.server.running import ServerThread
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


@contextmanager
def served_at(settings: Config | App) -> Iterator[str]:
    """The address of a server with these settings, or of an app, that runs meanwhile."""
    app = settings if isinstance(settings, App) else create_app(settings)
    thread = ServerThread(app)
    try:
        yield thread.url
    finally:
        thread.stop()
        app.sessions.close()
