"""Which modules count as the user's code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from replay.intercept import user_frames


def runs_as(name: str) -> bool:
    """Whether code of a file of the user's counts as the user's in a module of this name."""
    found: list[bool] = []
    code = compile("note(here())", "/home/me/shop/code.py", "exec")
    exec(  # noqa: S102 - a module under another name
        code,
        {
            "__name__": name,
            "here": lambda: sys._getframe(1),
            "note": lambda frame: found.append(user_frames.is_users(frame)),
        },
    )
    return found[0]


@pytest.mark.parametrize(
    "name",
    [
        "requests.sessions", "shop._vendor.requests.adapters", "shop.vendor.httpx", "vendor.stripe",
        "pip._vendor.urllib3.connectionpool", "botocore.vendored.requests.packages.urllib3",
        "shop.third_party.aiohttp.client",
    ],
)  # fmt: skip
def test_a_copy_of_a_client_is_not_the_users(name: str) -> None:
    """Its frames hold the API key, in whichever package it was put."""
    assert not runs_as(name)


@pytest.mark.parametrize("name", ["shop", "shop.stripe", "shop.requests.forms", "shop.vendor.tax"])
def test_a_module_of_the_users_own_is_the_users(name: str) -> None:
    """It may be called like a client."""
    assert runs_as(name)


def test_a_project_may_lie_below_a_folder_of_any_name(tmp_path: Path) -> None:
    """Below `dist-packages` too; an installed package there is still no code of the user's."""
    folder = tmp_path / "dist-packages"
    project = folder / "shop"
    (project / "tests").mkdir(parents=True)
    (project / "pyproject.toml").touch()
    assert user_frames.is_users_file(str(project / "tests" / "test_pay.py"))
    assert not user_frames.is_users_file(str(folder / "requests" / "adapters.py"))
    assert not user_frames.is_users_file(str(project / ".venv" / "site-packages" / "a" / "b.py"))


def test_a_command_is_not_the_users_however_it_was_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Started by a relative path, a command has that path in its code."""
    commands = Path(sys.executable).parent
    monkeypatch.chdir(commands.parent)
    assert not user_frames.is_users_file(f"{commands.name}/pytest")
    assert not user_frames.is_users_file(str(commands / "pytest"))
    assert user_frames.is_users_file("tests/test_pay.py")
