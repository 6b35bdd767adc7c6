"""Maps the stand-ins of IDs and of page tokens back, for recordings that hold stand-ins.

A test may ask for the real ID or for the stand-in that an answer gave it. Only a call to the live
source needs the real one, and the map is never written down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from replay.errors import ConfigError
from replay.model.cassette import Headers
from replay.stripe_api.call import Call

if TYPE_CHECKING:
    from replay.redaction.policy import Policy


_ACCOUNTS = frozenset({"stripe-account", "stripe-context"})


class IdMap:
    """Stand-in -> ID or page token, for those that one recorder gave out. Safe between threads."""

    def __init__(self) -> None:
        self._real: dict[str, str] = {}
        self._pages: dict[str, str] = {}
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<IdMap of {len(self._real)} IDs>"

    def after_fork(self) -> None:
        """In a forked child: make the lock new."""
        self._lock = Lock()

    def remember(self, ids: Mapping[str, str]) -> None:
        """Note stand-in -> ID or page token."""
        from replay.redaction.pseudonyms import PAGE

        with self._lock:
            self._real.update(ids)
            self._pages.update({real: name for name, real in ids.items() if PAGE.fullmatch(name)})

    def with_pages(self, call: Call) -> Call:
        """The call with the stand-in of its page token, if this run has seen the token."""
        if not self._pages or not call.key.query:
            return call
        return _mapped(call, str, self._page)

    def _page(self, name: str, value: str) -> str:
        return self._pages.get(value, value) if name == "page" else value

    def masked(self, call: Call, policy: Policy) -> Call:
        """The call with stand-ins in place of its IDs, as recordings are stored."""
        from replay.redaction.pseudonyms import is_masked

        key = call.key
        ids = [id for text in (*key.parents, key.id, key.query or "") for id in policy.ids_in(text)]
        names = {name: id for id in ids if (name := policy.masked(id)) != id}

        resources = {id: resource for resource, id in key.ids}

        def in_path(id: str) -> str:
            name = policy.masked_id(resources.get(id, key.resource), id)
            if name != id:
                names[name] = id
            return name

        def in_query(name: str, value: str) -> str:
            stand_in = policy.masked_parameter(key.resource, name, self._page(name, value))
            if stand_in != value and is_masked(stand_in):
                names[stand_in] = value
            return stand_in

        mapped = _mapped(call, in_path, in_query)
        self.remember(names)
        return mapped

    def real(self, call: Call) -> Call:
        """The call that the live source understands.

        Raises:
            ConfigError: it names a stand-in that this run has not given out.
        """
        return _mapped(call, self._back, lambda _, value: self._back(value))

    def real_headers(self, headers: Headers) -> Headers:
        """The headers that the live source understands: an answer may have named the account.

        Raises:
            ConfigError: one names a stand-in that this run has not given out.
        """
        return tuple(
            (name, self._back(value) if name.lower() in _ACCOUNTS else value)
            for name, value in headers
        )

    def _back(self, text: str) -> str:
        from replay.redaction.pseudonyms import GENERATED, PAGE, is_masked

        def one(id: str) -> str:
            found = self._real.get(id, id)
            if found == id and PAGE.fullmatch(id):
                raise ConfigError(
                    "this call asks for a page by a stand-in whose token is not known in this run",
                    where="parameter page",
                    hint="the page before it was replayed: record both again with mode all, and in"
                    " one process (without pytest-xdist)",
                )
            if found == id and is_masked(id):
                raise ConfigError(
                    "this call asks for a pseudonym whose ID is not known in this run",
                    where="pseudonymise_ids, keep_chosen_ids",
                    hint="the answer that named it was replayed: record both again with mode all,"
                    " and in one process (without pytest-xdist)",
                )
            return found

        return GENERATED.sub(lambda match: one(match[0]), text)


def _mapped(call: Call, in_path: Callable[[str], str], in_query: Callable[[str, str], str]) -> Call:
    key = call.key
    query = key.query
    if query:
        query = urlencode([(name, in_query(name, value)) for name, value in call.parameters])
    parents = tuple(in_path(parent) for parent in key.parents)
    return replace(call, key=replace(key, id=in_path(key.id), parents=parents, query=query))
