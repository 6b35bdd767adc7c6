"""Which stack frames are the user's own: one rule for tracebacks, error messages and paths.

A frame is the user's unless its code belongs to the standard library, to an installed package, to
an HTTP client (in any folder) or to replay. The traceback of a refusal has the user's lines
only: test runners print the arguments and locals of every frame, and those of a client hold the API
key and the live answer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import FrameType, TracebackType
from typing import NamedTuple

from replay.errors import Refused, ReplayError
from replay.intercept.clients import CLIENTS

_REPLAY = f"{Path(__file__).absolute().parents[1]}{os.sep}"
_HOOKS = f"{Path(__file__).absolute().parent}{os.sep}"
_STANDARD_LIBRARY = f"{Path(os.__file__).absolute().parent}{os.sep}"
_COMMANDS = Path(sys.executable).parent
"""Where installed commands stand, such as ``pytest``."""

_INSTALLED = frozenset({"site-packages", "dist-packages"})
"""Folders that packages are installed into; ``dist-packages`` is Debian's."""

_CLIENTS = frozenset(
    {"stripe", "trio", "anyio", *(client.module.partition(".")[0] for client in CLIENTS)}
)
"""Packages that do not count as the user's code, even as a copy in a project (``vendor/``)."""

PROJECT = ("replay.toml", "pyproject.toml", "pytest.ini", ".git")
"""What lies in a project's own folder: each of these makes it one."""

_VENDORED = frozenset(
    {"_vendor", "vendor", "_vendored", "vendored", "third_party", "extern", "_extern", "packages"}
)
"""Packages that hold copies of others: ``shop._vendor.requests`` is no code of the shop's."""


class Line(NamedTuple):
    """A place on a stack: the frame, the index of its last instruction, and the line number."""

    frame: FrameType
    instruction: int
    number: int


class Place(NamedTuple):
    """A line of code.

    Attributes:
        file: its path; for code typed at a prompt or generated, a name such as ``<stdin>``.
        number: the line number, from 1.
    """

    file: str
    number: int


def is_users(frame: FrameType) -> bool:
    """Whether a frame runs the user's own code."""
    module = str(frame.f_globals.get("__name__"))
    if _is_clients(module):
        return False
    file = frame.f_code.co_filename
    if file.startswith("<"):
        # Code without a file: typed at a prompt, or made while a module was loaded (by dataclasses
        # and their like), which is that module's.
        file = frame.f_globals.get("__file__") or ("" if module == "__main__" else file)
    return is_users_file(str(file))


@lru_cache(maxsize=4096)
def _is_clients(module: str) -> bool:
    first, *others = module.split(".")
    copied = zip((first, *others), others, strict=False)
    return first in _CLIENTS or any(
        holder in _VENDORED and name in _CLIENTS for holder, name in copied
    )


@lru_cache(maxsize=1024)
def is_users_file(file: str) -> bool:
    """Whether a file of Python code is the user's own."""
    if file.startswith((_REPLAY, _STANDARD_LIBRARY, "<")):
        return False
    # A command that was started by a relative path (`../venv/bin/pytest`) has it in its code.
    full = os.path.abspath(file)  # noqa: PTH100 - resolves no links, as `_COMMANDS` does not
    return Path(full).parent != _COMMANDS and not _lies_installed(full)


def is_installed(frame: FrameType) -> bool:
    """Whether a frame runs code of an installed package, other than replay."""
    file = frame.f_code.co_filename
    return not file.startswith(_REPLAY) and _lies_installed(file)


@lru_cache(maxsize=1024)
def _lies_installed(file: str) -> bool:
    """Whether a file lies where packages are installed, not in a project that lies there."""
    for folder in Path(file).parents:
        if folder.name in _INSTALLED:
            return True
        # A package is installed without these; a person may keep a project anywhere.
        if any(os.path.exists(folder / name) for name in PROJECT):  # noqa: PTH110 - never raises
            return False
    return False


def stack(frame: FrameType | None) -> list[Line]:
    """The user's lines that led to a frame, outermost first."""
    found: list[Line] = []
    while frame is not None:
        if is_users(frame):
            found.append(Line(frame, frame.f_lasti, frame.f_lineno))
        frame = frame.f_back
    return found[::-1]


def caller(frame: FrameType | None) -> Place | None:
    """The line of the nearest user's frame from this one outwards; None where there is none."""
    while frame is not None and not is_users(frame):
        frame = frame.f_back
    return Place(frame.f_code.co_filename, frame.f_lineno) if frame is not None else None


def lines(trace: TracebackType | None) -> list[Line]:
    """The user's lines of a traceback, outermost first."""
    return [line for line in _all_lines(trace) if is_users(line.frame)]


def without_replay(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without replay's own frames, whose locals are a client's request and answer."""
    return traceback_of(
        line for line in _all_lines(trace) if not line.frame.f_code.co_filename.startswith(_REPLAY)
    )


def _all_lines(trace: TracebackType | None) -> list[Line]:
    found: list[Line] = []
    while trace is not None:
        found.append(Line(trace.tb_frame, trace.tb_lasti, trace.tb_lineno))
        trace = trace.tb_next
    return found


def traceback_of(found: Iterable[Line]) -> TracebackType | None:
    """A traceback of these lines; None where there are none."""
    trace: TracebackType | None = None
    for line in reversed([*found]):
        trace = TracebackType(trace, line.frame, line.instruction, line.number)
    return trace


def keep_users_lines(error: BaseException | None) -> None:
    """Take all other lines out of the tracebacks of the refusals that led to an exception."""
    for one in chain(error):
        if isinstance(one, Refused | ReplayError):
            one.__traceback__ = traceback_of(lines(one.__traceback__))


def clear_frames(error: BaseException, *, ours: bool = False) -> None:
    """Forget the locals of all frames but the user's, in an exception and in what led to it.

    The lines stay. A frame that still runs keeps its locals.

    Args:
        error: the exception.
        ours: whether only replay's own frames forget theirs.
    """
    for one in chain(error):
        trace = one.__traceback__
        while trace is not None:
            frame = trace.tb_frame
            if frame.f_code.co_filename.startswith(_REPLAY) if ours else not is_users(frame):
                with suppress(RuntimeError):
                    frame.clear()
            trace = trace.tb_next


def passes_hook(trace: TracebackType | None) -> bool:
    """Whether a traceback leads through one of replay's hooks."""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith(_HOOKS):
            return True
        trace = trace.tb_next
    return False


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, those of its group, and all that led to them."""
    seen: set[int] = set()
    left = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        left += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            left += one.exceptions
