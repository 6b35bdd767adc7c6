"""Record modes and their decision table. Data only: the manual's table is made from this one."""

from __future__ import annotations

from enum import StrEnum

from replay.errors import ConfigError


class RecordMode(StrEnum):
    """When a call may go online. vcrpy's words, decided per call key."""

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
                f"{value!r} is no record mode",
                where=where,
                hint=f"{guess}use one of: {', '.join(known)}",
            ) from None


class Takes(StrEnum):
    """What a session has of a call key when it is asked."""

    ABSENT = "absent when this session first touches the key"
    OPENED = "absent at first, recorded by this session, takes used up"
    LEFT = "present, takes left"
    USED_UP = "present, takes used up"


class Action(StrEnum):
    """What the session then does."""

    REFUSE = "refuse"
    REPLAY = "replay"
    REPEAT = "repeat the last"
    RECORD = "record"
    RERECORD = "re-record, once per run"


_NONE, _ONCE, _NEW, _ALL = RecordMode

DECISIONS: dict[Takes, dict[RecordMode, Action]] = {
    Takes.ABSENT: {
        _NONE: Action.REFUSE, _ONCE: Action.RECORD, _NEW: Action.RECORD, _ALL: Action.RECORD,
    },
    Takes.OPENED: {
        _NONE: Action.REFUSE, _ONCE: Action.RECORD, _NEW: Action.RECORD, _ALL: Action.RECORD,
    },
    Takes.LEFT: {
        _NONE: Action.REPLAY, _ONCE: Action.REPLAY, _NEW: Action.REPLAY, _ALL: Action.RERECORD,
    },
    Takes.USED_UP: {
        _NONE: Action.REPEAT, _ONCE: Action.REPEAT, _NEW: Action.RECORD, _ALL: Action.RERECORD,
    },
}  # fmt: skip
