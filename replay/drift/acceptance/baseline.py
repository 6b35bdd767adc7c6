"""The baseline: findings that the team has accepted, each with a reason and a last day.

A JSON file, sorted, to be reviewed like code. An entry names a finding by its fingerprint, and
also describes it in words. Entries whose last day has passed, and entries that no
finding needs any more, are findings themselves.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

from replay.drift.acceptance import own_files
from replay.drift.judge.findings import Comparison, Finding, Grade, Report, Side, fingerprint
from replay.drift.judge.rules import RULES
from replay.errors import ConfigError
from replay.model.text_files import read_text
from replay.redaction.secrets import find_secrets

FORMAT = 1
EXPIRED, UNUSED = "baseline-expired", "baseline-unused"


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted finding.

    Attributes:
        fingerprint: the finding's.
        rule, resource, path, old, new: the source of the fingerprint, for people.
        reason: why it is accepted.
        expires: the last day it is, as ``YYYY-MM-DD``; empty for no such day.
    """

    fingerprint: str
    rule: str
    resource: str
    path: str
    old: str
    new: str
    reason: str
    expires: str = ""

    @property
    def order(self) -> tuple[str, str, str, str, str]:
        """Sorts entries in the order in which a person looks for them."""
        return self.resource, self.old, self.new, self.path, self.rule

    def expired(self, today: date) -> bool:
        """Whether its last day has passed."""
        return bool(self.expires) and date.fromisoformat(self.expires) < today


_EMAIL = re.compile(r"[^@\s]@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}")
_RESTORE = "restore the file from version control, or delete it and accept again with --accept"
_FIELDS = tuple(field.name for field in fields(Entry))


def load(path: Path, *, missing_ok: bool = True) -> tuple[Entry, ...]:
    """The entries of a baseline file.

    Args:
        path: the file.
        missing_ok: whether a file that is not there accepts nothing; else it is an error.

    Raises:
        ConfigError: it cannot be read, or says something that no baseline says.
    """
    try:
        document = json.loads(read_text(path))
    except FileNotFoundError:
        if missing_ok:
            return ()
        raise ConfigError(
            "there is no such baseline",
            where=f"--baseline {path}",
            hint='correct the name, or write it with --accept --reason "…"',
        ) from None
    except OSError as error:
        raise ConfigError(
            f"the baseline cannot be read: {error.strerror}",
            where=str(path),
            hint="check the path and its permissions",
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError("the baseline cannot be read", where=str(path), hint=_RESTORE) from error
    rows = document.get("accepted") if isinstance(document, dict) else None
    if not isinstance(rows, list) or document.get("format") != FORMAT:
        raise ConfigError("this is not a baseline of this version", where=str(path), hint=_RESTORE)
    return tuple(_entry(row, f"{path}: accepted[{n}]") for n, row in enumerate(rows))


def _entry(row: Any, at: str) -> Entry:
    if wrong := _wrong(row):
        raise ConfigError(f"this is not an entry of a baseline: {wrong}", where=at, hint=_RESTORE)
    entry = Entry(**row)
    if entry.expires:
        day(entry.expires, f"{at}.expires")
    named = fingerprint(entry.rule, entry.resource, entry.path, entry.old, entry.new)
    if named != entry.fingerprint:
        raise ConfigError(
            "the fingerprint is of another finding",
            where=at,
            hint="delete the entry, then accept the finding again with --accept",
        )
    return entry


def _wrong(row: Any) -> str:
    if not isinstance(row, dict):
        return "it is not a table"
    for name in row:
        if name not in _FIELDS:
            return f"it has no field {name!r}"
    for name in _FIELDS:
        if name not in row and name != "expires":
            return f"{name} is missing"
        if not isinstance(row.get(name, ""), str):
            return f"{name} is not text"
    return ""


def day(text: str, where: str) -> str:
    """A day as ``YYYY-MM-DD``.

    Raises:
        ConfigError: it is none.
    """
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ConfigError(
            f"{text!r} is not a date", where=where, hint="write it as YYYY-MM-DD"
        ) from None


def save(path: Path, entries: Iterable[Entry]) -> None:
    """Write a baseline file, sorted; of two entries for one finding the last.

    Even if that fails halfway, the file is then the old or the new one, complete.

    Raises:
        ConfigError: there is no such folder.
        LibraryError: the file system refuses; the old file is untouched.
    """
    kept = {entry.fingerprint: entry for entry in entries}
    rows = [asdict(entry) for entry in sorted(kept.values(), key=lambda entry: entry.order)]
    text = json.dumps({"format": FORMAT, "accepted": rows}, indent=2) + "\n"
    try:
        path.parent.stat()
    except FileNotFoundError:
        raise ConfigError(
            "the baseline cannot be written: there is no such folder",
            where=str(path.parent),
            hint=f"mkdir -p {shlex.quote(str(path.parent))}",
        ) from None
    except OSError:
        pass  # writing says why
    with own_files.locked(path):
        own_files.write(path, text, "the baseline", "another file: --baseline FILE")


def checked_reason(reason: str) -> str:
    """A reason, if it may be in a file that is committed.

    Raises:
        ConfigError: it is empty, or holds a secret or an email address, which is not repeated.
    """
    if not reason.strip():
        raise ConfigError("the reason is empty", where="--reason", hint="say why it is accepted")
    held = next((f"a secret ({hit.id})" for hit in find_secrets(reason)), "")
    if not held and _EMAIL.search(reason):
        held = "an email address"
    if held:
        raise ConfigError(
            f"the reason holds {held}",
            where="--reason",
            hint="nothing was written: the baseline is committed, so say it without",
        )
    return reason


def accept(
    report: Report,
    wanted: Callable[[Finding], bool],
    reason: str,
    expires: str,
    *,
    again: bool = False,
) -> tuple[Entry, ...]:
    """New entries for findings of a report.

    Args:
        report: the report, to which the baseline was applied.
        wanted: whether a finding is to have an entry.
        reason: why; see `checked_reason`.
        expires: the last day, as ``YYYY-MM-DD``; empty for none.
        again: whether to take the findings that are accepted already, or those that are not.
    """
    return tuple(
        Entry(
            finding.fingerprint,
            finding.rule,
            comparison.resource,
            finding.path,
            comparison.old,
            comparison.new,
            reason,
            expires,
        )
        for comparison, finding in report.findings()
        if (finding.accepted is not None) == again
        and finding.rule not in (EXPIRED, UNUSED)
        and wanted(finding)
    )


def apply(report: Report, entries: Iterable[Entry], today: date, *, whole: bool) -> Report:
    """A report with the baseline applied: accepted findings say so, and the baseline has its own.

    Args:
        report: the findings to compare with the baseline.
        entries: the baseline.
        today: the day on which entries are valid or expired.
        whole: whether the report covers the whole library. If not, an entry is unused only where
            its resource was compared at its versions.
    """
    entries = tuple(entries)
    seen = {finding.fingerprint for _, finding in report.findings()}
    good = {entry.fingerprint: entry.reason for entry in entries if not entry.expired(today)}
    own: dict[tuple[str, str, str], list[Finding]] = {}
    compared = {_place(comparison) for comparison in report.comparisons}
    for entry in sorted(entries, key=lambda entry: entry.order):
        place = (entry.resource, entry.old, entry.new)
        if entry.fingerprint not in seen:
            if whole or place in compared:
                own.setdefault(place, []).append(_own(UNUSED, entry))
        elif entry.expired(today):
            own.setdefault(place, []).append(_own(EXPIRED, entry))
    done = []
    for comparison in report.comparisons:
        findings = [
            replace(finding, accepted=good.get(finding.fingerprint))
            for finding in comparison.findings
        ]
        findings += own.pop(_place(comparison), [])
        done.append(replace(comparison, findings=tuple(sorted(findings, key=lambda f: f.order))))
    for (resource, old, new), findings in own.items():
        nothing = Comparison(resource, "", False, old, new, (), (0, 0, 0), 0, tuple(findings))
        done.append(nothing)
    return replace(report, comparisons=tuple(done))


def _place(comparison: Comparison) -> tuple[str, str, str]:
    return comparison.resource, comparison.old, comparison.new


def _own(rule: str, entry: Entry) -> Finding:
    detail = f"{entry.rule}, accepted for: {entry.reason}"
    if rule == EXPIRED:
        detail += f" (until {entry.expires})"
    return Finding(
        rule,
        RULES[rule].severity,
        Grade.PROVEN,
        entry.path,
        Side(),
        Side(),
        detail=detail,
        fingerprint=fingerprint(rule, entry.resource, entry.path, entry.old, entry.new),
    )
