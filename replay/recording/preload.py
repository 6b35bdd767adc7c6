"""Loads what recording needs in one go, before the first call that is recorded.

Loaded by the first calls themselves it holds them all up, and the event loop with them. What only
replays never loads it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from threading import Lock

from replay.model.forks import survives_forks
from replay.redaction.policy_source import DEFAULT

_ALWAYS = (
    "ahocorasick_rs",
    "encodings.idna",  # looks hosts up
    "encodings.utf_16_be",
    "encodings.utf_16_le",
    "filelock",
    "httpcore",
    "httpx",
    "replay.library.format.yaml_writer",
    "replay.redaction.gate",
    "replay.redaction.policy",
    "replay.redaction.redactor",
    "replay.recording.upstream",
    "tomllib",
)

_WITH = {"asyncio": "anyio._backends._asyncio", "aiohttp": "vcr.stubs.aiohttp_stubs"}
"""Module of a client -> the module that recording also needs once that one is loaded."""


_lock = survives_forks(Lock())


def load() -> None:
    """Load it, where that has not been done."""
    for name in _ALWAYS:
        import_module(name)
    for client, name in _WITH.items():
        if client in sys.modules:
            import_module(name)
    with _lock:  # else each thread would read all files of the policy
        DEFAULT.load()
