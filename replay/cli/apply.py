"""`replay diff --apply`: the renames in the user's code, as a unified diff, or written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from replay.errors import ConfigError, printable

if TYPE_CHECKING:
    from replay.drift.guide.edits import Left, Plan


@dataclass(frozen=True)
class Applied:
    """What `apply` did, or would do.

    Attributes:
        diff: the edits as a unified diff.
        edits, files: how many edits, in how many files.
        left: the lines for a person.
        guarded: edited lines whose value may be None.
        never_null: the edited fields that no recording shows without a value.
    """

    diff: str
    edits: int
    files: int
    left: tuple[Left, ...]
    guarded: tuple[Left, ...]
    never_null: tuple[str, ...]


def is_installed() -> bool:
    """Whether what edits code is installed."""
    return find_spec("libcst") is not None


def require_extra() -> None:
    """Make sure that what edits code is installed.

    Raises:
        ConfigError: it is not; says what to run.
    """
    if not is_installed():
        raise ConfigError(
            "editing code needs a package that is not installed",
            where="libcst",
            hint="pip install 'replay-cassettes[apply]'",
        )


def apply(plan: Plan, root: Path, *, write: bool) -> Applied:
    """Make the edits of a plan that can be made, in the files of a project.

    Args:
        plan: the edits, and the lines for a person.
        root: the project's folder.
        write: whether to write the files; else nothing is touched.

    Raises:
        LibraryError: a file cannot be read or written.
    """
    from replay.drift.acceptance import own_files
    from replay.drift.guide.edits import Left, by_file
    from replay.drift.guide.rewriting import rewrite

    diffs, edits, guarded, left = [], 0, [], [*plan.left]
    never_null: set[str] = set()
    for name, wanted in by_file(plan.edits).items():
        path = root / name
        text, why = _read(path, root)
        if why:
            left += [Left(name, edit.site.line, edit.field, why) for edit in wanted]
            continue
        made = rewrite(text, wanted)
        left += [Left(name, edit.site.line, edit.field, why) for edit, why in made.left]
        if made.text == text:
            continue
        guarded += [
            Left(name, edit.site.line, edit.field, f"may be None here ({edit.remark})")
            for edit in made.done
            if edit.guards
        ]
        never_null |= {edit.field for edit in made.done if edit.never_null}
        edits += len(made.done)
        diffs.append("".join(_diff(name, text, made.text)))
        if write:
            with own_files.locked(path):
                own_files.write(path, made.text, "the edited file", "no other: leave out --write")
    left = sorted({*left}, key=lambda one: (one.file, one.line, one.field, one.why))
    return Applied(
        "".join(diffs), edits, len(diffs), tuple(left), tuple(guarded), tuple(sorted(never_null))
    )


def _read(path: Path, root: Path) -> tuple[str, str]:
    """A file's text with its own line ends; else why it is not edited."""
    if path.suffix != ".py":
        return "", "this is no Python file"
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        return "", "a link leads out of this folder"
    try:
        return path.read_bytes().decode(), ""
    except FileNotFoundError:
        return "", "there is no such file below this folder"
    except UnicodeDecodeError:
        return "", "this file is not UTF-8"
    except OSError as error:
        return "", f"this file cannot be read: {error.strerror}"


def _diff(name: str, old: str, new: str) -> Iterator[str]:
    before, after = (re.findall(r"[^\n]*\n|[^\n]+", text) for text in (old, new))
    for line in unified_diff(before, after, f"a/{name}", f"b/{name}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def told(applied: Applied, *, written: bool) -> list[str]:
    """What a person must know beside the diff: a line each."""
    lines = [
        f"{one.file}:{one.line}: {one.field}: {one.why}"
        for one in (*applied.guarded, *applied.left)
    ]
    lines += [
        f"{field}: never null in the recordings, so it is not known whether its new place can be"
        " read where it has no value"
        for field in applied.never_null
    ]
    did = "made" if written else "can be made"
    edits = f"{applied.edits} edit{'s' * (applied.edits != 1)}"
    files = f"{applied.files} file{'s' * (applied.files != 1)}"
    lines.append(f"{edits} in {files} {did}, {len(applied.left)} left to you")
    if applied.edits and not written:
        lines.append("next: --apply --write writes them")
    return [printable(line) for line in lines]
