"""Runs a scan: over files, over the additions of a branch, or over a whole git history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from replay.errors import ReplayError
from replay.library.format import codec
from replay.redaction.policy import Policy
from replay.scan import sources
from replay.scan.contents import FIRST_LINE
from replay.scan.ignores import Ignore, split
from replay.scan.rules import Confidence, Hit
from replay.scan.search import hits_in
from replay.scan.sources import Source
from replay.upkeep.proof import kept_labels


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The result of a scan.

    Attributes:
        hits: sorted by path and line.
        files: how many files were searched.
        accepted: how many more hits there were, which the ignore file accepts.
        unused: entries of the ignore file that accepted nothing.
    """

    hits: tuple[Hit, ...]
    files: int
    accepted: int = 0
    unused: tuple[Ignore, ...] = ()

    def failing(self, least: Confidence) -> bool:
        """Whether a hit has at least this confidence; notes never count."""
        return any(
            hit.confidence is not Confidence.NOTE and hit.confidence.rank <= least.rank
            for hit in self.hits
        )


def scan(
    paths: Iterable[str],
    policy: Policy,
    *,
    base: str | None = None,
    history: bool = False,
    accepted: tuple[Ignore, ...] = (),
) -> ScanResult:
    """Search files, the changes of a branch, or a whole history.

    Args:
        paths: files and folders; not used with `base` or `history`.
        policy: the policy in force.
        base: a branch or commit; only values that it does not have are hits.
        history: search every blob of the git history.
        accepted: entries of an ignore file.

    Raises:
        ConfigError: a path or commit that does not exist.
        LibraryError: a file that cannot be read.
    """
    paths = list(paths)
    hits: list[Hit] = []
    files = 0
    if base is not None:
        changes = list(sources.changed_since(base))
        files = len(changes)
        for head, old in changes:
            hits += _new_in(head, old, policy)
        hits += _newly_kept([head for head, _ in changes], base)
    else:
        for source in sources.history() if history else sources.on_disk(paths):
            files += 1
            hits += hits_in(source, policy)
    today = datetime.now(UTC).date()
    remaining, count, unused = split(hits, accepted, today)
    # A scan of a part of the tree cannot tell whether entries for other parts are of use.
    whole = base is None and (history or paths == ["."])
    return ScanResult(tuple(sorted(remaining)), files, count, tuple(unused) if whole else ())


def _new_in(head: Source, old: Source | None, policy: Policy) -> Iterator[Hit]:
    """The hits of a file that it did not have before."""
    before = Counter(_same(hit) for hit in hits_in(old, policy)) if old else Counter()
    for hit in hits_in(head, policy):
        if before[_same(hit)]:
            before[_same(hit)] -= 1
        else:
            yield hit


def _same(hit: Hit) -> tuple[str, str, str]:
    # Without the line: an edit above a hit moves it.
    return hit.rule, hit.pointer, hit.detail


def _newly_kept(changed: list[Source], base: str) -> Iterator[Hit]:
    """Fields whose strings are kept by a cassette of the branch and by none of the base."""
    kept: dict[str, str] = {}
    for source in changed:
        for label in _labels(source):
            kept.setdefault(label, source.path)
    if kept:
        known = {label for source in sources.at(base, ".yaml") for label in _labels(source)}
        for label, path in kept.items():
            if label not in known:
                yield Hit(path, 0, "newly-kept", detail=label)


def _labels(source: Source) -> set[str]:
    """The fields whose strings a cassette keeps; none for any other file."""
    if source.data is None or FIRST_LINE not in source.data[:64]:
        return set()
    try:
        return kept_labels(codec.loads(source.data, source.path))
    except ReplayError:
        return set()
