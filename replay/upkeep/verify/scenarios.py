"""Checks the scenarios of a library: each file, and whether its test is still there."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from replay.errors import CassetteDamaged, LibraryError
from replay.library import Library, scenarios
from replay.library.library import storage_of
from replay.library.location import display_path
from replay.model.scenario import Scenario
from replay.redaction.secrets import find_secrets
from replay.upkeep.lost_tests import lost_tests
from replay.upkeep.verify.problems import (
    FRAME,
    UNPROVEN_KINDS,
    Problem,
    ProblemKind,
    listed,
)

if TYPE_CHECKING:
    from replay.redaction.policy import Policy

_RECORD = "record it again: run its test with mode all"


@dataclass(frozen=True, slots=True)
class CheckedScenarios:
    """The result of checking scenarios.

    Attributes:
        checked: how many files were checked.
        problems: what is wrong with them.
        notes: other facts that a user should know.
    """

    checked: int
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()


def check_scenarios(
    library: Library, paths: Sequence[str], *, policy: Policy | None, older_than: int | None,
    now: datetime, latest: str, advance: Callable[[], None] | None,
) -> CheckedScenarios:  # fmt: skip
    """Check these scenario files.

    Args:
        library: the library that they are in.
        paths: the files, below the library.
        policy: the policy in force, for the deep check; None leaves it out.
        older_than: days after which a recording is old; None leaves age out.
        now: the time of the check.
        latest: a recording of a later time than this was made by a clock that is wrong.
        advance: called after each file.
    """
    storage = storage_of(library)
    problems: list[Problem] = []
    tests: dict[str, str] = {}
    checked = len(paths)
    behind = 0
    for path in paths:
        if advance is not None:
            advance()
        try:
            data = storage.read_bytes(path)
            scenario = None if data is None else scenarios.loads(storage, path, data)
        except LibraryError as error:
            problems.append(Problem.of(path, error))
            checked -= not isinstance(error, CassetteDamaged)
            continue
        if data is None or scenario is None:  # gone since it was listed
            continue
        tests.setdefault(scenario.name, path)
        if scenario.recorded_at > latest:
            problems.append(
                Problem(path, ProblemKind.FUTURE,
                        f"was recorded on {scenario.recorded_at[:10]}, which is yet to come",
                        "a test may have frozen the clock: " + _RECORD)
            )  # fmt: skip
        if older_than is not None:
            problems += _old(path, scenario, older_than, now)
        if policy is not None:
            problems += _deep(path, data.decode("utf-8", "replace"), scenario, policy)
            behind += scenario.policy != policy.label
    problems += _lost(library, tests)
    notes = (
        f"{behind} scenario files name another policy than the one in force; what that does not"
        " keep is a finding above",
    )
    return CheckedScenarios(checked, tuple(problems), notes if behind else ())


def _lost(library: Library, tests: dict[str, str]) -> Iterator[Problem]:
    """The scenarios whose test is gone. ``tests``: name -> one of its files."""
    roots = [Path.cwd(), *library.root.parents]
    for name, gone in lost_tests(tests, roots).items():
        folder = tests[name].rpartition("/")[0]
        yield Problem(
            folder, ProblemKind.NO_TEST, f"its test is not there any more: {gone}",
            f"if it was renamed: replay scenario rename {shlex.quote(name)} NEW\n"
            f"if not: rm -r {shlex.quote(f'{display_path(library.root)}/{folder}')}",
        )  # fmt: skip


def _old(path: str, scenario: Scenario, most: int, now: datetime) -> Iterator[Problem]:
    """Whether a scenario was recorded `most` days ago or earlier."""
    try:
        recorded = datetime.fromisoformat(scenario.recorded_at)
    except ValueError:
        yield Problem(path, ProblemKind.OLD, "the time of its recording cannot be read", _RECORD)
        return
    age = (now - recorded.replace(tzinfo=recorded.tzinfo or UTC)).days
    if age >= most:
        when = f"recorded on {scenario.recorded_at[:10]}, {age} days ago"
        yield Problem(path, ProblemKind.OLD, when, _RECORD)


def _deep(path: str, text: str, scenario: Scenario, policy: Policy) -> Iterator[Problem]:
    """Find what is in a scenario but would not be there if it were recorded today."""
    from replay.upkeep.scenario_proof import unproven_answer, unproven_steps

    for hit in find_secrets(text):
        yield Problem(path, ProblemKind.SECRET, f"holds a secret ({hit.id})", _RECORD)
    for place, _ in unproven_steps(scenario, policy):
        yield Problem(path, ProblemKind.REQUEST, f"{place}: {FRAME}", _RECORD)
    for number in range(len(scenario.steps)):
        found: dict[str, list[str]] = {}
        for rule, pointer, kind in unproven_answer(scenario, number, policy):
            if rule in UNPROVEN_KINDS:
                found.setdefault(rule, []).append(pointer)
            else:
                yield Problem(path, ProblemKind.BODY, f"step {number}: {kind}", _RECORD)
        for rule, (problem, says) in UNPROVEN_KINDS.items():
            if rule in found:
                detail = f"step {number}: {says.format(listed(found[rule]))}"
                yield Problem(path, problem, detail, _RECORD)
