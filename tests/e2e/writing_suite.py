"""A suite whose tests write, as users have them: test_scenarios.py records and plays it.

Every run sends other e-mails, names, metadata and IDs of plans than the run before.
"""

from __future__ import annotations

import asyncio
import threading
import time
import unittest
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import aiohttp
import httpx
import pytest
import requests
import stripe

import replay

KEY = "sk_test_12345"
API = "https://api.stripe.com/v1"
CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2034, "cvc": "123"}

pytestmark = pytest.mark.cassettes("cassettes", writes="scenario")


def word() -> str:
    """A text of this run alone."""
    return f"private-{uuid4().hex}"


def email() -> str:
    return f"{word()}@shop.example"


def client() -> stripe.StripeClient:
    return stripe.StripeClient(KEY)


def with_card(number: str = CARD["number"]) -> tuple[Any, Any]:  # type: ignore[assignment]
    """A customer with a card."""
    v1 = client().v1
    customer = v1.customers.create({"email": email(), "name": word()})
    method = v1.payment_methods.create({"type": "card", "card": {**CARD, "number": number}})
    v1.payment_methods.attach(method.id, {"customer": customer.id})
    v1.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method.id}})
    return customer, method


def pay(customer: Any, method: Any, amount: int) -> Any:
    return client().v1.payment_intents.create(
        {"amount": amount, "currency": "eur", "customer": customer.id,
         "payment_method": method.id, "confirm": True}
    )  # fmt: skip


def test_a_customer_is_what_was_sent() -> None:
    mail, name, order = email(), word(), word()
    v1 = client().v1
    made = v1.customers.create({"email": mail, "name": name, "metadata": {"order": order}})
    assert (mail, name, order) == (made.email, made.name, made.metadata["order"])
    again = v1.customers.retrieve(made.id)
    assert (mail, name, order) == (again.email, again.name, again.metadata["order"])
    changed = v1.customers.update(made.id, {"description": word()})
    assert (made.id, mail) == (changed.id, changed.email)


def test_a_customer_is_deleted() -> None:
    v1 = client().v1
    made = v1.customers.create({"email": email()})
    assert not getattr(v1.customers.retrieve(made.id), "deleted", False)
    assert v1.customers.delete(made.id).deleted


def test_a_payment_is_made_and_paid_back() -> None:
    customer, method = with_card()
    paid = pay(customer, method, 900)
    assert ("succeeded", 900) == (paid.status, paid.amount)
    charge = paid["charges"].data[0] if "charges" in paid else paid.latest_charge
    refund = client().v1.refunds.create({"charge": getattr(charge, "id", charge), "amount": 400})
    assert 400 == refund.amount


@pytest.mark.parametrize("amount", [100, 2000], ids=["small", "large"])
def test_amounts(amount: int) -> None:
    assert amount == pay(*with_card(), amount).amount


def test_a_card_is_declined() -> None:
    customer = client().v1.customers.create({"email": email()})
    card = {**CARD, "number": "4000000000000002"}
    method = client().v1.payment_methods.create({"type": "card", "card": card})
    with pytest.raises(stripe.CardError) as caught:
        client().v1.payment_methods.attach(method.id, {"customer": customer.id})
    assert "card_declined" == caught.value.code


def test_a_subscription_makes_an_invoice() -> None:
    customer, _ = with_card()
    v1, name = client().v1, f"gold-{uuid4().hex[:8]}"
    plan = v1.plans.create(
        {"id": name, "amount": 4200, "currency": "eur", "interval": "month",
         "product": {"name": word()}}
    )  # fmt: skip
    assert name == plan.id == v1.plans.retrieve(name).id
    made = v1.subscriptions.create({"customer": customer.id, "items": [{"plan": name}]})
    assert ("active", name) == (made.status, made["items"].data[0].plan.id)
    invoices = v1.invoices.list({"customer": customer.id})
    assert [4200] == [invoice.total for invoice in invoices.data]
    assert invoices.data[0].id == v1.invoices.retrieve(invoices.data[0].id).id
    assert "canceled" == v1.subscriptions.cancel(made.id).status


def test_pages_of_what_was_made() -> None:
    v1 = client().v1
    mail = email()
    made = [v1.customers.create({"email": mail, "name": word()}).id for _ in range(3)]
    found = v1.customers.list({"email": mail, "limit": 2})
    assert set(made) == {customer.id for customer in found.auto_paging_iter()}


def test_a_poll_for_a_state() -> None:
    paid = pay(*with_card(), 500)
    for _ in range(5):
        if client().v1.payment_intents.retrieve(paid.id).status == "succeeded":
            return
        time.sleep(0.01)
    raise AssertionError("it never succeeded")


def test_a_time_of_now() -> None:
    start = int(time.time())
    customer, _ = with_card()
    v1 = client().v1
    plan = v1.plans.create(
        {"amount": 100, "currency": "eur", "interval": "day", "product": {"name": word()}}
    )
    made = v1.subscriptions.create(
        {"customer": customer.id, "items": [{"plan": plan.id}], "trial_end": start + 86_400}
    )
    assert made.id.startswith("sub_")


def flow(number: int) -> str:
    customer, method = with_card()
    paid = pay(customer, method, 1000 + number)
    assert (1000 + number, customer.id) == (paid.amount, paid.customer)
    assert customer.name == client().v1.customers.retrieve(customer.id).name
    return str(paid.id)


def test_a_pool_of_threads() -> None:
    with ThreadPoolExecutor(3) as pool:
        assert 8 == len(set(pool.map(flow, range(8))))


def test_threads() -> None:
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: made.append(flow(n)))  # type: ignore[misc]
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 4 == len(set(made))


async def _async_flow(number: int) -> str:
    own = stripe.StripeClient(KEY, http_client=stripe.HTTPXClient())
    name = word()
    customer = await own.v1.customers.create_async({"email": email(), "name": name})
    await asyncio.sleep(0)
    changed = await own.v1.customers.update_async(customer.id, {"description": f"number {number}"})
    assert (customer.id, name) == (changed.id, changed.name)
    return str(customer.id)


def test_tasks() -> None:
    async def main() -> list[str]:
        return await asyncio.gather(*(_async_flow(number) for number in range(6)))

    assert 6 == len(set(asyncio.run(main())))


def test_requests() -> None:
    mail = email()
    with requests.Session() as session:
        session.auth = (KEY, "")
        made = session.post(f"{API}/customers", data={"email": mail}).json()
        assert mail == made["email"] == session.get(f"{API}/customers/{made['id']}").json()["email"]


def test_httpx() -> None:
    mail = email()
    with httpx.Client(auth=(KEY, "")) as session:
        made = session.post(f"{API}/customers", data={"email": mail}).json()
        assert mail == made["email"] == session.get(f"{API}/customers/{made['id']}").json()["email"]


def test_aiohttp() -> None:
    async def main() -> None:
        mail, headers = email(), {"Authorization": f"Bearer {KEY}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            async with session.post(f"{API}/customers", data={"email": mail}) as answer:
                made = await answer.json()
            assert mail == made["email"]
            async with session.delete(f"{API}/customers/{made['id']}") as answer:
                assert (await answer.json())["deleted"] is True

    asyncio.run(main())


def test_a_variable(cassettes: replay.Session) -> None:
    suffix = cassettes.variable("suffix", lambda: uuid4().hex)
    assert f"Shop {suffix}" == client().v1.customers.create({"name": f"Shop {suffix}"}).name


@pytest.fixture(scope="module")
def shared() -> Iterator[Any]:
    made = client().v1.customers.create({"email": email(), "name": word()})
    yield made
    client().v1.customers.delete(made.id)


def test_a_customer_of_the_module(shared: Any) -> None:
    found = client().v1.customers.update(shared.id, {"description": word()})
    assert (shared.id, shared.email) == (found.id, found.email)


def test_another_of_the_module(shared: Any) -> None:
    method = client().v1.payment_methods.create({"type": "card", "card": CARD})
    assert (
        shared.id == client().v1.payment_methods.attach(method.id, {"customer": shared.id}).customer
    )
    assert shared.name == client().v1.customers.retrieve(shared.id).name


class TestCases(unittest.TestCase):
    def setUp(self) -> None:
        self.customer = client().v1.customers.create({"email": email()})

    def tearDown(self) -> None:
        client().v1.customers.delete(self.customer.id)

    def test_one(self) -> None:
        changed = client().v1.customers.update(self.customer.id, {"name": "One"})
        assert "One" == changed.name

    def test_two(self) -> None:
        found = client().v1.customers.retrieve(self.customer.id)
        assert self.customer.email == found.email
