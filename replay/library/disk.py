"""Where a library's files are: the interface to read them by, and a directory of the disk.

Paths are absolute and have the system's separators, also inside of an archive.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NoReturn, Protocol

from replay.library import files


class Store(Protocol):
    """Reads the files of one library. Nothing here knows what they hold."""

    def exists(self) -> bool:
        """Whether there is a library at all."""

    def stamp(self, path: str) -> files.Stamp | None:
        """The stamp of what stands at a path; None where nothing does."""

    def read(self, path: str, limit: int) -> tuple[bytes, files.Stamp] | None:
        """A file's bytes and its stamp; None where it does not exist.

        Raises:
            CassetteDamaged: no regular file, or larger than `limit` bytes.
            LibraryError: it cannot be read.
        """

    def names(self, folder: str) -> list[str]:
        """The names in a folder, in no order; none where there is no such folder."""

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder."""

    def walk(self) -> Iterator[tuple[str, list[str], list[str]]]:
        """Each folder below the root (POSIX form, the root itself ``""``), its folders and files.

        As `os.walk`: whoever takes names out of the list of folders keeps out of them.
        """


class Disk:
    """The files below a directory."""

    def __init__(self, base: str) -> None:
        self._base = base

    def exists(self) -> bool:
        """As `Store`."""
        return os.path.isdir(self._base)

    def stamp(self, path: str) -> files.Stamp | None:
        """As `Store`."""
        return files.stamp(path)

    def read(self, path: str, limit: int) -> tuple[bytes, files.Stamp] | None:
        """As `Store`."""
        return files.read(path, self._base, limit)

    def names(self, folder: str) -> list[str]:
        """As `Store`."""
        try:
            return os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            files.refuse_dead_end(os.path.join(folder, ""))
            return []
        except OSError as error:
            _refuse(error, folder)

    def folders(self, folder: str) -> list[str]:
        """As `Store`."""
        try:
            with os.scandir(folder) as entries:
                return [entry.name for entry in entries if entry.is_dir()]
        except (FileNotFoundError, NotADirectoryError):
            files.refuse_dead_end(os.path.join(folder, ""))
            return []
        except OSError as error:
            _refuse(error, folder)

    def walk(self) -> Iterator[tuple[str, list[str], list[str]]]:
        """As `Store`."""

        def refuse(error: OSError) -> NoReturn:
            _refuse(error, error.filename or self._base)

        for folder, folders, found in os.walk(self._base, onerror=refuse):
            yield folder[len(self._base) :].replace(os.sep, "/").strip("/"), folders, found


def _refuse(error: OSError, where: str) -> NoReturn:
    raise files.translated(error, "the library cannot be read", where) from error
