"""What lies inside recordings is evidence for its own type, and one change is one finding."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from support.recordings import NEW, OLD, Entry, Shelf, recording

from replay.drift.judge.findings import Grade, Report
from replay.drift.report import report
from replay.render.machine import to_json

MID = "2024-09-30.acacia"


def charge(n: int = 1, **more: Any) -> dict[str, Any]:
    """A charge."""
    return {"id": f"ch_{n}A", "object": "charge", **more}


def event(payload: Any, rendered: str | None, version: str = OLD, n: int = 1) -> Entry:
    """An event whose payload was rendered in some version."""
    body = {
        "id": f"evt_{n}A",
        "object": "event",
        "api_version": rendered,
        "data": {"object": payload, "previous_attributes": {"x": n}},
        "type": "charge.updated",
    }
    return recording(body, version, id=body["id"], resource="events")


def page(items: list[Any], version: str, resource: str = "charges", batch: str = "b") -> Entry:
    """A recorded list."""
    body = {"object": "list", "url": f"/v1/{resource}", "has_more": False, "data": items}
    _, cassette = recording(body, version, id="", resource=resource, batch=batch)
    key = replace(cassette.key, query="limit=3")
    return f"{resource}/_collection/limit=3/{version}.yaml", replace(cassette, key=key)


def found(made: Report) -> list[tuple[str, str, str, str]]:
    """Resource, rule, path, grade."""
    return [(c.resource, f.rule, f.path, str(f.grade)) for c, f in made.findings()]


def test_an_events_payload_is_evidence_under_the_events_own_version() -> None:
    """The version that the event was retrieved at says nothing of its payload."""
    entries = [event(charge(paid=True), OLD, MID), event(charge(2), NEW, MID, 2)]
    made = report(Shelf(entries))
    assert [("charges", "field-removed", "/paid", "likely")] == found(made)
    ((_, finding),) = made.findings()
    assert ("events/evt_1A/2024-09-30.acacia.yaml#0/data/object/paid",
            "events/evt_2A/2024-09-30.acacia.yaml#0/data/object") == finding.witnesses  # fmt: skip
    assert "" == finding.settle


def test_a_payload_is_no_part_of_the_event() -> None:
    """One change in the payload is one finding, and none of the event."""
    entries = [
        event(charge(paid=True), OLD, OLD),
        event(charge(2), NEW, NEW, 2),
        event(charge(3), None, NEW, 3),
    ]
    (removed, *rest) = found(report(Shelf(entries)))
    assert ("charges", "field-removed", "/paid", "likely") == removed
    assert [("events", "became-nullable", "/api_version", "likely")] == rest


def test_the_same_payload_in_two_events_is_one_body_of_one_object() -> None:
    """Stripe sends several events about one change."""
    entries = [event(charge(paid=True), OLD, n=n) for n in (1, 2)] + [event(charge(2), NEW, n=3)]
    (comparison,) = (c for c in report(Shelf(entries)).comparisons if c.resource == "charges")
    assert (1, 1, 0) == comparison.objects
    assert 1 == comparison.findings[0].old.present


def test_an_object_recorded_by_itself_and_in_a_list_is_one_object() -> None:
    """Seen twice, it is no more evidence in a pool."""
    entries = [
        recording(charge(1, paid=True), OLD, id="ch_1A", resource="charges"),
        page([charge(1, paid=True)], OLD),
        recording(charge(2), NEW, id="ch_2A", resource="charges"),
        page([charge(2), charge(3)], NEW),
    ]
    counts = {c.type: c.objects for c in report(Shelf(entries)).comparisons}
    assert (1, 2, 0) == counts["charge"]


def test_an_event_without_a_payload_has_none() -> None:
    """Also where its data is no object, or of a type that nobody retrieves."""
    entries = [event(None, OLD), event({"object": "odd"}, OLD, NEW)]
    broken = {"object": "event", "data": None}
    entries.append(recording(broken, OLD, id="evt_9A", resource="events"))
    assert {"events"} == {c.resource for c in report(Shelf(entries)).comparisons}


def test_payload_and_object_are_evidence_together() -> None:
    """An object recorded at one version, an event's payload at the other."""
    entries = [
        recording(charge(paid=True), OLD, id="ch_1A", resource="charges"),
        event(charge(2), NEW),
    ]
    assert [("charges", "field-removed", "/paid", "likely")] == found(report(Shelf(entries)))
    assert found(report(Shelf(entries))) == found(report(Shelf(entries), "charges"))
    assert [] == found(report(Shelf(entries), "events"))


def test_the_items_of_a_list_are_evidence_for_their_type_and_so_is_the_envelope() -> None:
    """Twins of a page are twins of its items."""
    entries = [
        page([charge(1, paid=True), charge(2, paid=True)], OLD),
        page([charge(1), charge(2)], NEW),
    ]
    old = entries[0][1].interactions[0]
    body = old.response.body.replace(b'"has_more": false, ', b"")
    made = report(Shelf(entries))
    assert [("charges", "field-removed", "/paid", "proven")] == found(made)
    assert {("list", (1, 1, 1)), ("charge", (2, 2, 2))} == {
        (c.type, c.objects) for c in made.comparisons
    }
    changed = replace(old, response=replace(old.response, body=body))
    entries[0] = (entries[0][0], replace(entries[0][1], interactions=(changed,)))
    rules = {(rule, path) for _, rule, path, _ in found(report(Shelf(entries)))}
    assert {("field-removed", "/paid"), ("field-added", "/has_more")} == rules


def test_a_list_of_events_has_payloads_too() -> None:
    """Each under the version that its event names."""
    (_, one), (_, two) = event(charge(1, paid=True), OLD), event(charge(2), NEW, n=2)
    import json

    items = [json.loads(c.interactions[0].response.body) for c in (one, two)]
    made = report(Shelf([page(items, MID, "events")]))
    assert [("charges", "field-removed", "/paid", "likely")] == found(made)


def test_what_is_no_list_is_no_collection() -> None:
    """A search that answered with something else is compared as it is."""
    entries = []
    for version in (OLD, NEW):
        file, cassette = recording({"object": "x", "data": 5}, version, resource="charges", id="")
        key = replace(cassette.key, query="")
        entries.append((file, replace(cassette, key=key)))
    assert [] == found(report(Shelf(entries)))


def invoices(old: Any, new: Any, query: str = "?expand[]=charge") -> list[Entry]:
    """An invoice with an expanded charge at both versions."""
    return [
        recording({"id": "in_1A", "charge": body}, version, batch="b", query=query)
        for version, body in ((OLD, old), (NEW, new))
    ]


def test_a_nested_object_alone_is_told_where_it_lies() -> None:
    """Nothing else is known of its type."""
    entries = invoices(charge(paid=True), charge())
    assert [("invoices", "field-removed", "/charge/paid", "proven")] == found(
        report(Shelf(entries))
    )


def test_a_nested_object_is_evidence_for_its_type_and_its_change_is_one_finding() -> None:
    """The charges alone were likely at most; with the invoice's twins it is proven."""
    charges = [
        recording(charge(2, paid=True), OLD, id="ch_2A", resource="charges"),
        recording(charge(3), NEW, id="ch_3A", resource="charges"),
    ]
    assert [("charges", "field-removed", "/paid", "likely")] == found(report(Shelf(charges)))
    entries = charges + invoices(charge(paid=True), charge())
    made = report(Shelf(entries))
    assert [("charges", "field-removed", "/paid", "proven")] == found(made)
    counts = {c.resource: c.objects for c in made.comparisons}
    assert {"charges": (2, 2, 1), "invoices": (1, 1, 1)} == counts


def test_another_finding_of_its_type_hides_no_change_of_a_nested_object() -> None:
    """More recordings hide nothing: only the same rule, as bad and as sure, counts for both."""
    owners = [
        recording({"id": f"in_{n}A", "object": "invoice", "charge": charge(n, **more)}, version,
                  id=f"in_{n}A", batch=f"b{n}")
        for n in range(3)
        for version, more in ((OLD, {"ref": f"re_{n}A"}), (NEW, {}))
    ]  # fmt: skip
    lost = ("invoices", "field-removed", "/charge/ref", "proven")
    assert [lost] == found(report(Shelf(owners)))
    alone = [
        recording(charge(n, **({"ref": f"{prefix}_{n}A"} if n < 12 else {})), version,
                  id=f"ch_{n}A", resource="charges", batch=f"b{n}")
        for n in range(10, 13)
        for version, prefix in ((OLD, "re"), (NEW, "rf"))
    ]  # fmt: skip
    made = report(Shelf([*owners, *alone]))
    assert {"id-prefix-changed", "field-unseen"} & {rule for _, rule, _, _ in found(made)}
    assert lost in found(made)


def test_a_nested_object_is_compared_under_the_expand_set_that_it_sees() -> None:
    """`charge.customer` of an invoice is `customer` of its charge."""
    entries = invoices(
        charge(customer={"id": "cus_1A"}), charge(customer={"id": "cus_1A", "x": 1}),
        "?expand[]=charge.customer",
    )  # fmt: skip
    entries.append(recording(charge(4), OLD, id="ch_4A", resource="charges"))
    made = {(c.resource, c.expand) for c in report(Shelf(entries)).comparisons}
    assert {("charges", ("customer",)), ("invoices", ("charge.customer",))} == made


def test_nested_redacted_values_give_no_value() -> None:
    """The list of stand-ins is cut to what lies inside."""
    old = recording(
        {"id": "in_1A", "charge": charge(state="one")}, OLD, redacted={"/charge/state": "text"}
    )
    new = recording(charge(state="two"), NEW, id="ch_1A", resource="charges")
    shown = report(Shelf([old, new]))
    assert [] == [f for _, f in shown.findings() if "one" in f.detail]


def test_the_order_of_files_changes_nothing_of_what_lies_inside() -> None:
    """Its first place in sorted order stands for an object in a pool, in any order of counting."""
    entries = [
        *(event(charge(n % 4, x=n), (OLD, NEW)[n % 2], n=n) for n in range(12)),
        page([charge(n, a=n) for n in range(5)], OLD),
        page([charge(n, b=n) for n in range(5)], NEW),
        recording(charge(2, c=1), OLD, id="ch_2A", resource="charges"),
        *invoices(charge(2, a=1), charge(2)),
    ]

    class Unsorted(Shelf):
        def cassettes(self, resource: str | None = None) -> Any:
            return iter(self.entries)

    straight = to_json(report(Shelf(entries)))
    folders: dict[str, list[Entry]] = {}
    for entry in sorted(entries):
        folders.setdefault(entry[0].rpartition("/")[0], []).append(entry)
    names = list(folders)
    for seed in range(4):
        random.Random(seed).shuffle(names)
        shuffled = [entry for name in names for entry in folders[name]]
        assert straight == to_json(report(Unsorted(shuffled)))


def test_recordings_of_another_source_have_nothing_inside() -> None:
    """What a stand-in nested says nothing of the API either."""
    entries = invoices(charge(paid=True), charge())
    entries += [
        recording(charge(n, paid=True), OLD, id=f"ch_{n}A", resource="charges", source="x")
        for n in range(3)
    ]
    entries.append(recording({"error": {}}, OLD, id="in_9A", status=404))
    made = report(Shelf(entries), source="x")
    assert [] == found(made)
    assert Grade.UNOBSERVED not in [f.grade for _, f in made.findings()]
