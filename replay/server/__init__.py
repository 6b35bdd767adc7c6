"""The replay server: sessions behind an HTTP address, for clients in any language.

- `limits`: how much is read from a connection, and for how long.
- `app`: who may ask, and which session answers.
- `error_responses`: errors in the form that Stripe's clients read.
- `sessions`: the named sessions. `journal`: the calls that were served and those that were missing.
- `control`: the pages below ``/_replay/``.
- `running`: sockets and signals.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from replay.errors import ConfigError

if TYPE_CHECKING:
    from replay.config import Config
    from replay.server.app import App

PORT = 12111
"""Where `replay serve` listens by default; stripe-mock's port."""


def create_app(
    config: Config | None = None, *, allow_live: bool = False, hosts: Iterable[str] = (),
    writes_to: str = "",
) -> App:  # fmt: skip
    """The replay server as an ASGI app; its sessions end with the app's lifespan.

    `replay serve` runs it with limits on headers, bodies and slow clients. Under another ASGI
    server, the limits are that server's.

    Args:
        config: the settings; by default those of the environment and configuration file.
        allow_live: record with live-mode keys, and live-mode data.
        hosts: host names that requests may be addressed to, beside those of loopback.
        writes_to: the address of a stand-in that gets writes; empty to refuse them.

    Raises:
        ConfigError: the extra ``server`` is not installed, a setting cannot be used, or there is
            no library in mode ``none``.
        LibraryError: the library is inside an archive, and the mode records.
        PolicyError: the team's policy cannot be used.
    """
    from replay.config import resolve
    from replay.library import Library
    from replay.library.library import storage_of
    from replay.model.modes import RecordMode
    from replay.redaction.policy_source import PolicySource

    settings = config if config is not None else resolve()
    library = Library(settings.library, follow_links=settings.follow_links)
    if settings.mode is RecordMode.NONE:
        storage_of(library).require()
    else:
        storage_of(library).require_writable()
    PolicySource.of(settings).load()
    require_extra()
    from replay.server.app import App
    from replay.server.sessions import Sessions, session_opener

    return App(
        Sessions(session_opener(settings, allow_live=allow_live, writes_to=writes_to)), hosts
    )


def require_extra() -> None:
    """Make sure that the frameworks of the server are installed.

    Raises:
        ConfigError: they are not; says what to run.
    """
    try:
        import httptools  # noqa: F401 - whether it is there
        import starlette  # noqa: F401 - asks whether it is there
        import uvicorn  # noqa: F401 - as above
    except ImportError as error:
        raise ConfigError(
            "the replay server needs packages that are not installed",
            where=str(error.name),
            hint="pip install 'replay-cassettes[server]'",
        ) from error
