"""Draw which parts of replay import which: ``docs/rooms.svg``, made from the code alone.

A *room* is a package below ``replay/`` or a module that lies loose beside the packages; the
packages inside ``drift/`` are rooms of their own. An *arrow* says that some module of one room
imports something of another, at import time, later, or for its types only. A room's *floor* is
the longest way down from it: what stands on floor 1 imports no other room.

``python scripts/draw_rooms.py`` prints the numbers and each room's arrows.
``python scripts/draw_rooms.py OTHER/TREE`` does so for another checkout, an older one perhaps.
``--svg FILE`` writes the picture too. `scripts/generate_docs.py` keeps the one in the manual.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path
from statistics import fmean

ROOT = Path(__file__).parents[1]
PACKAGE = "replay"
SPLIT = {"drift"}
"""Packages whose own packages are drawn apart."""


@dataclass(frozen=True)
class House:
    """What a tree of sources looks like from above.

    Attributes:
        rooms: each room's modules, as dotted names.
        arrows: the rooms that each room imports.
        loose: the rooms that are a single module beside the packages.
        lines: the lines of all modules together.
    """

    rooms: dict[str, list[str]]
    arrows: dict[str, set[str]]
    loose: list[str]
    lines: int

    @cached_property
    def floor(self) -> dict[str, int]:
        """Each room's floor, counted from 1.

        Raises:
            graphlib.CycleError: rooms import each other in a circle.
        """
        found: dict[str, int] = {}
        for room in TopologicalSorter(self.arrows).static_order():
            found[room] = 1 + max((found[below] for below in self.arrows[room]), default=0)
        return found

    @property
    def direct(self) -> dict[str, list[str]]:
        """The arrows that no chain of other arrows says already."""
        below: dict[str, set[str]] = {}
        for room in sorted(self.arrows, key=self.floor.__getitem__):
            below[room] = set().union(*({to} | below[to] for to in self.arrows[room]))
        return {
            room: sorted(
                to for to in rooms if not any(to in below[other] for other in rooms - {to})
            )
            for room, rooms in self.arrows.items()
        }


def look(tree: Path) -> House:
    """Read the sources of a checkout.

    Args:
        tree: the folder that holds ``replay/``.
    """
    root = tree / PACKAGE
    modules = {
        ".".join((PACKAGE, *path.relative_to(root).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): path
        for path in sorted(root.rglob("*.py"))
    }
    packages = {name for name, path in modules.items() if path.stem == "__init__"}
    rooms: dict[str, list[str]] = {}
    arrows: dict[str, set[str]] = {}
    lines = 0
    for name, path in modules.items():
        own = _room(name, packages)
        text = path.read_text("utf-8")
        lines += text.count("\n")
        rooms.setdefault(own, []).append(name)
        found = {_room(target, packages) for target in _imports(text, modules)}
        arrows.setdefault(own, set()).update(found - {own})
    loose = [name.rpartition(".")[2] for name in modules.keys() - packages if name.count(".") == 1]
    return House(rooms, arrows, sorted(["__init__", *loose]), lines)


def _room(module: str, packages: set[str]) -> str:
    """The room that a module belongs to."""
    parts = module.split(".")
    if len(parts) == 1:
        return "__init__"
    if parts[1] in SPLIT and ".".join(parts[:3]) in packages:
        return "/".join(parts[1:3])
    return parts[1]


def _imports(text: str, modules: Mapping[str, Path]) -> Iterator[str]:
    """The modules of the package that a source imports, anywhere in it."""
    for node in ast.walk(ast.parse(text)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [part if part in modules else str(node.module) for part in parts]
        yield from (name for name in names if name in modules)


def report(house: House) -> str:
    """The numbers, and each room's arrows from the top floor down."""
    rows = [
        f"rooms         {len(house.rooms)}",
        f"arrows        {sum(map(len, house.arrows.values()))}",
        f"floors        {max(house.floor.values())}",
        f"loose modules {len(house.loose)}",
        f"modules       {sum(map(len, house.rooms.values()))}",
        f"lines         {house.lines:,}",
        "",
        "loose: " + ", ".join(house.loose),
        "",
    ]
    for room in sorted(house.rooms, key=lambda room: (-house.floor[room], room)):
        below = ", ".join(sorted(house.arrows[room])) or "nothing"
        rows.append(f"{house.floor[room]:>2}  {room} -> {below}")
    return "\n".join(rows) + "\n"


# The picture: one row for each floor. An arrow that skips floors passes between the rooms of the
# rows that it crosses, through a point ("pin") that has a place in the row as a room has.

BOX, PIN = 30, 18
"""The height of a room, and the width that an arrow takes where it passes a row."""
STEP, GAP, MARGIN, LABEL = 74, 22, 24, 46
FACE = "font-family='ui-sans-serif,system-ui,Helvetica,Arial,sans-serif'"

Spot = str | tuple[str, str, int]
"""A room, or a pin: the place where the arrow from one room to another crosses a floor."""


class Picture:
    """Where everything stands: rows of rooms and pins, ordered so that few arrows cross."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.rows: list[list[Spot]] = [[] for _ in range(max(house.floor.values()))]
        self.up: dict[Spot, list[Spot]] = {}
        self.down: dict[Spot, list[Spot]] = {}
        for room in sorted(house.rooms):
            self._put(room, house.floor[room])
        self.ways = [
            self._way(room, to) for room in sorted(house.rooms) for to in house.direct[room]
        ]
        self._order()
        self.x = self._places()

    def _put(self, spot: Spot, floor: int) -> None:
        self.rows[floor - 1].append(spot)
        self.up[spot], self.down[spot] = [], []

    def _way(self, room: str, to: str) -> list[Spot]:
        """An arrow's rooms and pins, from its start to its end."""
        floors = range(self.house.floor[room] - 1, self.house.floor[to], -1)
        pins: list[Spot] = [(room, to, floor) for floor in floors]
        for pin, floor in zip(pins, floors, strict=True):
            self._put(pin, floor)
        way: list[Spot] = [room, *pins, to]
        for above, below in pairwise(way):
            self.down[above].append(below)
            self.up[below].append(above)
        return way

    def _order(self) -> None:
        """Sort each row by where its neighbours stand, to and fro, and keep the best order."""
        best, fewest = [list(row) for row in self.rows], self._crossings()
        for turn in range(60):
            going_up = turn % 2 == 0
            rows = self.rows[1:] if going_up else self.rows[-2::-1]
            near = self.down if going_up else self.up
            for row in rows:
                rank = {spot: n for other in self.rows for n, spot in enumerate(other)}
                row.sort(key=lambda spot: fmean([rank[s] for s in near[spot]] or [rank[spot]]))
            self._swap()
            if (found := self._crossings()) < fewest:
                best, fewest = [list(row) for row in self.rows], found
        self.rows = best

    def _swap(self) -> None:
        """Exchange neighbours in a row while that takes crossings away."""
        better = True
        while better:
            better = False
            for row in self.rows:
                for n in range(len(row) - 1):
                    before = self._crossings()
                    row[n], row[n + 1] = row[n + 1], row[n]
                    if self._crossings() < before:
                        better = True
                    else:
                        row[n], row[n + 1] = row[n + 1], row[n]

    def _crossings(self) -> int:
        found = 0
        for lower, upper in pairwise(self.rows):
            rank = {spot: n for n, spot in enumerate(lower)}
            ends = [n for spot in upper for n in sorted(rank[below] for below in self.down[spot])]
            found += sum(a > b for n, a in enumerate(ends) for b in ends[n + 1 :])
        return found

    def _places(self) -> dict[Spot, float]:
        """The middle of each room and pin: near its neighbours, in order, and none too close."""
        x = {spot: n * 100.0 for row in self.rows for n, spot in enumerate(row)}
        for turn in range(200):
            for row in self.rows if turn % 2 else self.rows[::-1]:
                wished = []
                for spot in row:
                    near = self.up[spot] + self.down[spot]
                    wished.append(fmean(x[other] for other in near) if near else x[spot])
                x.update(zip(row, _apart(row, wished), strict=True))
        left = min(x[spot] - width(spot) / 2 for spot in x)
        return {spot: place - left + MARGIN + LABEL for spot, place in x.items()}

    def svg(self) -> str:
        """The picture as text."""
        wide = round(max(x + width(spot) / 2 for spot, x in self.x.items()) + MARGIN)
        high = MARGIN * 2 + STEP * (len(self.rows) - 1) + BOX
        parts = [
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {wide} {high}' "
            f"width='{wide}' height='{high}' role='img'>",
            "<title>Which rooms of replay import which</title>",
            "<desc>Made by scripts/draw_rooms.py from the imports. Do not edit.</desc>",
            "<defs><marker id='tip' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' "
            "markerHeight='7' orient='auto'>"
            "<path d='M0 0 8 4 0 8z' fill='#5b6675'/></marker></defs>",
            f"<rect width='{wide}' height='{high}' fill='#fff'/>",
        ]
        for n in range(len(self.rows)):
            y = self._y(n + 1)
            parts.append(
                f"<path d='M{MARGIN + 22} {y}H{wide - MARGIN}' stroke='#eef0f3'/>"
                f"<text x='{MARGIN}' y='{y + 4}' {FACE} font-size='12' fill='#8a94a3'>"
                f"{n + 1}</text>"
            )
        parts += [self._arrow(way) for way in self.ways]
        parts += [self._box(room) for room in sorted(self.house.rooms)]
        return "\n".join([*parts, "</svg>"]) + "\n"

    def _y(self, floor: int) -> int:
        return MARGIN + BOX // 2 + STEP * (len(self.rows) - floor)

    def _arrow(self, way: list[Spot]) -> str:
        points = []
        for spot in way:
            floor = self.house.floor[spot] if isinstance(spot, str) else spot[2]
            points.append((self.x[spot], self._y(floor)))
        (x, y), *rest = points
        y += BOX // 2
        text = f"M{x:.0f} {y}"
        for n, (to_x, to_y) in enumerate(rest):
            end = to_y - BOX // 2 - (1 if n == len(rest) - 1 else 0)
            bend = (end - y) * 0.55
            text += f"C{x:.0f} {y + bend:.0f} {to_x:.0f} {end - bend:.0f} {to_x:.0f} {end}"
            if n < len(rest) - 1:
                end += BOX
                text += f"V{end}"
            x, y = to_x, end
        return (
            f"<path d='{text}' fill='none' stroke='#5b6675' stroke-width='1.3' "
            "marker-end='url(#tip)'/>"
        )

    def _box(self, room: str) -> str:
        x, y, wide = self.x[room], self._y(self.house.floor[room]), width(room)
        fill = "#fff7e0" if room in self.house.loose else "#e6f0fb"
        return (
            f"<rect x='{x - wide / 2:.0f}' y='{y - BOX / 2:.0f}' width='{wide}' height='{BOX}' "
            f"rx='6' fill='{fill}' stroke='#44525f'/>"
            f"<text x='{x:.0f}' y='{y + 5}' {FACE} font-size='14' text-anchor='middle' "
            f"fill='#111'>{room}</text>"
        )


def width(spot: Spot) -> int:
    """How much of its row a room or a pin takes."""
    return 22 + 8 * len(spot) if isinstance(spot, str) else PIN


def _apart(row: list[Spot], wished: list[float]) -> list[float]:
    """The places nearest to those wished for that keep the order and the room between.

    Neighbours that would come too close are joined into a block that stands at the mean of what
    its members wish for.
    """
    offset, offsets = 0.0, []
    for n, spot in enumerate(row):
        if n:
            offset += (width(row[n - 1]) + width(spot)) / 2 + GAP
        offsets.append(offset)
    blocks: list[list[float]] = []  # the sum of wishes, and how many they are
    for wish, offset in zip(wished, offsets, strict=True):
        blocks.append([wish - offset, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    starts = [total / count for total, count in blocks for _ in range(int(count))]
    return [start + offset for start, offset in zip(starts, offsets, strict=True)]


def main() -> None:
    """Print the numbers of a tree, and write its picture if asked to."""
    parser = argparse.ArgumentParser(description="Which rooms of replay import which.")
    parser.add_argument("tree", nargs="?", type=Path, default=ROOT, help="another checkout")
    parser.add_argument("--svg", type=Path, help="write the picture to this file")
    chosen = parser.parse_args()
    house = look(chosen.tree)
    print(report(house), end="")
    if chosen.svg:
        chosen.svg.write_text(Picture(house).svg(), "utf-8")


if __name__ == "__main__":
    main()
