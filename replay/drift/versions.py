"""The order of Stripe's API versions, and the train that a version belongs to."""

from __future__ import annotations

import re

_DATED = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.([A-Za-z0-9_-]+))?(.*)", re.DOTALL)

PREVIEW = "preview"


def version_order(version: str) -> tuple[int, str, int, str]:
    """A sortable value: by date, then the dated or named release, then its preview, then the text.

    What carries no date (``unversioned`` above all) sorts before everything that does.
    """
    found = _DATED.fullmatch(version)
    if found is None:
        return 0, "", 0, version
    date, name, _ = found.groups()
    return 1, date, int(name == PREVIEW), version


def train(version: str) -> str:
    """The named train, such as ``basil``; empty for dated versions and previews."""
    found = _DATED.fullmatch(version)
    name = found[2] if found else None
    return "" if name is None or name == PREVIEW else name


def promises(old: str, new: str) -> bool:
    """Whether Stripe promises that nothing breaks between the two: both are of one train."""
    return train(old) != "" and train(old) == train(new)
