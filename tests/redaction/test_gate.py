"""The gate: an original in the text to be written, in any encoding, stops the writing."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from replay.errors import LeakFound
from replay.redaction.gate import gate, public_words, stand_ins
from replay.redaction.redactor import Original, redact

OWNER = "invoices in_1QaTestAbCdEfGhIjKlMnOp0"
ORIGINALS = [
    "Greta Ohm-Kiesel",
    "Søren & Söhne <GmbH>",
    'say "später"\\n / 50%+1',
    "Ольга Петрова",
    "山田太郎の請求書",
    "emoji 😀 name",
    "ZQKWXJ",
    "greta@kiesel.example",
]


def every_character(text: str) -> str:
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[n]:02x}{units[n + 1]:02x}" for n in range(0, len(units), 2))


ENCODINGS = {
    "raw": lambda text: text,
    "case-folded": str.casefold,
    "upper case": lambda text: text.swapcase(),
    "escapes": json.dumps,
    "escapes for every character": every_character,
    "json in json": lambda text: json.dumps(json.dumps(text)),
    "url": lambda text: quote(text, safe=""),
    "lower-case url": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "form": quote_plus,
    "html": html.escape,
    "numeric html": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "base64 at offset 0": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 at offset 1": lambda text: base64.b64encode(b"." + text.encode() + b"..").decode(),
    "base64 at offset 2": lambda text: base64.b64encode(b".." + text.encode()).decode(),
    "base64 after one letter": lambda text: "q" + base64.b64encode(text.encode()).decode(),
    "base64 after two letters": lambda text: "qq" + base64.b64encode(text.encode()).decode(),
    "base64 after three letters": lambda text: "/qq" + base64.b64encode(text.encode()).decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "hex": lambda text: text.encode().hex(),
    "hex at an odd offset": lambda text: "a" + text.encode().hex().upper(),
    "utf-16": lambda text: text.encode("utf-16-le").decode("latin-1"),
    "utf-16 after one byte": lambda text: "x" + text.encode("utf-16-le").decode("latin-1"),
    "utf-16, other end first": lambda text: text.encode("utf-16-be").decode("latin-1"),
    "latin-1": lambda text: text.encode().decode("latin-1"),
}


def original(value: str | float, pointer: str = "/customer_name", kind: str = "name") -> Original:
    return Original(pointer, kind, value)


def refused(skeleton: str, value: str | float, kept: frozenset[str] = frozenset()) -> bool:
    try:
        gate("{}", skeleton, [original("unrelated words"), original(value)], kept=kept, where="f")
    except LeakFound:
        return True
    return False


def test_the_error_names_pointer_class_and_file_but_not_the_value():
    with pytest.raises(LeakFound) as caught:
        gate("{}", "x Greta Ohm y", [original("Greta Ohm")], kept=(), where="f")
    error = caught.value
    assert ("/customer_name", "name", "f") == (error.pointer, error.kind, error.where)
    assert "Greta" not in f"{error} {error!r} {vars(error)}"


@pytest.mark.parametrize("written", ["bare", "as JSON"])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("value", ORIGINALS)
def test_an_original_is_found_in_every_encoding(value, encoding, written):
    coded = ENCODINGS[encoding](value)
    text = f"x {coded} y" if written == "bare" else json.dumps(["Redacted 0123abcd", coded])
    assert refused(text, value)


def test_more_layers_of_json_than_anyone_writes_are_not_undone():
    text = "ä Greta"
    for _ in range(9):
        text = json.dumps(text)
    assert not refused(text, "ä Greta")


@pytest.mark.parametrize("value", ORIGINALS)
def test_a_clean_text_passes(value):
    assert not refused('["Redacted 0123abcd", "redacted+0123456789abcdef@example.com"]', value)


def test_a_clean_text_with_letters_of_other_scripts_passes():
    assert not refused("Größe Ж 中 😀", "Greta Ohm")


def test_an_original_of_five_characters_is_not_searched_for():
    assert not refused("x Greta y", "Greta")
    assert refused("x Gretas y", "Gretas")


@pytest.mark.parametrize("value", ["      ", "------", "======"])
def test_rules_and_blanks_tell_nothing(value):
    assert not refused(f"x{value}y", value)


def test_numbers_are_found_whole_alone():
    assert refused("[1234567]", 1234567)
    assert refused("[1234567.5]", 1234567.5)
    assert not refused("[91234567]", 1234567)
    assert not refused("[12345678]", 1234567)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("Charge_Automatically", {"charge_automatically"}),
        ("in_1QaTestAbCdEf", {"in_1QaTestAbCdEf"}),
        ("QaTestAb", {"in_1QaTestAbCdEf"}),
        ("2026-01", {"2026-01-28.clover"}),
    ],
)
def test_what_the_file_says_by_policy_is_no_leak(value, kept):
    (word,) = kept
    assert not refused(f"x {word} y", value, frozenset(kept))


def test_part_of_a_kept_word_elsewhere_is_a_leak():
    kept = frozenset({"in_1QaTestAbCdEf", "QaTestAbQaTestAbX"})
    assert refused("x in_1QaTestAbCdEf QaTestAb", "QaTestAb", kept)


@pytest.mark.parametrize(
    "value",
    ["customer", "Invoice", "customer_email", "application/json", "example.com", "redacted",
     "0123abcd", "555 0100", "2000-01-01", "interactions", "amount", "sha256",
     "2026-11-23", "Stripe", "0123456789"],
)  # fmt: skip
def test_words_of_the_api_of_the_file_and_of_stand_ins_are_no_leak(value):
    text = json.dumps(
        ["# replay cassette 1 sha256:99aa99aa99aa", "recorded_at: '2026-11-23T02:05:11Z'",
         "interactions:",
         "Content-Type: [application/json]", "/customer_email: email", "/v1/invoices",
         "redacted+0123456789abcdef@example.com", "Redacted 0123abcd", "+1 555 0100",
         "2000-01-01", "api.stripe.com", "req_replay0123456789"]
    )  # fmt: skip
    assert not refused(text, value)


def test_a_leak_that_overlaps_a_kept_word_is_found():
    originals = [original("QaTestAbCdEf"), original("AbCdEf Greta", pointer="/note")]
    with pytest.raises(LeakFound) as caught:
        gate("", "in_1QaTestAbCdEf Greta", originals, kept={"in_1QaTestAbCdEf"}, where="f")
    assert "/note" == caught.value.pointer


def test_a_secret_anywhere_in_the_final_text_stops_the_writing():
    with pytest.raises(LeakFound, match="secret-key") as caught:
        gate('{"status": "sk_test_QaTestAbCdEf01"}', "[]", [], kept=(), where="f.yaml")
    assert ("", "secret-key", "f.yaml") == (
        caught.value.pointer, caught.value.kind, caught.value.where,
    )  # fmt: skip
    assert "QaTest" not in str(caught.value)


def test_the_body_itself_can_be_the_leak():
    with pytest.raises(LeakFound, match="the body"):
        gate("", "Greta Ohm", [original("Greta Ohm", pointer="")], kept=(), where="f")


def test_nothing_replaced_is_nothing_to_search():
    gate("{}", "Greta Ohm", [], kept=(), where="f")


def test_a_redacted_body_passes_whatever_it_holds(invoice):
    invoice["metadata"] = {"status": "open", "peer": invoice["customer"], "kind": "customer",
                           "greta@kiesel.example": "charge_automatically"}  # fmt: skip
    result = redact(invoice, owner=OWNER)
    final = json.dumps(result.body)
    skeleton = json.dumps(stand_ins(result.body, result.redacted))
    kept = public_words(result.body, result.redacted)
    gate(final, skeleton, result.originals, kept=kept, where="f")


def test_a_redactor_that_forgets_a_value_is_caught(invoice):
    result = redact(invoice, owner=OWNER)
    result.body["customer_address"]["line1"] = invoice["customer_address"]["line1"]
    skeleton = json.dumps(stand_ins(result.body, result.redacted))
    kept = public_words(result.body, result.redacted)
    with pytest.raises(LeakFound) as caught:
        gate("", skeleton, result.originals, kept=kept, where="f")
    assert "/customer_address/line1" == caught.value.pointer


def test_stand_ins_are_the_listed_leaves_and_renamed_keys():
    body = {"a": ["x", {"redacted_01": "y"}], "redacted_02": {"z": 1}}
    redacted = {"/a/0": "text", "/a/1/redacted_01": "key+text", "/redacted_02": "key"}
    assert ["x", "redacted_01", "y", "redacted_02"] == stand_ins(body, redacted)
    assert ["Redacted 0123abcd"] == stand_ins("Redacted 0123abcd", {"": "text"})


def test_public_words_are_the_other_keys_and_leaves():
    body = {"a": ["x", {"redacted_01": "y", "b": "w", "n": 5}], "redacted_02": {"z": "v"}}
    redacted = {"/a/0": "text", "/a/1/redacted_01": "key+text", "/redacted_02": "key"}
    assert {"a", "b", "w", "n", "z", "v"} == public_words(body, redacted)
