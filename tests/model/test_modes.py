"""Record modes: the decision table, cell by cell, and the reading of a mode."""

from __future__ import annotations

import pytest

from replay.errors import ConfigError
from replay.model.modes import DECISIONS, Action, CallState, RecordMode

# The design's table, written down a second time.
TABLE = """
ABSENT   refuse            record            record  record
RECORDED_HERE  refuse            record            record  record
LEFT     replay            replay            replay  re-record, once per run
USED_UP  repeat the last   repeat the last   record  re-record, once per run
"""
ROWS = [line.split(None, 1) for line in TABLE.strip().splitlines()]


def cells() -> list[tuple[CallState, RecordMode, Action]]:
    """The table's cells."""
    found = []
    for name, text in ROWS:
        parts = [part.strip() for part in text.split("  ") if part.strip()]
        found += [(CallState[name], m, Action(p)) for m, p in zip(RecordMode, parts, strict=True)]
    return found


@pytest.mark.parametrize(("state", "mode", "action"), cells())
def test_decisions(state: CallState, mode: RecordMode, action: Action) -> None:
    """Each cell of the table says what the design says."""
    assert action is DECISIONS[state][mode]


def test_table_is_complete() -> None:
    """Every state and every mode has a decision."""
    assert set(CallState) == set(DECISIONS)
    assert [set(RecordMode)] * len(CallState) == [set(row) for row in DECISIONS.values()]


def test_none_never_goes_online() -> None:
    """In mode none no state leads to a record action."""
    online = {Action.RECORD, Action.RERECORD}
    assert set() == online & {row[RecordMode.NONE] for row in DECISIONS.values()}


@pytest.mark.parametrize("mode", RecordMode)
def test_words(mode: RecordMode) -> None:
    """A mode is read from vcrpy's word for it, and from itself."""
    assert mode is RecordMode.parse(mode.value, "mode")
    assert mode is RecordMode.parse(mode, "mode")


def test_words_are_vcrpys() -> None:
    """Each of the four words is one that vcrpy knows."""
    from vcr.record_mode import RecordMode as Theirs

    assert set() == {mode.value for mode in RecordMode} - {mode.value for mode in Theirs}


@pytest.mark.parametrize(
    ("word", "guess"),
    [
        ("", ""), ("rewrite", ""), ("None", "did you mean none? "), ("ONCE", "did you mean once? "),
        ("onse", "did you mean once? "), ("new-episodes", "did you mean new_episodes? "),
    ],
)  # fmt: skip
def test_unknown_word(word: str, guess: str) -> None:
    """What is no mode is refused, with the option that named it and the near miss."""
    with pytest.raises(ConfigError) as caught:
        RecordMode.parse(word, "environment variable REPLAY_MODE")
    assert "environment variable REPLAY_MODE" == caught.value.where
    assert f"{guess}use one of: none, once, new_episodes, all" == caught.value.hint
    assert repr(word) in caught.value.what
