"""The record modes, and the table that decides what a session does with a call.

Data only. docs/modes.md is generated from this table.
"""

from __future__ import annotations

from enum import StrEnum

from replay.errors import ConfigError


class RecordMode(StrEnum):
    """When a call may go online. The names are vcrpy's; each call key is decided on its own."""

    NONE = "none"
    ONCE = "once"
    NEW_EPISODES = "new_episodes"
    ALL = "all"

    @classmethod
    def parse(cls, value: str | RecordMode, where: str) -> RecordMode:
        """Read a mode; `where` names the option in the error.

        Raises:
            ConfigError: no such mode.
        """
        try:
            return cls(value)
        except ValueError:
            from difflib import get_close_matches

            known = [mode.value for mode in cls]
            near = get_close_matches(str(value).lower().replace("-", "_"), known, n=1)
            guess = f"did you mean {near[0]}? " if near else ""
            raise ConfigError(
                f"{value!r} is not a record mode",
                where=where,
                hint=f"{guess}use one of: {', '.join(known)}",
            ) from None


class CallState(StrEnum):
    """The recordings that a session has of a call when a client makes it."""

    ABSENT = "absent when this session first touches the key"
    RECORDED_HERE = "absent at first, recorded by this session, takes used up"
    LEFT = "present, takes left"
    USED_UP = "present, takes used up"


class Action(StrEnum):
    """The action of the session in that state."""

    REFUSE = "refuse"
    REPLAY = "replay"
    REPEAT = "repeat the last"
    RECORD = "record"
    RERECORD = "re-record, once per run"


_NONE, _ONCE, _NEW, _ALL = RecordMode

DECISIONS: dict[CallState, dict[RecordMode, Action]] = {
    CallState.ABSENT: {
        _NONE: Action.REFUSE, _ONCE: Action.RECORD, _NEW: Action.RECORD, _ALL: Action.RECORD,
    },
    CallState.RECORDED_HERE: {
        _NONE: Action.REFUSE, _ONCE: Action.RECORD, _NEW: Action.RECORD, _ALL: Action.RECORD,
    },
    CallState.LEFT: {
        _NONE: Action.REPLAY, _ONCE: Action.REPLAY, _NEW: Action.REPLAY, _ALL: Action.RERECORD,
    },
    CallState.USED_UP: {
        _NONE: Action.REPEAT, _ONCE: Action.REPEAT, _NEW: Action.RECORD, _ALL: Action.RERECORD,
    },
}  # fmt: skip
