"""A library as replay's own rooms use it, beyond reading: they write, lock, walk and check it.

`Library` is the public class and wraps a `Storage`; other rooms get it with
`replay.library.library.storage_of`.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from difflib import SequenceMatcher
from heapq import nlargest
from pathlib import Path

from replay.errors import CassetteDamaged, ConfigError, LibraryError
from replay.library import files, names
from replay.library.folders import Folders
from replay.library.format import codec, seals
from replay.library.location import fake_files_hint
from replay.model.cassette import Cassette, ObjectKey

STATE = ".replay"
"""The folder of a library for locks and for the unfinished recordings of runs."""

_VERSIONED = re.compile(r"(?:^|/)(?:\d{4}-\d\d-\d\d[^/]*|unversioned)\.yaml\Z")
"""The path of a cassette of replay's, by its last part."""


def vcr_note(paths: Sequence[str]) -> str:
    """A note for commands that skip these cassettes of vcrpy."""
    what = "1 file is" if len(paths) == 1 else f"{len(paths)} files are"
    return f"{what} vcrpy's, not replay's, and skipped: {_first(paths)}"


def _first(paths: Sequence[str]) -> str:
    return paths[0] + ", …" * (len(paths) > 1)


class Storage:
    """The files of one library.

    Attributes:
        base: the library's directory, as an absolute path.
        reader: reads its files, on disk or inside an archive.
        folders: knows which folder belongs to which object.
    """

    def __init__(self, base: str, *, follow_links: bool = False) -> None:
        self.base = base
        self.reader, self._archive = _reader(base, follow_links=follow_links)
        self.folders = Folders(base, self.reader)

    def require(self) -> None:
        """Make sure that there is a library to read.

        Raises:
            ConfigError: the directory does not exist, or is not a directory.
        """
        if self.reader.exists():
            return
        if os.path.isfile(self.base):
            raise ConfigError(
                "this is a file; a library is the folder that its cassettes lie in",
                where=self.base,
                hint="name the folder, such as --library cassettes",
            )
        raise ConfigError(
            "there is no library at this path",
            where=self.base,
            hint=fake_files_hint(self.base)
            or files.did_you_mean(self.base)
            + "check the path and the working directory, or"
            " record into it:\nreplay record invoice in_… --library PATH",
        )

    def require_writable(self) -> None:
        """Make sure that the library can be written to, as far as that shows without writing.

        Raises:
            LibraryError: it is inside an archive, or there is a file where a folder belongs.
        """
        if self._archive is not None:
            raise LibraryError(
                "a library inside an archive can only be read",
                where=self.base,
                hint="replay it with mode none, or unpack it and record into the folder: "
                f"unzip {shlex.quote(self._archive)}",
            )
        nearest = self.base
        while not os.path.exists(nearest) and nearest != os.path.dirname(nearest):
            nearest = os.path.dirname(nearest)
        if os.path.isfile(nearest):  # missing permissions show when something is written
            raise LibraryError(
                "a file stands where a folder belongs", where=nearest, hint="move it away"
            )

    def absolute(self, path: str) -> str:
        """The absolute path of a path below the root (POSIX form)."""
        return f"{self.base}{os.sep}{path.replace('/', os.sep)}"

    def read_bytes(self, path: str) -> bytes | None:
        """The bytes of the file at a path below the root; None if it does not exist.

        Raises:
            CassetteDamaged: it is not a regular file, or is larger than a cassette may be.
            LibraryError: the file system refuses.
        """
        found = self.reader.read(self.absolute(path), seals.MAX_BYTES)
        return found[0] if found is not None else None

    def notes(self) -> list[str]:
        """Notes about what a command on the whole library skips: vcrpy's cassettes, and links.

        Of files that are named by a version, as replay names its own, most are told by their start.

        Raises:
            LibraryError: the file system refuses to list a folder, or to read a file.
        """
        vcrs: list[str] = []
        links: list[str] = []
        for folder, folders, here in self.walk():
            folders[:] = [name for name in folders if not name.startswith(".")]
            head = f"{folder}/" if folder else ""
            vcrs += [
                head + name
                for name in here
                if not self._is_named_and_sealed(head + name) and self.is_vcr(head + name)
            ]
            links += [head + name for name in self.unread_links(folder, folders)]
        notes = []
        if vcrs:
            notes.append(vcr_note(sorted(vcrs)))
        if links:
            what = "1 folder is a link" if len(links) == 1 else f"{len(links)} folders are links"
            notes.append(f"{what}, and not read: {_first(sorted(links))} (to read: {files.LINKS})")
        return notes

    def unread_links(self, folder: str, subfolders: list[str]) -> list[str]:
        """Those of a folder's subfolders that `walk` does not go into, because they are links.

        Args:
            folder: the folder, below the root in POSIX form.
            subfolders: the names of its subfolders.
        """
        return self.reader.unread_links(self.absolute(folder), subfolders)

    def _is_named_and_sealed(self, path: str) -> bool:
        if _VERSIONED.search(path) is None:
            return False
        return self._archive is not None or files.begins(
            self.absolute(path),
            seals.BEGIN_SCENARIO if names.is_of_scenarios(path) else seals.BEGIN,
        )

    def is_vcr(self, path: str) -> bool:
        """Whether the file at a path below the root is a cassette of vcrpy's, by name and content.

        Raises:
            LibraryError: the file system refuses to read it.
        """
        if not path.endswith(names.VCR_SUFFIXES) or path.rpartition("/")[2].startswith("."):
            return False
        with suppress(CassetteDamaged):  # a folder of that name
            return seals.is_vcr(self.read_bytes(path) or b"")
        return False

    def nearest(self, key: ObjectKey, count: int = 3) -> tuple[str, ...]:
        """Recorded IDs with the same resource and parents, the most similar first."""
        ids: list[str] = []
        with suppress(LibraryError):
            above = Path(self.base, *names.directories(key)).parent
            ids = list(filter(names.plain, self.reader.folders(str(above))))
        matcher = SequenceMatcher(b=key.id, autojunk=False)

        def likeness(candidate: str) -> tuple[float, str]:
            matcher.set_seq1(candidate)
            return matcher.quick_ratio(), candidate

        return tuple(nlargest(count, ids, key=likeness))

    def beside(self, key: ObjectKey, count: int = 50) -> Iterator[str]:
        """A cassette from each sibling of the folder of a key, as a path below the library's root.

        For a call with parameters, the siblings hold the same call with other parameters.

        Args:
            key: the key whose siblings are asked for.
            count: the most folders to look into.
        """
        above = "/".join(names.directories(key)[:-1])
        with suppress(LibraryError):
            for folder in sorted(self.reader.folders(self.absolute(above)))[:count]:
                found = self.reader.names(self.absolute(f"{above}/{folder}"))
                yield from (f"{above}/{folder}/{n}" for n in found[:1] if names.is_cassette(n))

    def walk(self) -> Iterator[tuple[str, list[str], list[str]]]:
        """Each folder below the root, as `FileReader.walk` gives it.

        Raises:
            LibraryError: the file system refuses to list one of the folders.
        """
        return self.reader.walk()

    def check_folder(self, path: str | Path, key: ObjectKey, version: str) -> None:
        """Make sure that a cassette is at the path that its key and version give it.

        Raises:
            KeyMismatch: it belongs elsewhere.
        """
        self.folders.check(os.fspath(path), key, version)

    def write(self, cassette: Cassette, check: Callable[[str, Cassette, str], None]) -> Path:
        """Write a cassette to its path, atomically. The caller holds the object's `lock`.

        Args:
            cassette: the cassette to write.
            check: called with the final text, the cassette read back from that text, and the path.
                If it raises, nothing is written.

        Raises:
            LibraryError: the file system refuses; nothing has changed.
            CassetteDamaged: the text is larger than a cassette may be.
        """
        self.require_writable()
        name = names.file(cassette.api_version)
        where = os.path.join(self.folders.to_write(cassette.key), name)
        text = codec.dumps(cassette, where)
        check(text, codec.loads(text.encode("utf-8"), where), where)
        path = self._made_folder(cassette.key) / name
        files.write(path, text, self.base)
        return path

    def lock(self, key: ObjectKey, seconds: float = 120.0) -> AbstractContextManager[None]:
        """The lock of one object, between threads and processes. Held around fetch and write.

        Raises:
            LibraryBusy: another process held it for all of these seconds.
            LibraryError: this file system has no locks, or refuses.
        """
        self.require_writable()
        # IDs that differ in case only share a lock, because they may share a folder. A lock is
        # taken before it is known whether the call may be recorded, so its name is a digest.
        folded = "/".join(names.directories(key)).casefold()
        return self._lock(names.digest(folded), str(key), seconds)

    def lock_named(self, name: str, what: str) -> AbstractContextManager[None]:
        """A lock by any name, between threads and processes; `what` says in errors what it locks.

        Raises:
            LibraryBusy: another process held it for too long.
            LibraryError: this file system has no locks, or refuses.
        """
        self.require_writable()
        return self._lock(names.digest(name), what)

    def _lock(self, name: str, what: str, seconds: float = 120.0) -> AbstractContextManager[None]:
        state = Path(self.base, STATE)
        ignore, text = state / ".gitignore", b"*\n"
        found = files.stamp(str(ignore))
        if found is None or found.size < len(text):  # a crash may have left it empty
            files.make_folder(state, self.base)
            try:
                ignore.write_bytes(text)
            except OSError as error:
                what = "the library cannot be written"
                raise files.translated(error, what, str(ignore)) from error
        return files.lock(state / "locks" / f"{name}.lock", what, seconds=seconds)

    def _made_folder(self, key: ObjectKey) -> Path:
        """The folder to write an object's cassettes to, created if it is missing."""
        folder = self.folders.to_write(key)
        if not os.path.isdir(folder):
            # Two IDs may differ in case only: one process at a time decides which gets the name.
            with self._lock("folders", "a new folder"):
                folder = self.folders.to_write(key)
                files.make_folder(Path(folder), self.base)
        return Path(folder)


def _reader(base: str, *, follow_links: bool) -> tuple[files.FileReader, str | None]:
    """The reader for a library's files, and the archive that they are in."""
    if os.path.isdir(base):
        return files.DiskReader(base, follow_links=follow_links), None
    from replay.library import archive  # few libraries need `zipfile`, and it loads slowly

    file = archive.leads_into(base)
    if file is None:
        return files.DiskReader(base, follow_links=follow_links), None
    return archive.ArchiveReader(file, base), file
