"""Which tests played recordings that are too old: `--replay-max-age`.

Age is told, and nothing is recorded again by itself: a run that goes online by the calendar would
be another one each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from replay.recording import clock
from replay.session.session import OpenSession
from replay.testing.options import AGE

_DAY = 86_400
_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Limit:
    """How old a recording may be.

    Attributes:
        days: the number of days.
        fails: whether an older one fails the run.
    """

    days: int
    fails: bool


def limit_of(config: pytest.Config) -> Limit | None:
    """The limit of a run; None if it has none."""
    given = config.getoption("--replay-max-age") or config.getini("replay_max_age")
    found = AGE.fullmatch(given) if given else None
    return Limit(int(found[1]), bool(found[2])) if found else None


def too_old(session: OpenSession, limit: Limit | None) -> str:
    """The oldest recording that a session played, with its age; empty if it is young enough."""
    if limit is None:
        return ""
    played = [(one.take.recorded_at, f"{one.call.key} at {one.api_version}")
              for one in session.calls]  # fmt: skip
    own = session.scenario
    if own is not None and own.recorded_at is not None:
        played.append((own.recorded_at, f"scenario {own.options.name}"))
    if not played:
        return ""
    at, what = min(played)
    # The real clock, also where the test froze its own.
    days = int((clock.seconds() - datetime.fromisoformat(at).timestamp()) // _DAY)
    return f"{what}, {days} days old ({at[:10]})" if days >= limit.days else ""


def report(reporter: Any, config: pytest.Config, old: Mapping[str, str]) -> None:
    """Write which tests played what."""
    limit = limit_of(config)
    failing = limit is not None and limit.fails
    reporter.section("old recordings", red=failing, yellow=not failing)
    for test, what in sorted(old.items())[:_SHOWN]:
        reporter.write_line(f"{test}: {what}")
    if len(old) > _SHOWN:
        reporter.write_line(f"and {len(old) - _SHOWN} more tests")
    days = limit.days if limit is not None else 0
    reporter.write_line(
        f"these are {days} days old or older: record them again with --replay-mode=all, or check"
        " them with replay verify --live"
    )
