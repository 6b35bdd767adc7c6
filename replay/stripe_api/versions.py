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

_WRITTEN = re.compile(
    r"(\d{4})[-/._ ]?(\d{1,2})[-/._ ]?(\d{1,2})(?:[-/._ ]+([a-z]+))?((?:\s*;.*)?)", re.DOTALL
)
"""A version as people may write it."""

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
        # A header may hold any words: none that replay does not know is repeated.
        meant = known_part(meant_version(base))
        raise ConfigError(
            "this is not an API version",
            where=where,
            hint=f"did you mean {meant}?" if is_version(meant) else LOOKS_LIKE,
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
        ConfigError: it does not have the form of one, or there can be none of that name.
    """
    if text == UNVERSIONED:
        return text
    meant = meant_version(text)
    version = "" if meant else canonical_version(text, where)
    if not is_version(version):
        raise ConfigError(
            f"{text!r} is not an API version",
            where=where,
            hint=f"did you mean {meant}?" if meant else LOOKS_LIKE,
        )
    return version


def meant_version(text: str) -> str:
    """The version that was probably meant by one that cannot be.

    Its day does not exist or is spelled otherwise, or its train's name is missing, misspelt or
    that of another time.

    Returns:
        Empty where nothing can be seen to be wrong, and where nothing is similar.
    """
    given = text.strip().lower()
    found = _WRITTEN.fullmatch(given)
    if found is None:
        return next((f"{day}.{name}" for day, name in TRAINS.items() if name == given), "")
    year, month, day_of_month, name, rest = found.groups()
    day = f"{year}-{month:>02}-{day_of_month:>02}"
    if not _is_day(day):
        firsts = [f"{first}.{train}" for first, train in TRAINS.items()]
        near = get_close_matches(f"{day}.{name}" if name else day, firsts, n=1, cutoff=0.5)
        return near[0] if near else f"{next(reversed(TRAINS))}.{next(reversed(TRAINS.values()))}"
    if name and get_close_matches(name, [PREVIEW], cutoff=0.8):
        name = PREVIEW
    else:
        name = _train_on(day, name)
    meant = f"{day}.{name}{rest}" if name else f"{day}{rest}"
    return "" if meant == text.strip() else meant


def _train_on(day: str, name: str | None) -> str:
    """The train of the versions of a day; a name that only a later release may know stays."""
    begun = [train for first, train in TRAINS.items() if first <= day]
    newest = bool(begun) and begun[-1] == next(reversed(TRAINS.values()))
    if newest and name and name not in TRAINS.values():
        return (get_close_matches(name, begun[-1:], n=1, cutoff=0.7) or [name])[0]
    return begun[-1] if begun else ""


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


def require_version(
    version: str, recorded: Iterable[str], where: str, *, since: bool = False
) -> None:
    """Make sure that a text can be an API version: it is recorded, or could be.

    Args:
        version: the text.
        recorded: the versions that are recorded.
        where: the option or argument, for errors.
        since: whether a day without a train will do, to compare from that day on.

    Raises:
        ConfigError: it cannot be one; the hint names the one that was probably meant, or the most
            similar recorded version.
    """
    recorded = sorted(set(recorded), key=version_order)
    if version in recorded or version == UNVERSIONED or (since and _is_day(version)):
        return
    meant = meant_version(version)
    if not meant and version_order(version)[0]:
        return
    meant = near(version, recorded) or meant
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


def is_preview(version: str) -> bool:
    """Whether a version is of the preview channel; all others are releases."""
    return version.partition(";")[0].strip().endswith(f".{PREVIEW}")


def promises(old: str, new: str) -> bool:
    """Whether Stripe promises that nothing breaks between two versions: both are of one train."""
    return train(old) != "" and train(old) == train(new)
