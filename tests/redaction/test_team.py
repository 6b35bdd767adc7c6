"""A team's own rules: what they keep and redact, and the line of whatever is wrong in them."""

from __future__ import annotations

from typing import Any

import pytest

from replay.errors import PolicyError
from replay.model.cassette import Request
from replay.redaction.policy import default_policy, keeps_parameter, why_private, with_team
from replay.redaction.redactor import redact
from replay.stripe_api.call import API_BASE, read_call

CARD = "card_1QaTestAbCdEfGhIjKlMnOp0"
IN = "in_1QaTestAbCdEfGhIjKlMnOp0"
BODY = {
    "id": IN, "object": "invoice", "number": "KIESEL-0042", "amount_due": 2500,
    "description": "x y",
    "metadata": {"plan": "gold", "order": "Greta 7", "tier": "Greta"},
    "parent": {"type": "quote_details", "subscription_details": {"metadata": {"plan": "gold"}}},
}  # fmt: skip


def redacted(text: str, body: dict[str, Any] = BODY) -> set[str]:
    return set(redact(body, owner=f"invoices {IN}", policy=with_team(text, "p.toml")).redacted)


SHIPPED = {"/number", "/description", "/metadata/plan", "/metadata/order", "/metadata/tier",
           "/parent/subscription_details/metadata/plan"}  # fmt: skip


def test_without_a_team_the_shipped_policy_holds():
    assert redacted("") == SHIPPED
    assert with_team("", "") is default_policy()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('[[keep]]\ntype = "invoice"\npath = "number"\npattern = "KIESEL-[0-9]{4}"', {"/number"}),
        ('[[keep]]\npath = "number"\npattern = "KIESEL-[0-9]{4}"', {"/number"}),
        ('[[keep]]\npath = "number"\npattern = "KIESEL"', set()),
        ('[[keep]]\ntype = "charge"\npath = "number"\npattern = "KIESEL-[0-9]{4}"', set()),
        ('[[keep]]\nmetadata = "plan"\npattern = "gold|silver"',
         {"/metadata/plan", "/parent/subscription_details/metadata/plan"}),
        ('[[keep]]\nmetadata = "tier"\npattern = "gold|silver"', set()),
        ('[[keep]]\npath = "metadata.plan"\npattern = "gold"', {"/metadata/plan"}),
    ],
)  # fmt: skip
def test_a_value_is_kept_at_its_place_if_it_looks_as_the_team_says(text, kept):
    assert SHIPPED - kept == redacted(text)


def test_what_is_kept_is_no_secret_whatever_the_pattern():
    body = {"object": "invoice", "number": "sk_test_QaTestAbCdEf01"}
    assert {"/number"} == redacted('[[keep]]\npath = "number"\npattern = "[a-zA-Z0-9_]+"', body)


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ('[[redact]]\ntype = "invoice"\npath = "amount_due"', {"/amount_due"}),
        ('[[redact]]\npath = "parent"', {"/parent/type"}),
        ('[[redact]]\ntype = "charge"\npath = "parent"', set()),
        ('[[redact]]\npath = "amount_due"\n[[keep]]\npath = "amount_due"\npattern = "[0-9]{4}"',
         {"/amount_due"}),
    ],
)  # fmt: skip
def test_a_subtree_is_redacted_and_that_wins(text, more):
    assert SHIPPED | more == redacted(text)


def test_a_parameter_and_a_resource_can_be_kept():
    text = (
        '[[keep]]\nparameter = "email"\npattern = "team-[a-z]{1,9}"\n'
        '[[keep]]\nresource = "customers"\npattern = "boat-[0-9]{1,4}"\n'
    )
    policy = with_team(text, "p.toml")
    assert keeps_parameter("customers", "email", "team-blue", policy=policy)
    assert not keeps_parameter("customers", "email", "greta", policy=policy)
    assert not keeps_parameter("customers", "name", "team-blue", policy=policy)
    assert policy.keeps_id("customers", "boat-7")
    assert not policy.keeps_id("customers", "greta")
    assert not policy.keeps_id("invoices", "boat-7")
    below = read_call(Request("GET", f"{API_BASE}/v1/customers/boat-7/sources/{CARD}"))
    assert "" == why_private(below, policy)
    other = read_call(Request("GET", f"{API_BASE}/v1/customers/greta/sources/{CARD}"))
    assert "the ID in the path may be private" in why_private(other, policy)
    own = read_call(Request("GET", f"{API_BASE}/v1/customers/boat-7/sources/boat-7"))
    assert "the ID in the path may be private" in why_private(own, policy)


@pytest.mark.parametrize(
    "path", ["accounts/greta-ohm/capabilities", "accounts/acct_1/capabilities/transfers"]
)
def test_a_parent_is_judged_as_what_it_is_an_id_of(path):
    """Capabilities are words of the API; the account before one is none."""
    call = read_call(Request("GET", f"{API_BASE}/v1/{path}"))
    assert "the ID in the path may be private" in why_private(call, default_policy())


@pytest.mark.parametrize("keeps_chosen", [True, False])
def test_one_rule_keeps_an_id_in_its_path_in_bodies_and_in_lists_below(keeps_chosen):
    """And in parameters; values beside it, and other IDs that people chose, do not stay."""
    text = '[[keep]]\nresource = "customers"\npattern = "boat-[0-9]{1,4}"\n'
    policy = with_team(text, "p.toml", keeps_chosen=keeps_chosen)
    below = {"object": "list", "data": [], "has_more": False, "url": "/v1/customers/boat-7/sources"}
    customer = {"id": "boat-7", "object": "customer", "name": "boat-7", "sources": below}
    invoice = {"object": "invoice", "id": "in_1ABCDEFGHIJKLMNO", "customer": "boat-7"}
    other = {**invoice, "customer": "greta"}
    made = redact(customer, owner="customers boat-7", policy=policy)
    assert customer | {"name": made.body["name"]} == made.body
    assert {"/name": "name"} == made.redacted
    assert invoice == redact(invoice, owner="invoices in_1ABCDEFGHIJKLMNO", policy=policy).body
    assert "greta" not in str(redact(other, owner="invoices x", policy=policy).body)
    assert keeps_parameter("invoices", "customer", "boat-7", policy=policy)
    assert keeps_parameter("customers", "starting_after", "boat-7", policy=policy)
    assert "boat-7" == policy.masked_parameter("invoices", "customer", "boat-7")
    assert not keeps_parameter("invoices", "customer", "greta", policy=policy)
    assert not keeps_parameter("invoices", "status", "Boat 7", policy=policy)


def test_a_rule_never_keeps_a_secret_or_a_persons_number_as_an_id():
    policy = with_team('[[keep]]\nresource = "customers"\npattern = "[a-z0-9_@.-]{3,60}"\n', "p")
    for value in ("sk_live_" + "a1B2" * 6, "jenny@rosen.example", "4242-4242-4242-4242"):
        body = {"object": "invoice", "id": "in_1ABCDEFGHIJKLMNO", "customer": value}
        assert value not in str(redact(body, owner="invoices x", policy=policy).body)


def test_the_label_says_that_other_rules_hold_and_stand_ins_stay():
    policy = with_team('[[keep]]\npath = "number"\npattern = "K-[0-9]"', "p.toml")
    assert policy.label != default_policy().label
    assert policy.label != with_team("", "", masks_ids=True).label
    body = {"id": IN, "object": "invoice", "description": "Greta"}
    assert redact(body, owner="x").body == redact(body, owner="x", policy=policy).body


def test_words_of_the_team_are_no_words_of_the_api():
    policy = with_team('[[keep]]\nmetadata = "gretasboat"\npattern = "ohmkiesel"', "p.toml")
    assert {"gretasboat", "ohmkiesel"} & policy.vocabulary == set()


GOOD = '[[keep]]\npath = "a"\npattern = "x"\n'


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("[[kep]]\n", 1, "did you mean keep"),
        ("[keep]\n", 1, r"\[\[keep\]\]"),
        ("keep = 1\n", 1, r"\[\[keep\]\]"),
        (GOOD + '[[keep]]\npaht = "a"\npattern = "x"\n', 5, "did you mean path"),
        (GOOD + '[[keep]]\nmetdata = "a"\n', 5, "did you mean metadata"),
        (GOOD + '[[redact]]\npattern = "a"\n', 5, "use one of: type, path"),
        (GOOD + "[[keep]]\npath = 7\n", 5, "must be a string"),
        (GOOD + '[[keep]]\npattern = "x"\n', 4, "needs one of"),
        (GOOD + '[[keep]]\npath = "a"\nmetadata = "b"\npattern = "x"\n', 4, "needs one of"),
        (GOOD + '[[keep]]\npath = "a"\n', 4, "needs a pattern"),
        (GOOD + '[[keep]]\npath = "a"\npattern = "("\n', 6, "cannot be used"),
        (GOOD + '[[keep]]\npath = "a"\npattern = ".*"\n', 6, "everything"),
        (
            GOOD + '[[keep]]\ntype = "invocie"\npath = "a"\npattern = "x"\n',
            5,
            "did you mean invoice",
        ),
        (GOOD + '[[keep]]\ntype = "zzzz"\npath = "a"\npattern = "x"\n', 5, "zzzz"),
        (GOOD + '[[keep]]\ntype = "invoice"\nparameter = "a"\npattern = "x"\n', 5, "has no type"),
        (GOOD + '[[keep]]\npath = "A b"\npattern = "x"\n', 5, "not a path"),
        (GOOD + '[[keep]]\nmetadata = "a b"\npattern = "x"\n', 5, "plain identifiers"),
        (GOOD + '[[redact]]\npath = "id"\n', 5, "pseudonymise_ids"),
        (GOOD + "[[redact]]\n", 4, "needs a path"),
    ],
)
def test_what_is_misspelt_is_an_error_with_its_line(text, line, what):
    with pytest.raises(PolicyError, match=what) as caught:
        with_team(text, "p.toml")
    assert f"p.toml:{line}" == caught.value.where


def test_broken_toml_is_an_error():
    with pytest.raises(PolicyError, match="not valid TOML"):
        with_team("[[keep]]\nx", "p.toml")


def test_text_without_pseudonyms_is_not_masked():
    assert IN == default_policy().masked(IN)
    assert not default_policy().keeps("partial", IN)
