"""Maps the pseudonyms of IDs back to the IDs, for recordings that hold pseudonyms in their place.

A pseudonym is a function of the ID, so a test may ask for the real ID or for the pseudonym that an
answer gave it. Only a call to the live source needs the real ID, and the map is never written down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from replay.errors import ConfigError
from replay.stripe_api.call import Call

if TYPE_CHECKING:
    from replay.redaction.policy import Policy


class IdMap:
    """Pseudonym -> ID, for the pseudonyms that one recorder gave out. Safe between threads."""

    def __init__(self) -> None:
        self._real: dict[str, str] = {}
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<IdMap of {len(self._real)} IDs>"

    def remember(self, ids: Mapping[str, str]) -> None:
        """Note pseudonym -> ID."""
        with self._lock:
            self._real.update(ids)

    def masked(self, call: Call, policy: Policy) -> Call:
        """The call with pseudonyms in place of its IDs, as recordings are stored."""
        key = call.key
        ids = [id for text in (*key.parents, key.id, key.query or "") for id in policy.ids_in(text)]
        self.remember({name: id for id in ids if (name := policy.masked(id)) != id})
        return _mapped(call, policy.masked)

    def real(self, call: Call) -> Call:
        """The call that the live source understands.

        Raises:
            ConfigError: it names a pseudonym whose ID this run has not seen.
        """
        return _mapped(call, self._back)

    def _back(self, text: str) -> str:
        from replay.redaction.pseudonyms import GENERATED, masked_id

        def one(id: str) -> str:
            found = self._real.get(id, id)
            if found == id and masked_id(id) == id:
                raise ConfigError(
                    "this call asks for a pseudonym whose ID is not known in this run",
                    where="pseudonymise_ids",
                    hint="the answer that named it was replayed: record both again with mode all,"
                    " and in one process (without pytest-xdist)",
                )
            return found

        return GENERATED.sub(lambda match: one(match[0]), text)


def _mapped(call: Call, change: Callable[[str], str]) -> Call:
    key = call.key
    query = key.query
    if query:
        query = urlencode([(name, change(value)) for name, value in call.parameters])
    parents = tuple(change(parent) for parent in key.parents)
    return replace(call, key=replace(key, id=change(key.id), parents=parents, query=query))
