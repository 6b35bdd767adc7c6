"""Values that all twins replaced in one way changed their meaning; any others are just values."""

from __future__ import annotations

from typing import Any

import pytest
from support.recordings import NEW, OLD, Entry, Shelf, recording, twins

from replay.drift.judge.findings import Finding, Grade, Severity
from replay.drift.judge.side_by_side import together
from replay.drift.observe.corpus import STATUSES, Paired
from replay.drift.observe.nested import read_take
from replay.drift.observe.pairs import Pair, Take
from replay.drift.report import report


def found(olds: list[Any], news: list[Any], **marks: Any) -> list[Finding]:
    """What twins show of one field, `a`, in the state `status`."""
    (comparison,) = report(Shelf(twins(olds, news, **marks)), versions=(OLD, NEW)).comparisons
    return list(comparison.findings)


def changes(olds: list[Any], news: list[Any], name: str = "a") -> list[tuple[str, str]]:
    """Path and way of the changes that twins of some values show."""
    all_found = found([{name: value} for value in olds], [{name: value} for value in news])
    return [(one.path, one.detail) for one in all_found if one.rule == "value-changed"]


@pytest.mark.parametrize(
    ("how", "olds", "news"),
    [
        ("on_sight is now at_once", ["on_sight"] * 3, ["at_once"] * 3),
        ("b is now d, c is now d", ["b", "b", "c", "d"], ["d", "d", "d", "d"]),
        ("times 100", [120, 35, 0, 8], [12000, 3500, 0, 800]),
        ("times 0.001", [2000, 3000, 0, 9000], [2, 3, 0, 9]),
        ("times 10", ["1.25", "3.50", "2.00"], ["12.50", "35.00", "20.00"]),
        ("negated", [5, 7, 0, 9], [-5, -7, 0, -9]),
        ("negated", [5.5, 7.5, -9.25], [-5.5, -7.5, 9.25]),
        ("always 30", [5, 30, 7, 9], [30, 30, 30, 30]),
        ("always false", [True, False, True, True], [False] * 4),
        ("flipped", [True, False, True], [False, True, False]),
        ("at most 2 items", [["x", "y", "z"], ["x"], ["y", "z", "x"], ["z", "y", "x"]],
         [["x", "y"], ["x"], ["y", "z"], ["z", "y"]]),
        ("without link", [["x", "link"], ["link", "y", "x"], ["link", "z"], ["y"]],
         [["x"], ["y", "x"], ["z"], ["y"]]),
        ("a is now q, b is now r, c is now s and 1 more", ["a", "b", "c", "d", "a"],
         ["q", "r", "s", "t", "q"]),
    ],
)  # fmt: skip
def test_one_function_that_fits_all_twins_is_a_change(
    how: str, olds: list[Any], news: list[Any]
) -> None:
    """Zero times a hundred is zero, and what was false stays false: those speak for it too."""
    assert [("/a", how)] == changes(olds, news)
    twin = found([{"a": value} for value in olds], [{"a": value} for value in news])
    assert [("value-changed", Severity.WARNING, Grade.PROVEN)] == [
        (one.rule, one.severity, one.grade) for one in twin
    ]


@pytest.mark.parametrize(
    ("olds", "news"),
    [
        (["one"] * 2, ["two"] * 2),
        (["one", "two", "three"], ["four", "five", "six"]),
        ([["u", "v"], ["w", "x"], ["y", "z"]], [["v"], ["x"], ["z"]]),
        (["one"] * 4, ["two"] * 3 + ["one"]),
        (["one"] * 3, ["two", "two", "three"]),
        ([1, 2, 3, 0], [100, 200, 300, 5]),
        ([1, 2, 3], [200, 400, 600]),
        ([1, 2, 3], [100, 200, 3]),
        ([0, 0, 0], [0, 0, 0]),
        ([5, 5, 5], [-5, -5, 7]),
        ([True, False, True], [False, True, True]),
        (["Some text", "More text", "A text"], ["A text"] * 3),
        ([1, 2, None], [100, 200, 5]),
        ([["x", "y", "w"]] * 3, [["y", "z"], ["x"], ["x", "w"]]),
        ([["x", "y"]] * 3, [[], [], []]),
        ([[1, 2], [3, 4], [5, 6]], [[1], [4], [5]]),
        ([[1, 2], [3, 4, 7], [5, 6]], [[2], [4], [5]]),
    ],
)  # fmt: skip
def test_what_no_function_explains_is_no_change(olds: list[Any], news: list[Any]) -> None:
    """Two pairs, a pair that kept its value, a text, or an empty list, which shows nothing."""
    assert [] == changes(olds, news)


@pytest.mark.parametrize("name", ["balance", "attempt_count", "frozen_time", "updated", "page_url"])
def test_fields_that_live_are_left_out(name: str) -> None:
    """Between two calls they may differ at one version too."""
    assert [] == changes([1, 2, 3], [100, 200, 300], name)
    nested = [{name: {"amount": n}} for n in (1, 2, 3)]
    later = [{name: {"amount": 100 * n}} for n in (1, 2, 3)]
    assert [] == [f for f in found(nested, later) if f.rule == "value-changed"]


def test_pages_of_lists_and_maps_of_users_are_left_out() -> None:
    """The items of a page are those of the moment."""
    olds = [{"l": {"data": [*"xyz"[n:], "q", "r"], "has_more": False}} for n in range(3)]
    news = [{"l": {"data": [], "has_more": True}} for _ in range(3)]
    shorter = [{"l": {"data": old["l"]["data"][:1], "has_more": True}} for old in olds]
    for other in (news, shorter):
        assert "value-changed" not in {f.rule for f in found(olds, other) if f.path == "/l/data"}
    words = [{"metadata": {"kind": "one"}}] * 3, [{"metadata": {"kind": "two"}}] * 3
    assert [] == found(*words)


def test_items_of_lists_are_compared_by_their_id() -> None:
    """Whatever their order."""
    old = [{"id": f"il_{n}", "fee": n} for n in (2, 3, 5)]
    new = [{"id": f"il_{n}", "fee": 100 * n} for n in (5, 3, 2)]
    (one,) = found([{"l": old}] * 3, [{"l": new}] * 3)
    assert ("/l/*/fee", "times 100") == (one.path, one.detail)


def test_stand_ins_and_unconfirmed_places_are_left_out() -> None:
    """A stand-in says nothing, and what a second look did not confirm is no change."""
    olds, news = [{"a": "one"}] * 3, [{"a": "two"}] * 3
    assert [] == found(olds, news, redacted={"/a": "text"})
    assert "value-changed" not in {f.rule for f in found(olds, news, unconfirmed=("/a",))}
    assert "value-changed" in {f.rule for f in found(olds, news, unconfirmed=())}


def test_a_status_that_all_twins_renamed_alike_keeps_them_twins() -> None:
    """No new recording has the old word, no old one the new word: the version has another word."""
    olds = [{"status": "waits_for_card", "gone": n} for n in range(3)] + [{"status": "done"}]
    news = [{"status": "waits_for_method"} for _ in range(3)] + [{"status": "done"}]
    rules = {f.path: (f.rule, f.grade) for f in found(olds, news)}
    assert ("field-removed", Grade.PROVEN) == rules["/gone"]
    assert ("value-changed", Grade.PROVEN) == rules["/status"]


@pytest.mark.parametrize(
    ("olds", "news"),
    [
        (["draft"] * 2, ["open"] * 2),
        (["draft"] * 3 + ["draft"], ["open"] * 3 + ["draft"]),
        (["draft"] * 3 + ["open"], ["open"] * 3 + ["open"]),
        (["draft"] * 4, ["open"] * 3 + ["paid"]),
    ],
)
def test_a_status_that_may_have_moved_on_makes_no_twins(olds: list[str], news: list[str]) -> None:
    """Too few, or one of the words is on both sides."""
    sides = [[{"status": word} for word in words] for words in (olds, news)]
    for n, body in enumerate(sides[0]):
        if body["status"] != sides[1][n]["status"]:
            body["gone"] = 1  # type: ignore[assignment]
    rules = {f.path: (f.rule, f.grade) for f in found(*sides)}
    assert Grade.LIKELY is rules["/gone"][1]
    assert "value-changed" != rules["/status"][0]


@pytest.mark.parametrize(("confirmed", "grade"), [((), Grade.PROVEN), (("/status",), Grade.LIKELY)])
def test_a_status_that_a_second_look_confirmed_is_the_versions(
    confirmed: tuple[str, ...], grade: Grade
) -> None:
    """One pair is enough for that: its old version still says the old word."""
    entries = [
        recording({"id": "in_1A", "status": "a", "gone": 1}, OLD, batch="b", unconfirmed=confirmed),
        recording({"id": "in_1A", "status": "b"}, NEW, batch="b"),
    ]
    (comparison,) = report(Shelf(entries), versions=(OLD, NEW)).comparisons
    assert grade is next(f.grade for f in comparison.findings if f.path == "/gone")


def test_a_tag_that_was_renamed_removes_its_branch() -> None:
    """Where the tag chose otherwise, the branch is merely not seen."""
    olds = [{"p": {"type": "card", "card": {"x": n}}} for n in range(3)]
    renamed = [{"p": {"type": "plastic", "plastic": {"x": n}}} for n in range(3)]
    assert {("/p/type", "value-changed"), ("/p/card", "field-removed"),
            ("/p/plastic", "field-added")} == {
        (f.path, f.rule) for f in found(olds, renamed)
    }  # fmt: skip
    chosen = [{"p": {"type": word, word: {"x": 1}}} for word in ("link", "bank", "link")]
    assert "branch-unseen" == next(f.rule for f in found(olds, chosen) if f.path == "/p/card")
    objects = [[{"o": {"object": word, "x": n}} for n in range(3)] for word in ("card", "tin")]
    assert [("/o/object", "value-changed")] == [(f.path, f.rule) for f in found(*objects)]


def test_changes_of_status_add_up_and_are_bounded() -> None:
    """Shares of a library are counted by several processes; a hostile one has any words."""
    made = [
        Pair(
            *(
                read(recording({"id": "in_1A", "status": word}, version, batch="b"))
                for version, word in ((OLD, f"old_{n}"), (NEW, f"new_{n}"))
            ),
            controlled=False,
            twins=True,
        )
        for n in range(STATUSES + 2)
    ]
    first, second = Paired(), Paired()
    first.add(made[:1])
    second.add([*made[:2], Pair(made[0].old, made[0].old, controlled=True, twins=True)])
    first.merge(second)
    assert {("old_0", "new_0"): 2, ("old_1", "new_1"): 1} == {
        words: events.pairs for words, events in first.restated.items()
    }
    assert {"old_0"} == first.statuses
    many = Paired()
    many.add(made)
    assert (STATUSES, 2) == (len(many.restated), many.loose.pairs)


def read(entry: Entry) -> Take:
    """The only take of a recording."""
    take = read_take(entry[0], 0, entry[1].interactions[0])
    assert take is not None
    return take


def test_only_places_that_both_bodies_have_are_met() -> None:
    """Those within lists and maps one by one."""
    old = {"m": {"a": 1, "b": 2}, "l": [{"id": "x"}, {"id": "y", "n": 1}], "n": None, "q": {}}
    new = {"m": {"b": 3}, "l": [{"id": "y", "n": 2}], "n": {"a": 1}, "q": {"z": 1}}
    met = {path: list(together(old, new, path)) for path in ("/m/*", "/l/*/n", "/n/a", "/q/z")}
    assert {
        "/m/*": [("/m/b", 2, "/m/b", 3)],
        "/l/*/n": [("/l/1/n", 1, "/l/0/n", 2)],
        "/n/a": [],
        "/q/z": [],
    } == met
