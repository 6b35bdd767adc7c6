"""What a scenario answers, and what it refuses: each case recorded, written, read and played."""

from __future__ import annotations

import itertools
import random
import re
from typing import Any

import pytest
from support.scenarios import Ask, Run, recorded

from replay.errors import NoStep

CUSTOMER = {"object": "customer", "livemode": False, "created": 1_700_000_000}


def customer(tail: str, **more: Any) -> dict[str, Any]:
    """A customer with an ID that Stripe made."""
    return {"id": f"cus_Qk7Tz{tail}", **CUSTOMER, **more}


def intent(tail: str, **more: Any) -> dict[str, Any]:
    """A payment intent."""
    return {
        "id": f"pi_3PzQk7TzA9bLmN2x{tail}", "object": "payment_intent", "livemode": False,
        "status": "succeeded", **more,
    }  # fmt: skip


def create(lane: str = "main", **sends: Any) -> Ask:
    return Ask("POST /v1/customers", sends, lane=lane)


def pay(lane: str = "main", **sends: Any) -> Ask:
    return Ask("POST /v1/payment_intents", sends, lane=lane)


def refused(run: Run, ask: Ask, words: str) -> None:
    with pytest.raises(NoStep, match=re.escape(words)):
        run.ask(ask)


BASE = (
    (create(email="ann@shop.example", name="Ann Early"),
     customer("Aa1Bb2Cc3", email="ann@shop.example", name="Ann Early")),
    (Ask("GET /v1/customers/{0/id}"),
     customer("Aa1Bb2Cc3", email="ann@shop.example", name="Ann Early")),
)  # fmt: skip


def test_what_is_sent_now_comes_back_also_from_a_read() -> None:
    """An e-mail and a name that differ from run to run are echoed, and none is in the file."""
    scenario = recorded(*BASE)
    run = Run(scenario)
    first = run.ask(create(email="bea@shop.example", name="Bea Late"))
    second = run.ask(Ask("GET /v1/customers/{0/id}"))
    assert ("bea@shop.example", "Bea Late") == (first["email"], first["name"])
    assert ("bea@shop.example", "Bea Late") == (second["email"], second["name"])
    assert "Ann" not in str(scenario)


def test_a_changed_amount_is_refused_with_both_values() -> None:
    """Method and path alone would have played the old answer."""
    run = Run(recorded((pay(amount="300", currency="usd"), intent("01", amount=300))))
    refused(
        run, pay(amount="350", currency="usd"), "step 0 has amount=300 (amount is 300, not 350)"
    )
    assert 300 == run.ask(pay(amount="300", currency="usd"))["amount"]


@pytest.mark.parametrize(
    ("sends", "words"),
    [
        ({"email": "b@x.example", "tax_exempt": "exempt"}, "step 0 has no tax_exempt"),
        ({"email": "b@x.example", "name": "Bea"}, "step 0 has no name"),
        ({}, "email is missing"),
    ],
)
def test_another_set_of_parameters_is_refused(sends: dict[str, str], words: str) -> None:
    """Also where the new parameter is free text: the code sends something else."""
    run = Run(recorded((create(email="a@x.example"), customer("Aa1Bb2Cc4", email="a@x.example"))))
    refused(run, create(**sends), words)


def test_an_id_has_to_be_the_one_that_the_recorded_step_made() -> None:
    """One that nobody made is refused with the step that should have made it."""
    card = {"id": "pm_1PzQk7TzA9bLmN2xYz", "object": "payment_method", "type": "card"}
    attach = Ask("POST /v1/payment_methods/{0/id}/attach", {"customer": "{1/id}"})
    scenario = recorded(
        (Ask("POST /v1/payment_methods", {"type": "card", "card[token]": "tok_visa"}), card),
        (create(email="a@x.example"), customer("Aa1Bb2Cc5", email="a@x.example")),
        (attach, {**card, "customer": "cus_Qk7TzAa1Bb2Cc5"}),
    )
    run = Run(scenario)
    run.ask(Ask("POST /v1/payment_methods", {"type": "card", "card[token]": "tok_visa"}))
    run.ask(create(email="z@x.example"))
    other = Ask(attach.call, {"customer": "cus_Zz9Yy8Xx7Ww6"})
    refused(run, other, "customer is not the one made by step 1")
    assert "cus_Qk7TzAa1Bb2Cc5" == run.ask(attach)["customer"]


def test_a_poll_is_played_in_order_and_its_last_answer_repeats() -> None:
    """Fewer and more polls than recorded are no fault."""
    read = Ask("GET /v1/payment_intents/{0/id}")
    sends = {"amount": "900", "currency": "eur", "confirm": "true"}
    scenario = recorded(
        (pay(**sends), intent("02", status="processing")),
        (read, intent("02", status="processing")),
        (read, intent("02", status="succeeded")),
        (Ask("POST /v1/payment_intents/{0/id}/cancel"), intent("02", status="canceled")),
    )
    run = Run(scenario)
    run.ask(pay(**sends))
    statuses = [run.ask(read)["status"] for _ in range(4)]
    assert ["processing", "succeeded", "succeeded", "succeeded"] == statuses
    fewer = Run(scenario)
    fewer.ask(pay(**sends))
    assert "canceled" == fewer.ask(Ask("POST /v1/payment_intents/{0/id}/cancel"))["status"]
    assert [] == fewer.matching.unplayed()


def test_a_retry_with_its_key_gets_the_first_answer_again() -> None:
    """The key's text does not matter, and its repetition does."""
    body = customer("Aa1Bb2Cc6", email="a@x.example")
    again = Ask("POST /v1/customers", {"email": "a@x.example"}, key="k1")
    replayed = {1: (("Idempotent-Replayed", "true"),)}
    scenario = recorded((again, body), (again, body), headers=replayed)
    run = Run(scenario)
    same = [run.ask(Ask(again.call, {"email": "q@x.example"}, key="z9")) for _ in range(2)]
    assert same[0]["id"] == same[1]["id"]
    other = Run(scenario)
    other.ask(Ask(again.call, {"email": "q@x.example"}, key="z9"))
    refused(
        other, Ask(again.call, {"email": "q@x.example"}, key="y8"),
        "step 1 repeats the idempotency key of step 0",
    )  # fmt: skip


def test_a_write_is_answered_twice_to_its_key_alone() -> None:
    """The same key and parameters get the same answer; other parameters are refused."""
    scenario = recorded((pay(amount="5", currency="usd"), intent("03", amount=5)))
    run = Run(scenario)
    keyed = Ask("POST /v1/payment_intents", {"amount": "5", "currency": "usd"}, key="one")
    first, second = run.ask(keyed), run.ask(keyed)
    assert first == second
    assert [False, True] == run.headers
    refused(
        run, Ask(keyed.call, {"amount": "6", "currency": "usd"}, key="one"),
        "this idempotency key was sent before, with another call",
    )  # fmt: skip
    refused(run, pay(amount="5", currency="usd"), "step 0 was played already")


@pytest.mark.parametrize("status", [409, 429, 500])
def test_an_attempt_that_the_client_repeated_is_no_step(status: int) -> None:
    """What the client got in the end is one step; without a repetition the error is one."""
    error = {"error": {"type": "api_error"}}
    body = customer("Aa1Bb2Cc7", email="a@x.example")
    one = recorded(
        (create(email="a@x.example"), error, status), (create(email="a@x.example"), body)
    )
    assert [200] == [step.answer.status for step in one.steps]
    run = Run(one)
    assert "b@x.example" == run.ask(create(email="b@x.example"))["email"]
    alone = recorded((create(email="a@x.example"), error, status))
    assert [status] == [step.answer.status for step in alone.steps]


def test_an_id_inside_an_error_is_made_too() -> None:
    """A declined payment is read back by the ID in the error."""
    sends = {"amount": "9", "currency": "eur", "payment_method": "pm_card_chargeDeclined"}
    failed = intent("04", status="requires_payment_method")
    error = {"error": {"type": "card_error", "code": "card_declined", "payment_intent": failed}}
    scenario = recorded(
        (pay(**sends), error, 402),
        (Ask("GET /v1/payment_intents/{0/error/payment_intent/id}"), failed),
    )
    run = Run(scenario)
    run.ask(pay(**sends))
    run.ask(Ask("GET /v1/payment_intents/{0/error/payment_intent/id}"))
    assert [402, 200] == run.statuses
    refused(
        Run(scenario), pay(**{**sends, "payment_method": "pm_card_visa"}),
        "step 0 has payment_method=pm_card_chargeDeclined",
    )  # fmt: skip


def test_a_read_is_answered_only_at_its_point() -> None:
    """After a deletion, what was read before it is not an answer; and the other way."""
    made = customer("Aa1Bb2Cc8")
    gone = {"id": made["id"], "object": "customer", "deleted": True}
    read, delete = Ask("GET /v1/customers/{0/id}"), Ask("DELETE /v1/customers/{0/id}")
    before = recorded((create(), made), (read, made), (delete, gone))
    run = Run(before)
    run.ask(create())
    run.ask(delete)
    refused(run, read, "recorded before step 2 only")
    after = Run(recorded((create(), made), (delete, gone), (read, gone)))
    after.ask(create())
    refused(after, read, "recorded after step 1 only")
    after.ask(delete)
    assert after.ask(read)["deleted"] is True


CLOCK = {"id": "clock_1PzQk7TzA9bLmN2xYz", "object": "test_helpers.test_clock", "status": "ready"}
CLOCKS = "/v1/test_helpers/test_clocks"


def test_times_move_together() -> None:
    """A year later all times of the answers are a year later; a longer step is warned of."""
    start, month = 1_700_000_000, 2_592_000
    advance = f"POST {CLOCKS}/{{0/id}}/advance"
    scenario = recorded(
        (Ask(f"POST {CLOCKS}", {"frozen_time": str(start)}), {**CLOCK, "frozen_time": start}),
        (Ask(advance, {"frozen_time": str(start + month)}), {**CLOCK, "frozen_time": start}),
        (Ask(f"GET {CLOCKS}/{{0/id}}"), {**CLOCK, "frozen_time": start + month}),
    )
    later = start + 31_536_000
    run = Run(scenario)
    assert later == run.ask(Ask(f"POST {CLOCKS}", {"frozen_time": str(later)}))["frozen_time"]
    run.ask(Ask(advance, {"frozen_time": str(later + month)}))
    assert later + month == run.ask(Ask(f"GET {CLOCKS}/{{0/id}}"))["frozen_time"]
    assert [] == run.matching.warnings
    longer = Run(scenario)
    longer.ask(Ask(f"POST {CLOCKS}", {"frozen_time": str(later)}))
    longer.ask(Ask(advance, {"frozen_time": str(later + 2 * month)}))
    assert ["step 1: frozen_time is 60 days after step 0, recorded 30"] == longer.matching.warnings


def test_a_time_of_a_read_may_be_any() -> None:
    """``created[gte]`` comes from the clock."""
    lists = {"object": "list", "data": [], "has_more": False, "url": "/v1/charges"}
    charges = Ask("GET /v1/charges", {"customer": "{0/id}", "created[gte]": "1700000000"})
    run = Run(recorded((create(), customer("Aa1Bb2Cd1")), (charges, lists)))
    run.ask(create())
    now = {**charges.sends, "created[gte]": "1731536000"}
    assert [] == run.ask(Ask(charges.call, now))["data"]


def test_an_id_that_the_client_chose_comes_back_as_it_chose_it() -> None:
    """In answers and in paths; on disk it is a stand-in. One from outside has to be the same."""
    plan = {"object": "plan", "amount": 1500}
    sends = {"amount": "1500", "currency": "usd", "interval": "month", "product[name]": "Gold"}
    item = {"customer": "cus_Oo9Pp8Qq7Rr6", "items[0][plan]": "{0/id}"}
    scenario = recorded(
        (Ask("POST /v1/plans", {"id": "gold-a1b2c3", **sends}), {"id": "gold-a1b2c3", **plan}),
        (Ask("GET /v1/plans/{0/id}"), {"id": "gold-a1b2c3", **plan}),
        (Ask("POST /v1/subscriptions", item),
         {"id": "sub_1PzQk7TzA9bLmN2xYz", "object": "subscription", "status": "active"}),
    )  # fmt: skip
    assert "gold-a1b2c3" not in str(scenario)
    run = Run(scenario)
    assert "gold-ffee00" == run.ask(Ask("POST /v1/plans", {"id": "gold-ffee00", **sends}))["id"]
    assert "gold-ffee00" == run.ask(Ask("GET /v1/plans/gold-ffee00"))["id"]
    refused(
        run, Ask("POST /v1/subscriptions", {**item, "customer": "cus_Zz9Yy8Xx7Ww6"}),
        "customer is another one than recorded cus_Oo9Pp8Qq7Rr6",
    )  # fmt: skip
    assert "active" == run.ask(Ask("POST /v1/subscriptions", item))["status"]


def test_an_id_from_outside_may_be_bound_to_another() -> None:
    """Consistently, never that of a price, and only if the session asks for it."""
    read = Ask("GET /v1/customers/cus_Oo9Pp8Qq7Rr6")
    subscribe = {"customer": "cus_Oo9Pp8Qq7Rr6", "items[0][price]": "price_1Oo9Pp8Qq7Rr6Ss5"}
    scenario = recorded(
        (read, {**CUSTOMER, "id": "cus_Oo9Pp8Qq7Rr6"}),
        (Ask("POST /v1/subscriptions", subscribe),
         {"id": "sub_1PzQk7TzA9bLmN2xYz", "object": "subscription", "status": "active",
          "customer": "cus_Oo9Pp8Qq7Rr6"}),
    )  # fmt: skip
    fresh = {**subscribe, "customer": "cus_Ff1Gg2Hh3Ii4"}
    run = Run(scenario, binds=True)
    assert "cus_Ff1Gg2Hh3Ii4" == run.ask(Ask("GET /v1/customers/cus_Ff1Gg2Hh3Ii4"))["id"]
    assert "cus_Ff1Gg2Hh3Ii4" == run.ask(Ask("POST /v1/subscriptions", fresh))["customer"]
    other = Run(scenario, binds=True)
    other.ask(Ask("GET /v1/customers/cus_Ff1Gg2Hh3Ii4"))
    third = {**fresh, "customer": "cus_Kk5Ll6Mm7Nn8"}
    refused(other, Ask("POST /v1/subscriptions", third), "customer is not the one")
    price = Run(scenario, binds=True)
    changed = {**fresh, "items[0][price]": "price_1Zz9Yy8Xx7Ww6Vv5"}
    refused(price, Ask("POST /v1/subscriptions", changed), "items[0][price] is another one")


def pair(lane_a: str, lane_b: str) -> Any:
    """Two customers and a charge of each, in two lanes."""
    return recorded(
        (create(lane_a, name="Ann"), customer("Aa1Bb2Ce1", name="Ann")),
        (create(lane_b, name="Bob"), customer("Aa1Bb2Ce2", name="Bob")),
        (pay(lane_a, amount="100", currency="usd", customer="{0/id}"),
         intent("05", amount=100, customer="cus_Qk7TzAa1Bb2Ce1")),
        (pay(lane_b, amount="200", currency="usd", customer="{1/id}"),
         intent("06", amount=200, customer="cus_Qk7TzAa1Bb2Ce2")),
    )  # fmt: skip


def test_lanes_may_come_in_another_order() -> None:
    """Each gets its own name back, and its payment is of the customer that it made."""
    run = Run(pair("a", "b"))
    assert "Bob" == run.ask(create("b", name="Bob"))["name"]
    assert "Ann" == run.ask(create("a", name="Ann"))["name"]
    second = run.ask(pay("b", amount="200", currency="usd", customer="{0/id}"))
    first = run.ask(pay("a", amount="100", currency="usd", customer="{1/id}"))
    assert (200, run.got[0]["id"]) == (second["amount"], second["customer"])
    assert (100, run.got[1]["id"]) == (first["amount"], first["customer"])


def test_one_lane_that_charges_the_other_customer_is_refused() -> None:
    """In any number of lanes: an ID is never rebound within one."""
    one = Run(pair("main", "main"))
    one.ask(create(name="Ann"))
    one.ask(create(name="Bob"))
    wrong = pay(amount="100", currency="usd", customer="{1/id}")
    refused(one, wrong, "customer is the one made by step 1, recorded step 0")
    two = Run(pair("a", "b"))
    two.ask(create("a", name="Ann"))
    two.ask(create("b", name="Bob"))
    for amount in ("100", "200"):
        with pytest.raises(NoStep):
            two.ask(pay("a", amount=amount, currency="usd", customer="{1/id}"))


def flow(count: int) -> tuple[list[tuple[Ask, Any]], list[list[int]]]:
    """As many lanes as asked for: each makes a customer, charges it and reads it."""
    calls: list[tuple[Ask, Any]] = []
    lanes: list[list[int]] = []
    for number in range(count):
        lane, at = f"lane {number}", len(calls)
        made = customer(f"Aa1Bb2L{number:03}", name="Cy")
        calls.append((create(lane, name="Cy"), made))
        calls.append(
            (pay(lane, amount=str(1000 + number), currency="usd", customer=f"{{{at}/id}}"),
             intent(f"L{number:03}", amount=1000 + number, customer=made["id"]))
        )  # fmt: skip
        calls.append((Ask(f"GET /v1/customers/{{{at}/id}}", lane=lane), made))
        lanes.append([at, at + 1, at + 2])
    return calls, lanes


@pytest.mark.parametrize("seed", range(100))
def test_any_interleaving_of_lanes_is_right(seed: int) -> None:
    """Six lanes whose first calls look alike, in an order of their own each time."""
    calls, lanes = flow(6)
    scenario = recorded(*calls)
    order = random.Random(seed)
    left = {number: list(steps) for number, steps in enumerate(lanes)}
    run, made = Run(scenario), {}
    while left:
        number = order.choice(sorted(left))
        step = left[number].pop(0)
        if not left[number]:
            del left[number]
        kind = step % 3
        ask = calls[step][0]
        if kind == 0:
            made[number] = run.ask(create(f"now {number}", name=f"Name {number}"))
            assert f"Name {number}" == made[number]["name"]
            continue
        text = made[number]["id"]
        if kind == 1:
            sends = {**ask.sends, "customer": text}
            answer = run.ask(Ask(ask.call, sends, lane=f"now {number}"))
            assert (1000 + number, text) == (answer["amount"], answer["customer"])
        else:
            answer = run.ask(Ask(f"GET /v1/customers/{text}", lane=f"now {number}"))
            assert (text, f"Name {number}") == (answer["id"], answer["name"])
    assert 6 == len({body["id"] for body in made.values()})
    assert [] == run.matching.unplayed()


def test_calls_that_look_alike_and_were_answered_differently_are_refused() -> None:
    """Nothing is guessed: one of two threads was declined, and nothing tells which."""
    error = {"error": {"type": "card_error", "code": "card_declined"}}
    scenario = recorded(
        (pay("a", amount="5", currency="usd"), intent("07", amount=5)),
        (pay("b", amount="5", currency="usd"), error, 402),
    )
    refused(Run(scenario), pay("x", amount="5", currency="usd"), "look alike from here")


def test_an_upload_is_matched_by_its_purpose() -> None:
    """Neither its content nor its size is in the file."""
    file = {"id": "file_1PzQk7TzA9bLmN2xYz", "object": "file", "purpose": "identity_document"}
    send = {"purpose": "identity_document"}
    up = Ask("POST /v1/files", send, host="files.stripe.com", upload=b"PRIVATE picture")
    scenario = recorded((up, file))
    assert "PRIVATE" not in str(scenario)
    run = Run(scenario)
    refused(
        run, Ask(up.call, {"purpose": "dispute_evidence"}, host=up.host, upload=b"x"),
        "purpose is identity_document",
    )  # fmt: skip
    assert file["id"] == run.ask(Ask(up.call, send, host=up.host, upload=b"other one"))["id"]


def test_a_secret_that_a_step_made_may_be_sent_on() -> None:
    """On disk and offline it is a stand-in."""
    made = intent("08", client_secret="pi_3PzQk7TzA9bLmN2x08_secret_Tr1uEvAl2uEx")
    read = Ask("GET /v1/payment_intents/{0/id}", {"client_secret": "{0/client_secret}"})
    scenario = recorded((pay(amount="9", currency="eur"), made), (read, intent("08")))
    assert "Tr1uEvAl2uEx" not in str(scenario)
    run = Run(scenario)
    run.ask(pay(amount="9", currency="eur"))
    assert made["id"] == run.ask(read)["id"]


def test_writes_that_were_not_made_are_known() -> None:
    """A call was dropped from the code."""
    made = customer("Aa1Bb2Cf1")
    gone = {"id": made["id"], "object": "customer", "deleted": True}
    run = Run(recorded((create(), made), (Ask("DELETE /v1/customers/{0/id}"), gone)))
    run.ask(create())
    assert [1] == run.matching.unplayed()


def test_spellings_of_one_call_are_one() -> None:
    """Positions, the order of parameters, expand as a set, and ``True`` as older SDKs write it."""
    sends = {"amount": "9", "currency": "eur", "expand[0]": "latest_charge",
             "expand[1]": "customer", "confirm": "True"}  # fmt: skip
    run = Run(recorded((pay(**sends), intent("09"))))
    other = {"expand[]": ["customer", "latest_charge"], "confirm": "true", "currency": "eur"}
    assert "succeeded" == run.ask(pay(**other, amount="9"))["status"]


def test_lists_belong_to_the_writes_before_them() -> None:
    """The first list was empty, the second was not."""
    page = {"object": "list", "has_more": False, "url": "/v1/charges"}
    charge = {"id": "ch_3PzQk7TzA9bLmN2xYz", "object": "charge", "livemode": False}
    charges = Ask("GET /v1/charges", {"limit": "3"})
    run = Run(
        recorded(
            (charges, {**page, "data": []}),
            (create(name="Ann"), customer("Aa1Bb2Cf2", name="Ann")),
            (charges, {**page, "data": [charge]}),
        )
    )
    assert [] == run.ask(charges)["data"]
    run.ask(create(name="Cy"))
    assert charge["id"] == run.ask(charges)["data"][0]["id"]
    refused(run, Ask("GET /v1/charges", {"limit": "4"}), "step 2 has limit=3")


def test_published_test_numbers_are_constants() -> None:
    """The number of a card that is declined never plays the success of another one."""
    card = {"type": "card", "card[exp_month]": "12", "card[exp_year]": "2030", "card[cvc]": "123"}
    good = {**card, "card[number]": "4242424242424242"}
    run = Run(
        recorded(
            (Ask("POST /v1/payment_methods", good),
             {"id": "pm_1PzQk7TzA9bLmN2xYz", "object": "payment_method", "type": "card"}),
        )
    )  # fmt: skip
    bad = {**card, "card[number]": "4000000000000002"}
    refused(run, Ask("POST /v1/payment_methods", bad), "step 0 has card[number]=4242424242424242")
    next_year = {**good, "card[exp_year]": "2031", "card[cvc]": "999"}
    assert "card" == run.ask(Ask("POST /v1/payment_methods", next_year))["type"]


def test_a_text_that_the_answers_policy_keeps_has_to_be_equal() -> None:
    """``payment_method_types[]`` is plain text in Stripe's schema."""
    sends = {"amount": "9", "currency": "eur", "payment_method_types[]": "card"}
    run = Run(recorded((pay(**sends), intent("10"))))
    other = {**sends, "payment_method_types[]": "sepa_debit"}
    refused(run, pay(**other), "payment_method_types[0] is card, not sepa_debit")


def test_a_read_of_nothing_that_the_test_wrote_is_the_librarys() -> None:
    """Replay asks the scenario first, then the library."""
    read = Ask("GET /v1/prices/price_1Oo9Pp8Qq7Rr6Ss5")
    price = {"id": "price_1Oo9Pp8Qq7Rr6Ss5", "object": "price"}
    scenario = recorded((read, price), (create(), customer("Aa1Bb2Cf3")))
    assert ["POST /v1/customers"] == [step.call for step in scenario.steps]
    assert "library" == Run(scenario).ask(read)


def test_a_step_has_no_place_for_a_free_value() -> None:
    """A private text that somebody writes into the file is refused when it is read."""
    import dataclasses

    from replay.errors import CassetteDamaged
    from replay.model.scenario import kept
    from replay.redaction.policy import default_policy
    from replay.session.scenario.plan import Plan

    scenario = recorded((create(name="Ann"), customer("Aa1Bb2Cf4", name="Ann")))
    step = dataclasses.replace(scenario.steps[0], sends={"name": kept("Ann Early")})
    edited = dataclasses.replace(scenario, steps=(step,))
    with pytest.raises(CassetteDamaged, match="step 0 holds a value that replay does not keep"):
        Plan(edited, default_policy(), "it.yaml")


def test_two_of_each_are_told_apart_in_all_orders() -> None:
    """Two lanes with two calls each, in each order that keeps a lane's own."""
    scenario = pair("a", "b")
    for order in sorted(set(itertools.permutations("aabb"))):
        run, made = Run(scenario), {}
        for lane in order:
            if lane not in made:
                made[lane] = run.ask(create(f"now {lane}", name=lane))["id"]
            else:
                amount = {"a": "100", "b": "200"}[lane]
                sends = {"amount": amount, "currency": "usd", "customer": made[lane]}
                answer = run.ask(Ask("POST /v1/payment_intents", sends, lane=f"now {lane}"))
                assert (int(amount), made[lane]) == (answer["amount"], answer["customer"])


def test_reads_of_several_threads_are_answered_in_the_order_recorded() -> None:
    """Each poll may come from another work item of a pool."""
    sends = {"amount": "900", "currency": "eur"}

    def read(lane: str) -> Ask:
        return Ask("GET /v1/payment_intents/{0/id}", lane=lane)

    run = Run(
        recorded(
            (pay(**sends), intent("11", status="processing")),
            (read("item 1"), intent("11", status="processing")),
            (read("item 2"), intent("11", status="requires_action")),
            (read("item 3"), intent("11", status="succeeded")),
        )
    )
    run.ask(pay(**sends))
    statuses = [run.ask(read(f"now {number}"))["status"] for number in range(3)]
    assert ["processing", "requires_action", "succeeded"] == statuses


def test_a_look_up_of_what_was_sent_before_has_to_name_it_again() -> None:
    """Only then is the list the one of the customer that was made."""
    page = {"object": "list", "has_more": False, "url": "/v1/customers"}
    made = customer("Aa1Bb2Cg1", email="a@x.example")
    find = Ask("GET /v1/customers", {"email": "a@x.example"})
    scenario = recorded((create(email="a@x.example"), made), (find, {**page, "data": [made]}))
    run = Run(scenario)
    run.ask(create(email="b@x.example"))
    other = Ask("GET /v1/customers", {"email": "c@x.example"})
    refused(run, other, "email is not what was sent before, and it was when recorded")
    found = run.ask(Ask("GET /v1/customers", {"email": "b@x.example"}))
    assert "b@x.example" == found["data"][0]["email"]


def test_bodies_in_json_keep_their_kinds() -> None:
    """A number is no text there, and null is a value."""
    from dataclasses import replace

    from replay.redaction.policy import default_policy
    from replay.session.scenario.asked import read_asked

    form = create(email="a@x.example").request()
    json = replace(form, headers=(("Content-Type", "application/json"),))
    policy = default_policy()
    texts = [
        read_asked(replace(json, body=body), policy).exact(lambda _: False)
        for body in (
            b'{"balance": 5}',
            b'{"balance": "5"}',
            b'{"balance": null}',
            b'{"balance": [5]}',
        )
    ]
    assert 4 == len(set(texts))
