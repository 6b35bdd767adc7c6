"""Checks one cassette: its seal and place, or all that it says.

By default only the first lines are read for what they mean. The seal covers every byte below it, so
what replay wrote is as it wrote it; whether a person sealed something else is the deep check's.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from replay.errors import CallRefused, CassetteDamaged, ConfigError, ReplayError
from replay.library import Library, names
from replay.library.format import codec
from replay.model import json_body
from replay.model.cassette import Cassette, Interaction, ObjectKey, Request, header
from replay.redaction.secrets import find_secrets
from replay.stripe_api.call import expand_of, read
from replay.stripe_api.versions import canonical_version
from replay.upkeep.proof import leads_to_a_value, unproven
from replay.upkeep.verify.findings import Finding, Rule

if TYPE_CHECKING:
    from replay.redaction.policy import Policy

_AGE = re.compile(r"([1-9][0-9]{0,4}) ?([dwmy])")
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
_SHOWN = 5


def days(text: str) -> int:
    """An age such as ``90d``, ``12w``, ``6m`` or ``1y``, in days.

    Raises:
        ConfigError: it is none.
    """
    found = _AGE.fullmatch(text.strip().lower())
    if found is None:
        raise ConfigError(
            "this is no age", where=f"--older-than {text!r}", hint="write 90d, 12w, 6m or 1y"
        )
    return int(found[1]) * _DAYS[found[2]]


class Reader:
    """Reads the cassettes of a library, and of the evidence in it, by their paths."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._evidence = library.evidence

    def head(self, path: str) -> tuple[ObjectKey, str] | None:
        """The object and version of a cassette that is sealed and in its place; None if gone.

        Raises:
            CassetteDamaged: or one of its kinds.
            LibraryError: the file system refuses.
        """
        found = self._found(path)
        if found is None:
            return None
        library, data, full = found
        key, version = codec.head(data, full)
        library.check_place(full, key, version)
        return key, version

    def whole(self, path: str) -> tuple[str, Cassette] | None:
        """A cassette's text and what it says; None if it is gone.

        Raises:
            CassetteDamaged: or one of its kinds.
            LibraryError: the file system refuses.
        """
        found = self._found(path)
        if found is None:
            return None
        library, data, full = found
        cassette = codec.loads(data, full)
        library.check_place(full, cassette.key, cassette.api_version)
        return data.decode("utf-8", "replace"), cassette

    def _found(self, path: str) -> tuple[Library, bytes, str] | None:
        below = names.served(path)
        library = self._library if below == path else self._evidence
        data = library.data(below)
        return None if data is None else (library, data, library.full(below))


def deep(path: str, shown: str, text: str, cassette: Cassette, policy: Policy) -> Iterator[Finding]:
    """What a cassette says that a recording under the policy would not.

    The values of a cassette that names the policy in force are not judged one by one: `replay scan`
    does that.

    Args:
        path: names it in the findings.
        shown: names it in a command.
        text: its text.
        cassette: what it says.
        policy: the policy in force.
    """
    for hit in find_secrets(text):
        yield Finding(path, Rule.SECRET, f"holds a secret ({hit.id})", "record it again")
    current = cassette.policy == policy.label
    for number, take in enumerate(cassette.interactions):
        for rule, detail in _take(take, cassette):
            yield Finding(path, rule, f"take {number}: {detail}", "record it again")
        if not current and take.response.body:
            found = [pointer for _, pointer, _ in unproven(take, str(cassette.key), policy)]
            if found:
                yield Finding(
                    path,
                    Rule.NOT_KEPT,
                    f"take {number}: the policy in force does not keep {_listed(found)}",
                    f"replay seal --redact {shlex.quote(shown)}",
                )


def old(path: str, cassette: Cassette, most: int, now: datetime) -> Iterator[Finding]:
    """The calls of a cassette that were last recorded more than `most` days ago."""
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
            yield Finding(path, Rule.OLD, f"the time of its recording{asked} cannot be read",
                          "record it again")  # fmt: skip
            continue
        if age >= most:
            yield Finding(path, Rule.OLD, f"last recorded{asked} on {when[:10]}, {age} days ago",
                          "record it again, or see what changed: replay verify --live")  # fmt: skip


def _take(take: Interaction, cassette: Cassette) -> Iterator[tuple[Rule, str]]:
    if not _asks_for(take.request, cassette.key):
        yield Rule.REQUEST, "its request asks for another object than the cassette is of"
    stated = header(take.response.headers, "Stripe-Version")
    if stated and stated != cassette.api_version and not _is(stated, cassette.api_version):
        yield Rule.REQUEST, "its answer names another API version than the cassette"
    if not take.response.body:
        return
    try:
        body = json_body.recorded(take.response.body, "")
    except CassetteDamaged as error:
        yield Rule.BODY, error.what
        return
    lost = [pointer for pointer in take.redacted if not leads_to_a_value(body, pointer)]
    if lost:
        yield Rule.REDACTED, f"nothing stands at {_listed(lost)}, which is listed as redacted"


def _listed(pointers: list[str]) -> str:
    more = f" and {len(pointers) - _SHOWN} more" if len(pointers) > _SHOWN else ""
    return ", ".join(pointers[:_SHOWN]) + more


@lru_cache(maxsize=1 << 14)
def _asks_for(request: Request, key: ObjectKey) -> bool:
    try:
        call = read(request)
    except (CallRefused, ReplayError):
        return False
    asked = call.key
    # The account is in the key alone: what is kept of the request does not name it.
    return (asked.resource, asked.id, asked.parents, asked.query) == (
        key.resource, key.id, key.parents, key.query,
    )  # fmt: skip


def _is(stated: str, version: str) -> bool:
    try:
        return canonical_version(stated) == version
    except ConfigError:
        return False
