"""unittest's runner: a refusal is one error of one test, whichever way its session was opened.

A session that `enterContext`, `enterClassContext` or `addCleanup` ends does not see how the test
ended. So what the runner reports is noted here, and the end of the session does not raise it again.
In `setUpClass`, `setUpModule` and their like the runner catches an `Exception` only: a refusal
would end the whole run.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from replay.errors import Refused, ReplayError, raise_alone
from replay.intercept import user_frames
from replay.intercept.current_session import current, open_sessions

if TYPE_CHECKING:
    from replay.intercept.patches import Patches

REPORTED: WeakSet[ReplayError] = WeakSet()
"""Refusals that a test runner has reported: the end of their session does not raise them again."""


def hook_suite(patches: Patches, module: ModuleType) -> None:
    """Hook `unittest.suite`: what it calls around classes and modules may be refused."""
    # The clauses `except Exception` of functions that run already catch these too from now on.
    patches.shadow(module, "Exception", (Exception, Refused, BaseExceptionGroup))


def hook_case(patches: Patches, module: ModuleType) -> None:
    """Hook `unittest.case`: what tests, classes and modules have called at their end."""

    def add_error(original: Any) -> Any:
        def note_and_add(result: Any, test: Any, exc_info: Any) -> None:
            # Here the session is still open. pytest reports the failure after its end.
            if exc_info is not None and not refusals_behind(exc_info[1]):
                caught = unreported()
                REPORTED.update(caught)
                for error in caught:
                    exc_info[1].add_note(str(error))
            original(result, test, exc_info)

        return note_and_add

    def clean_up(original: Any) -> Any:
        @functools.wraps(original)  # `wrap` knows by the module what is unittest's own
        def do_cleanups(case: Any) -> Any:
            # An expected failure is reported after the session's end.
            expected = getattr(case._outcome, "expectedFailure", None)
            if expected:
                note_reported(expected[1])
            return original(case)

        return do_cleanups

    def clean_up_class(original: Any) -> Any:
        @functools.wraps(original)
        def do_class_cleanups(cls: Any) -> Any:
            cls._class_cleanups[:] = map(_reporting, cls._class_cleanups)
            return original(cls)

        return do_class_cleanups

    def clean_up_module(original: Any) -> Any:
        def do_module_cleanups() -> Any:
            module._module_cleanups[:] = map(_reporting, module._module_cleanups)
            return original()

        return do_module_cleanups

    if hasattr(module, "_addError"):  # private, as is all that a result makes of an exception
        patches.replace(module, "_addError", add_error)
    patches.replace(module.TestCase, "doCleanups", clean_up)
    patches.replace(module.TestCase, "doClassCleanups", clean_up_class)
    patches.replace(module, "doModuleCleanups", clean_up_module)


def hook_result(patches: Patches, module: ModuleType) -> None:
    """Hook `unittest.result`, where each exception that is reported becomes text."""

    def report(original: Any) -> Any:
        def exc_info_to_string(result: Any, err: Any, test: Any) -> Any:
            text = original(result, as_reported(err), test)
            caught = unreported()
            REPORTED.update(caught)
            return "\n".join([text, *map(str, caught)])

        return exc_info_to_string

    if hasattr(module.TestResult, "_exc_info_to_string"):
        patches.replace(module.TestResult, "_exc_info_to_string", report)


def unreported() -> list[ReplayError]:
    """What the open session has refused and no runner has reported."""
    own, sessions = current.get(), open_sessions()
    if own is None and len(sessions) == 1:
        own = sessions[0]
    if own is None or own not in sessions:
        return []
    return [error for error in own.refusals if error not in REPORTED]


def _reporting(cleanup: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
    """A cleanup whose refusal is an exception like any other: unittest catches no other here."""
    function, args, kwargs = cleanup

    def clean_up(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (Refused, BaseExceptionGroup) as raised:
            _, error, trace = as_reported((type(raised), raised, raised.__traceback__))
            if isinstance(error, ReplayError):
                raise_alone(error.with_traceback(trace))
            raise

    return clean_up, args, kwargs


def as_reported(info: Any) -> Any:
    """An exception's type, value and traceback as they are reported: a refusal as the error itself.

    The frames of clients help no reader. With ``--locals`` they would show the API key.
    """
    raised: BaseException = info[1]
    refusals = note_reported(raised)
    if not refusals:
        # The failure of a call that was let through. The client's frames show what they hold.
        if any(user_frames.passes_hook(one.__traceback__) for one in user_frames.chain(raised)):
            user_frames.clear_frames(raised, ours=True)
        return info
    user_frames.clear_frames(raised)
    refused = refusal_in(raised)
    error = raised if refused is None else refused.error
    if not isinstance(error, ReplayError):
        user_frames.keep_users_lines(raised)
        return info
    error.__suppress_context__ = True
    lines = user_frames.lines((refused or error).__traceback__)
    return type(error), error, user_frames.traceback_of(lines)


def note_reported(raised: BaseException) -> list[ReplayError]:
    """Note the refusals that an exception carries or came from; returns them."""
    found = refusals_behind(raised)
    REPORTED.update(found)
    return found


def refusals_behind(raised: BaseException) -> list[ReplayError]:
    """The refusals that an exception carries or came from."""
    noted = [error for session in open_sessions() for error in session.refusals]
    found: list[ReplayError] = []
    for one in user_frames.chain(raised):
        if isinstance(one, Refused):
            found.append(one.error)
        # A pool of threads raises the refusal itself, without `Refused` around it.
        elif isinstance(one, ReplayError) and (
            one in noted or user_frames.passes_hook(one.__traceback__)
        ):
            found.append(one)
    return found


def refusal_in(raised: BaseException | None) -> Refused | None:
    """The refusal that ended a session, also where a task group wrapped it."""
    if isinstance(raised, BaseExceptionGroup):
        _, others = raised.split(Refused)
        return None if others is not None else refusal_in(raised.exceptions[0])
    return raised if isinstance(raised, Refused) else None
