"""`keep_chosen_ids = false`: each ID that a person chose has one stand-in, everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
from support.standin import StandIn, generated

import replay
from replay.config import resolve
from replay.errors import ConfigError
from replay.redaction.policy import default_policy, with_team
from replay.redaction.policy_source import PolicySource
from replay.redaction.pseudonyms import chosen_stand_in
from replay.redaction.redactor import redact
from replay.scan.run import scan

KEY = {"Authorization": "Bearer sk_test_x", "Stripe-Version": "2024-06-20"}
CHOSEN = ("JANE-50TH", "jane_gold", "boat.jane", "jane_m", "cus_jane85")
COUPON, PLAN, PRODUCT, LOOKUP, CUSTOMER = CHOSEN
SUB = generated("sub", "jane")
NAMES = {id: chosen_stand_in(id, default_policy().prefixes) for id in CHOSEN}


def price(id: str) -> dict[str, Any]:
    return {"id": id, "object": "price", "product": PRODUCT, "lookup_key": LOOKUP, "active": True}


PRICES = {"object": "list", "data": [price(PLAN)], "has_more": False, "url": "/v1/prices"}
ANSWERS: dict[str, Any] = {
    f"/v1/coupons/{COUPON}": {"id": COUPON, "object": "coupon", "name": "PRIVATE Jane"},
    f"/v1/products/{PRODUCT}": {"id": PRODUCT, "object": "product", "default_price": PLAN},
    f"/v1/prices/{PLAN}": price(PLAN),
    f"/v1/prices?product={PRODUCT}": PRICES,
    f"/v1/prices?lookup_keys[]={LOOKUP}": PRICES,
    f"/v1/prices?starting_after={PLAN}": PRICES,
    f"/v1/customers/{CUSTOMER}": {"id": CUSTOMER, "object": "customer", "name": "PRIVATE Jane"},
    f"/v1/customers/{CUSTOMER}/sources/{generated('card', 'jane')}": {
        "id": generated("card", "jane"), "object": "card", "customer": CUSTOMER,
    },
    f"/v1/subscriptions/{SUB}": {
        "id": SUB, "object": "subscription", "customer": CUSTOMER,
        "discount": {"object": "discount", "coupon": {"id": COUPON, "object": "coupon"}},
        "items": {"object": "list", "data": [price(PLAN)]},
    },
    "/v1/coupons/NOPE-JANE": {
        "error": {"message": "No such coupon: 'NOPE-JANE'", "code": "resource_missing"}
    },
    "/v1/country_specs/US": {"id": "US", "object": "country_spec"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("replay.toml").write_text("keep_chosen_ids = false\n")


def asked(base: str) -> dict[str, Any]:
    return {path: requests.get(base + path, headers=KEY, timeout=5).json() for path in ANSWERS}


def recorded() -> dict[str, Any]:
    with StandIn() as source:
        source.script = [(404 if "error" in body else 200, {}, body) for body in ANSWERS.values()]
        with replay.use_cassettes("lib", mode="once", api_base=source.url) as session:
            answers = asked(source.url)
        assert [] == session.notes
        assert len(ANSWERS) == session.counts.recorded
    return answers


def written() -> str:
    files = [path for path in Path("lib").rglob("*") if path.is_file()]
    assert files
    return "\n".join(f"{path}\n{path.read_text('utf-8')}" for path in files)


def test_no_chosen_id_is_written_and_both_names_are_answered() -> None:
    answers = recorded()
    text = written()
    for id in (*CHOSEN, "NOPE-JANE", "PRIVATE"):
        assert id not in text
    assert all(name in text for name in NAMES.values())
    with replay.use_cassettes("lib"):
        assert answers == asked("https://api.stripe.com")
        for path in (f"coupons/{NAMES[COUPON]}", f"products/{NAMES[PRODUCT]}"):
            got = requests.get(f"https://api.stripe.com/v1/{path}", headers=KEY, timeout=5)
            assert got.json()["id"] == path.rpartition("/")[2]


def test_it_is_the_same_stand_in_everywhere() -> None:
    answers = recorded()
    sub = answers[f"/v1/subscriptions/{SUB}"]
    one = answers[f"/v1/prices/{PLAN}"]
    assert NAMES[PRODUCT] == one["product"]
    assert NAMES[CUSTOMER] == sub["customer"] == answers[f"/v1/customers/{CUSTOMER}"]["id"]
    assert NAMES[CUSTOMER].startswith("cus_Redacted")
    assert NAMES[COUPON] == sub["discount"]["coupon"]["id"]
    assert one == sub["items"]["data"][0]
    assert (NAMES[PLAN], NAMES[LOOKUP]) == (one["id"], one["lookup_key"])
    assert "US" == answers["/v1/country_specs/US"]["id"]
    name = answers["/v1/coupons/NOPE-JANE"]["error"]["message"].split("'")[1]
    assert f"No such coupon: '{name}'" == answers["/v1/coupons/NOPE-JANE"]["error"]["message"]
    assert chosen_stand_in("NOPE-JANE", ()) == name


def test_the_scan_proves_it() -> None:
    recorded()
    policy = PolicySource.of(resolve()).load()
    assert not policy.keeps_chosen
    assert () == scan(["lib"], policy).hits
    # Where such IDs are kept, their stand-ins pass; only the policy's name is another.
    found = scan(["lib"], default_policy()).hits
    assert {"policy-behind"} == {hit.rule for hit in found}


def test_a_number_of_a_person_has_no_stand_in_that_gives_it_away() -> None:
    """Nine digits can all be tried: such a value is replaced by whose it is, not by what it is."""
    policy = with_team("", "", keeps_chosen=False)
    bodies = [{"id": ssn, "object": "coupon"} for ssn in ("123-45-6789", "987-65-4321")]
    assert redact(bodies[0], owner="coupons", policy=policy) != bodies[0]
    one, other = (redact(body, owner="coupons", policy=policy).body for body in bodies)
    assert one == other
    assert "" == policy.chosen_stand_in("123-45-6789")
    assert not policy.keeps_id("coupons", policy.masked_id("coupons", "123-45-6789"))


def test_by_default_only_plans_prices_coupons_and_products_keep_theirs() -> None:
    kept = default_policy()
    assert all(kept.keeps_id(name, COUPON) for name in ("coupons", "plans", "prices", "products"))
    assert not kept.keeps_id("customers", COUPON)
    assert not kept.keeps_id("customers", CUSTOMER)
    assert kept.label != with_team("", "", keeps_chosen=False).label


def test_a_raw_view_would_show_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with (
        pytest.raises(ConfigError, match="keep_chosen_ids"),
        replay.use_cassettes("lib", mode="once", live_view="raw"),
    ):
        pass


def test_a_library_with_the_ids_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLAY_KEEP_CHOSEN_IDS", "true")
    with StandIn() as source:
        source.script = [(200, {}, ANSWERS[f"/v1/coupons/{COUPON}"])]
        with replay.use_cassettes("lib", mode="once", api_base=source.url):
            requests.get(f"{source.url}/v1/coupons/{COUPON}", headers=KEY, timeout=5)
    assert COUPON in written()
    monkeypatch.setenv("REPLAY_KEEP_CHOSEN_IDS", "false")
    with pytest.raises(ConfigError, match="real IDs") as caught, replay.use_cassettes("lib"):
        requests.get(f"https://api.stripe.com/v1/coupons/{COUPON}", headers=KEY, timeout=5)
    assert "keep_chosen_ids" == caught.value.where
