"""The script that draws the rooms reads imports rightly, and draws a picture that can be read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from graphlib import CycleError
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
SOURCES = {
    "__init__.py": "def __getattr__(name):\n    from replay.top import run\n",
    "base.py": "import os\n",
    "values/__init__.py": "from replay import base\n",
    "values/number.py": "from replay.values import text\n",
    "values/text.py": "",
    "drift/__init__.py": "",
    "drift/judge/__init__.py": "from replay.drift.observe.mark import Mark\n",
    "drift/observe/mark.py": "import replay.base\n",
    "drift/observe/__init__.py": "",
    "top.py": "from replay import base\nfrom replay.values.text import x\n"
    "import replay.drift.judge\n",
}


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import draw_rooms

    yield draw_rooms
    del sys.modules["draw_rooms"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in SOURCES.items():
        path = tmp_path / "replay" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_it_reads_rooms_arrows_and_floors(draw: ModuleType, tree: Path) -> None:
    """Packages and loose modules are rooms, drift's packages are too; later imports count."""
    house = draw.look(tree)
    assert {
        "__init__": {"top"},
        "base": set(),
        "values": {"base"},
        "drift": set(),
        "drift/judge": {"drift/observe"},
        "drift/observe": {"base"},
        "top": {"base", "values", "drift/judge"},
    } == house.arrows
    assert {
        "base": 1, "drift": 1, "values": 2, "drift/observe": 2, "drift/judge": 3, "top": 4,
        "__init__": 5,
    } == house.floor  # fmt: skip
    assert ["__init__", "base", "top"] == house.loose
    assert sum(text.count("\n") for text in SOURCES.values()) == house.lines
    assert "rooms         7\narrows        7\nfloors        5\n" in draw.report(house)


def test_an_arrow_that_a_longer_way_shows_is_left_out(draw: ModuleType, tree: Path) -> None:
    """From the top to the base the way over the values says enough."""
    assert ["drift/judge", "values"] == draw.look(tree).direct["top"]


def test_a_circle_has_no_floors(draw: ModuleType, tree: Path) -> None:
    """Rooms that import each other are named, not drawn."""
    (tree / "replay" / "base.py").write_text("from replay.top import x\n")
    with pytest.raises(CycleError):
        draw.report(draw.look(tree))


def test_no_room_lies_over_another(draw: ModuleType) -> None:
    """In the real picture the rooms and arrows of a floor keep apart; it is drawn alike twice."""
    house = draw.look(SCRIPTS.parent)
    picture = draw.Picture(house)
    for row in picture.rows:
        for left, right in pairwise(row):
            between = (draw.width(left) + draw.width(right)) / 2
            assert picture.x[right] - picture.x[left] >= between + draw.GAP - 0.01
    text = picture.svg()
    assert text == draw.Picture(house).svg()
    shown = ElementTree.fromstring(text).iter()  # noqa: S314 - what was just drawn
    names = {element.text for element in shown if element.tag.endswith("}text")}
    assert house.rooms.keys() <= names
