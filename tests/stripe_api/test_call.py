"""Requests read as calls: one call however it is spelled, and nothing that is none."""

from __future__ import annotations

import shlex
from itertools import permutations
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.proof import proved

from replay.errors import CallRefused, ConfigError
from replay.model.cassette import ObjectKey, Request
from replay.stripe_api.call import API_BASE, Call, account_label, expand_set, read_call, retrieve
from replay.stripe_api.routes import Route, by_name, is_collection, retrieves
from replay.stripe_api.versions import canonical_version

INVOICE = by_name("invoice")
COUPON = by_name("coupon")


def asked(target: str, method: str = "GET", **headers: str) -> Call:
    """A request read: `headers` with underscores for dashes."""
    lines = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return read_call(Request(method, API_BASE + target, lines))


@pytest.mark.parametrize("query", ["description=%ff", "%ff=1"])
def test_parameters_that_are_no_utf_8_are_refused(query: str) -> None:
    """What would stand for the broken bytes is the same for all of them."""
    with pytest.raises(CallRefused, match="GET /v1/invoices"):
        asked(f"/v1/invoices?{query}")


SPELLINGS = ["expand[]={}", "expand%5B%5D={}", "expand%5b%5d={}", "expand={}", "expand[{n}]={}",
             "expand%5B{n}%5D={}"]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("order", list(permutations(["payments", "customer", "lines.data.price"])))
def test_expand_spellings(spelling: str, order: tuple[str, ...]) -> None:
    """An expand set is one set in every spelling and order, also where a name comes twice."""
    query = "&".join(spelling.format(name, n=n) for n, name in enumerate((*order, order[0])))
    call = asked(f"/v1/invoices/in_1?{query}")
    assert ("customer", "lines.data.price", "payments") == call.expand
    assert retrieve(INVOICE, ["in_1"], expand=order) == call
    assert call.expand == expand_set(f"{API_BASE}/v1/invoices/in_1?{query}") == expand_set(call.uri)


@pytest.mark.parametrize(
    "target",
    [
        "/v1/invoices/in_1",
        "/v1/invoices/in_1?",
        "/v1/invoices/in_1?&",
        "/v1/invoices/%69n_1",
        "/v1/invoices/in_1?expand=",
        "/v1/invoices/in_1?expand",
        "/v1/invoices/in_1#part",
    ],
)
def test_plain_spellings(target: str) -> None:
    """A trailing question mark, a fragment, needless encoding or an empty list to expand, as
    stripe-java sends it, make no other call."""
    assert retrieve(INVOICE, ["in_1"]) == asked(target)
    assert f"{API_BASE}/v1/invoices/in_1" == asked(target).uri


def test_host_is_no_part_of_a_call() -> None:
    """The same path asked of a loopback base is the same call."""
    assert asked("/v1/invoices/in_1") == read_call(
        Request("GET", "http://127.0.0.1:81/v1/invoices/in_1")
    )


def test_head_is_a_retrieve_call() -> None:
    """HEAD asks for the same object as GET."""
    assert asked("/v1/invoices/in_1") == asked("/v1/invoices/in_1", "HEAD")


def test_target_is_canonical() -> None:
    """A call is spelled one way: expand sorted, brackets encoded."""
    call = asked("/v1/invoices/in_1?expand[1]=payments&expand[0]=customer")
    assert "/v1/invoices/in_1?expand%5B%5D=customer&expand%5B%5D=payments" == call.target
    assert API_BASE + call.target == call.uri


@pytest.mark.parametrize(
    "query",
    [
        "limit=3",
        "expand[]=",
        "expand[]=Payments",
        "expand[]=a..b",
        "expand[]=.a",
        "expand[]=a%20b",
        "expand[a]=payments",
        "expand[][]=payments",
        "xexpand[]=payments",
        "expand[]=payments&limit=3",
        "expand[]=a%0Ab",
        "expand[0=payments",
        "limit",
    ],
)
def test_other_parameters(query: str) -> None:
    """A retrieve call is keyed by what is no expand, as a collection call is."""
    call = asked(f"/v1/invoices/in_1?{query}")
    assert call.key.query
    assert call.key != asked("/v1/invoices/in_1").key
    assert not is_collection(call.key)
    assert call == read_call(Request("GET", call.uri))


def test_parameter_values_stay_private() -> None:
    """A key shows a plain parameter's name, never a value or a strange name."""
    key = asked("/v1/coupons/half?email=PRIVATE%40x.org").key
    assert ("coupons half by email", True) == (str(key), "PRIVATE" not in repr(key))
    key = asked("/v1/coupons/half?PRIVATE%40x.org=1&limit=1").key
    assert ("coupons half by another, limit", True) == (str(key), "PRIVATE" not in repr(key))


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH", "OPTIONS", "get", ""])
def test_writes(method: str) -> None:
    """Whatever is no GET or HEAD is refused as a write, without the path's ID."""
    with pytest.raises(CallRefused, match="writes are not recorded") as caught:
        asked("/v1/coupons/PRIVATE", method)
    assert f"{method} /v1/coupons/{{coupon}}" == caught.value.where


@pytest.mark.parametrize("path", ["/v1/PRIVATE/x", "", "/v1/invoices/../../PRIVATE"])
def test_other_paths(path: str) -> None:
    """Unknown paths are refused, without a word on what the API has; an ID is not shown."""
    with pytest.raises(CallRefused, match="does not know this read") as caught:
        asked(path)
    assert "PRIVATE" not in str(caught.value)


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("", ""),
        ("limit=3&customer=cus_1", "customer=cus_1&limit=3"),
        ("created%5Bgte%5D=5", "created%5Bgte%5D=5"),
        ("lookup_keys[0]=b&lookup_keys[1]=a", "lookup_keys%5B%5D=b&lookup_keys%5B%5D=a"),
        ("lookup_keys[]=b&lookup_keys[]=a", "lookup_keys%5B%5D=b&lookup_keys%5B%5D=a"),
        ("expand[0]=data.customer&limit=3", "limit=3"),
        ("email=a%2Bb%40c.example", "email=a%2Bb%40c.example"),
    ],
)
def test_collections_are_keyed_by_their_parameters(query: str, canonical: str) -> None:
    """A list is one call key per set of parameters, in whatever order and spelling."""
    call = asked(f"/v1/invoices?{query}")
    assert canonical == call.key.query
    assert ("data.customer",) * ("expand" in query) == call.expand
    assert call == read_call(Request("GET", call.uri))


def test_the_values_of_parameters_are_not_shown() -> None:
    """A message names the parameters of a collection call, never their values."""
    call = asked("/v1/customers?email=PRIVATE&limit=3")
    assert "customers by email, limit" == str(call.key)
    assert "PRIVATE" not in call.command("2024-06-20")


def test_a_read_that_is_a_post_is_keyed_by_its_form() -> None:
    """An invoice preview is a collection call of its parameters, expand apart."""
    uri = "https://api.stripe.com/v1/invoices/create_preview"
    call = read_call(
        Request("POST", uri, body=b"expand[0]=lines&customer=cus_1&automatic_tax[enabled]=true")
    )
    assert "automatic_tax%5Benabled%5D=true&customer=cus_1" == call.key.query
    assert (("lines",), uri) == (call.expand, call.uri)
    assert b"automatic_tax%5Benabled%5D=true&customer=cus_1&expand%5B%5D=lines" == call.body
    with pytest.raises(CallRefused):
        read_call(Request("GET", uri))


# Rows 42 to 47, 49 to 51 of the nasty inputs, and more of their kind.
HOSTILE = {
    "dots": "../x",
    "dotdot": "..",
    "dot": ".",
    "absolute": "/etc/passwd",
    "backslash": "a\\b",
    "nul": "a\0b",
    "newline": "a\nb",
    "escape": "\x1b[2J",
    "delete": "a\x7f",
    "c1": "a\x85b",
    "space": "a b",
    "empty": "",
    "300": "x" * 300,
    "surrogate": "a\udcff",
    "line separator": "a\u2028b",
    "right to left": "a\u202eb",
    "replacement": "a\ufffdb",
    "no-break space": "a\xa0b",
    "client secret": "pi_x_secret_y",
}


@pytest.mark.parametrize("id", list(HOSTILE.values()), ids=HOSTILE)
def test_hostile_ids(id: str) -> None:
    """An ID that could escape, confuse or betray is refused on the command line."""
    with pytest.raises(ConfigError):
        retrieve(COUPON, [id])


@pytest.mark.parametrize(
    "id", [id for name, id in HOSTILE.items() if name not in {"empty", "surrogate"}]
)
def test_hostile_ids_encoded(id: str) -> None:
    """The same IDs, percent-encoded in a path, are refused as well."""
    encoded = "".join(f"%{byte:02X}" for byte in id.encode())
    with pytest.raises(CallRefused) as caught:
        asked(f"/v1/coupons/{encoded}")
    assert "GET /v1/coupons/{coupon}" == caught.value.where


@pytest.mark.parametrize(
    "path",
    [
        "/v1/coupons/%2e%2e",
        "/v1/coupons/..",
        "/v1/coupons/%FF",
        "/v1/coupons/a%2Fb",
        "/v1/products/%2E%2E/features/x",
        "/v1/coupons/a%00",
    ],
)
def test_hostile_paths(path: str) -> None:
    """No encoding smuggles a step upwards, a slash or broken UTF-8 into an ID."""
    with pytest.raises(CallRefused, match="not the ID of an object"):
        asked(path)


def test_client_secret_is_not_repeated() -> None:
    """The refusal of a client secret does not show it."""
    with pytest.raises(ConfigError) as caught:
        retrieve(by_name("payment_intent"), ["pi_1_secret_PRIVATE"])
    assert "client secret" in caught.value.what
    assert "PRIVATE" not in str(caught.value)


IDS = st.text(min_size=1, max_size=60).filter(
    lambda text: (
        text.isprintable() and not set(text) & set(" /\\\ufffd") and text not in {".", ".."}
    )
)


@proved
@given(route=st.sampled_from(retrieves()), data=st.data())
def test_round_trip(route: Route, data: st.DataObject) -> None:
    """A call's canonical URI is read as the same call, whatever stands in its IDs."""
    ids = [
        data.draw(IDS.filter(lambda text: "_secret_" not in text)) for _ in range(route.parameters)
    ]
    expand = data.draw(st.lists(st.sampled_from(["a", "b.c", "data.d_e"]), max_size=3))
    version = data.draw(st.sampled_from([None, "2024-06-20", "2023-10-16; x=v1"]))
    call = retrieve(route, ids, expand=expand, version=version)
    headers = (("stripe-version", version),) if version else ()
    literal = {part for r in retrieves() for part in r.path.split("/")} | {
        "preview",
        "search",
        "lines",
    }
    if not literal & set(ids):
        assert call == read_call(Request("GET", call.uri, headers))
    assert quote(urlsplit(call.uri).path, safe="/%~") == urlsplit(call.uri).path


@pytest.mark.parametrize("id", ["a?b", "a#b", "a%b", "a%2Fb", "a&b=c", "ünï", "a;b", "$(x)", "a+b"])
def test_ids_are_encoded(id: str) -> None:
    """What means something in a URL is encoded, so that no other object is asked for."""
    call = retrieve(COUPON, [id])
    parts = urlsplit(call.uri)
    assert ("/v1/coupons/" + quote(id, safe=""), "", "") == (
        parts.path,
        parts.query,
        parts.fragment,
    )
    assert id == asked(call.target).key.id


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/v1/invoices/in_1", ObjectKey("invoices", "in_1")),
        ("/v1/balance", ObjectKey("balance", "")),
        ("/v1/customers/cus_1/cash_balance", ObjectKey("customers/cash_balance", "", ("cus_1",))),
        (
            "/v1/customers/cus_1/sources/card_1",
            ObjectKey("customers/sources", "card_1", ("cus_1",)),
        ),
        (
            "/v2/core/accounts/acct_1/persons/p_1",
            ObjectKey("v2/core/accounts/persons", "p_1", ("acct_1",)),
        ),
    ],
)
def test_keys(path: str, key: ObjectKey) -> None:
    """A path gives resource, parents and ID; a singleton has no ID."""
    assert key == asked(path).key


@pytest.mark.parametrize("ids", [[], ["in_1", "in_2"]])
def test_number_of_ids(ids: list[str]) -> None:
    """Too few or too many IDs for a route are refused."""
    with pytest.raises(ConfigError, match=f"invoices takes 1 IDs, not {len(ids)}"):
        retrieve(INVOICE, ids)


@pytest.mark.parametrize("name", ["", "Payments", "a b", "a.", "[]", "a\n", "a;b"])
def test_expand_names(name: str) -> None:
    """What is no field's name cannot be expanded."""
    with pytest.raises(ConfigError, match="not a field that can be expanded"):
        retrieve(INVOICE, ["in_1"], expand=[name])


VERSIONS = {
    "2024-06-20": "2024-06-20",
    " 2024-06-20 ": "2024-06-20",
    "2025-03-31.basil": "2025-03-31.basil",
    "2023-10-16; feature_beta=v1": "2023-10-16; feature_beta=v1",
    "2023-10-16;feature_beta=v1": "2023-10-16; feature_beta=v1",
    "2023-10-16; b=v1;a=v2": "2023-10-16; a=v2; b=v1",
    "2023-10-16; a=v1; a=v1;": "2023-10-16; a=v1",
}


@pytest.mark.parametrize(("given_", "expected"), list(VERSIONS.items()))
def test_versions(given_: str, expected: str) -> None:
    """A version has one spelling, and canonical is canonical again."""
    assert expected == canonical_version(given_) == canonical_version(expected)
    assert expected == asked("/v1/invoices/in_1", Stripe_Version=given_).pinned
    assert expected == asked("/v1/invoices/in_1", STRIPE_VERSION=given_).pinned


@pytest.mark.parametrize(
    "version", ["; a=v1", "-x", "2024/06", "2024\nx", "2024\0", "../x", "é", "x" * 201]
)
def test_no_versions(version: str) -> None:
    """What cannot be a version is refused and names where it came from."""
    with pytest.raises(ConfigError, match="not an API version") as caught:
        canonical_version(version, "here")
    assert "here" == caught.value.where
    with pytest.raises(CallRefused, match="not an API version"):
        asked("/v1/invoices/in_1", Stripe_Version=version)


def test_unpinned() -> None:
    """No version header, or an empty one, pins nothing."""
    assert asked("/v1/invoices/in_1").pinned is None
    assert asked("/v1/invoices/in_1", Stripe_Version="").pinned is None


def test_accounts() -> None:
    """Each connected account and context has a key of its own, which does not show it."""
    calls = [
        asked("/v1/invoices/in_1", **headers)
        for headers in (
            {},
            {"Stripe_Account": "acct_PRIVATE"},
            {"Stripe_Context": "acct_PRIVATE"},
            {"Stripe_Account": "acct_PRIVATE", "Stripe_Context": "org_1"},
            {"Stripe_Account": "acct_2"},
        )
    ]
    assert 5 == len({call.key for call in calls})
    assert "" == calls[0].key.account
    assert account_label("acct_PRIVATE") == calls[1].key.account
    assert all("PRIVATE" not in repr(call) for call in calls)
    assert calls[1] == retrieve(INVOICE, ["in_1"], account="acct_PRIVATE")


def test_account_label() -> None:
    """A label is safe in file names, and the same on every machine."""
    assert "acct-3ecd8d1f83a49e05" == account_label("acct_1")


@pytest.mark.parametrize(
    ("route", "ids", "expand", "versions", "expected"),
    [
        ("invoice", ["in_1"], [], [], "replay record invoices in_1"),
        ("invoice", ["in_1"], [], ["2024-06-20", "2025-03-31.basil"],
         "replay record invoices in_1 --api-version 2024-06-20 --api-version 2025-03-31.basil"),
        ("invoice", ["in_1"], ["payments", "customer"], [],
         "replay record invoices in_1 --expand customer --expand payments"),
        ("invoice", ["in_1"], [], ["2023-10-16; b=v1"],
         "replay record invoices in_1 --api-version '2023-10-16; b=v1'"),
        ("balance", [], [], [], "replay record balance"),
        ("card", ["cus_1", "card_1"], [], [], "replay record customers/sources cus_1/card_1"),
    ],
)  # fmt: skip
def test_command(
    route: str, ids: list[str], expand: list[str], versions: list[str], expected: str
) -> None:
    """The hint is the very line that would record the call."""
    assert expected == retrieve(by_name(route), ids, expand=expand).command(*versions)


@pytest.mark.parametrize("id", ["a;rm", "$(reboot)", "`x`", "a'b", 'a"b', "a&b", "a*", "~x"])
def test_command_is_safe_to_paste(id: str) -> None:
    """A shell reads the hint as the one command with the ID as one word."""
    line = retrieve(COUPON, [id]).command("2023-10-16; b=v1")
    assert ["replay", "record", "coupons", id, "--api-version", "2023-10-16; b=v1"] == shlex.split(
        line
    )


def test_query_is_what_servers_read() -> None:
    """The canonical query is read by the standard parser as the names it was made from."""
    call = retrieve(INVOICE, ["in_1"], expand=["b", "a.c"])
    assert [("expand[]", "a.c"), ("expand[]", "b")] == parse_qsl(urlsplit(call.uri).query)


def test_an_items_place_in_a_list_counts_and_its_spelling_does_not() -> None:
    """Whatever order the parameters are written in, a list keeps the order that its indices say."""
    first, second = "types[0]=a&types[1]=b&types[10]=c", "types[10]=c&types[1]=b&types[0]=a"
    other = "types[0]=b&types[1]=a&types[10]=c"
    keys = [
        read_call(Request("GET", f"{API_BASE}/v1/events?{q}")).key for q in (first, second, other)
    ]
    assert keys[0] == keys[1] != keys[2]


def test_a_file_is_no_read_of_ours() -> None:
    """The PDF of a quote, the contents of a file: they may be let through."""
    for path, template in (
        ("/v1/quotes/qt_1/pdf", "/v1/quotes/{quote}/pdf"),
        ("/v1/files/file_1/contents", "/v1/files/{file}/contents"),
    ):
        with pytest.raises(CallRefused, match="a file, not JSON") as caught:
            read_call(Request("GET", f"{API_BASE}{path}"))
        assert f"GET {template}" == caught.value.where
        assert "other_calls='pass'" in caught.value.hint
