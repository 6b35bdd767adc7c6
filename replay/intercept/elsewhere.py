"""Calls of Stripe's clients that no open session answers: they are noted, and go on.

A client with a base of its own (a proxy, a stand-in) is not replay's to answer unless the settings
name that base. Without a note, a test would go online and say only that nothing was played.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from replay.config import Origin, is_loopback
from replay.intercept.current_session import current, open_sessions, standing_aside
from replay.recording.upstream import passing
from replay.stripe_api.call import API_HOST

OWN: set[tuple[str, int]] = set()
"""Host and port of replay's own servers in this process: what asks them is answered by replay."""

listeners: list[Callable[[], None]] = []
"""Each is called for a request to Stripe's API that goes on while no session is open."""

_PATHS = ("/v1/", "/v2/")
_KEYS = ("sk_", "rk_")


def note(scheme: str, host: str, port: int, path: str, headers: Mapping[str, object]) -> None:
    """Note a request that goes on, if a client of Stripe's makes it during a session.

    Args:
        scheme, host, port: where it goes.
        path: its path, with or without the query.
        headers: its headers; text or bytes.
    """
    if (
        path[:4] not in _PATHS
        or (host, port) in OWN
        or passing()
        or standing_aside()
        or not _is_stripes(headers)
    ):
        return
    sessions = open_sessions()
    if not sessions and host == API_HOST:
        for heard in listeners:
            heard()
    session = current.get() or (sessions[0] if len(sessions) == 1 else None)
    if session is None or session not in sessions:
        return
    shown = f"[{host}]" if ":" in host else host
    usual = {"https": 443, "http": 80}.get(scheme)
    base = f"{scheme}://{shown}" + ("" if port == usual else f":{port}")
    answered = Origin.of(session.config.api_base)
    name = (
        f"STRIPE_API_BASE={base} (or --api-base, or api_base=…)"
        if scheme == "https" or is_loopback(host)
        else "replay records from https addresses and from this machine only"
    )
    session.say(
        f"a client of Stripe's asked {base}, which is not replay's to answer: "
        f"it answers {answered}. If that is your API, name it: {name}"
    )


def _is_stripes(headers: Mapping[str, object]) -> bool:
    """Whether headers are those of a request to Stripe's API: its version, or a key of its form."""
    for name, value in headers.items():
        match _text(name).lower():
            case "stripe-version" | "x-stripe-client-user-agent":
                return True
            case "authorization":
                if _text(value).removeprefix("Bearer ").startswith(_KEYS):
                    return True
            case _:
                pass
    return False


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
