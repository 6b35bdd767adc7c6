"""Where a relative library of `use_cassettes` is looked for, and where a new one is made."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import requests
from support.clients import HEADERS
from support.standin import DRAFT, StandIn

import replay

SUITE = """
import replay

def block(*library, **options):
    return replay.use_cassettes(*library, **options)

def decorated(*library, **options):
    @replay.use_cassettes(*library, **options)
    def test(do):
        return do()
    return test
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a library at its root and tests in a folder; a folder elsewhere."""
    root = tmp_path / "project"
    (root / "tests").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (root / "pyproject.toml").write_text("[project]\nname = 'shop'\n")
    (root / "tests" / "suite.py").write_text(SUITE)
    return root


def suite(project: Path) -> Any:
    """The functions of the project's test file."""
    return runpy.run_path(str(project / "tests" / "suite.py"))


def ask(stand_in: StandIn) -> Any:
    """Ask the live source for an invoice."""
    return requests.get(f"{stand_in.url}/v1/invoices/{DRAFT}", headers=HEADERS, timeout=5).json()


@pytest.mark.parametrize("start", ["project", "project/tests", "elsewhere"])
@pytest.mark.parametrize("library", [("cassettes",), ()], ids=["named", "default"])
def test_a_relative_library_is_found_from_every_folder(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: StandIn, start: str,
    library: tuple[str, ...],
) -> None:  # fmt: skip
    """It lies beside the project's pyproject.toml, whatever the working directory is."""
    with replay.use_cassettes(project / "cassettes", mode="once", api_base=stand_in.url):
        ask(stand_in)
    stand_in.hits.clear()
    monkeypatch.chdir(tmp_path / start)
    functions = suite(project)
    test = functions["decorated"](*library, api_base=stand_in.url)
    assert "draft" == test(lambda: ask(stand_in)["status"])
    with functions["block"](*library, api_base=stand_in.url) as session:
        assert "draft" == ask(stand_in)["status"]
    assert str(project / "cassettes") == session.config.library
    assert {} == stand_in.hits


@pytest.mark.parametrize("start", ["project", "project/tests", "elsewhere"])
@pytest.mark.parametrize("marker", ["pyproject.toml", "replay.toml", "pytest.ini", ".git"])
def test_a_new_library_is_made_beside_the_projects_configuration(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: StandIn, start: str,
    marker: str,
) -> None:  # fmt: skip
    """One place, whatever the working directory is."""
    (project / "pyproject.toml").unlink()
    (project / marker).touch()
    monkeypatch.chdir(tmp_path / start)
    test = suite(project)["decorated"]("new", mode="once", api_base=stand_in.url)
    assert "draft" == test(lambda: ask(stand_in)["status"])
    assert 1 == len(list((project / "new").rglob("*.yaml")))
    assert [project / "new"] == list(tmp_path.rglob("new"))


def test_the_working_directory_comes_second(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that is not in the project's folder is found where the run was started."""
    (tmp_path / "elsewhere" / "cassettes").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with suite(project)["block"]("cassettes") as session:
        assert str(tmp_path / "elsewhere" / "cassettes") == session.config.library
    (project / "cassettes").mkdir()
    with suite(project)["block"]("cassettes") as session:
        assert str(project / "cassettes") == session.config.library


def test_without_a_project_it_is_the_working_directory(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: StandIn
) -> None:
    """Nothing marks a project above the file: then all is as in the working directory."""
    (project / "pyproject.toml").unlink()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with suite(project)["block"]("new", mode="once", api_base=stand_in.url):
        ask(stand_in)
    assert [tmp_path / "elsewhere" / "new"] == list(tmp_path.rglob("new"))


def test_an_absolute_library_is_looked_for_nowhere_else(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its path is what the error names."""
    (project / "cassettes").mkdir()
    monkeypatch.chdir(project)
    absolute = tmp_path / "elsewhere" / "cassettes"
    with pytest.raises(replay.ConfigError, match="there is no library at this path") as raised:
        suite(project)["decorated"](str(absolute))
    assert str(absolute) == raised.value.where


def test_the_environments_library_belongs_to_the_working_directory(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sets a variable means the folder that the command is started in."""
    (project / "cassettes").mkdir()
    (project / "tests" / "mine").mkdir()
    monkeypatch.chdir(project / "tests")
    monkeypatch.setenv("REPLAY_LIBRARY", "mine")
    with suite(project)["block"]() as session:
        assert str(project / "tests" / "mine") == session.config.library


@pytest.mark.parametrize("library", [("cassettes",), ()], ids=["named", "default"])
def test_where_nothing_is_found_all_folders_are_named(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: tuple[str, ...]
) -> None:
    """The error says where it looked, in this order."""
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(replay.ConfigError, match="no library at any of these paths") as raised:
        suite(project)["decorated"](*library)
    places = (project / "cassettes", tmp_path / "elsewhere" / "cassettes")
    assert ", ".join(map(str, places)) == raised.value.where
    assert "replay record" in raised.value.hint


@pytest.fixture
def foreign(project: Path, tmp_path: Path) -> Path:
    """A folder with settings and a policy of its own, in which the project's tests are run."""
    (tmp_path / "elsewhere" / "replay.toml").write_text("mode = 'all'\n")
    return tmp_path / "elsewhere"


@pytest.mark.parametrize("start", ["project", "project/tests", "elsewhere", "."])
@pytest.mark.parametrize("configured", [True, False], ids=["configured", "policy alone"])
def test_the_projects_settings_and_policy_hold_in_every_folder(
    project: Path, foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str,
    configured: bool,
) -> None:  # fmt: skip
    """A test that is run from elsewhere records no more than from its own project's folder."""
    if configured:
        (project / "pyproject.toml").write_text("[tool.replay]\nmode = 'once'\n")
    policy = project / "replay-policy.toml"
    policy.write_text("[[redact]]\ntype = 'invoice'\npath = 'total'\n")
    monkeypatch.chdir(tmp_path / start)
    with suite(project)["block"](mode=None if configured else "once") as session:
        assert ("once", str(policy)) == (session.config.mode, session.config.policy)


def test_a_project_without_settings_has_those_of_the_working_directory(
    project: Path, foreign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy that holds where the run was started is not lost in a package below it."""
    policy = foreign / "replay-policy.toml"
    policy.write_text("[[redact]]\ntype = 'invoice'\npath = 'total'\n")
    monkeypatch.chdir(foreign)
    with suite(project)["block"]() as session:
        assert ("all", str(policy)) == (session.config.mode, session.config.policy)


def test_the_environments_policy_belongs_to_the_working_directory(
    project: Path, foreign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its path is relative to that, in the project's tests too."""
    (project / "replay.toml").write_text("mode = 'once'\n")
    (foreign / "mine.toml").write_text("[[redact]]\ntype = 'invoice'\npath = 'total'\n")
    monkeypatch.setenv("REPLAY_POLICY", "mine.toml")
    monkeypatch.chdir(foreign)
    with suite(project)["block"]() as session:
        assert ("once", str(foreign / "mine.toml")) == (session.config.mode, session.config.policy)


@pytest.mark.parametrize("library", ["cassettes", "./cassettes", "cassettes/", "x/../cassettes"])
def test_the_folders_that_were_tried_are_named_in_any_spelling(
    project: Path, foreign: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.chdir(foreign)
    with pytest.raises(replay.ConfigError, match="there is no library at any") as raised:
        suite(project)["block"](library, mode="none")
    assert str(project) in raised.value.where
    assert str(foreign) in raised.value.where
