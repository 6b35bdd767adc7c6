"""A library: the recorded cassettes of one directory.

`Library` is public and only reads. Writing, locking and checking are `Storage`'s, which other rooms
of replay get with `storage_of`.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from replay.errors import CassetteForeign
from replay.library import names
from replay.library.files import Stamp
from replay.library.folders import misplaced
from replay.library.format import codec, seals
from replay.library.location import display_path, path_of
from replay.library.storage import Storage
from replay.model import former_names
from replay.model.cassette import Cassette, ObjectKey
from replay.model.forks import survives_forks

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


class Library:
    """The cassettes of one directory.

    A zip file, or a directory inside one, is a library too; nothing can be recorded into it.
    Reading takes no lock. A cassette that was read is kept in memory until its file changes, and is
    shared between sessions: cassettes are frozen values.

    Attributes:
        with_evidence: whether `paths` and `cassettes` also name the `evidence`.
        follow_links: whether links to files and folders outside the directory are read. Nothing is
            written through them.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | Traversable,
        *,
        with_evidence: bool = False,
        follow_links: bool = False,
    ) -> None:
        self.with_evidence = with_evidence
        self.follow_links = follow_links
        self._storage = Storage(os.path.abspath(path_of(root)), follow_links=follow_links)
        self._cache = _cache_of_links if follow_links else _cache
        # `load` runs for each call that a test makes: it saves two lookups by these names.
        self._reader, self._folders = self._storage.reader, self._storage.folders

    def __repr__(self) -> str:
        return f"Library({self._storage.base!r})"

    @property
    def root(self) -> Path:
        """The directory, absolute. The first recording creates it if it does not exist."""
        return Path(self._storage.base)

    @property
    def evidence(self) -> Library:
        """The library inside this one whose recordings are compared, and never served.

        To write to it, hold the lock of the object in this library.
        """
        return Library(self.root / names.EVIDENCE, follow_links=self.follow_links)

    def exists(self) -> bool:
        """Whether there is a folder to read: on disk, or in an archive."""
        return self._reader.exists()

    def path(self, key: ObjectKey, version: str) -> Path:
        """The path of an object's cassette at an API version, whether or not it exists.

        For an ID that differs from another recorded ID only in case, the file may be elsewhere.
        """
        return Path(self._storage.base, *names.directories(key), names.file(version))

    def load(self, key: ObjectKey, version: str) -> Cassette | None:
        """The cassette of an object at an API version; None if it is not recorded.

        Raises:
            CassetteDamaged: or one of its kinds: the file exists but cannot be used.
            LibraryError: the file system refuses.
        """
        name = names.file(version)
        for folder in self._folders.candidates(key):
            path = os.path.join(folder, name)
            cassette = self._read_of(path, key)
            if cassette is not None:
                if cassette.api_version != version:
                    raise misplaced(cassette.key, cassette.api_version, path)
                return cassette
        return None

    def recorded(self, key: ObjectKey) -> tuple[Cassette, ...]:
        """An object's cassettes at all API versions, sorted by file name.

        Raises:
            CassetteDamaged: or one of its kinds: one of the files cannot be used.
            LibraryError: the file system refuses.
        """
        found: list[Cassette] = []
        for folder in self._folders.candidates(key):
            cassettes = [name for name in self._reader.names(folder) if names.is_cassette(name)]
            for name in sorted(cassettes):
                path = os.path.join(folder, name)
                cassette = self._read_of(path, key)
                if cassette is not None:
                    self._folders.check(path, cassette.key, cassette.api_version)
                    found.append(cassette)
        return tuple(found)

    def paths(self) -> list[str]:
        """The paths of all cassette files below the root (POSIX form), sorted.

        Evidence comes directly before or after the cassettes of the same object.

        Raises:
            ConfigError: there is no such directory.
            LibraryError: the file system refuses to list one of the folders.
        """
        self._storage.require()
        found: list[str] = []
        for folder, folders, here in self._storage.walk():
            left_out = set() if folder else {names.SCENARIOS}
            if not (self.with_evidence or folder):
                left_out.add(names.EVIDENCE)
            folders[:] = [n for n in folders if not n.startswith(".") and n not in left_out]
            found += [
                f"{folder}/{name}" if folder else name
                for name in (*here, *folders)  # a folder named like a cassette: reading refuses it
                if names.is_cassette(name)
            ]
        return sorted(found, key=lambda path: (names.served(path), path))

    def cassettes(self, resource: str | None = None) -> Iterator[tuple[str, Cassette]]:
        """All cassettes with their paths below the root (POSIX form), in the order of `paths`.

        Args:
            resource: only those of this resource path, such as ``invoices``.

        Raises:
            ConfigError: there is no such directory.
            CassetteDamaged: or one of its kinds, at the first file that cannot be used.
            LibraryError: the file system refuses.
        """
        for path in self.paths():
            cassette = self.read(path, resource)
            if cassette is not None:
                yield path, cassette

    def read(self, path: str, resource: str | None = None) -> Cassette | None:
        """The cassette at a path below the root (POSIX form), as `paths` names it.

        Args:
            path: where the cassette is, such as ``invoices/in_1/2024-06-20.yaml``.
            resource: return None for a cassette of another resource path.

        Returns:
            The cassette; None if the file does not exist, is of another resource, or is a
            cassette of vcrpy's.

        Raises:
            CassetteDamaged: or one of its kinds: the file cannot be used, or belongs elsewhere.
            LibraryError: the file system refuses.
        """
        parts = path.split("/")
        if parts[0] == names.EVIDENCE:
            return self.evidence.read(names.served(path), resource)
        first = parts[2] if parts[0] == "_accounts" and len(parts) > 2 else parts[0]
        if resource is not None and first != resource.partition("/")[0]:
            return None
        full = self._storage.absolute(path)
        try:
            cassette = self._read(full)
        except CassetteForeign:
            return None
        if cassette is not None:
            self._folders.check(full, cassette.key, cassette.api_version)
            if resource is not None and cassette.key.resource != resource:
                return None
        return cassette

    def _read_of(self, path: str, key: ObjectKey) -> Cassette | None:
        """The cassette at one of an object's paths; None if it is not there, or a sibling's."""
        cassette = self._read(path)
        if cassette is None or self._folders.holds(path, cassette, key):
            return cassette
        return None

    def _read(self, path: str) -> Cassette | None:
        cached = self._cache.get(path)
        if cached is not None and cached.stamp == self._reader.stamp(path):
            return cached.cassette
        found = self._reader.read(path, seals.MAX_BYTES)
        if found is None:
            return None
        data, stamp = found
        cassette = codec.loads(data, path)
        if stamp.settled:
            _remember(self._cache, path, stamp, cassette)
        return cassette

    if not TYPE_CHECKING:  # with it, type checkers would accept every misspelled name

        def __getattr__(self, name: str) -> Any:
            if name not in _FORMER_NAMES:
                raise AttributeError(f"'Library' object has no attribute {name!r}")
            instead, value = _FORMER_NAMES[name]
            former_names.warn(f"Library.{name}", instead)
            return value(self._storage)


def storage_of(library: Library) -> Storage:
    """The files of a library, for replay's own rooms. Not public."""
    return library._storage


_FORMER_NAMES: dict[str, tuple[str, Callable[[Storage], Any]]] = {
    "check_place": ("", lambda storage: storage.check_folder),
    "data": ("(library.root / path).read_bytes()", lambda storage: storage.read_bytes),
    "full": ("library.root / path", lambda storage: storage.absolute),
    "lock": ("", lambda storage: storage.lock),
    "nearest": ("", lambda storage: storage.nearest),
    "place": ("str(library.root)", lambda storage: storage.base),
    "require": ("library.exists()", lambda storage: storage.require),
    "require_writable": ("", lambda storage: storage.require_writable),
    "shown": ("library.root", lambda storage: display_path(storage.base)),
    "walk": ("library.paths()", lambda storage: storage.walk),
    "write": ("", lambda storage: storage.write),
}
"""Attributes of `Library` that were public in replay 0.1: what to use instead, and the value."""


class _Cached(NamedTuple):
    """A cassette, and the state of its file when it was read."""

    stamp: Stamp
    cassette: Cassette


_MOST_CACHED = 4096
_cache: OrderedDict[str, _Cached] = OrderedDict()
"""The cassettes that this process read last, by absolute path. A changed stamp makes one stale."""
_cache_of_links: OrderedDict[str, _Cached] = OrderedDict()
"""The same for libraries that follow links: others may not read what these may."""
_cache_lock = survives_forks(Lock())


def _remember(
    cache: OrderedDict[str, _Cached], path: str, stamp: Stamp, cassette: Cassette
) -> None:
    with _cache_lock:
        cache[path] = _Cached(stamp, cassette)
        if len(cache) > _MOST_CACHED:
            cache.popitem(last=False)


def clear_cache() -> None:
    """Forget all cassettes that were read: a process that still holds thousands exits slowly."""
    with _cache_lock:
        _cache.clear()
        _cache_of_links.clear()
