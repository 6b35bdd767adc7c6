"""A live-mode key is seen in every part of a request, and a test-mode key in none."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from replay.model.cassette import Request
from replay.stripe_api.live_mode import is_live, live_key_in

URI = "https://api.stripe.com/v1/invoices/in_1"
PREFIXES = ["sk", "rk", "pk", "ek", "uk", "pst", "sk_org"]


def basic(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FORMS = {
    "with a scheme": "Bearer {}",
    "another scheme": "Token {}",
    "without a scheme": "{}",
    "spaces": "  Bearer   {}  ",
    "a tab": "Bearer\t{}",
    "quoted": 'Bearer "{}"',
    "a parameter": "Stripe key={},v=1",
    "percent": "Bearer%20{}",
    "two values": "Bearer sk_test_51AbCdEfGhIjKl, Bearer {}",
}


HEADERS = ["Authorization", "authorization", "Proxy-Authorization", "X-Api-Key", "Cookie", "X-Any"]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_key_in_a_header_is_seen(prefix: str, form: str) -> None:
    """In any header, in any scheme; behind a test key in another header, too."""
    value = form.format(f"{prefix}_live_51AbCdEfGhIjKl")
    test = ("Authorization", "Bearer sk_test_51AbCdEfGhIjKl")
    for name in HEADERS:
        assert name.title() == live_key_in(Request("GET", URI, ((name, value),)))
        assert name.title() == live_key_in(Request("GET", URI, (test, (name, value))))


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("form", ["{}", "{}:", ":{}", "user:{}", "sk_test_1:{}", "\xff\xfe{}:x"])
def test_a_key_in_basic_credentials_is_seen(prefix: str, form: str) -> None:
    """As user or as password, with padding and without, in either alphabet, in any scheme."""
    text = form.format(f"{prefix}_live_51AbCdEfGhIjKl").encode("latin-1")
    for packed in (base64.b64encode(text), base64.urlsafe_b64encode(text)):
        for word in (packed.decode(), packed.decode().rstrip("=")):
            for value in (f"Basic {word}", f"basic  {word}", word, f"session={word}; b=c"):
                assert live_key_in(Request("GET", URI, (("Authorization", value),)))


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_key_in_an_address_or_a_body_is_seen(prefix: str) -> None:
    """In path, query, user and fragment; in a form and in JSON; with percent signs, twice too."""
    key = f"{prefix}_live_51AbCdEfGhIjKl"
    coded = key.replace("_", "%5F")
    for written in (key, coded, quote(coded), f"%{ord(key[0]):x}{key[1:]}"):
        ends = (f"?api_key={written}", f"?a=b&key={written}#x", f"/{written}", f"#{written}")
        for uri in (*(URI + end for end in ends), f"https://{written}:@api.stripe.com/v1/balance"):
            assert "the address" == live_key_in(Request("GET", uri))
        for body in (f"api_key={written}", f"a=b&c[d]={written}", f'{{"api_key": "{written}"}}'):
            assert "the body" == live_key_in(Request("POST", URI, (), body.encode()))


@pytest.mark.parametrize(
    "text",
    ["", "Bearer", "Bearer sk_test_51AbCdEfGhIjKl", "Basic", "Basic !", "Basic a",
     "Basic " + basic("sk_test_x:"), "Bearer ek_test_x", "whsec_abcdefghijklmnop",
     "text with live in it", "%", "%zz", "cs_live_a1B2c3"],
)  # fmt: skip
def test_what_is_no_live_key(text: str) -> None:
    """Test keys, secrets of no mode, words, and IDs of objects."""
    headers = (("Authorization", text), ("X-Api-Key", text))
    assert "" == live_key_in(Request("GET", f"{URI}?a={text}", headers, text.encode()))


def test_words_of_parameters_are_no_keys() -> None:
    """A key begins where a word begins."""
    for word in ("task_live_view", "is_live", "desk_live_1"):
        request = Request("GET", f"{URI}?metadata[{word}]=1", (), f"{word}=x".encode())
        assert "" == live_key_in(request)


def test_a_name_that_is_no_name_is_not_repeated() -> None:
    """Messages show where the key stands."""
    assert "a header" == live_key_in(Request("GET", URI, (("sk_live_1\n", "sk_live_1"),)))


@pytest.mark.parametrize(
    ("body", "live"),
    [
        ({"livemode": True}, True),
        ({"object": "list", "data": [{"livemode": False}, {"livemode": True}]}, True),
        ({"customer": {"livemode": True}, "livemode": False}, True),
        ({"livemode": "true", "a": [1, None, "livemode"]}, False),
        ({"livemode": False}, False),
    ],
)
def test_live_data_is_seen_wherever_it_stands(body: object, live: bool) -> None:
    """In a list, in a nested object; a text is no switch."""
    assert live is is_live(body)
