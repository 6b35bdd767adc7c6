"""Brings cassettes up to the policy in force: applies stricter rules in place.

Values that a looser rule would keep cannot come back, because they were never written. The caller
is told how many there are: they need a new recording.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from replay.errors import ConfigError
from replay.library import Library, files
from replay.library.format import codec, seals
from replay.library.library import storage_of
from replay.model import json_body
from replay.model.cassette import Cassette, Interaction
from replay.recording.recorder import skeleton
from replay.upkeep.proof import with_own_places
from replay.upkeep.seal import located, redacted, require_unchanged

if TYPE_CHECKING:
    from replay.redaction.policy import Policy
    from replay.redaction.redactor import Original


@dataclass(frozen=True, slots=True)
class Change:
    """The changes that redacting again made to a cassette.

    Attributes:
        redacted: how many values are newly replaced.
        looser: how many stand-ins stand for values that the policy would keep now.
        relabelled: whether the cassette named another policy.
    """

    redacted: int
    looser: int
    relabelled: bool

    @property
    def any(self) -> bool:
        """Whether the file was written."""
        return bool(self.redacted) or self.relabelled


def redact_again(path: Path, policy: Policy, *, follow_links: bool = False) -> Change:
    """Apply a policy to a cassette in its place.

    Raises:
        ConfigError: there is no such file, or the policy replaces IDs, which name the file.
        CassetteDamaged: or a subclass: the cassette cannot be used.
        LeakFound: the gate found something in the final bytes; nothing is written.
        LibraryError: there is something to change, and a link that leads out of the library.
    """
    where = str(path)
    found = files.read(where, str(path.parent), seals.MAX_BYTES, follow_links=follow_links)
    if found is None:
        raise ConfigError("there is no such file", where=where, hint="`replay list` names them")
    cassette = codec.loads(found[0], where)
    full, library = located(path, cassette)
    if _renamed(cassette, policy):
        raise ConfigError(
            "pseudonymise_ids and keep_chosen_ids also change file names and addresses",
            where=where,
            hint="record again, into an empty library",
        )
    originals: list[Original] = []
    newly = looser = 0
    takes: list[Interaction] = []
    for number, take in enumerate(cassette.interactions):
        done, added, kept, replaced = _again(take, cassette, number, where, policy)
        takes.append(done)
        newly += added
        looser += kept
        originals += replaced
    change = Change(newly, looser, cassette.policy != policy.label)
    if change.any:
        renewed = replace(cassette, policy=policy.label, interactions=tuple(takes))
        files.refuse_link_out(str(full), str(library.root))
        with storage_of(library).lock(cassette.key):
            require_unchanged(full, library, found[0])
            _write(library, renewed, originals)
    return change


def _renamed(cassette: Cassette, policy: Policy) -> bool:
    """Whether the policy replaces an ID in the address of a cassette's calls."""
    key = cassette.key
    return any(policy.masked_id(resource, id) != id for resource, id in key.ids) or any(
        policy.masked_parameter(key.resource, name, value) != value
        for name, value in parse_qsl(key.query or "", keep_blank_values=True)
    )


def _again(
    take: Interaction, cassette: Cassette, number: int, where: str, policy: Policy
) -> tuple[Interaction, int, int, list[Original]]:
    if not take.response.body:
        return take, 0, 0, []
    again = redacted(take, cassette, number, where, policy)
    added = [pointer for pointer in again.redacted if pointer not in take.redacted]
    # A stand-in stays a stand-in, even where the policy would keep the value now.
    looser = {p: kind for p, kind in take.redacted.items() if p not in again.redacted}
    replaced = [original for original in again.originals if original.pointer in added]
    response = replace(take.response, body=json_body.dump(again.body))
    done = replace(take, response=response, redacted={**again.redacted, **looser})
    done = with_own_places(done, again.body, policy)
    return done, len(added), len(looser), replaced


def _write(library: Library, cassette: Cassette, originals: list[Original]) -> None:
    from replay.redaction.gate import gate

    def check(text: str, written: Cassette, where: str) -> None:
        searched, kept = skeleton(written, where)
        gate(text, searched, originals, kept=kept, where=where)

    storage_of(library).write(cassette, check)
