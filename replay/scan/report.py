"""Writes the result of a scan: text, JSON, SARIF, GitHub's commands, Markdown.

No output holds a value that was found, and no name of a file can become a command of a CI system.
A report is written in parts: `hit` gives the part for one hit while the scan runs, for reports that
list every hit, and `end` gives the rest.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from replay.render import github, sarif
from replay.render.github import harmless
from replay.scan.rows import PLACES, Row
from replay.scan.rules import RULES, Confidence, Hit
from replay.scan.run import ScanResult

FORMAT = 2
"""The version of the JSON document."""

_LEVELS: dict[Confidence, sarif.Level] = {
    Confidence.HIGH: "error",
    Confidence.MEDIUM: "warning",
    Confidence.LOW: "note",
    Confidence.NOTE: "note",
}
_COMMANDS: dict[Confidence, github.Level] = {
    Confidence.HIGH: "error",
    Confidence.MEDIUM: "warning",
    Confidence.LOW: "notice",
    Confidence.NOTE: "notice",
}
_MOST_MARKDOWN = 60_000
_SPECIAL = str.maketrans({char: f"\\{char}" for char in "\\`*_[]|#~<>"})


class Report(ABC):
    """One way to write a result.

    Args:
        every: whether every hit is listed, and not only the first ones of each row.
    """

    def __init__(self, *, every: bool = False) -> None:
        self.every = every

    def hit(self, hit: Hit) -> str:
        """The text for one hit, where every hit is listed."""
        return self.one(hit) if self.every else ""

    @abstractmethod
    def one(self, hit: Hit) -> str:
        """The text for one hit."""

    @abstractmethod
    def end(self, result: ScanResult) -> Iterator[str]:
        """The text after the last hit."""


class Text(Report):
    """For people: rows, then what to do for each rule that found something."""

    def one(self, hit: Hit) -> str:
        """A line."""
        return f"{_place(hit)}: {hit.confidence.value} {hit.rule}: {_said(hit)}\n"

    def end(self, result: ScanResult) -> Iterator[str]:
        """The rows, a summary by rule with what to do, and the counts."""
        if not self.every:
            yield from map(self._row, result.rows)
        counts = result.by_rule
        if counts:
            yield "\n"
            width = len(f"{max(counts.values()):,}")
            for rule, count in counts.items():
                yield f"{count:>{width},} {RULES[rule].confidence.value} {rule}\n"
            yield "\n"
        for rule in counts:
            yield f"fix {rule}: {RULES[rule].fix}\n"
        if counts:
            yield "\n"
        for entry in result.unused:
            words = f"unused entry of the ignore file: {entry.path} {entry.rule}".rstrip()
            yield harmless(words) + "\n"
        for note in result.notes:
            yield f"note: {note}\n"
        yield _counts(result) + "\n"

    def _row(self, row: Row) -> str:
        if row.count == 1:
            return self.one(row.places[0])
        named = f"{row.confidence.value} {row.rule}: {_said_of(row)}: {_many(row)}\n"
        places = "".join(f"    {_place(hit)}\n" for hit in row.places)
        left = row.count - len(row.places)
        return named + places + (f"    and {left:,} more: --all lists them\n" if left else "")


class Json(Report):
    """For machines; docs/scan.md documents the keys."""

    def __init__(self, *, every: bool = False) -> None:
        super().__init__(every=every)
        self._begun = False

    def one(self, hit: Hit) -> str:
        """A finding of the list."""
        return self._finding(Row(hit.rule, hit.field, 1, 1, (hit,)))

    def end(self, result: ScanResult) -> Iterator[str]:
        """The rows, and the other keys of the document."""
        if not self.every:
            yield from map(self._finding, result.rows)
        if not self._begun:
            yield f'{{\n  "format": {FORMAT},\n  "findings": ['
        rest = {
            "rules": [
                {"rule": rule, "confidence": RULES[rule].confidence.value, "count": count,
                 "title": RULES[rule].title, "fix": RULES[rule].fix}
                for rule, count in result.by_rule.items()
            ],
            "files": result.files,
            "accepted": result.accepted,
            "unused": [{"path": entry.path, "rule": entry.rule} for entry in result.unused],
            "notes": list(result.notes),
        }  # fmt: skip
        yield (
            ("\n  " if self._begun else "")
            + "],\n"
            + _quiet(json.dumps(rest, indent=2)).removeprefix("{\n")
            + "\n"
        )

    def _finding(self, row: Row) -> str:
        first = row.places[0]
        finding: dict[str, Any] = {
            "rule": row.rule,
            "confidence": row.confidence.value,
            "field": row.field,
            "message": _said(first) if row.count == 1 else _said_of(row),
            "fix": RULES[row.rule].fix,
            "count": row.count,
            "files": row.files,
            **_json_place(first),
        }
        if not self.every:
            finding["places"] = [_json_place(hit) for hit in row.places]
        start = ",\n    " if self._begun else f'{{\n  "format": {FORMAT},\n  "findings": [\n    '
        self._begun = True
        return start + _quiet(json.dumps(finding))


class Sarif(Report):
    """SARIF 2.1.0, for code hosts: a result for each place of each row."""

    def __init__(self, *, every: bool = False) -> None:
        super().__init__(every=every)
        self._seen: Counter[tuple[str, str, str]] = Counter()
        self._stream: Iterator[str] | None = None
        self._next: list[dict[str, Any]] = []

    def one(self, hit: Hit) -> str:
        """A result of the list."""
        if self._stream is None:
            rules = [_sarif_rule(id) for id in RULES]
            self._stream = sarif.stream("replay scan", rules, iter(self._next.pop, None))
        self._next.append(self._result(hit, _message(hit)))
        return _quiet(next(self._stream))

    def end(self, result: ScanResult) -> Iterator[str]:
        """The results of the rows, and the rest of the document."""
        if self._stream is not None:
            self._next.append(None)  # type: ignore[arg-type]
            yield from map(_quiet, self._stream)
            return
        rules = [_sarif_rule(id) for id in sorted(result.by_rule)]
        results = (
            self._result(hit, _message(hit) + self._more(row))
            for row in result.rows
            for hit in row.places
        )
        yield from map(_quiet, sarif.stream("replay scan", rules, results))

    @staticmethod
    def _more(row: Row) -> str:
        return f" ({row.count:,} in all: replay scan --all)" if row.count > PLACES else ""

    def _result(self, hit: Hit, words: str) -> dict[str, Any]:
        place = (_readable(hit.path), hit.rule, hit.pointer or hit.inside)
        self._seen[place] += 1
        seed = "\0".join((*place, str(self._seen[place])))
        fingerprint = sha256(seed.encode("utf-8", "replace")).hexdigest()[:32]
        return sarif.result(
            hit.rule,
            _LEVELS[hit.confidence],
            words,
            {"replayScan/v1": fingerprint},
            [sarif.location(hit.path, max(hit.line, 1))],
        )


class Github(Report):
    """GitHub's workflow commands: an annotation for each row, at its first place."""

    def one(self, hit: Hit) -> str:
        """A command."""
        return self._command(hit, _message(hit))

    def end(self, result: ScanResult) -> Iterator[str]:
        """The rows as commands, and the counts as a plain line."""
        if not self.every:
            for row in result.rows:
                first = row.places[0]
                words = _message(first) if row.count == 1 else f"{_said_of(row)}: {_many(row)}"
                yield self._command(first, words)
        yield from (f"note: {note}\n" for note in result.notes)
        yield _counts(result) + "\n"

    def _command(self, hit: Hit, words: str) -> str:
        message = f"{harmless(words)}. {RULES[hit.rule].fix}"
        level = _COMMANDS[hit.confidence]
        return github.command(level, message, hit.rule, hit.path, max(hit.line, 1))


class Markdown(Report):
    """A table for a comment on a pull request, of bounded size."""

    def one(self, hit: Hit) -> str:
        """A row of the table."""
        return self._row(Row(hit.rule, hit.field, 1, 1, (hit,)))

    def end(self, result: ScanResult) -> Iterator[str]:
        """The table, and the counts."""
        size = 0
        if result.rows:
            yield "| confidence | rule | what | where |\n|---|---|---|---|\n"
        for number, row in enumerate(result.rows):
            line = self._row(row)
            size += len(line)
            if size > _MOST_MARKDOWN:
                yield f"\n{len(result.rows) - number:,} more rows are left out.\n"
                break
            yield line
        yield from (f"\n{_markdown(note)}\n" for note in result.notes)
        yield ("\n" if result.rows else "") + _counts(result) + "\n"

    def _row(self, row: Row) -> str:
        where = _markdown(_place(row.places[0]))
        more = f" and {row.count - 1:,} more" if row.count > 1 else ""
        words = _markdown(_said(row.places[0]) if row.count == 1 else _said_of(row))
        return f"| {row.confidence.value} | {row.rule} | {words} | {where}{more} |\n"


FORMATS: dict[str, type[Report]] = {
    "text": Text,
    "json": Json,
    "sarif": Sarif,
    "github": Github,
    "markdown": Markdown,
}
"""Name of a format -> the report in it."""


def _counts(result: ScanResult) -> str:
    """The last line: how many findings of which confidence, in how many files."""
    counts: Counter[Confidence] = Counter()
    for row in result.rows:
        counts[row.confidence] += row.count
    found = ", ".join(f"{counts[c]:,} {c.value}" for c in Confidence if counts[c])
    accepted = f", {result.accepted:,} accepted" if result.accepted else ""
    return f"{found or 'nothing found'}{accepted} in {result.files:,} files"


def _many(row: Row) -> str:
    files = "1 file" if row.files == 1 else f"{row.files:,} files"
    return f"{row.count:,} in {files}"


def _place(hit: Hit) -> str:
    version = f"@{hit.version[:12]}" if hit.version else ""
    inside = f" ({harmless(hit.inside)})" if hit.inside else ""
    return f"{harmless(hit.path)}{version}:{hit.line or 1}{inside}"


def _said(hit: Hit) -> str:
    more = " ".join(part for part in (hit.pointer, hit.detail) if part)
    title = RULES[hit.rule].title
    return harmless(f"{title} ({more})" if more else title)


def _message(hit: Hit) -> str:
    return _said(hit) + (f" in {harmless(hit.inside)}" if hit.inside else "")


def _said_of(row: Row) -> str:
    title = RULES[row.rule].title
    return harmless(f"{title} ({row.field})" if row.field else title)


def _readable(path: str) -> str:
    r"""A name as text: bytes that are no UTF-8 are written ``\xff``."""
    try:
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a name in an archive, with other lone surrogates
        return path.encode("utf-8", "backslashreplace").decode()


def _json_place(hit: Hit) -> dict[str, Any]:
    version = {"version": hit.version} if hit.version else {}
    inside = {"inside": _readable(hit.inside)} if hit.inside else {}
    return {"path": _readable(hit.path), **version, **inside, "line": hit.line,
            "pointer": hit.pointer}  # fmt: skip


def _quiet(text: str) -> str:
    """JSON text in which no line can be taken for a command; it means the same."""
    return text.replace("##", "\\u0023#").replace("::", "\\u003a:")


def _sarif_rule(id: str) -> dict[str, Any]:
    rule = RULES[id]
    return sarif.rule(id, rule.title, rule.fix, _LEVELS[rule.confidence])


def _markdown(text: str) -> str:
    return text.translate(_SPECIAL)
