"""A loopback stand-in for Stripe's API: documented shapes at two versions, made from facts.

The same invented facts are shaped as 2024-06-20 and as 2025-03-31.basil answer them, so that what
moved between the versions is known. Everything private carries the word PRIVATE, so that a search
for it is a proof.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from support.waiting import HANGS

OLD = "2024-06-20"
NEW = "2025-03-31.basil"
PREVIEW = "2026-01-28.preview"

DRAFT = "in_1MtHbELkdIwHu7ixl4OzzPMv"
PAYMENT = "inpay_1M3USa2eZvKYlo2CBjuwbq0N"

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"


def generated(prefix: str, seed: str) -> str:
    """An ID as Stripe makes them, the same for the same seed."""
    rng = random.Random(prefix + seed)
    return f"{prefix}_1" + "".join(rng.choice(ALPHABET) for _ in range(23))


def invoice(id: str, version: str, *, status: str = "paid", person: str = "PRIVATE Jenny") -> Any:
    """An invoice as `version` answers it."""
    made = random.Random(id)
    amount, created = made.randrange(1000, 90000), 1_700_000_000 + made.randrange(9_000_000)
    customer = generated("cus", id)
    slug = person.replace(" ", ".").lower()
    body: dict[str, Any] = {
        "id": id,
        "object": "invoice",
        "account_country": "US",
        "account_name": f"{person} Ltd",
        "amount_due": amount,
        "amount_paid": amount if status == "paid" else 0,
        "amount_remaining": 0 if status == "paid" else amount,
        "attempt_count": 1,
        "attempted": status == "paid",
        "auto_advance": False,
        "automatic_tax": {"enabled": False, "liability": None, "status": None},
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "created": created,
        "currency": "usd",
        "custom_fields": [{"name": "PRIVATE order", "value": f"{person} 77"}],
        "customer": customer,
        "customer_address": {
            "city": "PRIVATE City", "country": "US", "line1": f"{person} Street 1",
            "line2": None, "postal_code": "PRIVATE-94107", "state": "CA",
        },
        "customer_email": f"{slug}@private.example.net",
        "customer_name": person,
        "customer_phone": "+14155550199",
        "customer_tax_ids": [],
        "default_payment_method": None,
        "description": f"for {person}",
        "due_date": None,
        "footer": None,
        "hosted_invoice_url": f"https://invoice.stripe.com/i/acct_1PRIVATE{made.randrange(10**9)}/test_x",
        "invoice_pdf": f"https://pay.stripe.com/invoice/acct_1PRIVATE{made.randrange(10**9)}/pdf",
        "issuer": {"type": "self"},
        "lines": {
            "object": "list",
            "data": [_line(id, n, version, created, amount) for n in range(2)],
            "has_more": False,
            "total_count": 2,
            "url": f"/v1/invoices/{id}/lines",
        },
        "livemode": False,
        "metadata": {"order": f"PRIVATE-{made.randrange(10**6)}", "team": "PRIVATE blue"},
        "number": f"PRIVATE{made.randrange(10**4)}-0001",
        "period_end": created,
        "period_start": created - 2_592_000,
        "status": status,
        "status_transitions": {
            "finalized_at": created, "marked_uncollectible_at": None,
            "paid_at": created + 60 if status == "paid" else None, "voided_at": None,
        },
        "subtotal": amount,
        "total": amount,
    }  # fmt: skip
    subscription, metadata = generated("sub", id), {"plan": "PRIVATE gold"}
    if version == OLD:
        body |= {
            "charge": generated("ch", id),
            "paid": status == "paid",
            "payment_intent": generated("pi", id),
            "subscription": subscription,
            "subscription_details": {"metadata": metadata},
            "tax": None,
            "total_tax_amounts": [],
        }
    else:
        body |= {
            "amount_overpaid": 0,
            "parent": {
                "quote_details": None,
                "subscription_details": {"metadata": metadata, "subscription": subscription},
                "type": "subscription_details",
            },
            "total_taxes": [],
        }
    return dict(sorted(body.items(), key=lambda item: (item[0] not in {"id", "object"}, item[0])))


def _line(id: str, number: int, version: str, created: int, amount: int) -> Any:
    line: dict[str, Any] = {
        "id": generated("il", f"{id}{number}"),
        "object": "line_item",
        "amount": amount // 2,
        "currency": "usd",
        "description": "1 x PRIVATE Gold plan",
        "discountable": True,
        "invoice": id,
        "livemode": False,
        "metadata": {},
        "period": {"end": created, "start": created - 2_592_000},
        "quantity": 1,
    }
    item, price = generated("si", f"{id}{number}"), generated("price", "gold")
    if version == OLD:
        line |= {
            "price": {
                "id": price, "object": "price", "active": True, "currency": "usd",
                "product": generated("prod", "gold"), "type": "recurring",
                "unit_amount": amount // 2, "unit_amount_decimal": str(amount // 2),
            },
            "proration": False, "subscription_item": item, "tax_amounts": [],
            "type": "subscription",
        }  # fmt: skip
    else:
        line |= {
            "parent": {
                "invoice_item_details": None,
                "subscription_item_details": {
                    "invoice_item": None, "proration": False, "proration_details": None,
                    "subscription": generated("sub", id), "subscription_item": item,
                },
                "type": "subscription_item_details",
            },
            "pricing": {
                "price_details": {"price": price, "product": generated("prod", "gold")},
                "type": "price_details", "unit_amount_decimal": str(amount // 2),
            },
            "taxes": [],
        }  # fmt: skip
    return line


def invoice_payment(id: str, invoice_id: str) -> Any:
    """An invoice payment, as the versions since basil answer it."""
    amount, created = random.Random(invoice_id).randrange(1000, 90000), 1_700_000_000
    return {
        "id": id,
        "object": "invoice_payment",
        "amount_paid": amount,
        "amount_requested": amount,
        "created": created,
        "currency": "usd",
        "invoice": invoice_id,
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": generated("pi", invoice_id), "type": "payment_intent"},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": created + 60},
    }


def error(status: int, message: str, code: str | None = None, param: str | None = None) -> Any:
    """An error body."""
    kind = "invalid_request_error" if status < 500 else "api_error"
    return {
        "error": {
            "code": code, "doc_url": f"https://stripe.com/docs/error-codes/{code}",
            "message": message, "param": param,
            "request_log_url": "https://dashboard.stripe.com/acct_1PRIVATE/test/logs/req_PRIVATE",
            "type": kind,
        }
    }  # fmt: skip


Answer = tuple[int, dict[str, str], Any]


class StandIn:
    """The server: serves `objects`, counts what reaches it, and can be told to misbehave.

    Attributes:
        objects: path to a function from version and expand names to a body.
        default_version: what an unpinned call is answered in; None leaves the header out.
        lists: path of a list to the paths of its objects, newest first.
        script: answers that are given first, whatever is asked.
        headers: header lines that every answer has too.
        hold: answers wait until this event is set.
        free: this number of answers, the first ones, do not wait for it.
        held: how many answers wait for `hold`.
        hits: how often each path was asked for.
        seen: the headers of each request.
    """

    def __init__(self, port: int = 0) -> None:
        self.objects: dict[str, Callable[[str, list[str]], Any]] = {}
        self.default_version: str | None = PREVIEW
        self.lists: dict[str, list[str]] = {}
        self.script: list[Answer] = []
        self.headers: dict[str, str] = {}
        self.hits: Counter[str] = Counter()
        self.seen: list[dict[str, str]] = []
        self.compress = True
        self.hold: threading.Event | None = None
        self.free = 0
        self.held = 0
        self._counting = threading.Lock()
        self.add_invoice(DRAFT, status="draft")
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else each small answer waits for a delayed ACK

            def log_message(self, *args: Any) -> None: ...

            def do_GET(self) -> None:
                stand_in._answer(self)

            do_POST = do_GET

        self._server = _Server(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def add(self, path: str, body: Any) -> None:
        """Serve the same body at every version."""
        self.objects[path] = lambda version, expand: body

    def add_invoice(self, id: str, **facts: Any) -> str:
        """Serve an invoice, shaped by version; with its payments where they are expanded."""

        def body(version: str, expand: list[str]) -> Any:
            made = invoice(id, version, **facts)
            if "payments" in expand and version != OLD:
                payment = invoice_payment(generated("inpay", id), id)
                made["payments"] = {
                    "object": "list", "data": [payment], "has_more": False,
                    "url": f"/v1/invoices/{id}/payments",
                }  # fmt: skip
            return made

        self.objects[f"/v1/invoices/{id}"] = body
        path = f"/v1/invoice_payments/{PAYMENT if id == DRAFT else generated('inpay', id)}"
        self.add(path, invoice_payment(path.rpartition("/")[2], id))
        paths = self.lists.setdefault("/v1/invoice_payments", [])
        if path not in paths:
            paths.append(path)
        return id

    def __enter__(self) -> StandIn:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop listening: later connections are refused."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        with self._counting:
            self.hits[parts.path] += 1
            self.seen.append({name.lower(): value for name, value in handler.headers.items()})
        self._wait()
        length = int(handler.headers.get("Content-Length") or 0)
        form = handler.rfile.read(length).decode("utf-8", "replace")
        if self.script:
            status, headers, body = self.script.pop(0)
        else:
            status, headers, body = self._look_up(handler, parts.path, f"{parts.query}&{form}")
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        gzips = self.compress and "gzip" in handler.headers.get("Accept-Encoding", "")
        if gzips and "Content-Encoding" not in headers:
            data = gzip.compress(data)
            headers = {**headers, "Content-Encoding": "gzip"}
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **self.headers, **headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def _wait(self) -> None:
        if self.hold is None:
            return
        with self._counting:
            self.free -= 1
            if self.free >= 0:
                return
            self.held += 1
        self.hold.wait(HANGS)
        with self._counting:
            self.held -= 1

    def _look_up(self, handler: BaseHTTPRequestHandler, path: str, query: str) -> Answer:
        version = handler.headers.get("Stripe-Version", self.default_version or OLD)
        headers = {"Request-Id": "req_PRIVATEliveone", "Set-Cookie": "session=PRIVATE"}
        if self.default_version is not None:
            headers["Stripe-Version"] = version
        asked = parse_qsl(query)
        expand = [value for name, value in asked if name.startswith("expand")]
        if path in self.lists:
            return 200, headers, self._page(path, version, dict(asked))
        found = self.objects.get(path)
        if found is None:
            kind, _, id = path.removeprefix("/v1/").partition("/")
            message = f"No such {kind.removesuffix('s')}: '{id}'"
            return 404, headers, error(404, message, "resource_missing", "id")
        return 200, headers, found(version, expand)

    def _page(self, path: str, version: str, asked: dict[str, str]) -> Any:
        """One page of a list: after `starting_after` (v1) or at `page` (v2), `limit` long."""
        paths, limit = self.lists[path], int(asked.get("limit", "10"))
        if "invoice" in asked:
            of = asked["invoice"]
            paths = [p for p in paths if self.objects[p](version, [])["invoice"] == of]
        if path.startswith("/v2/"):
            ids = [p.rpartition("/")[2] for p in paths]
            page = base64.b64decode(asked.get("page", "")).decode()
            start = ids.index(page) if page else 0
            following = ids[start + limit : start + limit + 1]
            token = base64.b64encode("".join(following).encode()).decode()
            query = urlencode({"limit": limit, "page": token})
            return {
                "data": [self.objects[p](version, []) for p in paths[start : start + limit]],
                "next_page_url": f"{path}?{query}" if following else None,
                "previous_page_url": None,
            }
        search = path.endswith("/search")
        last = asked.get("page" if search else "starting_after", "")
        after = [n for n, p in enumerate(paths) if p.endswith("/" + last)]
        start = after[0] + 1 if after else 0
        end = start + limit
        data = [self.objects[p](version, []) for p in paths[start:end]]
        more = end < len(paths)
        kind = "search_result" if search else "list"
        listed: dict[str, Any] = {"object": kind, "data": data, "has_more": more, "url": path}
        return listed | ({"next_page": data[-1]["id"] if more else None} if search else {})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that was killed is no trouble of the server's.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)
