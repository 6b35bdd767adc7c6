"""The warning that a client is in use whose connections Python does not show.

It is given once per process and client: when the client is imported while a session is open, or
when a session opens and the client is imported already. It is about the user's line that did so.
Another interpreter is warned of when it is made, or when a session opens and there is one.
"""

from __future__ import annotations

import sys
import warnings
from types import FrameType

from replay.errors import NetworkWarning
from replay.intercept import user_frames
from replay.intercept.clients import UNSHOWN, Client, Way
from replay.intercept.current_session import open_sessions
from replay.intercept.user_frames import Place

_untold: dict[str, Client] = {client.module: client for client in UNSHOWN}
_looked_at: dict[str, int] = {}
"""A client's module -> how many modules there were when `_is_in_use` last looked at them."""

INTERPRETERS = ("_xxsubinterpreters", "_interpreters")
"""Python's modules for more than one interpreter in a process, up to 3.12 and from 3.13 on."""


def imported(client: Client) -> None:
    """Warn of a client that was just imported, if a session is open."""
    if open_sessions() and client.module in _untold and not _quietly_imported(client):
        _tell(client, None)


def used(client: Client) -> None:
    """Warn of a client that is called, if a session is open: see `Client.quiet`."""
    imported(client)


def runs(client: Client) -> None:
    """Warn of a client that is at work, if a session is open, whoever has imported it."""
    if open_sessions() and client.module in _untold:
        _tell(client, None)


def found(at: Place | None) -> None:
    """Warn of each client that is imported already.

    Args:
        at: the line that the warning is about if none of the user's lines is running.

    Raises:
        NetworkWarning: where warnings are errors. The next session raises it again.
    """
    for module in _untold.keys() & sys.modules.keys():
        client = _untold.get(module)  # another thread may have warned of it
        if client is not None and (not client.quiet or _is_in_use(client)):
            _tell(client, at)


def _is_in_use(client: Client) -> bool:
    """Whether a module other than those that import it quietly has the client, or a part of it."""
    module = sys.modules[client.module]
    if client.module in INTERPRETERS and len(module.list_all()) > 1:
        return True
    if _looked_at.get(client.module) == len(sys.modules):  # sessions open often, modules seldom
        return False
    _looked_at[client.module] = len(sys.modules)
    own_parts = [part for name, part in vars(module).items() if not name.startswith("__")]
    parts = {id(module), *(id(part) for part in own_parts if callable(part))}
    own = (client.module, *client.quiet)
    return any(
        name.partition(".")[0] not in own
        and name.partition(".")[0] != "replay"
        and any(id(value) in parts for value in list(vars(other).values()))
        for name, other in list(sys.modules.items())
        if hasattr(other, "__dict__")
    )


def _quietly_imported(client: Client) -> bool:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        if package not in {"replay", "importlib", "", client.module}:
            return package in client.quiet
        frame = frame.f_back
    return False


def _tell(client: Client, at: Place | None) -> None:
    place = user_frames.caller(sys._getframe(1)) or at or Place("sys", 1)
    warnings.warn_explicit(message_of(client), NetworkWarning, *place)
    _untold.pop(client.module, None)


def message_of(client: Client) -> str:
    """What the warning of a client says, and what to do next."""
    name = client.name or client.module
    if client.way is Way.UNSEEN:
        told = f"{name} runs {client.leaves}, without replay's hooks: its calls go online"
        out = "call Stripe's API from this interpreter, or through `replay serve`"
    else:
        seen = "" if client.way is Way.GUARDED else " where replay sees them, else they go online"
        told = (
            f"{name} connects by {client.leaves}, past replay's hooks: "
            f"its calls to Stripe's API are refused{seen}"
        )
        out = "call Stripe's API by requests, httpx, aiohttp or urllib3, or through `replay serve`"
    return (
        f"{told}\n  next: {out}\n        with http://127.0.0.1:12111 as the base address; "
        "if nothing here calls Stripe's API by it:\n"
        f"        filterwarnings = ignore:{name} :replay.NetworkWarning"
    )
