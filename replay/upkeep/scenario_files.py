"""Looks after scenario files: seals an edit, takes one side of a conflict, renames a scenario.

A scenario is one test's run, so two of them are never mixed.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from replay.errors import (
    CassetteConflict,
    CassetteDamaged,
    CassetteUnsealed,
    ConfigError,
    LeakFound,
    LibraryError,
    ReplayError,
)
from replay.library import Library, files, names, scenarios
from replay.library.format import scenario_format, seals
from replay.library.library import storage_of
from replay.library.scenarios import ScenarioFiles
from replay.model.scenario import Scenario
from replay.redaction.secrets import find_secrets
from replay.upkeep.merge import SIDES, Conflict, refuse_edits
from replay.upkeep.proof import FORGED, UNKNOWN, UNPROVEN
from replay.upkeep.scenario_proof import unproven_answer, unproven_steps
from replay.upkeep.seal import replace_file

if TYPE_CHECKING:
    from replay.redaction.policy import Policy

_RECORD = (
    "put back what was recorded there, or record the scenario again: run its test with mode all"
)
_FIRST_LINES = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:<{7}[^\n]*\n)?(?:# replay scenario |version: [0-9]+\r?\nscenario:\r?\n)"
)


def is_scenario(data: bytes) -> bool:
    """Whether a file is a scenario, also if its seal was lost or git has put a conflict into it."""
    return _FIRST_LINES.match(data) is not None


def seal(path: Path, policy: Policy, data: bytes) -> bool:
    """Give an edited scenario the seal of its text; False if its seal fits already.

    Args:
        path: the file.
        policy: the policy in force.
        data: the bytes that stand there.

    Raises:
        CassetteDamaged: or a subclass: the edit breaks the format, or the file is where its name
            does not belong.
        LeakFound: the edit holds a secret, or a value that replay would not have kept.
        LibraryError: the file has changed since it was read, or a link leads to it.
    """
    where = str(path)
    text = seals.seal(_body(data, where), "scenario", where=where)
    library, scenario = _checked(path, text, policy)
    if text.encode("utf-8") == data:
        return False
    _put(path, library, scenario, text, data)
    return True


def prove(path: Path, policy: Policy, data: bytes) -> None:
    """Make sure that a sealed scenario holds nothing that the policy would not keep.

    Raises:
        CassetteDamaged: or a subclass: the file cannot be used.
        LeakFound: it holds such a value. A scenario is not redacted again: echoes and made values
            hang together.
    """
    scenario_format.loads(data, str(path))
    _checked(path, seals.seal(_body(data, str(path)), "scenario"), policy)


def _body(data: bytes, where: str) -> str:
    try:
        body = seals.split(data, where, "scenario")[1]
    except CassetteUnsealed:
        # The edit may have removed the first line, or left another seal there.
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        body = text.partition("\n")[2] if text.startswith("# replay scenario") else text
    seals.refuse_conflict(body, where, "scenario")
    return body


def _checked(path: Path, text: str, policy: Policy) -> tuple[Library, Scenario]:
    """The library and the scenario of a text, if it is one that recording could have written."""
    where = str(path)
    data = text.encode("utf-8")
    scenario = scenario_format.loads(data, where)
    full = Path(os.path.abspath(path))  # noqa: PTH100 - `absolute` leaves the `..` in
    depth = len(names.of_scenario(scenario.name)) + 2
    if len(full.parents) < depth or full.parents[depth - 2].name != names.SCENARIOS:
        raise CassetteDamaged(
            "the scenario is not where its name belongs",
            where=where,
            hint="move it back to where it was recorded, below scenarios/ in its library",
        )
    library = Library(full.parents[depth - 1])
    below = full.relative_to(library.root).as_posix()
    scenarios.loads(storage_of(library), below, data)
    for hit in find_secrets(text):
        raise LeakFound(
            f"the file holds a secret ({hit.id})",
            where=where,
            hint="take it out and seal again; roll the key too: anyone who could read the file\n"
            "may have it",
            kind=hit.id,
        )
    for place, told in unproven_steps(scenario, policy):
        raise LeakFound(
            f"this may hold a private value: {told}", where=f"{where} {place}", hint=_RECORD,
            pointer=place,
        )  # fmt: skip
    for number in range(len(scenario.steps)):
        for rule, pointer, kind in unproven_answer(scenario, number, policy):
            if rule not in {UNPROVEN, FORGED, UNKNOWN}:
                raise CassetteDamaged(
                    f"the answer of step {number} cannot be read: {kind}", where=where, hint=_RECORD
                )
            raise LeakFound(
                f"the policy does not keep {pointer} ({kind}) of step {number}",
                where=where,
                hint=_RECORD,
                pointer=pointer,
                kind=kind,
            )
    return library, scenario


def _put(path: Path, library: Library, scenario: Scenario, text: str, before: bytes) -> None:
    full = Path(os.path.abspath(path))  # noqa: PTH100 - as above
    lock = ScenarioFiles(storage_of(library), scenario.name).lock()
    replace_file(library, lock, full, text, before=before)


def take_side(path: Path, policy: Policy, conflict: Conflict, side: str | None) -> None:
    """Resolve the conflict of a scenario in place: one side, whole.

    Args:
        path: the file.
        policy: the policy in force.
        conflict: its conflict.
        side: ``ours`` or ``theirs``, as git names them; None refuses, and says what to choose.

    Raises:
        ConfigError: no side was chosen.
        CassetteConflict: the file was edited or recorded again since.
        CassetteDamaged: the side cannot be used, or belongs elsewhere.
        LeakFound: the side holds a secret, or a value that the policy does not keep.
    """
    where = str(path)
    if side is None:
        raise ConfigError(
            "two branches recorded this scenario; it is one test's run, so both cannot be kept",
            where=where,
            hint=f"keep one side whole: replay seal --merge --take ours {shlex.quote(where)}\n"
            "(or --take theirs), or record it again: run its test with mode all",
        )
    chosen = (conflict.ours, conflict.theirs)[SIDES.index(side)]
    try:
        scenario_format.loads(chosen, where)
    except CassetteDamaged as error:
        quoted = shlex.quote(where)
        raise CassetteDamaged(
            f"{side} cannot be used: {error.what}",
            where=where,
            hint="take the other side, or record the scenario again: run its test with mode all"
            if conflict.indexed
            else "git may have merged parts of the file by itself. Let git put both sides back,\n"
            f"then take one: git checkout -m -- {quoted} && "
            f"replay seal --merge --take {side} {quoted}",
        ) from error
    text = seals.seal(_body(chosen, where), "scenario")
    library, scenario = _checked(path, text, policy)
    if conflict.indexed and conflict.exists:
        _refuse_newer(path, conflict)
    if text.encode("utf-8") != conflict.data:
        _put(path, library, scenario, text, conflict.data)


def _refuse_newer(path: Path, conflict: Conflict) -> None:
    """Make sure that the file is as git wrote it, or one of the sides.

    Raises:
        CassetteConflict: it was edited, or recorded again.
    """
    if conflict.data in (conflict.ours, conflict.theirs):
        return
    try:
        scenario_format.loads(conflict.data, str(path))
    except CassetteDamaged:
        refuse_edits(conflict.data, path)
        return
    where = shlex.quote(str(path))
    raise CassetteConflict(
        "the scenario was recorded again since the conflict, and is whole",
        where=str(path),
        hint=f"keep it: git add {where}\nor put the conflict back: git checkout -m -- {where}",
    )


def rename(library: Library, old: str, new: str) -> Mapping[str, str]:
    """Give scenarios the name that their test has now: old path -> new path, below the library.

    Args:
        library: the library.
        old: the node ID that the test had, or the start of several: a file, a class, a folder.
        new: what it is now.

    Raises:
        ConfigError: there is no such scenario, or one of the new name is there already.
        CassetteDamaged: or one of its kinds: a file of theirs cannot be used.
        LibraryError: the file system refuses.
    """
    storage = storage_of(library)
    storage.require()
    storage.require_writable()
    moved: dict[str, Scenario] = {}
    for path in scenarios.paths(storage):
        try:
            found = scenarios.read(storage, path)
        except ReplayError:
            if _is_below(path, old):
                raise
            continue
        if found is None:
            continue
        if _is_below_name(found.name, old):
            moved[path] = replace(found, name=new + found.name[len(old) :])
    if not moved:
        raise ConfigError(
            "there is no scenario of this name",
            where=old,
            hint=scenarios.did_you_mean(storage, old) + "list them: replay list --scenarios",
        )
    made: dict[str, str] = {}
    for path, scenario in moved.items():
        made[path] = _moved(library, path, scenario, old)
    return made


def _is_below_name(name: str, start: str) -> bool:
    return name == start or (name.startswith(start) and name[len(start)] in "/:[")


def _is_below(path: str, start: str) -> bool:
    """Whether a file that cannot be read lies in the folder of a name, or below it."""
    folder = "/".join((names.SCENARIOS, *names.of_scenario(start)))
    return path.startswith(f"{folder}/")


def _moved(library: Library, path: str, scenario: Scenario, old: str) -> str:
    storage = storage_of(library)
    before = Path(storage.absolute(path))
    target = ScenarioFiles(storage, scenario.name)
    with ExitStack() as locks:
        # Always in the same order: two renames that cross wait for each other, and end.
        sources = {scenario.name: target, old: ScenarioFiles(storage, old)}
        for name in sorted(sources):
            locks.enter_context(sources[name].lock())
        there = target.load(scenario.api_version)
        if there is not None and there != scenario:
            raise ConfigError(
                "a scenario of the new name is there already",
                where=f"{scenario.name} at {scenario.api_version}",
                hint="remove the one that is not needed",
            )
        after = target.path(scenario.api_version)
        if there is None:
            after = target.write(scenario, _require_same(scenario))
        try:
            before.unlink()
        except OSError as error:
            raise files.translated(error, "the old file cannot be removed", str(before)) from error
        files.remove_empty(before.parent, Path(storage.base, names.SCENARIOS))
    return after.relative_to(storage.base).as_posix()


def _require_same(scenario: Scenario) -> Callable[[str, Scenario, str], None]:
    """The check of a renamed file: its text holds what was renamed, and nothing else."""

    def check(_: str, written: Scenario, where: str) -> None:
        if written != scenario:
            raise LibraryError(
                "the scenario cannot be renamed: its text would say something else",
                where=where,
                hint="record it again under the new name: run its test with mode all",
            )

    return check
