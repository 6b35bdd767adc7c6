"""Cassettes for the tests of the library: one made by hand, and any at all."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from replay.model.cassette import Cassette, Interaction, ObjectKey, Request, Response
from replay.model.json_body import dump
from replay.stripe_api.headers import REASON, REQUEST_HEADERS, RESPONSE_HEADERS, is_kept_status
from replay.stripe_api.versions import is_version

VERSION = "2024-06-20"
KEY = ObjectKey("invoices", "in_1SampleOfOneCassette0001")

# Rows 57 to 60 of the nasty inputs: what some YAML reader takes for something else, or loses.
TRAPS = (
    "on",
    "no",
    "~",
    "=",
    "<<",
    "y",
    "N",
    "Off",
    "null",
    "NULL",
    "true",
    "",
    "1e3",
    "0089",
    "12:30:45",
    "2024-01-01",
    "2024-01-01T00:00:00Z",
    "0x1F",
    "0o17",
    "0b1",
    "1_000",
    "+1",
    "-0",
    ".5",
    "1.",
    ".inf",
    "-.INF",
    ".nan",
    "190:20:30",
    "9" * 400,
    "\x85",
    "a\u2028b",
    "\u2029",
    "\ufeff",
    "a\ufeffb",
    "\x00",
    "\x07",
    "\x1b[0m",
    "\x7f",
    "\x9f",
    " leading",
    "trailing ",
    "  ",
    "\t",
    "a\tb",
    "\n",
    "a\n",
    "\na",
    "a\n\n b\n",
    "a \nb",
    "\r",
    "a\r\nb",
    "- a",
    "? a",
    "a: b",
    "a:",
    "a #b",
    "#",
    "&a",
    "*a",
    "!a",
    "!!str",
    "|",
    ">",
    "%",
    "@",
    "`",
    "'",
    '"',
    "\\",
    "{}",
    "[]",
    "{",
    "]",
    ",",
    "---",
    "...",
    "--- a",
    "<<<<<<< ours",
    "=======",
    ">>>>>>> theirs",
    "\U0001f600",
    "e\u0301",
    "key: |-\n  value",
    "/a/b",
    "a/b",
    "text/html; charset=utf-8",
    "k" * 129,
    "-",
    "?",
    ":",
    "--",
    "!",
    "null ",
    "a  b",
    "Infinity",
)

TEXTS = st.sampled_from(TRAPS) | st.text(st.characters(codec="utf-8"), max_size=40)
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
LINES = TEXTS.filter(lambda text: CONTROL.search(text) is None)
"""What may stand beside a body: no control characters, no line ends."""

PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**53, max_value=2**70)
    | TEXTS
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
BODIES = st.dictionaries(
    st.text(st.characters(codec=None), max_size=20) | TEXTS,
    VALUES | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(codec=None)),
    max_size=6,
)


def cassette(
    body: Any = None, *, key: ObjectKey = KEY, version: str = VERSION, **changes: Any
) -> Cassette:
    """A cassette of one take; `changes` are of its interaction."""
    if body is None:
        body = {
            "id": key.id,
            "object": "invoice",
            "total": 1000,
            "customer_name": "Redacted 00ff00ff",
        }
    pinned = (("Stripe-Version", version),) if is_version(version) else ()
    take = Interaction(
        Request(
            "GET", f"https://api.stripe.com/v1/{key.resource}/{quote(key.id, safe='')}", pinned
        ),
        Response(
            200,
            "OK",
            (("Content-Type", "application/json"), *pinned),
            dump(body),
        ),
        recorded_at="2026-01-28T02:05:11Z",
        source="api.stripe.com",
        batch="5f0c9a",
        redacted={"/customer_name": "name"},
    )
    return Cassette(key, version, "stripe-1 sha256:0123456789ab", (replace(take, **changes),))


def document(made: Cassette) -> dict[str, Any]:
    """What any YAML reader should find in a cassette's file, written down a second time."""
    head: dict[str, Any] = {"resource": made.key.resource, "id": made.key.id}
    if made.key.parents:
        head["parents"] = list(made.key.parents)
    if made.key.query is not None:
        head["query"] = made.key.query
    if made.key.account:
        head["account"] = made.key.account
    head |= {"api_version": made.api_version, "policy": made.policy, **made.cassette_extra}
    return {
        "version": 1, "cassette": head, **made.extra,
        "interactions": [
            {
                "recorded_at": take.recorded_at, "source": take.source,
                **({"batch": take.batch} if take.batch else {}),
                **({} if take.unconfirmed is None else {"unconfirmed": list(take.unconfirmed)}),
                **({"equal_values": dict(take.equal_values)} if take.equal_values else {}),
                "request": {
                    "method": take.request.method, "uri": take.request.uri,
                    "body": None if take.request.body is None else take.request.body.decode(),
                    "headers": {name: [value] for name, value in take.request.headers},
                },
                "response": {
                    "status": {"code": take.response.status, "message": take.response.reason},
                    "headers": {name: [value] for name, value in take.response.headers},
                    "body": {"string": take.response.body.decode()},
                },
                "redacted": dict(take.redacted),
                **take.extra,
            }
            for take in made.interactions
        ],
    }  # fmt: skip


def _extra(*known: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(TEXTS.filter(lambda text: text not in known), VALUES, max_size=2)


ASCII = st.characters(codec="ascii")


def _headers(forms: Any) -> st.SearchStrategy[Any]:
    values = {
        name: st.from_regex(form, fullmatch=True, alphabet=ASCII) for name, form in forms.items()
    }
    return st.fixed_dictionaries({}, optional=values).map(lambda lines: tuple(lines.items()))


FORMS = st.dictionaries(TEXTS, TEXTS, max_size=3).map(lambda form: urlencode(form).encode("ascii"))


def _without_forbidden_body(response: Response) -> Response:
    return replace(response, body=b"") if response.status in {204, 304} else response


POINTERS = ("", "/a/0/b", "/it's: \u00e9", "/[,]", "/ #", "/" + "k" * 200)

INTERACTIONS = st.builds(
    Interaction,
    request=st.builds(
        Request,
        method=st.just("GET"),
        uri=LINES,
        headers=_headers(REQUEST_HEADERS),
        body=st.none() | FORMS,
    ),
    response=st.builds(
        Response,
        status=st.integers(100, 599).filter(is_kept_status),
        reason=st.from_regex(REASON, fullmatch=True, alphabet=ASCII),
        headers=_headers(RESPONSE_HEADERS),
        body=BODIES.map(dump) | st.just(b""),
    ).map(_without_forbidden_body),
    recorded_at=LINES,
    source=LINES,
    batch=LINES,
    redacted=st.dictionaries(LINES, LINES, max_size=3),
    extra=_extra(
        "recorded_at", "source", "batch", "unconfirmed", "equal_values", "request", "response",
        "redacted",
    ),
    unconfirmed=st.sampled_from([None, (), POINTERS, POINTERS[1:2]]),
    equal_values=st.sampled_from([{}, dict.fromkeys(POINTERS, "id-1"), {"/a": "text-9999"}]),
)  # fmt: skip

CASSETTES = st.builds(
    Cassette,
    key=st.sampled_from(
        [
            KEY,
            ObjectKey("balance", ""),
            ObjectKey("customers/sources", "card_1", ("cus_1",), "acct-0f"),
            ObjectKey("invoices", "", (), "", "customer=cus_1&limit=3"),
            ObjectKey("invoices", "", (), "", ""),
        ]
    )
    | st.builds(
        ObjectKey,
        st.just("a/b/c"),
        LINES,
        st.lists(LINES, max_size=2).map(tuple),
        LINES,
        st.none() | LINES,
    ),
    api_version=LINES,
    policy=LINES,
    interactions=st.lists(INTERACTIONS, min_size=1, max_size=3).map(tuple),
    extra=_extra("version", "cassette", "interactions"),
    cassette_extra=_extra("resource", "parents", "id", "query", "account", "api_version", "policy"),
)
"""Any cassette the format can hold."""


def parsed(take: Interaction) -> Any:
    """A take's body as values."""
    return json.loads(take.response.body)
