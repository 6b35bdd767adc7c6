"""The ignore file: findings that a team accepts, each with its reason. Checked strictly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

from replay.errors import ConfigError
from replay.model import strict_toml
from replay.model.strict_toml import Table
from replay.model.text_files import read_text, reading_hint
from replay.scan.rules import RULES, Hit

FILE = "replay-scan.toml"
"""The ignore file that is read from the working directory where none is named."""

ONLY_BY_NAME = frozenset({"policy-loosened"})
"""Rules whose findings are accepted only by entries that name the rule."""

_KEYS = ("path", "rule", "reason", "until")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One entry: which hits are accepted, and why.

    Attributes:
        path: a pattern for paths; ``*`` matches slashes too.
        reason: why they are accepted.
        rule: the rule's ID; empty for every rule.
        until: the last day on which it counts; None for no end.
    """

    path: str
    reason: str
    rule: str = ""
    until: date | None = None

    def covers(self, hit: Hit, today: date) -> bool:
        """Whether this entry accepts a hit."""
        by_name = hit.rule in ONLY_BY_NAME
        return (
            (self.rule == hit.rule or not (self.rule or by_name))
            and (self.until is None or today <= self.until)
            and fnmatchcase(hit.path, self.path)
        )


def read_ignores(path: str | None) -> tuple[Ignore, ...]:
    """The entries of an ignore file. The default file may be missing; then there are none.

    Raises:
        ConfigError: it cannot be read, or an entry is wrong: names the line.
    """
    file = Path(path or FILE)
    try:
        text = read_text(file)
    except FileNotFoundError as error:
        if path is None:
            return ()
        raise ConfigError(
            "there is no such ignore file", where=path, hint="name a file that exists"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"the ignore file cannot be read: {error.strerror}",
            where=str(file),
            hint=reading_hint(error),
        ) from error
    document = strict_toml.parse(text, str(file))
    document.only(("ignore",), "section")
    return tuple(_entry(entry) for entry in document.tables("ignore"))


class Acceptance:
    """Decides which hits an ignore file accepts, one by one.

    Args:
        ignores: the entries of the file.
        today: the day that `until` is compared with.
    """

    def __init__(self, ignores: tuple[Ignore, ...], today: date) -> None:
        self._ignores = ignores
        self._today = today
        self._used: set[Ignore] = set()

    def accepts(self, hit: Hit) -> bool:
        """Whether any entry accepts a hit."""
        covering = [entry for entry in self._ignores if entry.covers(hit, self._today)]
        self._used.update(covering)
        return bool(covering)

    @property
    def unused(self) -> tuple[Ignore, ...]:
        """The entries that have accepted nothing."""
        return tuple(entry for entry in self._ignores if entry not in self._used)


def _entry(entry: Table) -> Ignore:
    entry.only(_KEYS, "key of [[ignore]]")
    words = {name: entry.text(name) for name in entry.values if name != "until"}
    for name in ("path", "reason"):
        if not words.get(name, "").strip():
            raise entry.wrong(f"[[ignore]] needs a {name}", hint=f'add a line: {name} = "…"')
    if words.get("rule"):
        entry.choice("rule", RULES)
    until = entry.values.get("until")
    if until is not None and type(until) is not date:  # a time of day is a date to Python
        raise entry.wrong(
            "until must be a date", "until", hint="write it without quotes: 2027-01-31"
        )
    return Ignore(**words, until=until)
