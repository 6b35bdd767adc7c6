"""Shows what `replay check` found in doubles: to people, to code hosts, to machines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from replay.drift.doubles import KINDS_OF_REMARK, Remark, Weight
from replay.errors import printable
from replay.render import github, sarif

FORMAT = 1
_COMMANDS: dict[Weight, github.Level] = {
    Weight.FINDING: "error", Weight.WARNING: "warning", Weight.INFO: "notice",
}  # fmt: skip
_LEVELS: dict[Weight, sarif.Level] = {
    Weight.FINDING: "error", Weight.WARNING: "warning", Weight.INFO: "note",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A remark, and where it stands.

    Attributes:
        file: the file, with slashes.
        line: the line, from 1.
        remark: the remark.
    """

    file: str
    line: int
    remark: Remark


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check.

    Attributes:
        version: the API version of the recordings; empty for the newest one of each type.
        files: how many files were read.
        doubles: how many doubles were compared.
        places: the remarks.
        not_recorded: type -> how many doubles of it there are, and the versions at which the type
            was recorded; none of them is the one asked for.
        unread: file -> why it could not be read.
    """

    version: str
    files: int = 0
    doubles: int = 0
    places: Sequence[Place] = ()
    not_recorded: Mapping[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)

    def count(self, weight: Weight) -> int:
        """How many remarks have a weight."""
        return sum(place.remark.weight is weight for place in self.places)

    @property
    def exit_code(self) -> int:
        """2 if a file could not be read, 1 for findings, 3 if nothing was compared, else 0."""
        if self.unread:
            return 2
        if self.count(Weight.FINDING):
            return 1
        return 0 if self.doubles else 3


def to_terminal(checked: Checked, *, every: bool = False) -> str:
    """Text for people: findings and warnings by file, then the counts.

    Args:
        checked: the result.
        every: whether to list what is only worth knowing, too.
    """
    lines: list[str] = []
    for place in checked.places:
        if place.remark.weight is Weight.INFO and not every:
            continue
        weight = str(place.remark.weight)
        lines.append(f"{printable(place.file)}:{place.line}: {weight}: {_words(place.remark)}")
    for file, why in checked.unread.items():
        lines.append(f"{printable(file)}: not read: {why}")
    lines += [""] if lines else []
    lines.append(
        f"{_counted(checked.doubles, 'double')} in {_counted(checked.files, 'file')} compared with "
        f"the {f'recordings of {checked.version}' if checked.version else 'newest recordings'}: "
        f"{_counted(checked.count(Weight.FINDING), 'finding')}, "
        f"{_counted(checked.count(Weight.WARNING), 'warning')}"
    )
    hidden = 0 if every else checked.count(Weight.INFO)
    if hidden:
        verb = "lacks" if hidden == 1 else "lack"
        lines.append(
            f"{_counted(hidden, 'object')} {verb} keys that every recording has: --show info lists "
            "them, --complete makes them findings"
        )
    lines += _not_compared(checked)
    if not checked.doubles and not checked.not_recorded:
        lines.append(
            "next: name files whose objects have an object key, or say what they are with "
            "--resource RESOURCE"
        )
    return "\n".join(lines) + "\n"


def _not_compared(checked: Checked) -> Iterable[str]:
    for type, (number, versions) in sorted(checked.not_recorded.items()):
        where = f"at {', '.join(versions)}" if versions else "at no version"
        told = f"not compared: {_counted(number, 'double')} of {printable(type)}, recorded {where}"
        asked = f" --api-version {checked.version}" if checked.version else ""
        yield f"{told}; next: replay record {printable(type)} ID{asked}"


def to_json(checked: Checked) -> str:
    """JSON text. Fields may be added to the format, never removed or changed."""
    document = {
        "format": FORMAT,
        "version": checked.version or None,
        "files": checked.files,
        "doubles": checked.doubles,
        "remarks": [
            {
                "kind": place.remark.kind,
                "weight": str(place.remark.weight),
                "file": printable(place.file),
                "line": place.line,
                "type": place.remark.type,
                "path": _path(place.remark),
                "message": place.remark.message,
                "read_at": list(place.remark.read_at),
            }
            for place in checked.places
        ],
        "not_recorded": [
            {"type": type, "doubles": number, "recorded": list(versions)}
            for type, (number, versions) in sorted(checked.not_recorded.items())
        ],
        "unread": [{"file": printable(f), "why": why} for f, why in checked.unread.items()],
        "summary": {f"{weight}": checked.count(weight) for weight in reversed(Weight)},
    }
    return json.dumps(document, indent=2) + "\n"


def to_github(checked: Checked) -> str:
    """GitHub's workflow commands: a line for each finding and warning, findings first."""
    lines = [
        github.command(
            _COMMANDS[place.remark.weight], str(place.remark), place.remark.kind, place.file,
            place.line,
        )
        for place in sorted(checked.places, key=lambda place: -place.remark.weight)
        if place.remark.weight > Weight.INFO
    ]  # fmt: skip
    lines += [
        github.command("error", f"not read: {why}", "double-unread", file)
        for file, why in checked.unread.items()
    ]
    return "".join(lines)


def to_sarif(checked: Checked) -> str:
    """SARIF 2.1.0: a result for each remark, at the line of the file."""
    rules = [
        sarif.rule(kind, meaning, "replay check --help", "warning")
        for kind, meaning in KINDS_OF_REMARK.items()
    ]
    return sarif.document("replay", rules, map(_result, checked.places))


def _result(place: Place) -> dict[str, Any]:
    remark = place.remark
    named = f"{remark.kind}\0{place.file}\0{remark.type}\0{remark.pointer}"
    digest = hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return sarif.result(
        remark.kind, _LEVELS[remark.weight], str(remark), {"replayDouble/v1": digest},
        [sarif.location(place.file, place.line)],
    )  # fmt: skip


def _path(remark: Remark) -> str:
    """The path as people write it, which shows no key that may be private."""
    return str(remark).removeprefix(f"{remark.type}: ").removesuffix(f": {remark.message}")


def _words(remark: Remark) -> str:
    return f"{remark} [{remark.kind}]"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
