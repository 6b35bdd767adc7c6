"""The ignore file: findings that a team accepts, each with its reason. Checked strictly."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from replay.errors import ConfigError
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
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"no TOML: {error}", where=str(file)) from None
    for key in document:
        if key != "ignore":
            raise _wrong(file, text, key, 0, f"{key!r} is none of ['ignore']")
    entries = document.get("ignore", [])
    if not isinstance(entries, list):
        raise _wrong(file, text, "ignore", 0, "entries are written [[ignore]]")
    return tuple(_entry(file, text, number, entry) for number, entry in enumerate(entries))


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


def _entry(file: Path, text: str, number: int, entry: Any) -> Ignore:
    if not isinstance(entry, dict):
        raise _wrong(file, text, "ignore", number, "entries are written [[ignore]]")
    for key, value in entry.items():
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(_KEYS)}"
            raise _wrong(file, text, key, number, f"{key!r} is no key of [[ignore]]: {hint}")
        if not isinstance(value, date if key == "until" else str):
            raise _wrong(file, text, key, number, f"{key} has the wrong type")
    for key in ("path", "reason"):
        if not entry.get(key, "").strip():
            raise _wrong(file, text, "ignore", number, f"[[ignore]] needs a {key}")
    if entry.get("rule", "") not in {"", *RULES}:
        near = get_close_matches(entry["rule"], RULES, n=1)
        hint = f": did you mean {near[0]}?" if near else ""
        raise _wrong(file, text, "rule", number, f"{entry['rule']!r} is no rule{hint}")
    return Ignore(**entry)


def _wrong(file: Path, text: str, key: str, number: int, what: str) -> ConfigError:
    """The error, with the line of the key in the n-th entry."""
    lines = text.split("\n")
    starts = [n for n, line in enumerate(lines, 1) if re.match(r"\s*\[\[\s*ignore\s*\]\]", line)]
    start = starts[number] if number < len(starts) else 1
    named = re.compile(rf"\s*(?:\[+\s*)?{re.escape(key)}\b")
    line = next((n for n, row in enumerate(lines, 1) if n >= start and named.match(row)), start)
    return ConfigError(what, where=f"{file}:{line}")
