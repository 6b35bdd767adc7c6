"""What recordings cover of the fields that tests read."""

from __future__ import annotations

from dataclasses import replace

from support.recordings import NEW, OLD, Shelf, recording, twins

from replay.drift.acceptance.used import NOWHERE, Body, Site, Sites, Used
from replay.drift.guide.coverage import coverage
from replay.drift.judge.findings import Coverage
from replay.drift.report import report
from replay.render.words import blind_spots, counted_coverage

INVOICE = Body("invoices", "invoice", OLD)


def covered(read: dict[Body, set[str]], sites: Sites = NOWHERE) -> Coverage:
    """What three pairs cover: `gone` is lost, and no new recording has a `sub`."""
    new = {"object": "invoice", "same": 1, "sub": None, "l": [{"a": 1}], "metadata": {}}
    old = {**new, "gone": 1}
    shelf = Shelf(
        [
            *twins([old] * 3, [new] * 3),
            recording({**old, "id": "in_1Z", "sub": {"x": 1}}, id="in_1Z"),
        ]
    )
    found = report(shelf, "invoices", (OLD, NEW), matrix=True)
    (made,) = coverage(found, Used(read, sites))
    return made


def test_each_field_is_unchanged_changed_or_not_observed() -> None:
    """Of four fields: two unchanged, one lost, one whose parent the new version did not show."""
    made = covered({INVOICE: {"/same", "/l/*/a", "/gone", "/sub/x"}})
    assert (4, 2, 1) == (made.fields, made.unchanged, made.changed)
    assert ["/sub/x"] == [blind.path for blind in made.blind]


def test_items_and_keys_of_maps_are_no_fields() -> None:
    """Going over a list, or reading a key of metadata, reads the list, or the metadata."""
    assert 2 == covered({INVOICE: {"/l", "/l/*", "/metadata/*", "/metadata/**"}}).fields


def test_a_body_that_was_read_as_a_whole_counts_with_all_its_fields() -> None:
    """Code that parses JSON holds all of it."""
    made = covered({INVOICE: {"/**"}})
    assert {"/sub", "/sub/x"} == {blind.path for blind in made.blind}
    assert (1, 6) == (made.changed, made.unchanged)


def test_what_only_the_new_version_has_is_none_of_what_a_whole_body_told() -> None:
    """The place that a field moved to was not read before the upgrade, so it was not missed."""
    ids = [f"sub_1MowQVLkdIwHu7i{n}" for n in range(3)]
    olds = [{"object": "invoice", "sub": id} for id in ids]
    news = [{"object": "invoice", "p": {"sub": id, "more": 1}} for id in ids]
    found = report(Shelf(twins(olds, news)), "invoices", (OLD, NEW), matrix=True)
    (made,) = coverage(found, Used({INVOICE: {"/**"}}))
    assert (3, 2, 1, ()) == (made.fields, made.unchanged, made.changed, made.blind)


def test_a_field_that_no_side_has_is_unchanged_where_both_had_its_parent() -> None:
    """Tests ask for what is not there; where no parent is shown, that is not known."""
    made = covered({INVOICE: {"/never", "/sub/never"}})
    assert 1 == made.unchanged
    assert ["/sub/never"] == [blind.path for blind in made.blind]


def test_a_type_that_is_not_recorded_at_both_versions_is_not_observed() -> None:
    """Its command fetches that resource."""
    made = covered({INVOICE: {"/same"}, Body("charges", "charge", OLD): {"/amount"}})
    assert 1 == made.unchanged
    (blind,) = made.blind
    assert f"replay upgrade {NEW} --resource charges" == blind.settle


def test_what_is_read_inside_another_body_counts_for_that_body() -> None:
    """No test asks for a price: it is in an invoice."""
    price, site = Body("prices", "price", OLD), Site("billing.py", 1)
    sites = {price: {"/a": {site: {"t"}}}, INVOICE: {"/l/*/a": {site: {"t"}}}}
    made = covered({INVOICE: {"/l/*/a"}, price: {"/a"}}, sites)
    assert (1, 1) == (made.fields, made.unchanged)


def test_the_words_say_how_many_and_what_would_show_the_rest() -> None:
    """One sentence; one row for each field that was not observed."""
    found = report(Shelf([recording({}, OLD)]))
    found = replace(found, coverage=(covered({INVOICE: {"/same", "/gone", "/sub/x"}}),))
    words = "of 3 fields that your tests read, 1 is shown unchanged, 1 changed"
    assert [f"{words}, 1 was not observed at {NEW}"] == counted_coverage(found)
    ((field, settle),) = blind_spots(found)
    assert "invoice.sub.x" == field
    assert settle


def test_without_matrices_nothing_is_said() -> None:
    """An OpenAPI file has no observations."""
    found = report(Shelf(twins([{"a": 1}], [{}])))
    assert () == coverage(found, Used({INVOICE: {"/a"}}))


def test_an_object_that_changed_its_type_is_not_observed() -> None:
    """It is recorded as another type at the old version; nothing is said of its fields."""
    olds = [{"object": "card", "a": 1}] * 3
    news = [{"object": "source", "a": 1}] * 3
    found = report(Shelf(twins(olds, news)), "invoices", (OLD, NEW), matrix=True)
    (made,) = coverage(found, Used({Body("invoices", "source", NEW): {"/a"}}))
    assert (0, ["/a"]) == (made.unchanged, [blind.path for blind in made.blind])
