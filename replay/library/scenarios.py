"""The scenarios of a library: a sealed file for each test and API version.

They lie below ``scenarios/``, in folders named after the test. A file names its test inside: where
another one is found, it is refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from replay.errors import CassetteDamaged, KeyMismatch, LibraryError
from replay.library import files, names
from replay.library.format import scenario_format, seals
from replay.library.storage import Storage
from replay.model.scenario import Scenario


class ScenarioFiles:
    """The files of one scenario.

    Args:
        storage: the library.
        name: the test's node ID, or the name that the user gave.
    """

    def __init__(self, storage: Storage, name: str) -> None:
        self._storage = storage
        self.name = name

    def versions(self) -> tuple[str, ...]:
        """The API versions at which the scenario is recorded, sorted by file name.

        Raises:
            CassetteDamaged: or one of its kinds: one of the files cannot be used.
            LibraryError: the file system refuses.
        """
        return tuple(scenario.api_version for scenario in self.recorded())

    def recorded(self) -> tuple[Scenario, ...]:
        """The scenario at all API versions, sorted by file name.

        Raises:
            CassetteDamaged: or one of its kinds: one of the files cannot be used.
            LibraryError: the file system refuses.
        """
        found = []
        for folder in self._folders():
            for name in sorted(filter(names.is_cassette, self._storage.reader.names(folder))):
                scenario = self._read(os.path.join(folder, name))
                if scenario is not None:
                    found.append(scenario)
        return tuple(found)

    def load(self, version: str) -> Scenario | None:
        """The scenario at an API version; None if it is not recorded.

        Raises:
            CassetteDamaged: or one of its kinds: the file exists but cannot be used.
            LibraryError: the file system refuses.
        """
        for folder in self._folders():
            found = self._read(os.path.join(folder, names.file(version)))
            if found is not None:
                if found.api_version != version:
                    raise _misplaced(os.path.join(folder, names.file(version)))
                return found
        return None

    def path(self, version: str) -> Path:
        """Where the scenario at an API version is, or would be written."""
        return Path(self._folder_to_write(), names.file(version))

    def write(self, scenario: Scenario, check: Callable[[str, Scenario, str], None]) -> Path:
        """Write a scenario, atomically, in place of the one at its version.

        Args:
            scenario: the scenario.
            check: called with the final text, the scenario read back from it, and the path. If it
                raises, nothing is written.

        Raises:
            LibraryError: the file system refuses; the old file stays.
            CassetteDamaged: the text is larger than a file may be.
        """
        self._storage.require_writable()
        path = self.path(scenario.api_version)
        where = str(path)
        text = scenario_format.dumps(scenario, where)
        check(text, scenario_format.loads(text.encode("utf-8"), where), where)
        files.make_folder(path.parent, self._storage.base)
        files.write(path, text, self._storage.base)
        return path

    def lock(self) -> AbstractContextManager[None]:
        """The lock of this scenario, between threads and processes: held while it is written.

        Raises:
            LibraryBusy: another process held it for too long.
            LibraryError: this file system has no locks, or refuses.
        """
        return self._storage.lock_named(f"scenario {self.name}", "a scenario")

    def _folders(self) -> Iterator[str]:
        """The folders that may be this scenario's."""
        for hashed in (False, True):
            yield self._folder(hashed=hashed)

    def _folder(self, *, hashed: bool = False) -> str:
        parts = names.of_scenario(self.name, hashed=hashed)
        return os.path.join(self._storage.base, names.SCENARIOS, *parts)

    def _folder_to_write(self) -> str:
        plain = self._folder()
        above, name = os.path.split(plain)
        others = [other for other in self._storage.reader.folders(above) if other != name]
        if any(other.casefold() == name.casefold() for other in others):
            return self._folder(hashed=True)
        return plain

    def _read(self, path: str) -> Scenario | None:
        found = self._storage.reader.read(path, seals.MAX_BYTES)
        if found is None:
            return None
        scenario = scenario_format.loads(found[0], path)
        if scenario.name == self.name:
            return scenario
        if scenario.name.casefold() == self.name.casefold():
            return None  # a file system that does not tell cases apart
        raise KeyMismatch(
            "this scenario is another test's",
            where=path,
            hint="move it back, or rename it: replay scenario rename OLD NEW",
        )


def paths(storage: Storage) -> list[str]:
    """The paths of all scenario files below the root (POSIX form), sorted.

    Raises:
        LibraryError: the file system refuses to list one of the folders.
    """
    found = []
    for folder, folders, here in storage.walk():
        if not folder:
            folders[:] = [name for name in folders if name == names.SCENARIOS]
            continue
        found += [f"{folder}/{name}" for name in here if names.is_cassette(name)]
    return sorted(found)


def read(storage: Storage, path: str) -> Scenario | None:
    """The scenario at a path below the root, as `paths` names it; None if it does not exist.

    Raises:
        CassetteDamaged: or one of its kinds: the file cannot be used, or belongs elsewhere.
        LibraryError: the file system refuses.
    """
    data = storage.read_bytes(path)
    return None if data is None else loads(storage, path, data)


def loads(storage: Storage, path: str, data: bytes) -> Scenario:
    """The scenario in these bytes, which stand at a path below the root.

    Raises:
        CassetteDamaged: or one of its kinds: the file cannot be used, or belongs elsewhere.
    """
    where = storage.absolute(path)
    scenario = scenario_format.loads(data, where)
    folder = tuple(path.split("/")[1:-1])
    name = path.rpartition("/")[2]
    own = (names.of_scenario(scenario.name), names.of_scenario(scenario.name, hashed=True))
    if folder not in own or name != names.file(scenario.api_version):
        raise _misplaced(where)
    return scenario


def lacking(storage: Storage, version: str) -> tuple[str, ...]:
    """The names of the scenarios that are not recorded at an API version, sorted.

    Raises:
        CassetteDamaged: or one of its kinds: a file cannot be used.
        LibraryError: the file system refuses.
    """
    found: dict[str, set[str]] = {}
    for path in paths(storage):
        scenario = read(storage, path)
        if scenario is not None:
            found.setdefault(scenario.name, set()).add(scenario.api_version)
    return tuple(sorted(name for name, versions in found.items() if version not in versions))


def did_you_mean(storage: Storage, name: str) -> str:
    """A hint that names the scenario whose name is nearest to this one; empty without one."""
    from difflib import get_close_matches

    known = set()
    for path in paths(storage):
        with suppress(LibraryError):
            found = read(storage, path)
            if found is not None:
                known.add(found.name)
    near = get_close_matches(name, sorted(known), n=1)
    return f"did you mean {near[0]}?\n" if near else ""


def _misplaced(path: str) -> CassetteDamaged:
    return KeyMismatch(
        "this scenario's name or API version is not that of its path",
        where=path,
        hint="move it back to where it was recorded, or record it again",
    )
