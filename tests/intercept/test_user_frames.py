"""Which modules count as the user's code."""

from __future__ import annotations

import sys

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
