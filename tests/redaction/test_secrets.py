"""Every form of secret is found, plain or encoded; IDs, stand-ins and prose are not."""

from __future__ import annotations

import base64
import html
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.redaction.policy import default_policy
from replay.redaction.pseudonyms import pseudonym
from replay.redaction.secrets import SECRET_PATTERNS, find_secrets, is_masked_key, is_secret

TAIL = "51QaTestAbCdEfGhIjKlMnOpQrSt"
KEY = f"sk_test_{TAIL}"
URL = f"https://invoice.stripe.com/i/acct_1QaTest/test_{TAIL}"
FORMS = {
    f"sk_live_{TAIL}": "secret-key",
    KEY: "secret-key",
    f"rk_live_{TAIL}": "secret-key",
    f"rk_test_{TAIL}": "secret-key",
    "sk_test_****************Ab12": "secret-key",
    f"sk_org_live_{TAIL}": "organisation-key",
    f"sk_org_{TAIL}": "organisation-key",
    f"pk_live_{TAIL}": "publishable-key",
    f"pk_test_{TAIL}": "publishable-key",
    f"ek_test_{TAIL},{TAIL}": "ephemeral-key",
    f"whsec_{TAIL}": "webhook-secret",
    f"pi_1QaTestAbCdEf_secret_{TAIL}": "client-secret",
    f"seti_1QaTestAbCdEf_secret_{TAIL}": "client-secret",
    f"src_1QaTestAbCdEf_client_secret_{TAIL}": "client-secret",
    f"cs_test_a1QaTestAb_secret_{TAIL}": "client-secret",
    f"in_1QaTestAbCdEf_secret_{TAIL}": "client-secret",
    f"vs_1QaTestAbCdEf_secret_test_{TAIL}": "client-secret",
    f"cuss_secret_{TAIL}": "client-secret",
    f"accs_secret__{TAIL}": "client-secret",
    f"ac_{TAIL}": "oauth-code",
    f"rt_{TAIL}": "oauth-code",
    URL: "private-url",
    f"https://pay.stripe.com/invoice/acct_1QaTest/test_{TAIL}/pdf": "private-url",
    f"https://payments.stripe.com/{TAIL}": "private-url",
    "https://dashboard.stripe.com/acct_1QaTest/test/logs": "private-url",
    f"https://hooks.stripe.com/redirect/{TAIL}": "private-url",
}
ENCODINGS = {
    "plain": lambda text: text,
    "url": lambda text: quote(text, safe=""),
    "url, every character": lambda text: "".join(f"%{ord(c):02x}" for c in text),
    "json with escaped slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "json in json": lambda text: json.dumps(json.dumps(text)),
    "json, every character": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "html": lambda text: html.escape(text).replace("/", "&#x2F;"),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 at offset 1": lambda text: base64.b64encode(b":" + text.encode() + b":").decode(),
    "base64 at offset 2": lambda text: base64.b64encode(b"::" + text.encode() + b":z").decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "upper hex": lambda text: text.encode().hex().upper(),
    "url in base64": lambda text: base64.b64encode(quote(text, safe="").encode()).decode(),
    "base64 in url": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
}


@pytest.mark.parametrize(("secret", "id"), FORMS.items())
def test_each_form_is_found_and_named(secret, id):
    assert [id] == [hit.id for hit in find_secrets(f"before {secret} after")]
    assert is_secret(secret)


# The three letters of OAuth codes are too short a word to be told apart inside base64 and hex.
DENSE = {"base64", "base64 at offset 1", "base64 at offset 2", "base64url", "hex", "upper hex",
         "url in base64", "base64 in url"}  # fmt: skip
CODED = [
    (secret, encoding)
    for secret, id in FORMS.items()
    for encoding in ENCODINGS
    if id != "oauth-code" or encoding not in DENSE
]


@pytest.mark.parametrize(("secret", "encoding"), CODED)
def test_each_form_is_found_in_each_encoding(secret, encoding):
    text = ENCODINGS[encoding](secret)
    assert FORMS[secret] in {hit.id for hit in find_secrets(f'x: "{text}"\n')}


TWICE = {
    "hex of base64": lambda raw: base64.b64encode(raw).hex(),
    "upper hex of base64": lambda raw: base64.b64encode(raw).hex().upper(),
    "base64 of hex": lambda raw: base64.b64encode(raw.hex().encode()).decode(),
    "base64 of upper hex": lambda raw: base64.b64encode(raw.hex().upper().encode()).decode(),
    "hex of hex": lambda raw: raw.hex().encode().hex(),
}


@pytest.mark.parametrize("encoding", TWICE)
@pytest.mark.parametrize("offset", range(3))
def test_a_secret_in_hex_and_base64_in_each_other_is_found(encoding, offset):
    text = TWICE[encoding](b"." * offset + f"sk_live_{TAIL}".encode())
    assert {"secret-key"} == {hit.id for hit in find_secrets(f'x: "{text}"\n')}


def test_a_key_in_basic_auth_is_found_where_it_starts():
    text = "Authorization: Basic " + base64.b64encode(f"{KEY}:".encode()).decode()
    assert [("secret-key", 21)] == [(hit.id, hit.start) for hit in find_secrets(text)]


def test_a_key_in_the_user_part_of_a_url_is_found():
    assert ["secret-key"] == [hit.id for hit in find_secrets(f"https://{KEY}@api.stripe.com/v1")]


PERIODS = (
    *("sk_live_", f"{KEY} ", "_secret_", "https://pay.stripe.com/"),
    *("sk_live_%41", "&#115;k_live_", "\\u0073k_live_"),
)


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("encoding", ["plain", "base64", "hex"])
def test_the_time_grows_with_the_length_alone(period, encoding):
    """Each of these took minutes where the work grew with the square of the length."""
    text = ENCODINGS[encoding]((period * 200_000)[:200_000])
    began = time.process_time()
    list(find_secrets(text, identifying=True))
    assert time.process_time() - began < 3


def test_a_secret_carries_its_value_and_does_not_show_it():
    (hit,) = find_secrets(base64.b64encode(f"{KEY}:".encode()).decode())
    assert KEY == hit.value
    assert KEY not in repr(hit)


def test_secrets_on_both_sides_of_a_border_of_what_is_decoded_at_once_are_whole():
    keys = [f"sk_test_{number:024}" for number in range(6000)]
    text = base64.b64encode(" ".join(keys).encode()).decode()
    assert len(text) > 3 * 64 * 1024
    assert set(keys) <= {hit.value for hit in find_secrets(text)}


@pytest.mark.parametrize(
    ("key", "masked"),
    [
        (f"sk_test_{'*' * 20}Ab1C", True),
        (f"rk_live_51QaTest{'*' * 90}Ab1C", True),
        (KEY, False),
        (f"{KEY}****", False),
        (f"sk_live_****{TAIL}", False),
    ],
)
def test_a_key_that_a_message_masked_is_told_from_a_key(key, masked):
    assert masked == is_masked_key(key)


def test_hits_come_in_order_and_once():
    text = f"{URL} {KEY} {KEY}"
    starts = [(hit.id, hit.start) for hit in find_secrets(text)]
    assert [
        ("private-url", 0),
        ("secret-key", len(URL) + 1),
        ("secret-key", len(URL) + len(KEY) + 2),
    ] == starts


def test_a_secret_deep_in_a_large_text_is_found():
    filler = base64.b64encode(b"\0" * 30_000).decode()
    text = filler + base64.b64encode(KEY.encode()).decode() + filler
    assert ["secret-key"] == [hit.id for hit in find_secrets(text)]


def test_two_secrets_in_one_run_are_one_hit():
    text = base64.b64encode(f"{KEY} {KEY}".encode()).decode()
    assert [("secret-key", 0)] == [(hit.id, hit.start) for hit in find_secrets(text)]


def test_escapes_are_undone_to_a_bounded_depth():
    text = KEY.replace("_", "%5F")
    for _ in range(2):
        assert ["secret-key"] == [hit.id for hit in find_secrets(text)]
        text = text.replace("%", "%25")
    assert [] == list(find_secrets(text.replace("%", "%25" * 9)))


def test_what_only_identifies_is_found_on_request_alone():
    text = "req_QaTestAbCdEf01 req_replay0123456789"
    assert [] == list(find_secrets(text))
    assert [("request-id", 0)] == [
        (hit.id, hit.start) for hit in find_secrets(text, identifying=True)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "acct_1QaTestAbCdEfGh",
        "client_secret_basic_method and my_secret_management",
        "https://docs.stripe.com/api/invoices",
        "https://api.stripe.com/v1/invoices",
        "https://stripe.com/docs/error-codes/resource-missing",
        "sk_test_x",
        "mask_test_something_else",
        "c2tfdGVzdF9=",  # base64 of the first letters of a key alone
        "736b5f746573745f",
        "Basic " + base64.b64encode(b"user:password").decode(),
    ],
)
def test_what_is_no_secret_is_not_found(text):
    assert [] == list(find_secrets(text))


@pytest.mark.parametrize("prefix", sorted(default_policy().prefixes))
def test_no_generated_id_is_a_secret(prefix):
    assert [] == list(find_secrets(f'"id": "{prefix}_{TAIL}", "/v1/x/{prefix}_{TAIL}/y"'))


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_stand_in_is_a_secret(owner, slot):
    for kind in ("email", "url", "secret", "text", "path", "key", "account"):
        assert [] == list(find_secrets(pseudonym(owner, slot, kind), identifying=True))


def test_every_pattern_has_a_row_here():
    assert {p.id for p in SECRET_PATTERNS} == {*FORMS.values(), "request-id"}


@given(st.text())
def test_any_text_can_be_searched(text):
    list(find_secrets(text, identifying=True))
