"""Which session answers a call: one decision for every hook and for the guard.

A hook asks `owns` by host before it touches a request, and `session` for who answers. The list
of open sessions is kept here; opening and closing them is `installation`'s.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock, RLock, get_ident
from typing import TYPE_CHECKING, NamedTuple

from replay.config import Origin, plain_host
from replay.errors import NoSession, Refused, ReplayError
from replay.recording.upstream import passing
from replay.stripe_api.call import API_HOST

if TYPE_CHECKING:
    from replay.session.session import OpenSession

STRIPE_HOSTS = frozenset(
    {API_HOST, "files.stripe.com", "connect.stripe.com", "meter-events.stripe.com"}
)
"""Hosts of Stripe's API. A call to any of them is answered by its path."""

current: ContextVar[OpenSession | None] = ContextVar("replay_session", default=None)
"""The session of the running context."""

opened: list[OpenSession] = []
"""All open sessions, of any context; changed by `installation` alone, inside of `changing`."""

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

    @property
    def mine(self) -> bool:
        """Whether it is the running thread that pauses: it goes on."""
        return self._thread == get_ident()

    def end(self) -> None:
        """Let the calls that wait go on."""
        self._held.release()

    def waited(self) -> bool:
        """Wait for the end; False if it does not come."""
        over = self._held.acquire(timeout=_PATIENCE)
        if over:
            self._held.release()
        return over


class _Moment(NamedTuple):
    """What a call finds: the open sessions, their live sources, the pause. Replaced as a whole, so
    that no call sees one half of it from before a change and the other from after it."""

    opened: tuple[OpenSession, ...] = ()
    bases: frozenset[Origin] = frozenset()
    pause: Pause | None = None


_now = _Moment()
_changing = RLock()


@contextmanager
def changing() -> Iterator[None]:
    """Change `opened` and `bases` inside of this: calls see all of a change, or nothing."""
    global _now
    with _changing:
        try:
            yield
        finally:
            _now = _now._replace(opened=tuple(opened), bases=frozenset(bases))


def pause(base: str) -> None:
    """Begin a pause, in place of the one before."""
    _pause(Pause(base))


def resume() -> None:
    """End the pause, if there is one; without a session by then, calls that wait are refused."""
    _pause(None)


def _pause(new: Pause | None) -> None:
    global _now
    with _changing:
        before, _now = _now.pause, _now._replace(pause=new)
    if before is not None:
        before.end()


def owns(host: str, port: int | None) -> bool:
    """Whether a request to this host is for a session to answer: never for our own traffic.

    Between two sessions of a run, whoever belongs to none of them waits for the next.
    """
    if passing():
        return False
    own, waited = current.get(), False
    while True:
        now = _now
        if own is not None or now.opened:
            break
        held = now.pause
        if held is None:
            return waited  # and the run has ended meanwhile
        if held.mine or not _is_one(plain_host(host), port, {held.base}):
            return False
        if not held.waited():
            return True
        waited = True
    if host in STRIPE_HOSTS or _is_one(name := plain_host(host), port, now.bases):
        return True
    return own is not None and port is not None and Origin(name, port) == _base(own)


def _is_one(name: str, port: int | None, of: Collection[Origin]) -> bool:
    return name in STRIPE_HOSTS or (port is not None and Origin(name, port) in of)


def _base(session: OpenSession) -> Origin:
    return Origin.of(session.config.api_base)


def session() -> OpenSession:
    """The session that answers here: the context's own, else the only one that is open.

    Raises:
        Refused: with `NoSession`: the thread or task belongs to none of the open sessions.
    """
    found = current.get()
    if found is not None and found in opened:
        return found
    now = _now
    while found is None and not now.opened:
        held = now.pause  # the only one that was open has ended since `owns`
        if held is None or held.mine or not held.waited():
            break
        now = _now
    sessions = now.opened
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
