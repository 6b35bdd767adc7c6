"""Hooks, guard and the open sessions: process-wide, counted, one decision for every hook.

Put in when the first session opens, taken out when the last one leaves. A hook asks `owns` by
host before it touches a request, and `session` for who answers.
"""

from __future__ import annotations

from collections import Counter
from contextvars import ContextVar
from threading import RLock
from typing import TYPE_CHECKING

from replay.call import API_HOST
from replay.config import Origin, plain_host
from replay.errors import NoSession, Refused, ReplayError
from replay.upstream import passing

if TYPE_CHECKING:
    from replay.intercept.patches import Patches
    from replay.session import Session

STRIPE_HOSTS = frozenset(
    {API_HOST, "files.stripe.com", "connect.stripe.com", "meter-events.stripe.com"}
)
"""Hosts of Stripe's API. Only the first is answered for; no request reaches the others either."""

_current: ContextVar[Session | None] = ContextVar("replay_session", default=None)
_lock = RLock()
_open: list[Session] = []
_bases: Counter[Origin] = Counter()
_patches: Patches | None = None


def owns(host: str, port: int | None) -> bool:
    """Whether a request to this host is for a session to answer: never for our own traffic."""
    if not _open or passing():
        return False
    if host in STRIPE_HOSTS:
        return True
    name = plain_host(host)
    return name in STRIPE_HOSTS or (port is not None and Origin(name, port) in _bases)


def session() -> Session:
    """The session that answers here: the context's own, else the only one that is open.

    Raises:
        Refused: with `NoSession`: the thread or task belongs to none of the open sessions.
    """
    found = _current.get()
    if found is not None and found in _open:
        return found
    sessions = tuple(_open)
    if found is None and len(sessions) == 1:
        return sessions[0]
    error = NoSession(
        "this call to the API belongs to a session that is closed"
        if found is not None
        else "no session is open for this call to the API"
        if not sessions
        else f"{len(sessions)} sessions are open, and this thread belongs to none of them",
        where="a thread or task started outside the session",
        hint="start it inside the session, and copy the context:\n"
        "contextvars.copy_context().run(function)",
    )
    blocked(error)
    raise Refused(error)


def blocked(error: ReplayError) -> None:
    """Note a refusal that no session made: with the context's session, else with all open ones."""
    found = _current.get()
    for each in (found,) if found in _open else tuple(_open):
        each.refusals.append(error)


def enter(opened: Session) -> Session | None:
    """Open a session for the running context; returns the one it had, for `leave`."""
    global _patches
    with _lock:
        if _patches is None:
            from replay.intercept import clients

            _patches = clients.patches()
        _bases[Origin.of(opened.config.api_base)] += 1
        _open.append(opened)
        if len(_open) == 1:
            _patches.install()
    before = _current.get()
    _current.set(opened)
    return before


def leave(closed: Session, before: Session | None) -> None:
    """Close a session; the context gets back the one it had. The last one takes the hooks out."""
    _current.set(before)
    with _lock:
        _open.remove(closed)
        base = Origin.of(closed.config.api_base)
        _bases[base] -= 1
        if not _bases[base]:
            del _bases[base]
        if not _open and _patches is not None:
            _patches.remove()
