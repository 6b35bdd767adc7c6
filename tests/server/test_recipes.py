"""The manual's recipes for clients. `make clients` runs those that need other languages' tools."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from support.recipes import PAGE, recipes
from support.served import Served
from support.standin import DRAFT, NEW

CLIENTS = ["curl", "Stripe CLI", "Node.js", "Python", "Python async", "Go", "Java", "Ruby", "PHP",
           ".NET"]  # fmt: skip


def test_each_client_has_a_recipe() -> None:
    """Each retrieves an invoice of the sample library from the server's own port."""
    assert CLIENTS == list(recipes())
    for name, text in recipes(port=81).items():
        assert DRAFT in text, name
        assert "127.0.0.1" in text, name
        assert "81" in text, name


@pytest.mark.parametrize("name", ["Python", "Python async"])
def test_the_python_recipes_run(name: str, serve: Callable[..., Served]) -> None:
    """On the sample library, at the one version that the page says."""
    served = serve(library=PAGE.parents[1] / "cassettes", api_version=NEW)
    text = recipes(urlsplit(served.url).port or 0)[name]
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert "" == done.stderr
    assert done.stdout.startswith("draft redacted+")
