"""A run of the suite on another API version: which drift a failed test met.

A test that passes costs nothing. When the first test fails that was answered at a version which its
client did not ask for, the recordings are compared, once per run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from replay.config import resolve
from replay.errors import CassetteDamaged, ReplayError, VersionNotRecorded
from replay.library import Library
from replay.library.location import display_path
from replay.model import json_body
from replay.model.cassette import Response
from replay.session.session import OpenSession
from replay.testing.options import needs_session, tracked_file

if TYPE_CHECKING:
    from replay.drift.acceptance.used import Used
    from replay.drift.judge.findings import Comparison, Finding, Report

_MOST_CASSETTES = 5000
"""A library with more cassettes is not compared for a failing test: it would take too long."""

_MOST_LISTED = 12
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Drift = tuple["Comparison", "Finding"]


class DriftHints:
    """The findings shown below a run's failures; and, if wanted, the fields that it read."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._forced = resolve().api_version
        self._sessions: list[OpenSession] = []
        self._reports: dict[tuple[str, str, str], Report | str] = {}
        self._file = tracked_file(config)
        self._tracker: Any = None
        if self._file is not None:
            from replay.drift.acceptance.used import load
            from replay.testing.field_tracking import Tracker

            try:
                load(self._file, missing_ok=True)
            except ReplayError as error:
                raise pytest.UsageError(str(error)) from None
            self._tracker = Tracker(config.rootpath)
            self._tracker.start()
            config.add_cleanup(self._stop)

    def begin(self) -> None:
        """Note that a test begins."""
        self._sessions.clear()
        if self._tracker is not None:
            self._tracker.start_part()

    def exemptions(self, session: OpenSession) -> list[str]:
        """A note, if the session answers at a version of its own and not at the run's."""
        if self._forced is None or session.config.api_version == self._forced:
            return []
        return [f"kept at an API version of its own, and not run on {self._forced}"]

    def ended(self, session: OpenSession) -> None:
        """Note that a session of `use_cassettes` ended."""
        if session.config.api_version is not None:
            self._sessions.append(session)

    def finish(self) -> list[str]:
        """Write which fields were read; returns a note if that fails."""
        if self._tracker is None or self._file is None:
            return []
        from replay.drift.acceptance.used import add

        try:
            add(self._file, self._tracker.all(), self._tracker.sites)
        except ReplayError as error:
            return [f"the used fields are not written: {error.what} ({error.where})"]
        return []

    def _stop(self) -> None:
        self._tracker.stop()

    def add_to_report(
        self, item: pytest.Item, call: pytest.CallInfo[None], own: OpenSession | None
    ) -> None:
        """Add to a failure's report what differs between the versions in the test's answers."""
        excinfo = call.excinfo
        if excinfo is None or isinstance(excinfo.value, pytest.skip.Exception):
            return
        sessions = [*([own] if own is not None and needs_session(item) else []), *self._sessions]
        if not any(session.config.api_version for session in sessions):
            return
        try:
            text = "\n".join(dict.fromkeys(self._hints(sessions, excinfo)))
        except Exception as error:  # noqa: BLE001 - the test's failure is what counts
            text = f"what differs cannot be shown: {type(error).__name__}"
            if isinstance(error, ReplayError):
                text = f"what differs cannot be shown: {error}"
        if text:
            item.add_report_section(call.when, "replay drift", text)

    def _hints(
        self, sessions: list[OpenSession], excinfo: pytest.ExceptionInfo[BaseException]
    ) -> Iterator[str]:
        used = None
        if self._tracker is not None:
            from replay.drift.acceptance.used import Used

            used = Used(self._tracker.current())
        words = _words(excinfo)
        for session in sessions:
            new = session.config.api_version
            if new is None:
                continue
            if any(isinstance(error, VersionNotRecorded) for error in session.refusals):
                yield f"what is recorded may be fetched at {new} too, as a whole:"
                yield f"  replay upgrade {new} --library {display_path(session.library.root)}"
            if not session.calls:
                continue
            for old in sorted(_older_versions(session, new)):
                yield f"answered at {new}; the client asked for {old}"
                found = self._report(session.library, old, new)
                if isinstance(found, str):
                    yield found
                    continue
                yield from _finding_lines(list(_findings_on(session, found)), words, used)
                where = display_path(session.library.root)
                yield f"  all of it: replay diff {old} {new} --library {where}"

    def _report(self, library: Library, old: str, new: str) -> Report | str:
        key = str(library.root), old, new
        found = self._reports.get(key)
        if found is None:
            found = self._reports[key] = _compare(library, *key)
        return found


def _compare(library: Library, root: str, old: str, new: str) -> Report | str:
    from replay.drift.report import report

    library = Library(library.root, with_evidence=True, follow_links=library.follow_links)
    count = len(library.paths())
    if count > _MOST_CASSETTES:
        where = display_path(library.root)
        return f"  {count} cassettes: see replay diff {old} {new} --library {where}"
    return report(library, versions=(old, new))


def _older_versions(session: OpenSession, new: str) -> set[str]:
    """The versions that the test was written for: what its client pins, else what is recorded."""
    from replay.stripe_api.versions import version_order

    pinned = {version for version in session.pinned if version not in {None, new}}
    found = {version for version in pinned if version is not None}
    if None in session.pinned:
        for served in session.calls:
            others = {c.api_version for c in session.library.recorded(served.call.key)} - {new}
            older = [v for v in others if version_order(v) < version_order(new)]
            if older:
                found.add(max(older, key=version_order))
    return found


def _findings_on(session: OpenSession, report: Report) -> Iterator[Drift]:
    """The findings on a session's answers that may break or surprise the code that reads them."""
    from replay.drift.judge.findings import Grade, Severity

    served = session.calls
    types = {kind for one in served for kind in _types(one.take.response)}
    asked = {(one.call.key.resource, one.call.expand) for one in served}
    resources = {resource for resource, _ in asked}
    for comparison, finding in report.findings():
        here = (comparison.resource, comparison.expand) in asked
        inside = comparison.type in types and comparison.resource not in resources
        loud = finding.severity > Severity.INFO and finding.grade > Grade.UNOBSERVED
        if (here or inside) and loud:
            yield comparison, finding


def _types(response: Response) -> set[str]:
    """The types of a body and of all objects in it."""
    found: set[str] = set()
    try:
        waiting: list[Any] = [json_body.parse_recorded(response.body, "")]
    except CassetteDamaged:
        return found
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("object"), str):
                found.add(value["object"])
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found


def _finding_lines(drifts: list[Drift], words: set[str], used: Used | None) -> Iterator[str]:
    from replay.drift.judge.rules import sentence
    from replay.drift.observe.pointers import key

    if used is not None:
        count = len(drifts)
        drifts = [(c, f) for c, f in drifts if used.reads(c, f)]
        if count and not drifts:
            yield f"  none of {count} findings is on a path that the test read"
    if not drifts and used is None:
        yield "  no finding on what the test was served"
    # Fields that the failing lines name come first.
    drifts.sort(key=lambda drift: (key(drift[1].path) not in words, drift[1].order))
    for comparison, finding in drifts[:_MOST_LISTED]:
        mark = f"{finding.severity!s:<8}  {finding.grade!s:<6}"
        yield f"  {mark}  {comparison.resource}: {sentence(comparison, finding)}"
    if len(drifts) > _MOST_LISTED:
        yield f"  and {len(drifts) - _MOST_LISTED} more"


def _words(excinfo: pytest.ExceptionInfo[BaseException]) -> set[str]:
    """The names in a failure's message, and in the lines that led to it."""
    text = [str(excinfo.value)]
    text += [str(entry.statement) for entry in list(excinfo.traceback)[-8:]]
    return set(_WORD.findall(" ".join(text)))
