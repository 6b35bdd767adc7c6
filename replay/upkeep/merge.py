"""Resolves a git conflict between two recordings of one object: the takes of both, oldest first.

Nothing is lost: the result has what either side recorded. If one side cannot be read, or is not
whole and sealed, the merge is refused.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from replay.errors import (
    CassetteConflict,
    CassetteDamaged,
    CassetteForeign,
    ConfigError,
    LibraryError,
)
from replay.library import files
from replay.library.format import codec, seals
from replay.model.cassette import Cassette, Interaction
from replay.recording.repeats import without_trailing_repeats
from replay.stripe_api.call import expand_of
from replay.upkeep.git import git
from replay.upkeep.seal import check, located, rewrite

if TYPE_CHECKING:
    from replay.redaction.policy import Policy

SIDES = ("ours", "theirs")
"""The sides of a conflict, as git names them: `git checkout --ours` gives the first."""

_MARK = re.compile(rb"(<{7}|\|{7}|={7}|>{7})(?: .*)?\Z")
_NEXT = {
    (b"", b"<"): b"<", (b"<", b"|"): b"|", (b"<", b"="): b"=", (b"|", b"="): b"=",
    (b"=", b">"): b"",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Merged:
    """The result of a merge.

    Attributes:
        takes: how many takes the cassette has now.
        both: how many of them both sides had.
        alone: how many only one side had: ours, theirs.
        indexed: whether git's index still has the conflict, which ``git add`` ends.
    """

    takes: int
    both: int
    alone: tuple[int, int]
    indexed: bool


@dataclass(frozen=True, slots=True)
class Conflict:
    """A file in a git conflict.

    Attributes:
        data: what stands in the working tree now; empty if the file is gone there.
        ours: our side.
        theirs: their side.
        indexed: whether the sides are from git's index, which has them whole.
        exists: whether there is a file in the working tree.
    """

    data: bytes = field(repr=False)
    ours: bytes = field(repr=False)
    theirs: bytes = field(repr=False)
    indexed: bool
    exists: bool


def merge(path: Path, policy: Policy) -> Merged | None:
    """Merge the two recordings of a conflicted cassette in place; None if there is no conflict.

    The sides are read from git's index, which has them whole, or else from the conflict marks.

    Raises:
        ConfigError: there is no such file.
        CassetteConflict: the sides are of two objects or versions, or one is missing, or the file
            was edited after git wrote the conflict into it.
        CassetteForeign: the file is a cassette of vcrpy's.
        CassetteDamaged: one side cannot be used, or the file is where its key does not belong.
        LeakFound: the result holds a secret, or a value that the policy would have replaced.
    """
    where = str(path)
    conflict = conflict_of(path)
    if conflict is None:
        return None
    data = conflict.data
    ours, theirs = (
        _loaded(side, name, where, whole=conflict.indexed)
        for name, side in zip(SIDES, (conflict.ours, conflict.theirs), strict=True)
    )
    if (ours.key, ours.api_version) != (theirs.key, theirs.api_version):
        raise CassetteConflict(
            f"the sides are of two objects or versions: {ours.key} at {ours.api_version}, and "
            f"{theirs.key} at {theirs.api_version}",
            where=where,
            hint=_take_one(where),
        )
    result = _combined(ours, theirs, policy.label)
    standing = _standing(data, where)
    if conflict.indexed and conflict.exists and standing is None:
        refuse_edits(data, path)
    if standing is not None and standing.key == result.key:
        # The file was recorded again or merged after the conflict: keep that too.
        result = _combined(result, standing, policy.label)
    text = codec.dumps(result)
    full, library = located(path, result)
    check(text, result, where, policy)
    if text.encode("ascii") != data:
        rewrite(library, result.key, full, text, before=data)
    return _counted(result, ours, theirs, conflict.indexed)


def conflict_of(path: Path) -> Conflict | None:
    """The sides of a file's conflict; None if it has none.

    Raises:
        ConfigError: there is no such file.
        CassetteConflict: one side is missing, or the marks in the file do not belong together.
    """
    where = str(path)
    found = files.read(where, str(path.parent), seals.MAX_BYTES)
    indexed = _from_index(path)
    if found is None and indexed is None:
        raise ConfigError("there is no such file", where=where, hint="`replay list` names them")
    data = found[0] if found is not None else b""
    sides = indexed or _from_marks(data, where)
    if sides is None:
        return None
    return Conflict(data, *sides, indexed=indexed is not None, exists=found is not None)


def _combined(ours: Cassette, theirs: Cassette, label: str) -> Cassette:
    """One cassette with the takes of two of the same key, sorted by the time of recording.

    A take that both have counts once. Of takes at the end of one call that say the same, the
    newest stays, as when recording; so does one of each batch: it may be the twin of another file.

    Args:
        ours, theirs: the recordings.
        label: the policy that the result was checked by, where the sides name two.
    """
    more = [take for take in theirs.interactions if take not in ours.interactions]
    takes = sorted([*ours.interactions, *more], key=lambda take: take.recorded_at)
    batches = {take.batch for take in takes} - {""}
    kept: list[Interaction] = []
    for expand in dict.fromkeys(map(_expand_of, takes)):
        of_call = [take for take in takes if _expand_of(take) == expand]
        kept += without_trailing_repeats(of_call, batches)
    return replace(
        ours,
        policy=ours.policy if ours.policy == theirs.policy else label,
        interactions=tuple(take for take in takes if any(take is one for one in kept)),
    )


def _expand_of(take: Interaction) -> tuple[str, ...]:
    """The expand set that a take was recorded for."""
    return expand_of(take.request)


def _counted(result: Cassette, ours: Cassette, theirs: Cassette, indexed: bool) -> Merged:
    stood = [(take in ours.interactions, take in theirs.interactions)
             for take in result.interactions]  # fmt: skip
    return Merged(
        takes=len(stood),
        both=stood.count((True, True)),
        alone=(stood.count((True, False)), stood.count((False, True))),
        indexed=indexed,
    )


def _standing(data: bytes, where: str) -> Cassette | None:
    """The cassette in the file now; None if it is not a valid one."""
    try:
        return codec.loads(data, where)
    except CassetteDamaged:
        return None


def _loaded(data: bytes, side: str, where: str, *, whole: bool) -> Cassette:
    """One side as a cassette; if it cannot be read, the error names the side."""
    try:
        return codec.loads(data, where)
    except CassetteForeign:
        raise
    except CassetteDamaged as error:
        other = SIDES[1 - SIDES.index(side)]
        put_back = f"git checkout -m -- {shlex.quote(where)}"
        raise CassetteDamaged(
            f"{side} cannot be used: {error.what}",
            where=where,
            hint=f"take the other side: git checkout --{other} -- {shlex.quote(where)}"
            if whole
            else "git may have merged parts of the file by itself. Let git put both sides back,\n"
            f"then merge again: {put_back} && replay seal --merge {shlex.quote(where)}",
        ) from error


def _take_one(where: str) -> str:
    return (
        f"take one side: git checkout --ours -- {shlex.quote(where)} (or --theirs), then\n"
        f"git add {shlex.quote(where)}"
    )


def _from_index(path: Path) -> tuple[bytes, bytes] | None:
    """Both sides as git's index has them; None if the index has no conflict for this file."""
    if not path.parent.is_dir():
        return None
    try:
        rows = git("--literal-pathspecs", "ls-files", "-u", "-z", "--", path.name,
                   cwd=path.parent, missing=b"")  # fmt: skip
    except ConfigError:  # there is no git here: use the marks
        return None
    stages: dict[bytes, str] = {}
    for row in filter(None, rows.split(b"\0")):
        mode, blob, stage = row.partition(b"\t")[0].split()
        if mode.startswith(b"100"):
            stages[stage] = blob.decode("ascii")
    if not stages:
        return None
    if not {b"2", b"3"} <= stages.keys():
        where = shlex.quote(str(path))
        raise CassetteConflict(
            "one side removed the recording, and the other changed it",
            where=str(path),
            hint=f"keep it: git add {where}\nor remove it: git rm {where}",
        )
    return _blob(stages[b"2"], path), _blob(stages[b"3"], path)


def _blob(name: str, path: Path) -> bytes:
    """A side's content, from git."""
    size = int(git("cat-file", "-s", name, cwd=path.parent))
    if size > seals.MAX_BYTES:
        raise LibraryError(
            f"one side has {size} bytes; a cassette has at most {seals.MAX_BYTES}",
            where=str(path),
            hint=_take_one(str(path)),
        )
    return git("cat-file", "blob", name, cwd=path.parent)


def _from_marks(data: bytes, where: str) -> tuple[bytes, bytes] | None:
    """Both sides as the conflict marks in a file tell them; None if it has no marks."""
    ours: list[bytes] = []
    theirs: list[bytes] = []
    within, met = b"", False
    for line in data.split(b"\n"):
        mark = _MARK.match(line.rstrip(b"\r"))
        if mark is None or (not within and mark[1][:1] != b"<"):
            for side, states in ((ours, (b"", b"<")), (theirs, (b"", b"="))):
                if within in states:
                    side.append(line)
            continue
        met = True
        after = _NEXT.get((within, mark[1][:1]))
        if after is None:
            within = b"?"
            break
        within = after
    if within:
        raise CassetteConflict(
            "the conflict marks in this file do not belong together",
            where=where,
            hint=f"let git write them again: git checkout -m -- {shlex.quote(where)}",
        )
    return (b"\n".join(ours), b"\n".join(theirs)) if met else None


def refuse_edits(data: bytes, path: Path) -> None:
    """Make sure that a conflicted file is as git wrote it.

    Raises:
        CassetteConflict: it was edited, and the index does not have the edit.
    """
    if _unlabelled(data) in map(_unlabelled, _conflict_files(path)):
        return
    name = shlex.quote(str(path))
    raise CassetteConflict(
        "the file was edited since git wrote the conflict into it; both sides are read from git's "
        "index, so the edit would be lost",
        where=str(path),
        hint=f"resolve it by hand to the end: replay seal {name} && git add {name}\n"
        f"or drop the edit: git checkout --merge -- {name} && replay seal --merge {name}",
    )


def _unlabelled(data: bytes) -> bytes:
    """A conflicted file without Windows line ends, and without the sides' names at the marks."""
    return b"\n".join(
        mark[1] if (mark := _MARK.match(line)) else line
        for line in data.replace(b"\r\n", b"\n").split(b"\n")
    )


def _conflict_files(path: Path) -> Iterator[bytes]:
    """The texts that git may have written into a conflicted file: in a merge, in a checkout."""
    folder = path.parent
    name = git("rev-parse", "--show-prefix", cwd=folder).decode().rstrip("\n") + path.name
    merged_by_git = git("cat-file", "blob", f"AUTO_MERGE:{name}", cwd=folder, missing=b"")
    if merged_by_git:
        yield merged_by_git
    with TemporaryDirectory() as place:
        # Into a temporary folder and with a copy of the index, since a checkout changes the index.
        tree, index = Path(place, "tree"), Path(place, "index")
        tree.mkdir()
        git_index = git("rev-parse", "--git-path", "index", cwd=folder).decode().rstrip("\n")
        copyfile(folder / git_index, index)
        for style in ("merge", "diff3", "zdiff3"):
            git(
                "-c", f"core.hooksPath={os.devnull}", "--literal-pathspecs",
                f"--work-tree={tree}", "checkout", f"--conflict={style}",
                "--", name, cwd=folder, index=index, missing=b"",
            )  # fmt: skip
            written = tree / name
            if written.is_file():
                yield written.read_bytes()
                written.unlink()


def conflicted(folder: Path) -> Sequence[Path]:
    """The files below a folder for which git's index has a conflict."""
    try:
        rows = git("ls-files", "-u", "-z", "--", ".", cwd=folder, missing=b"")
    except ConfigError:
        return ()
    names = {row.partition(b"\t")[2] for row in rows.split(b"\0")} - {b""}
    return [folder / name.decode("utf-8", "surrogateescape") for name in sorted(names)]
