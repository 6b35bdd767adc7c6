"""API versions: their form, canonical spelling and order, and what a train promises. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

from replay.errors import ConfigError

UNVERSIONED = "unversioned"
"""Stands for the API version where neither the answer nor the request named one."""

_VERSION = re.compile(
    r"\d{4}-\d\d-\d\d(?:\.[a-z]{1,20})?(?:; ?[a-z][a-z0-9_]{0,60}=v\d{1,3}){0,9}\Z"
)

_SAFE = re.compile(r"[0-9A-Za-z][0-9A-Za-z .;=_-]{0,199}\Z")

_DATED = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.([A-Za-z0-9_-]+))?(.*)", re.DOTALL)

PREVIEW = "preview"
"""Stands where a train's name would; a preview promises nothing."""

LOOKS_LIKE = "a version looks like 2024-06-20 or 2025-03-31.basil"
"""The hint of every error about a text that is no version."""


def is_version(text: str) -> bool:
    """Whether a text has the form of an API version, such as ``2025-03-31.basil``."""
    return _VERSION.match(text) is not None


@lru_cache(maxsize=256)
def canonical_version(value: str, where: str = "Stripe-Version") -> str:
    """The canonical spelling: ``2023-10-16; b=v1;a=v2`` becomes ``2023-10-16; a=v2; b=v1``.

    Raises:
        ConfigError: the text cannot be a version.
    """
    base, *features = [part.strip() for part in value.split(";")]
    text = "; ".join([base, *sorted({feature for feature in features if feature})])
    if not _SAFE.match(text):
        raise ConfigError(
            "this is no API version",
            where=where,
            hint=LOOKS_LIKE,
        )
    return text


def checked_version(text: str, where: str) -> str:
    """An API version that a person names, in canonical spelling; `UNVERSIONED` is accepted too.

    Raises:
        ConfigError: it does not have the form of one.
    """
    version = canonical_version(text, where)
    if version != UNVERSIONED and not is_version(version):
        raise ConfigError(
            f"{text!r} is no API version",
            where=where,
            hint=LOOKS_LIKE,
        )
    return version


def version_order(version: str) -> tuple[int, str, int, str]:
    """A sortable value: by date, then the dated or named release, then its preview, then the text.

    Versions without a date, such as ``unversioned``, come before all others.
    """
    found = _DATED.fullmatch(version)
    if found is None:
        return 0, "", 0, version
    date, name, _ = found.groups()
    return 1, date, int(name == PREVIEW), version


def near(version: str, recorded: Iterable[str]) -> str:
    """The recorded version with the most similar spelling.

    Empty where none is similar, or where the version itself is recorded.
    """
    known = sorted(set(recorded))
    found = get_close_matches(version, known, n=1, cutoff=0.9) if version not in known else []
    return found[0] if found else ""


def require_version(version: str, recorded: Iterable[str], where: str) -> None:
    """Make sure that a text can be an API version: it is recorded, or it begins with a date.

    Raises:
        ConfigError: it cannot be one; the hint names the most similar recorded version.
    """
    recorded = sorted(set(recorded), key=version_order)
    if version in recorded or version == UNVERSIONED or version_order(version)[0]:
        return
    meant = near(version, recorded)
    listed = ", ".join(recorded) or "no version at all"
    raise ConfigError(
        f"{version!r} is no API version",
        where=where,
        hint=f"did you mean {meant}?" if meant else f"recorded are: {listed}",
    )


def train(version: str) -> str:
    """The release train of a version, such as ``basil``; empty for plain dates and previews."""
    found = _DATED.fullmatch(version)
    name = found[2] if found else None
    return "" if name is None or name == PREVIEW else name


def promises(old: str, new: str) -> bool:
    """Whether Stripe promises that nothing breaks between two versions: both are of one train."""
    return train(old) != "" and train(old) == train(new)
