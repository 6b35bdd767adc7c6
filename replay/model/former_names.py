"""Warns of names that were public in replay 0.1. All of them work until replay 0.3."""

from __future__ import annotations

import warnings


def warn(name: str, instead: str) -> None:
    """Warn the code that looked up an attribute, through `__getattr__`, that its name goes.

    Args:
        name: the name, with its class: ``session.tally``.
        instead: what to use in its place; empty where nothing replaces it.
    """
    advice = f"use {instead}" if instead else "it was meant for replay itself"
    warnings.warn(f"{name} goes in replay 0.3: {advice}", DeprecationWarning, stacklevel=3)
