"""Refusals as pytest reports them: the error itself, under the lines of the user's own code.

The frames of client libraries between the test and the hook help no reader, and hold the API key.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING

import pytest

from replay.errors import ReplayError
from replay.intercept import user_frames
from replay.intercept.current_session import open_sessions
from replay.intercept.unittest import REPORTED, refusal_in, refusals_behind
from replay.intercept.user_frames import Line
from replay.testing.decorator import ORIGINALS

if TYPE_CHECKING:
    from replay.session.session import OpenSession


class RefusalLog(list[ReplayError]):
    """A session's refusals, each with the lines of the user's code that led to it."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[int, list[Line]] = {}

    def append(self, error: ReplayError) -> None:
        """Note a refusal; called where it happens."""
        super().append(error)
        self._lines[id(error)] = user_frames.stack(sys._getframe(1))

    def lines(self, error: ReplayError) -> list[Line]:
        """The user's lines that led to a refusal, outermost first."""
        return self._lines.get(id(error), [])


def excinfo_of(
    error: ReplayError, trace: TracebackType | None, lines: Iterable[Line], config: pytest.Config
) -> pytest.ExceptionInfo[BaseException]:
    """A refusal in the form in which pytest reports an exception.

    Args:
        error: the refusal.
        trace: of the exception that carried it to the test's end, if one did.
        lines: the user's lines that were noted when it happened; used without such a traceback.
        config: with ``--full-trace`` only replay's own lines are left out, and the locals of all
            frames that are not the user's.
    """
    REPORTED.add(error)
    if config.option.fulltrace and (whole := user_frames.without_replay(trace)) is not None:
        error.__traceback__ = whole
        user_frames.clear_frames(error)
        return pytest.ExceptionInfo.from_exc_info((type(error), error, whole))
    shown = user_frames.traceback_of(user_frames.lines(trace) or lines)
    error.__traceback__ = shown
    error.__suppress_context__ = True
    cause = error.__cause__
    while cause is not None:
        cause.__traceback__, cause = None, cause.__cause__
    if shown is None:
        return _without_lines(error)
    return pytest.ExceptionInfo.from_exc_info((type(error), error, shown))


def _without_lines(error: ReplayError) -> pytest.ExceptionInfo[BaseException]:
    __tracebackhide__ = True
    try:
        raise error
    except ReplayError:
        return pytest.ExceptionInfo.from_current()


def report_refusal(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Report what a test raised in a session that a fixture or ``setUp`` opened around it.

    Such a session ends after the report: only here can the frames of clients be left out. The
    session's end does not raise the refusal again. To a failure of the test's own is added what was
    refused before it.
    """
    if call.excinfo is None or drop_repetition(call):
        return
    raised, config = call.excinfo.value, item.config
    sessions = open_sessions()
    refusals = refusals_behind(raised)
    if raised in REPORTED:  # `excinfo_of` made it
        pass
    elif not refusals:
        # The failure of a call that was let through. The client's frames show what they hold.
        if any(user_frames.passes_hook(one.__traceback__) for one in user_frames.chain(raised)):
            user_frames.clear_frames(raised, ours=True)
        caught = [] if isinstance(raised, pytest.skip.Exception) else _caught(sessions)
        if caught:
            item.add_report_section(call.when, "replay", refusals_text(caught))
            REPORTED.update(caught)
    else:
        user_frames.clear_frames(raised)
        refused = refusal_in(raised)
        error = raised if refused is None else refused.error
        if error in refusals:
            call.excinfo = excinfo_of(error, (refused or error).__traceback__, (), config)
        elif not config.option.fulltrace:
            user_frames.keep_users_lines(raised)
    REPORTED.update(refusals)
    for session in sessions:
        if not REPORTED.isdisjoint(session.refusals):
            REPORTED.update(session.refusals)


def _caught(sessions: Iterable[OpenSession]) -> list[ReplayError]:
    """What the code under test caught. Refusals with a log are the plugin's to report."""
    logs = [each.refusals for each in sessions if not isinstance(each.refusals, RefusalLog)]
    return [error for refusals in logs for error in refusals if error not in REPORTED]


def drop_repetition(call: pytest.CallInfo[None]) -> bool:
    """Whether the failure was a session's end that raised what is reported already.

    unittest ends what `enterContext` opened before pytest reports the test.
    """
    raised = call.excinfo.value if call.excinfo is not None else None
    if not isinstance(raised, ReplayError) or REPORTED.isdisjoint(ORIGINALS.get(raised, ())):
        return False
    call.excinfo = None
    return True


def refusals_text(errors: list[ReplayError]) -> str:
    """RefusalLog as text below a failure that is the test's own."""
    return "\n".join(str(error) for error in dict.fromkeys(errors))
