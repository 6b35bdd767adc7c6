"""The report of `replay doctor`, as values, and how it is printed. Secrets are not in it."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from replay.errors import ReplayError, printable
from replay.redaction.secrets import find_secrets

WIDTH = 80
"""Columns that a line has at most, paths and commands excepted: those are not broken."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is broken, or would go online.

    Attributes:
        what: one sentence.
        where: the file, variable or client concerned.
        next: what to do, where possible a command to run.
    """

    what: str
    where: str = ""
    next: str = ""

    @classmethod
    def of(cls, error: ReplayError) -> Trouble:
        """What an error of replay's says."""
        return cls(error.what, error.where, error.hint)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a section.

    Attributes:
        name: a setting, client or plugin.
        value: its value or version.
        note: where it comes from, or what replay does about it.
        good: whether that is as it should be.
    """

    name: str
    value: str
    note: str = ""
    good: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the report.

    Attributes:
        name: what machines call it.
        title: its heading.
        rows: its lines.
        troubles: what is wrong.
        notes: what a person should know, and that is not wrong.
    """

    name: str
    title: str
    rows: tuple[Row, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All sections, in the order in which they are printed."""

    sections: tuple[Section, ...]

    @property
    def troubles(self) -> list[Trouble]:
        """What is wrong in all of them."""
        return [trouble for section in self.sections for trouble in section.troubles]

    @property
    def exit_code(self) -> int:
        """The exit code of the command: 0 clean, 1 where something is broken or would go online."""
        return 1 if self.troubles else 0


def to_text(report: Report) -> str:
    """For people: the sections, and at the end, beside the prompt, what to do."""
    lines: list[str] = []
    for section in report.sections:
        lines += [section.title, *(_table(section.rows) if section.rows else ["  none"])]
        for note in section.notes:
            lines += _wrapped(f"note: {note}", 2)
        lines.append("")
    for number, trouble in enumerate(report.troubles, 1):
        lines += _trouble(number, trouble)
    count = len(report.troubles)
    lines.append(f"{count} {'problem' if count == 1 else 'problems'}" if count else "no problems")
    return "\n".join(hidden(printable(line)) for line in lines) + "\n"


def _wrapped(text: str, indent: int) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * indent,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _table(rows: Sequence[Row]) -> Iterator[str]:
    """Rows in columns; what is longer than its column moves the rest to a line of its own."""
    name = min(max((len(row.name) for row in rows), default=0), 24)
    value = min(max((len(row.value) for row in rows), default=0), 24)
    for row in rows:
        mark = " " if row.good else "!"
        head = f"{mark} {row.name:<{name}}  {row.value:<{value}}".rstrip()
        if not row.note:
            yield head
        elif len(head) <= name + value + 4 and len(row.note) + name + value + 6 <= WIDTH:
            yield f"{head:<{name + value + 4}}  {row.note}"
        else:
            yield head
            yield from _wrapped(row.note, 6)


def _trouble(number: int, trouble: Trouble) -> Iterator[str]:
    indent = " " * 4
    lines = _wrapped(trouble.what, 4)
    yield f"{number:>2}. {lines[0].strip()}"
    yield from lines[1:]
    if trouble.where:
        yield f"{indent}where: {trouble.where}"
    for count, line in enumerate(trouble.next.splitlines()):
        yield f"{indent}{'next:' if not count else '     '} {line}"
    yield ""


def to_json(report: Report) -> str:
    """For machines; ``format`` changes when a reader of it has to."""
    document = {
        "format": 1,
        "sections": {
            section.name: {
                "title": section.title,
                "rows": [asdict(row) for row in section.rows],
                "notes": section.notes,
            }
            for section in report.sections
        },
        "problems": [asdict(trouble) for trouble in report.troubles],
    }
    return hidden(json.dumps(document, indent=2)) + "\n"


def hidden(text: str) -> str:
    """A text without its secrets: a key may stand in the wrong variable."""
    for hit in sorted(find_secrets(text), key=lambda hit: hit.start, reverse=True):
        word = _WORD.match(text, hit.start)
        text = f"{text[: hit.start]}[secret]{text[word.end() if word else hit.start :]}"
    return text


_WORD = re.compile(r"""[^\s"',]*""")
