"""Plants private values wherever a live answer or a request can carry them, and looks for them.

Real parts throughout: the stand-in answers on loopback, a session records, and then every byte and
name below the library, every log record, note, message and repr is read back in all encodings.
"""

from __future__ import annotations

import base64
import copy
import html
import json
import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

from replay.config import Config, checked_base
from replay.errors import ReplayError
from replay.model.cassette import Request
from replay.model.modes import RecordMode
from replay.redaction.encodings import views
from replay.session.scenario.store import ScenarioOptions
from replay.session.session import open_session
from support import schemas
from support.ledger import Ledger
from support.standin import StandIn, generated

PERSON = "Gretä Öhm & Kießel"
KEY = "sk_test_51QaTestPlantedKeyAbCdEf"
ACCOUNT = "acct_1QaTestPlanted"


def _every_character(text: str) -> str:
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[n]:02x}{units[n + 1]:02x}" for n in range(0, len(units), 2))


ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": lambda text: text,
    "case-folded": str.casefold,
    "\\u escapes": _every_character,
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "URL": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "HTML": lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace").decode(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 at offset 1": lambda text: base64.b64encode(b"." + text.encode()).decode(),
    "base64 at offset 2": lambda text: base64.b64encode(b".." + text.encode()).decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "hex": lambda text: text.encode().hex(),
    "UTF-16": lambda text: text.encode("utf-16-le").decode("latin-1"),
    "latin-1": lambda text: text.encode().decode("latin-1"),
}


def mark(number: int) -> str:
    """A private value that says which plant it is."""
    return f"ZQ{number:x} {PERSON}"


class Probe:
    """One stand-in and one library; counts what was planted and what came out.

    Attributes:
        planted: how many values were planted, by place.
        found: where one of them turned up again.
        encodings: those in which everything but a type's leaves is planted.
        answered: how often a plant's call was recorded, or answered without being recorded.
    """

    def __init__(self, source: StandIn, encodings: Collection[str] = ENCODINGS) -> None:
        self.source = source
        self.encodings = {name: ENCODINGS[name] for name in encodings}
        self.planted: Counter[str] = Counter()
        self.found: list[str] = []
        self.answered: Counter[str] = Counter()
        self._log = _Log()
        self._count = 0

    def next(self) -> str:
        """The next private value."""
        self._count += 1
        return mark(self._count)

    def record(self, place: str, path: str, *, headers: Any = (), base: str | None = None) -> None:
        """Record one call into a library of its own, then read everything back."""
        root = Path(tempfile.mkdtemp(prefix="replay-leaks-"))
        said: list[str] = []
        logging.getLogger().addHandler(self._log)
        try:
            config = Config(str(root / "lib"), RecordMode.ONCE, base or self.source.url, None)
            session = open_session(config)
            request = Request(
                "GET", f"https://api.stripe.com{path}",
                (("Authorization", f"Bearer {KEY}"), *headers),
            )  # fmt: skip
            try:
                said.append(repr(session.answer(request)))
            except ReplayError as error:
                said += [str(error), repr(error), repr(error.__cause__)]
            session.close()
            self.answered["recorded" if session.counts.recorded else "not recorded"] += 1
            said += [repr(session), repr(request), *session.notes, *map(str, session.refusals)]
            said += self._log.taken()
            for file in root.rglob("*"):
                said.append(str(file.relative_to(root)))
                if file.is_file():
                    said.append(file.read_bytes().decode("utf-8", "replace"))
        finally:
            logging.getLogger().removeHandler(self._log)
            shutil.rmtree(root)
        if shows("\n".join(said)):
            self.found.append(place)

    def write(self, place: str, ledger: Ledger, requests: Iterable[Request]) -> None:
        """Record calls as a scenario in a library of its own, play them, and read all back."""
        root = Path(tempfile.mkdtemp(prefix="replay-leaks-"))
        said: list[str] = []
        logging.getLogger().addHandler(self._log)
        try:
            for mode in (RecordMode.ONCE, RecordMode.NONE):
                config = Config(str(root / "lib"), mode, ledger.url, None)
                session = open_session(config, scenario=ScenarioOptions("it", strict=False))
                refused = 0
                for request in requests:
                    try:
                        said.append(repr(session.answer(request)))
                    except ReplayError as error:
                        refused += 1
                        said += [str(error), repr(error), repr(error.__cause__)]
                try:
                    session.close(failed=refused > 0)
                except ReplayError as error:
                    said += [str(error), repr(error)]
                self.answered["recorded" if session.counts.recorded else "not recorded"] += 1
                said += [repr(session), *session.notes, *map(str, session.refusals)]
            said += self._log.taken()
            for file in root.rglob("*"):
                said.append(str(file.relative_to(root)))
                if file.is_file():
                    said.append(file.read_bytes().decode("utf-8", "replace"))
        finally:
            logging.getLogger().removeHandler(self._log)
            shutil.rmtree(root)
        if shows("\n".join(said)):
            self.found.append(place)


def shows(text: str) -> bool:
    """Whether a text shows the planted person or key, in any encoding."""
    wanted = (PERSON.casefold(), KEY[8:].casefold())
    return any(word in view.casefold() for view in views(text) for word in wanted)


class _Log(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage() + str(record.exc_info or ""))

    def taken(self) -> list[str]:
        lines, self._lines = self._lines, []
        return lines


def put(tree: Any, steps: tuple[str | int, ...], value: Any) -> None:
    """Set one place of a tree."""
    for step in steps[:-1]:
        tree = tree[step]
    tree[steps[-1]] = value


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """All objects of a tree."""
    if isinstance(tree, dict):
        yield tree
    for child in (
        tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    ):
        yield from nodes(child)


def leaves(probe: Probe, types: list[str]) -> None:
    """Every string leaf of the types, in every encoding; one recording holds a type's leaves."""
    for name in types:
        body = schemas.body(name)
        places = list(schemas.string_leaves(body))
        for encoding, encode in ENCODINGS.items():
            planted = copy.deepcopy(body)
            for steps in places:
                put(planted, steps, encode(probe.next()))
            serve(probe, f"leaf of {name}, {encoding}", planted)
            probe.planted["string leaves"] += len(places)


def serve(probe: Probe, place: str, body: Any) -> None:
    """Record a body, of whatever type, as the one item of a list."""
    path = f"/v1/customers/{generated('cus', place)}/payment_methods"
    probe.source.add(path, {"object": "list", "data": [body], "has_more": False, "url": path})
    probe.record(place, path)


def unknown_fields(probe: Probe, types: list[str]) -> None:
    """A field that nobody knows, at each object of the types, and as a key of each."""
    for name in types:
        for encoding, encode in probe.encodings.items():
            for what in ("unknown fields", "map keys"):
                body = schemas.body(name)
                for node in list(nodes(body)):
                    value = encode(probe.next())
                    node["zq_field" if what == "unknown fields" else value] = (
                        value if what == "unknown fields" else "x"
                    )
                    probe.planted[what] += 1
                serve(probe, f"{what} of {name}, {encoding}", body)


HEADERS = (
    "Stripe-Version", "Content-Type", "Retry-After", "Stripe-Should-Retry", "Request-Id", "Server",
    "Idempotency-Key", "Original-Request", "Stripe-Account", "Set-Cookie", "Location", "Date",
    "ETag", "X-Stripe-Routing-Context-Priority-Tier", "Content-Disposition", "Warning", "Link",
    "Via",
)  # fmt: skip


def headers(probe: Probe) -> None:
    """Header values, cookies and redirects of an answer."""
    id = generated("in", "headers")
    for name in HEADERS:
        for encoding, encode in probe.encodings.items():
            value = quote(encode(probe.next()), safe=" %&;=\\\"#+/?-_.~!$'()*,:@[]")
            status = 302 if name == "Location" else 200
            for sent in {value, value.replace(" ", "-"), value.lower().replace("%", "")}:
                probe.source.script.append((status, {name: sent}, {"id": id, "object": "invoice"}))
                probe.record(f"header {name}, {encoding}", f"/v1/invoices/{id}")
                place = {"Set-Cookie": "cookies", "Location": "redirects"}.get(
                    name, "header values"
                )
                probe.planted[place] += 1


def errors(probe: Probe) -> None:
    """Errors that echo the key or a person, at each status that is or is not kept."""
    for status in (400, 401, 402, 403, 404, 409, 429, 500, 502):
        for encoding, encode in probe.encodings.items():
            said, key = encode(probe.next()), encode(KEY)
            body = {
                "error": {
                    "message": f"Invalid API Key provided: {key}", "code": said, "param": said,
                    "type": "invalid_request_error", "decline_code": said, "doc_url": said,
                    "charge": said, "request_log_url": said, "source": {"owner": said},
                }
            }  # fmt: skip
            probe.source.script.append((status, {}, body))
            id = generated("in", f"error{status}{encoding}")
            probe.record(f"error {status}, {encoding}", f"/v1/invoices/{id}")
            probe.planted["error bodies"] += 8


PARAMETERS = ("email", "name", "metadata[person]", "limit", "starting_after", "status", "query",
              "expand[]", "page", "created[gte]", "customer", "zq")  # fmt: skip


def questions(probe: Probe) -> None:
    """What a client asks: parameters, IDs that a person chose, names to expand, accounts."""
    page = {"object": "list", "data": [], "has_more": False, "url": "/v1/customers"}
    probe.source.add("/v1/customers", page)
    for encoding, encode in probe.encodings.items():
        for name in PARAMETERS:
            asked = urlencode({name: encode(probe.next())})
            probe.record(f"parameter {name}, {encoding}", f"/v1/customers?{asked}")
            probe.planted["query parameters"] += 1
        chosen = quote(encode(probe.next()), safe="")
        for resource in ("customers", "plans", "coupons", "products", "prices"):
            body = {"id": "x", "object": "coupon"}
            probe.source.add(f"/v1/{resource}/{chosen}", body)
            probe.record(f"ID of {resource}, {encoding}", f"/v1/{resource}/{chosen}")
            probe.planted["IDs in addresses"] += 1
        for header in ("Stripe-Account", "Stripe-Context", "Idempotency-Key", "User-Agent",
                       "Cookie", "Stripe-Version", "X-Stripe-Client-User-Agent"):  # fmt: skip
            value = quote(encode(probe.next()), safe=" %=")
            id = generated("in", "asked")
            probe.source.add(f"/v1/invoices/{id}", {"id": id, "object": "invoice"})
            probe.record(f"request {header}, {encoding}", f"/v1/invoices/{id}",
                         headers=((header, value),))  # fmt: skip
            probe.planted["request headers"] += 1


SENT = (
    "email", "name", "description", "metadata[person]", "metadata[{}]", "amount", "currency", "id",
    "coupon", "customer", "items[0][price]", "card[number]", "tax_exempt", "source", "{}",
    "individual[dob][day]", "address[line1]", "trial_end", "expand[]", "zq[0][{}]",
)  # fmt: skip
"""Parameters of writes; ``{}`` is a planted name."""

API = "https://api.stripe.com"
FORM = ("Content-Type", "application/x-www-form-urlencoded")


def writes(probe: Probe) -> None:
    """What a test that writes sends: parameters, their names, IDs, keys, files, JSON, look-ups."""

    def post(path: str, body: bytes, *headers: tuple[str, str], host: str = API) -> Request:
        return Request(
            "POST", f"{host}{path}", (("Authorization", f"Bearer {KEY}"), *headers), body
        )

    def get(path: str) -> Request:
        return Request("GET", f"{API}{path}", (("Authorization", f"Bearer {KEY}"),))

    with Ledger() as ledger:
        for encoding, encode in probe.encodings.items():
            for name in SENT:
                value = encode(probe.next())
                body = urlencode({name.replace("{}", value): value}).encode()
                asked = urlencode({"email": value, "query": value})
                calls = (
                    post("/v1/customers", body, FORM), get(f"/v1/customers?{asked}"),
                    post("/v1/payment_intents", body, FORM),
                )  # fmt: skip
                probe.write(f"sent {name}, {encoding}", ledger, calls)
                probe.planted["parameters of writes"] += 3
            value = encode(probe.next())
            chosen = quote(value, safe="")
            body = urlencode({"id": value, "amount": "5"}).encode()
            calls = (
                post("/v1/plans", body, FORM), get(f"/v1/plans/{chosen}"),
                post(f"/v1/coupons/{chosen}", b"name=x", FORM),
            )  # fmt: skip
            probe.write(f"chosen ID, {encoding}", ledger, calls)
            probe.planted["IDs of writes"] += 3
            for header in ("Stripe-Account", "Idempotency-Key", "Stripe-Version", "Cookie"):
                line = (header, quote(encode(probe.next()), safe=" %="))
                one = post("/v1/customers", b"name=x", FORM, line)
                probe.write(f"write with {header}, {encoding}", ledger, [one])
                probe.planted["headers of writes"] += 1
            text = json.dumps({"name": value, value: [value, {"a": value}]}).encode()
            one = post("/v2/core/events", text, ("Content-Type", "application/json"))
            probe.write(f"JSON, {encoding}", ledger, [one])
            part = '--b\r\nContent-Disposition: form-data; name="{}"; filename="{}"\r\n\r\n{}\r\n'
            parts = part.format("file", quote(value), value)
            parts += part.format("purpose", "x", quote(value)[:90]) + "--b--\r\n"
            kind = ("Content-Type", "multipart/form-data; boundary=b")
            sent = parts.encode("utf-8", "surrogatepass")
            one = post("/v1/files", sent, kind, host="https://files.stripe.com")
            probe.write(f"upload, {encoding}", ledger, [one])
            probe.planted["bodies of writes"] += 2


def addresses(probe: Probe) -> None:
    """Users and passwords in the source's address."""
    for encoding, encode in probe.encodings.items():
        user = quote(encode(probe.next()), safe="")
        for base in (f"http://{user}@127.0.0.1:1", f"http://x:{user}@127.0.0.1:1",
                     f"https://{user}/", f"http://127.0.0.1:1/{user}"):  # fmt: skip
            try:
                checked_base(base, "api_base")
            except ReplayError as error:
                if shows(f"{error}{error!r}"):
                    probe.found.append(f"address, {encoding}")
            probe.planted["URL userinfo"] += 1
