"""The page is one file, says all that was found, and runs nothing that a recording says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from support.recordings import NEW, OLD, Entry, Shelf, pools, recording, takes, twins

from replay.drift.report import report
from replay.model.cassette import Cassette
from replay.render.excerpts import _cut, excerpts
from replay.render.html import to_html

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&\x1b"


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def html(entries: list[Entry]) -> str:
    """The page of some recordings."""
    shelf = dict(entries)
    made = report(Shelf(entries), matrix=True)
    return to_html(made, excerpts(made, shelf.get, shelf.get))


def test_a_page_needs_nothing_but_itself() -> None:
    """No address to load from; scripts and styles are allowed by their digests alone."""
    text = html(twins([{"a": 1}], [{}]))
    page = Page(text)
    assert {"html", "head", "meta", "link", "title", "style", "body", "script"} < {
        tag for tag, _ in page.tags
    }
    assert [] == [a for _, a in page.tags if "src" in a]
    assert {"data:,"} == {a["href"] for _, a in page.tags if "href" in a and a["href"][0] != "#"}
    assert [] == re.findall(r"https?://", text)
    (policy,) = (str(a["content"]) for _, a in page.tags if "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    assert 2 == policy.count("'sha256-")


def test_hostile_names_and_values_are_text() -> None:
    """In findings, excerpts, attributes and the matrix."""
    text = html(twins([{HOSTILE: HOSTILE, "b": 1}], [{"b": HOSTILE}]))
    page = Page(text)
    assert [] == [tag for tag, _ in page.tags if tag == "img"]
    assert 1 == text.count("</script>")
    assert "onerror" in page.words
    assert "\x1b" not in text


def test_a_finding_shows_both_sides_and_can_be_linked_to() -> None:
    """The witness's line is marked; the matrix leads to the finding."""
    text = html(twins([{"a": 1, "b": 2}], [{"b": 2}]))
    (name,) = re.findall(r'<li id="(f-[0-9a-f]{16})"', text)
    assert 2 == text.count(f'<a href="#{name}">')
    assert "<mark>&quot;a&quot;: 1</mark>" in text
    assert f"<h3>{OLD}: integer, present 1 of 1</h3>" in text
    assert f"<h3>{NEW}: nothing, present 0 of 1</h3>" in text


def test_one_finding_in_two_expand_sets_has_two_names() -> None:
    """An ID stands once in a page."""
    entries = twins([{"a": 1}], [{}])
    entries += [
        recording({"a": 1}, OLD, id="in_9A", query="?expand[]=x"),
        recording({}, NEW, id="in_9A", query="?expand[]=x"),
    ]
    names = re.findall(r'<li id="([^"]+)"', html(entries))
    assert 2 == len(set(names))
    assert names[1] == f"{names[0]}-2"


def test_the_heat_map_says_in_words_what_its_colours_say() -> None:
    """Nobody needs to see red."""
    page = html(
        [
            recording({"a": 1, "p": {"x": 1}, "l": [{"y": 1}, {}]}, OLD, batch="b"),
            recording({"p": None, "l": []}, NEW, batch="b"),
        ]
    )
    assert '<td class="all">all</td>' in page
    assert '<td class="no">no</td>' in page
    assert '<td class="some">1 of 2</td>' in page
    assert '<td class="blind"><span class="unseen">not observed</span></td>' in page


def test_moves_acceptance_and_what_would_settle_are_facts_of_a_finding() -> None:
    """All that the terminal says, the page says."""
    sub = "sub_1MowQVLkdIwHu7ix"
    made = report(Shelf(twins([{"d": {"a": sub}}], [{"p": {"d": {"a": sub}}}])))
    (comparison,) = made.comparisons
    known = tuple(replace(finding, accepted="we know") for finding in comparison.findings)
    text = to_html(replace(made, comparisons=(replace(comparison, findings=known),)), {})
    assert "<code>d.a</code> to <code>p.d.a</code>" in text
    assert "<dt>accepted</dt><dd>we know</dd>" in text
    settle = html(pools([{"l": [1]}], [{"l": []}]))
    assert "<code>replay record invoices in_1A0000" in settle


def test_no_drift_is_said() -> None:
    """An empty page would look broken; a finding without witnesses has no sides."""
    assert "No drift seen." in html(twins([{}], [{}]))
    made = report(Shelf(twins([{"a": 1}], [{}])))
    (comparison,) = made.comparisons
    lone = tuple(replace(finding, witnesses=("", "")) for finding in comparison.findings)
    text = to_html(replace(made, comparisons=(replace(comparison, findings=lone),)), {})
    assert '<div class="sides">\n</div>' in text


def test_comparisons_have_titles() -> None:
    """Resource, type, stub, versions, expand set."""
    body = {"object": "invoice", "deleted": True}
    entries = [recording(body, version, query="?expand[]=x") for version in (OLD, NEW)]
    assert f"invoices invoice (deleted): {OLD} → {NEW}, expand x</h2>" in html(entries)


BODY = {
    "a": {"x": 1, "y": [1, 2]},
    "l": [{"z": {}}, 5],
    "long": "x" * 400,
    "many": {str(n): n for n in range(9)},
}


@pytest.mark.parametrize(
    ("expected", "pointer"),
    [
        ([("{", False), ('"x": 1', True), ('"y": [2 items]', False), ("}", False)], "/a/x"),
        ([("{", False), ('"x": 1', False), ('"y": [2 items]', False), ("}", False)], "/a"),
        ([("{", False), ('"z": {}', False), ("}", False)], "/l/0"),
        ([("5", True)], "/l/1"),
        ([("null", True)], "/l/9"),
        ([("null", True)], "/l/x"),
        ([("null", True)], "/a/x/deeper"),
    ],
)
def test_an_excerpt_is_the_object_around_a_pointer(expected: list[Any], pointer: str) -> None:
    """What lies deeper is counted, not shown."""
    assert expected == list(_cut(BODY, pointer))


def test_an_excerpt_is_short() -> None:
    """Long values are cut, long objects shown around the line, large ones by their first keys."""
    lines = [line for line, _ in _cut(BODY, "")]
    assert all(len(line) < 150 for line in lines)
    assert '"many": {"0", "1", "2", "3", …}' in lines
    assert '"a": {"x", "y"}' in lines
    wide = _cut({f"k{n:03}": n for n in range(100)}, "/k050")
    assert 28 == len(wide)
    assert ("…", False) == wide[1] == wide[-2]
    assert ('"k050": 50', True) in wide


def test_each_side_has_its_library_and_a_recording_that_went_has_no_excerpt() -> None:
    """The page is made after the comparison; a file may be gone by then."""
    old, new = recording({"a": 1}, OLD, batch="b"), recording({"b": 2}, NEW, batch="b")
    made = report(Shelf([old, new]))

    def read(file: str) -> Cassette | None:
        return dict([old]).get(file)

    found = excerpts(made, read, read)
    places = {side: lines for (side, _), lines in found.items()}
    assert ('"a": 1', False) in places["old"]
    assert (("null", True),) == places["new"]
    fewer = takes(recording({"a": 1}, OLD), recording({"a": 2}, OLD))
    two = report(Shelf([fewer, recording({"a": "x"}, NEW, batch="b")]))
    assert excerpts(two, dict([old]).get, dict([new]).get)
    (comparison,) = made.comparisons
    lone = tuple(replace(finding, witnesses=("", "")) for finding in comparison.findings)
    made = replace(made, comparisons=(replace(comparison, findings=lone),))
    assert {} == excerpts(made, read, read)
    assert json.dumps([list(lines) for lines in found.values()])


def test_a_library_with_a_hostile_name_is_text() -> None:
    """The name of a folder is no markup."""
    text = to_html(report(Shelf([])), {}, "<img src=x>", "2026-12-01")
    assert "Library <code>&lt;img src=x&gt;</code>" in text
