"""Lists a library's folders: its cassettes, and files that do not belong there."""

from __future__ import annotations

import shlex
import time
from collections import defaultdict
from collections.abc import Iterable

from replay.library import Library, files, names
from replay.library.library import storage_of
from replay.library.location import display_path
from replay.upkeep.verify.problems import Problem, ProblemKind

YOUNG = 60.0
"""A temporary file younger than this, in seconds, may belong to a recording that still runs."""

_IGNORED = frozenset({".replay", ".git", "__pycache__"})
_EXPECTED = frozenset({".gitattributes", ".gitignore", ".gitkeep", "__init__.py"})


def look(library: Library) -> tuple[list[str], list[Problem]]:
    """The paths of all cassettes and scenarios, and a problem for each thing that is amiss.

    Lock files are not a problem: they stay in place by design, and block nobody.

    Args:
        library: the library. Of its files, only those that vcrpy may have written are opened.
    """
    cassettes: list[str] = []
    problems: list[Problem] = []
    folders: set[str] = set()
    occupied: set[str] = set()
    bare: set[str] = set()  # folders without anything in them, folders included
    storage = storage_of(library)
    for folder, below, found in storage.walk():
        if not below and not found:
            bare.add(folder)
        below[:] = [name for name in below if name not in _IGNORED]
        head = f"{folder}/" if folder else ""
        links = storage.unread_links(folder, below)
        problems += [
            Problem(
                head + name,
                ProblemKind.LINK,
                "a link to a folder, which is not read",
                f"have links read ({files.LINKS}), or remove the link",
            )
            for name in links
        ]
        folders.update(head + name for name in below if name not in links)
        if len(below) + len(found) > 1:
            problems += _case_only(head, [*below, *found])
        if found:
            occupied.update(_above(folder))
        for name in found:
            if names.is_cassette(name) or storage.is_vcr(head + name):
                cassettes.append(head + name)  # one of vcrpy's is noted when it is read
            else:
                problems += _stranger(library, head + name, name, top=not folder)
        # A folder in a cassette's place is read, and refused, as a cassette. Those of scenarios
        # are named after files of tests.
        misnamed = [
            head + name
            for name in below
            if names.is_cassette(name) and not names.is_of_scenarios(head)
        ]
        cassettes += misnamed
        if misnamed:
            occupied.update(_above(folder))
    empty = folders - occupied
    problems += [
        Problem(
            path,
            ProblemKind.EMPTY,
            "nothing is recorded in this folder",
            _remove(library, path, "rmdir") if path in bare else "move it away",
        )
        for path in sorted(empty)
        if path.rpartition("/")[0] not in empty
        and (names.is_of_scenarios(path) or not names.is_cassette(path))
    ]
    return sorted(cassettes), problems


def _above(folder: str) -> Iterable[str]:
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _case_only(head: str, found: list[str]) -> list[Problem]:
    folded = {name.casefold() for name in found}
    if len(folded) == len(found):
        return []
    alike = defaultdict(list)
    for name in sorted(found):
        alike[name.casefold()].append(name)
    return [
        Problem(
            head + other,
            ProblemKind.CASE_ONLY,
            f"differs from {first} in case only: one file on Windows and macOS",
            "keep one, remove the other, and record its object again",
        )
        for first, *others in alike.values()
        for other in others
    ]


def _stranger(library: Library, path: str, name: str, *, top: bool) -> list[Problem]:
    if name in _EXPECTED or (top and name.upper().startswith("README")):
        return []
    full = library.root / path
    if full.is_symlink() and not full.exists():
        return [
            Problem(path, ProblemKind.DAMAGED, "this is a link that leads nowhere",
                    "restore what it leads to, or remove the link")
        ]  # fmt: skip
    if name.startswith(".") and name.endswith(".tmp"):
        if _age(library, path) < YOUNG:
            return []
        return [
            Problem(path, ProblemKind.TEMPORARY, "left by a recording that was killed; never read",
                    _remove(library, path, "rm"))
        ]  # fmt: skip
    return [
        Problem(
            path,
            ProblemKind.UNKNOWN,
            "not a cassette, and never read",
            _remove(library, path, "rm"),
        )
    ]


def _age(library: Library, path: str) -> float:
    try:
        return time.time() - (library.root / path).stat().st_mtime
    except OSError:  # in an archive, or gone
        return YOUNG


def _remove(library: Library, path: str, command: str) -> str:
    return f"{command} {shlex.quote(f'{display_path(library.root)}/{path}')}"
