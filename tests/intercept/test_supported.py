"""A library of a version that the hooks do not fit is refused, with the versions that do."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from replay.errors import ConfigError, Refused
from replay.intercept import supported
from replay.intercept.installation import HOOKS
from replay.intercept.patches import Patches
from replay.intercept.supported import SUPPORTED, Bounds, checked, require

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has a library say that it is of a version; where it is not installed, a stand-in does."""

    def say(name: str, version: str) -> None:
        package = name.partition(".")[0]
        module = sys.modules.get(package) or ModuleType(package)
        monkeypatch.setitem(sys.modules, package, module)
        monkeypatch.setattr(module, "__version__", version, raising=False)
        require.cache_clear()

    yield say
    require.cache_clear()


def test_each_is_hooked() -> None:
    assert SUPPORTED.keys() <= HOOKS.keys()


@pytest.mark.parametrize("name", SUPPORTED)
def test_the_bounds_hold(name: str, pretend: Any) -> None:
    """The lowest version fits, the one below does not, nor does the first that nobody tried."""
    bounds = SUPPORTED[name]
    for fitting in (bounds.lowest, f"{bounds.lowest}.3", f"{bounds.lowest}rc1"):
        pretend(name, fitting)
        require(name)
    for other in ("0.0.9", bounds.above, f"{bounds.above}.0a1", f"{bounds.above}.1.2"):
        pretend(name, other)
        with pytest.raises(Refused) as caught:
            require(name)
        error = caught.value.error
        assert isinstance(error, ConfigError)
        assert f"{bounds.name} cannot be intercepted: version {other} is none" in error.what
        assert f"pip install --upgrade '{bounds}'" == error.hint


def test_a_part_that_is_gone_is_told() -> None:
    """Nothing is hooked, and no call goes past in silence."""

    def hook(patches: Patches, module: ModuleType) -> None:
        patches.replace(module, "_gone", lambda original: original)

    hooked = checked("urllib3.connectionpool", hook)
    with pytest.raises(Refused) as caught:
        hooked(Patches({}), import_module("urllib3.connectionpool"))
    assert "urllib3 cannot be intercepted: it has no _gone" == caught.value.error.what


def test_what_says_no_version_is_hooked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SUPPORTED, "unheard_of", Bounds("unheard-of", "1", "2"))
    require.cache_clear()
    require("unheard_of")
    assert ">=1,<2" in str(SUPPORTED["unheard_of"])
    assert "" == supported._version("unheard_of", "unheard-of")


OPENS = """
import {0}, {1}
{0}.__version__ = {2!r}
import replay
try:
    with replay.use_cassettes("cassettes"):
        pass
except replay.ConfigError as error:
    print(error)
"""
ANSWERS = """
import vcr
vcr.__version__ = {2!r}
import asyncio, aiohttp, replay
async def ask():
    async with aiohttp.ClientSession() as client:
        url = "https://api.stripe.com/v1/invoices/in_1MtHbELkdIwHu7ixl4OzzPMv"
        await client.get(url, headers={{"Stripe-Version": "2024-06-20"}})
try:
    with replay.use_cassettes("cassettes"):
        asyncio.run(ask())
except replay.ConfigError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("program", "package", "module", "version"),
    [
        (OPENS, "aiohttp", "aiohttp.client", "4.0.0a1"),
        (OPENS, "urllib3", "urllib3.connectionpool", "1.26.20"),
        (OPENS, "vcr", "vcr.cassette", "10.0"),
        (ANSWERS, "vcr", "", "10.0"),
    ],
)
def test_a_session_says_so(program: str, package: str, module: str, version: str) -> None:
    """When it opens, or where vcrpy's stubs are used first; the error names what to install."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program.format(package, module, version)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    assert f"cannot be intercepted: version {version} is none" in done.stdout
    assert "next: pip install --upgrade" in done.stdout


def test_dependencies_have_the_same_bounds() -> None:
    """What pip installs beside replay is what the hooks fit."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [line.replace(" ", "") for line in project["dependencies"]]
    for bounds in SUPPORTED.values():
        if bounds.name in {"vcrpy", "httpx"}:
            assert str(bounds) in wanted
