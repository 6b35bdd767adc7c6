"""Stubs of the test that sit below replay's hooks: in sockets, or in the way of a hook.

A call that such a stub answers is the stub's. The hooks ask here before the session answers, and
then stand aside. The guard at the socket stays: what the stub does not answer goes nowhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from replay.intercept import user_frames
from replay.intercept.current_session import address_of

if TYPE_CHECKING:
    from replay.intercept.patches import Patches
    from replay.model.cassette import Request

_LIBRARIES = frozenset({"unittest", "mock", "respx"})
"""Packages whose functions, in the place of a client's, are stubs."""

layers: dict[str, Callable[[Request], bool]] = {}
"""The imported libraries that stub sockets: whether they answer a request. Almost always empty, so
that the hooks look here before they call `answers`."""


def answers(request: Request) -> bool:
    """Whether a stub in Python's sockets would answer a request."""
    return any(layer(request) for layer in layers.values())


def is_stub(function: Any) -> bool:
    """Whether what stands in the place of a client's function is a stub of the test's own."""
    names = getattr(function, "__globals__", None)
    if names is None:
        return type(function).__module__.partition(".")[0] in _LIBRARIES
    code = getattr(function, "__code__", None)
    return (
        str(names.get("__name__")).partition(".")[0] in _LIBRARIES
        or hasattr(function, "mock")  # made by unittest.mock, with `autospec`
        or (code is not None and user_frames.is_users_file(code.co_filename))
    )


def hook_httpretty(patches: Patches, module: ModuleType) -> None:
    """Ask `httpretty.core` from now on."""

    def answered(request: Request) -> bool:
        stubs = module.httpretty
        if not stubs.is_enabled():
            return False
        host, port = address_of(request.uri)
        parts = urlsplit(request.uri)
        asked = module.URIInfo(hostname=host, port=port, path=parts.path, query=parts.query)
        matcher, _ = stubs.match_uriinfo(asked)
        return matcher is not None and any(
            stub.method == request.method for stub in matcher.entries
        )

    layers["httpretty"] = answered


def hook_mocket(patches: Patches, module: ModuleType) -> None:
    """Ask `mocket.mocket` from now on."""

    def answered(request: Request) -> bool:
        if not sys.modules["socket"].socket.__module__.startswith("mocket"):
            return False
        host, port = address_of(request.uri)
        parts = urlsplit(request.uri)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        line = f"{request.method} {target} HTTP/1.1\r\n\r\n".encode()
        return module.Mocket.get_entry(host, port, line) is not None

    layers["mocket"] = answered
