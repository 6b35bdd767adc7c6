"""Which fields of recorded bodies a test suite reads: kept in a file, and compared with findings.

Only names are kept: resource, type, API version, paths, and the lines of code and the tests that
read them. ``*`` is any one key or item, ``**`` everything below, ``/**`` the whole body.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from replay.drift.acceptance import own_files
from replay.drift.judge.findings import Comparison, Finding, Report, UsedAt
from replay.drift.observe.pointers import ANY
from replay.errors import ConfigError
from replay.model.text_files import read_text

FORMAT = 1
ALL = "**"
MOST_TESTS = 100
"""At most this many tests are named for one expression; the first by name."""

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


class Site(NamedTuple):
    """An expression in the user's code.

    Attributes:
        file: the file, relative to the project's folder, with slashes.
        line, end_line: its first and last line, from 1.
        column, end_column: its first byte in the first line, and the first one after it in the
            last line, from 1; 0 where the interpreter does not tell.
    """

    file: str
    line: int
    column: int = 0
    end_line: int = 0
    end_column: int = 0


Sites = Mapping[Body, Mapping[str, Mapping[Site, set[str]]]]
"""Body -> path -> the expressions that read it -> the tests that ran them; ``""`` for no test."""


NOWHERE: Sites = {}
"""For fields that were read without a known place."""


@dataclass(frozen=True)
class Used:
    """The fields that were read.

    Attributes:
        paths: body -> its paths that were read; also those that were not there.
        sites: where they were read, as far as that is known.
    """

    paths: Mapping[Body, set[str]] = field(default_factory=dict)
    sites: Sites = field(default_factory=dict)

    def reads(self, comparison: Comparison, finding: Finding) -> bool:
        """Whether a finding is about something that was read, at any version."""
        return any(
            _reads(paths, path)
            for body, paths in self.paths.items()
            if concerns(body, comparison)
            for path in _wanted(finding)
        )

    def readings(
        self, comparison: Comparison, finding: Finding
    ) -> Iterator[tuple[Body, str, Site]]:
        """The expressions that read what a finding is about, with the body and the path read."""
        wanted = _wanted(finding)
        for body, paths in self.sites.items():
            if concerns(body, comparison):
                for read, sites in paths.items():
                    if any(_reads({read}, path) for path in wanted):
                        yield from ((body, read, site) for site in sites)

    def at(self, comparison: Comparison, finding: Finding) -> tuple[UsedAt, ...]:
        """The lines that read what a finding is about: of the tested code first, then of tests."""
        found: dict[tuple[str, int, int], set[str]] = {}
        for body, read, site in self.readings(comparison, finding):
            found.setdefault(site[:3], set()).update(self.sites[body][read][site])
        lines = [
            UsedAt(file, line, column, tuple(sorted(tests - {""})), _is_of(file, tests))
            for (file, line, column), tests in found.items()
        ]
        lines.sort(key=lambda at: (at.in_test, -len(at.tests), at.file, at.line, at.column))
        return tuple(lines)


def concerns(body: Body, comparison: Comparison) -> bool:
    """Whether what was read of a body is told by a comparison, at any version."""
    return body.type == comparison.type and (
        body.type not in _SHARED or body.resource == comparison.resource
    )


def _wanted(finding: Finding) -> list[str]:
    return [finding.path, *(source for source, _ in finding.parts)]


def _is_of(file: str, tests: Iterable[str]) -> bool:
    """Whether a file is that of one of the tests."""
    return any(test.partition("::")[0] == file for test in tests)


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
        findings = [
            replace(f, used=used.reads(comparison, f), used_at=used.at(comparison, f))
            for f in comparison.findings
        ]
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
        rows, sites = [], {}
        for row in document["bodies"]:
            body = Body(str(row["resource"]), str(row["type"]), str(row["version"]))
            rows.append((body, _texts(row)))
            sites[body] = _sites(row)
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
    return Used(merged(rows), sites)


def _texts(row: Mapping[str, Any]) -> set[str]:
    paths = row["paths"]
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise TypeError("paths")
    return set(paths)


def _sites(row: Mapping[str, Any]) -> dict[str, dict[Site, set[str]]]:
    found: dict[str, dict[Site, set[str]]] = {}
    for path, sites in dict(row.get("sites", {})).items():
        for site in sites:
            numbers = [site[name] for name in Site._fields[1:]]
            whole = all(isinstance(number, int) and number >= 0 for number in numbers)
            # Reports link to these files: they lie in the project.
            if not whole or PurePosixPath(site["file"]).root or ".." in site["file"].split("/"):
                raise TypeError("sites")
            tests = {str(test) for test in site["tests"]}
            found.setdefault(path, {})[Site(site["file"], *numbers)] = tests
    return found


def merged(rows: Iterable[tuple[Body, set[str]]]) -> dict[Body, set[str]]:
    """The fields that several runs read, added up."""
    found: dict[Body, set[str]] = {}
    for body, paths in rows:
        found.setdefault(body, set()).update(paths)
    return found


def add(path: Path, paths: Mapping[Body, set[str]], sites: Sites = NOWHERE) -> None:
    """Add the fields that were read to the file. Several processes may do so at a time.

    Code moves: of a test that ran again only the new places stay.

    Raises:
        ConfigError: the file is there, and is not one of these.
        LibraryError: the file system refuses.
    """
    path = path.absolute()
    with own_files.locked(path):
        before = load(path, missing_ok=True)
        found = merged([*before.paths.items(), *paths.items()])
        places = _added(before.sites, sites)
        rows = [
            {**body._asdict(), "paths": sorted(read), "sites": _rows(places.get(body, {}))}
            for body, read in sorted(found.items())
        ]
        text = json.dumps({"format": FORMAT, "bodies": rows}, indent=1) + "\n"
        own_files.write(path, text, "the file of used fields", "--replay-track-fields=FILE")


def _added(before: Sites, now: Sites) -> dict[Body, dict[str, dict[Site, set[str]]]]:
    ran = {test for each in now.values() for at in each.values() for t in at.values() for test in t}
    found: dict[Body, dict[str, dict[Site, set[str]]]] = {}
    for sites, left_out in ((before, ran), (now, set[str]())):
        for body, paths in sites.items():
            for path, places in paths.items():
                for site, tests in places.items():
                    kept = tests - left_out
                    if kept:
                        of_path = found.setdefault(body, {}).setdefault(path, {})
                        of_path.setdefault(site, set()).update(kept)
    return found


def _rows(paths: Mapping[str, Mapping[Site, set[str]]]) -> dict[str, list[dict[str, Any]]]:
    return {
        path: [
            {**site._asdict(), "tests": sorted(tests)[:MOST_TESTS]}
            for site, tests in sorted(places.items())
        ]
        for path, places in sorted(paths.items())
    }
