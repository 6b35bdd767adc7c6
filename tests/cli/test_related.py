"""Lists that took over fields are fetched along, and the report says where the fields are now."""

from __future__ import annotations

from typing import Any

import pytest
from support.command import Done, replay_command
from support.standin import NEW, OLD, StandIn, error, generated

from replay.drift.judge.findings import Finding
from replay.drift.report import report
from replay.library import Library
from replay.model.cassette import Request
from replay.stripe_api.call import read_call
from replay.stripe_api.relations import moved_out, relations, table
from replay.stripe_api.routes import by_resource
from replay.stripe_api.versions import is_version

LISTS = "/v1/invoice_payments"


@pytest.fixture(autouse=True)
def live(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of someone who records from the stand-in."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_PRIVATEkey")
    monkeypatch.setenv("STRIPE_API_BASE", stand_in.url)


def record(*ids: str, versions: tuple[str, ...] = (OLD,), options: tuple[str, ...] = ()) -> Done:
    asked = [part for version in versions for part in ("--api-version", version)]
    return replay_command("record", "invoice", *ids, *asked, *options)


def invoices(stand_in: StandIn, count: int = 3) -> list[str]:
    return [stand_in.add_invoice(generated("in", f"related {n}")) for n in range(count)]


def lists() -> list[str]:
    return [path for path, _ in Library("cassettes").cassettes("invoice_payments")]


def gone(path: str) -> Finding:
    """The finding of a field that left the invoice."""
    found = [
        finding
        for comparison in report(Library("cassettes"), "invoices", (OLD, NEW)).comparisons
        for finding in comparison.findings
        if finding.path == path
    ]
    assert found, path
    return found[0]


def test_upgrade_fetches_what_the_new_version_moved_out(stand_in: StandIn) -> None:
    """After an upgrade the report names the invoice payment that has the payment intent now."""
    record(*invoices(stand_in))
    done = replay_command("upgrade", NEW, "--yes")
    assert 0 == done.code, done.err
    assert f"fetch  3 invoice_payments by invoice at {NEW}, where fields of invoices" in done.out
    assert "related   3 invoice_payments by invoice: recorded" in done.out
    assert 3 == stand_in.hits[LISTS] == len(lists())
    moved = gone("/payment_intent")
    assert "field-moved-resource" == moved.rule
    assert moved.to is not None
    assert ("invoice_payments", "/payment/payment_intent") == (moved.to.resource, moved.to.path)
    assert "#0/data/0/payment/payment_intent" in moved.witnesses[1]


def test_they_are_fetched_once(stand_in: StandIn) -> None:
    """A second run asks for nothing, not even of lists; --again fetches them again."""
    record(*invoices(stand_in))
    replay_command("upgrade", NEW, "--yes")
    stand_in.hits.clear()
    assert 0 == replay_command("upgrade", NEW, "--yes").code
    assert not stand_in.hits
    done = replay_command("upgrade", NEW, "--yes", "--again", "--format", "json")
    assert 3 == stand_in.hits[LISTS]
    assert {"unchanged"} == {row["status"] for row in done.json["related"]}


def test_twins_of_an_earlier_release_get_their_lists(stand_in: StandIn) -> None:
    """Objects that have twins already are not fetched, but what is related to them is."""
    ids = invoices(stand_in)
    record(*ids, versions=(OLD, NEW))
    assert not lists()
    stand_in.hits.clear()
    done = replay_command("upgrade", NEW, "--yes")
    assert (0, {LISTS: 3}) == (done.code, dict(stand_in.hits))
    assert 3 == len(lists())


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_one_that_fails_is_named_and_changes_no_exit_code(
    stand_in: StandIn, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twins are recorded, the list is named with the reason, and no error is written."""
    monkeypatch.setattr("replay.recording.twins.ATTEMPTS", 1)
    (id,) = invoices(stand_in, 1)
    record(id)
    plain = stand_in._look_up

    def failing(handler: Any, path: str, query: str) -> Any:
        if path == LISTS:
            return status, {"Stripe-Version": NEW}, error(status, "no")
        return plain(handler, path, query)

    monkeypatch.setattr(stand_in, "_look_up", failing)
    done = replay_command("upgrade", NEW, "--yes")
    assert 0 == done.code, done.err
    assert "1 twins" in done.out
    assert f"invoice_payments by invoice of invoices {id} at {NEW}: not recorded; " in done.err
    assert not lists()
    done = record(id, versions=(NEW,), options=("--related", "--format", "json"))
    assert (0, ["refused"]) == (done.code, [row["status"] for row in done.json["related"]])


def test_a_list_that_does_not_answer_changes_no_exit_code(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twins that are complete are complete, whatever happens to the lists."""
    record(*invoices(stand_in, 1), versions=(OLD, NEW))
    stand_in.stop()
    monkeypatch.setattr("replay.recording.twins.ATTEMPTS", 1)
    done = replay_command("upgrade", NEW, "--yes")
    assert 0 == done.code, done.err
    assert "not recorded" in done.err


def test_record_fetches_them_only_where_asked(stand_in: StandIn) -> None:
    """Without --related nothing else is asked for; old versions have no such list."""
    ids = invoices(stand_in, 2)
    record(*ids, versions=(OLD, NEW))
    assert not stand_in.hits[LISTS]
    done = record(*ids, versions=(OLD, NEW), options=("--related",))
    assert 0 == done.code
    assert "related   2 invoice_payments by invoice: recorded" in done.out
    assert 2 == stand_in.hits[LISTS] == len(lists())
    assert all(path.endswith(f"/{NEW}.yaml") for path in lists())
    record(*ids, versions=(OLD, NEW), options=("--related",))
    assert 2 == stand_in.hits[LISTS]  # mode once keeps them


def test_expanded_bodies_count(stand_in: StandIn) -> None:
    """Payments that were expanded say where the payment intent is, and no list is asked for."""
    ids = invoices(stand_in)
    record(*ids, versions=(OLD, NEW))
    done = record(*ids, versions=(NEW,), options=("--expand", "payments", "--related"))
    assert (0, 0) == (done.code, stand_in.hits[LISTS])
    moved = gone("/payment_intent")
    assert moved.to is not None
    assert ("invoice_payments", "/payment/payment_intent") == (moved.to.resource, moved.to.path)
    assert "/payments/data/0/payment/payment_intent" in moved.witnesses[1]


def test_a_report_that_lacks_them_names_the_command(stand_in: StandIn) -> None:
    """The command of the report fetches them; then it is settled."""
    record(*invoices(stand_in), versions=(OLD, NEW))
    lacking = gone("/payment_intent")
    command = f"replay upgrade {NEW} --from {OLD} --resource invoices"
    assert ("field-removed", command) == (lacking.rule, lacking.settle)
    assert "invoice_payments may have it now; none is recorded" == lacking.detail
    shown = replay_command("diff", OLD, NEW)
    assert command in shown.out
    assert 0 == replay_command(*command.split()[1:], "--yes").code
    assert "field-moved-resource" == gone("/payment_intent").rule
    assert "" == gone("/paid").settle  # no list has it


def test_the_table_fits_the_routes() -> None:
    """Each relation asks for a list that the API has, of an object that it has."""
    assert table()
    for relation in table():
        assert by_resource(relation.resource).resource == relation.resource
        assert is_version(relation.since)
        body = {"id": "xx_1AAAAAAAAAAAAAA", "payment_intent": {"id": "pi_1AAAAAAAAAAAAAA"}}
        call = read_call(Request("GET", f"https://api.stripe.com{relation.asks(body)}"))
        assert call.route.collection
        assert call.key.resource == relation.list_resource
        assert not relation.asks({})


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        (OLD, NEW, {"payment_intent", "charge", "paid_out_of_band"}),
        (OLD, "2025-02-24.acacia", set()),
        (NEW, "2025-09-30.clover", set()),
        (NEW, OLD, set()),
    ],
)
def test_only_what_came_between_two_versions_counts(old: str, new: str, fields: set[str]) -> None:
    assert fields == {name for row in moved_out("invoices", old, new) for name in row.fields}
    assert () == relations("balance")
