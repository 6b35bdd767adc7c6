"""Which session answers a call: one decision for every hook and for the guard.

A hook asks `owns` by host before it touches a request, and `session` for who answers. The list
of open sessions is kept here; opening and closing them is `installation`'s.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from contextvars import ContextVar
from threading import Lock, get_ident
from typing import TYPE_CHECKING

from replay.call import API_HOST
from replay.config import Origin, plain_host
from replay.errors import NoSession, Refused, ReplayError
from replay.upstream import passing

if TYPE_CHECKING:
    from replay.session import Session

STRIPE_HOSTS = frozenset(
    {API_HOST, "files.stripe.com", "connect.stripe.com", "meter-events.stripe.com"}
)
"""Hosts of Stripe's API. A call to any of them is answered by its path."""

current: ContextVar[Session | None] = ContextVar("replay_session", default=None)
"""The session of the running context."""

opened: list[Session] = []
"""All open sessions, of any context; changed by `installation` alone."""

bases: Counter[Origin] = Counter()
"""The live sources of the open sessions: calls to them are answered too."""


_log = logging.getLogger("replay")

strays: deque[ReplayError] = deque(maxlen=1000)
"""Refusals of threads and tasks that outlived their session: no fault of a session that is open."""

_PATIENCE = 30.0
"""Seconds that a call waits for the end of a pause; then it is refused."""


class Pause:
    """A while without a session between two: calls of other threads wait for its end.

    Args:
        base: the live source of the session before, as `Origin.of` takes it.
    """

    def __init__(self, base: str) -> None:
        self.base = Origin.of(base)
        self._held = Lock()  # in place of an `Event`, as one begins and ends with every test
        self._held.acquire()
        self._thread = get_ident()

    def end(self) -> None:
        """Let the calls that wait go on: to the session that is open by now, if one is."""
        self._held.release()

    def waited(self) -> bool:
        """Wait for the end; False if it does not come, or if it is this thread that pauses."""
        if self._thread == get_ident():
            return True
        over = self._held.acquire(timeout=_PATIENCE)
        if over:
            self._held.release()
        return over


_pause: Pause | None = None


def pause(base: str) -> None:
    """Begin a pause, in place of the one before."""
    global _pause
    before, _pause = _pause, Pause(base)
    if before is not None:
        before.end()


def resume() -> None:
    """End the pause, if there is one."""
    global _pause
    before, _pause = _pause, None
    if before is not None:
        before.end()


def owns(host: str, port: int | None) -> bool:
    """Whether a request to this host is for a session to answer: never for our own traffic."""
    if passing():
        return False
    own = current.get()
    if own is None and not opened:
        return _held(host, port)
    if host in STRIPE_HOSTS:
        return True
    name = plain_host(host)
    if name in STRIPE_HOSTS:
        return True
    if port is None:
        return False
    origin = Origin(name, port)
    return origin in bases or (own is not None and origin == Origin.of(own.config.api_base))


def _held(host: str, port: int | None) -> bool:
    """`owns` where no session is open: after a pause one may be."""
    held, name = _pause, plain_host(host)
    if held is None or not (
        name in STRIPE_HOSTS or (port is not None and Origin(name, port) == held.base)
    ):
        return False
    return bool(opened) if held.waited() else True


def session() -> Session:
    """The session that answers here: the context's own, else the only one that is open.

    Raises:
        Refused: with `NoSession`: the thread or task belongs to none of the open sessions.
    """
    found = current.get()
    if found is not None and found in opened:
        return found
    sessions = tuple(opened)
    if found is None and len(sessions) == 1:
        return sessions[0]
    error = NoSession(
        "this call to the API belongs to a session that is closed"
        if found is not None
        else "no session is open for this call to the API"
        if not sessions
        else f"{len(sessions)} sessions are open, and this thread belongs to none of them",
        where="a thread or task that outlived its session"
        if found is not None
        else "a thread or task started outside the session",
        hint="wait for it before the session ends: join the thread, await the task"
        if found is not None
        else "start it inside the session, and copy the context:\n"
        "contextvars.copy_context().run(function)",
    )
    blocked(error)
    raise Refused(error)


def blocked(error: ReplayError) -> None:
    """Note a refusal that no session made: with the context's session, else with all open ones."""
    found = current.get()
    if found is None:
        for each in tuple(opened):
            each.refusals.append(error)
    elif found in opened:
        found.refusals.append(error)
    else:
        strays.append(error)
        # Nobody may look at what a thread raises.
        _log.warning("%s", error)
