"""A library: find, load, list and add the cassettes of one directory."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from difflib import SequenceMatcher
from heapq import nlargest
from pathlib import Path
from typing import TYPE_CHECKING

from replay.errors import ConfigError, LibraryError
from replay.library import cache, files, names
from replay.library.disk import Disk, Store
from replay.library.folders import Places, misplaced
from replay.library.format import codec, seals
from replay.library.location import path_of
from replay.model.cassette import Cassette, ObjectKey

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

STATE = ".replay"
"""The folder of a library for locks, and for what a run is about to record; `Library.lock` makes
it."""


class Library:
    """One directory of cassettes. Readers never lock; values are shared between sessions.

    A directory inside of a zip file, or the zip file itself, is a library to read from only.

    Attributes:
        with_evidence: whether `paths` and `cassettes` name the evidence too.
    """

    def __init__(
        self, root: str | os.PathLike[str] | Traversable, *, with_evidence: bool = False
    ) -> None:
        self._base = os.path.abspath(path_of(root))
        self.with_evidence = with_evidence
        self._files, self._archive = _store(self._base)
        self._places = Places(self._base, self._files)

    def __repr__(self) -> str:
        return f"Library({self._base!r})"

    @property
    def root(self) -> Path:
        """The directory, absolute. It need not exist before the first recording."""
        return Path(self._base)

    @property
    def place(self) -> str:
        """`root` as text: what tells libraries apart."""
        return self._base

    @property
    def shown(self) -> str:
        """The root as a person would type it: relative if it lies below the working directory."""
        with suppress(ValueError, OSError):
            return str(self.root.relative_to(Path.cwd()))
        return self._base

    @property
    def evidence(self) -> Library:
        """The library within this one of recordings that are compared, and never served.

        Whoever writes to it holds the object's `lock` of this library.
        """
        return Library(self.root / names.EVIDENCE)

    def exists(self) -> bool:
        """Whether there is a folder to read: on disk, or in an archive."""
        return self._files.exists()

    def require(self) -> None:
        """Make sure that there is something to read.

        Raises:
            ConfigError: the directory does not exist, or is none.
        """
        if not self._files.exists():
            if os.path.isfile(self._base):
                raise ConfigError(
                    "this is a file; a library is the folder that its cassettes lie in",
                    where=self._base,
                    hint="name the folder, such as --library cassettes",
                )
            raise ConfigError(
                "there is no library at this path",
                where=self._base,
                hint=files.meant(self._base) + "check the path and the working directory, or record"
                " into it:\nreplay record invoice in_… --library PATH",
            )

    def require_writable(self) -> None:
        """Make sure that it can be recorded into, as far as that can be told beforehand.

        Raises:
            LibraryError: it lies inside of an archive, or a file stands in its place.
        """
        if self._archive is not None:
            raise LibraryError(
                "a library inside of an archive can only be read",
                where=self._base,
                hint="replay it with mode none, or unpack it and record into the folder: "
                f"unzip {shlex.quote(self._archive)}",
            )
        place = self._base
        while not os.path.exists(place) and place != os.path.dirname(place):
            place = os.path.dirname(place)
        if os.path.isfile(place):  # what the file system refuses to tell is told by the writing
            raise LibraryError(
                "a file stands where a folder belongs", where=place, hint="move it away"
            )

    def path(self, key: ObjectKey, version: str) -> Path:
        """Where a cassette is, or would be."""
        return Path(self._base, *names.directories(key), names.file(version))

    def load(self, key: ObjectKey, version: str) -> Cassette | None:
        """The cassette of an object at a version; None where it is not recorded.

        Raises:
            CassetteDamaged: or one of its kinds: the file is there but cannot be used.
            LibraryError: the file system refuses.
        """
        name = names.file(version)
        for folder in self._places.of(key):
            path = os.path.join(folder, name)
            cassette = self._placed(path, key)
            if cassette is not None:
                if cassette.api_version != version:
                    raise misplaced(cassette.key, cassette.api_version, path)
                return cassette
        return None

    def recorded(self, key: ObjectKey) -> tuple[Cassette, ...]:
        """An object's cassettes at all versions, sorted by file name.

        Raises:
            CassetteDamaged: or one of its kinds: one of the files cannot be used.
        """
        found: list[Cassette] = []
        for folder in self._places.of(key):
            found_here = [n for n in self._files.names(folder) if names.is_cassette(n)]
            for name in sorted(found_here):
                path = os.path.join(folder, name)
                cassette = self._placed(path, key)
                if cassette is not None:
                    self.check_place(path, cassette.key, cassette.api_version)
                    found.append(cassette)
        return tuple(found)

    def nearest(self, key: ObjectKey, count: int = 3) -> tuple[str, ...]:
        """Recorded IDs of the same resource and parents, most alike first."""
        ids: list[str] = []
        with suppress(LibraryError):
            above = self.path(key, "").parent.parent
            ids = list(filter(names.plain, self._files.folders(str(above))))
        matcher = SequenceMatcher(b=key.id, autojunk=False)

        def likeness(candidate: str) -> tuple[float, str]:
            matcher.set_seq1(candidate)
            return matcher.quick_ratio(), candidate

        return tuple(nlargest(count, ids, key=likeness))

    def cassettes(self, resource: str | None = None) -> Iterator[tuple[str, Cassette]]:
        """All cassettes with their paths below the root (POSIX form), in the order of `paths`.

        Args:
            resource: only those of this resource path, such as ``invoices``.

        Raises:
            ConfigError: there is no such directory.
            CassetteDamaged: or one of its kinds, at the first file that cannot be used.
        """
        for path in self.paths():
            cassette = self.read(path, resource)
            if cassette is not None:
                yield path, cassette

    def paths(self) -> list[str]:
        """The paths of all cassette files below the root (POSIX form), sorted.

        Evidence stands beside what is served of the same object.

        Raises:
            ConfigError: there is no such directory.
            LibraryError: the file system refuses to list one of the folders.
        """
        self.require()
        found: list[str] = []
        for folder, folders, here in self.walk():
            left_out = "" if self.with_evidence or folder else names.EVIDENCE
            folders[:] = [n for n in folders if not n.startswith(".") and n != left_out]
            found += [
                f"{folder}/{name}" if folder else name
                for name in (*here, *folders)  # a folder in a cassette's place is not overlooked
                if names.is_cassette(name)
            ]
        return sorted(found, key=lambda path: (names.served(path), path))

    def walk(self) -> Iterator[tuple[str, list[str], list[str]]]:
        """Each folder below the root (POSIX form, the root ``""``), its folders and its files.

        Whoever takes names out of the list of folders keeps out of them, as with `os.walk`.

        Raises:
            LibraryError: the file system refuses to list one of the folders.
        """
        return self._files.walk()

    def data(self, path: str) -> bytes | None:
        """The bytes of the file at a path below the root; None where it is gone.

        Raises:
            CassetteDamaged: it is no regular file, or larger than a cassette may be.
            LibraryError: the file system refuses.
        """
        found = self._files.read(self.full(path), seals.MAX_BYTES)
        return found[0] if found is not None else None

    def full(self, path: str) -> str:
        """The absolute path of a path below the root (POSIX form)."""
        return f"{self._base}{os.sep}{path.replace('/', os.sep)}"

    def read(self, path: str, resource: str | None = None) -> Cassette | None:
        """The cassette at a path below the root; None where it is gone, or of another resource.

        Raises:
            CassetteDamaged: or one of its kinds: the file cannot be used, or belongs elsewhere.
        """
        parts = path.split("/")
        if parts[0] == names.EVIDENCE:
            return self.evidence.read(names.served(path), resource)
        first = parts[2] if parts[0] == "_accounts" and len(parts) > 2 else parts[0]
        if resource is not None and first != resource.partition("/")[0]:
            return None
        full = self.full(path)
        cassette = self._read(full)
        if cassette is not None:
            self.check_place(full, cassette.key, cassette.api_version)
            if resource is not None and cassette.key.resource != resource:
                return None
        return cassette

    def check_place(self, path: str | Path, key: ObjectKey, version: str) -> None:
        """Make sure that a cassette stands where its key belongs.

        Raises:
            KeyMismatch: it belongs elsewhere.
        """
        self._places.check(os.fspath(path), key, version)

    def write(self, cassette: Cassette, check: Callable[[str, Cassette, str], None]) -> Path:
        """Put a cassette in its place, atomically. The caller holds the object's `lock`.

        Args:
            cassette: what to write.
            check: called with the very text that is about to be written, the cassette read back
                from it, and the path; what it raises keeps the text from being written.

        Raises:
            LibraryError: the file system refuses; nothing has changed.
            CassetteDamaged: larger than a cassette may be.
        """
        self.require_writable()
        name = names.file(cassette.api_version)
        where = os.path.join(self._places.chosen(cassette.key), name)
        text = codec.dumps(cassette, where)
        check(text, codec.loads(text.encode("utf-8"), where), where)
        path = self._place(cassette.key) / name
        files.write(path, text, self._base)
        return path

    def lock(self, key: ObjectKey, seconds: float = 120.0) -> AbstractContextManager[None]:
        """The lock of one object, between threads and processes. Held around fetch and write.

        Raises:
            LibraryBusy: it was not free in time.
            LibraryError: it cannot be taken here.
        """
        self.require_writable()
        # IDs that differ in case only share a lock: they may share a folder name. A lock is taken
        # before anybody knows whether the call may be recorded: its name shows nothing of it.
        folded = "/".join(names.directories(key)).casefold()
        return self._lock(names.digest(folded), str(key), seconds)

    def _lock(self, name: str, what: str, seconds: float = 120.0) -> AbstractContextManager[None]:
        state = self.root / STATE
        ignore, text = state / ".gitignore", b"*\n"
        found = files.stamp(str(ignore))
        if found is None or found.size < len(text):  # a crash may have left it empty
            files.make_folder(state, self._base)
            try:
                ignore.write_bytes(text)
            except OSError as error:
                what = "the library cannot be written"
                raise files.translated(error, what, str(ignore)) from error
        return files.lock(state / "locks" / f"{name}.lock", what, seconds=seconds)

    def _read(self, path: str) -> Cassette | None:
        kept = cache.get(path)
        if kept is not None and kept.stamp == self._files.stamp(path):
            return kept.cassette
        found = self._files.read(path, seals.MAX_BYTES)
        if found is None:
            return None
        data, stamp = found
        cassette = codec.loads(data, path)
        if stamp.settled:
            cache.put(path, stamp, cassette)
        return cassette

    def _placed(self, path: str, key: ObjectKey) -> Cassette | None:
        cassette = self._read(path)
        if cassette is None or self._places.holds(path, cassette, key):
            return cassette
        return None

    def _place(self, key: ObjectKey) -> Path:
        """The folder to write to, made where it is missing."""
        folder = self._places.chosen(key)
        if not os.path.isdir(folder):
            # Only one at a time decides who is called by the plain name.
            with self._lock("folders", "a new folder"):
                folder = self._places.chosen(key)
                files.make_folder(Path(folder), self._base)
        return Path(folder)


def _store(base: str) -> tuple[Store, str | None]:
    """What reads the files, and the archive that they are in."""
    if os.path.isdir(base):
        return Disk(base), None
    from replay.library import archive

    file = archive.leads_into(base)
    return (archive.Archive(file, base), file) if file is not None else (Disk(base), None)
