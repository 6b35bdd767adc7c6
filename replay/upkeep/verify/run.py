"""A whole check of a library, cassette by cassette. Writes nothing."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from replay.errors import CassetteDamaged, ConfigError, KeyMismatch, LibraryError
from replay.library import Library, names
from replay.model.cassette import Cassette, ObjectKey
from replay.upkeep.verify.cassettes import Reader, deep, old
from replay.upkeep.verify.findings import Finding, Report, Rule
from replay.upkeep.verify.tree import look

if TYPE_CHECKING:
    from replay.redaction.policy import Policy


def verify(
    library: Library,
    *,
    policy: Policy | None = None,
    older_than: int | None = None,
    read: Callable[[str, Cassette], None] | None = None,
    tell: Callable[[int], Callable[[], None]] | None = None,
) -> Report:
    """Check every cassette of a library, and what else stands in it.

    Args:
        library: the library.
        policy: the policy in force, for the deep check; None leaves it out.
        older_than: days after which a recording is old; None leaves age out.
        read: called with path and content of each cassette that is whole.
        tell: called with the number of cassettes; gives what to call after each.

    Raises:
        ConfigError: there is no library, or it lies in a folder inside.
        LibraryError: the file system refuses to list a folder.
    """
    library.require()
    paths, findings = look(library)
    report = Report(library.shown, len(paths), findings)
    reader, now = Reader(library), datetime.now(UTC)
    whole = policy is not None or older_than is not None or read is not None
    advance = tell(len(paths)) if tell is not None else None
    stand = frozenset(paths)
    behind = misplaced = 0
    for path in paths:
        if advance is not None:
            advance()
        try:
            if not whole:
                head = reader.head(path)
            else:
                found = reader.whole(path)
                head = (found[1].key, found[1].api_version) if found is not None else None
        except LibraryError as error:
            findings.append(Finding.of(path, error))
            report.checked -= not isinstance(error, CassetteDamaged)
            misplaced += isinstance(error, KeyMismatch)
            continue
        if head is None:  # gone since it was listed
            continue
        if "~" in path and (plain := _plain(path, head[0])) != path and plain in stand:
            findings.append(
                Finding(path, Rule.DUPLICATE, f"holds what {plain} holds too, which is served",
                        "compare the two, and remove one")
            )  # fmt: skip
        if not whole or found is None:
            continue
        text, cassette = found
        if policy is not None:
            findings += deep(path, f"{library.shown}/{path}", text, cassette, policy)
            behind += cassette.policy != policy.label
        if older_than is not None:
            findings += old(path, cassette, older_than, now)
        if read is not None:
            read(path, cassette)
    if paths and misplaced == len(paths):
        _refuse_outer(library, paths)
    if behind:
        report.notes.append(
            f"{behind} cassettes name another policy than the one in force; what it does not keep "
            "is a finding above, and `replay seal --redact` renews the name"
        )
    return report


def _refuse_outer(library: Library, paths: Sequence[str]) -> None:
    """Make sure that a folder is not one around the library, or an archive that has it inside.

    Raises:
        ConfigError: it is.
    """
    parts = paths[0].split("/")
    for depth in range(1, len(parts)):
        head = "/".join(parts[:depth])
        if not all(path.startswith(f"{head}/") for path in paths):
            return
        inner = Library(library.root / head)
        with suppress(LibraryError):
            if Reader(inner).head("/".join(parts[depth:])) is not None:
                raise ConfigError(
                    "the library is not here, but in a folder inside",
                    where=library.shown,
                    hint=f"replay verify --library {shlex.quote(inner.shown)}",
                )


def _plain(path: str, key: ObjectKey) -> str:
    """Where a cassette stands that made way for no sibling."""
    evidence = path[: len(path) - len(names.served(path))]
    return evidence + "/".join((*names.directories(key), path.rpartition("/")[2]))
