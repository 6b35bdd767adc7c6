"""The ignore file: findings that a team accepts, each with its reason. Checked strictly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

from replay.errors import ConfigError
from replay.model import strict_toml
from replay.model.strict_toml import Table
from replay.scan.rules import RULES, Finding

FILE = "replay-scan.toml"
"""The ignore file that is read from the working directory where none is named."""

_KEYS = ("path", "rule", "reason", "until")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One accepted finding, or several.

    Attributes:
        path: a pattern that paths match; ``*`` also stands for slashes.
        reason: why it is accepted.
        rule: the rule's ID; empty for every rule.
        until: the last day on which it counts; None for no end.
    """

    path: str
    reason: str
    rule: str = ""
    until: date | None = None

    def covers(self, finding: Finding, today: date) -> bool:
        """Whether a finding is accepted by this entry."""
        return (
            (not self.rule or self.rule == finding.rule)
            and (self.until is None or today <= self.until)
            and fnmatchcase(finding.path.partition("@")[0], self.path)
        )


def read(path: str | None) -> tuple[Ignore, ...]:
    """The entries of an ignore file; none where no file is named and there is none.

    Raises:
        ConfigError: it cannot be read, or an entry is wrong: names the line.
    """
    file = Path(path or FILE)
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError as error:
        if path is None:
            return ()
        raise ConfigError("there is no such ignore file", where=path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("the ignore file cannot be read", where=str(file)) from error
    document = strict_toml.parse(text, str(file))
    document.only(("ignore",), "section")
    return tuple(_entry(entry) for entry in document.tables("ignore"))


def split(
    findings: Iterable[Finding], ignores: tuple[Ignore, ...], today: date
) -> tuple[list[Finding], int, list[Ignore]]:
    """Findings that remain, how many are accepted, and entries that accepted nothing."""
    remaining, accepted = [], 0
    unused = dict.fromkeys(ignores)
    for finding in findings:
        hits = [entry for entry in ignores if entry.covers(finding, today)]
        for entry in hits:
            unused.pop(entry, None)
        if hits:
            accepted += 1
        else:
            remaining.append(finding)
    return remaining, accepted, list(unused)


def _entry(entry: Table) -> Ignore:
    entry.only(_KEYS, "key of [[ignore]]")
    words = {name: entry.text(name) for name in entry.values if name != "until"}
    for name in ("path", "reason"):
        if not words.get(name, "").strip():
            raise entry.wrong(f"[[ignore]] needs a {name}")
    if words.get("rule"):
        entry.choice("rule", RULES)
    until = entry.values.get("until")
    if until is not None and type(until) is not date:  # a time of day is a date to Python
        raise entry.wrong("until must be a date without quotes, such as 2027-01-31", "until")
    return Ignore(**words, until=until)
