"""Cassettes already read in this process, each good as long as its file's stamp."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

from replay.library.files import Stamp
from replay.model.cassette import Cassette

_SIZE = 4096


class Kept(NamedTuple):
    """A cassette, and the state of its file when it was read."""

    stamp: Stamp
    cassette: Cassette


_items: OrderedDict[str, Kept] = OrderedDict()
_lock = Lock()


def get(path: str) -> Kept | None:
    """What was read at a path; whoever serves it compares the stamp."""
    return _items.get(path)


def clear() -> None:
    """Forget all: whoever is done with its libraries spares the process the work at its end."""
    with _lock:
        _items.clear()


def put(path: str, stamp: Stamp, cassette: Cassette) -> None:
    """Keep a cassette, and of thousands the ones read last."""
    with _lock:
        _items[path] = Kept(stamp, cassette)
        if len(_items) > _SIZE:
            _items.popitem(last=False)
