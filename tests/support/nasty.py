"""The rows of the table of nasty inputs, and the bench that each is tried on.

A row does what it says for real and returns what happened; it raises `AssertionError` where that is
not what is promised. `tests/proofs/nasty.py` runs them, each in a process of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replay.config import resolve
from replay.errors import ReplayError
from replay.library import Library
from replay.model.cassette import Request
from replay.model.modes import RecordMode
from replay.session.session import OpenSession, open_session
from support.standin import DRAFT, OLD, StandIn

SECONDS = 1.0
MEGABYTES = 200

SAMPLES = Path(__file__).parents[2] / "cassettes"


@dataclass(frozen=True)
class Row:
    """One row: its number, what it is, what is promised, and how it is tried.

    Promises: R a typed error, no network; P an exact round trip; D recorded and redacted; N served,
    not recorded, and said why; F named by scan and verify; R/digest a typed error or a safe
    place; 4 an HTTP 4xx.
    """

    number: int
    what: str
    promised: str
    run: Callable[[Bench], str]


ROWS: list[Row] = []


def row(number: int, what: str, promised: str) -> Callable[[Any], Any]:
    """Enters a function into the table."""

    def enter(run: Callable[[Bench], str]) -> Callable[[Bench], str]:
        ROWS.append(Row(number, what, promised, run))
        return run

    return enter


@dataclass
class Bench:
    """A live source that counts, an empty folder, and a clock for refusals.

    Attributes:
        folder: where to make libraries.
        source: the live source.
        full: whether to try everything, however long it takes.
        slowest: seconds of CPU time that the slowest refusal or answer took.
    """

    folder: Path
    source: StandIn
    full: bool = False
    slowest: float = 0.0
    _sessions: list[OpenSession] = field(default_factory=list)

    @property
    def library(self) -> Path:
        """The library that is recorded into."""
        return self.folder / "cassettes"

    def session(self, mode: str, library: Path | None = None, **options: bool) -> OpenSession:
        """A session; closed with the bench."""
        config = resolve(library=library or self.library, mode=mode, api_base=self.source.url)
        self._sessions.append(open_session(config, **options))
        return self._sessions[-1]

    def request(self, path: str = f"/v1/invoices/{DRAFT}", version: str | None = OLD,
                **headers: str) -> Request:  # fmt: skip
        """What a client asks."""
        lines = {"Authorization": "Bearer sk_test_PRIVATEkey", **headers}
        if version is not None:
            lines["Stripe-Version"] = version
        return Request("GET", f"{self.source.url}{path}", tuple(lines.items()))

    def recorded(self) -> Path:
        """Records an invoice; its cassette."""
        self.session("once").answer(self.request())
        (path,) = self.written()
        return path

    def written(self) -> list[Path]:
        """All cassettes that were written."""
        return sorted(path for path in self.library.rglob("*.yaml"))

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Takes the CPU time of what is inside: other processes of the machine do not count."""
        start = time.thread_time()
        try:
            yield
        finally:
            self.slowest = max(self.slowest, time.thread_time() - start)

    def refused(self, path: Path, *requests: Request, sessions: list[OpenSession] | None = None,
                ) -> ReplayError:  # fmt: skip
        """Asks in every record mode: a typed error that names `path`, each time, and no network.

        Returns the first error.
        """
        before, hits = _state(path), self.source.hits.total()
        said: list[ReplayError] = []
        for session in sessions or [self.session(mode) for mode in RecordMode]:
            for request in requests or (self.request(), self.request(version=None)):
                try:
                    with self.timed():
                        session.answer(request)
                except ReplayError as error:
                    # Without its frames, which hold the whole file.
                    said.append(type(error)(error.what, where=error.where, hint=error.hint))
                else:
                    raise AssertionError(f"{session.config.mode}: answered")
        for error in said:
            assert str(path) == error.where, error
            assert error.what, error
            assert error.hint, error
        assert hits == self.source.hits.total(), "the live source was asked"
        assert before == _state(path), "the file was changed"
        return said[0]

    def served(
        self, status: int, headers: dict[str, str], body: Any, **options: bool
    ) -> OpenSession:
        """Lets the live source answer so, once, to a recording session: into `answer`."""
        self.source.compress = False
        self.source.script = [(status, headers, body)]
        session = self.session("once", **options)
        with self.timed():
            self.answer = session.answer(self.request())
        return session

    def unrecorded(self, status: int, headers: dict[str, str], body: bytes) -> str:
        """N: the client gets the very answer, nothing is written, the session says why."""
        session = self.served(status, headers, body)
        assert (status, body) == (self.answer.status, self.answer.body)
        assert [] == self.written()
        assert session.notes
        return session.notes[0].partition("not recorded: ")[2]

    def kept(self, status: int, headers: dict[str, str], body: Any, **options: bool) -> bytes:
        """D: it is recorded without anything private, and replayed as it was answered then."""
        session = self.served(status, headers, body, **options)
        (path,) = self.written()
        assert b"PRIVATE" not in path.read_bytes()
        session.close()
        replayed = self.session("none").answer(self.request())
        assert (status, self.answer.body) == (replayed.status, replayed.body)
        return replayed.body

    def close(self) -> None:
        """Close all sessions."""
        for session in self._sessions:
            session.close(failed=True)


def aside(work: Callable[[], object]) -> None:
    """Do something in a process of its own, so that its memory is not counted."""
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    assert 0 == os.waitpid(child, 0)[1]


def _state(path: Path) -> object:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns


def all_cassettes(folder: Path) -> list[tuple[Path, Request]]:
    """Each cassette of a library, with a request that it answers."""
    found = []
    for name, cassette in Library(folder).cassettes():
        take = cassette.interactions[0]
        lines = (("Stripe-Version", cassette.api_version),)
        found.append((folder / name, Request("GET", take.request.uri, lines)))
    return found
