"""Which module is hooked by what: the list of the clients that are intercepted."""

from __future__ import annotations

from replay.intercept import aiohttp, guard, http_client, httpx, urllib3
from replay.intercept.patches import Hook, Patches

HOOKS: dict[str, Hook] = {
    "urllib3.connectionpool": urllib3.hook,
    "httpx": httpx.hook,
    "httpx2": httpx.hook,
    "aiohttp.client": aiohttp.hook,
    "http.client": http_client.hook,
    "socket": guard.hook,
}


def patches() -> Patches:
    """The patches of one installation, not yet installed."""
    return Patches(HOOKS)
