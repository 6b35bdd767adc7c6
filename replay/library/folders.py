"""Which folder of a library holds which object, also for IDs that differ in case only.

A file system may ignore case. Of two IDs that differ in case only, the one recorded first gets a
folder with its plain name and the other one a folder named by a digest. That is so on every file
system, because a library moves between them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

from replay.errors import KeyMismatch
from replay.library import names
from replay.library.files import FileReader
from replay.model.cassette import Cassette, ObjectKey


class Folders:
    """The folders of one library's objects, as absolute paths.

    Args:
        base: the library's directory.
        reader: reads the names in it.
    """

    def __init__(self, base: str, reader: FileReader) -> None:
        self._base = base
        self._reader = reader

    def candidates(self, key: ObjectKey) -> Iterator[str]:
        """The folders in which an object's cassettes may lie, the usual one first."""
        usual = names.directories(key)
        yield os.path.join(self._base, *usual)
        for folders in product(*names.spellings(key)):
            if folders != usual:
                yield os.path.join(self._base, *folders)

    def to_write(self, key: ObjectKey) -> str:
        """The folder to write an object's cassettes to: the one that it has, or would get."""
        folder = self._base
        for usual, *digested in names.spellings(key):
            name = usual
            if digested:
                siblings = self._reader.names(folder)
                if usual not in siblings and (
                    digested[0] in siblings
                    or usual.casefold() in {sibling.casefold() for sibling in siblings}
                ):
                    name = digested[0]
            folder = os.path.join(folder, name)
        return folder

    def holds(self, path: str, cassette: Cassette, key: ObjectKey) -> bool:
        """Whether the cassette that was read at one of an object's paths is of that object.

        False for a cassette of an ID that differs in case only.

        Raises:
            KeyMismatch: it is of any other object.
        """
        if cassette.key == key:
            return True
        # A file system that ignores case opens the folder of an ID that differs in case only.
        folder = os.path.dirname(path)
        if _folded(cassette.key) == _folded(key) and not self._spelled(folder):
            return False
        raise misplaced(cassette.key, cassette.api_version, path)

    def check(self, path: str, key: ObjectKey, version: str) -> None:
        """Make sure that a cassette is at the path that its key and version give it.

        Raises:
            KeyMismatch: it belongs elsewhere.
        """
        # Plain text operations: this runs for every cassette of a walk, and a `Path` costs more
        # than the rest of the check.
        folder, _, name = path.rpartition(os.sep)
        usual = os.path.join(self._base, *names.directories(key))
        if name != names.file(version) or not (folder == usual or folder in self.candidates(key)):
            raise misplaced(key, version, path)

    def _spelled(self, folder: str) -> bool:
        """Whether a folder's path is spelled exactly as the file system keeps it."""
        parts = Path(folder).relative_to(self._base).parts
        return all(
            name in self._reader.names(os.path.join(self._base, *parts[:depth]))
            for depth, name in enumerate(parts)
        )


def misplaced(key: ObjectKey, version: str, path: str) -> KeyMismatch:
    """The error for a cassette of this object and version that is at another one's path."""
    return KeyMismatch(
        "the cassette belongs to another object or version than its path says",
        where=path,
        hint=f"it holds {key} at {version}: move it there, or restore it",
    )


def _folded(key: ObjectKey) -> ObjectKey:
    parents = tuple(parent.casefold() for parent in key.parents)
    return replace(key, id=key.id.casefold(), parents=parents)
