"""The names of marker and options, and what they say. Light: the plugin's entry imports it."""

from __future__ import annotations

from pathlib import Path

import pytest

MARKER = "cassettes"
SERVERS = ("replay_server", "replay_server_url")
"""The fixtures that need the replay server."""

MODES = ("none", "once", "new_episodes", "all")
USED_FIELDS = "used-fields.json"
UNUSED = ("off", "warn", "fail")


def wants(item: pytest.Item) -> bool:
    """Whether a test is to have a session: by its marker, or by a fixture that it asks for."""
    return item.get_closest_marker(MARKER) is not None or not {MARKER, *SERVERS}.isdisjoint(
        getattr(item, "fixturenames", ())
    )


def blocks(config: pytest.Config) -> bool:
    """Whether unmarked tests are kept from the API too."""
    return bool(config.getoption("--replay-block-network") or config.getini("replay_block_network"))


def tracked(config: pytest.Config) -> Path | None:
    """The file that notes which fields of answers are read; None where nobody wants to know."""
    named = config.getoption("--replay-track-fields")
    return config.invocation_params.dir / named if named else None


def unused(config: pytest.Config) -> str:
    """What is done about cassettes that no test played."""
    return str(config.getoption("--replay-unused") or config.getini("replay_unused"))
