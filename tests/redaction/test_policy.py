"""The policy's data say what is kept; what is misspelt in them is an error with its line."""

from __future__ import annotations

import pkgutil
import re

import pytest

from replay.errors import PolicyError
from replay.redaction.policy import Policy, default_policy
from replay.redaction.pseudonyms import pseudonym, stand_in
from replay.redaction.values import look

POLICY = default_policy()
TYPES = sorted(n[6:-5] for n in POLICY.sources if n.startswith("types/"))


def altered(**texts: str) -> Policy:
    """The shipped policy with other files; `_` in a name stands for a slash."""
    files = {name.replace("__", "/") + ".toml": text for name, text in texts.items()}
    return Policy("trial", {**POLICY.sources, **files})


def test_the_label_names_rules_and_content():
    assert re.fullmatch(r"stripe-1 sha256:[0-9a-f]{12}", POLICY.label)


def test_the_digest_changes_with_any_rule():
    assert POLICY.digest != altered(types__boat='[kept]\nid = ["captain"]').digest


def test_line_ends_are_no_change(monkeypatch):
    read = pkgutil.get_data
    monkeypatch.setattr(
        pkgutil, "get_data", lambda *place: (read(*place) or b"").replace(b"\n", b"\r\n")
    )
    assert POLICY.digest == default_policy.__wrapped__().digest


def test_it_is_loaded_once():
    assert default_policy() is default_policy()


def test_its_repr_holds_no_data():
    assert "Policy(name='stripe-1')" == repr(POLICY)


@pytest.mark.parametrize("name", TYPES)
def test_every_type_can_be_read_and_keeps_the_base(name):
    root = POLICY.type(name).root
    assert "object" == root.children["object"].kind
    assert "bool" == root.children["livemode"].kind


@pytest.mark.parametrize("name", TYPES)
def test_a_slots_name_and_the_policy_agree_on_the_class(name):
    """`replay.pseudonym(owner, slot)` gives what a recording holds, without naming the class."""

    def check(node):
        for field, child in node.children.items():
            if child.kind in {"email", "phone", "name", "line", "secret", "url", "last4"}:
                expected = stand_in("cus_A", field, child.kind)
                if field in {"email", "phone", "name", "line1", "client_secret", "last4"}:
                    assert expected == pseudonym("cus_A", field)
            check(child)

    check(POLICY.type(name).root)


def test_a_type_without_a_file_gets_the_base_alone():
    root = POLICY.type("radar.review").root
    assert {"id", "object", "livemode", "deleted", "created", "currency", "status", "type",
            "metadata"} == set(root.children)  # fmt: skip


@pytest.mark.parametrize(
    ("resource", "id", "kept"),
    [
        ("invoices", "in_1QaTestAbCdEfGhIjKlMnOp0", True),
        ("customers/sources", "card_1QaTestAbCdEfGh", True),
        ("balance", "", True),
        ("coupons", "SUMMER25", True),
        ("plans", "boat-monthly", True),
        ("accounts/capabilities", "card_payments", True),
        ("country_specs", "DE", True),
        ("coupons", "greta@kiesel.example", False),
        ("coupons", "sk_test_QaTestAbCdEf", False),
        ("customers", "greta", False),
        ("invoices", "pi_1QaTestAb_secret_Zk81LmPq27", False),
        ("invoices", "../x", False),
    ],
)
def test_an_id_of_a_path_is_kept_if_generated_or_chosen_where_people_choose(resource, id, kept):
    assert kept == POLICY.keeps_id(resource, id)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("[kept]\n\n[keept]\n", 3, "keept"),
        ('# amount\n[kept]\namout = ["total"]\n', 3, "amout"),
        ('[replaced]\n# x\nemial = ["email"]\n', 3, "emial"),
        ('[shapes]\nadress = ["address"]\n', 2, "adress"),
        ('[kept]\nid = "customer"\n', 2, "list of strings"),
        ("[kept]\nid = [1]\n", 2, "list of strings"),
        ('[kept]\nid = ["Customer Name"]\n', 2, "not a path"),
        ('[kept]\nid = ["customer"]\n[replaced]\ntext = ["customer"]\n', 4, "twice"),
        ('[kept]\nid = ["customer"]\n[repeats]\ncustomer = "x"\n', 4, "must be a table"),
        ('[kept]\nid = ["customer"]\n[repeats.customer]\nnmae = "name"\n', 4, "not a field"),
        ('[replaced]\nname = ["nick"]\n[repeats.custmer]\nnick = "name"\n', 4, "not a field"),
    ],
)
def test_a_misspelt_word_is_an_error_with_file_and_line(text, line, what):
    with pytest.raises(PolicyError, match=what) as caught:
        altered(types__boat=text).type("boat")
    assert f"redaction/data/types/boat.toml:{line}" == caught.value.where


def test_broken_toml_is_an_error_with_file_and_line():
    with pytest.raises(PolicyError, match="not valid TOML") as caught:
        altered(types__boat="[kept]\nid = = 1").type("boat")
    assert "redaction/data/types/boat.toml:2" == caught.value.where


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[generated]\nprefixs = ["in"]\n', "known.toml:2"),
        ('[generated]\nprefixes = "in"\n', "known.toml:2"),
        ('[generated]\nprefixes = ["in"]\n', "known.toml:1"),
        ("[genrated]\n", "known.toml:1"),
    ],
)
def test_the_list_of_known_ids_is_checked_too(text, where):
    with pytest.raises(PolicyError) as caught:
        altered(known=text).keeps("id", "in_1QaTestAbCdEf")
    assert caught.value.where.endswith(where)


def test_a_shape_may_use_the_shapes_above_it_alone():
    text = '[boat.shapes]\nmast = ["mast"]\n[mast.kept]\nint = ["height"]\n'
    with pytest.raises(PolicyError, match="mast"):
        altered(shapes=text).type("invoice")


def test_a_types_own_word_goes_before_a_shapes():
    policy = altered(types__boat='[kept]\nenum = ["home.city"]\n[shapes]\naddress = ["home"]\n')
    home = policy.type("boat").root.children["home"]
    assert ("enum", "line") == (home.children["city"].kind, home.children["line1"].kind)
    assert "text" == POLICY.type("customer").root.children["address"].children["city"].kind


def test_stand_in_constants_have_the_look_that_a_second_pass_needs():
    for kind in ("phone", "date", "datetime", "ip"):
        assert kind == look(stand_in("x", "y", kind))
