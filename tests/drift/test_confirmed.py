"""A second look at one version says which differences between twins are due to the version."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from support.recordings import NEW, OLD, recording

from replay.drift.observe.corpus import Paired
from replay.drift.observe.nested import nested_objects, read_take
from replay.drift.observe.pairs import Pair, Take, pairs
from replay.model.cassette import ObjectKey

ITEMS = {"object": "list", "data": [{"id": "il_1", "price": None}, {"id": "il_2", "price": "x"}]}
BEFORE: dict[str, Any] = {"id": "in_1A", "gone": 1, "paid_at": None, "lines": ITEMS}
AFTER: dict[str, Any] = {"id": "in_1A", "paid_at": 1700000000, "lines": {**ITEMS, "data": []}}


def take(body: Any, version: str, **marks: Any) -> Take:
    """A take of a body, fetched in one batch with the others."""
    file, cassette = recording(body, version, batch="x", **marks)
    found = read_take(file, 0, cassette.interactions[0])
    assert found is not None
    return found


def pair(**marks: Any) -> Pair:
    """A pair of twins; the marks are of the old one."""
    (made,) = pairs([take(BEFORE, OLD, **marks)], [take(AFTER, NEW)])
    return made


@pytest.mark.parametrize(
    ("unconfirmed", "gone", "paid"),
    [
        (None, (1, 0), (1, 0)),
        ((), (1, 1), (1, 1)),
        (("/paid_at",), (1, 1), (0, 0)),
        (("/gone",), (0, 0), (1, 1)),
        (("/lines/data/0",), (1, 1), (1, 1)),
        (("",), (0, 0), (0, 0)),
    ],
)
def test_what_a_second_look_does_not_confirm_is_not_controlled(
    unconfirmed: tuple[str, ...] | None, gone: tuple[int, int], paid: tuple[int, int]
) -> None:
    """Events count as controlled only where the second answer agrees; the others as loose."""
    found = Paired()
    found.add([pair(unconfirmed=unconfirmed)])
    for (what, path), (count, confirmed) in {
        ("lost", "/gone"): gone,
        ("denulled", "/paid_at"): paid,
    }.items():
        event = found.controlled.event(what, path)
        assert (0, 0) == (count, confirmed) if event is None else (count, confirmed) == (
            event.count, event.confirmed,
        )  # fmt: skip
        assert found.loose.count(what, path) == 1 - count


def test_a_place_in_a_list_makes_all_items_doubtful() -> None:
    """An event of a path within lists is any item's, so one doubtful item is enough."""
    doubtful = pair(unconfirmed=("/lines/data/1/price",))
    assert doubtful.is_confirmed("/lines/data")
    assert doubtful.is_confirmed("/lines/data/*/id")
    assert not doubtful.is_confirmed("/lines/data/*/price")
    assert not doubtful.is_confirmed("/lines/data/1/price/id")
    assert not pair().is_confirmed("/gone")  # nobody looked


def test_marks_of_both_twins_count() -> None:
    """Where both versions were asked once more, what either showed is doubtful."""
    (made,) = pairs(
        [take(BEFORE, OLD, unconfirmed=("/a",))], [take(AFTER, NEW, unconfirmed=("/b",))]
    )
    assert made.unconfirmed == {"/a", "/b"}
    apart = Pair(made.old, made.new, controlled=True)
    assert apart.unconfirmed is None  # other pairs have no second look


def test_equal_values_join_by_their_name() -> None:
    """A note leads from a place to the twin's; a name that one side alone has leads nowhere."""
    (made,) = pairs(
        [take(BEFORE, OLD, equal_values={"/a": "id-1", "/b": "text-2"})],
        [take(AFTER, NEW, equal_values={"/c/d": "id-1", "/e": "text-3"})],
    )
    assert made.equal_places == {"/a": ("/c/d", "id-1")}
    assert Pair(made.old, made.new, controlled=True).equal_places == {}
    sent = pickle.loads(pickle.dumps(made))  # noqa: S301 - our own bytes
    assert sent.equal_places == made.equal_places


def test_nested_objects_have_the_marks_of_their_place() -> None:
    """Marks below a nested object are told from there; one above it covers all of it."""
    line = {"id": "il_1", "object": "line_item", "price": {"id": "price_1", "object": "price"}}
    for mark, expected in [
        (None, None), ((), ()), (("/lines",), ("",)), (("/x",), ()),
        (("/lines/price/a", "/lines/price"), ("",)), (("/lines/price/a/b",), ("/a/b",)),
    ]:  # fmt: skip
        whole = take({"id": "in_1A", "lines": line}, OLD, unconfirmed=mark)
        (found,) = nested_objects(whole, ObjectKey("invoices", "in_1A"), [("/lines/price", "")], ())
        assert found.take.unconfirmed == expected, mark
