"""The tools that are measured, behind one face: enter a recording, record one, grow one to N.

Runs inside a tool's own process and environment. Each tool is set as its documentation shows for
tests that must not go online; what differs from its defaults is said where it is set.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

API = "https://api.stripe.com"
INVOICE = "in_1MtHbELkdIwHu7ixl4OzzPMv"
VERSION = "2025-03-31.basil"


def ids(count: int) -> list[str]:
    """Invoice IDs as Stripe makes them, the recorded one first."""
    return [INVOICE, *(f"in_1Bench{n:019d}" for n in range(1, count))]


class Subject(ABC):
    """A tool: where its recordings are, and how a session over one is opened."""

    name: str

    @abstractmethod
    def open(self, place: Path) -> AbstractContextManager[Any]:
        """A session that replays what is recorded at a place and never goes online."""

    @abstractmethod
    def record(self, place: Path, base: str) -> AbstractContextManager[Any]:
        """A session that records what `base` answers."""

    @abstractmethod
    def grow(self, recorded: Path, place: Path, names: Iterable[str]) -> None:
        """Make a recording of many objects from a recording of one."""


class Replay(Subject):
    """replay, with its defaults."""

    name = "replay"

    def open(self, place: Path) -> AbstractContextManager[Any]:
        import replay

        return replay.use_cassettes(place)

    def record(self, place: Path, base: str) -> AbstractContextManager[Any]:
        import replay

        return replay.use_cassettes(place, mode="once", api_base=base)

    def grow(self, recorded: Path, place: Path, names: Iterable[str]) -> None:
        from replay.library.format import seals

        (file,) = recorded.rglob(f"{INVOICE}/*.yaml")
        body = seals.unseal(file.read_bytes(), str(file))
        for id in names:
            folder = place / file.relative_to(recorded).parent.parent / id
            folder.mkdir(parents=True)
            text = seals.seal(body.replace(INVOICE, id))
            folder.joinpath(file.name).write_text(text, "ascii", newline="\n")


class OneFile(Subject):
    """A tool that keeps all interactions of a session in one YAML file."""

    def grow(self, recorded: Path, place: Path, names: Iterable[str]) -> None:
        text = recorded.read_text("utf-8").replace("127.0.0.1", "api.stripe.com")
        before, start, rest = text.partition("interactions:\n")
        items, end, after = rest.partition("\nversion:")
        item = items.rstrip("\n") + "\n"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(
            before + start + "".join(item.replace(INVOICE, id) for id in names) + end.lstrip("\n")
            + after,
            "utf-8",
        )  # fmt: skip


class Vcrpy(OneFile):
    """vcrpy."""

    name = "vcrpy"

    def open(self, place: Path) -> AbstractContextManager[Any]:
        import vcr

        # Repeats are refused by default; the other tools allow them.
        return vcr.use_cassette(str(place), record_mode="none", allow_playback_repeats=True)

    def record(self, place: Path, base: str) -> AbstractContextManager[Any]:
        import vcr

        return vcr.use_cassette(str(place), record_mode="once")


class Cassetter(OneFile):
    """cassetter."""

    name = "cassetter"

    def open(self, place: Path) -> AbstractContextManager[Any]:
        import cassetter

        return cassetter.use_cassette(place, record_mode="none")

    def record(self, place: Path, base: str) -> AbstractContextManager[Any]:
        import cassetter

        return cassetter.use_cassette(place, record_mode="once")


class Hook(Subject):
    """No tool: the cheapest answer that a hook in urllib3 could give."""

    name = "hook"

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    @contextmanager
    def open(self, place: Path) -> Any:
        from urllib3 import HTTPResponse
        from urllib3.connectionpool import HTTPConnectionPool

        def answer(pool: Any, conn: Any, method: str, url: str, *_: Any, **given: Any) -> Any:
            return HTTPResponse(
                BytesIO(self._answer),
                {"Content-Type": "application/json"},
                status=200,
                preload_content=given["preload_content"],
                decode_content=given["decode_content"],
                request_method=method,
            )

        before, HTTPConnectionPool._make_request = HTTPConnectionPool._make_request, answer
        try:
            yield
        finally:
            HTTPConnectionPool._make_request = before

    def record(self, place: Path, base: str) -> AbstractContextManager[Any]:
        raise NotImplementedError

    def grow(self, recorded: Path, place: Path, names: Iterable[str]) -> None:
        raise NotImplementedError


def canned() -> bytes:
    """The answer that the stand-in gives for the invoice, as bytes."""
    import sys

    sys.path.append(str(Path(__file__).resolve().parent.parent))
    from support.standin import invoice

    return json.dumps(invoice(INVOICE, VERSION, status="draft")).encode()


def named(name: str) -> Subject:
    """The subject of this name."""
    if name == "hook":
        return Hook(canned())
    return {"replay": Replay, "vcrpy": Vcrpy, "cassetter": Cassetter}[name]()
