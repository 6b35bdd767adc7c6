"""Searches sources: which rules look at which file, and what a branch adds to what was there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from replay.errors import ReplayError
from replay.library.format import codec
from replay.redaction.policy import Policy
from replay.scan import cassettes, ignores, recordings, sources, texts
from replay.scan.rules import Confidence, Finding
from replay.scan.sources import Source
from replay.upkeep.proof import kept_labels


@dataclass(frozen=True, slots=True)
class Report:
    """What a scan found.

    Attributes:
        findings: sorted by path and line.
        files: how many files were searched.
        accepted: how many findings the ignore file accepts.
        unused: entries of the ignore file that accepted nothing.
    """

    findings: tuple[Finding, ...]
    files: int
    accepted: int = 0
    unused: tuple[ignores.Ignore, ...] = ()

    def failing(self, least: Confidence) -> bool:
        """Whether a finding is at least so sure; notes never are."""
        return any(
            finding.confidence is not Confidence.NOTE and finding.confidence.rank <= least.rank
            for finding in self.findings
        )


def scan(
    paths: Iterable[str],
    policy: Policy,
    *,
    base: str | None = None,
    history: bool = False,
    accepted: tuple[ignores.Ignore, ...] = (),
) -> Report:
    """Search files, a branch's changes, or a whole history.

    Args:
        paths: files and folders; left out of account with `base` or `history`.
        policy: the policy in force.
        base: a branch or commit: only what was not there already is found.
        history: search every blob of the git history.
        accepted: entries of an ignore file.

    Raises:
        ConfigError: a path or commit that does not exist.
        LibraryError: a file that cannot be read.
    """
    files = 0
    paths = list(paths)

    def counted(found: Iterable[Source]) -> Iterator[Finding]:
        nonlocal files
        for source in found:
            files += 1
            yield from findings_in(source, policy)

    if base is not None:
        changes = list(sources.changed_since(base))
        files = len(changes)
        found = [f for head, old in changes for f in _new_in(head, old, policy)]
        found += _newly_kept([head for head, _ in changes], base)
    else:
        found = list(counted(sources.history() if history else sources.on_disk(paths)))
    today = datetime.now(UTC).date()
    remaining, count, unused = ignores.split(found, accepted, today)
    # A part of the tree says nothing about entries for other parts.
    whole = base is None and (history or paths == ["."])
    return Report(tuple(sorted(remaining)), files, count, tuple(unused) if whole else ())


def findings_in(source: Source, policy: Policy) -> Iterator[Finding]:
    """All findings of one file."""
    if source.data is None:
        yield Finding(source.path, 0, "unread-file")
        return
    ours = source.data.removeprefix(b"\xef\xbb\xbf").startswith(cassettes.FIRST_LINE)
    text = texts.decoded(source.data)
    suffix = PurePosixPath(source.path.partition("@")[0]).suffix.lower()
    recorded = not ours and recordings.is_recording(text, suffix)
    yield from texts.secrets_in(text, source.path, identifying=recorded)
    if ours:
        yield from cassettes.prove(source.data, source.path, policy)
    elif recorded:
        yield from recordings.private_in(text, source.path, policy)


def _new_in(head: Source, old: Source | None, policy: Policy) -> Iterator[Finding]:
    before = Counter(_same(f) for f in findings_in(old, policy)) if old else Counter()
    for finding in findings_in(head, policy):
        if before[_same(finding)]:
            before[_same(finding)] -= 1
        else:
            yield finding


def _same(finding: Finding) -> tuple[str, str, str]:
    return finding.rule, finding.pointer, finding.detail


def _newly_kept(changed: list[Source], base: str) -> Iterator[Finding]:
    """Fields whose strings a branch's cassettes keep, and no cassette of the base kept."""
    kept: dict[str, str] = {}
    for source in changed:
        for label in _labels(source):
            kept.setdefault(label, source.path)
    if kept:
        known = {label for source in sources.at(base, ".yaml") for label in _labels(source)}
        for label, path in kept.items():
            if label not in known:
                yield Finding(path, 0, "newly-kept", detail=label)


def _labels(source: Source) -> set[str]:
    if source.data is None or cassettes.FIRST_LINE not in source.data[:64]:
        return set()
    try:
        return kept_labels(codec.loads(source.data, source.path))
    except ReplayError:
        return set()
