"""Runs a scan: over files, over the additions of a branch, or over a whole git history.

Each hit is judged, counted and let go as soon as its file is read, so memory does not grow with
their number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain

from replay.errors import ReplayError
from replay.library.format import codec, scenario_format
from replay.redaction.policy import Policy
from replay.scan import sources
from replay.scan.branch_rules import rules_of
from replay.scan.contents import FIRST_LINE, is_scenario
from replay.scan.ignores import Acceptance, Ignore
from replay.scan.rows import Gathering, Row, counted_by_rule
from replay.scan.rules import Confidence, Hit
from replay.scan.search import hits_in
from replay.scan.sources import Branch, Change, Source
from replay.upkeep.proof import kept_labels
from replay.upkeep.scenario_proof import take_of


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The result of a scan.

    Attributes:
        rows: the hits, gathered by rule and field; the surest first.
        files: how many files were searched.
        accepted: how many more hits there were, which the ignore file accepts.
        unused: entries of the ignore file that accepted nothing.
        notes: what else a person should know about the scan.
    """

    rows: tuple[Row, ...]
    files: int
    accepted: int = 0
    unused: tuple[Ignore, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def hits(self) -> tuple[Hit, ...]:
        """The first hits of each row, by path and line."""
        places = (place for row in self.rows for place in row.places)
        return tuple(sorted(places, key=lambda hit: (hit.path, hit.line, hit.rule)))

    @property
    def by_rule(self) -> Counter[str]:
        """How many hits each rule has."""
        return counted_by_rule(self.rows)

    def failing(self, least: Confidence) -> bool:
        """Whether a hit has at least this confidence; notes never count."""
        return any(
            row.confidence is not Confidence.NOTE and row.confidence.rank <= least.rank
            for row in self.rows
        )


@dataclass(frozen=True, slots=True)
class Watch:
    """What a scan tells while it runs.

    Attributes:
        hit: called with each hit that counts, in the order of the files.
        file: called after each file.
    """

    hit: Callable[[Hit], None] = field(default=lambda _: None)
    file: Callable[[], None] = field(default=lambda: None)


class _Judge:
    """Takes hits and counts those that are neither accepted nor below the least confidence."""

    def __init__(
        self, accepted: tuple[Ignore, ...], least: Confidence | None, watch: Watch
    ) -> None:
        self._acceptance = Acceptance(accepted, datetime.now(UTC).date())
        self._least = least
        self._gathering = Gathering()
        self._watch = watch
        self._accepted = 0
        self._files = 0

    def take(self, hits: Iterable[Hit]) -> None:
        for hit in hits:
            if self._acceptance.accepts(hit):
                self._accepted += 1
            elif self._least is None or hit.confidence.rank <= self._least.rank:
                self._gathering.add(hit)
                self._watch.hit(hit)

    def searched(self) -> None:
        self._files += 1
        self._watch.file()

    def result(self, *, whole: bool, notes: tuple[str, ...] = ()) -> ScanResult:
        # A scan of a part of the tree cannot tell whether entries for other parts are of use.
        unused = self._acceptance.unused if whole else ()
        return ScanResult(self._gathering.rows(), self._files, self._accepted, unused, notes)


def scan(
    paths: Iterable[str],
    policy: Policy,
    *,
    history: bool = False,
    accepted: tuple[Ignore, ...] = (),
    least: Confidence | None = None,
    watch: Watch | None = None,
) -> ScanResult:
    """Search files or a whole history.

    Args:
        paths: files and folders; not used with `history`.
        policy: the policy in force.
        history: search every blob and message of the git history.
        accepted: entries of an ignore file.
        least: the lowest confidence that counts; None counts notes too.
        watch: is told what is found.

    Raises:
        ConfigError: a path that does not exist, or no git checkout.
        LibraryError: a file or an object of the history that cannot be read.
    """
    paths = list(paths)
    judge = _Judge(accepted, least, watch or Watch())
    for source in sources.history() if history else sources.on_disk(paths):
        judge.take(hits_in(source, policy))
        judge.searched()
    notes = (_SHALLOW,) if history and sources.is_shallow() else ()
    return judge.result(whole=history or paths == ["."], notes=notes)


_SHALLOW = "this clone has only a part of the history: git fetch --unshallow gets the rest"
_NO_IGNORE_FILE = "the base has no such ignore file, so nothing is accepted: it counts once merged"


def scan_branch(
    base: str,
    *,
    ignore_file: str | None = None,
    least: Confidence | None = None,
    watch: Watch | None = None,
) -> ScanResult:
    """Search what the branch that is checked out adds, by the rules of another branch.

    A value counts as added if the file did not hold it where the branch began, and no other file
    that the branch changed has lost it. So a value that moved, or was only written in another way,
    is not new; a key that replaced another one is.

    Args:
        base: the branch or commit that it will be merged into. Its policy and ignore file hold.
        ignore_file: the ignore file, in place of the default one.
        least: the lowest confidence that counts; None counts notes too.
        watch: is told what is found.

    Raises:
        ConfigError: `base` names no commit, or its configuration is wrong.
        PolicyError: the base's policy is wrong.
        LibraryError: a file or an object of the history that cannot be read.
    """
    branch = Branch.of(base)
    rules = rules_of(branch, ignore_file)
    judge = _Judge(rules.ignores, least, watch or Watch())
    judge.take(rules.loosened)
    values = _Values(rules.policy)
    kept: dict[str, str] = {}
    blobs: set[str] = set()
    paths: set[str] = set()
    for change in branch.changes():
        blobs.add(change.blob)
        paths.add(change.path)
        for label in _labels(change.new):
            kept.setdefault(label, change.path)
        if change.old is not None:
            values.compare(change)
        elif change.new is not None:
            judge.take(values.new())  # now it is known what other files have lost
            judge.take(values.added(change.new))
        if change.new is not None:
            judge.searched()
    judge.take(values.new())
    began = branch.files_at(branch.start)
    for source in chain(branch.staged_changes(blobs), branch.commits(blobs)):
        if source.path in began and source.path not in paths:  # changed, and changed back
            paths.add(source.path)
            values.had(*branch.read_at({source.path: began[source.path][1]}))
        for label in _labels(source) if source.version == sources.STAGED else ():
            kept.setdefault(label, source.path)
        judge.take(values.passing(source))
    judge.take(_newly_kept(branch, kept))
    notes = (_NO_IGNORE_FILE,) if rules.missing_ignore_file else ()
    return judge.result(whole=False, notes=notes)


_Value = tuple[str, bytes]


def _value(hit: Hit) -> _Value:
    return hit.rule, hit.digest


class _Values:
    """The values that a branch began with and has now, as digests, and so which are new."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._before: set[_Value] = set()  # in files that the branch changed
        self._lost: set[_Value] = set()  # in one of them before, and not any more
        self._candidates: list[Hit] = []
        self._told: set[_Value] = set()

    def compare(self, change: Change) -> None:
        """Compare a file that was there before with its new state."""
        before = {_value(hit) for hit in self._hits(change.old)}
        self._before |= before
        now = set()
        for hit in self._hits(change.new):
            now.add(_value(hit))
            if not hit.digest or _value(hit) not in before:
                self._candidates.append(hit)
        self._lost |= before - now

    def had(self, source: Source) -> None:
        """Note what a file held where the branch began."""
        self._before.update(map(_value, self._hits(source)))

    def new(self) -> Iterator[Hit]:
        """The new values of the files that were compared."""
        for hit in self._candidates:
            if not hit.digest or _value(hit) not in self._lost:
                self._told.add(_value(hit))
                yield hit
        self._candidates.clear()

    def added(self, source: Source) -> Iterator[Hit]:
        """The new values of a file that was not there before."""
        for hit in self._hits(source):
            if not hit.digest or _value(hit) not in self._lost:
                self._told.add(_value(hit))
                yield hit

    def passing(self, source: Source) -> Iterator[Hit]:
        """What the index or a commit holds that neither the branch's beginning nor its end does."""
        for hit in self._hits(source):
            if not (hit.digest and (_value(hit) in self._before or _value(hit) in self._told)):
                self._told.add(_value(hit))
                yield hit

    def _hits(self, source: Source | None) -> Iterator[Hit]:
        return iter(()) if source is None else hits_in(source, self._policy)


def _newly_kept(branch: Branch, kept: dict[str, str]) -> Iterator[Hit]:
    """Fields whose strings are kept by a cassette of the branch and by none where it began."""
    left = dict(kept)
    if left:
        files = branch.files_at(branch.start)
        blobs = {name: id for name, (_, id) in files.items() if name.endswith(".yaml")}
        for source in branch.read_at(blobs):
            for label in _labels(source):
                left.pop(label, None)
            if not left:
                return
    for label, path in left.items():
        yield Hit(path, 0, "newly-kept", detail=label)


def _labels(source: Source | None) -> set[str]:
    """The fields whose strings a cassette or scenario keeps; none for any other file."""
    if source is None or source.data is None:
        return set()
    try:
        if is_scenario(source.data):
            scenario = scenario_format.loads(source.data, source.path)
            return kept_labels(take_of(scenario, number) for number in range(len(scenario.steps)))
        if FIRST_LINE not in source.data[:64]:
            return set()
        return kept_labels(codec.loads(source.data, source.path).interactions)
    except ReplayError:
        return set()
