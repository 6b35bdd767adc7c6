"""Puts the hooks and the guard in when the first session opens, takes them out after the last."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING

from replay.config import Origin
from replay.errors import Refused
from replay.intercept import aiohttp, guard, http_client, httpx, threads, urllib3
from replay.intercept.answering import bases, current, opened
from replay.intercept.patches import Hook, Patches

if TYPE_CHECKING:
    from replay.session import Session

HOOKS: dict[str, Hook] = {
    "urllib3.connectionpool": urllib3.hook,
    "httpx": httpx.hook,
    "httpx2": httpx.hook,
    "aiohttp.client": aiohttp.hook,
    "http.client": http_client.hook,
    "socket": guard.hook,
    "threading": threads.hook_threads,
    "concurrent.futures.thread": threads.hook_executors,
}
"""Module to the function that hooks it, once it is imported."""

_lock = RLock()
_patches = Patches(HOOKS)


def enter(session: Session) -> Session | None:
    """Open a session for the running context; returns the one it had, for `leave`.

    Raises:
        ReplayError: a client's version cannot be hooked; then nothing is.
    """
    with _lock:
        if not opened:
            try:
                _patches.install()
            except Refused as refusal:
                raise refusal.error from None
        bases[Origin.of(session.config.api_base)] += 1
        opened.append(session)
    before = current.get()
    current.set(session)
    return before


def leave(session: Session, before: Session | None) -> None:
    """Close a session; the context gets back the one it had. The last one takes the hooks out."""
    current.set(before)
    with _lock:
        opened.remove(session)
        base = Origin.of(session.config.api_base)
        bases[base] -= 1
        if not bases[base]:
            del bases[base]
        if not opened:
            _patches.remove()
