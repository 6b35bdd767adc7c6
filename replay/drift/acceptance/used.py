"""Which fields of recorded bodies a test suite reads: kept in a file, and compared with findings.

Only names are kept: resource, type, API version, paths. ``*`` is any one key or item, ``**``
everything below, ``/**`` the whole body.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from replay.drift.acceptance import own_files
from replay.drift.judge.findings import Comparison, Finding, Report
from replay.drift.observe.pointers import ANY
from replay.errors import ConfigError
from replay.model.text_files import read_text

FORMAT = 1
ALL = "**"

_SHARED = frozenset({"", "list", "search_result"})
"""Types that do not say what a body is: for these, the resource has to be the same too."""


class Body(NamedTuple):
    """Whose body was read.

    Attributes:
        resource: the resource path.
        type: the body's `object` value; empty for none.
        version: the API version that it was served at.
    """

    resource: str
    type: str
    version: str


@dataclass(frozen=True)
class Used:
    """The fields that were read.

    Attributes:
        paths: body -> its paths that were read; also those that were not there.
    """

    paths: Mapping[Body, set[str]] = field(default_factory=dict)

    def reads(self, comparison: Comparison, finding: Finding) -> bool:
        """Whether a finding is about something that was read, at any version."""
        wanted = [finding.path, *(source for source, _ in finding.parts)]
        return any(
            _reads(paths, path)
            for body, paths in self.paths.items()
            if body.type == comparison.type
            and (body.type not in _SHARED or body.resource == comparison.resource)
            for path in wanted
        )


def _reads(read: set[str], path: str) -> bool:
    if path in read:
        return True
    segments = path.split("/")
    return any(_fits(pattern.split("/"), segments) for pattern in read if ANY in pattern) or (
        ANY in segments and any(_fits(pattern.split("/"), segments) for pattern in read)
    )


def _fits(pattern: list[str], segments: list[str]) -> bool:
    if pattern[-1] == ALL:
        pattern = pattern[:-1]
        segments = segments[: len(pattern)]
    return len(pattern) == len(segments) and all(
        a == b or ANY in (a, b) for a, b in zip(pattern, segments, strict=True)
    )


def mark_used(report: Report, used: Used) -> Report:
    """A report whose findings say whether they are used; of one severity, used ones come first."""
    comparisons = []
    for comparison in report.comparisons:
        findings = [replace(f, used=used.reads(comparison, f)) for f in comparison.findings]
        findings.sort(key=lambda finding: finding.order)
        comparisons.append(replace(comparison, findings=tuple(findings)))
    comparisons.sort(key=lambda c: [f.order[:2] for f in c.findings[:1]] or [(1, 1)])
    return replace(report, comparisons=tuple(comparisons))


def load(path: Path, *, missing_ok: bool = False) -> Used:
    """The fields that earlier runs read.

    Args:
        path: the file.
        missing_ok: whether a file that is not there says that nothing was read yet.

    Raises:
        ConfigError: there is no such file, or it is not one of these.
    """
    try:
        document = json.loads(read_text(path))
        if document["format"] != FORMAT:
            raise ConfigError(
                "the used fields are of another format",
                where=str(path),
                hint="delete the file, and run the tests with --replay-track-fields again",
            )
        rows = [
            (Body(str(row["resource"]), str(row["type"]), str(row["version"])), _texts(row))
            for row in document["bodies"]
        ]
    except FileNotFoundError as error:
        if missing_ok:
            return Used({})
        raise ConfigError(
            "there is no such file of used fields",
            where=str(path),
            hint="make the file first: pytest --replay-track-fields",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"the used fields cannot be read: {error.strerror}",
            where=str(path),
            hint="check the path and its permissions, or name another file",
        ) from error
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ConfigError(
            "this is not a file of used fields",
            where=str(path),
            hint="make it again: pytest --replay-track-fields",
        ) from error
    return Used(merged(rows))


def _texts(row: Mapping[str, Any]) -> set[str]:
    paths = row["paths"]
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise TypeError("paths")
    return set(paths)


def merged(rows: Iterable[tuple[Body, set[str]]]) -> dict[Body, set[str]]:
    """The fields that several runs read, added up."""
    found: dict[Body, set[str]] = {}
    for body, paths in rows:
        found.setdefault(body, set()).update(paths)
    return found


def add(path: Path, paths: Mapping[Body, set[str]]) -> None:
    """Add the fields that were read to the file. Several processes may do so at a time.

    Raises:
        ConfigError: the file is there, and is not one of these.
        LibraryError: the file system refuses.
    """
    path = path.absolute()
    with own_files.locked(path):
        before = load(path, missing_ok=True).paths
        found = merged([*before.items(), *paths.items()])
        rows = [{**body._asdict(), "paths": sorted(read)} for body, read in sorted(found.items())]
        text = json.dumps({"format": FORMAT, "bodies": rows}, indent=2) + "\n"
        own_files.write(path, text, "the file of used fields", "--replay-track-fields=FILE")
