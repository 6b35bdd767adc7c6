"""Puts the hooks and the guard in when the first session opens, and takes them out after the last.

A run of pytest keeps them in from its first session to its end; between sessions they let every
call pass. They also stay in while a thread or an event loop is left that a session may have
started: its calls are to be refused, not let through.
"""

from __future__ import annotations

import atexit
import logging
import sys
import threading
from collections.abc import Callable
from threading import RLock
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from replay.errors import Refused
from replay.intercept import (
    aiohttp,
    anyio,
    current_session,
    guard,
    http_client,
    httpcore,
    httpx,
    pools,
    stripe,
    stubs_above,
    stubs_below,
    threads,
    unittest,
    unsupported,
    urllib3,
    vcrpy,
)
from replay.intercept.clients import UNSHOWN
from replay.intercept.current_session import current, open_sessions
from replay.intercept.patches import Hook, Patches
from replay.intercept.supported import checked
from replay.model.forks import survives_forks

if TYPE_CHECKING:
    from replay.session.session import OpenSession

HOOKS: dict[str, Hook] = {
    "urllib3.connectionpool": urllib3.hook,
    "urllib3._async.connectionpool": urllib3.hook_async,
    "urllib3_future.connectionpool": urllib3.hook,
    "urllib3_future._async.connectionpool": urllib3.hook_async,
    "httpx": httpx.hook,
    "httpx2": httpx.hook,
    "aiohttp.client": aiohttp.hook,
    "http.client": http_client.hook,
    "httplib2": http_client.hook_httplib2,
    "stripe._http_client": stripe.hook,
    "tornado.httpclient": unsupported.hook_tornado,
    "httpcore": httpcore.hook,
    "httpcore2": httpcore.hook,
    "socket": guard.hook,
    "ssl": guard.hook_tls,
    "asyncio.base_events": guard.hook_loops,
    "asyncio.windows_events": guard.hook_proactor,
    "trio._socket": guard.hook_trio,
    "gevent._socket3": guard.hook_gevent,
    "gevent.socket": guard.hook_lookups,
    "eventlet.green.socket": guard.hook_lookups,
    "gevent.ssl": guard.hook_gevent_tls,
    "uvloop": guard.hook_uvloop,
    "winloop": guard.hook_uvloop,
    "threading": threads.hook_threads,
    "concurrent.futures.thread": threads.hook_executors,
    "multiprocessing.pool": pools.hook,
    "anyio.from_thread": anyio.hook_portals,
    "anyio._backends._asyncio": anyio.hook_runner,
    "unittest.suite": unittest.hook_suite,
    "unittest.case": unittest.hook_case,
    "unittest.result": unittest.hook_result,
    "responses": stubs_above.hook_responses,
    "requests_mock.adapter": stubs_above.hook_requests_mock,
    "pytest_httpx._httpx_mock": stubs_above.hook_pytest_httpx,
    "respx.mocks": stubs_above.hook_respx,
    "aioresponses.core": stubs_above.hook_aioresponses,
    "pook.engine": stubs_above.hook_pook,
    "vcr.cassette": vcrpy.hook,
    "vcr.stubs.aiohttp_stubs": vcrpy.hook_aiohttp,
    "httpretty.core": stubs_below.hook_httpretty,
    "mocket.mocket": stubs_below.hook_mocket,
    **{client.module: unsupported.hook_of(client) for client in UNSHOWN},
}
"""Module to the function that hooks it, once it is imported."""

_log = logging.getLogger("replay")

_patches = Patches({name: checked(name, hook) for name, hook in HOOKS.items()})
survives_forks(_patches.lock)
_lock = survives_forks(RLock())  # the others are taken inside of it
_loops: WeakSet[Any] = WeakSet()
"""The event loops of asyncio in which a session was opened."""

_holders: list[Callable[[OpenSession], None]] = []


def hold(ended: Callable[[OpenSession], None]) -> None:
    """Keep the hooks in, whether or not a session is open, until `release`.

    Args:
        ended: called with every session that is closed.

    Raises:
        ReplayError: a client's version cannot be hooked; then nothing is.
    """
    with _lock:
        _install()
        _holders.append(ended)


def release(ended: Callable[[OpenSession], None]) -> None:
    """End a `hold`."""
    with _lock:
        _holders.remove(ended)
        _remove()


def _install() -> None:
    if not open_sessions() and not _holders:
        guard.forget_addresses()
        try:
            _patches.install()
        except Refused as refusal:
            refusal.raise_error()


def _remove() -> None:
    if not open_sessions() and not _holders and not _left_over():
        _patches.remove()


def _left_over() -> bool:
    """Whether a thread or task that a session started may still run."""
    if threading.active_count() > 1:
        return True
    trio = sys.modules.get("trio")
    if any(not loop.is_closed() for loop in _loops):
        return True
    if trio is None:
        return False
    try:
        trio.lowlevel.current_trio_token()  # `in_trio_run` is not in all versions
    except RuntimeError:
        return False
    return True


def _note_loop() -> None:
    # If a loop is running, the module is imported.
    events = sys.modules.get("asyncio.events")
    loop = events._get_running_loop() if events is not None else None
    if loop is not None:
        _loops.add(loop)


def enter(session: OpenSession) -> OpenSession | None:
    """Open a session for the running context; returns the one it had, for `leave`.

    Raises:
        ReplayError: a client's version cannot be hooked; then nothing is.
    """
    with _lock:
        _install()
        _note_loop()
        current_session.add(session)
    before = current.get()
    current.set(session)
    return before


def leave(session: OpenSession, before: OpenSession | None) -> None:
    """Close a session; the context gets back the one it had. After the last, the hooks go."""
    with _lock:
        current_session.remove(session)
        if current.get() is session:
            current_session.restore(before)
        for ended in _holders:
            ended(session)
        _remove()


@atexit.register
def _tell_refusals_of_open_sessions() -> None:
    # The session of a generator that was never finished is still open: nothing will raise what it
    # refused.
    for session in open_sessions():
        for error in session.refusals:
            _log.warning("%s", error)
