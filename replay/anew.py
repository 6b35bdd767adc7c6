"""What mode ``all`` records anew: kept beside the library until a session that asked ends well.

The takes of a call lie in a library of their own in the state folder. All sessions of a run share
them, in this process and in those beside it, such as the workers of pytest-xdist: each replays what
is there and adds what it is the first to ask for. A process that was at work since this one began
belongs to the same run; what is older is dropped by the first who records the call anew.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from replay import began
from replay.call import Call
from replay.cassette import Interaction
from replay.errors import ReplayError
from replay.library import Library
from replay.library.files import translated
from replay.library.library import STATE
from replay.library.names import digest
from replay.recorder import Outcome, Recorder, bare
from replay.repeats import held
from replay.replayer import Found, search, takes_of

if TYPE_CHECKING:
    from replay.redaction.redactor import Original

_NOTE = "note"
"""The file that says when takes were added last, in nanoseconds, and of which API versions."""


class Anew:
    """The takes of one call that a run records anew, as one session sees them.

    Whoever adds or settles holds the object's lock of the library.
    """

    def __init__(self, library: Library, call: Call) -> None:
        self._library, self._call = library, call
        # The account is in the key as a pseudonym; the name shows nothing of the rest.
        named = (call.route.path, call.key.resource, *call.key.parents, call.key.id)
        asked = (call.key.account, call.key.query, call.expand, call.pinned)
        folder = library.root / STATE / "anew" / digest(repr((named, asked)))
        self._takes = Library(folder)
        self._seen: dict[str, list[Interaction]] = {}
        self._originals: list[Original] = []
        self._alone = False  # all that the run has is this session's
        self._first = search(library, call) is None

    def found(self) -> Found | None:
        """What the run recorded anew so far; None where it has nothing yet.

        Raises:
            CassetteDamaged: what is there cannot be used.
        """
        kept = list(self._kept().items())
        return Found(kept[-1][0], tuple(kept[-1][1])) if kept else None

    def deal(self, found: Found) -> None:
        """Note that others recorded what the session is given."""
        self._seen = {found.version: list(found.takes)}
        self._alone = False

    def add(self, recorder: Recorder, outcomes: Sequence[Outcome]) -> None:
        """Add what the session fetched, all at one version; also to the library if that has none.

        Raises:
            LeakFound: the gate found something in the final bytes; nothing is written.
            LibraryError: the file system refuses.
        """
        version, versions = outcomes[-1].version, self._versions()
        write = recorder.append if version in versions else recorder.replace
        write(self._call, version, outcomes, library=self._takes)
        self._say(*(other for other in versions if other != version), version)
        self._alone = self._alone or not versions
        takes = [outcome.take for outcome in outcomes if outcome.take is not None]
        self._seen.setdefault(version, []).extend(takes)
        for outcome in {id(outcome): outcome for outcome in outcomes}.values():  # repeats are one
            self._originals += outcome.originals
        if self._first:
            recorder.append(self._call, version, outcomes)

    def settle(self, recorder: Recorder, *, failed: bool) -> None:
        """End the session: all takes of the run so far replace the library's, if it ended well.

        What a session alone saw that failed is withdrawn: the next one of the run fetches anew.

        Raises:
            LeakFound: as `add`; the library's takes stay.
            LibraryError: the file system refuses; the library's takes stay.
        """
        kept = self._kept()
        if failed:
            if self._alone and not self._first and self._seen == kept:
                self._say()
            return
        for version, seen in self._seen.items():
            if len(kept.get(version, ())) < len(seen):  # withdrawn, or another run has begun
                self._replace(recorder, version, seen, self._takes)
                kept[version] = seen
                self._say(*kept)
        twins = held(self._library, self._call.key, kept.keys())
        for version, takes in kept.items():
            self._replace(recorder, version, takes, self._library, twins)

    def _replace(
        self, recorder: Recorder, version: str, takes: Sequence[Interaction], library: Library,
        twins: Collection[str] = (),
    ) -> None:  # fmt: skip
        outcomes = [bare(take, version) for take in takes]
        outcomes[-1] = replace(outcomes[-1], originals=tuple(self._originals))
        recorder.replace(self._call, version, outcomes, library=library, held=twins)

    def _kept(self) -> dict[str, list[Interaction]]:
        found = [self._takes.load(self._call.key, version) for version in self._versions()]
        return {c.api_version: list(takes_of(c, self._call)) for c in found if c is not None}

    def _versions(self) -> list[str]:
        """The API versions that the run has takes of, the last one last."""
        try:
            when, *versions = (self._takes.data(_NOTE) or b"").decode("ascii").split()
            return versions if int(when) >= began.BEGAN else []
        except (ReplayError, ValueError):
            return []

    def _say(self, *versions: str) -> None:
        path = self._takes.root / _NOTE
        try:
            path.write_text(" ".join((str(time.time_ns()), *versions)), "ascii")
        except OSError as error:
            raise translated(error, "the library cannot be written", str(path)) from error
