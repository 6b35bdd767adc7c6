"""Patches that meet the patches of others: each is taken out by the one that put it in."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from replay.intercept import anyio
from replay.intercept.patches import Patches


class Owner:
    """What is patched."""

    def ask(self) -> str:
        """The original."""
        return "original"


class Heir(Owner):
    """Has the attribute from its base."""


def patches(owner: Any) -> Patches:
    """Patches that put `ours` in front of whatever `ask` answers."""

    def hook(patches: Patches, module: Any) -> None:
        patches.replace(owner, "ask", lambda original: lambda self: f"ours, {original(self)}")

    made = Patches({"a module": hook})
    _again(made)
    return made


@pytest.mark.parametrize("owner", [Owner, Heir])
def test_out_means_as_it_was(owner: Any) -> None:
    """Also of an attribute that a class has from its base; twice in is once in."""
    before = dict(vars(owner))
    ours = patches(owner)
    ours.install()
    assert "ours, original" == owner().ask()
    ours.remove()
    ours.remove()
    assert before == dict(vars(owner))


def test_a_mock_from_before_that_stops_inside_is_not_put_back() -> None:
    """It is gone, and so are we: what it had put back stays."""
    theirs = mock.patch.object(Owner, "ask", return_value="mock")
    theirs.start()
    ours = patches(Owner)
    assert "ours, mock" == Owner().ask()
    theirs.stop()
    ours.remove()
    assert "original" == Owner().ask()


def test_a_mock_from_inside_stays_until_it_stops() -> None:
    """It works as long as its owner wants it."""
    before = Owner.ask
    ours = patches(Owner)
    with mock.patch.object(Owner, "ask", return_value="mock"):
        ours.remove()
        assert "mock" == Owner().ask()
    Owner.ask = before  # type: ignore[method-assign]  # what it put back was ours


def test_what_others_put_back_is_hooked_again() -> None:
    """A mock from before us takes us out when it stops: the next time to go in, we do."""
    theirs = mock.patch.object(Owner, "ask", return_value="mock")
    theirs.start()
    ours = patches(Owner)
    theirs.stop()
    assert "original" == Owner().ask()
    _again(ours)
    assert "ours, original" == Owner().ask()
    ours.remove()
    assert "original" == Owner().ask()


@pytest.mark.parametrize("owner", [Owner, Heir])
def test_mocks_that_come_and_go_pile_nothing_up(owner: Any) -> None:
    """However often ours go on top of theirs, what is left is ours once, and then the original."""
    before = dict(vars(owner))
    ours = patches(owner)
    for _ in range(3):
        with mock.patch.object(owner, "ask", return_value="mock"):
            _again(ours)
            assert "ours, mock" == owner().ask()
        assert "ours, original" == owner().ask()
        _again(ours)
        assert "ours, original" == owner().ask()
    ours.remove()
    assert before == dict(vars(owner))


def _again(ours: Patches) -> None:
    with mock.patch.dict("sys.modules", {"a module": SimpleNamespace()}):  # type: ignore[dict-item]  # stands for one
        ours.install()


def test_an_older_anyio_has_less_to_hook() -> None:
    """anyio 3 has no runner that tests share: a session opens all the same."""

    def hook(patches: Patches, module: Any) -> None:
        anyio.hook_runner(patches, SimpleNamespace(TestRunner=Owner))  # type: ignore[arg-type]

    before = dict(vars(Owner))
    made = Patches({"sys": hook})
    made.install()
    made.remove()
    assert before == dict(vars(Owner))


def test_a_fake_file_system_that_ends_takes_out_its_own_finder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """pyfakefs takes out the first one. Without its own there, each import after it would fail."""
    theirs = type("DynamicPatcher", (), {"__module__": "pyfakefs.fake_filesystem_unittest"})()
    monkeypatch.setattr(sys, "meta_path", [theirs, *sys.meta_path])
    ours = Patches({})
    ours.install()
    assert theirs is sys.meta_path.pop(0)
    ours.remove()
    ours.install()
    sys.meta_path.pop(0)  # another tool does the same with ours
    ours.remove()
