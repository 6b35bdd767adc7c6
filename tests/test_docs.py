"""The manual cannot rot: generated pages are current, examples run, links lead somewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import stripe
from support.clients import stripe_client
from support.standin import DRAFT, NEW, StandIn

import replay
from replay.config import ENVIRONMENT
from replay.testing.decorator import OPTIONS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"```python\n(.*?)```", re.DOTALL)
PYTHON = [
    pytest.param(block, id=f"{page.name}-{n}")
    for page in PAGES
    for n, block in enumerate(FENCE.findall(page.read_text("utf-8")))
]


def test_generated_pages_are_current(tmp_path: Path) -> None:
    """What scripts/generate_docs.py would write is what docs/ holds."""
    for folder in ("scripts", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    made = [sys.executable, str(tmp_path / "scripts" / "generate_docs.py")]
    subprocess.run(made, check=True, env={**os.environ, "COLUMNS": "80"})
    for page in sorted((ROOT / "docs").iterdir()):
        assert page.read_text("utf-8") == (tmp_path / "docs" / page.name).read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_that_are_named_exist(page: Path) -> None:
    """What a page names as `library/files`, `library/` or `replay/library/files.py` is there."""
    root = Path(replay.__file__).parent
    for name in re.findall(
        r"`(?:replay/)?([a-z_]+/[a-z_0-9/]*)(?:\.py)?`", page.read_text("utf-8")
    ):
        if (root / name.partition("/")[0]).is_dir():
            assert (root / name).is_dir() or (root / f"{name}.py").exists(), name


def test_every_setting_is_told() -> None:
    """The page of settings names each one with its variable, and each option of a session."""
    text = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    for name, variable in ENVIRONMENT.items():
        assert f"| `{name}` | `{variable}` |" in text
    for name in OPTIONS:
        assert f"`{name}`" in text


def test_every_room_is_told() -> None:
    """The manual's table of rooms names each package and module that lies below `replay/`."""
    root = Path(replay.__file__).parent
    text = (ROOT / "docs" / "internals.md").read_text("utf-8")
    told = {name for row in text.splitlines() if row.startswith("| `") for name in _code(row)}
    rooms = {path.stem for path in root.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert {name for name in rooms if not name.startswith("__")} == told


def _code(row: str) -> list[str]:
    return re.findall(r"`([a-z_]+)`", row.split("|")[1])


@pytest.mark.parametrize("block", PYTHON)
def test_python_examples_run(block: str, stand_in: StandIn) -> None:
    """Every Python block of the manual runs against a library of recorded invoices."""
    with replay.use_cassettes("cassettes", mode="once", api_base=stand_in.url):
        client = stripe_client(stand_in.url, stripe.RequestsClient(), stripe_version=NEW)
        client.v1.invoices.retrieve(DRAFT)
    stand_in.stop()
    names: dict[str, object] = {}
    exec(compile(block, "example", "exec"), names)  # noqa: S102 - the manual's own examples
    for name, value in names.items():
        if name.startswith("test_") and callable(value):
            value()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the project, and a heading that is in it."""
    for target, heading in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", page.read_text("utf-8")):
        if not target.startswith("https:"):
            found = page.parent / target if target else page
            assert found.exists(), target
            assert not heading or heading in _headings(found), f"{target}#{heading}"


def _headings(page: Path) -> set[str]:
    """The names by which links reach the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.slow
def test_the_demo_runs() -> None:
    """`make demo` goes through its steps and finds no private value in what it wrote."""
    command = [sys.executable, str(ROOT / "scripts" / "demo.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    assert "files that hold a private value: 0" in done.stdout
    assert "subscription moved to parent.subscription_details.subscription" in done.stdout
