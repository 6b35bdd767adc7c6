"""Checks a library: the files in its folders, and each cassette and scenario. Writes nothing.

By default a cassette is checked as loading checks it: its seal, and that recording can have written
all that stands beside the bodies. The deep check also reads the bodies, and asks the policy.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from replay.errors import (
    CassetteDamaged,
    CassetteForeign,
    ConfigError,
    KeyMismatch,
    LibraryError,
)
from replay.library import Library, names, scenarios
from replay.library.format import codec
from replay.library.library import storage_of
from replay.library.location import display_path
from replay.library.storage import Storage, vcr_note
from replay.model import json_body
from replay.model.cassette import Cassette, Interaction, ObjectKey
from replay.recording import clock
from replay.redaction.secrets import find_secrets
from replay.stripe_api.call import expand_of
from replay.upkeep.proof import leads_to_a_value, unproven_frame, unproven_take
from replay.upkeep.verify.problems import (
    FRAME,
    UNPROVEN_KINDS,
    Problem,
    ProblemKind,
    Verification,
    listed,
)
from replay.upkeep.verify.scenarios import check_scenarios
from replay.upkeep.verify.tree import look

if TYPE_CHECKING:
    from replay.redaction.policy import Policy

_CLOCKS_DIFFER = timedelta(hours=1)
"""The clock of the machine that recorded may be ahead of this one's."""

_DATE = b"\n- recorded_at: "
"""The text before the date of a take. It cannot occur in a body: those are indented."""


def verify(
    library: Library,
    *,
    policy: Policy | None = None,
    older_than: int | None = None,
    visit: Callable[[str, Cassette], None] | None = None,
    tell: Callable[[int], Callable[[], None]] | None = None,
) -> Verification:
    """Check every cassette of a library, and the other files in it.

    Args:
        library: what to check.
        policy: the policy in force, for the deep check; None leaves the deep check out.
        older_than: days after which a recording is old; None leaves age out.
        visit: called with path and content of each cassette that is whole.
        tell: called with the number of cassettes; returns the function to call after each.

    Raises:
        ConfigError: there is no library, or it is in a folder inside.
        LibraryError: the file system refuses to list a folder.
    """
    storage_of(library).require()
    found_paths, problems = look(library)
    paths = [path for path in found_paths if not names.is_of_scenarios(path)]
    reader, now, checked = _Reader(library), _now(), len(paths)
    latest = f"{now + _CLOCKS_DIFFER:%Y-%m-%dT%H:%M:%SZ}"
    whole = policy is not None or older_than is not None or visit is not None
    advance = tell(len(found_paths)) if tell is not None else None
    stand = frozenset(paths)
    behind = misplaced = 0
    foreign: list[str] = []
    for path in paths:
        if advance is not None:
            advance()
        try:
            if not whole:
                head = reader.head(path)
            else:
                found = reader.whole(path)
                head = (found[1].key, found[0]) if found is not None else None
        except CassetteForeign:
            foreign.append(path)
            checked -= 1
            continue
        except LibraryError as error:
            problems.append(Problem.of(path, error))
            checked -= not isinstance(error, CassetteDamaged)
            misplaced += isinstance(error, KeyMismatch)
            continue
        if head is None:  # gone since it was listed
            continue
        if "~" in path and (plain := _plain(path, head[0])) != path and plain in stand:
            problems.append(
                Problem(path, ProblemKind.DUPLICATE,
                        f"holds what {plain} holds too, which is served",
                        "compare the two, and remove one")
            )  # fmt: skip
        if (date := _last_date(head[1])) > latest:
            problems.append(
                Problem(path, ProblemKind.FUTURE,
                        f"was recorded on {date[:10]}, which is yet to come",
                        "a test may have frozen the clock: remove the file, and record it again")
            )  # fmt: skip
        if not whole or found is None:
            continue
        data, cassette = found
        text = data.decode("utf-8", "replace")
        if policy is not None:
            problems += _deep(path, f"{display_path(library.root)}/{path}", text, cassette, policy)
            behind += cassette.policy != policy.label
        if older_than is not None:
            problems += _old(path, cassette, older_than, now)
        if visit is not None:
            visit(path, cassette)
    if misplaced and misplaced == len(paths) - len(foreign):
        _refuse_outer(library, [path for path in paths if path not in foreign])
    played = check_scenarios(
        library, [path for path in found_paths if names.is_of_scenarios(path)],
        policy=policy, older_than=older_than, now=now, latest=latest, advance=advance,
    )  # fmt: skip
    problems += played.problems
    notes: list[str] = list(played.notes)
    if behind:
        notes.append(
            f"{behind} cassettes name another policy than the one in force, which is not at hand; "
            "what the one in force does not keep, or would replace otherwise, is a finding above, "
            "and `replay seal --redact` renews the name"
        )
    if foreign:
        notes.append(vcr_note(foreign))
    return Verification(
        display_path(library.root), checked, tuple(problems), tuple(notes), foreign=len(foreign),
        scenarios=played.checked,
    )  # fmt: skip


def _refuse_outer(library: Library, paths: Sequence[str]) -> None:
    """Make sure that the folder or archive is the library, and does not merely contain it.

    Raises:
        ConfigError: it is.
    """
    parts = paths[0].split("/")
    for depth in range(1, len(parts)):
        head = "/".join(parts[:depth])
        if not all(path.startswith(f"{head}/") for path in paths):
            return
        inner = Library(library.root / head, follow_links=library.follow_links)
        with suppress(LibraryError):
            rest = "/".join(parts[depth:])
            found = (
                scenarios.read(storage_of(inner), rest)
                if names.is_of_scenarios(rest)
                else _Reader(inner).head(rest)
            )
            if found is not None:
                raise ConfigError(
                    "the library is not here, but in a folder inside",
                    where=display_path(library.root),
                    hint=f"replay verify --library {shlex.quote(display_path(inner.root))}",
                )


def _now() -> datetime:
    return datetime.fromtimestamp(clock.seconds(), UTC)


def _last_date(data: bytes) -> str:
    """When the last take of a cassette says that it was recorded; empty where none says it."""
    last = b""
    at = data.find(_DATE)  # a pattern would take four times as long as the seal's digest
    while at >= 0:
        start = at + len(_DATE)
        date = data[start : start + 22].lstrip(b"'\"")[:20]
        if date[:4].isdigit():  # anything but a date is old, not in the future
            last = max(last, date)
        at = data.find(_DATE, start)
    return last.decode("ascii", "replace")


def _plain(path: str, key: ObjectKey) -> str:
    """The path that a cassette would have if a sibling had not taken it."""
    evidence = path[: len(path) - len(names.served(path))]
    return evidence + "/".join((*names.directories(key), path.rpartition("/")[2]))


class _Reader:
    """Reads the cassettes of a library, and of its folder of evidence, by their paths."""

    def __init__(self, library: Library) -> None:
        self._storage = storage_of(library)
        self._evidence = storage_of(library.evidence)

    def head(self, path: str) -> tuple[ObjectKey, bytes] | None:
        """The object and bytes of a cassette whose seal and place are right; None if it is gone.

        Raises:
            CassetteDamaged: or a subclass: the file cannot be used.
            LibraryError: the file system refuses.
        """
        found = self._found(path)
        if found is None:
            return None
        storage, data, full = found
        key, version = codec.head(data, full)
        storage.check_folder(full, key, version)
        return key, data

    def whole(self, path: str) -> tuple[bytes, Cassette] | None:
        """A cassette's bytes, and the cassette; None if the file is gone.

        Raises:
            CassetteDamaged: or a subclass: the file cannot be used.
            LibraryError: the file system refuses.
        """
        found = self._found(path)
        if found is None:
            return None
        storage, data, full = found
        cassette = codec.loads(data, full)
        storage.check_folder(full, cassette.key, cassette.api_version)
        return data, cassette

    def _found(self, path: str) -> tuple[Storage, bytes, str] | None:
        below = names.served(path)
        storage = self._storage if below == path else self._evidence
        data = storage.read_bytes(below)
        return None if data is None else (storage, data, storage.absolute(below))


def _deep(
    path: str, shown: str, text: str, cassette: Cassette, policy: Policy
) -> Iterator[Problem]:
    """Find what is in a cassette but would not be there if it were recorded under today's policy.

    Args:
        path: the cassette's path in the library, for the problems.
        shown: the cassette's path as a user types it in a command.
        text: the text of the file.
        cassette: the same file, parsed.
        policy: the policy that is in force today.
    """
    for hit in find_secrets(text):
        yield Problem(path, ProblemKind.SECRET, f"holds a secret ({hit.id})", "record it again")
    for place, told in unproven_frame(cassette, policy):
        if told != "redacted":  # `_take` says more of these
            yield Problem(path, ProblemKind.REQUEST, f"{place}: {FRAME}", "record it again")
    for number, take in enumerate(cassette.interactions):
        for kind, detail in _take(take):
            yield Problem(path, kind, f"take {number}: {detail}", "record it again")
        found: dict[str, list[str]] = {}
        for rule, pointer, _ in unproven_take(take, cassette, policy):
            found.setdefault(rule, []).append(pointer)
        for rule, (kind, says) in UNPROVEN_KINDS.items():
            if rule in found:
                detail = f"take {number}: {says.format(listed(found[rule]))}"
                yield Problem(path, kind, detail, f"replay seal --redact {shlex.quote(shown)}")


def _old(path: str, cassette: Cassette, most: int, now: datetime) -> Iterator[Problem]:
    """The calls of a cassette that were last recorded `most` days ago or earlier."""
    newest: dict[tuple[str, ...], str] = {}
    for take in cassette.interactions:
        expand = expand_of(take.request)
        newest[expand] = max(newest.get(expand, ""), take.recorded_at)
    for expand, when in sorted(newest.items()):
        asked = f" with expand {', '.join(expand)}" if expand else ""
        try:
            recorded = datetime.fromisoformat(when)
            age = (now - recorded.replace(tzinfo=recorded.tzinfo or UTC)).days
        except ValueError:
            yield Problem(path, ProblemKind.OLD, f"the time of its recording{asked} cannot be read",
                          "record it again")  # fmt: skip
            continue
        if age >= most:
            yield Problem(path, ProblemKind.OLD,
                          f"last recorded{asked} on {when[:10]}, {age} days ago",
                          "record it again, or see what changed: replay verify --live")  # fmt: skip


def _take(take: Interaction) -> Iterator[tuple[ProblemKind, str]]:
    """The contradictions in one take: of its body and redactions."""
    if not take.response.body:
        return
    try:
        body = json_body.parse_recorded(take.response.body, "")
    except CassetteDamaged as error:
        yield ProblemKind.BODY, error.what
        return
    lost = [pointer for pointer in take.redacted if not leads_to_a_value(body, pointer)]
    if lost:
        detail = f"nothing stands at {listed(lost)}, which is listed as redacted"
        yield ProblemKind.REDACTED, detail
