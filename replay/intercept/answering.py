"""Which session answers a call: one decision for every hook and for the guard.

A hook asks `owns` by host before it touches a request, and `session` for who answers. The list
of open sessions is kept here; opening and closing them is `installation`'s.
"""

from __future__ import annotations

from collections import Counter
from contextvars import ContextVar
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
"""Hosts of Stripe's API. Only the first is answered for; no request reaches the others either."""

current: ContextVar[Session | None] = ContextVar("replay_session", default=None)
"""The session of the running context."""

opened: list[Session] = []
"""All open sessions, of any context; changed by `installation` alone."""

bases: Counter[Origin] = Counter()
"""The live sources of the open sessions: calls to them are answered too."""


def owns(host: str, port: int | None) -> bool:
    """Whether a request to this host is for a session to answer: never for our own traffic."""
    if passing() or (not opened and current.get() is None):
        return False
    if host in STRIPE_HOSTS:
        return True
    name = plain_host(host)
    return name in STRIPE_HOSTS or (port is not None and Origin(name, port) in bases)


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
        where="a thread or task started outside the session",
        hint="start it inside the session, and copy the context:\n"
        "contextvars.copy_context().run(function)",
    )
    blocked(error)
    raise Refused(error)


def blocked(error: ReplayError) -> None:
    """Note a refusal that no session made: with the context's session, else with all open ones."""
    found = current.get()
    for each in (found,) if found in opened else tuple(opened):
        each.refusals.append(error)
