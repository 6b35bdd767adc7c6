"""A removal says where its values are now, how sure that is, and how much was to be found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.recordings import NEW, OLD, Entry, Shelf, pools, recording, twins
from support.writing import shelve

from replay.drift.judge.findings import Finding, Grade, Severity
from replay.drift.report import report
from replay.library import Library

Body = dict[str, Any]


def id_of(prefix: str, n: int) -> str:
    """An ID of a type."""
    return f"{prefix}_1Qw{n:04}XyLkdIwHu7ix"


def shown(entries: list[Entry]) -> list[Finding]:
    """The findings of the only comparison."""
    (comparison,) = report(Shelf(entries), versions=(OLD, NEW)).comparisons
    return list(comparison.findings)


def gone(olds: list[Body], news: list[Body], *more: Entry, **marks: Any) -> Finding:
    """The only finding of twins that is no addition."""
    found = shown([*twins(olds, news, **marks), *more])
    (finding,) = [one for one in found if one.rule != "field-added"]
    return finding


def at(finding: Finding) -> tuple[str, str]:
    """Where it is to be read, and how sure that is."""
    assert finding.to is not None, finding
    return finding.to.path, str(finding.to.grade)


def items(*rows: Body) -> Body:
    """A list envelope."""
    return {"object": "list", "data": list(rows), "has_more": False}


def test_a_place_in_a_list_that_both_versions_have() -> None:
    """The old version shipped it first: it is no addition, and it is where to read now."""
    ends = [1_760_000_000 + n for n in range(4)]
    news = [{"seats": items({"id": id_of("si", n), "ends_at": end})} for n, end in enumerate(ends)]
    olds = [{**new, "ends_at": end} for new, end in zip(news, ends, strict=True)]
    found = gone(olds, news)
    assert ("field-moved", "/ends_at", Grade.PROVEN) == (found.rule, found.path, found.grade)
    assert ("/seats/data/*/ends_at", "proven") == at(found)


def test_one_difference_in_an_old_recording_refutes_a_place_that_stayed() -> None:
    """Also in one that has no pair: the two were equal in some objects only."""
    olds = [{"owner": id_of("cus", n), "payer": {"owner": id_of("cus", n)}} for n in range(4)]
    news = [{"payer": old["payer"]} for old in olds]
    assert ("/payer/owner", "proven") == at(gone(olds, news))
    other = {"id": "in_9", "owner": id_of("cus", 7), "payer": {"owner": id_of("cus", 8)}}
    refuted = gone(olds, news, recording(other, OLD, id="in_9"))
    assert (None, "field-removed") == (refuted.to, refuted.rule)
    silent = {"id": "in_9", "owner": id_of("cus", 7), "payer": None}
    more = shown([*twins(olds, news), recording(silent, OLD, id="in_9")])
    assert ("/payer/owner", "proven") == at(next(f for f in more if f.path == "/owner"))


@pytest.mark.parametrize("size", [4, 90])
def test_a_place_under_another_name_is_proven_by_an_id_that_is_nowhere_else(size: int) -> None:
    """An object's ID may be under the object's name; a second name makes it likely."""
    news = [
        {"rows": items({"id": id_of("il", n), "cost": {"details": {"tariff": id_of("price", n)}}})}
        for n in range(size)
    ]
    olds = json.loads(json.dumps(news))
    for n, old in enumerate(olds):
        old["rows"]["data"][0]["plan"] = {"id": id_of("price", n), "object": "plan", "cents": n}
    found = gone(olds, news)
    assert ("field-moved", "/rows/data/*/plan") == (found.rule, found.path)
    assert ("/rows/data/*/cost/details/tariff", "proven") == at(found)
    assert (("/rows/data/*/plan/id", "/rows/data/*/cost/details/tariff"),) == found.parts
    for n, both in enumerate(zip(olds, news, strict=True)):
        for body in both:
            body["rows"]["data"][0]["cost"]["details"]["deep"] = {"copy": id_of("price", n)}
    assert ("/rows/data/*/cost/details/tariff", "likely") == at(gone(olds, news))


def test_several_fields_may_have_gone_to_one_place() -> None:
    """Each of them names it."""
    news = [{"cost": {"tariff": id_of("price", n)}} for n in range(3)]
    olds = [
        {**new, "tariff": id_of("price", n), "plan": {"id": id_of("price", n), "object": "plan"}}
        for n, new in enumerate(news)
    ]
    found = {f.path: at(f) for f in shown(twins(olds, news))}
    assert {"/tariff": ("/cost/tariff", "proven"), "/plan": ("/cost/tariff", "proven")} == found


@pytest.mark.parametrize("value", [1_760_000_001, "20260101.50", "17600000000"])
def test_numbers_under_another_name_that_both_versions_have_are_named_nowhere(value: Any) -> None:
    """Times are equal by chance; under the same name, or in a new place, they are followed."""
    values = [type(value)(f"{value}"[:-1] + str(n)) for n in range(4)]
    olds = [{"finished": v, "created": v} for v in values]
    found = gone(olds, [{"created": v} for v in values])
    assert ("field-removed", None, (4, 4)) == (found.rule, found.to, found.carried)
    fresh = gone([{"finished": v} for v in values], [{"x": {"ended": v}} for v in values])
    assert ("/x/ended", "proven") == at(fresh)
    filled = twins([{"finished": v, "x": None} for v in values], [{"x": v} for v in values])
    assert [None] == [f.to for f in shown(filled) if f.path == "/finished"]
    same = [{"finished": v, "x": {"finished": v}} for v in values]
    stayed = gone(same, [{"x": {"finished": v}} for v in values])
    assert ("/x/finished", "proven") == at(stayed)


def test_support_counts_the_pairs_that_carried_a_value() -> None:
    """Where the place's parent was null, a pair says nothing; it is counted all the same."""
    olds = [{"note": f"A text, number {n}"} for n in range(5)] + [{"note": None}]
    news = [{"more": {"note": old["note"]}} for old in olds[:3]] + [{"more": None}] * 3
    found = gone(olds, news)
    assert ("/more/note", "proven") == at(found)
    assert found.support is not None
    assert (3, 5, (5, 6)) == (found.support.agree, found.support.pairs, found.carried)


def test_a_place_is_named_in_a_fixed_order_and_a_tie_names_all() -> None:
    """New, same name, no list, same parent, shallow."""
    values = [id_of("src", n) for n in range(3)]
    olds = [{"a": {"ref": v}, "kept": {"other": v}} for v in values]

    def best(place: Any) -> str:
        found = gone(olds, [{"a": {"x": 1}, "kept": {"other": v}, **place(v)} for v in values])
        return found.to.path if found.to else found.detail

    assert "/new" == best(lambda v: {"new": v})
    assert "/b/ref" == best(lambda v: {"new": v, "b": {"ref": v}})
    assert "/deep/er/new" == best(lambda v: {"l": [{"new": v}], "deep": {"er": {"new": v}}})
    assert "/kept/other" == best(lambda v: {})
    tie = best(lambda v: {"x": {"one": v}, "y": {"two": v}})
    assert "may be at /x/one or /y/two" == tie


def test_an_object_whose_id_lives_on_is_one_finding_that_names_the_place() -> None:
    """Also where a person chose the ID as one word."""
    for code in ("PLUMS{}XJ", "autumn_sale_{}"):
        codes = [code.format(letter) for letter in "abcd"]
        olds = [{"voucher": {"id": one, "object": "v", "on": True}} for one in codes]
        news = [{"offer": {"kind": "voucher", "voucher": one}} for one in codes]
        found = shown(twins(olds, news))
        assert [("field-moved", "/voucher"), ("field-added", "/offer")] == [
            (f.rule, f.path) for f in found
        ]
        assert ("/offer/voucher", "proven") == at(found[0])


def test_a_list_whose_items_values_are_in_another_list_names_that_list() -> None:
    """Item by item, whatever the values are called there."""
    rates = [id_of("txr", n) for n in range(4)]
    olds = [{"taxes": [{"rate": rate, "amount": 5}]} for rate in rates]
    news = [{"duties": [{"amount": 5, "details": {"tax_rate": rate}}]} for rate in rates]
    found = gone(olds, news)
    assert ("field-renamed", "/taxes") == (found.rule, found.path)
    assert ("/duties", "proven") == at(found)
    assert (("/taxes/*/rate", "/duties/*/details/tax_rate"),) == found.parts
    assert "/duties" == at(gone([{"taxes": [r]} for r in rates], news))[0]
    envelopes = [{"taxes": items({"rate": rate})} for rate in rates]
    assert "/duties" == at(gone(envelopes, news))[0]
    apart = [{"duties": [{"a": rates[n]}], "l": [{"b": id_of("x", n)}]} for n in range(4)]
    split = [{"taxes": [{"rate": rates[n], "other": id_of("x", n)}]} for n in range(4)]
    parted = gone(split, apart)
    assert (None, 2) == (parted.to, len(parted.parts))


def test_what_only_some_objects_of_a_pool_lost_names_a_place_that_stayed_and_does_not_break() -> (
    None
):
    """Pairs recorded at different times, some of which had it, show less than a removal."""
    entries = []
    for n in range(4):
        id, sub = id_of("in", n), id_of("sub", n)
        old = {"id": id, "status": "draft", "sub": sub, "p": {"sub": sub}}
        entries += [recording(old if n else {**old, "sub": sub}, OLD, id=id)]
        entries += [recording({"id": id, "status": "paid", "p": {"sub": sub}}, NEW, id=id)]
    entries += [recording({"id": "in_1Z", "p": None}, OLD, id="in_1Z")]
    (found,) = [f for f in shown(entries) if f.path == "/sub"]
    assert ("field-unseen", Severity.WARNING, "/p/sub") == (
        found.rule,
        found.severity,
        at(found)[0],
    )


def test_a_value_that_fills_a_place_which_was_always_null_moved_there() -> None:
    """The place is new in all but its name; that it is filled is no finding of its own."""
    olds = [{"sub": id_of("sub", n), "p": {"sub_id": None}} for n in range(3)]
    news = [{"p": {"sub_id": old["sub"]}} for old in olds]
    (found,) = shown(twins(olds, news))
    assert ("/p/sub_id", "proven") == at(found)


@pytest.mark.parametrize(("name", "grade"), [("id-{}", "proven"), ("text-{}", "likely")])
def test_values_that_recordings_note_as_equal_are_followed(name: str, grade: str) -> None:
    """Today's policy replaces what it does not know; the twins know that it was one value."""
    entries = []
    for n in range(3):
        id, note = id_of("in", n), name.format(n + 1)
        old = {"id": id, "sub": id_of("sub", n) if grade == "proven" else f"A text {n} of it"}
        new = {"id": id, "origin": {"contract": f"Redacted {n:08}"}}
        entries += [
            recording(old, OLD, id=id, batch=id, equal_values={"/sub": note}),
            recording(
                new, NEW, id=id, batch=id, redacted={"/origin/contract": "text"},
                equal_values={"/origin/contract": note},
            ),
        ]  # fmt: skip
    (found,) = shown(entries)
    assert ("/origin/contract", grade) == at(found)
    assert Grade.PROVEN is found.grade


def test_values_that_are_stand_ins_on_both_sides_are_followed_by_their_notes() -> None:
    """Each pair notes a value of its own."""
    entries = []
    for n in range(3):
        id = id_of("in", n)
        for version, place in ((OLD, "/mail"), (NEW, "/post")):
            body = {"id": id, place[1:]: f"{place} stand-in {n}"}
            entries.append(
                recording(
                    body, version, id=id, batch=id, redacted={place: "text"},
                    equal_values={place: "text-1"},
                )
            )  # fmt: skip
    (found,) = shown(entries)
    assert ("field-renamed", ("/post", "likely")) == (found.rule, at(found))


def test_a_removal_without_a_place_says_how_much_there_was_to_find() -> None:
    """Null everywhere is no loss."""
    olds: list[Body] = [{"quote": None, "flag": True}] * 3 + [{"quote": None, "flag": None}]
    found = {f.path: f.carried for f in shown(twins(olds, [{}] * 4))}
    assert {"/quote": (0, 4), "/flag": (3, 4)} == found


def test_an_object_that_held_one_thing_alone_is_told_by_that_thing() -> None:
    """Code reads the inner one."""
    olds = [{"p": {"details": {"sub": id_of("sub", n)}}} for n in range(3)]
    found = gone(olds, [{"sub": id_of("sub", n)} for n in range(3)])
    assert ("/p/details/sub", "/sub") == (found.path, at(found)[0])
    whole = [{"p": {"d": {"sub": id_of("sub", n), "x": 1}}} for n in range(3)]
    found = gone(whole, [{"d": body["p"]["d"]} for body in whole])
    assert ("/p/d", "/d") == (found.path, at(found)[0])


def test_pools_of_two_accounts_show_nothing() -> None:
    """Two libraries may be recordings of two accounts, which use other things."""
    old, new = (Shelf(pools(*sides)) for sides in (([{"a": 1}] * 30, []), ([], [{}] * 30)))
    for entries in (old.entries, new.entries):
        for n, (file, cassette) in enumerate(entries):
            entries[n] = (
                file.replace(NEW, OLD),
                cassette.__class__(cassette.key, OLD, cassette.policy, cassette.interactions),
            )
    (apart,) = report(new, older=old).comparisons
    (together,) = report(new, older=old, one_account=True).comparisons
    assert [(Severity.WARNING, Grade.LIKELY), (Severity.BREAKING, Grade.PROVEN)] == [
        (c.findings[0].severity, c.findings[0].grade) for c in (apart, together)
    ]


def test_a_folder_is_read_again_where_the_answer_depends_on_it(tmp_path: Path) -> None:
    """Only the old version's recordings of that resource, expand set and day."""
    subs = [id_of("sub", n) for n in range(4)]
    entries = twins([{"sub": s, "p": {"sub": s}} for s in subs], [{"p": {"sub": s}} for s in subs])
    unlike = {"id": "in_9", "sub": subs[0], "p": {"sub": subs[1]}}
    beside = [
        recording(unlike, OLD, id="in_9", query="?expand[]=customer"),
        recording(unlike, OLD, id="ch_9", resource="charges"),
        recording({"id": "in_8", "sub": None, "p": None}, OLD, id="in_8"),
        recording({"error": {}}, OLD, id="in_7", status=404),
    ]
    for name, more, expected in (
        ("agrees", [], "/p/sub"),
        ("refuted", [recording(unlike, OLD, id="in_9")], None),
    ):
        library = Library(shelve(tmp_path / name, [*entries, *beside[2 * bool(more) :], *more]))
        found = report(library, "invoices", (OLD, NEW))
        (one,) = [f for _, f in found.findings() if f.path == "/sub"]
        assert expected == (one.to.path if one.to else None)


def test_a_value_below_a_redacted_name_is_named_nowhere() -> None:
    """Nobody knows what the field is called."""
    subs = [id_of("sub", n) for n in range(3)]
    news = [{"redacted_0a1b2c3d": {"x": sub}, "flag": True} for sub in subs]
    (one,) = [f for f in shown(twins([{"sub": s} for s in subs], news)) if f.path == "/sub"]
    assert one.to is None


def test_small_numbers_written_as_text_are_not_followed() -> None:
    """Eight characters of a decimal say as little as a number below a million."""
    olds = [{"rate": f"{n}0.000000"} for n in range(1, 5)]
    assert gone(olds, [{"x": {"rate": old["rate"]}} for old in olds]).to is None
