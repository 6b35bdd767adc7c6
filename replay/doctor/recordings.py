"""The state of the library: what it holds, at which versions and policies, and what is wrong."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable

from replay.config import Config
from replay.doctor.installed import sdk_pin
from replay.doctor.report import Row, Section, Trouble
from replay.errors import ReplayError
from replay.library import Library
from replay.library.location import display_path
from replay.model.cassette import Cassette
from replay.redaction.policy_source import PolicySource
from replay.upkeep.verify.check import verify
from replay.upkeep.verify.problems import ProblemKind

_SHOWN = 5
_HARMLESS = frozenset(
    {ProblemKind.EMPTY, ProblemKind.TEMPORARY, ProblemKind.UNKNOWN, ProblemKind.NO_TEST}
)
"""What is in nobody's way; `replay verify` tells it."""
_DAMAGE = frozenset(
    {ProblemKind.DAMAGED, ProblemKind.UNREADABLE, ProblemKind.CONFLICT, ProblemKind.TOO_NEW,
     ProblemKind.MISPLACED}
)  # fmt: skip


def recordings(config: Config, tell: Callable[[int], Callable[[], None]] | None = None) -> Section:
    """The section of the library that the settings name."""
    library = Library(config.library)
    shown = display_path(library.root)
    command = f"replay verify --library {shlex.quote(shown)}"
    takes: Counter[str] = Counter()
    policies: Counter[str] = Counter()
    objects: set[str] = set()
    last = ""

    def visit(path: str, cassette: Cassette) -> None:
        nonlocal last
        takes[cassette.api_version] += len(cassette.interactions)
        policies[cassette.policy] += 1
        objects.add(str(cassette.key))
        last = max([last, *(take.recorded_at for take in cassette.interactions)])

    title = f"library: {shown}"
    try:
        result = verify(library, visit=visit, tell=tell)
        label = PolicySource.of(config).load().label
    except ReplayError as error:
        trouble = Trouble.of(error)
        if not library.exists():
            trouble = Trouble(
                "there is no library: tests that need it fail",
                where=shown,
                next="record one: replay record invoice in_… --api-version VERSION\n"
                "or name another: replay doctor --library DIR",
            )
        return Section("library", title, (), (trouble,))
    kinds = Counter(problem.kind for problem in result.problems)
    unsealed, strange = kinds[ProblemKind.UNSEALED], kinds[ProblemKind.UNKNOWN]
    damaged = sum(kinds[kind] for kind in _DAMAGE)
    broken = [problem for problem in result.all_problems if problem.kind not in _HARMLESS]
    others = len(broken) - damaged - unsealed
    rows = [
        Row("cassettes", str(result.checked),
            f"{len(objects)} objects, {takes.total()} recordings"),
        *([Row("scenario files", str(result.scenarios))] if result.scenarios else []),
        Row("last recorded", last[:10] or "never"),
        *(Row("API version", version, f"{count} recordings") for version, count in _most(takes)),
        *(
            Row("policy", policy.partition(" ")[0], f"{policy.partition(' ')[2]}, "
                + ("in force" if policy == label else f"not in force in {count} cassettes"),
                good=policy == label)
            for policy, count in _most(policies)
        ),
        Row("damaged", str(damaged), good=not damaged),
        Row("unsealed", str(unsealed), "edited by hand, or damaged" if unsealed else "",
            good=not unsealed),
        Row("vcrpy's", str(result.foreign), "skipped" if result.foreign else ""),
        Row("other files", str(strange), "never read" if strange else ""),
        *([Row("other findings", str(others), good=False)] if others else []),
    ]  # fmt: skip
    troubles = [
        Trouble(f"{problem.kind}: {problem.detail}", f"{shown}/{problem.path}", problem.next)
        for problem in broken[:_SHOWN]
    ]
    if len(broken) > _SHOWN:
        troubles.append(Trouble(f"{len(broken) - _SHOWN} more like these", shown, command))
    notes = [f"files that are no cassettes: {command}"] if strange else []
    if not takes and not result.scenarios:
        notes.append("nothing is recorded, so in mode none every call is refused: record with "
                     "`replay record`, or with pytest --replay-mode=once")  # fmt: skip
    if any(policy != label for policy in policies):
        notes.append("cassettes of another policy replay as before; what the one in force would "
                     f"replace: {command} --deep")  # fmt: skip
    pin = config.api_version or sdk_pin()
    if takes and pin and pin not in takes:
        who = "the settings name" if config.api_version else "the Stripe SDK asks for"
        notes.append(f"{who} {pin}, and nothing is recorded at it: record it with "
                     f"`replay upgrade {pin}`, or pin a version that is recorded")  # fmt: skip
    return Section("library", title, tuple(rows), tuple(troubles), tuple(notes))


def _most(takes: Counter[str]) -> list[tuple[str, int]]:
    most = takes.most_common(_SHOWN)
    rest = takes.total() - sum(count for _, count in most)
    return [*most, (f"{len(takes) - _SHOWN} others", rest)] if rest else most
