"""The replay server's page in a real Chromium: live, escaped, usable by keyboard and ear."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.browser import UNREADABLE, require_browser, told
from support.served import KEY, OTHER, Served
from support.standin import DRAFT, NEW, OLD, StandIn

import replay
from replay.config import resolve
from replay.server import create_app
from replay.server.running import ServerThread

require_browser()

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\">"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server of a library with two invoices; the title bar of one cassette is hostile."""
    library = tmp_path / "cassettes"
    with StandIn() as stand_in:
        stand_in.add_invoice(OTHER)
        with (
            replay.use_cassettes(library, mode="once", api_base=stand_in.url),
            httpx.Client(base_url=stand_in.url) as client,
        ):
            for id, version in ((DRAFT, OLD), (DRAFT, NEW), (OTHER, NEW)):
                headers = {"Authorization": f"Bearer {KEY}", "Stripe-Version": version}
                client.get(f"/v1/invoices/{id}", headers=headers)
    (library / "invoices" / HOSTILE.replace("/", "-")).mkdir()
    (library / "invoices" / HOSTILE.replace("/", "-") / f"{NEW}.yaml").write_text("damaged")
    app = create_app(resolve(library=library))
    with ServerThread(app) as server, Served(app, server.url) as client:
        yield client
    app.sessions.close()


@pytest.fixture
def opened(browser: Any, served: Served) -> Iterator[Any]:
    """The page, open; at the end the console shows no error."""
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(f"{served.url}/")
    WebDriverWait(browser, 10).until(lambda b: "4 of" in text(b, "#count"))
    yield browser
    assert [] == browser.get_log("browser")
    browser.get("about:blank")


def text(browser: Any, selector: str) -> str:
    """What the first element of a CSS selector says."""
    return str(browser.find_element("css selector", selector).text)


def until(browser: Any, selector: str, wanted: str) -> None:
    """Wait until an element says it: the page asks once a second."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 10).until(
        lambda b: any(wanted in e.text for e in b.find_elements("css selector", selector))
    )


def test_it_says_what_is_recorded(opened: Any) -> None:
    """Every cassette with version and takes; a damaged file with the reason."""
    assert "4 of 4 cassettes shown" == text(opened, "#count")
    assert f"invoices {DRAFT} {NEW} 1" in text(opened, "#recorded tbody")
    assert "mode none" in text(opened, "#about")
    opened.find_element("css selector", "#filter").send_keys(f"{DRAFT} basil")
    assert "1 of 4 cassettes shown" == text(opened, "#count")


def test_it_is_live(opened: Any, served: Served) -> None:
    """What is served and what is missing appears by itself, with the command that records it."""
    assert "Nothing that was asked for was refused." == text(opened, "#missing .empty")
    served.retrieve()
    until(opened, "#served tbody", f"invoices {DRAFT} {NEW} GET 200")
    served.retrieve(DRAFT[:-1] + "w", **{"Replay-Session": "suite"})
    until(opened, "#missing pre", f"record it: replay record invoices {DRAFT[:-1]}w")
    until(opened, "#status", "1 answered, 1 refused")
    served.retrieve(DRAFT[:-1] + "w")
    until(opened, "#missing p", "2 times")
    until(opened, "#sessions tbody", "suite 0 0 1")
    opened.find_element("css selector", "#live").click()
    served.retrieve()
    time.sleep(2)
    assert "1 answered, 2 refused" == text(opened, "#status")
    opened.find_element("css selector", "#live").click()
    until(opened, "#status", "2 answered, 2 refused")


def test_the_focus_stays_while_the_page_changes(opened: Any, served: Served) -> None:
    """Who reads a refusal with the keyboard is not thrown out by the next one."""
    served.retrieve(DRAFT[:-1] + "w")
    until(opened, "#missing pre", "is not recorded")
    opened.execute_script("document.querySelector('#missing button').focus()")
    served.retrieve(DRAFT[:-1] + "x")
    until(opened, "#missing pre", f"{DRAFT[:-1]}x is not recorded")
    assert "Copy the command" == opened.switch_to.active_element.text


def test_hostile_text_is_text(opened: Any, served: Served) -> None:
    """Names of files and of sessions make no element and run no script."""
    served.get("/v1/invoices/" + HOSTILE, headers={"Replay-Session": HOSTILE})
    until(opened, "#missing pre", "not a session name")
    assert [] == opened.find_elements("css selector", "img")
    assert HOSTILE.replace("/", "-") in text(opened, "#recorded tbody")
    assert "replay server" == opened.title


def test_the_keyboard_reaches_everything(opened: Any) -> None:
    """The skip link comes first, slash goes to the filter."""
    from selenium.webdriver.common.keys import Keys

    body = opened.find_element("css selector", "body")
    body.send_keys(Keys.TAB)
    assert "Skip to what is missing" == opened.switch_to.active_element.text
    body.send_keys("/")
    assert "filter" == opened.switch_to.active_element.get_attribute("id")


def test_a_screen_reader_is_told(opened: Any, served: Served) -> None:
    """Names, roles and live regions, as Chromium's accessibility tree has them."""
    served.retrieve()
    until(opened, "#served tbody", DRAFT)
    assert {
        ("heading", "replay server"), ("region", "Missing"), ("region", "Served"),
        ("region", "Recorded"), ("button", "Live"), ("searchbox", "Filter"),
        ("columnheader", "API version"), ("rowheader", f"invoices {DRAFT}"), ("status", ""),
    } <= told(opened)  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(scheme: str, opened: Any, served: Served) -> None:
    """A contrast of 4.5 to 1 at least, wherever there is text."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    served.retrieve()
    served.retrieve("in_1Nothing")
    until(opened, "#missing pre", "not recorded")
    assert [] == opened.execute_script(UNREADABLE)
    paper = opened.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 29)"}[scheme] == paper
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_it_asks_its_own_server_for_data_alone(opened: Any, served: Served) -> None:
    """No font, script, style or image comes from anywhere."""
    entries = "return performance.getEntriesByType('resource').map(e => e.name)"
    own = {f"{served.url}/_replay/state.json", f"{served.url}/_replay/recorded.json"}
    assert own == set(opened.execute_script(entries))


def test_a_page_of_another_origin_is_kept_out(
    opened: Any, served: Served, stand_in: StandIn
) -> None:
    """Neither reading nor a blind POST: a browser's own headers say where it comes from."""
    served.retrieve()
    opened.get(stand_in.url)
    ask = """const done = arguments[arguments.length - 1];
        fetch(arguments[0], {method: arguments[1], mode: 'no-cors'})
          .then((answer) => done(answer.type), (error) => done(String(error)))"""
    reached = [
        opened.execute_async_script(ask, f"{served.url}/_replay/reset", "POST"),
        opened.execute_async_script(ask, f"{served.url}/v1/invoices/{DRAFT}", "GET"),
    ]
    assert ["opaque", "opaque"] == reached
    assert 1 == served.app.sessions.of("").session.counts.played
    opened.get_log("browser")
