"""Freezes a test's clock at the date of its recordings, with time-machine (extra ``time``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from replay.errors import ConfigError
from replay.library.library import storage_of
from replay.model.cassette import ObjectKey
from replay.model.modes import RecordMode
from replay.stripe_api.routes import by_name

if TYPE_CHECKING:
    from replay.library import Library
    from replay.session.session import OpenSession

Freeze: TypeAlias = bool | str | date | tuple[str, str]
"""Whether and when: True, a date, or the resource and ID of a recorded object."""

_RECORDED_AT = re.compile(rb"recorded_at: '(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)'")


def checked(freeze: Freeze) -> Freeze:
    """The value, if it is one that a session can have.

    Raises:
        ConfigError: it is none, or time-machine is not installed.
    """
    if freeze is False:
        return freeze
    if isinstance(freeze, str):
        _date(freeze)
    elif isinstance(freeze, tuple):
        if len(freeze) != 2 or not all(isinstance(part, str) for part in freeze):
            raise _unusable(freeze)
        if by_name(freeze[0]) is None:
            raise ConfigError(
                f"{freeze[0]!r} is not a resource",
                where="freeze",
                hint="name one such as invoices: replay list",
            )
    elif not isinstance(freeze, bool | date):
        raise _unusable(freeze)
    try:
        import time_machine  # noqa: F401 - whether it is there
    except ImportError:
        raise ConfigError(
            "freeze needs time-machine, which is not installed",
            where="freeze",
            hint="pip install 'replay-cassettes[time]'",
        ) from None
    return freeze


def _unusable(freeze: object) -> ConfigError:
    return ConfigError(
        f"{freeze!r} is no date",
        where="freeze",
        hint='write freeze=True, freeze="2026-01-31" or freeze=("invoices", "in_…")',
    )


def _date(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _unusable(text) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def moment(freeze: Freeze, session: OpenSession) -> datetime | None:
    """When a session's clock stands still; None for a session that records what it is frozen at.

    Raises:
        ConfigError: there is no such recording.
    """
    if isinstance(freeze, str):
        return _date(freeze)
    if isinstance(freeze, datetime):
        return freeze if freeze.tzinfo is not None else freeze.replace(tzinfo=UTC)
    if isinstance(freeze, date):
        return datetime.combine(freeze, time(), UTC)
    if isinstance(freeze, tuple):
        return _of_object(freeze, session.library)
    if session.config.mode is RecordMode.ALL:
        return None
    own = session.scenario
    found = own.recorded_at if own is not None else None
    found = found or (None if own is not None and own.fetches else newest(session.library))
    if found is None and session.config.mode is RecordMode.NONE:
        raise ConfigError(
            "there is no recording whose date the clock could have",
            where=f"freeze, library {session.library.root}",
            hint="record first, or name a date: freeze='2026-01-31'",
        )
    return _date(found) if found is not None else None


def _of_object(named: tuple[str, str], library: Library) -> datetime:
    route = by_name(named[0])
    resource = route.resource if route is not None else named[0]
    takes = [
        take.recorded_at
        for cassette in library.recorded(ObjectKey(resource, named[1]))
        for take in cassette.interactions
    ]
    if not takes:
        raise ConfigError(
            "the object whose date the clock should have is not recorded",
            where=f"freeze=({named[0]!r}, …), library {library.root}",
            hint="record it: replay record RESOURCE ID, or name a date",
        )
    return _date(max(takes))


def newest(library: Library) -> str | None:
    """When the newest recording of a library was made; None if it has none."""
    return _newest(library, _stamp(library)) if library.exists() else None


def _stamp(library: Library) -> int:
    return len(library.paths())


@lru_cache(maxsize=16)
def _newest(library: Library, _: int) -> str | None:
    storage = storage_of(library)
    found = [
        match.decode("ascii")
        for path in library.paths()
        for match in _RECORDED_AT.findall(storage.read_bytes(path) or b"")
    ]
    return max(found, default=None)


@contextmanager
def frozen(when: datetime) -> Iterator[None]:
    """Freeze the clock for a block."""
    with _travel(when):
        yield


def _travel(when: datetime) -> AbstractContextManager[object]:
    import time_machine

    travel: AbstractContextManager[object] = time_machine.travel(when, tick=False)
    return travel
