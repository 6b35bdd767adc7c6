"""The route table, row by row: every retrieve path is read as one, and nothing else is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.proof import proved

from replay.errors import ConfigError
from replay.model.cassette import ObjectKey
from replay.redaction.policy import default_policy
from replay.stripe_api.prefixes import types_of
from replay.stripe_api.routes import (
    Match,
    Route,
    by_name,
    by_resource,
    is_collection,
    match,
    retrieves,
    table,
    template_of,
)

RETRIEVES = retrieves()
COLLECTIONS = [route for route in table() if route.collection]


def ids_of(route: Route) -> tuple[str, ...]:
    """An ID for each parameter."""
    return tuple(f"obj_{n}" for n in range(route.parameters))


def path_of(route: Route, ids: tuple[str, ...]) -> str:
    """The template filled by hand, not by the code under test."""
    path = route.path
    for id in ids:
        path = re.sub(r"\{\w+\}", id, path, count=1)
    return path


def test_size() -> None:
    """The SDK has 141 retrieve paths; 15 more are older, or have no method there."""
    assert (141, 15) == (
        sum(not route.former for route in retrieves()), sum(route.former for route in retrieves()),
    )  # fmt: skip
    assert 2 == sum(route.file for route in table())
    assert len(table()) == len({route.path for route in table()})


def test_path_and_back() -> None:
    """A path is read as its route, with the IDs in it, and the route makes the path again."""
    for route in RETRIEVES:
        ids = ids_of(route)
        path = path_of(route, ids)
        parents, id = (ids, "") if route.singleton else (ids[:-1], ids[-1])
        assert Match(route, parents, id) == match(path)
        assert path == route.url_path(parents, id)


def test_shape() -> None:
    """The facts of a row agree with its path, and the resource holds no ID."""
    for route in RETRIEVES:
        assert route.path.count("{") == route.parameters, route
        assert (not route.path.endswith("}")) == route.singleton, route
        assert "{" not in route.resource
        assert not route.resource.startswith("v1/")
        assert not route.collection, route
        assert route.objects, route


def test_resource_name() -> None:
    """A resource's plural is its name, in any spelling; only `account` means one by its ID."""
    for route in RETRIEVES:
        expected = "accounts" if route.resource == "account" else route.resource
        own = route.resource
        spellings = f"/{own}/", own.upper(), own.replace("/", "."), own.replace("_", "-")
        for name in (own, *spellings):
            assert expected == by_name(name).resource, name
        assert route is by_resource(route.resource)


def test_type_name() -> None:
    """A type's name leads to a route that answers with it, the one with the shortest path."""
    for route in RETRIEVES:
        for name in route.objects:
            for spelled in (name, name.replace(".", "/"), name.upper()):
                found = by_name(spelled)
                assert name in found.objects
                assert (found.former, found.singleton, found.parameters) <= (
                    route.former, route.singleton, route.parameters,
                ), route  # fmt: skip


def test_types_are_the_sdks() -> None:
    """Each type of the table is one that the SDK has a class for."""
    from stripe._object_classes import OBJECT_CLASSES, V2_OBJECT_CLASSES

    named = {name for route in retrieves() if not route.former for name in route.objects}
    v2 = {name for name in named if name.startswith("v2.")}
    assert v2
    assert set() == v2 - V2_OBJECT_CLASSES.keys()
    assert set() == named - v2 - OBJECT_CLASSES.keys()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("invoice", "/v1/invoices/{invoice}"),
        ("invoice_payment", "/v1/invoice_payments/{invoice_payment}"),
        ("invoice-payment", "/v1/invoice_payments/{invoice_payment}"),
        ("checkout.session", "/v1/checkout/sessions/{session}"),
        ("checkout/session", "/v1/checkout/sessions/{session}"),
        ("payment_method", "/v1/payment_methods/{payment_method}"),
        ("account", "/v1/accounts/{account}"),
        ("balance", "/v1/balance"),
        ("card", "/v1/customers/{customer}/sources/{id}"),
        ("source", "/v1/sources/{source}"),
        ("tax_id", "/v1/tax_ids/{id}"),
        ("v2.core.event", "/v2/core/events/{id}"),
        ("event", "/v1/events/{id}"),
        ("balance_transaction", "/v1/balance_transactions/{id}"),
        ("financial_connections.account", "/v1/financial_connections/accounts/{account}"),
        ("refund", "/v1/refunds/{refund}"),
        ("subscription", "/v1/subscriptions/{subscription_exposed_id}"),
        ("discount", "/v1/customers/{customer}/discount"),
        ("source_transaction", "/v1/sources/{source}/source_transactions/{source_transaction}"),
    ],
)
def test_names_that_several_could_own(name: str, path: str) -> None:
    """Where several routes answer with one type, the name means the one people mean."""
    assert path == by_name(name).path


def test_collections_are_known() -> None:
    """A list, search or preview is read as a collection, and no ID is made of its last word."""
    for route in COLLECTIONS:
        found = match(path_of(route, ids_of(route)))
        assert found is not None, route
        assert route is found.route
        assert found.route.collection
        assert () == route.objects


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/account", "/v1/account"),
        ("/v1/credit_notes/preview", "/v1/credit_notes/preview"),
        ("/v1/invoices/search", "/v1/invoices/search"),
        ("/v1/customers/search", "/v1/customers/search"),
        ("/v1/customers/cus_1/cash_balance", "/v1/customers/{customer}/cash_balance"),
        ("/v1/apps/secrets/find", "/v1/apps/secrets/find"),
    ],
)
def test_literals_win_over_ids(path: str, expected: str) -> None:
    """A word of the API in an ID's place is the word."""
    found = match(path)
    assert found is not None
    assert expected == found.route.path
    assert expected.count("{") == len((*found.parents, found.id)) - (not found.id)


def test_every_literal_wins() -> None:
    """Wherever a literal and an ID could stand, the literal is read as such."""
    literal = {(r.path.rpartition("/")[0], r.path.rpartition("/")[2]): r for r in table()}
    tried = 0
    for (start, last), route in literal.items():
        if not last.startswith("{") and "{" not in start:
            found = match(f"{start}/{last}")
            assert found is not None
            assert route is found.route
            tried += any(s == start and w.startswith("{") for s, w in literal)
    assert tried > 5


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v1",
        "/v1/",
        "/v1/invoices//lines",
        "/v3/invoices/in_1",
        "/invoices/in_1",
        "/v1/nothings/x",
        "/v1/invoices/in_1/lines/il_1/x",
        "/V1/invoices/in_1",
        "/v1/Invoices/in_1",
        "//",
        "/v1/balance/x",
    ],
)
def test_unknown_paths(path: str) -> None:
    """What the table does not have is no route; nothing is guessed from its look."""
    assert match(path) is None


def test_empty_id_is_no_object() -> None:
    """A path whose ID is empty never retrieves an object."""
    found = match("/v1/invoices/")
    assert found is not None
    assert found.route.collection


@pytest.mark.parametrize("id", ["{}", "{id}", "/", "%2F", "v1", "~", "é"])
def test_odd_ids(id: str) -> None:
    """No spelling of an ID is mistaken for the table's own marks."""
    found = match(f"/v1/invoices/{id}")
    if id == "/":
        assert found is None or found.route.collection
    else:
        assert found == Match(by_name("invoice"), (), id)


@proved
@given(st.text(alphabet=st.sampled_from("/{}v12invoicesaccountx%.~\0é"), max_size=40))
def test_match_never_fails(path: str) -> None:
    """Any text at all is a match or none, never an error, and a match gives the path back."""
    for text in (path, "/v1/" + path, "/v1/invoices/" + path):
        found = match(text)
        if found is not None and not found.route.collection:
            assert text.strip("/") == found.route.url_path(found.parents, found.id).strip("/")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("invioce", "did you mean invoice"),
        ("checkout.sesion", "did you mean checkout.session"),
        ("zzzzzz", "use a name such as invoice"),
        ("", "use a name such as invoice"),
    ],
)
def test_unknown_name(name: str, hint: str) -> None:
    """A name that is none is refused, with the nearest names there are."""
    with pytest.raises(ConfigError) as caught:
        by_name(name)
    assert caught.value.hint.startswith(hint)
    assert f"{name!r} is not a resource of the API" == caught.value.what
    assert "RESOURCE" == caught.value.where


@pytest.mark.parametrize("resource", ["invoice", "", "credit_notes/preview", "invoices/lines"])
def test_unknown_resource(resource: str) -> None:
    """A cassette's resource is the exact path of a retrieve route, or an error."""
    with pytest.raises(ConfigError, match="is not a resource of the API"):
        by_resource(resource)


def test_resources_are_unique() -> None:
    """No two retrieve routes share a folder of the library."""
    assert len(retrieves()) == len({route.resource for route in retrieves()})


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/charges/ch_1/refunds", "collection"),
        ("/v1/charges/ch_1/refunds/re_1", "refund"),
        ("/v1/charges/ch_1/dispute", "dispute"),
        ("/v1/customers/cus_1/subscriptions", "collection"),
        ("/v1/customers/cus_1/subscriptions/sub_1", "subscription"),
        ("/v1/customers/cus_1/subscriptions/sub_1/discount", "discount"),
        ("/v1/customers/cus_1/cards/card_1", "card"),
        ("/v1/customers/cus_1/bank_accounts", "collection"),
        ("/v1/sources/src_1/source_transactions/srctxn_1", "source_transaction"),
        ("/v1/balance/history/txn_1", "balance_transaction"),
        ("/v1/accounts/acct_1/people/person_1", "person"),
        ("/v1/linked_accounts/fca_1/owners", "collection"),
        ("/v1/quotes/qt_1/pdf", "file"),
        ("/v1/files/file_1/contents", "file"),
    ],
)
def test_what_the_newest_sdk_has_no_method_for_is_known(path: str, kind: str) -> None:
    """Sub-lists that bodies name, older spellings, and files."""
    found = match(path)
    assert found is not None
    route = found.route
    assert kind in route.objects or (kind == "collection") is route.collection
    assert (kind == "file") is route.file
    assert route.file or route.former


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/v1/brand_new/bn_1", "/v1/brand_new/{id}"),
        ("/v1/brand_new/bn_1/lines/Jane", "/v1/brand_new/{id}/lines/{id}"),
        ("/v1/invoices/in_1/brand_new", "/v1/invoices/{id}/{id}"),
        ("/v2/brand_new/bn_1", "/v2/brand_new/{id}"),
        ("/v1/jane@example.com", "/v1/{id}"),
        ("/v1/Jane", "/v1/{id}"),
        ("/v1/sk_live_1", "/v1/{id}"),
        ("/v1", "a path that is none of the API's"),
        ("", "a path that is none of the API's"),
        ("/favicon.ico", "a path that is none of the API's"),
    ],
)
def test_the_template_of_an_unknown_path(path: str, template: str) -> None:
    """Names of resources stay; what may be an ID does not."""
    assert match(path) is None
    assert template == template_of(path)


def test_which_keys_are_of_collections() -> None:
    """A retrieve call with parameters is none, with an ID or without."""
    assert is_collection(ObjectKey("invoices", "", query=""))
    assert is_collection(ObjectKey("charges/refunds", "", ("ch_1",), query="limit=1"))
    assert not is_collection(ObjectKey("invoices", "in_1"))
    assert not is_collection(ObjectKey("invoices", "in_1", query="version=1"))
    assert not is_collection(ObjectKey("billing/credit_balance_summary", "", query="customer=c"))


def test_every_prefix_is_one_that_the_policy_keeps() -> None:
    """And every type of a prefix is a type of the API."""
    policy = default_policy()
    assert types_of().keys() <= policy.prefixes
    assert {type_ for types in types_of().values() for type_ in types} <= policy.objects
