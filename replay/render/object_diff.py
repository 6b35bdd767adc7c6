"""An object at two versions, value by value: for people at a terminal, and as JSON."""

from __future__ import annotations

import json
import shlex
from typing import Any, TextIO

from replay.drift.object_diff import Difference, ObjectDiff, Recording, Value
from replay.errors import printable
from replay.model.cassette import ObjectKey
from replay.render.terminal import columns, console

FORMAT = 1

_WIDEST = 48  # paths that are longer push their value to the right

_STYLE = {"changed": "yellow", "removed": "red", "added": "green", "reordered": "cyan"}


def to_json(found: ObjectDiff) -> str:
    """The comparison as JSON text; the same recordings give the same bytes."""
    document = {
        "format": FORMAT,
        "resource": found.key.resource,
        "id": _id(found.key),
        "expand": list(found.expand),
        "other_expands": [list(names) for names in found.other_expands],
        "old": _recording(found.old),
        "new": _recording(found.new),
        "twins": found.twins,
        "same_state": found.same_state,
        "differences": [
            {
                "kind": one.kind,
                "path": one.path,
                "old": _value(one.old),
                "new": _value(one.new),
            }
            for one in found.differences
        ],
        "unchanged": [{"path": one.path, "old": _value(one.old)} for one in found.unchanged],
    }
    return json.dumps(document, indent=2) + "\n"


def _id(key: ObjectKey) -> str:
    return "/".join(filter(None, (*key.parents, key.id)))


def _recording(recording: Recording) -> dict[str, Any]:
    return {
        "version": recording.version,
        "file": recording.file,
        "take": recording.take,
        "recorded_at": recording.recorded_at,
        "source": recording.source,
    }


def _value(value: Value | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {
        "pointer": value.pointer,
        "value": value.value,
        "stand_in": value.stand_in or None,
    }


def show_object(found: ObjectDiff, stream: TextIO, *, verbose: bool = False) -> None:
    """Print the comparison: a line per value that differs, then how many there are.

    Args:
        found: the comparison.
        stream: where to.
        verbose: with the values that both versions have.
    """
    to = console(stream)
    name = " ".join(filter(None, (found.key.resource, _id(found.key))))
    expand = f"  expand {','.join(found.expand)}" if found.expand else ""
    versions = f"{found.old.version} -> {found.new.version}"
    to.print(printable(f"{name}  {versions}{expand}"), style="bold")
    to.print(_how(found), style="dim")
    shown = [*found.differences, *(found.unchanged if verbose else ())]
    groups: dict[str, list[Difference]] = {"": []}
    for one in shown:
        groups.setdefault(_item(one.path), []).append(one)
    for item, members in groups.items():
        indent = "  "
        if item:
            to.print(printable(f"  {item}"), soft_wrap=True)
            indent = "    "
        paths = [one.path[len(item) :].removeprefix(".") or "the item" for one in members]
        width = min(max(map(len, paths), default=0), _WIDEST)
        for one, path in zip(members, paths, strict=True):
            # Kind and path are padded here: rows are printed one by one.
            row = f"{one.kind:<9}", f"{path:<{width}}", _change(one)
            columns(to, [row], indent, _STYLE.get(one.kind))
    if not shown:
        to.print("  no value differs")
    to.print(_counted(found), style="bold")
    if any(
        value is not None and value.stand_in
        for one in found.differences
        for value in (one.old, one.new)
    ):
        to.print("a stand-in replaces a private value, and tells nothing of it but whose it is")
    for names in found.other_expands:
        options = " ".join(f"--expand {shlex.quote(name)}" for name in names) or "without --expand"
        to.print(f"also recorded at both versions: {options}", soft_wrap=True)
    if found.unchanged and not verbose:
        to.print("next: --verbose shows the values that both versions have")


def _item(path: str) -> str:
    """The list item that a path belongs to; empty for the object itself."""
    head, found, _ = path.rpartition("].")
    return f"{head}]" if found else ""


def _how(found: ObjectDiff) -> str:
    if found.twins:
        return f"twins: fetched back to back on {found.new.recorded_at[:10]}"
    days = f"recorded on {found.old.recorded_at[:10]} and {found.new.recorded_at[:10]}"
    if found.same_state:
        return f"{days}; nothing says that the object changed in between"
    return f"{days}: the object may have changed in between"


def _change(one: Difference) -> str:
    if one.old is not None and one.new is not None:
        return f"{_written(one.old)} -> {_written(one.new)}"
    return _written(one.old or one.new)


def _written(value: Value | None) -> str:
    assert value is not None  # noqa: S101 - each difference has a value
    text = json.dumps(value.value, ensure_ascii=False)
    return printable(text) + (f" (stand-in: {value.stand_in})" if value.stand_in else "")


def _counted(found: ObjectDiff) -> str:
    counts = {"changed": 0, "removed": 0, "added": 0, "reordered": 0}
    for one in found.differences:
        counts[one.kind] += 1
    shown = [f"{n} {kind}" for kind, n in counts.items() if n or kind != "reordered"]
    return ", ".join([*shown, f"{len(found.unchanged)} unchanged"])
