"""Numbers and addresses of a person never stay as an ID; IDs of Stripe's form always do."""

from __future__ import annotations

import random
import string

import pytest

from replay.redaction.personal import Form, form_of
from replay.redaction.policy import default_policy, keeps_parameter, with_team
from replay.redaction.policy_files import PolicyFiles
from replay.redaction.redactor import redact

POLICY = default_policy()
ALPHANUMERIC = string.ascii_letters + string.digits

PERSONAL = {
    Form.CARD: [
        "4242-4242-4242-4242", "4242424242424242", "5555.5555.5555.4444", "3782_822463_10005",
        "vip-6011111111111117-gold", "378282246310005", "6200000000000005",
    ],
    Form.IBAN: [
        "DE89370400440532013000", "gb82-west-1234-5698-7654-32", "NL91ABNA0417164300",
        "plan.FR1420041010050500013M02606", "iban_NO9386011117947",
    ],
    Form.NATIONAL: [
        "123-45-6789", "ssn_078-05-1120", "AB123456C", "qq-12-34-56-c", "RSSMRA85T10A562S",
        "BADD110313HCMLNS09", "ABCDE1234F", "12345678Z", "X1234567L", "11010519491231002X",
    ],
    Form.PHONE: [
        "555-123-4567", "0170-1234567", "00491701234567", "01.23.45.67.89", "1-555-0100-1",
        "850709-9805", "529.982.247-25", "jane-4155550123", "2345_6789_0124", "5550100",
    ],
    Form.EMAIL: ["jane.doe@example.com", "jane-at-doe.example", "jane_at_mail.doe.co.uk"],
}  # fmt: skip
EVERY = [(form, text) for form, texts in PERSONAL.items() for text in texts]

CHOSEN = [
    "gold", "SUMMER-2024", "boat-monthly", "plan-2024-01-15", "JANE-DOE-50TH-BIRTHDAY", "AB123456",
    "price-0000017", "500_eur", "3f2504e0-4f89-1123-9001-0305e82c3301", "507f1f77bcf86cd799439011",
    "v1.2.3",
]  # fmt: skip


@pytest.mark.parametrize(("form", "text"), EVERY)
def test_a_number_of_a_person_is_known_by_its_form(form: Form, text: str) -> None:
    """Between other words too, in either case, with any separator."""
    assert form is form_of(text)
    assert form is form_of(f"x.{text}")


@pytest.mark.parametrize("text", CHOSEN)
def test_what_people_call_their_plans_is_no_such_number(text: str) -> None:
    assert form_of(text) is None
    assert POLICY.keeps("chosen", text)
    assert POLICY.keeps_id("coupons", text)


@pytest.mark.parametrize(("form", "text"), EVERY)
@pytest.mark.parametrize("resource", ["coupons", "plans", "prices", "products", "customers"])
def test_it_stays_nowhere(form: Form, text: str, resource: str) -> None:
    """Not in a path, a body, a list, a parameter; not where a team keeps such IDs."""
    assert not POLICY.keeps_id(resource, text)
    assert not POLICY.keeps("chosen", text)
    assert not keeps_parameter("prices", "product", text)
    assert not keeps_parameter("coupons", "starting_after", text)
    assert not keeps_parameter("prices/search", "query", f"product:'{text}'")
    assert not POLICY.keeps("list_url", f"/v1/prices?product={text}")
    types = {"coupons": "coupon", "plans": "plan", "prices": "price", "products": "product"}
    one = {"id": text, "object": types.get(resource, "customer"), "product": text}
    body = {"object": "list", "data": [one, {"id": "in_x", "object": "subscription", "plan": text}]}
    assert text not in str(redact(body, owner=f"{resource} {text}").body)
    teams = with_team(f'[[keep]]\nresource = "{resource}"\npattern = "[^ ]{{1,40}}"\n', "p")
    assert (form is Form.PHONE) == teams.keeps_id(resource, text)


@pytest.mark.parametrize(
    "tail",
    [
        "4242424242424242", "4242424242424242x", "DE89370400440532013000", "11010519491231002X",
        "49170123456789", "janedoe1985", "JaneDoe", "janedoeberlin", "123456789Ab_", "Ab1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("prefix", ["cus", "cs_test", "prod", "evt"])
def test_a_prefix_makes_no_number_an_id_of_stripes(prefix: str, tail: str) -> None:
    assert not POLICY.keeps("id", f"{prefix}_{tail}")
    assert not POLICY.keeps_id("customers", f"{prefix}_{tail}")


@pytest.mark.parametrize("key", ["ssn_123-45-6789", "c4242-4242-4242-4242", "t_0170-1234-56"])
def test_it_is_no_key_of_metadata(key: str) -> None:
    body = {"id": "cus_QaTestAbCdEf12", "object": "customer", "metadata": {key: "x"}}
    assert key not in str(redact(body, owner="customers").body)


def test_all_ids_of_stripes_form_stay() -> None:
    """10,000 of them: every prefix, 14 to 60 letters and digits, by chance alone."""
    rng = random.Random(6)
    prefixes = PolicyFiles(POLICY.sources).known.prefixes
    starts = ["", "1", "a1", "test_", "test_a1", "live_b1"]
    for number in range(10_000):
        prefix = prefixes[number % len(prefixes)]
        start = starts[number % len(starts)]
        length = rng.randint(14, 60) - len(start.rpartition("_")[2])
        id = f"{prefix}_{start}" + "".join(rng.choice(ALPHANUMERIC) for _ in range(length))
        assert POLICY.keeps("id", id), id
        assert POLICY.keeps("chosen", id), id
        assert POLICY.keeps_id("invoices", id), id


def test_between_10_and_13_they_mix_digits_and_both_cases() -> None:
    for length in range(8, 15):
        mixed, lower = "aB3" * 5, "ab3" * 5
        assert (length >= 10) == POLICY.keeps("id", f"cus_{mixed[:length]}")
        assert (length >= 14) == POLICY.keeps("id", f"cus_{lower[:length]}")
        assert (length >= 14) == POLICY.keeps("id", f"cus_{'aB' * 7}"[: 4 + length])


@pytest.mark.parametrize(
    ("resource", "id", "kept"),
    [
        ("tax_codes", "txcd_10000000", True),
        ("tax_codes", "txcd_100000000", False),
        ("country_specs", "us", True),
        ("exchange_rates", "usd", True),
        ("accounts/capabilities", "us_bank_account_ach_payments", True),
        ("reporting/report_types", "balance_change_from_activity.itemized.3", True),
        ("country_specs", "Jane-Doe", False),
        ("exchange_rates", "JANE50", False),
        ("payment_methods", "pm_card_visa", True),
        ("payment_methods", "pm_card_jane", False),
        ("payment_methods", "pm_usBankAccount_success", True),
        ("tokens", "tok_chargeDeclinedInsufficientFunds", True),
        ("tokens", "tok_janedoe", False),
        ("customers", "tok_visa", False),
    ],
)
def test_words_of_the_api_are_data(resource: str, id: str, kept: bool) -> None:
    """Codes, and IDs that Stripe's documentation gives for tests, stay where they belong."""
    assert kept == POLICY.keeps_id(resource, id)
