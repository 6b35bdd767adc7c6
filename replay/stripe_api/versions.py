"""API versions: their form, canonical spelling and order, and what a train promises. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from difflib import get_close_matches
from functools import lru_cache

from replay.errors import ConfigError

UNVERSIONED = "unversioned"
"""Stands for the API version where neither the answer nor the request named one."""

VERSION_FORM = re.compile(
    "[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:\.[a-z]{1,20})?(?:; ?[a-z][a-z0-9_]{0,60}=v[0-9]{1,3}){0,9}\Z"
)

_SAFE = re.compile(r"[0-9A-Za-z][0-9A-Za-z .;=_-]{0,199}\Z")

_DATED = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.([A-Za-z0-9_-]+))?(.*)", re.DOTALL)

PREVIEW = "preview"
"""Stands where a train's name would; a preview promises nothing."""

TRAINS = {
    "2024-09-30": "acacia",
    "2025-03-31": "basil",
    "2025-09-30": "clover",
    "2026-03-25": "dahlia",
    "2026-09-30": "endive",
}
"""The first day of each release train that this release knows. Since the first of them, every
version names its train, or is a preview."""

_FIRST_DAY = "2011-01-01"  # no version is older

LOOKS_LIKE = "a version looks like 2024-06-20 or 2025-03-31.basil"
"""The hint of every error about a text that is not a version."""


def is_version(text: str) -> bool:
    """Whether a text has the form of an API version, such as ``2025-03-31.basil``."""
    return VERSION_FORM.match(text) is not None


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
            "this is not an API version",
            where=where,
            hint=LOOKS_LIKE,
        )
    return text


def kept_version(stated: str, pinned: str | None) -> str:
    """The version of a live answer, with no other words than replay or the request named.

    A beta or a train may be called by any word, so a source could write one into recordings and
    file names. Betas that the request did not name are left out. Without its train, a version is
    another version: there, nothing is kept.

    Args:
        stated: the answer's version, which has the form of one.
        pinned: the version that the request named; None where it named none.

    Returns:
        The version; empty if its date or train is neither known nor the request's.
    """
    base, *betas = [part.strip() for part in stated.split(";")]
    own, *sent = [part.strip() for part in (pinned or "").split(";")]
    day = base.partition(".")[0]
    if base != own and (base != known_part(base) or day < _FIRST_DAY or not _is_day(day)):
        return ""
    if set(sent).issuperset(betas):
        return stated
    return "; ".join([base, *(beta for beta in betas if beta in sent)])


def known_part(version: str) -> str:
    """A version without its betas, and without a train that this release does not know."""
    base = version.partition(";")[0].strip()
    day, _, name = base.partition(".")
    return base if not name or name == PREVIEW or name in TRAINS.values() else day


def checked_version(text: str, where: str) -> str:
    """An API version that a person names, in canonical spelling; `UNVERSIONED` is accepted too.

    Raises:
        ConfigError: it does not have the form of one.
    """
    version = canonical_version(text, where)
    if version == UNVERSIONED:
        return version
    meant = _meant(version)
    if meant or not is_version(version):
        raise ConfigError(
            f"{text!r} is not an API version",
            where=where,
            hint=f"did you mean {meant}?" if meant else LOOKS_LIKE,
        )
    return version


def _meant(version: str) -> str:
    """The version that was probably meant by a day that does not exist or a train misspelt.

    Empty where nothing is wrong with it that can be seen, and where nothing is similar.
    """
    found = _DATED.fullmatch(version)
    if found is None:
        return ""
    day, name, rest = found.groups()
    if not _is_day(day):
        firsts = [f"{first}.{train}" for first, train in TRAINS.items()]
        near = get_close_matches(f"{day}.{name}" if name else day, firsts, n=1, cutoff=0.5)
        return near[0] if near else f"{next(reversed(TRAINS))}.{next(reversed(TRAINS.values()))}"
    here = [train for first, train in TRAINS.items() if first <= day]
    if name is None:
        return f"{day}.{here[-1]}{rest}" if here else ""
    if name == PREVIEW or name in TRAINS.values():
        return ""
    near = get_close_matches(name, TRAINS.values(), n=1, cutoff=0.7)
    return f"{day}.{near[0]}{rest}" if near else ""


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def version_order(version: str) -> tuple[int, str, int, str]:
    """A sortable value: by date, then the dated or named release, then its preview, then the text.

    Versions without a date, such as ``unversioned``, come before all others.
    """
    found = _DATED.fullmatch(version)
    if found is None:
        return 0, "", 0, version
    day, name, _ = found.groups()
    return 1, day, int(name == PREVIEW), version


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
        f"{version!r} is not an API version",
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
