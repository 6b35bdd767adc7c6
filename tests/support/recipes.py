"""The recipes of docs/clients.md, by client: what stands in the first block of each section."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
_SECTION = re.compile(r"^## (.+)\n", re.MULTILINE)
_BLOCK = re.compile(r"```[a-z]+\n(.*?)```", re.DOTALL)


def recipes(port: int = 12111) -> dict[str, str]:
    """Each client's recipe, pointed at a server on `port`."""
    _, *parts = _SECTION.split(PAGE.read_text("utf-8"))
    found = {name: _BLOCK.search(text) for name, text in zip(parts[::2], parts[1::2], strict=True)}
    return {name: block[1].replace("12111", str(port)) for name, block in found.items() if block}
