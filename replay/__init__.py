"""Record Stripe's answers, replay them offline, prove what a version upgrade breaks.

The public face: everything that is documented is importable from here, and loaded when first
used, so that ``import replay`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from replay.model import forks as forks  # children can import what a thread did not finish

if TYPE_CHECKING:
    from replay.errors import (
        CallRefused,
        CassetteConflict,
        CassetteDamaged,
        CassetteForeign,
        CassetteNotFound,
        CassetteTooNew,
        CassetteUnsealed,
        ConfigError,
        DoubleDiffers,
        KeyMismatch,
        LeakFound,
        LibraryBusy,
        LibraryError,
        LiveDataRefused,
        NetworkBlocked,
        NetworkWarning,
        NoSession,
        NoStep,
        NotRecordable,
        PolicyError,
        Refused,
        ReplayError,
        ScenarioNotPlayed,
        ScenarioNotRecorded,
        UpstreamError,
        VersionNotRecorded,
    )
    from replay.library import Library
    from replay.model.modes import RecordMode
    from replay.redaction.pseudonyms import pseudonym
    from replay.session.session import Session
    from replay.testing.decorator import use_cassettes
    from replay.testing.doubles import check
    from replay.testing.field_tracking import track_fields

_HOMES = {
    "check": "replay.testing.doubles",
    "use_cassettes": "replay.testing.decorator",
    "Library": "replay.library",
    "RecordMode": "replay.model.modes",
    "pseudonym": "replay.redaction.pseudonyms",
    "Session": "replay.session.session",
    "track_fields": "replay.testing.field_tracking",
}
"""Where a public name lives; one that is not listed is an error's."""

__all__ = [
    "CallRefused",
    "CassetteConflict",
    "CassetteDamaged",
    "CassetteForeign",
    "CassetteNotFound",
    "CassetteTooNew",
    "CassetteUnsealed",
    "ConfigError",
    "DoubleDiffers",
    "KeyMismatch",
    "LeakFound",
    "Library",
    "LibraryBusy",
    "LibraryError",
    "LiveDataRefused",
    "NetworkBlocked",
    "NetworkWarning",
    "NoSession",
    "NoStep",
    "NotRecordable",
    "PolicyError",
    "RecordMode",
    "Refused",
    "ReplayError",
    "ScenarioNotPlayed",
    "ScenarioNotRecorded",
    "Session",
    "UpstreamError",
    "VersionNotRecorded",
    "check",
    "pseudonym",
    "track_fields",
    "use_cassettes",
]


def __getattr__(name: str) -> Any:
    if name == "vcr":  # the adapter for vcrpy is a module
        return import_module("replay.vcr")
    if name not in __all__:
        raise AttributeError(f"module 'replay' has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "replay.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
