"""Why a call may not be recorded, whatever is answered: the reason names no private value."""

from __future__ import annotations

import pytest

from replay.model.cassette import Request
from replay.redaction.policy import default_policy, why_private, with_team
from replay.stripe_api.call import read_call

POLICY = default_policy()
ID = "in_1MtHbELkdIwHu7ixl4OzzPMv"


def why(target: str, policy=POLICY) -> str:
    return why_private(read_call(Request("GET", f"https://api.stripe.com/v1/{target}")), policy)


@pytest.mark.parametrize(
    "target",
    [
        f"invoices/{ID}",
        f"invoices/{ID}?expand[]=customer&expand[]=lines.data.price",
        "balance",
        "customers/cus_NffrFeUfNV2Hib/sources/card_1MvoiELkdIwHu7ixOeFGbN9D",
        "invoices?limit=3&created[gte]=1680000000&customer=cus_NffrFeUfNV2Hib",
        "plans/gold",
    ],
)
def test_a_call_of_generated_ids_and_words_of_the_api_may_be_recorded(target):
    assert "" == why(target)


@pytest.mark.parametrize(
    "target",
    [
        "customers/greta@ohm-kiesel.example",
        "customers/Greta_Ohm-Kiesel",
        # Each ID of the path counts, not only the last one.
        "customers/greta.ohm/sources/card_1MvoiELkdIwHu7ixOeFGbN9D",
        "customers/cus_NffrFeUfNV2Hib/sources/greta.ohm",
    ],
)
def test_an_id_that_a_person_may_have_chosen_is_private(target):
    assert "the ID in the path may be private: the policy does not keep it" == why(target)


@pytest.mark.parametrize("name", ["greta", "customer.greta", "lines.data.greta"])
def test_a_name_to_expand_that_the_api_does_not_have_is_private(name):
    assert "a name to expand is none of the API's own" == why(f"invoices/{ID}?expand[]={name}")


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("email=greta@ohm-kiesel.example", "email"),
        ("limit=3&email=greta@ohm-kiesel.example", "email"),
        ("created[gte]=greta", "created[gte]"),
        ("greta=1", "a parameter"),
        ("email[greta]=1", "a parameter"),
        ("17=greta", "a parameter"),
    ],
)
def test_a_private_parameter_is_named_if_its_name_is_of_the_apis_words(query, shown):
    said = why(f"customers?{query}")
    assert f"the value of {shown} may be private: the policy does not keep it" == said
    assert "greta" not in said


def test_a_team_may_keep_more():
    team = with_team('[[keep]]\nresource = "customers"\npattern = "team-[a-z]{3}"\n', "team.toml")
    assert why("customers/team-abc")
    assert "" == why("customers/team-abc", team)
    assert why("customers/team-abcd", team)
