"""A real Chromium for tests: where it is, how it is started, and whether its text can be read."""

from __future__ import annotations

import os
import shutil
from typing import Any

import pytest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1200,900",
)  # fmt: skip

UNREADABLE = """
        const parse = (c) => c.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
          .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
          .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
        const behind = (e) => { for (; e; e = e.parentElement) {
          const c = parse(getComputedStyle(e).backgroundColor);
          if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
        for (const d of document.querySelectorAll('details')) d.open = true;
        return [...document.querySelectorAll('body *')]
          .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
          .filter((e) => e.checkVisibility() && !['SCRIPT', 'OPTION', 'BUTTON'].includes(e.tagName))
          .map((e) => { const a = light(parse(getComputedStyle(e).color)), b = light(behind(e));
            return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.outerHTML.slice(0, 80)]; })
          .filter(([ratio]) => ratio < 4.5)"""
"""The elements whose text has a contrast of less than 4.5 to 1 (WCAG AA)."""


def require_browser() -> None:
    """Skip the module where Chromium or selenium is missing.

    `make browser` sets REPLAY_BROWSER: there, what is missing is a failure.
    """
    if not os.environ.get("REPLAY_BROWSER"):
        pytest.importorskip("selenium", reason="selenium is not installed: make browser")
        if not CHROMIUM or not DRIVER:
            pytest.skip("Chromium is not installed: make browser", allow_module_level=True)


def told(browser: Any) -> set[tuple[str, str]]:
    """What a screen reader is told: the role and name of each node of Chromium's tree for it."""
    tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    return {
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node.get("ignored")
    }
