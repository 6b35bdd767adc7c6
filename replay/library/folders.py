"""Where an object's cassettes stand below a library, also of IDs that differ in case only.

A file system may ignore case. Of such IDs, the one recorded first is called by its plain name and
the others by a digest, everywhere: a library moves between file systems.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

from replay.errors import KeyMismatch
from replay.library import names
from replay.library.disk import Store
from replay.model.cassette import Cassette, ObjectKey


class Places:
    """The folders of one library's objects, as absolute paths.

    Args:
        base: the library's directory.
        store: reads the names of its files.
    """

    def __init__(self, base: str, store: Store) -> None:
        self._base = base
        self._store = store

    def of(self, key: ObjectKey) -> Iterator[str]:
        """The folders where an object's cassettes may be, the usual one first."""
        usual = names.directories(key)
        yield os.path.join(self._base, *usual)
        for folders in product(*names.spellings(key)):
            if folders != usual:
                yield os.path.join(self._base, *folders)

    def chosen(self, key: ObjectKey) -> str:
        """The folder that an object's cassettes are written to: the one it has, or is to have."""
        folder = self._base
        for usual, *digested in names.spellings(key):
            name = usual
            if digested:
                siblings = self._store.names(folder)
                if usual not in siblings and (
                    digested[0] in siblings
                    or usual.casefold() in {sibling.casefold() for sibling in siblings}
                ):
                    name = digested[0]
            folder = os.path.join(folder, name)
        return folder

    def holds(self, path: str, cassette: Cassette, key: ObjectKey) -> bool:
        """Whether what is read at one of an object's paths is the object's.

        Raises:
            KeyMismatch: it is another one's, and no sibling's whose ID differs in case only.
        """
        if cassette.key == key:
            return True
        # On a file system that ignores case, the plain folder answers for a sibling's ID.
        folder = os.path.dirname(path)
        if _folded(cassette.key) == _folded(key) and not self._spelled(folder):
            return False
        raise misplaced(cassette.key, cassette.api_version, path)

    def check(self, path: str, key: ObjectKey, version: str) -> None:
        """Make sure that a cassette stands where its key belongs.

        Raises:
            KeyMismatch: it belongs elsewhere.
        """
        # Without a Path: this is called for every cassette that is read.
        folder, _, name = path.rpartition(os.sep)
        usual = os.path.join(self._base, *names.directories(key))
        if name != names.file(version) or not (folder == usual or folder in self.of(key)):
            raise misplaced(key, version, path)

    def _spelled(self, folder: str) -> bool:
        """Whether a folder's path is spelled as the file system keeps it."""
        parts = Path(folder).relative_to(self._base).parts
        return all(
            name in self._store.names(os.path.join(self._base, *parts[:depth]))
            for depth, name in enumerate(parts)
        )


def misplaced(key: ObjectKey, version: str, path: str) -> KeyMismatch:
    """The error of a cassette of this object and version that stands at a path of another."""
    return KeyMismatch(
        "the cassette belongs to another object or version than its path says",
        where=path,
        hint=f"it holds {key} at {version}: move it there, or restore it",
    )


def _folded(key: ObjectKey) -> ObjectKey:
    parents = tuple(parent.casefold() for parent in key.parents)
    return replace(key, id=key.id.casefold(), parents=parents)
