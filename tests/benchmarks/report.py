"""Prints what was measured: medians, ratios with their spread, and the aims beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

TOOLS = ("replay", "cassetter", "vcrpy")
_WIDTHS = (41, 10, 10, 10, 19, 19)


@dataclass(frozen=True)
class Ratio:
    """Median and extremes of the ratio of two tools, taken round by round."""

    middle: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.least:.2f}-{self.most:.2f})"


def ratio(rounds: Sequence[dict[str, float]], one: str, other: str) -> Ratio | None:
    """How much `one` costs of what `other` costs; None where one was not measured."""
    found = [r[one] / r[other] for r in rounds if one in r and other in r]
    return Ratio(median(found), min(found), max(found)) if found else None


def _shown(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} us"


def _line(cells: Sequence[str]) -> None:
    first, *rest = zip(cells, _WIDTHS, strict=True)
    shown = first[0].ljust(first[1]) + "".join(cell.rjust(width) for cell, width in rest)
    print(shown.rstrip(), flush=True)


def head(title: str) -> None:
    """Start a section."""
    print(f"\n{title}")
    _line(["", *TOOLS, "of cassetter", "of vcrpy"])


def row(label: str, rounds: Sequence[dict[str, float]]) -> None:
    """One row: medians of the three tools, and replay's share of the rivals."""
    middles = {
        tool: median(found) if (found := [r[tool] for r in rounds if tool in r]) else None
        for tool in TOOLS
    }
    ratios = [ratio(rounds, "replay", rival) for rival in TOOLS[1:]]
    _line([label, *(_shown(middles[tool]) for tool in TOOLS),
           *(str(r) if r else "-" for r in ratios)])  # fmt: skip


def note(text: str) -> None:
    """A line below a row."""
    print(f"  {text}", flush=True)


def compared(label: str, rounds: Sequence[dict[str, float]], base: str) -> None:
    """Each tool's cost as a multiple of something that is no tool."""
    found = {tool: ratio(rounds, tool, base) for tool in (*TOOLS, "hook")}
    note(f"{label}: " + ", ".join(f"{tool} {shown}" for tool, shown in found.items() if shown))


@dataclass(frozen=True)
class Aim:
    """Something to reach, as a number that is at most `limit`."""

    what: str
    limit: float
    value: float | None
    spread: str = ""

    def print(self) -> None:
        """One line: the aim, what was measured, whether it is met."""
        if self.value is None:
            verdict, shown = "not measured", "-"
        else:
            verdict = "met" if self.value <= self.limit else "MISSED"
            shown = self.spread or f"{self.value:.2f}"
        print(f"{self.what:<52}{f'<= {self.limit:.2f}':>9}{shown:>20}  {verdict}")


def share(what: str, limit: float, rounds: Sequence[dict[str, float]], rival: str) -> Aim:
    """An aim that is replay's share of what a rival costs."""
    found = ratio(rounds, "replay", rival)
    return Aim(what, limit, found.middle if found else None, str(found or ""))
