"""One object at two versions, value by value."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.recordings import NEW, OLD, Entry, recording, takes
from support.writing import unchecked

from replay.drift.object_diff import NotComparable, ObjectDiff, Value, _differences, object_diff
from replay.drift.observe.marks import marks_of
from replay.drift.observe.pairs import Pair, Take
from replay.drift.observe.pointers import value_at
from replay.errors import CassetteNotFound, ConfigError
from replay.library import Library
from replay.library.library import storage_of
from replay.redaction.policy_source import PolicySource

ID = "in_1A"


def library(folder: Path, *entries: Entry) -> Library:
    """A library on disk."""
    made = Library(folder)
    for _, cassette in entries:
        storage_of(made).write(cassette, unchecked)
    return made


def pair(old: Any, new: Any, redacted: dict[str, str] | None = None) -> Pair:
    """Twins of two bodies."""
    sides = (
        Take(f"{n}.yaml", 0, body, redacted or {}, "b", marks_of(body))
        for n, body in enumerate((old, new))
    )
    return Pair(next(sides), next(sides), controlled=True, twins=True)


def shown(old: Any, new: Any) -> list[tuple[str, str, Any, Any]]:
    """What differs: kind, path, both values; `...` where there is none."""
    return [
        (one.kind, one.path, *(... if v is None else v.value for v in (one.old, one.new)))
        for one in _differences(pair(old, new))[0]
    ]


A, B, C = ({"id": f"il_{name}", "n": n} for n, name in enumerate("abc"))


@pytest.mark.parametrize(
    ("expected", "old", "new"),
    [
        ([], {"a": 1}, {"a": 1}),
        ([("changed", "a", 1, 2)], {"a": 1}, {"a": 2}),
        ([("changed", "a", 1, 1.0)], {"a": 1}, {"a": 1.0}),
        ([("changed", "a", 1, True)], {"a": 1}, {"a": True}),
        ([("changed", "a", 1, "1")], {"a": 1}, {"a": "1"}),
        ([("changed", "a", 2**70, 2**70 + 1)], {"a": 2**70}, {"a": 2**70 + 1}),
        ([("removed", "a", None, ...)], {"a": None}, {}),
        ([("added", "a.b", ..., 1), ("added", "a.c", ..., 2)], {}, {"a": {"b": 1, "c": 2}}),
        ([("removed", "a", None, ...), ("added", "a.b", ..., 1)], {"a": None}, {"a": {"b": 1}}),
        ([("added", "a.b", ..., 1)], {"a": {}}, {"a": {"b": 1}}),
        ([("removed", "a[0]", 1, ...)], {"a": [1]}, {"a": []}),
        ([("changed", "a", {}, [])], {"a": {}}, {"a": []}),
        ([("changed", "__a", 1, 2)], {"__a": 1}, {"__a": 2}),
        ([("changed", 'a.""', 1, 2)], {"a": {"": 1}}, {"a": {"": 2}}),
        ([("changed", "x\\u001b[0m", 1, 2)], {"x\x1b[0m": 1}, {"x\x1b[0m": 2}),
        # Half of the keys are others: still key by key.
        (
            [("removed", "a.x", 1, ...), ("added", "a.z", ..., 1)],
            {"a": {"x": 1, "y": 1}},
            {"a": {"y": 1, "z": 1}},
        ),
        ([("removed", "a[1]", 2, ...)], {"a": [1, 2, 3]}, {"a": [1, 3]}),
        ([("changed", "a[10]", 10, 0)], {"a": [*range(11)]}, {"a": [*range(10), 0]}),
        ([("changed", "l[il_b].n", 1, 9)], {"l": [A, B]}, {"l": [A, {**B, "n": 9}]}),
        (
            [("removed", "l[il_a].id", "il_a", ...), ("removed", "l[il_a].n", 0, ...)],
            {"l": [A, B]},
            {"l": [B]},
        ),
        (
            [("added", "l[il_c].id", ..., "il_c"), ("added", "l[il_c].n", ..., 2)],
            {"l": []},
            {"l": [C]},
        ),
        (
            [
                ("reordered", "l", ["il_a", "il_b"], ["il_b", "il_a", "il_c"]),
                ("changed", "l[il_a].n", 0, 9),
                ("added", "l[il_c].id", ..., "il_c"),
                ("added", "l[il_c].n", ..., 2),
            ],
            {"l": [A, B]},
            {"l": [B, {**A, "n": 9}, C]},
        ),
        # Where two items share an ID, they are compared in their order.
        ([("changed", "l[1].n", 0, 9)], {"l": [A, A]}, {"l": [A, {**A, "n": 9}]}),
    ],
)
def test_values_are_compared_one_by_one(
    expected: list[tuple[str, str, Any, Any]], old: Any, new: Any
) -> None:
    """By key; list items by ID where each has one, else in their order."""
    found = shown(old, new)
    assert expected == found
    assert [repr(row) for row in expected] == [repr(row) for row in found]  # 1 is no True, no 1.0


SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "b", 0.5, 1.0])
BODIES = st.dictionaries(
    st.sampled_from(["a", "b", "id", "", "__x", "a/b"]),
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["a", "b", "id"]), inner, max_size=3)
            | st.lists(
                st.fixed_dictionaries({"id": st.sampled_from(["x", "y", "z"]), "v": inner}),
                max_size=3,
            )
        ),
        max_leaves=12,
    ),
    max_size=4,
)


def scalars(value: Any) -> Iterator[str]:
    """The values of a body that are neither object nor list, as JSON."""
    if isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from scalars(child)
    else:
        yield json.dumps(value)


@example(old={"a": [True]}, new={"a": [1]})
@example(old={"a": [1, 1.0]}, new={"a": [1.0, 1]})
@example(old={"a": [0, False]}, new={"a": [False]})
@given(old=BODIES, new=BODIES)
def test_no_value_is_lost_and_each_is_where_it_says(old: Any, new: Any) -> None:
    """The old values without what went, with what came, are the new values."""
    differences, unchanged = _differences(pair(old, new))
    real = [one for one in differences if one.kind != "reordered"]
    for body, values in (
        (old, [one.old for one in (*real, *unchanged)]),
        (new, [one.new for one in real]),
    ):
        for value in values:
            if value is not None:
                assert json.dumps(value.value) == json.dumps(value_at(body, value.pointer))

    def counted(values: list[Value | None]) -> Counter[str]:
        return Counter(s for value in values if value for s in scalars(value.value))

    same = counted([one.old for one in unchanged])
    assert Counter(scalars(old)) == same + counted([one.old for one in real])
    assert Counter(scalars(new)) == same + counted([one.new for one in real])
    for one in real:
        if one.old and one.new:
            assert json.dumps(one.old.value) != json.dumps(one.new.value)


def test_stand_ins_are_marked_with_their_class() -> None:
    """What replaces a private value says nothing of it."""
    bodies = ({"l": [{"id": "il_a", "e": side}], "x": side} for side in ("one", "two"))
    differences, _ = _differences(pair(next(bodies), next(bodies), {"/l/0/e": "email"}))
    assert [("l[il_a].e", "email"), ("x", "")] == [
        (one.path, one.new.stand_in) for one in differences if one.new
    ]


def found(*arguments: Any, **options: Any) -> ObjectDiff:
    """An object that can be compared."""
    made = object_diff(*arguments, **options)
    assert isinstance(made, ObjectDiff)
    return made


def test_twins_are_compared_before_later_recordings(tmp_path: Path) -> None:
    """What was fetched back to back differs by the version alone."""
    old = takes(recording({"n": 1}, batch="b"), recording({"n": 5}))
    new = takes(recording({"n": 2}, NEW, batch="b"), recording({"n": 5}, NEW))
    made = found(library(tmp_path, old, new), ID, (OLD, NEW))
    assert (True, True) == (made.twins, made.same_state)
    assert (OLD, 0, NEW, 0) == (made.old.version, made.old.take, made.new.version, made.new.take)
    assert f"invoices/{ID}/{NEW}.yaml" == made.new.file


def test_of_several_twins_the_latest_are_compared(tmp_path: Path) -> None:
    """Whatever their batches are called."""

    def later(entry: Entry) -> Entry:
        file, cassette = entry
        (take,) = cassette.interactions
        moved = replace(take, recorded_at="2026-02-02T00:00:00Z")
        return file, replace(cassette, interactions=(moved,))

    old = takes(later(recording({"n": 1}, batch="a")), recording({"n": 1}, batch="c"))
    new = takes(later(recording({"n": 2}, NEW, batch="a")), recording({"n": 3}, NEW, batch="c"))
    made = found(library(tmp_path, old, new), ID, (OLD, NEW))
    assert "2026-02-02T00:00:00Z" == made.new.recorded_at
    assert [2] == [one.new.value for one in made.differences if one.new]


def test_recordings_of_other_times_say_so(tmp_path: Path) -> None:
    """The object may have changed in between, unless nothing says so."""
    one = library(tmp_path / "a", recording({"n": 1}), recording({"n": 2}, NEW))
    assert (False, False) == (
        found(one, ID, (OLD, NEW)).twins,
        found(one, ID, (OLD, NEW)).same_state,
    )
    two = library(tmp_path / "b", recording({"n": 1}), recording({"n": 1, "m": 1}, NEW))
    assert (False, True) == (
        found(two, ID, (OLD, NEW)).twins,
        found(two, ID, (OLD, NEW)).same_state,
    )


def test_the_smallest_common_expand_set_is_compared(tmp_path: Path) -> None:
    """What is expanded on one side only would differ by that."""
    expanded = "?expand[]=customer"
    old = takes(recording({"n": 1}), recording({"n": 2}, query=expanded))
    new = takes(recording({"n": 3}, NEW, query=expanded))
    made = found(library(tmp_path, old, new), ID, (OLD, NEW))
    assert ("customer",) == made.expand
    assert [(2, 3)] == [(d.old.value, d.new.value) for d in made.differences if d.old and d.new]


def test_other_expand_sets_are_told_and_can_be_chosen(tmp_path: Path) -> None:
    """What is not shown is not hidden."""
    expanded = "?expand[]=customer"
    old = takes(recording({"n": 1}), recording({"n": 2}, query=expanded))
    new = takes(recording({"n": 1}, NEW), recording({"n": 3}, NEW, query=expanded))
    made = library(tmp_path, old, new)
    least, most = found(made, ID, (OLD, NEW)), found(made, ID, (OLD, NEW), expand=["customer"])
    assert ((), (("customer",),)) == (least.expand, least.other_expands)
    assert (("customer",), ((),)) == (most.expand, most.other_expands)
    assert [(2, 3)] == [(d.old.value, d.new.value) for d in most.differences if d.old and d.new]
    none = missing(made, ID, (OLD, NEW), expand=["charge"])
    assert f"it is not recorded with expand charge at {OLD} and {NEW}" == none.why
    assert "--expand charge" in none.command


def test_the_old_side_may_be_another_library(tmp_path: Path) -> None:
    """At the same version too."""
    old = library(tmp_path / "old", recording({"n": 1}))
    new = library(tmp_path / "new", recording({"n": 2}))
    made = found(new, ID, (OLD, OLD), older=old)
    assert [(1, 2)] == [(d.old.value, d.new.value) for d in made.differences if d.old and d.new]


def test_a_nested_object_is_found_with_and_without_its_parent(tmp_path: Path) -> None:
    """An ID that several objects have is named with more."""
    sources = [
        recording({"n": n}, version, id="card_1A", resource="customers/sources", parents=(parent,))
        for parent in ("cus_1A", "cus_2A")
        for n, version in enumerate((OLD, NEW))
    ]
    one = library(tmp_path / "one", *sources[:2])
    assert 1 == len(found(one, "card_1A", (OLD, NEW)).differences)
    both = library(tmp_path / "both", *sources)
    assert ("cus_2A",) == found(both, "cus_2A/card_1A", (OLD, NEW)).key.parents
    with pytest.raises(ConfigError, match="several objects have the ID card_1A") as raised:
        object_diff(both, "card_1A", (OLD, NEW))
    assert "customers/sources cus_1A/card_1A" in raised.value.hint


def test_a_resource_tells_objects_of_one_id_apart(tmp_path: Path) -> None:
    """Coupons and plans have IDs that people choose."""
    entries = [
        recording({"n": n}, version, id="gold", resource=resource)
        for resource in ("coupons", "plans")
        for n, version in enumerate((OLD, NEW))
    ]
    made = library(tmp_path, *entries)
    with pytest.raises(ConfigError, match="several objects"):
        object_diff(made, "gold", (OLD, NEW))
    assert "plans" == found(made, "gold", (OLD, NEW), resource="plans").key.resource


LONG = "in_1MtHbELkdIwHu7ixl4OzzPM"


def test_an_unknown_id_names_the_nearest(tmp_path: Path) -> None:
    """And how to record it, in words that a shell takes."""
    made = library(tmp_path / "a b", recording({}, id=LONG))
    with pytest.raises(CassetteNotFound, match=f"no recording has the ID {LONG}v") as raised:
        object_diff(made, f"{LONG}v", (OLD, NEW))
    assert (LONG,) == raised.value.nearest
    record = f"replay record invoices {LONG}v --api-version {OLD} --api-version {NEW} --library"
    assert f"did you mean {LONG}?\nrecord it: {record} 'a b'" == raised.value.hint
    with pytest.raises(
        CassetteNotFound, match=f"no recording of charges has the ID {LONG}"
    ) as raised:
        object_diff(made, LONG, (OLD, NEW), resource="charges")
    assert "another resource has it: leave out --resource charges" == raised.value.hint


@pytest.mark.parametrize("private", ["jane.doe@example.com", "Jane Doe; rm -rf /"])
def test_an_id_that_may_be_private_is_not_repeated(tmp_path: Path, private: str) -> None:
    """Neither in the message nor in a command: both stand in the logs of CI."""
    made = library(tmp_path, recording({}))
    with pytest.raises(CassetteNotFound, match="has this ID, which may be private") as raised:
        object_diff(made, private, (OLD, NEW))
    assert "`replay list` names what is recorded" == raised.value.hint
    assert private not in str(raised.value)


def test_a_chosen_id_is_repeated_where_the_policy_keeps_it(tmp_path: Path) -> None:
    """As in a refusal; its resource is the one that was named."""
    made = library(tmp_path, recording({}))
    with pytest.raises(CassetteNotFound) as raised:
        object_diff(made, "gold", (OLD, NEW), resource="plans")
    assert "record it: replay record plans gold --api-version" in raised.value.hint


def test_an_id_that_the_team_keeps_is_repeated(tmp_path: Path) -> None:
    """Also where the resource was not named: a rule says that these IDs are no secret."""
    made = library(tmp_path / "made", recording({}))
    (tmp_path / "policy.toml").write_text(
        '[[keep]]\nresource = "customers"\npattern = "team-[a-z]+-[0-9]+"\n', "utf-8"
    )
    policy = PolicySource(str(tmp_path / "policy.toml"))
    with pytest.raises(CassetteNotFound, match="has the ID team-abc-02"):
        object_diff(made, "team-abc-02", (OLD, NEW), policy=policy)
    with pytest.raises(CassetteNotFound, match="may be private"):
        object_diff(made, "team-abc", (OLD, NEW), policy=policy)


def test_an_object_without_an_id_is_named_by_its_resource(tmp_path: Path) -> None:
    """Or, where it belongs to another object, by the ID of that."""
    bodies = {"object": "balance", "n": 1}, {"object": "balance", "n": 2}
    cash = {"object": "cash_balance", "n": 3}, {"object": "cash_balance", "n": 4}
    customer = "cus_NffrFeUfNV2Hib"
    made = library(
        tmp_path,
        *(recording(body, version, id="", resource="balance")
          for body, version in zip(bodies, (OLD, NEW), strict=True)),
        *(recording(body, version, id="", resource="customers/cash_balance", parents=(customer,))
          for body, version in zip(cash, (OLD, NEW), strict=True)),
    )  # fmt: skip
    for id, values in (("balance", [(1, 2)]), (customer, [(3, 4)])):
        told = found(made, id, (OLD, NEW)).differences
        assert values == [(d.old.value, d.new.value) for d in told if d.old and d.new]
    with pytest.raises(CassetteNotFound) as raised:
        object_diff(library(tmp_path / "other", recording({})), "balance", (OLD, NEW))
    assert "record it: replay record balance --api-version" in raised.value.hint


def test_one_version_cannot_differ_from_itself(tmp_path: Path) -> None:
    """That needs another library."""
    with pytest.raises(ConfigError, match="differ from itself"):
        object_diff(library(tmp_path, recording({})), ID, (OLD, OLD))


def missing(*arguments: Any, **options: Any) -> NotComparable:
    """An object that cannot be compared."""
    made = object_diff(*arguments, **options)
    assert isinstance(made, NotComparable)
    return made


def test_a_version_that_is_not_recorded_is_named_with_the_command(tmp_path: Path) -> None:
    """Both versions are recorded together, so that they are twins."""
    made = missing(library(tmp_path, recording({})), ID, (OLD, NEW))
    assert f"it is not recorded at {NEW}" == made.why
    assert (OLD,) == made.recorded
    record = f"replay record invoices {ID} --api-version {OLD} --api-version {NEW}"
    assert f"{record} --library ." == made.command
    slip = missing(library(tmp_path, recording({})), ID, ("2024-06-21", NEW))
    assert ("2024-06-21 is not recorded: did you mean 2024-06-20?",) == slip.meant
    with pytest.raises(ConfigError, match="'2025' is not an API version"):
        object_diff(library(tmp_path, recording({})), ID, (OLD, "2025"))


def test_an_error_is_no_object(tmp_path: Path) -> None:
    """Nor is what another host answered, where one is asked for."""
    made = library(tmp_path / "a", recording({}), recording({"error": {}}, NEW, status=404))
    told = missing(made, ID, (OLD, NEW))
    assert f"nothing that can be compared is recorded at {NEW}" == told.why
    # By itself, the command would keep what is recorded.
    assert "--mode all" in told.command
    made = library(tmp_path / "b", recording({}), recording({}, NEW, source="localhost"))
    asked = missing(made, ID, (OLD, NEW), source="api.stripe.com")
    assert f"nothing that can be compared is recorded at {NEW}" == asked.why


def test_what_is_missing_in_one_of_two_libraries_is_recorded_there(tmp_path: Path) -> None:
    """The command names that library and that version."""
    old = library(tmp_path / "old", recording({}, "2020-08-27"))
    new = library(tmp_path / "new", recording({}))
    made = missing(new, ID, (OLD, OLD), older=old)
    assert f"it is not recorded at {OLD} in old" == made.why
    assert f"replay record invoices {ID} --api-version {OLD} --library old" == made.command


def test_recordings_of_different_expand_sets_are_not_compared(tmp_path: Path) -> None:
    """They differ by what was asked for."""
    entries = recording({}), recording({}, NEW, query="?expand[]=customer")
    assert "different expand sets" in missing(library(tmp_path, *entries), ID, (OLD, NEW)).why
