"""Stand-ins are seeded by whose value it is, and have the form of their class."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.redaction.policy_files import REPLACED_KINDS
from replay.redaction.pseudonyms import (
    CONSTANT_KINDS,
    STAND_IN,
    account_label,
    pseudonym,
    stand_in,
)
from replay.redaction.values import look

TEXT = st.text(max_size=30)
SEEDED = sorted(REPLACED_KINDS - CONSTANT_KINDS - {"map", "message"})


@pytest.mark.parametrize(
    ("slot", "form"),
    [
        ("email", r"redacted\+[0-9a-f]{16}@example\.com"),
        ("name", r"Redacted [0-9a-f]{8}"),
        ("address/line1", r"Redacted [0-9a-f]{8}"),
        ("metadata/order", r"Redacted [0-9a-f]{8}"),
        ("hosted_invoice_url", r"https://redacted\.invalid/[0-9a-f]{16}"),
        ("client_secret", r"REDACTED_SECRET_[0-9a-f]{16}"),
        ("phone", r"\+1 555 0100"),
        ("card/last4", r"0000"),
        ("address/postal_code", r"00000"),
    ],
)
def test_a_slot_has_the_form_of_its_class(slot, form):
    assert re.fullmatch(form, pseudonym("cus_A", slot))


def test_a_declared_kind_goes_before_the_slots_name():
    assert pseudonym("cus_A", "email", "url").startswith("https://redacted.invalid/")


def test_these_very_stand_ins_never_change():
    assert "redacted+de309bfbef70aa05@example.com" == pseudonym("cus_QaTest01", "email")
    assert "Redacted 0b38bfbc" == pseudonym("cus_QaTest01", "name")
    assert "acct-85b06be315bda3bb" == account_label("acct_1QaTest")


@given(TEXT, TEXT, st.sampled_from(SEEDED))
def test_the_same_owner_and_slot_give_the_same_stand_in(owner, slot, kind):
    assert pseudonym(owner, slot, kind) == pseudonym(owner, slot, kind)


@given(TEXT, TEXT, TEXT, st.sampled_from(SEEDED))
def test_different_owners_slots_and_policies_give_different_stand_ins(one, other, slot, kind):
    if one != other:
        assert pseudonym(one, slot, kind) != pseudonym(other, slot, kind)
        assert pseudonym(slot, one, kind) != pseudonym(slot, other, kind)
        assert pseudonym(slot, slot, kind, policy=one) != pseudonym(slot, slot, kind, policy=other)


def test_owner_and_slot_cannot_run_into_each_other():
    assert pseudonym("a", "bc") != pseudonym("ab", "c")


@given(TEXT, TEXT)
def test_constants_say_nothing_about_their_owner(owner, slot):
    for kind in CONSTANT_KINDS:
        assert stand_in("cus_A", "x", kind) == stand_in(owner, slot, kind)


@pytest.mark.parametrize(
    "kind",
    ["email", "url", "secret", "text", "int", "time", "float", "decimal", "integer", "phone",
     "date", "datetime", "ip"],
)  # fmt: skip
def test_a_stand_in_looks_like_its_own_class(kind):
    for n in range(50):
        assert kind == look(stand_in(f"cus_{n}", "x", kind))


@given(TEXT, TEXT, st.sampled_from([*SEEDED, "key", "path", "account"]))
def test_every_seeded_string_is_known_as_a_stand_in(owner, slot, kind):
    assert STAND_IN.fullmatch(pseudonym(owner, slot, kind))


def test_an_account_label_is_a_safe_folder_name():
    assert re.fullmatch(r"acct-[0-9a-f]{16}", account_label("acct_1/../../x"))


def test_a_lone_surrogate_can_own_a_value():
    assert pseudonym("\ud800", "name") != pseudonym("\udfff", "name")
