"""Measures `replay scan` of a tree of recordings as large public test suites commit them.

`make bench` runs it. It makes 2,846 cassettes in the form of VCR and of vcrpy, about 170,000 places
with something private in them: answers of Stripe's API as they came, request forms, keys, request
IDs, and the header in which Stripe's SDKs name the machine. All of it is invented. Then it runs the
command in a process of its own, on one core, and prints seconds and peak memory.

python tests/benchmarks/scan.py              the whole tree
python tests/benchmarks/scan.py 100          this number of files
python tests/benchmarks/scan.py 100 FOLDER   only make the tree, in FOLDER
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

FILES = 2846
SECONDS, MEGABYTES = 30, 150
"""The aim for the whole tree."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_FIRST = ("Greta", "Jonas", "Mara", "Tomasz", "Ines", "Ravi", "Aiko", "Lena", "Omar", "Pia")
_LAST = ("Ohm", "Kiesel", "Berg", "Nowak", "Silva", "Patel", "Sato", "Holm", "Farah", "Wolf")


class Maker:
    """Invents recordings; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def tail(self, length: int) -> str:
        """The random part of an ID."""
        return "".join(self.random.choices(_LETTERS, k=length))

    def id(self, prefix: str, length: int = 14) -> str:
        """An ID as Stripe generates it."""
        return f"{prefix}_{self.tail(length)}"

    def person(self) -> dict[str, str]:
        """Somebody, with what an account may know of them."""
        first, last = self.random.choice(_FIRST), self.random.choice(_LAST)
        number = self.random.randrange(10_000)
        return {
            "name": f"{first} {last}",
            "email": f"{first}.{last}.{number}@{last}-werft.de".lower(),
            "line1": f"{last}gasse {number}",
            "city": f"{last}stadt",
            "phone": f"+49 30 {number:06}",
        }

    def customer(self) -> dict[str, Any]:
        """A customer."""
        who = self.person()
        address = {
            "line1": who["line1"],
            "line2": None,
            "city": who["city"],
            "country": "DE",
            "postal_code": str(self.random.randrange(10_000, 99_999)),
            "state": "Holm",
        }
        return {
            "id": self.id("cus"),
            "object": "customer",
            "address": address,
            "balance": 0,
            "created": self.time(),
            "currency": "eur",
            "default_source": None,
            "delinquent": False,
            "description": f"Customer {who['name']}",
            "discount": None,
            "email": who["email"],
            "invoice_prefix": self.tail(8).upper(),
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
            },
            "livemode": False,
            "metadata": {"account": who["name"], "order_id": self.tail(9)},
            "name": who["name"],
            "phone": who["phone"],
            "preferred_locales": ["de"],
            "shipping": {"address": address, "name": who["name"], "phone": who["phone"]},
            "tax_exempt": "none",
        }

    def charge(self) -> dict[str, Any]:
        """A charge."""
        who, id = self.person(), self.id("ch", 24)
        return {
            "id": id,
            "object": "charge",
            "amount": self.random.randrange(50, 90_000),
            "amount_captured": 0,
            "amount_refunded": 0,
            "application": None,
            "balance_transaction": self.id("txn", 24),
            "billing_details": {
                "address": {
                    "city": who["city"],
                    "country": "DE",
                    "line1": who["line1"],
                    "line2": None,
                    "postal_code": "20095",
                    "state": None,
                },
                "email": who["email"],
                "name": who["name"],
                "phone": None,
            },
            "calculated_statement_descriptor": f"{who['city'].upper()} WERFT",
            "captured": True,
            "created": self.time(),
            "currency": "eur",
            "customer": self.id("cus"),
            "description": f"Order of {who['name']}",
            "disputed": False,
            "failure_code": None,
            "fraud_details": {},
            "invoice": None,
            "livemode": False,
            "metadata": {"order": self.tail(9)},
            "outcome": {
                "network_status": "approved_by_network",
                "reason": None,
                "risk_level": "normal",
                "risk_score": 12,
                "seller_message": "Payment complete.",
                "type": "authorized",
            },
            "paid": True,
            "payment_intent": self.id("pi", 24),
            "payment_method": self.id("pm", 24),
            "payment_method_details": {
                "card": {
                    "brand": "visa",
                    "checks": {"address_line1_check": "pass", "cvc_check": "pass"},
                    "country": "US",
                    "exp_month": 8,
                    "exp_year": 2029,
                    "fingerprint": self.tail(16),
                    "funding": "credit",
                    "last4": "4242",
                    "network": "visa",
                    "three_d_secure": None,
                    "wallet": None,
                },
                "type": "card",
            },
            "receipt_email": who["email"],
            "receipt_number": None,
            "receipt_url": f"https://pay.stripe.com/receipts/payment/{self.tail(60)}",
            "refunded": False,
            "refunds": {
                "object": "list",
                "data": [],
                "has_more": False,
                "total_count": 0,
                "url": f"/v1/charges/{id}/refunds",
            },
            "shipping": None,
            "statement_descriptor": None,
            "status": "succeeded",
        }

    def intent(self) -> dict[str, Any]:
        """A payment intent, with its client secret."""
        id = self.id("pi", 24)
        return {
            "id": id,
            "object": "payment_intent",
            "amount": self.random.randrange(50, 90_000),
            "amount_received": 0,
            "capture_method": "automatic",
            "charges": {
                "object": "list",
                "data": [self.charge()],
                "has_more": False,
                "total_count": 1,
                "url": f"/v1/charges?payment_intent={id}",
            },
            "client_secret": f"{id}_secret_{self.tail(25)}",
            "confirmation_method": "automatic",
            "created": self.time(),
            "currency": "eur",
            "customer": self.id("cus"),
            "description": f"Order {self.tail(9)}",
            "livemode": False,
            "metadata": {},
            "payment_method_types": ["card"],
            "status": "requires_payment_method",
        }

    def page(self) -> dict[str, Any]:
        """A list of customers."""
        return {
            "object": "list",
            "data": [self.customer() for _ in range(3)],
            "has_more": True,
            "url": "/v1/customers",
        }

    def error(self) -> dict[str, Any]:
        """An error that shows a masked key."""
        return {
            "error": {
                "message": f"Invalid API Key provided: sk_test_{'*' * 20}{self.tail(4)}",
                "type": "invalid_request_error",
            }
        }

    def time(self) -> int:
        """A unix time."""
        return self.random.randrange(1_500_000_000, 1_700_000_000)

    def exchange(self, host: str) -> dict[str, Any]:
        """A request and its answer, whose headers name a machine called `host`."""
        kinds: tuple[tuple[str, Callable[[], dict[str, Any]]], ...] = (
            ("customers", self.customer),
            ("charges", self.charge),
            ("payment_intents", self.intent),
            ("customers", self.page),
            ("charges", self.error),
        )
        ((path, make),) = self.random.choices(kinds, (6, 5, 4, 1, 1))
        who = self.person()
        posts = self.random.random() < 0.6
        form = {
            "amount": 4200,
            "capture": "true",
            "currency": "eur",
            "confirm": "false",
            "payment_method_types[]": "card",
            "description": f"Order {self.tail(9)}",
            "receipt_email": who["email"],
            "metadata[order]": self.tail(9),
        }
        uname = f"Darwin {host} 18.7.0 Darwin Kernel Version 18.7.0: Tue Aug 20 16:57:14 PDT 2019;"
        agent = {
            "bindings_version": "5.1.0",
            "lang": "ruby",
            "lang_version": "2.6.5 p114",
            "platform": "x86_64-darwin18",
            "publisher": "stripe",
            "engine": "ruby",
            "uname": f"{uname} root:xnu-4903.271.2~2/RELEASE_X86_64",
            "hostname": host,
        }
        request_id = self.id("req")
        metrics = {"request_id": self.id("req"), "request_duration_ms": 627}
        return {
            "method": "post" if posts else "get",
            "uri": f"https://api.stripe.com/v1/{path}",
            "body": urlencode(form) if posts else "",
            "sent": {
                "User-Agent": "Stripe/v1 RubyBindings/5.1.0",
                "Authorization": f"Bearer sk_test_{self.tail(24)}",
                "Content-Type": "application/x-www-form-urlencoded",
                "X-Stripe-Client-User-Agent": json.dumps(agent, separators=(",", ":")),
                "X-Stripe-Client-Telemetry": json.dumps({"last_request_metrics": metrics}),
            },
            "received": {
                "Server": "nginx",
                "Date": "Tue, 12 May 2020 09:12:44 GMT",
                "Content-Type": "application/json",
                "Connection": "keep-alive",
                "Cache-Control": "no-cache, no-store",
                "Request-Id": request_id,
                "Original-Request": request_id,
                "Stripe-Version": "2019-12-03",
                "Reporting-Endpoints": f'coop="https://q.stripe.com/coop-report?p=/v1/{path}&s=payins-bapi-srv"',
                "Report-To": json.dumps(
                    {
                        "group": "coop",
                        "max_age": 8640,
                        "endpoints": [
                            {"url": f"https://q.stripe.com/coop-report?p=/v1/{path}&s=payins"}
                        ],
                    }
                ),
                "Strict-Transport-Security": "max-age=31556926; includeSubDomains; preload",
            },
            "answer": json.dumps(make(), indent=2, ensure_ascii=False),
        }


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def ruby_vcr(exchanges: list[dict[str, Any]]) -> str:
    """A cassette as VCR for Ruby writes it."""
    lines = ["---", "http_interactions:"]
    for one in exchanges:
        lines += [
            "- request:",
            f"    method: {one['method']}",
            f"    uri: {one['uri']}",
            "    body:",
            "      encoding: UTF-8",
            f"      string: {one['body'] or _quoted('')}",
        ]
        lines += _headers(one["sent"])
        lines += ["  response:", "    status:", "      code: 200", "      message: OK"]
        lines += _headers(one["received"])
        lines += ["    body:", "      encoding: UTF-8", "      string: |"]
        lines += ["        " + line for line in one["answer"].split("\n")]
        lines += ["    http_version: null", "  recorded_at: Tue, 12 May 2020 09:12:44 GMT"]
    return "\n".join([*lines, "recorded_with: VCR 5.1.0", ""])


def _headers(headers: dict[str, str]) -> list[str]:
    lines = ["    headers:"]
    for name, value in headers.items():
        lines += [f"      {name}:", f"      - {_quoted(value)}"]
    return lines


def vcrpy(exchanges: list[dict[str, Any]]) -> str:
    """A cassette as vcrpy writes it: bodies are strings in quotes, with escapes."""
    lines = ["interactions:"]
    for one in exchanges:
        lines += ["- request:", f"    body: {one['body'] or 'null'}"]
        lines += _headers(one["sent"])
        lines += [f"    method: {one['method'].upper()}", f"    uri: {one['uri']}"]
        lines += ["  response:", "    body:", f"      string: {json.dumps(one['answer'])}"]
        lines += _headers(one["received"])
        lines += ["    status:", "      code: 200", "      message: OK"]
    return "\n".join([*lines, "version: 1", ""])


def write_tree(folder: Path, files: int, seed: int = 14) -> int:
    """Write a tree of recordings; its size in bytes."""
    maker, size = Maker(seed), 0
    hosts = ["Gretas-MacBook-Pro.local", "jonas-x1", "mara-thinkpad"]
    for number in range(files):
        exchanges = [
            maker.exchange(maker.random.choice(hosts)) for _ in range(maker.random.randint(1, 4))
        ]
        text, suffix = (
            (vcrpy(exchanges), "yaml") if number % 4 == 0 else (ruby_vcr(exchanges), "yml")
        )
        path = folder / f"spec/{number % 40:02}/example_{number}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        size += len(text.encode())
    return size


def measured(folder: Path, *options: str) -> tuple[int, float, float, int]:
    """Scan a folder in a process of its own: exit code, CPU seconds, peak MB, bytes of output."""
    code = "import sys; from replay.cli.main import main; sys.argv[0] = 'replay'; main()"
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            [sys.executable, "-c", code, "scan", str(folder), *options], stdout=out
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        written = out.seek(0, os.SEEK_END)
    return process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, written


def main() -> None:
    """Make the tree, scan it in three ways, print."""
    files = int(sys.argv[1]) if len(sys.argv) > 1 else FILES
    if len(sys.argv) > 2:
        write_tree(Path(sys.argv[2]), files)
        return
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        size = write_tree(Path(folder), files)
        print(f"{files:,} recordings, {size / 1e6:.0f} MB", flush=True)
        for options in ((), ("--format", "json"), ("--format", "json", "--all")):
            code, seconds, peak, written = measured(Path(folder), *options)
            failed |= code != 1 or seconds > SECONDS or peak > MEGABYTES
            print(
                f"replay scan {' '.join(options):<22} exit code {code}  {seconds:6.1f} s of CPU  "
                f"{peak:5.0f} MB at most  {written / 1e6:8.3f} MB printed",
                flush=True,
            )
    print(f"the aim: {SECONDS} s and {MEGABYTES} MB on one core")
    sys.exit(failed)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
