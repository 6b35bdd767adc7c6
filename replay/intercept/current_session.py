"""Which session answers a call: the one question of every hook and of the guard.

A hook asks `session_for` with the host, before it touches a request. The session of the running
context answers; where the context has none, the only session that is open. A call that belongs to
none of the open sessions is refused. Between two tests of a run there is a pause: calls of other
threads wait for its end.

`installation` opens and closes sessions; here is the list of those that are open.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event, RLock, get_ident
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from replay.config import Origin, plain_host
from replay.errors import NoSession, Refused, ReplayError
from replay.model.forks import renew_in_child, survives_forks
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

_parts_of: WeakKeyDictionary[OpenSession, tuple[object, ...]] = WeakKeyDictionary()
"""What a session is a part of, the narrowest first: the object of a test, its class, its module."""

_aside: ContextVar[bool] = ContextVar("replay_aside", default=False)
"""Whether the hooks stand aside for a stub of the test."""

orphan_refusals: deque[ReplayError] = deque(maxlen=1000)
"""Refusals of threads and tasks that outlived their session: no open session is to blame."""

_log = logging.getLogger("replay")

_PATIENCE = 30.0
"""Seconds that a call waits for the end of a pause; then it is refused."""


class _Pause:
    """The time between two sessions of a run. The thread that begins it goes on; others wait.

    Args:
        base: the live source of the session before; calls to it wait, too.
    """

    def __init__(self, base: str) -> None:
        self.base = Origin.of(base)
        self._over = Event()
        self._thread = get_ident()
        renew_in_child(self)

    def after_fork(self) -> None:
        """In a forked child: the event's lock may be taken, by a thread that is not there."""
        self._over = Event()

    def began_here(self) -> bool:
        """Whether the running thread began the pause."""
        return self._thread == get_ident()

    def end(self) -> None:
        """Let the calls that wait go on."""
        self._over.set()

    def wait(self) -> bool:
        """Wait for the end; False if it does not come."""
        return self._over.wait(_PATIENCE)


class _State(NamedTuple):
    """What a call finds. It is replaced as a whole, so that no call sees half of a change."""

    sessions: tuple[OpenSession, ...] = ()
    bases: frozenset[Origin] = frozenset()
    """The live sources of the sessions: calls to them are answered, too."""
    pause: _Pause | None = None


_state = _State()
_sessions: list[OpenSession] = []
# The garbage collector may end a session while its thread opens another.
_changing = survives_forks(RLock())


def open_sessions() -> tuple[OpenSession, ...]:
    """All sessions that are open, in any context, the oldest first."""
    return _state.sessions


def live_bases() -> frozenset[Origin]:
    """The live sources of the open sessions."""
    return _state.bases


def add(session: OpenSession) -> None:
    """Let a session answer calls, from now on."""
    with _changing:
        _sessions.append(session)
        _publish()


def remove(session: OpenSession) -> None:
    """Let a session answer no more calls.

    Raises:
        ValueError: it is not open.
    """
    with _changing:
        _sessions.remove(session)
        _publish()


def _publish() -> None:
    global _state
    bases = frozenset(_base(session) for session in _sessions)
    _state = _state._replace(sessions=tuple(_sessions), bases=bases)


def note_parts(session: OpenSession, *parts_of: object) -> None:
    """Note what a session belongs to, so that another can answer in its place after its end.

    For example, `setUpClass` starts a server: the sessions of the class's tests answer its calls.

    Args:
        session: the one whose calls may come later than its end.
        parts_of: a test, its class, its module: the narrowest first. After the session's end, an
            open session that belongs to the same narrowest one answers in its place.
    """
    _parts_of[session] = parts_of


def _going_on_for(own: OpenSession, sessions: tuple[OpenSession, ...]) -> OpenSession | None:
    """The session itself if it is open, else the open session that answers in its place."""
    if own in sessions:
        return own
    narrowest = _parts_of.get(own, ())[:1]
    found = [
        session
        for session in sessions
        if any(part is whole for part in _parts_of.get(session, ()) for whole in narrowest)
    ]
    return found[0] if len(found) == 1 else None


def restore(before: OpenSession | None) -> None:
    """Give the running context back the session that it had, unless that is closed by now."""
    current.set(before if before in _state.sessions else None)


def pause(base: str) -> None:
    """Begin a pause; if there is one already, it ends.

    Args:
        base: the live source of the session before.
    """
    _replace_pause(_Pause(base))


def resume() -> None:
    """End the pause, if there is one; if no session is open then, calls that wait are refused."""
    _replace_pause(None)


def _replace_pause(new: _Pause | None) -> None:
    global _state
    with _changing:
        before, _state = _state.pause, _state._replace(pause=new)
    if before is not None:
        before.end()


def address_of(url: str) -> tuple[str, int]:
    """The host and port of a URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


@contextmanager
def stand_aside() -> Iterator[None]:
    """Let the calls of a block pass the hooks, to a stub of the test that sits below them.

    They do not pass the guard: what the stub does not answer is refused there.
    """
    before = _aside.get()
    _aside.set(True)
    try:
        yield
    finally:
        _aside.set(before)


def standing_aside() -> bool:
    """Whether the running code is on its way to a stub."""
    return _aside.get()


def session_for(host: str, port: int | None) -> OpenSession | None:
    """The session that answers a request to this host; None where the request is not replay's.

    Raises:
        Refused: with `NoSession`: the thread or task belongs to none of the open sessions.
    """
    return None if _aside.get() or not owns(host, port) else answering_session()


def hooks_own(host: str, port: int | None) -> bool:
    """Whether a hook has to have a request to this host answered, and not a stub below it."""
    return not _aside.get() and owns(host, port)


def owns(host: str, port: int | None) -> bool:
    """Whether a session has to answer a request to this host; never for replay's own requests.

    During a pause, a call that belongs to no session waits for the next one.
    """
    if passing():
        return False
    own, waited = current.get(), False
    state = _state
    while own is None and not state.sessions:
        if state.pause is None:
            return waited  # the run ended while this call waited
        if state.pause.began_here() or not _is_api(plain_host(host), port, {state.pause.base}):
            return False
        if not state.pause.wait():
            return True
        waited, state = True, _state
    if host in STRIPE_HOSTS or _is_api(name := plain_host(host), port, state.bases):
        return True
    return own is not None and port is not None and Origin(name, port) == _base(own)


def _is_api(name: str, port: int | None, bases: Collection[Origin]) -> bool:
    return name in STRIPE_HOSTS or (port is not None and Origin(name, port) in bases)


def _base(session: OpenSession) -> Origin:
    return Origin.of(session.config.api_base)


def answering_session() -> OpenSession:
    """The session that answers calls from here: the context's own, else the only one that is open.

    For one that is closed, another session of the same test or class may go on.

    Raises:
        Refused: with `NoSession`: the thread or task belongs to none of the open sessions.
    """
    own = current.get()
    state = _state
    if own is not None:
        if own in state.sessions:
            return own
        answering = _going_on_for(own, state.sessions)
        if answering is None:
            raise _refused(_ENDED)
        return answering
    while not state.sessions:
        # The only session that was open has ended since `owns` was asked.
        if state.pause is None or state.pause.began_here() or not state.pause.wait():
            break
        state = _state
    if len(state.sessions) == 1:
        return state.sessions[0]
    what = "no session is open for this call to the API"
    if state.sessions:
        count = len(state.sessions)
        what = f"{count} sessions are open, and this thread belongs to none of them"
    raise _refused(
        what,
        where="a thread or task started outside the session",
        hint="start it inside the session, and copy the context:\n"
        "contextvars.copy_context().run(function)",
    )


_ENDED = "this call to the API belongs to a session that is closed"


def _refused(
    what: str,
    where: str = "a thread or task that outlived its session",
    hint: str = "wait for it before the session ends: join the thread, await the task",
) -> Refused:
    return note_refusal(NoSession(what, where=where, hint=hint))


def note_refusal(error: ReplayError) -> Refused:
    """Note a refusal that no session made, and wrap it to be raised.

    It is noted with the context's session; where the context has none, with all open sessions; and
    where that session is closed, in `orphan_refusals` and the log.
    """
    own, sessions = current.get(), _state.sessions
    if own is None:
        for each in sessions:
            each.refusals.append(error)
    elif (answering := _going_on_for(own, sessions)) is not None:
        answering.refusals.append(error)
    else:
        orphan_refusals.append(error)
        # Nobody may look at what a thread raises.
        _log.warning("%s", error)
    return Refused(error)
