"""Runs what a finding claims: to read the path works on the old recording, and not on the new one.

Rules argue from counts. A witness is one recording of each version, and the steps that code takes
in both. What no witness confirms is not proven. `files` writes witnesses as small tests for pytest.
"""

from __future__ import annotations

import inspect
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from replay.drift.judge.findings import (
    Comparison,
    Finding,
    Grade,
    Reading,
    Report,
    Severity,
)
from replay.drift.judge.relocate import GONE
from replay.drift.judge.rules import sentence
from replay.drift.observe.gather import Recordings
from replay.drift.observe.nested import read_take
from replay.drift.observe.pointers import ANY, dotted, occurrences, unescape, value_at
from replay.drift.observe.shape import Witness
from replay.errors import printable
from replay.library import Library
from replay.model.cassette import Cassette

MARK = "# Written by `replay diff --witnesses`, which replaces it. Edit a copy."
"""The first line of each file that was written here."""

_LOST = "the field cannot be read any more: code that reads it raises a KeyError"
_KIND = "the value is of another type than the code was written for"
FAILING: Mapping[str, str] = {
    "field-removed": _LOST,
    "field-unseen": _LOST,
    "field-moved": f"{_LOST} until it reads the new place",
    "field-renamed": f"{_LOST} until it reads the new name",
    "field-moved-resource": f"{_LOST} until it reads the other resource",
    "became-optional": "the key is not always there: code that reads it without asking raises a "
    "KeyError",
    "became-nullable": "the value is None, where the same object had one",
    "type-changed": _KIND,
    "type-widened": _KIND,
    "int-to-decimal-string": "the amount is a text: arithmetic with it fails, or joins texts",
    "expand-changed": "an ID stands where an object stood, or an object where an ID stood",
    "format-changed": "the value is written in another form, of another type",
    "list-to-scalar": "there is no list to go through",
    "scalar-to-list": "there is a list where one value stood",
}
"""The rules that can be confirmed -> what it means that a witness fails."""

_READ_AT_ONCE = 64  # cassettes that are kept while findings are confirmed
_MOST_ITEMS = 64
_MOST_NAME = 60


def read(value: Any, steps: tuple[Any, ...]) -> Any:
    """Read as code does, in steps: a key, a position, ("id", ID) for an item, None for any item."""
    for n, step in enumerate(steps):
        if step is None:
            errors: list[Exception] = [LookupError("there is no item")]
            for item in value.values() if isinstance(value, dict) else value:
                try:
                    return read(item, steps[n + 1 :])
                except (LookupError, TypeError) as error:
                    errors.append(error)
            raise max(errors, key=lambda error: isinstance(error, KeyError))
        if isinstance(step, tuple):
            items = [item for item in value if item.get("id") == step[1]]
            value, step = items, 0
        value = value[step]
    return value


class Witnesses:
    """Confirms findings by the recordings that show them.

    Attributes:
        old, new: the recordings of either side.
    """

    def __init__(self, old: Recordings, new: Recordings) -> None:
        self.old, self.new = old, new
        self._kept: OrderedDict[tuple[int, str], Cassette | None] = OrderedDict()
        self._all: dict[int, dict[str, Cassette]] = {}

    def confirmed(self, comparison: Comparison) -> Comparison:
        """A comparison in which what is breaking and proven has been confirmed, or is likely.

        A removal that is not breaking is tried too: it may turn out as a move.
        """
        found = tuple(self._tried(comparison, finding) for finding in comparison.findings)
        return replace(comparison, findings=found)

    def _tried(self, comparison: Comparison, finding: Finding) -> Finding:
        breaking = finding.severity is Severity.BREAKING
        if finding.grade is not Grade.PROVEN or not (breaking or finding.rule in GONE):
            return finding
        if finding.confirmed is None and finding.to is not None and finding.to.join:
            return replace(finding, confirmed=False, grade=Grade.LIKELY)
        if finding.confirmed is None:
            reading = self._reading(comparison, finding)
            finding = replace(finding, confirmed=reading is not None, reading=reading)
        return finding if finding.confirmed else replace(finding, grade=Grade.LIKELY)

    def _reading(self, comparison: Comparison, finding: Finding) -> Reading | None:
        """A reading that works on the old side and does not on the new; None where none does."""
        if not all(finding.witnesses) or finding.rule not in FAILING:
            return None
        old, new = map(Witness.of, finding.witnesses)
        before, after = self._body(self.old, old), self._body(self.new, new)
        if before is None or after is None:
            return None
        root = _root(before, old, finding.path, comparison.type)
        there = _root(after, new, finding.path, comparison.type)
        one, other = value_at(before, root), value_at(after, there)
        pointers = old.pointer[len(root) :], new.pointer[len(there) :]
        for steps in _ways(one, other, pointers, finding.path):
            inside = len(steps) > finding.path.count("/")
            if _shows(finding.rule, one, other, steps, inside=inside):
                sides = old._replace(pointer=root), new._replace(pointer=there)
                return Reading(*sides, steps, type(read(one, steps)).__name__)
        return None

    def _body(self, recordings: Recordings, place: Witness) -> dict[str, Any] | None:
        cassette = self._cassette(recordings, place.file)
        if cassette is None or place.take >= len(cassette.interactions):
            return None
        interaction = cassette.interactions[place.take]
        take = read_take(place.file, place.take, interaction, marked=False)
        return None if take is None else dict(take.body)

    def _cassette(self, recordings: Recordings, file: str) -> Cassette | None:
        if not isinstance(recordings, Library):
            known = self._all.get(id(recordings))
            if known is None:
                known = self._all[id(recordings)] = dict(recordings.cassettes())
            return known.get(file)
        asked = id(recordings), file
        if asked not in self._kept:
            self._kept[asked] = recordings.read(file)
            if len(self._kept) > _READ_AT_ONCE:
                self._kept.popitem(last=False)
        return self._kept[asked]


def _root(body: Any, place: Witness, path: str, type: str) -> str:
    """The pointer of the object of a type that a place is in; a path begins there."""
    segments, pattern = place.pointer.split("/")[1:], path.split("/")[1:]
    starts = [
        "".join(f"/{segment}" for segment in segments[:end]) for end in range(len(segments) + 1)
    ]
    for root in starts:
        if _is_of(value_at(body, root), type):
            return root
    # The type itself is what changed.
    return starts[max(0, len(segments) - len(pattern))]


def _is_of(value: Any, type: str) -> bool:
    return isinstance(value, dict) and (not type or value.get("object") == type)


def _match(segments: Sequence[str], pattern: Sequence[str]) -> bool:
    return all(b in (ANY, a) for a, b in zip(segments, pattern, strict=True))


def _ways(old: Any, new: Any, pointers: tuple[str, str], path: str) -> Iterator[tuple[Any, ...]]:
    """The ways in which code may read a path, those that name its items first.

    Args:
        old, new: the objects.
        pointers: where either of them shows the path, or the way to it.
        path: the path.
    """
    for steps in _to_the_path(old, new, pointers, path):
        yield steps
        # A list in an envelope and another object are both objects; their keys differ.
        one, other = _or_none(old, steps), _or_none(new, steps)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from ((*steps, name) for name in one if name not in other)


def _or_none(value: Any, steps: tuple[Any, ...]) -> Any:
    try:
        return read(value, steps)
    except (LookupError, TypeError, AttributeError):
        return None


def _to_the_path(
    old: Any, new: Any, pointers: tuple[str, str], path: str
) -> Iterator[tuple[Any, ...]]:
    pattern = path.split("/")[1:]
    anywhere = tuple(None if segment == ANY else unescape(segment) for segment in pattern)
    same = isinstance(old, dict) and isinstance(new, dict) and old.get("id") == new.get("id")
    if None not in anywhere or not same:
        yield anywhere
        return
    shown = [(old, pointers[0]), (new, pointers[1])]
    shown += [(old, pointer) for pointer, _ in occurrences(old, path)[:_MOST_ITEMS]]
    for body, pointer in shown:
        segments = pointer.split("/")[1:][: len(pattern)]
        if len(segments) == len(pattern) and _match(segments, pattern):
            yield _named(body, segments)
            yield tuple(
                int(segment) if step is None and segment.isdigit() else unescape(segment)
                for segment, step in zip(segments, anywhere, strict=True)
            )
    yield anywhere


def _named(body: Any, segments: Sequence[str]) -> tuple[Any, ...]:
    """Segments as steps, where an item of a list is named by its ID, if it has one."""
    steps: list[Any] = []
    value = body
    for segment in segments:
        if isinstance(value, list):
            value = value[int(segment)]
            id = value.get("id") if isinstance(value, dict) else None
            steps.append(("id", id) if isinstance(id, str) else int(segment))
        else:
            steps.append(unescape(segment))
            value = value.get(unescape(segment)) if isinstance(value, dict) else None
    return tuple(steps)


def _shows(rule: str, old: Any, new: Any, steps: tuple[Any, ...], *, inside: bool) -> bool:
    """Whether a reading works on an old object, and not, or not alike, on a new one.

    Args:
        rule: the rule that says so.
        old, new: the objects.
        steps: the reading.
        inside: whether it goes one step further than the path.
    """
    try:
        before = read(old, steps)
    except (LookupError, TypeError, AttributeError):
        return False
    try:
        after = read(new, steps)
    except KeyError:
        return inside or rule not in _OF_VALUES
    except (LookupError, TypeError, AttributeError):
        return False  # nothing was there to read from: null, or no item
    if rule == "became-nullable":
        return before is not None and after is None
    return rule in _OF_VALUES and None not in (before, after) and type(before) is not type(after)


_OF_VALUES = frozenset(
    {"became-nullable", "type-changed", "type-widened", "int-to-decimal-string", "expand-changed",
     "format-changed", "list-to-scalar", "scalar-to-list"}
)  # fmt: skip


# As files.


@dataclass(frozen=True, slots=True)
class Source:
    """How a file names a library.

    Attributes:
        path: its path, relative to the folder of the files.
        follow_links: as in `Library`.
    """

    path: str
    follow_links: bool


def files(report: Report, old: Source, new: Source) -> dict[str, str]:
    """Name -> text of a test for each confirmed finding that is breaking and not accepted.

    The names follow from the findings alone.

    Args:
        report: the report.
        old, new: the libraries of either side.
    """
    made: dict[str, str] = {}
    for comparison, finding in report.findings():
        shown = finding.severity is Severity.BREAKING and finding.grade is Grade.PROVEN
        if finding.reading is None or not shown or finding.accepted is not None:
            continue
        stem = _stem(comparison, finding)
        name, number = stem, 2
        while f"{name}.py" in made:  # another expand set
            name, number = f"{stem}_{number}", number + 1
        made[f"{name}.py"] = _text(comparison, finding, finding.reading, (old, new))
    return made


def _stem(comparison: Comparison, finding: Finding) -> str:
    words = _slug(f"{comparison.resource} {dotted(finding.path)}")[:_MOST_NAME].strip("_")
    return f"test_{words}_{finding.fingerprint}"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _text(
    comparison: Comparison, finding: Finding, reading: Reading, libraries: Iterable[Source]
) -> str:
    versions = comparison.old, comparison.new
    rows = []
    for version, library, place in zip(
        versions, libraries, (reading.old, reading.new), strict=True
    ):
        steps = tuple(int(s) if s.isdigit() else unescape(s) for s in place.pointer.split("/")[1:])
        row = library.path, library.follow_links, place.file, place.take, steps
        rows.append(f"    {version!a}: {row!a},\n")
    checks = {
        "became-nullable": "    assert value is not None\n",
        **dict.fromkeys(
            _OF_VALUES - {"became-nullable"}, "    assert type(value).__name__ == KIND\n"
        ),
    }
    kind = f"KIND = {reading.kind!a}\n" if "KIND" in checks.get(finding.rule, "") else ""
    said = _comment(
        f"{comparison.resource}: {sentence(comparison, finding)}.",
        f"Passes at {versions[0]} and fails at {versions[1]}: REPLAY_API_VERSION chooses.",
        f"Failing means: {FAILING[finding.rule]}.",
    )
    name = _slug(finding.rule)
    return (
        f"{MARK}\n{said}\nimport json\nimport os\nfrom pathlib import Path\n\nimport pytest\n\n"
        "import replay\n\n"
        f"RECORDED = {{\n{''.join(rows)}}}\nSTEPS = {reading.steps!a}\n{kind}\n\n"
        f"{_source()}\n\n"
        f"def test_{name}():\n"
        f"    version = os.environ.get('REPLAY_API_VERSION') or {versions[0]!a}\n"
        "    if version not in RECORDED:\n"
        "        pytest.skip(f'this shows {\" and \".join(RECORDED)}, not {version}')\n"
        "    root, follow_links, file, take, place = RECORDED[version]\n"
        "    library = replay.Library(Path(__file__).parent / root, follow_links=follow_links)\n"
        "    cassette = library.read(file)\n"
        "    assert cassette is not None, f'{file} is no longer recorded'\n"
        "    body = json.loads(cassette.interactions[take].response.body)\n"
        "    value = read(read(body, place), STEPS)\n"
        f"{checks.get(finding.rule, '')}"
    )


def _comment(*lines: str) -> str:
    return "".join(f"# {ascii(printable(line))[1:-1]}\n" for line in lines)


def _source() -> str:
    """The source of `read`, which is what was run to confirm the finding."""
    text = inspect.getsource(read)
    return re.sub(r"\(value: .*", "(value, steps):", text, count=1)
