"""The public face: every name importable, unique, documented, and loaded when first used."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import replay
from replay import errors

SOURCE = Path(replay.__file__)


def checked_names() -> dict[str, str]:
    """The names that type checkers see, with their modules: the TYPE_CHECKING block."""
    tree = ast.parse(SOURCE.read_text("utf-8"))
    block = next(
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    return {
        alias.asname or alias.name: str(node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize("name", replay.__all__)
def test_importable(name: str) -> None:
    """Each public name is there, from the home that type checkers are told."""
    found = getattr(replay, name)
    assert found is getattr(importlib.import_module(checked_names()[name]), name)


@pytest.mark.parametrize("name", replay.__all__)
def test_documented(name: str) -> None:
    """Each public name says what it is, in a docstring of its own."""
    found = getattr(replay, name)
    assert found.__doc__
    assert found.__doc__ != object.__doc__
    assert name == found.__name__
    if isinstance(found, type):
        assert "__doc__" in vars(found)


def test_unique_and_sorted() -> None:
    """No name is listed twice; the order is the one that people look names up in."""
    assert len(set(replay.__all__)) == len(replay.__all__)
    assert sorted(replay.__all__) == list(replay.__all__)
    assert sorted(replay.__all__) == dir(replay)


def test_type_checkers_see_the_same() -> None:
    """The TYPE_CHECKING block names exactly what `__all__` does."""
    assert set(replay.__all__) == set(checked_names())


def test_every_error_is_public() -> None:
    """Whatever replay raises on purpose can be caught by its public name."""
    family = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and kind.__module__ == errors.__name__
    }
    assert family == family & set(replay.__all__)


def test_unknown_name() -> None:
    """A name that does not exist is an AttributeError that says so."""
    with pytest.raises(AttributeError, match="module 'replay' has no attribute 'casettes'"):
        replay.casettes  # noqa: B018


def test_star_import() -> None:
    """`from replay import *` in a fresh interpreter gives every public name."""
    code = "from replay import *; import replay; print(set(replay.__all__) - set(globals()))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True, text=True, cwd=SOURCE.parent.parent, check=True,
    )  # fmt: skip
    assert "set()\n" == done.stdout


def test_typed() -> None:
    """Type checkers are told that the package is typed."""
    assert (SOURCE.parent / "py.typed").is_file()


def shown(kind: type) -> set[str]:
    """The public names of a class: what editors offer, and documentation lists."""
    hints = {name for each in kind.__mro__ for name in vars(each).get("__annotations__", {})}
    return {name for name in {*dir(kind), *hints} if not name.startswith("_")}


def test_session_shows_what_users_need() -> None:
    """What hooks and server call is no part of it."""
    old = {"served", "stand_ins", "tally", "used"}
    assert {"calls", "counts"} == shown(replay.Session) - old
    assert {"config", "library", "notes", "refusals"} == documented(replay.Session) & {
        "config",
        "library",
        "notes",
        "refusals",
    }


def documented(kind: type) -> set[str]:
    """The attributes that a class's docstring lists."""
    _, _, listed = (kind.__doc__ or "").partition("Attributes:")
    return {line.split(":")[0].strip() for line in listed.splitlines() if ":" in line}
