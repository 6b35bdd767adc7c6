"""Which fields of answers are read: through the SDK's objects, and by code that parses JSON."""

from __future__ import annotations

import asyncio
import copy
import hmac
import json
import pickle
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe
from support.standin import DRAFT, OLD, StandIn, generated

import replay
from replay.drift.acceptance.used import Body, Site, load
from replay.errors import ConfigError
from replay.redaction.policy import default_policy
from replay.session.session import OpenSession
from replay.testing.field_tracking import Tracker

CHARGE = generated("ch", "expanded")


@pytest.fixture
def recorded(stand_in: StandIn, library: Path) -> StandIn:
    """A library of invoices, with and without an expanded charge, a list and a search."""
    ids = [stand_in.add_invoice(generated("in", str(n))) for n in range(4)]
    stand_in.lists["/v1/invoices"] = [f"/v1/invoices/{id}" for id in ids]
    stand_in.lists["/v1/invoices/search"] = [f"/v1/invoices/{id}" for id in ids[:1]]
    plain = stand_in.objects[f"/v1/invoices/{DRAFT}"]
    stand_in.objects[f"/v1/invoices/{DRAFT}"] = lambda version, expand: {
        **plain(version, expand),
        **({"charge": charge()} if "charge" in expand else {}),
        "currency_options": {"eur": {"amount": 1}},
        "field_of_tomorrow": 1,
    }
    return stand_in


def charge() -> Any:
    outcome = {"type": "authorized", "network_status": None}
    return {"id": CHARGE, "object": "charge", "livemode": False, "outcome": outcome, "paid": True}


def reads(library: Path, live: StandIn, code: Callable[[Any], Any]) -> dict[str, set[str]]:
    """Type -> the paths that `code` reads, given a client."""
    client = stripe.StripeClient("sk_test_x", stripe_version=OLD)
    with (
        replay.track_fields("used.json"),
        replay.use_cassettes(library, mode="once", api_base=live.url),
    ):
        code(client)
    found = load(Path("used.json")).paths
    assert {OLD} >= {body.version for body in found}
    return {body.type: paths for body, paths in found.items()}


def retrieved(client: Any, *expand: str) -> Any:
    return client.v1.invoices.retrieve(DRAFT, {"expand": list(expand)} if expand else None)


@pytest.mark.parametrize(
    ("code", "paths"),
    [
        (lambda i: i.total, {"/total"}),
        (lambda i: i["total"], {"/total"}),
        (lambda i: getattr(i, "post_payment_credit_notes_amount", None),
         {"/post_payment_credit_notes_amount"}),
        (lambda i: hasattr(i, "forgiven"), {"/forgiven"}),
        (lambda i: "forgiven" in i, {"/forgiven"}),
        (lambda i: i.field_of_tomorrow, {"/field_of_tomorrow"}),
        # No type and no body has these: they may hold anything.
        (lambda i: getattr(i, "jenny_rosen", None), {"/*"}),
        (lambda i: getattr(i, "sk_test_4eC39HqLyjWDarjtT1zdp7dc", None), {"/*"}),
        (lambda i: hasattr(i.issuer, "jenny_rosen"), {"/issuer", "/issuer/*"}),
        (lambda i: "field_of_the_day_after" in i, {"/*"}),
        (lambda i: i.automatic_tax.status, {"/automatic_tax", "/automatic_tax/status"}),
        (lambda i: i.to_dict(), {"/**"}),
        (lambda i: str(i), {"/**"}),
        (lambda i: json.loads(str(i)), {"/**"}),
        (lambda i: i.issuer.to_dict(), {"/issuer", "/issuer/**"}),
        (lambda i: i == i, {"/**"}),
        (lambda i: copy.copy(i), {"/**"}),
        (lambda i: copy.deepcopy(i).total, {"/**"}),
        (lambda i: pickle.dumps(i), {"/**"}),
        (lambda i: i.to_dict(recursive=False)["issuer"].type, {"/issuer/type", "/*", "/total"}),
        (lambda i: i.metadata["order"], {"/metadata", "/metadata/*"}),
        (lambda i: i.customer_tax_ids, {"/customer_tax_ids", "/customer_tax_ids/*"}),
        (
            lambda i: [line.amount for line in i.lines],
            {"/lines", "/lines/data", "/lines/data/*", "/lines/data/*/amount"},
        ),
        (lambda i: len(i.lines), {"/lines", "/lines/data", "/lines/data/*"}),
        (
            lambda i: i.currency_options,
            {"/currency_options"},
        ),
        (lambda i: getattr(i, "no-identifier", None), {"/*"}),
        (lambda i: i.last_response.code, set()),
        (lambda i: repr(i), set()),
    ],
)  # fmt: skip
def test_what_code_reads(
    recorded: StandIn, library: Path, code: Callable[[Any], Any], paths: set[str]
) -> None:
    """Each way to read an object of the SDK notes the paths that it shows, and no others."""
    found = reads(library, recorded, lambda client: code(retrieved(client)))
    read = found.get("invoice", set())
    assert paths == read if "/*" not in paths or len(paths) == 1 else paths <= read
    assert not any("jenny" in path or "sk_test" in path for path in read)


def test_an_absent_field_is_read(recorded: StandIn, library: Path) -> None:
    """What a test asks for in vain is just what broke."""

    def code(client: Any) -> None:
        with suppress(AttributeError):
            print(retrieved(client).closed.deeper)
        with suppress(KeyError):
            print(retrieved(client)["forgiven"])

    assert {"/closed", "/forgiven"} == reads(library, recorded, code)["invoice"]


def test_a_nested_object_counts_for_its_own_type_too(recorded: StandIn, library: Path) -> None:
    """A charge inside an invoice is read as a charge, and as a part of the invoice."""
    found = reads(library, recorded, lambda client: retrieved(client, "charge").charge.outcome.type)
    # The SDK itself looks at `object` where a call has parameters.
    wanted = {"/charge", "/charge/outcome", "/charge/outcome/type"}
    assert wanted == found["invoice"] - {"/object"}
    assert {"/outcome", "/outcome/type"} == found["charge"]
    bodies = {body.type: body.resource for body in load(Path("used.json")).paths}
    assert {"invoice": "invoices", "charge": "charges"} == bodies


def test_lists_pages_and_searches(recorded: StandIn, library: Path) -> None:
    """Items of all pages count as what they are, and the pages for themselves."""

    def code(client: Any) -> None:
        found = client.v1.invoices.list({"limit": 2})
        assert 4 == len([one.total for one in found.auto_paging_iter()])
        assert 1 == len([one.status for one in client.v1.invoices.search({"query": "x"}).data])

    found = reads(library, recorded, code)
    assert {"/total", "/status"} <= found["invoice"] <= {"/total", "/status", "/id"}
    assert "/has_more" in found["list"]
    assert {"/data", "/data/*"} <= found["search_result"]


def test_json_clients_read_the_whole_body(recorded: StandIn, library: Path) -> None:
    """Whoever is served and makes no object of the SDK holds all of the body."""

    def code(client: Any) -> None:
        url = f"https://api.stripe.com/v1/invoices/{DRAFT}"
        headers = {"Authorization": "Bearer sk_test_x", "Stripe-Version": OLD}
        requests.get(url, headers=headers, timeout=5).json()
        print(retrieved(client).total)

    assert {"/**", "/total"} == reads(library, recorded, code)["invoice"]


def test_async_clients_and_threads(recorded: StandIn, library: Path) -> None:
    """Objects of the async client, and of other threads, are known as well."""

    async def retrieve() -> Any:
        http = stripe.HTTPXClient()
        client = stripe.StripeClient("sk_test_x", stripe_version=OLD, http_client=http)
        try:
            return (await client.v1.invoices.retrieve_async(DRAFT)).total
        finally:
            await http.close_async()

    def code(client: Any) -> None:
        asyncio.run(retrieve())
        found = retrieved(client)
        thread = threading.Thread(target=lambda: found.status)
        thread.start()
        thread.join()

    assert {"/total", "/status"} == reads(library, recorded, code)["invoice"]


def test_what_is_read_so_far_can_be_asked_for_while_threads_read(
    recorded: StandIn, library: Path
) -> None:
    """A thread that goes on reading after its test disturbs nobody who asks, and is not lost."""
    words = filter(str.isidentifier, sorted(default_policy().vocabulary - {*dir(stripe.Invoice)}))
    tracker, stop, fields = Tracker(Path.cwd()), threading.Event(), list(islice(words, 300))
    switching = sys.getswitchinterval()
    tracker.start()
    try:
        with replay.use_cassettes(library, mode="once", api_base=recorded.url):
            client = stripe.StripeClient("sk_test_x", stripe_version=OLD)
            found = [client.v1.invoices.retrieve(DRAFT) for _ in range(3)]

            def read(invoice: Any) -> None:
                while True:
                    for name in fields:
                        getattr(invoice, name, None)
                    if stop.is_set():
                        return

            threads = [threading.Thread(target=read, args=(invoice,)) for invoice in found]
            sys.setswitchinterval(1e-6)
            for thread in threads:
                thread.start()
            for _ in range(1000):
                tracker.current()
                tracker.start_part()
            stop.set()
            for thread in threads:
                thread.join()
    finally:
        stop.set()
        sys.setswitchinterval(switching)
        tracker.stop()
    (paths,) = tracker.all().values()
    assert paths >= {f"/{name}" for name in fields}


def test_calls_of_the_module_itself(
    recorded: StandIn, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code without a client, as old suites have it, is tracked alike."""
    monkeypatch.setattr(stripe, "api_key", "sk_test_x")

    def code(_: Any) -> None:
        assert stripe.Invoice.retrieve(DRAFT, stripe_version=OLD).lines.data[0].amount

    found = reads(library, recorded, code)["invoice"]
    assert {"/lines", "/lines/data", "/lines/data/*", "/lines/data/*/amount"} == found - {"/object"}


def test_errors_are_no_bodies(recorded: StandIn, library: Path) -> None:
    """A 404 is not a body of the resource."""

    def code(client: Any) -> None:
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.invoices.retrieve(generated("in", "nobody"))

    assert {} == reads(library, recorded, code)


def test_a_refreshed_object_goes_on(recorded: StandIn, library: Path) -> None:
    """What the SDK fills again is still the same place."""
    found = reads(library, recorded, lambda c: retrieved(c).refresh().total)
    assert "/total" in found["invoice"]


def test_the_line_that_reads_is_noted_with_its_test(
    recorded: StandIn, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The innermost line of the user's code below the working directory; no parameter of a test."""
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "tests/test_a.py::test_it[jenny@corp.example] (call)")
    code = "def total(invoice):\n    tax = 1; return (invoice\n        .issuer.type, tax)\n"
    Path("billing").mkdir()
    Path("billing/views.py").write_text(code)
    views: dict[str, Any] = {"__name__": "billing.views"}
    exec(compile(code, str(Path("billing/views.py").absolute()), "exec"), views)  # noqa: S102
    reads(library, recorded, lambda client: views["total"](retrieved(client)))
    sites = load(Path("used.json")).sites[Body("invoices", "invoice", OLD)]
    test = {"tests/test_a.py::test_it"}
    assert {
        "/issuer": {Site("billing/views.py", 3, 10, 3, 16): test},
        "/issuer/type": {Site("billing/views.py", 3, 17, 3, 21): test},
    } == sites
    assert "jenny" not in Path("used.json").read_text()


def test_code_outside_the_project_is_not_named(recorded: StandIn, library: Path) -> None:
    """This file is not below the working directory: the path of a machine is nobody's business."""
    reads(library, recorded, lambda client: retrieved(client).total)
    assert {"/total"} == load(Path("used.json")).paths[Body("invoices", "invoice", OLD)]
    assert {} == load(Path("used.json")).sites.get(Body("invoices", "invoice", OLD), {})


def test_what_a_webhook_carried_counts(tmp_path: Path) -> None:
    """An event that `construct_event` built, and the object in it, at the event's version."""
    invoice = {"id": "in_1", "object": "invoice", "total": 5, "issuer": {"type": "self"}}
    event = {"id": "evt_1", "object": "event", "api_version": OLD, "data": {"object": invoice}}
    payload, secret = json.dumps(event), "whsec_invented"
    stamp = int(time.time())
    signed = hmac.new(secret.encode(), f"{stamp}.{payload}".encode(), "sha256").hexdigest()
    with replay.track_fields("used.json"):
        built = stripe.Webhook.construct_event(payload, f"t={stamp},v1={signed}", secret)
        assert "self" == built.data.object.issuer.type
    found = load(Path("used.json")).paths
    assert {"/issuer", "/issuer/type"} == found[Body("invoices", "invoice", OLD)]
    assert {"/data", "/data/object"} <= found[Body("events", "event", OLD)]


def test_without_tracking_nothing_is_patched(recorded: StandIn, library: Path) -> None:
    """Outside of a tracked block, SDK and sessions are the very objects that they were."""
    kind = stripe.StripeObject
    before = dict(vars(kind)), dict(vars(OpenSession))
    reads(library, recorded, lambda client: retrieved(client).total)
    assert before == (dict(vars(kind)), dict(vars(OpenSession)))


def test_runs_at_once_add_up(recorded: StandIn, library: Path) -> None:
    """Blocks that end at the same time lose nothing of each other's."""
    from replay.drift.acceptance.used import add

    def one(number: int) -> None:
        add(Path("used.json"), {Body("invoices", "invoice", OLD): {f"/field_{number}"}})

    threads = [threading.Thread(target=one, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 12 == len(load(Path("used.json")).paths[Body("invoices", "invoice", OLD)])
    assert ["used.json"] == [path.name for path in Path().glob("*used*")]


def test_a_failing_block_still_says_what_it_read(recorded: StandIn, library: Path) -> None:
    """What was read until the failure is kept, and the failure goes on."""
    with pytest.raises(ZeroDivisionError):
        reads(library, recorded, lambda client: retrieved(client).total / 0)
    assert {"/total"} == load(Path("used.json")).paths[Body("invoices", "invoice", OLD)]


def test_a_foreign_file_is_refused(recorded: StandIn, library: Path) -> None:
    """What is not a file of used fields is not overwritten."""
    Path("used.json").write_text("{}")
    with pytest.raises(ConfigError, match="not a file of used fields"):
        reads(library, recorded, lambda client: retrieved(client).total)
    assert "{}" == Path("used.json").read_text()


@pytest.mark.parametrize(
    ("read", "path", "used"),
    [
        ("/charge", "/charge", True),
        ("/charge", "/charge/amount", False),
        ("/charge/amount", "/charge", False),
        ("/charge/**", "/charge/amount", True),
        ("/charge/**", "/charge", True),
        ("/**", "/a/b/*/c", True),
        ("/charge/**", "/charges", False),
        ("/lines/data/*/price", "/lines/data/*/price", True),
        ("/lines/data/*/price", "/lines/data/*/plan", False),
        ("/*", "/charge", True),
        ("/*", "/charge/amount", False),
        ("/options/eur/amount", "/options/*/amount", True),
        ("/options/eur", "/options/*/amount", False),
    ],
)
def test_what_is_used(read: str, path: str, used: bool) -> None:
    """A finding is used where its path was read, or lies in what was read whole."""
    from replay.drift.acceptance.used import _reads

    assert used is _reads({read}, path)
