"""A live source that numbers its answers: what was recorded, lost, doubled or torn can be told."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from replay.library import Library
from replay.library.format import codec
from replay.library.library import storage_of
from replay.model.cassette import Cassette, Request
from support.standin import StandIn, generated

_NUMBER = re.compile(rb'"attempt_count": ([0-9]+),')


class Numbered:
    """A stand-in that serves any invoice, each answer with a number of its own.

    Attributes:
        url: its base address.
        served: invoice ID -> the numbers of its answers.
    """

    def __init__(self, server: StandIn) -> None:
        self.url = server.url
        self.served: dict[str, list[int]] = defaultdict(list)
        self._server, self._lock, self._last = server, threading.Lock(), 0

    def offer(self, names: Iterable[str]) -> None:
        """Serve the invoices of these names."""
        for id in map(invoice_id, names):
            path = "/v1/invoices/" + self._server.add_invoice(id)
            self._server.objects[path] = partial(self._answer, id, self._server.objects[path])

    def _answer(self, id: str, shaped: Any, version: str, expand: list[str]) -> Any:
        return {**shaped(version, expand), "attempt_count": self._number(id)}

    def _number(self, id: str) -> int:
        with self._lock:
            self._last += 1
            self.served[id].append(self._last)
            return self._last


def invoice_id(name: str) -> str:
    """The ID of the invoice of a name."""
    return generated("in", name)


def request(url: str, name: str) -> Request:
    """What a client asks for the invoice of a name."""
    return Request("GET", f"{url}/v1/invoices/{invoice_id(name)}")


def number(body: bytes) -> int:
    """The number of the answer that a body is of."""
    found = _NUMBER.search(body)
    assert found is not None
    return int(found[1])


def on_disk(library: Path) -> dict[str, list[int]]:
    """Invoice ID -> the numbers of its takes in order, of all cassettes, each read from the disk.

    Raises:
        CassetteDamaged: or one of its kinds: a cassette is not whole, sealed and in its place.
    """
    found: dict[str, list[int]] = {}
    lib = Library(library)
    for path in sorted(library.glob("invoices/*/*.yaml")):
        cassette: Cassette = codec.loads(path.read_bytes(), str(path))
        storage_of(lib).check_folder(path, cassette.key, cassette.api_version)
        assert cassette.key.id not in found
        found[cassette.key.id] = [number(take.response.body) for take in cassette.interactions]
    return found
