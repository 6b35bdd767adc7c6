"""Events of the v2 API lead to the object that they are about, offline as while recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import stripe
from support.standin import NEW, StandIn

import replay

EVENT = "evt_test_65RkZQaTestAbCdEfGhIjKl"
METER = "/v1/billing/meters/mtr_test_61QaTestAbCdEfGhIjKlMnOp"
PERSON = "/v2/core/accounts/acct_1QaTestAbCdEfGhI/persons/person_test_61QaTestAbCdEfGhI"


def client(base: str) -> Any:
    """A client of the SDK."""
    return stripe.StripeClient(
        "sk_test_x", stripe_version=NEW, base_addresses={"api": base}, max_network_retries=0
    )


@pytest.mark.parametrize("masks", ["false", "true"])
@pytest.mark.parametrize(
    ("type_", "url", "object_"),
    [
        ("v1.billing.meter.no_meter_found", "", ""),
        ("v1.billing.meter.error_report_triggered", METER, "billing.meter"),
        ("v1.coupon.created", "/v1/coupons/SUMMER-25", "coupon"),
        ("v1.balance.available", "/v1/balance", "balance"),
        ("v2.core.account_person.created", PERSON, "v2.core.account_person"),
    ],
)
@pytest.mark.parametrize(
    "context", [None, "acct_1QaTestAbCdEfGhI", "org_61QaTestAb1/acct_1QaTestAbCd9"]
)
def test_an_event_leads_to_its_object_offline(
    type_: str, url: str, object_: str, context: str | None, masks: str,
    stand_in: StandIn, library: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """`fetch_related_object` asks for the recorded address, for the recorded account."""
    monkeypatch.setenv("REPLAY_PSEUDONYMISE_IDS", masks)
    id = url.rpartition("/")[2]
    event = {
        "id": EVENT, "object": "v2.core.event", "type": type_, "livemode": False,
        "created": "2026-11-01T10:00:00.000Z", "context": context,
        "data": {"developer_message_summary": "PRIVATE summary", "account_id": "acct_1QaTest9"},
        "reason": {"type": "request", "request": {"id": "req_PRIVATE1", "idempotency_key": "P"}},
    }  # fmt: skip
    if url:
        related = {"id": id, "type": object_, "url": url}
        event["related_object"] = related if object_ != "balance" else related | {"id": None}
        stand_in.add(url, {"id": id, "object": object_, "livemode": False, "name": "PRIVATE"})
    stand_in.add(f"/v2/core/events/{EVENT}", event)

    def ask() -> Any:
        found = client(stand_in.url).v2.core.events.retrieve(EVENT)
        assert found.data.developer_message_summary.startswith("Redacted")
        return found.fetch_related_object().to_dict() if url else found.to_dict()

    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        recorded = ask()
    assert context is None or url == "" or stand_in.seen[-1]["stripe-context"] == context
    stand_in.stop()
    with replay.use_cassettes(library, api_base=stand_in.url):
        assert ask() == recorded
    assert url == "" or recorded["object"] == object_
    assert not any("PRIVATE" in path.read_text() for path in library.rglob("*.yaml"))
