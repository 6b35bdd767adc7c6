"""What stands in a library's folders: its cassettes, and what has no business there."""

from __future__ import annotations

import shlex
import time
from collections import defaultdict
from collections.abc import Iterable

from replay.library import Library, names
from replay.upkeep.verify.findings import Finding, Rule

YOUNG = 60.0
"""Seconds that a temporary file may belong to somebody who is writing."""

_IGNORED = frozenset({".replay", ".git", "__pycache__"})
_WELCOME = frozenset({".gitattributes", ".gitignore", ".gitkeep", "__init__.py"})


def look(library: Library) -> tuple[list[str], list[Finding]]:
    """The paths of all cassettes, evidence included, and what else there is.

    Locks are no finding: their files stay in place by design, and hold nobody up.

    Args:
        library: the library. Nothing in it is opened.
    """
    cassettes: list[str] = []
    findings: list[Finding] = []
    folders: set[str] = set()
    occupied: set[str] = set()
    bare: set[str] = set()
    for folder, below, found in library.walk():
        if not below and not found:
            bare.add(folder)
        below[:] = [name for name in below if name not in _IGNORED]
        head = f"{folder}/" if folder else ""
        folders.update(head + name for name in below)
        if len(below) + len(found) > 1:
            findings += _case_only(head, [*below, *found])
        if found:
            occupied.update(_above(folder))
        for name in found:
            if names.is_cassette(name):
                cassettes.append(head + name)
            else:
                findings += _stranger(library, head + name, name, top=not folder)
        # A folder in a cassette's place is read, and refused, as a cassette.
        misnamed = [head + name for name in below if names.is_cassette(name)]
        cassettes += misnamed
        if misnamed:
            occupied.update(_above(folder))
    empty = folders - occupied
    findings += [
        Finding(
            path,
            Rule.EMPTY,
            "nothing is recorded in this folder",
            _remove(library, path, "rmdir") if path in bare else "move it away",
        )
        for path in sorted(empty)
        if path.rpartition("/")[0] not in empty and not names.is_cassette(path)
    ]
    return sorted(cassettes), findings


def _above(folder: str) -> Iterable[str]:
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _case_only(head: str, found: list[str]) -> list[Finding]:
    folded = {name.casefold() for name in found}
    if len(folded) == len(found):
        return []
    alike = defaultdict(list)
    for name in sorted(found):
        alike[name.casefold()].append(name)
    return [
        Finding(
            head + other,
            Rule.CASE_ONLY,
            f"differs from {first} in case only: one file on Windows and macOS",
            "keep one, remove the other, and record its object again",
        )
        for first, *others in alike.values()
        for other in others
    ]


def _stranger(library: Library, path: str, name: str, *, top: bool) -> list[Finding]:
    if name in _WELCOME or (top and name.upper().startswith("README")):
        return []
    if name.startswith(".") and name.endswith(".tmp"):
        if _age(library, path) < YOUNG:
            return []
        return [
            Finding(path, Rule.TEMPORARY, "left by a recording that was killed; never read",
                    _remove(library, path, "rm"))
        ]  # fmt: skip
    return [
        Finding(path, Rule.UNKNOWN, "no cassette, and never read", _remove(library, path, "rm"))
    ]


def _age(library: Library, path: str) -> float:
    try:
        return time.time() - (library.root / path).stat().st_mtime
    except OSError:  # in an archive, or gone
        return YOUNG


def _remove(library: Library, path: str, command: str) -> str:
    return f"{command} {shlex.quote(f'{library.shown}/{path}')}"
