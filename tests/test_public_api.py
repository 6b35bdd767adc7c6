"""The public face: every name importable, unique, documented, and loaded when first used."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Callable
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


PUBLIC = {
    "Library": {
        "cassettes", "evidence", "exists", "follow_links", "load", "path", "paths", "read",
        "recorded", "root", "with_evidence",
    },
    "Session": {
        "calls", "config", "counts", "library", "notes", "override", "recorded_at", "refusals",
        "variable",
    },
}  # fmt: skip
"""What users see of a class; to add a name here is to promise it."""


def _session(folder: Path) -> replay.Session:
    """A session as a test has it in hand."""
    folder.mkdir()
    with replay.use_cassettes(folder) as session:
        return session


MADE: dict[str, Callable[[Path], object]] = {"Library": replay.Library, "Session": _session}
"""Makes an object of the class."""


@pytest.mark.parametrize("name", PUBLIC)
def test_public_attributes(name: str, tmp_path: Path) -> None:
    """An object shows the names that are listed, each with a docstring, and no other."""
    made = MADE[name](tmp_path / "cassettes")
    shown = {attribute for attribute in dir(made) if not attribute.startswith("_")}
    assert PUBLIC[name] == shown
    told = documented(getattr(replay, name))
    for attribute in shown:
        assert attribute in told or getattr(type(made), attribute).__doc__


def documented(kind: type) -> set[str]:
    """The attributes that a class's docstring lists."""
    _, _, listed = (kind.__doc__ or "").partition("Attributes:")
    return {line.split(":")[0].strip() for line in listed.splitlines() if ":" in line}


FORMER = {
    "Library": ("check_place", "data", "full", "lock", "nearest", "place", "require",
                "require_writable", "shown", "walk", "write"),
    "Session": ("served", "stand_ins", "tally", "used"),
}  # fmt: skip
"""What 0.1 showed beyond that."""


@pytest.mark.parametrize("attribute", FORMER["Library"])
def test_former_names_of_a_library(attribute: str, tmp_path: Path) -> None:
    """A name that was public in 0.1 still works, and its warning says until when."""
    library = replay.Library(tmp_path)
    with pytest.warns(
        DeprecationWarning, match=rf"Library\.{attribute} goes in replay 0\.3: "
    ) as told:
        found = getattr(library, attribute)
    assert __file__ == told[0].filename
    match attribute:
        case "place":
            assert str(tmp_path) == found
        case "shown":
            assert tmp_path == Path(found).absolute()
        case "full":
            assert str(tmp_path / "invoices" / "x.yaml") == found("invoices/x.yaml")
        case "data":
            assert found("invoices/x.yaml") is None
        case "walk":
            assert [("", [], [])] == list(found())
        case _:
            assert callable(found)


@pytest.mark.parametrize("attribute", FORMER["Session"])
def test_former_names_of_a_session(attribute: str, tmp_path: Path) -> None:
    """Its warning names what to use instead, and points at the code that uses it."""
    session = _session(tmp_path / "cassettes")
    told = rf"session\.{attribute} goes in replay 0\.3: use session\.(counts|calls)"
    with pytest.warns(DeprecationWarning, match=told) as warned:
        found = getattr(session, attribute)
    assert __file__ == warned[0].filename
    assert (session.counts if attribute == "tally" else type(found)()) == found


def test_a_name_that_they_never_had(tmp_path: Path) -> None:
    """It is an AttributeError, as for any object."""
    with pytest.raises(AttributeError, match="'Session' object has no attribute 'cals'"):
        _session(tmp_path / "cassettes").cals  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError, match="'Library' object has no attribute 'shwon'"):
        replay.Library("cassettes").shwon  # type: ignore[attr-defined]  # noqa: B018


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


def test_the_adapter_for_vcrpy_needs_no_import_of_its_own() -> None:
    """`replay.vcr.Persister()` works after `import replay`, as the manual writes it."""
    code = "import replay; print(replay.vcr.Persister().__class__.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Persister\n" == done.stdout
