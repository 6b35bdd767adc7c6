"""The versions of clients and test tools that the hooks fit, as data, and the check of them.

Many hooks rely on parts of a library that are not public. A version that nobody tried might lack
them, or have them with another meaning: then calls would go past the hook in silence. So a version
outside these bounds is refused, with an error that names the ones that fit. ``make plugins`` tries
the lowest and the newest of each.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from replay.errors import ConfigError, Refused

if TYPE_CHECKING:
    from replay.intercept.patches import Hook, Patches


class Bounds(NamedTuple):
    """Versions of a distribution: from `lowest` on, below `above`; an empty one is no bound."""

    name: str
    lowest: str
    above: str

    def __str__(self) -> str:
        parts = [f">={self.lowest}" * bool(self.lowest), f"<{self.above}" * bool(self.above)]
        return self.name + ",".join(filter(None, parts))


SUPPORTED: dict[str, Bounds] = {
    "urllib3.connectionpool": Bounds("urllib3", "2.0", "3"),
    "httpx": Bounds("httpx", "0.28", "1"),
    "httpx2": Bounds("httpx2", "2.0", "3"),
    "httpcore": Bounds("httpcore", "1.0", "2"),
    "httpcore2": Bounds("httpcore2", "2.0", "3"),
    "aiohttp.client": Bounds("aiohttp", "3.11", "4"),
    "httplib2": Bounds("httplib2", "0.22", "1"),
    "tornado.httpclient": Bounds("tornado", "6.4", "7"),
    "vcr.cassette": Bounds("vcrpy", "9.4.2", "10"),
    "responses": Bounds("responses", "0.25", "1"),
    "requests_mock.adapter": Bounds("requests-mock", "1.12", "2"),
    "pytest_httpx._httpx_mock": Bounds("pytest-httpx", "0.35", "1"),
    "respx.mocks": Bounds("respx", "0.22", "1"),
    "aioresponses.core": Bounds("aioresponses", "0.7.8", "1"),
    "pook.engine": Bounds("pook", "2.1", "3"),
    "httpretty.core": Bounds("httpretty", "1.1", "2"),
    "mocket.mocket": Bounds("mocket", "3.13", "4"),
}
"""Module that is hooked -> the versions that the hook fits."""


def checked(name: str, hook: Hook) -> Hook:
    """A hook that goes in only if the library is of a version that it fits."""
    bounds = SUPPORTED.get(name)
    if bounds is None:
        return hook

    def hook_supported(patches: Patches, module: ModuleType) -> None:
        require(name)
        try:
            hook(patches, module)
        except AttributeError as error:
            raise Refused(_error(bounds, f"it has no {error.name or 'such part'}")) from error

    return hook_supported


@cache
def require(name: str) -> None:
    """Make sure that the library of a hooked module is of a version that fits.

    Raises:
        Refused: it is not; carries a `ConfigError` that names the versions that fit.
    """
    bounds = SUPPORTED[name]
    found = _version(name.partition(".")[0], bounds.name)
    given = _numbers(found)
    if given and (
        given < _numbers(bounds.lowest) or (bounds.above and given >= _numbers(bounds.above))
    ):
        raise Refused(_error(bounds, f"version {found} is none that replay was tried with"))


def _error(bounds: Bounds, why: str) -> ConfigError:
    return ConfigError(
        f"{bounds.name} cannot be intercepted: {why}",
        where=bounds.name,
        hint=f"pip install --upgrade '{bounds}'",
    )


def _version(package: str, name: str) -> str:
    """The version of an imported package; empty where nothing says it."""
    module = sys.modules.get(package)
    told = getattr(module, "__version__", None) or getattr(module, "version", None)
    if isinstance(told, str):
        return told
    # It reads the distribution's metadata, which costs more than all the hooks.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()
