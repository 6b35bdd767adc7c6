"""The HTML report in a real Chromium: it filters, links, and runs nothing that it should not.

`make browser` installs what it needs and runs it; elsewhere it is skipped where Chromium or
selenium is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browser import UNREADABLE, require_browser, told
from support.recordings import NEW, OLD, Shelf, twins

from replay.drift.acceptance.used import Body, Used, mark_used
from replay.drift.report import report
from replay.render.excerpts import excerpts
from replay.render.html import to_html

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><b>\"'&"

require_browser()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page with findings of many kinds, hostile ones among them."""
    olds = [{"gone": 1, HOSTILE: HOSTILE, "l": [1], "tag": "one", "s": {"x": n}} for n in range(5)]
    news = [{"new": HOSTILE, "l": [], "tag": "one", "s": {"x": n}} for n in range(5)]
    news[0]["tag"] = "two"
    entries = [*twins(olds, news), *twins([{"c": 1}], [{}], resource="charges")]
    shelf = dict(entries)
    made = report(Shelf(entries), matrix=True)
    path = tmp_path_factory.mktemp("page") / "drift.html"
    path.write_text(to_html(made, excerpts(made, shelf.get, shelf.get)), "utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def used_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page of which it is known what tests read: one field that moved."""
    ids = [f"sub_1MowQVLkdIwHu7i{n}" for n in range(3)]
    olds = [{"object": "invoice", "sub": id, "paid": True} for id in ids]
    news = [{"object": "invoice", "p": {"sub": id}} for id in ids]
    used = Used({Body("invoices", "invoice", OLD): {"/sub"}})
    made = mark_used(report(Shelf(twins(olds, news))), used)
    path = tmp_path_factory.mktemp("used") / "drift.html"
    path.write_text(to_html(made, {}, "cassettes", "2026-12-01"), "utf-8")
    return path.as_uri()


@pytest.fixture
def opened(browser: Any, page: str) -> Iterator[Any]:
    """The page, just opened; at the end, the console shows no error."""
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(page)
    yield browser
    assert [] == browser.get_log("browser")


def shown(browser: Any) -> list[str]:
    """The sentences of the findings that can be seen."""
    script = """return [...document.querySelectorAll('.finding')].filter(f => f.offsetParent)
        .map(f => f.querySelector('.what').textContent)"""
    return [text.split(" (")[0] for text in browser.execute_script(script)]


def find(browser: Any, selector: str) -> Any:
    """The first element of a CSS selector."""
    return browser.find_element("css selector", selector)


def test_it_opens_and_shows_every_finding(opened: Any) -> None:
    """Charges come before invoices, and the count is told."""
    assert "API drift" == opened.title
    assert 6 == len(shown(opened))
    assert "6 of 6 findings shown" == find(opened, "#count").text
    assert f"charges: {OLD} → {NEW}" == find(opened, "h2").text


def test_hostile_names_and_values_are_text(opened: Any) -> None:
    """No element was made of them, no script ran."""
    assert [] == opened.find_elements("css selector", "img")
    assert any(HOSTILE in text for text in shown(opened))
    assert "API drift" == opened.title


def test_it_filters_by_severity_grade_comparison_and_words(opened: Any) -> None:
    """What is filtered out is counted; a reset brings it back."""
    from selenium.webdriver.support.ui import Select

    find(opened, "input[value=breaking]").click()
    assert ["tag has new values: two", "new added", f"l was always empty in {NEW}"] == shown(opened)
    assert "3 of 6 findings shown" == find(opened, "#count").text
    find(opened, "input[value=unobserved]").click()
    find(opened, "input[value=likely]").click()
    assert ["new added"] == shown(opened)
    find(opened, "button[type=reset]").click()
    search = find(opened, "#search")
    search.send_keys("field-removed gone")
    assert ["gone removed; set in 5 of 5, found nowhere else"] == shown(opened)
    rows = "return [...document.querySelectorAll('tbody tr')].filter(r => !r.hidden).length"
    assert 0 == opened.execute_script(rows)
    search.clear()
    search.send_keys("s.x")
    assert [] == shown(opened)
    assert 1 == opened.execute_script(rows)
    find(opened, "button[type=reset]").click()
    Select(find(opened, "#comparison")).select_by_value("0")
    assert ["c removed; set in 1 of 1, found nowhere else"] == shown(opened)


def test_a_link_opens_its_finding_even_where_a_filter_hides_it(opened: Any, page: str) -> None:
    """From outside, and from the matrix."""
    name = find(opened, ".finding.warning").get_attribute("id")
    opened.get("about:blank")
    opened.get(f"{page}#{name}")
    assert opened.execute_script("return document.querySelector('.chosen details').open")
    assert name == find(opened, ".chosen").get_attribute("id")
    assert "tag has new values" in opened.switch_to.active_element.text
    find(opened, "input[value=breaking]").click()
    gone = opened.execute_script(
        "return [...document.querySelectorAll('tbody a')].find(a => a.textContent === 'gone').hash"
    )
    opened.execute_script("location.hash = arguments[0]", gone)
    chosen = find(opened, ".chosen")
    assert gone == f"#{chosen.get_attribute('id')}"
    assert chosen.is_displayed()
    opened.execute_script("location.hash = '#%E0%A4%A'")
    opened.execute_script("location.hash = '#nobody'")


def test_it_filters_by_what_tests_read(browser: Any, used_page: str, page: str) -> None:
    """Only where that is known."""
    browser.get(used_page)
    assert 2 == len(shown(browser))
    find(browser, "input[value='not used']").click()
    assert ["sub moved to p.sub"] == shown(browser)
    browser.get(page)
    assert [] == browser.find_elements("css selector", "input[name=tests]")


def test_the_old_and_new_places_are_a_table_to_copy(browser: Any, used_page: str) -> None:
    """As columns, for a ticket or a sheet; what a search hides is not copied."""
    browser.get(used_page)
    browser.execute_script("navigator.clipboard.writeText = async text => { window.pasted = text }")
    find(browser, "#copy").click()
    assert "copied" == find(browser, "#copied").text
    row = "invoice.sub\tinvoice.p.sub\tset in 3 of 3; used by these tests"
    assert f"old\tnew\tevidence\n{row}" == browser.execute_script("return window.pasted")
    find(browser, "#search").send_keys("paid")
    find(browser, "#copy").click()
    assert "old\tnew\tevidence" == browser.execute_script("return window.pasted")


def test_where_the_clipboard_is_closed_the_table_is_selected(browser: Any, used_page: str) -> None:
    """The person copies it."""
    browser.get(used_page)
    browser.execute_script("navigator.clipboard.writeText = () => Promise.reject(new Error())")
    find(browser, "#copy").click()
    assert "selected: copy it now" == find(browser, "#copied").text
    assert "invoice.p.sub" in browser.execute_script("return getSelection().toString()")


def test_the_page_says_of_which_recordings_it_is_and_when_it_was_made(
    browser: Any, used_page: str
) -> None:
    """Someone finds it in a folder next year."""
    browser.get(used_page)
    assert "Library cassettes, 2026-12-01" in find(browser, "header").text


def test_a_row_looks_like_something_to_open(opened: Any) -> None:
    """A triangle that turns."""
    mark = "return getComputedStyle(document.querySelector('summary'), '::before').content"
    closed = opened.execute_script(mark)
    find(opened, ".finding summary").click()
    assert "none" != closed != opened.execute_script(mark)


def test_both_excerpts_stand_side_by_side(opened: Any) -> None:
    """Old on the left; on a narrow screen one below the other."""
    find(opened, ".finding summary").click()
    old, new = opened.find_elements("css selector", ".finding details[open] .sides section")
    assert old.rect["y"] == new.rect["y"]
    assert old.rect["x"] + old.rect["width"] <= new.rect["x"]
    assert '"c": 1' == old.find_element("css selector", "mark").text
    opened.set_window_size(500, 900)
    assert old.rect["x"] == new.rect["x"]
    opened.set_window_size(1200, 900)


def test_the_keyboard_does_all_of_it(opened: Any) -> None:
    """Slash searches, Enter opens, the skip link comes first."""
    from selenium.webdriver.common.keys import Keys

    body = find(opened, "body")
    body.send_keys(Keys.TAB)
    assert "Skip to the findings" == opened.switch_to.active_element.text
    body.send_keys("/")
    assert "search" == opened.switch_to.active_element.get_attribute("id")
    opened.switch_to.active_element.send_keys("gone/")
    assert "gone/" == find(opened, "#search").get_attribute("value")
    opened.switch_to.active_element.send_keys(Keys.BACKSPACE, Keys.ENTER)
    summaries = opened.find_elements("css selector", "summary")
    summary = next(s for s in summaries if s.is_displayed())
    summary.send_keys(Keys.ENTER)
    assert opened.execute_script("return arguments[0].parentElement.open", summary)


def test_a_screen_reader_is_told_what_the_eye_sees(opened: Any) -> None:
    """Names, roles, headers and a live count, as Chromium's accessibility tree has them."""
    assert {
        ("search", ""), ("heading", "API drift"), ("searchbox", "Search"),
        ("checkbox", "breaking"), ("combobox", "Comparison"), ("region", "Findings"),
        ("rowheader", "gone"), ("columnheader", OLD), ("status", ""),
    } <= told(opened)  # fmt: skip
    assert "polite" == find(opened, "#count").get_attribute("aria-live")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["page", "used_page"])
def test_text_can_be_read_in_light_and_dark(
    scheme: str, browser: Any, name: str, request: pytest.FixtureRequest
) -> None:
    """A contrast of 4.5 to 1 at least (WCAG AA), wherever there is text."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(request.getfixturevalue(name))
    assert [] == browser.execute_script(UNREADABLE)
    paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 29)"}[scheme] == paper
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_page_asks_the_network_for_nothing(opened: Any) -> None:
    """Not even for an icon."""
    entries = "return performance.getEntriesByType('resource').map(e => e.name)"
    assert [] == opened.execute_script(entries)


def test_the_page_can_be_read_without_its_script(browser: Any, page: str, tmp_path: Path) -> None:
    """The findings are in the file, and the form that would do nothing is not shown."""
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(page)
    assert not find(browser, "#filters").is_displayed()
    assert 6 == len(browser.find_elements("css selector", ".finding"))
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
