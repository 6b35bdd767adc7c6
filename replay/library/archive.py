"""Reads a library inside a zip file, such as the recordings that a wheel ships.

The library's path is the zip file's path followed by the folder's: ``dist/pkg.whl/pkg/cassettes``.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache

from replay.errors import CassetteDamaged, LibraryError
from replay.library import files

MAX_DIRECTORY = 32 * 1024 * 1024
"""The largest table of contents that is read, in bytes: some 300,000 files."""
MAX_PARTS = 24
"""The deepest nesting of folders that is read; a library needs ten."""

_SUFFIXES = (".zip", ".whl", ".egg", ".pyz")
_PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_END = struct.Struct("<4s8xLL2x")
_ENCRYPTED = 1
_UNCLEAR = {"", ".", ".."}


def leads_into(path: str) -> str | None:
    """The zip file that a path leads into, or is; None if there is none on the path."""
    here = path
    while True:
        try:
            found = os.stat(here)
        except (FileNotFoundError, NotADirectoryError):
            above = os.path.dirname(here)
            if above == here:
                return None
            here = above
            continue
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        named = here.lower().endswith(_SUFFIXES)
        return here if named or zipfile.is_zipfile(here) else None


class ArchiveReader:
    """Reads the files below a folder of a zip file.

    Attributes:
        file: the archive's path.
    """

    def __init__(self, file: str, base: str) -> None:
        self.file = file
        self._base = base
        self._inside = base[len(file) :].replace(os.sep, "/").strip("/")

    def exists(self) -> bool:
        """See `FileReader`."""
        found = files.stamp(self.file)
        return found is not None and "" in self._index(found).tree

    def stamp(self, path: str) -> files.Stamp | None:
        """See `FileReader`. All files have the stamp of the zip file."""
        found = files.stamp(self.file)
        if found is None:
            return None
        index, name = self._index(found), self._name(path)
        return found if name in index.members or name in index.tree else None

    def read(self, path: str, limit: int) -> tuple[bytes, files.Stamp] | None:
        """See `FileReader`."""
        found = files.stamp(self.file)
        if found is None:
            return None
        index, name = self._index(found), self._name(path)
        if name in index.tree:
            raise CassetteDamaged("this is not a regular file", where=path, hint=_REBUILD)
        member = index.members.get(name)
        if member is None:
            return None
        if member.file_size > limit:
            raise CassetteDamaged(
                f"the file has {member.file_size} bytes; a cassette has at most {limit}",
                where=path,
                hint=_REBUILD,
            )
        if name in index.twice:
            raise CassetteDamaged("the archive holds this file twice", where=path, hint=_REBUILD)
        if member.flag_bits & _ENCRYPTED or member.compress_type not in _PACKED:
            raise CassetteDamaged(
                "the file is packed in a way that is not read: encrypted, or not by deflate",
                where=path,
                hint=_REBUILD,
            )
        try:
            # Unpacks at most the size that was checked above, and verifies the checksum.
            return index.zip.read(member), found
        except _BROKEN as error:
            raise CassetteDamaged(
                "the archive is damaged at this file", where=path, hint=_REBUILD
            ) from error

    def names(self, folder: str) -> list[str]:
        """See `FileReader`."""
        folders, found = self._folder(folder)
        return [*folders, *found]

    def folders(self, folder: str) -> list[str]:
        """See `FileReader`."""
        return self._folder(folder)[0]

    def walk(self) -> Iterator[tuple[str, list[str], list[str]]]:
        """See `FileReader`."""
        waiting = [""]
        while waiting:
            here = waiting.pop()
            folders, found = self._folder(os.path.join(self._base, here))
            yield here, folders, found
            waiting += [f"{here}/{name}".lstrip("/") for name in reversed(folders)]

    def unread_links(self, folder: str, subfolders: list[str]) -> list[str]:
        """See `FileReader`. An archive has no links."""
        return []

    def _folder(self, path: str) -> tuple[list[str], list[str]]:
        found = files.stamp(self.file)
        if found is None:
            return [], []
        index, name = self._index(found), self._name(path)
        here = index.tree.get(name, {})
        return (
            sorted(one for one, is_folder in here.items() if is_folder),
            sorted(one for one, is_folder in here.items() if not is_folder),
        )

    def _name(self, path: str) -> str:
        return path[len(self._base) :].replace(os.sep, "/").strip("/")

    def _index(self, stamp: files.Stamp) -> _Index:
        # One per process: after a fork, parent and child would share the position in the file.
        return _index_of(self.file, self._inside, stamp, os.getpid())


_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError,
    NotImplementedError,
)  # fmt: skip
"""What `zipfile` raises for a file whose parts contradict each other."""

_REBUILD = "build the archive again from a library that `replay verify` finds clean"


class _Index:
    """The files of a zip file below one folder.

    Attributes:
        zip: the open zip file.
        members: path below the folder -> entry.
        tree: folder -> name -> whether that is a folder. Empty if the zip file has no such folder.
        twice: paths that have two entries.
    """

    def __init__(self, archive: zipfile.ZipFile, inside: str) -> None:
        self.zip = archive
        self.members: dict[str, zipfile.ZipInfo] = {}
        self.tree: dict[str, dict[str, bool]] = {}
        self.twice: set[str] = set()
        head = f"{inside}/" if inside else ""
        for member in archive.infolist():
            if member.filename.startswith(head):
                self._add(member, member.filename[len(head) :])

    def _add(self, member: zipfile.ZipInfo, path: str) -> None:
        parts = path.strip("/").split("/")
        if len(parts) > MAX_PARTS or (path and not _UNCLEAR.isdisjoint(parts)):
            raise LibraryError(
                "the archive has a file name that leads elsewhere, or into too many folders",
                where=str(self.zip.filename),
                hint=_REBUILD,
            )
        if not path.endswith("/") and path:
            name = "/".join(parts)
            if name in self.members:
                self.twice.add(name)
            self.members[name] = member
            self.tree.setdefault("/".join(parts[:-1]), {}).setdefault(parts.pop(), False)
        above = self.tree.setdefault("", {})
        for count, part in enumerate(parts if parts != [""] else (), 1):
            above[part] = True
            above = self.tree.setdefault("/".join(parts[:count]), {})


@lru_cache(maxsize=8)
def _index_of(file: str, inside: str, stamp: files.Stamp, process: int) -> _Index:
    del process  # only part of the cache key
    try:
        _require_small_directory(file, stamp.size)
        return _Index(zipfile.ZipFile(file), inside)
    except _BROKEN as error:
        raise LibraryError(
            "the archive cannot be read",
            where=file,
            hint="check the path, or build the archive again",
        ) from error


def _require_small_directory(file: str, size: int) -> None:
    """Refuse a zip file whose table of contents would fill the memory, before it is read."""
    with open(file, "rb") as handle:
        handle.seek(max(0, size - (1 << 16) - _END.size))
        tail = handle.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0:
        raise zipfile.BadZipFile("no end of the table of contents")
    _, length, _ = _END.unpack_from(tail, place)
    if length > MAX_DIRECTORY or tail[max(0, place - 20) :].startswith(b"PK\6\7"):
        raise LibraryError(
            "the archive holds too many files",
            where=file,
            hint="put the library in an archive of its own, with fewer than 65,536 files",
        )
