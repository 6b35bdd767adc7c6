"""Chooses recordings that nobody needs any more, and removes them.

What others still need stays: the object that a scenario names, a twin whose other version is here,
and the evidence beside the library.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replay.errors import CassetteDamaged, ConfigError, ReplayError
from replay.library import Library, files, names, scenarios
from replay.library.library import storage_of
from replay.library.storage import STATE
from replay.model.cassette import Cassette
from replay.model.scenario import SentKind
from replay.recording import clock

UNUSED = "unused.json"
"""The file of a library's state that lists the recordings which no test played."""

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Unused:
    """What a full run of the tests did not play.

    Attributes:
        made_at: when the run ended.
        paths: cassettes, as paths below the library.
    """

    made_at: str
    paths: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pruning:
    """What may go, and what stays though it was asked for.

    Attributes:
        removed: path -> when its newest take was recorded.
        kept: path -> why it stays.
    """

    removed: Mapping[str, str]
    kept: Mapping[str, str] = field(default_factory=dict)


def write_unused(library: Library, paths: Iterable[str]) -> None:
    """Note which recordings no test played, for `replay prune`.

    Raises:
        LibraryError: the file system refuses.
    """
    note = {"format": _FORMAT, "made_at": clock.now(), "unused": sorted(paths)}
    path = Path(library.root, STATE, UNUSED)
    files.write(
        path, json.dumps(note, indent=1) + "\n", str(library.root), what="the list of unused"
    )


def read_unused(library: Library, file: Path | None = None) -> Unused:
    """The list that `pytest --replay-unused=warn` wrote.

    Raises:
        ConfigError: there is none, or it is no such list.
    """
    path = file or Path(library.root, STATE, UNUSED)
    try:
        found: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(
            "there is no list of unused recordings",
            where=str(path),
            hint="make it with a full run of the tests: pytest --replay-unused=warn\n"
            "or name what may go: --before 2025-01-01, --api-version 2023-10-16",
        ) from None
    except (OSError, ValueError) as error:
        raise ConfigError(
            "this is not a list of unused recordings", where=str(path),
            hint="make it again: pytest --replay-unused=warn",
        ) from error  # fmt: skip
    paths = found.get("unused") if isinstance(found, dict) else None
    made = found.get("made_at") if isinstance(found, dict) else None
    if not isinstance(made, str) or not isinstance(paths, list) or found["format"] != _FORMAT:
        raise ConfigError(
            "this is not a list of unused recordings", where=str(path),
            hint="make it again: pytest --replay-unused=warn",
        )  # fmt: skip
    return Unused(made, frozenset(path for path in paths if isinstance(path, str)))


def plan(
    library: Library, *, unused: Unused | None = None, before: str = "", version: str = ""
) -> Pruning:
    """What may be removed: what fits all that is asked for, and nobody else needs.

    Args:
        library: the library.
        unused: only what this list names, and nothing that was recorded since.
        before: only what was recorded before this date, such as ``2025-01-31``.
        version: only what was recorded at this API version.

    Raises:
        ConfigError: there is no such library.
        ReplayError: a scenario cannot be read, so that what it needs is not known.
    """
    whole = Library(library.root, with_evidence=True, follow_links=library.follow_links)
    found: dict[str, Cassette] = {}
    batches: dict[str, set[str]] = {}
    kept: dict[str, str] = {}
    for path in whole.paths():
        try:
            cassette = whole.read(path)
        except CassetteDamaged as error:
            if unused is None or path in unused.paths:
                kept[path] = f"it cannot be read: {error.what}"
            continue
        if cassette is None:
            continue
        for take in cassette.interactions:
            if take.batch:
                batches.setdefault(take.batch, set()).add(path)
        if not path.startswith(f"{names.EVIDENCE}/"):
            found[path] = cassette
    needed = _named_by_scenarios(library)
    removed: dict[str, str] = {}
    for path, cassette in found.items():
        newest = max(take.recorded_at for take in cassette.interactions)
        if unused is not None and path not in unused.paths:
            continue
        if (before and newest >= before) or (version and cassette.api_version != version):
            continue
        why = _why_kept(path, cassette, newest, unused, needed, batches)
        if why:
            kept[path] = why
        else:
            removed[path] = newest
    return Pruning(removed, kept)


def _why_kept(
    path: str, cassette: Cassette, newest: str, unused: Unused | None,
    needed: Mapping[str, str], batches: Mapping[str, set[str]],
) -> str:  # fmt: skip
    if unused is not None and newest >= unused.made_at:
        return "it was recorded after the list was made"
    for id in (*cassette.key.parents, cassette.key.id):
        if id in needed:
            return f"the scenario {needed[id]} names the object"
    for take in cassette.interactions:
        others = batches.get(take.batch, set()) - {path}
        if others:
            return f"it is the twin of {min(others)}: evidence for replay diff"
    return ""


def _named_by_scenarios(library: Library) -> dict[str, str]:
    """Each ID from outside that a scenario names -> the scenario."""
    storage = storage_of(library)
    named: dict[str, str] = {}
    for path in scenarios.paths(storage):
        scenario = scenarios.read(storage, path)
        for step in scenario.steps if scenario is not None else ():
            sent = [*step.path, *step.sends.values()]
            sent += [step.account] if step.account is not None else []
            for one in sent:
                if one.kind is SentKind.KEPT and scenario is not None:
                    named.setdefault(one.text, scenario.name)
    return named


def remove(library: Library, path: str, recorded_at: str) -> bool:
    """Remove one recording, under its lock; False if it has changed since it was planned.

    Raises:
        LibraryError: the file system refuses.
    """
    storage = storage_of(library)
    cassette = library.read(path)
    if cassette is None:
        return False
    with storage.lock(cassette.key):
        with suppress(ReplayError):
            cassette = library.read(path)
        if cassette is None or recorded_at != max(
            take.recorded_at for take in cassette.interactions
        ):
            return False
        file = Path(storage.absolute(path))
        try:
            file.unlink()
        except OSError as error:
            raise files.translated(error, "the recording cannot be removed", str(file)) from error
        files.remove_empty(file.parent, Path(storage.base))
    return True
