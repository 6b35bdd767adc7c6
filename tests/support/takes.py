"""Cassettes for the tests of the library: one made by hand, and any at all."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from replay.errors import ReplayError
from replay.library.format.forms import CLASSES
from replay.model.cassette import Cassette, Interaction, ObjectKey, Request, Response
from replay.model.json_body import dump
from replay.stripe_api.call import Call, read_call
from replay.stripe_api.headers import RESPONSE_HEADERS, is_kept_status, phrases
from replay.stripe_api.routes import Route, is_collection, table
from replay.stripe_api.versions import canonical_version, is_version

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


def request_for(
    key: ObjectKey, version: str | None = None, expand: tuple[str, ...] = ()
) -> Request:
    """The request of the call that a key is of, as a recording has it."""
    route = next(
        route
        for route in table()
        if route.resource == key.resource and route.collection == is_collection(key)
    )
    call = Call(route, key, expand, version)
    return Request(route.method, call.uri, _stated(version), call.body)


def _stated(version: str | None) -> tuple[tuple[str, str], ...]:
    return (("Stripe-Version", version),) if version and is_version(version) else ()


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
    take = Interaction(
        request_for(key, version),
        Response(
            200,
            "OK",
            (("Content-Type", "application/json"), *_stated(version)),
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
    head |= {"api_version": made.api_version, "policy": made.policy}
    return {
        "version": 1, "cassette": head,
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
            }
            for take in made.interactions
        ],
    }  # fmt: skip


FIELDS = st.sampled_from(["customer", "lines.data", "data.customer.default_source", "a", "z_9.*"])
IDS = st.sampled_from(["in_1SampleOfOneCassette0001", "cus_1", "A", "a%2Fb", "x.y~z", "\u00e9"])
VERSIONS = st.sampled_from(
    ["2024-06-20", "2025-03-31.basil", "2026-01-28.preview", "2011-01-01; a_b=v1; c=v22",
     "9999-99-99", "2024-06-20; " + "; ".join(f"{c * 9}=v{n}" for n, c in enumerate("abcdefghi"))]
)  # fmt: skip
TIMES = st.sampled_from(["2026-01-28T02:05:11Z", "0000-12-31T23:59:59Z"])
SOURCES = st.sampled_from(
    ["api.stripe.com", "127.0.0.1:8420", "stripe_mock", "fd00::1:8420", "fd00::1", "a-b.c.d:1",
     "null", "y", "true", "0x1f", "1.5", "12:30"]
)  # fmt: skip
BATCHES = st.sampled_from(["", "5f0c9a31b7d2", "a", "f" * 64, "0", "1e3", "0089", "bad"])
POLICIES = st.sampled_from(["stripe-1 sha256:0123456789ab", "stripe-999 sha256:abcdefabcdef"])
ACCOUNTS = st.sampled_from(["", "acct-0123456789abcdef", "ctx-00000000000000e1"])
ANSWERED: dict[str, list[str]] = {
    "Content-Type": ["application/json", "application/json; charset=utf-8"],
    "Retry-After": ["0", "0.5", "999999", "1.250"],
    "Stripe-Should-Retry": ["true", "false"],
    "Request-Id": ["req_replay0123456789"],
}
"""The headers that an answer may have, but for its version."""

for _name, _values in ANSWERED.items():
    assert all(RESPONSE_HEADERS[_name].match(value) for value in _values)
assert {*ANSWERED, "Stripe-Version"} == RESPONSE_HEADERS.keys()
HEADERS = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(values) for name, values in ANSWERED.items()}
)


def _call(route: Route, ids: list[str], query: dict[str, str], expand: list[str]) -> Call | None:
    """A call with any IDs and parameters; None where replay refuses one of them."""
    given = [quote(id, safe="") for id in ids[: route.parameters]]
    parents, id = (given, "") if route.singleton else (given[:-1], given[-1])
    path = "https://api.stripe.com" + route.url_path(tuple(parents), id)
    form = urlencode([*query.items(), *(("expand[]", name) for name in expand)])
    if route.method == "POST":
        request = Request("POST", path, body=form.encode("ascii"))
    else:
        request = Request("GET", f"{path}?{form}" if form else path)
    try:
        return read_call(request)
    except ReplayError:
        return None


POINTERS = ("", "/a/0/b", "/it's: \u00e9", "/[,]", "/ #", "/" + "k" * 200)


CALLS = st.builds(
    _call,
    st.sampled_from([route for route in table() if not route.file]),
    st.lists(LINES | IDS, min_size=4, max_size=4),
    st.just({}) | st.dictionaries(TEXTS, TEXTS, max_size=3),
    st.lists(FIELDS, max_size=2),
).filter(lambda call: call is not None)
"""Any call that can be recorded."""


@st.composite
def _takes(draw: st.DrawFn, call: Call, version: str, *, pins: bool) -> Interaction:
    """Any take of a call at a version."""
    expand = tuple(sorted(draw(st.sets(FIELDS, max_size=2))))
    asked = Call(call.route, call.key, expand)
    status = draw(st.integers(100, 599).filter(is_kept_status))
    headers = draw(HEADERS)
    if is_version(version) and not (pins and draw(st.booleans())):
        headers["Stripe-Version"] = version
    return Interaction(
        Request(call.route.method, asked.uri, _stated(version) if pins else (), asked.body),
        Response(
            status,
            draw(st.sampled_from(sorted(phrases(status)))),
            tuple(headers.items()),
            b"" if status in {204, 304} else dump(draw(BODIES)),
        ),
        recorded_at=draw(TIMES),
        source=draw(SOURCES),
        batch=draw(BATCHES),
        unconfirmed=draw(st.sampled_from([None, (), POINTERS, POINTERS[1:2]])),
        equal_values=draw(
            st.sampled_from([{}, dict.fromkeys(POINTERS, "id-1"), {"/a": "text-9999"}])
        ),
        redacted=draw(
            st.dictionaries(
                LINES.map(lambda text: f"/{text}"), st.sampled_from(sorted(CLASSES)), max_size=3
            )
        ),
    )


@st.composite
def _cassettes(draw: st.DrawFn) -> Cassette:
    call = draw(CALLS)
    pins = draw(st.booleans())
    version = canonical_version(draw(VERSIONS)) if pins or draw(st.booleans()) else "unversioned"
    made = st.lists(_takes(call, version, pins=pins), min_size=1, max_size=3)
    account = draw(ACCOUNTS)
    key = replace(call.key, account=account)
    return Cassette(key, version, draw(POLICIES), tuple(draw(made)))


CASSETTES = _cassettes()
"""Any cassette that can be recorded."""


def parsed(take: Interaction) -> Any:
    """A take's body as values."""
    return json.loads(take.response.body)
