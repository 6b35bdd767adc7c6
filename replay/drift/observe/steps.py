"""Reads steps of scenarios as evidence: one step of a scenario at two versions is a pair.

The answers of writes and of reads are whole objects. Each run makes objects of its own, so the two
of a pair are different objects that the same calls made. That shows what a field's absence means
only where many steps agree, see `replay.drift.judge.steps`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from replay.drift.observe.corpus import Stratum
from replay.drift.observe.nested import read_take, resource_of
from replay.drift.observe.pairs import Take
from replay.drift.observe.selection import Epoch, Selection
from replay.library import Library, names, scenarios
from replay.library.library import storage_of
from replay.library.storage import Storage
from replay.model.cassette import Interaction, Request, Response
from replay.model.scenario import Scenario, Step


@dataclass(frozen=True, slots=True)
class StepPair:
    """One step of a scenario at two versions.

    Attributes:
        stratum: what both answers are.
        epochs: the side that either stands on.
        old, new: the answers.
    """

    stratum: Stratum
    epochs: tuple[Epoch, Epoch]
    old: Take
    new: Take


@dataclass(frozen=True, slots=True)
class _File:
    """A scenario file, and the library that it is from."""

    path: str
    scenario: Scenario
    older: bool

    def epoch(self, selection: Selection, step: Step | None = None) -> Epoch | None:
        """The side that the file stands on, or one of its steps by its own answer's version."""
        version = (step.api_version if step is not None else "") or self.scenario.api_version
        return selection.epoch(version, self.scenario.recorded_at, self.older)


class Steps:
    """The scenarios of one or two libraries.

    Args:
        library: the library.
        older: another one that holds the old side; None without one.
        source: only scenarios that this host answered; None for all.
    """

    def __init__(self, library: object, older: object, source: str | None = None) -> None:
        self._source = source
        # Folder of a scenario -> its files.
        self._files: dict[str, list[tuple[Storage, str, bool]]] = {}
        for one, is_older in ((library, False), (older, True)):
            if isinstance(one, Library) and one.exists():
                storage = storage_of(one)
                for path in scenarios.paths(storage):
                    folder = path.rpartition("/")[0]
                    self._files.setdefault(folder, []).append((storage, path, is_older))

    @property
    def versions(self) -> set[str]:
        """All API versions at which a scenario is recorded, by the names of files."""
        return {
            path.rpartition("/")[2].removesuffix(names.SUFFIX)
            for files in self._files.values() for _, path, _ in files
        }  # fmt: skip

    def pairs(self, selection: Selection) -> Iterator[StepPair]:
        """The pairs of steps for a selection of sides.

        Raises:
            CassetteDamaged: or one of its kinds: a scenario file that may be one side of a pair
                cannot be used.
        """
        wanted = {names.file(version) for version in selection.versions or ()}
        for _, files in sorted(self._files.items()):
            asked = [file for file in files if not wanted or file[1].rpartition("/")[2] in wanted]
            if len(asked) < 2:  # reading takes time, and one side alone shows nothing
                continue
            sides: dict[Epoch, _File] = {}
            for storage, path, is_older in asked:
                scenario = scenarios.read(storage, path)
                if scenario is None or self._source not in (None, scenario.source):
                    continue
                file = _File(path, scenario, is_older)
                epoch = file.epoch(selection)
                if epoch is not None:
                    sides[epoch] = file
            for old, new in selection.pairs(sides):
                yield from _paired(sides[old], sides[new], selection)


def _paired(old: _File, new: _File, selection: Selection) -> Iterator[StepPair]:
    for a, b in aligned(old.scenario.steps, new.scenario.steps):
        before, after = _answer(old, a), _answer(new, b)
        was = old.epoch(selection, old.scenario.steps[a])
        now = new.epoch(selection, new.scenario.steps[b])
        if before is None or after is None or before[0] != after[0]:
            continue
        if was is not None and now is not None and was != now:
            yield StepPair(before[0], (was, now), before[1], after[1])


def aligned(old: Sequence[Step], new: Sequence[Step]) -> Iterator[tuple[int, int]]:
    """The steps that belong together: a longest common sequence of their routes."""
    a, b = ([_route(step) for step in steps] for steps in (old, new))
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        yield start, start
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    middle = a[start : len(a) - end], b[start : len(b) - end]
    if len(middle[0]) * len(middle[1]) <= _MOST_CELLS:
        yield from ((start + i, start + j) for i, j in _common(*middle))
    yield from ((len(a) - n, len(b) - n) for n in range(end, 0, -1))


def _common(a: Sequence[_Route], b: Sequence[_Route]) -> Iterator[tuple[int, int]]:
    """Where two sequences have a longest common one."""
    # longest[i][j] is the length of that of a[i:] and b[j:].
    longest = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(len(a) - 1, -1, -1):
        for j in range(len(b) - 1, -1, -1):
            longest[i][j] = (
                longest[i + 1][j + 1] + 1
                if a[i] == b[j]
                else max(longest[i + 1][j], longest[i][j + 1])
            )
    i = j = 0
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            yield i, j
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            i += 1
        else:
            j += 1


_Route = tuple[str, str, str]
_MOST_CELLS = 1_000_000
"""Beyond it, only what stands before and after the first and last difference is aligned."""


def _route(step: Step) -> _Route:
    return step.method, step.host, step.template


def _answer(file: _File, number: int) -> tuple[Stratum, Take] | None:
    """A step's answer, if it is an object with a resource of its own."""
    step = file.scenario.steps[number]
    answer = step.answer
    if not answer.body:
        return None
    interaction = Interaction(
        request=Request(step.method, ""),
        response=Response(answer.status, "", answer.headers, answer.body),
        recorded_at=file.scenario.recorded_at,
        source=file.scenario.source,
        redacted=answer.redacted,
    )
    take = read_take(file.path, number, interaction)
    kind = take.body.get("object") if take is not None else None
    resource = resource_of(kind) if isinstance(kind, str) else None
    if take is None or not isinstance(kind, str) or resource is None:
        return None
    deleted = take.body.get("deleted") is True
    return Stratum(resource, kind, deleted, tuple(sorted(step.expand or ()))), take
