"""Reads TOML strictly: every complaint names file, line and the word that was probably meant.

A misspelt key must never be skipped: a setting would silently do nothing, and a redaction rule
would silently keep too much. A `Table` therefore knows its place in its file, and its methods
refuse keys that they do not expect.

`tomllib` gives values without their lines, so the lines are looked up in the text, and only where
somebody asks for one. Where a key is written in an unusual way (inside an
inline table, say), the line is that of the nearest key or header around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NoReturn

from replay.errors import ConfigError, ReplayError

KeyPath = tuple[str | int, ...]
"""The place of a value in a document: keys, and numbers for the items of a list."""

_AT_LINE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)\Z")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_DOTTED = rf"(?:{_PART.pattern})(?:\s*\.\s*(?:{_PART.pattern}))*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]\]?\s*(?:#.*)?\Z")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")
_MOST_LISTED = 12
_FORMS = {
    "a string": 'write it in quotes: {} = "…"',
    "a list of strings": 'write it as {} = ["…", "…"]',
    "a table": "begin it with a line [{}]",
}


@dataclass(frozen=True, slots=True)
class _Document:
    text: str = field(repr=False)
    file: str
    error: type[ReplayError]

    def where(self, path: KeyPath, word: str = "") -> str:
        """File and line of a key, or of a quoted word in the key's value."""
        found = _positions(self.text)
        while path and path not in found:
            path = path[:-1]
        line = found.get(path, 1)
        if word:
            lines = self.text.split("\n")
            end = min((n for n in found.values() if n > line), default=len(lines) + 1)
            quoted = (f'"{word}"', f"'{word}'")
            hits = (n for n in range(line, end) if any(q in lines[n - 1] for q in quoted))
            line = max(hits, default=line)  # the later of two listings is the one too many
        return f"{self.file}:{line}"


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a TOML file.

    Attributes:
        values: the table as `tomllib` gave it.
        path: its place in the file; empty for the file's top.
    """

    values: Mapping[str, Any]
    _document: _Document
    path: KeyPath = ()

    def __contains__(self, name: str) -> bool:
        return name in self.values

    @property
    def file(self) -> str:
        """The file, as errors name it."""
        return self._document.file

    def where(self, name: str) -> str:
        """The file and the line of a key."""
        return self._document.where((*self.path, name))

    def wrong(self, what: str, *below: str | int, word: str = "", hint: str = "") -> ReplayError:
        """The error for a wrong entry in this table. The caller raises it.

        Args:
            what: one sentence that says what is wrong.
            below: the key that is wrong; none if it is the table itself.
            word: the string in the key's value that is wrong; it helps to find the line.
            hint: what the user can do.
        """
        where = self._document.where((*self.path, *below), word)
        return self._document.error(what, where=where, hint=hint)

    def only(self, known: Iterable[str], what: str = "setting") -> None:
        """Refuse keys that are not known.

        Args:
            known: the keys that there may be.
            what: what a key is called in the complaint.
        """
        for name in self.values:
            if name not in known:
                raise self.wrong(f"unknown {what} {name!r}", name, hint=did_you_mean(name, known))

    def text(self, name: str, default: str = "") -> str:
        """A string."""
        value = self.values.get(name, default)
        if not isinstance(value, str):
            self._refuse_type(name, "a string")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; empty where the key is missing."""
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            self._refuse_type(name, "a list of strings")
        return tuple(value)

    def choice(self, name: str, known: Iterable[str], default: str = "") -> str:
        """One of the known strings."""
        value = self.values.get(name, default)
        if not isinstance(value, str) or value not in known:
            hint = did_you_mean(str(value), known)
            raise self.wrong(f"{name} cannot be {value!r}", name, hint=hint)
        return value

    def table(self, name: str) -> Table:
        """A table in this one; an empty one where the key is missing."""
        value = self.values.get(name, {})
        if not isinstance(value, dict):
            self._refuse_type(name, "a table")
        return Table(value, self._document, (*self.path, name))

    def tables(self, name: str) -> tuple[Table, ...]:
        """The entries that ``[[name]]`` starts; none where there are none."""
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise self.wrong(
                f"entries of {name} are not written as a list of tables",
                name,
                hint=f"begin each entry with a line [[{name}]]",
            )
        return tuple(
            Table(entry, self._document, (*self.path, name, n)) for n, entry in enumerate(value)
        )

    def _refuse_type(self, name: str, wanted: str) -> NoReturn:
        raise self.wrong(f"{name} must be {wanted}", name, hint=_FORMS[wanted].format(name))


def parse(text: str, file: str, error: type[ReplayError] = ConfigError) -> Table:
    """The top table of a TOML file.

    Args:
        text: the file's text.
        file: names it in errors.
        error: the class of every error about it.

    Raises:
        ConfigError: or the class that was given: the text is not TOML.
    """
    import tomllib  # here: most sessions read no TOML, and it costs a few milliseconds

    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        said = str(problem)
        found = _AT_LINE.search(said)
        reason = said[: found.start()] if found else said
        last = text.rstrip().count("\n") + 1
        where = f"{file}:{found[1] or last}" if found else file
        raise error(
            f"this is not valid TOML: {reason}",
            where=where,
            hint='correct the line; strings are in quotes, as in library = "cassettes"',
        ) from None
    except RecursionError:
        raise error(
            "this TOML nests too deep", where=file, hint="no setting of replay's nests so deep"
        ) from None
    return Table(values, _Document(text, file, error))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the known word nearest to one; all known words where none is near."""
    words = list(known)
    near = get_close_matches(word, words, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return "use one of: " + ", ".join(words) if len(words) <= _MOST_LISTED else ""


@lru_cache(maxsize=2)  # a configuration asks for the lines of all its settings
def _positions(text: str) -> Mapping[KeyPath, int]:
    """The lines, from 1, that headers and keys are written on; of several the first."""
    found: dict[KeyPath, int] = {}
    entries: dict[KeyPath, int] = {}  # list of tables -> number of the entry that is being read
    table: KeyPath = ()
    quotes = ""  # those that end the open string, where a string spans lines
    for number, line in enumerate(text.split("\n"), 1):
        if quotes:
            quotes = "" if quotes in line else quotes
        elif header := _HEADER.match(line):
            table = ()
            for part in _parts(header[2]):
                table += (entries[table], part) if table in entries else (part,)
                found.setdefault(table, number)
            if header[1] == "[[":
                entries[table] = entries.get(table, -1) + 1
            if table in entries:
                table += (entries[table],)
                found.setdefault(table, number)
        else:
            key, path = _KEY.match(line), table
            for part in _parts(key[1]) if key else ():
                path += (part,)
                found.setdefault(path, number)
            quotes = next((q for q in ('"""', "'''") if line.count(q) % 2), "")
    return found


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(dotted)]
