"""Retrieve calls with parameters beside expand: recorded, and keyed by what is not private."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests
from support.command import replay_command
from support.standin import DRAFT, NEW, OLD, StandIn, generated, invoice_payment

import replay
from replay.library import Library

CUSTOMER = generated("cus", "summary")
TEMPLATE = generated("inrtem", "template")
SECRET = "pi_1_secret_PRIVATE"
INTENT = generated("pi", "intent")
SUMMARY = "/v1/billing/credit_balance_summary"
FILTER = f"?customer={CUSTOMER}&filter[type]=applicability_scope"
METERED = f"{SUMMARY}{FILTER}&filter[applicability_scope][price_type]=metered"
ONE_PRICE = (
    f"{SUMMARY}{FILTER}&filter[applicability_scope][prices][0][id]={generated('price', 'a')}"
)
FIRST, SECOND = (f"/v1/invoice_rendering_templates/{TEMPLATE}?version={n}" for n in (1, 2))
PLAIN = f"/v1/invoice_rendering_templates/{TEMPLATE}"


@pytest.fixture
def source(stand_in: StandIn) -> StandIn:
    """A source that answers by the parameters."""
    summary = {"object": "billing.credit_balance_summary", "livemode": False, "balances": []}
    template = {"id": TEMPLATE, "object": "invoice_rendering_template", "livemode": False}
    stand_in.add(SUMMARY, {**summary, "customer": CUSTOMER})
    stand_in.add(PLAIN, {**template, "version": 3})
    stand_in.add(f"/v1/payment_intents/{INTENT}", {"id": INTENT, "object": "payment_intent"})
    return stand_in


def get(target: str, version: str = NEW) -> requests.Response:
    headers = {"Stripe-Version": version, "Authorization": "Bearer sk_test_x"}
    return requests.get(f"https://api.stripe.com{target}", headers=headers, timeout=5)


CALLS = (METERED, ONE_PRICE, FIRST, SECOND, PLAIN)


def record(source: StandIn, library: Path, *targets: str, **settings: str) -> replay.Session:
    with replay.use_cassettes(library, mode="once", api_base=source.url, **settings) as session:
        for target in targets:
            headers = {"Stripe-Version": NEW, "Authorization": "Bearer sk_test_x"}
            assert requests.get(source.url + target, headers=headers, timeout=5).ok
    return session


def test_each_set_of_parameters_is_a_call_of_its_own(source: StandIn, library: Path) -> None:
    """Recorded once each, replayed in any order and spelling; another set is not recorded."""
    assert 5 == record(source, library, *CALLS).counts.recorded
    source.stop()
    with replay.use_cassettes(library) as session:
        for target in reversed(CALLS):
            assert get(target.replace("[", "%5B").replace("]", "%5D")).ok
        assert 5 == session.counts.played
    with pytest.raises(replay.CassetteNotFound) as caught, replay.use_cassettes(library):
        get(f"{PLAIN}?version=7")
    assert f"invoice_rendering_templates {TEMPLATE} by version is not recorded" in str(caught.value)
    assert "REPLAY_MODE=once" in str(caught.value)


def test_their_files_lie_beside_the_objects_own(source: StandIn, library: Path) -> None:
    """And pass every check, are listed, and are sealed again as they are."""
    record(source, library, *CALLS)
    folders = {re.sub("~.*", "~", path) for path in Library(library).paths()}
    asked = f"invoice_rendering_templates/{TEMPLATE}"
    assert {
        "billing/credit_balance_summary/_singleton/_asked/customer-3D~",
        f"{asked}/{NEW}.yaml",
        f"{asked}/_asked/version-1~",
        f"{asked}/_asked/version-2~",
    } == {re.sub("customer-.*~", "customer-3D~", folder) for folder in folders}
    verified = replay_command("verify", "--deep", "--library", library)
    assert (0, True) == (verified.code, "no findings" in verified.out), verified.out
    listed = replay_command("list", "--library", library, "--format", "json").json
    assert 5 == len(listed["cassettes"])
    assert 0 == replay_command("scan", library).code
    assert 0 == replay_command("seal", library).code


def test_a_private_parameter_is_never_written(source: StandIn, library: Path) -> None:
    """The client is served, the session says which parameter; offline the refusal says it too."""
    target = f"/v1/payment_intents/{INTENT}?client_secret={SECRET}"
    session = record(source, library, target)
    assert (0, 1) == (session.counts.recorded, len(session.notes))
    assert "client_secret may be private" in str(session.notes[0])
    assert not library.exists()
    library.mkdir()
    with pytest.raises(replay.CassetteNotFound) as caught, replay.use_cassettes(library):
        get(target)
    text = str(caught.value)
    assert "the value of client_secret may be private" in text
    assert "PRIVATE" not in text + repr(caught.value) + str(session.notes)


def test_they_are_evidence_like_the_object_itself(source: StandIn, library: Path) -> None:
    """Drift of an object that was asked for with a parameter is found at both versions."""
    path = f"/v1/invoices/{DRAFT}"
    for version in (OLD, NEW):
        with replay.use_cassettes(library, mode="once", api_base=source.url):
            headers = {"Stripe-Version": version, "Authorization": "Bearer sk_test_x"}
            requests.get(f"{source.url}{path}?version=1", headers=headers, timeout=5)
    report = replay_command("diff", OLD, NEW, "--library", library, "--format", "json")
    assert 1 == report.code
    found = {
        finding["path"] for group in report.json["comparisons"] for finding in group["findings"]
    }
    assert "/subscription" in found


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/charges/ch_1ABCDEFGHIJKLMNO/refunds", None),
        ("/v1/invoice_payments/inpay_1ABCDEFGHIJKLMNO", "payment"),
    ],
)
def test_a_sub_list_that_bodies_name(
    source: StandIn, library: Path, path: str, body: str | None
) -> None:
    """The address of a list inside a recorded body can be read on."""
    if body is None:
        source.add(path, {"object": "list", "data": [], "has_more": False, "url": path})
    else:
        source.add(path, invoice_payment(path.rpartition("/")[2], DRAFT))
    assert 1 == record(source, library, f"{path}?limit=3" if body is None else path).counts.recorded
    assert 0 == replay_command("verify", "--deep", "--library", library).code
