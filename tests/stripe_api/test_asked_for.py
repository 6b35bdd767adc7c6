"""An answer of another type or ID than was asked for is not recorded; what is right is."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import requests
from support.standin import StandIn, generated, invoice

import replay
from replay.library import Library
from replay.model.cassette import Request
from replay.stripe_api.asked_for import why_another
from replay.stripe_api.call import read_call
from replay.stripe_api.routes import Route, retrieves

IN, CH, CUS, PM = (generated(prefix, "asked") for prefix in ("in", "ch", "cus", "pm"))
BA, FILE = generated("ba", "asked"), generated("file", "asked")
OTHER_TYPE = "the answer is of another type than the path answers with"
OTHER_ID = "the answer has another ID than was asked for"


def named(kind: str, id: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "object": kind, **more}


def recorded(path: str, body: Any, source: StandIn) -> tuple[Any, list[str], int]:
    """What a client gets, the notes of its session, and the number of files."""
    source.script = [(200, {"Stripe-Version": "2024-06-20"}, body)]
    with replay.use_cassettes("cassettes", mode="once", api_base=source.url) as session:
        got = requests.get(source.url + path, headers={"Authorization": "Bearer x"}, timeout=5)
    found = Library("cassettes")
    return got.json(), session.notes, len(found.paths()) if found.exists() else 0


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        (f"/v1/charges/{CH}", invoice(IN, "2024-06-20"), OTHER_TYPE),
        (f"/v1/charges/{CH}", named("invoice", CH), OTHER_TYPE),
        (f"/v1/charges/{CH}", named("charge", generated("ch", "another")), OTHER_ID),
        (f"/v1/charges/{CH}", named("charge", CH.lower()), OTHER_ID),
        (f"/v1/payment_methods/{PM}", named("payment_method", generated("pm", "o")), OTHER_ID),
        (f"/v1/customers/{CUS}", named("list", CUS), OTHER_TYPE),
        ("/v1/balance", named("account", "acct_1Abcdefghijklmno"), OTHER_TYPE),
        ("/v1/customers", named("customer", CUS), OTHER_TYPE),
        (f"/v1/customers/{CUS}", named("customer", IN, deleted=True), OTHER_ID),
        (
            f"/v1/accounts/acct_1Abcdefghijklmno/external_accounts/{BA}",
            named("source", BA),
            OTHER_TYPE,
        ),
    ],
)
def test_another_object_is_not_recorded(
    path: str, body: Any, why: str, stand_in: StandIn, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The client gets its answer, the session says why it is not recorded, and there is no file."""
    monkeypatch.chdir(tmp_path)
    got, notes, files = recorded(path, body, stand_in)
    assert body["id"] == got["id"]
    assert (1, 0) == (len(notes), files)
    assert why in notes[0]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/payment_methods/pm_usBankAccount", named("payment_method", PM)),
        ("/v1/account", named("account", "acct_1Abcdefghijklmno")),
        ("/v1/balance", {"object": "balance"}),
        ("/v1/customers", {"object": "list", "data": []}),
        ("/v1/invoices/search?query=total%3E1", {"object": "search_result", "data": []}),
        (f"/v1/customers/{CUS}", named("customer", CUS, deleted=True)),
        (f"/v1/accounts/acct_1Abcdefghijklmno/external_accounts/{BA}", named("bank_account", BA)),
        (f"/v1/accounts/acct_1Abcdefghijklmno/external_accounts/{BA}", named("card", BA)),
        (f"/v1/customers/{CUS}/sources/{BA}", named("source", BA)),
        (f"/v1/files/{FILE}", named("file_upload", FILE)),
        ("/v1/country_specs/us", named("country_spec", "US")),
    ],
)
def test_what_stripe_rightly_answers_is_recorded(
    path: str, body: Any, stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Test aliases, singletons, lists, deleted objects, one path's several types, older types."""
    monkeypatch.chdir(tmp_path)
    _, notes, files = recorded(path, body, stand_in)
    assert ([], 1) == (notes, files)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("payment_methods/pm_card_visa", "payment_method"),
        ("payment_methods/pm_card_chargeDeclined", "payment_method"),
        ("tokens/tok_visa", "token"),
        ("tokens/btok_us_verified", "token"),
        ("invoices/upcoming", "invoice"),
    ],
)
def test_an_alias_has_an_object_with_an_id_of_its_own(path: str, kind: str) -> None:
    """The IDs that Stripe documents for tests, and the preview in an ID's place."""
    call = read_call(Request("GET", f"https://api.stripe.com/v1/{path}"))
    assert "" == why_another(call, 200, named(kind, "xx_1Abcdefghijklmno"))
    if not call.route.collection:
        assert OTHER_TYPE == why_another(call, 200, named("charge", "xx_1Abcdefghijklmno"))


@pytest.mark.parametrize("route", retrieves(), ids=lambda route: route.path)
def test_every_route_says_its_types(route: Route) -> None:
    """No retrieve path of the table is without the types that it answers with."""
    assert route.objects


@pytest.mark.parametrize(
    "body",
    [
        {"object": "charge"}, {"object": "charge", "id": None}, {"object": "charge", "id": ""},
        {"object": "charge", "id": 7}, {"object": "charge", "deleted": True}, {},
        {"error": {"type": "api_error"}},
    ],
)  # fmt: skip
def test_an_answer_without_an_id_is_not_recorded(
    body: Any, stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one was asked for; also if the ID asked for is one of those for tests."""
    monkeypatch.chdir(tmp_path)
    _, notes, files = recorded(f"/v1/charges/{CH}", body, stand_in)
    assert (1, 0) == (len(notes), files)
    assert "the answer has no ID, and one was asked for" in notes[0]
    alias = read_call(Request("GET", "https://api.stripe.com/v1/payment_methods/pm_card_visa"))
    assert "has no ID" in why_another(alias, 200, {"object": "payment_method"})


def test_types_without_an_id_are_asked_for_without_one() -> None:
    """No retrieve route with an ID answers with a type of the SDK that has none."""
    from stripe._object_classes import OBJECT_CLASSES

    found = set()
    for route in retrieves():
        for name in route.objects:
            if home := OBJECT_CLASSES.get(name):
                made = getattr(import_module(home[0]), home[1])
                if not any("id" in getattr(c, "__annotations__", {}) for c in made.__mro__):
                    found.add((route.resource, route.singleton))
    assert ("balance", True) in found
    assert {True} == {singleton for _, singleton in found}
