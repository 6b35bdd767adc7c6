"""What each client must get: from a library that `replay record` made, and in recording its own.

All answers are compared with what replay answers inside Python from the command's library:
pseudonyms are seeded by identity, so that a client's own recording gives the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from support import api_reference as reference
from support.ledger import Ledger
from support.recipes import recipes
from support.standin import DRAFT, NEW, OLD, PAYMENT, PREVIEW, StandIn, generated, invoice
from toolchains import KEY, PATHS, Answer, Call, Client, read
from wire import Served, serving

import replay

GONE = "in_1MtHbELkdIwHu7ixl4OzGoNe"
BROKEN = generated("in", "broken")
NEVER = "in_1MtHbELkdIwHu7ixl4OzNeVr"


def call(kind: str, id: str, version: str | None, *expand: str) -> Call:
    """A retrieve call, as clients take it."""
    return {"kind": kind, "id": id, "version": version, "expand": list(expand)}


INVOICES = [call("invoice", DRAFT, OLD), call("invoice", DRAFT, NEW)]
PAYMENTS = [call("invoice_payment", PAYMENT, NEW), call("invoice_payment", PAYMENT, PREVIEW)]
EXPANDED = [
    call("invoice", DRAFT, OLD, "customer"),
    call("invoice", DRAFT, NEW, "payments", "customer"),
    call("invoice_payment", PAYMENT, NEW, "invoice"),
    call("invoice_payment", PAYMENT, PREVIEW, "invoice"),
]
MISSING = [call("invoice", GONE, OLD), call("invoice", GONE, NEW)]
DAMAGED = [call("invoice", BROKEN, NEW)]
REFUSED = [call("invoice", NEVER, NEW)]
UNPINNED = [call("invoice", DRAFT, None)]

SAMPLES = Path(__file__).parents[2] / "cassettes"
RECORD_IT = f"replay record invoices {NEVER} --api-version {NEW}"

PARTS = {"invoice": INVOICES, "payment": PAYMENTS, "expand": EXPANDED, "404": MISSING}
RECORDED = [one for part in PARTS.values() for one in part]

LISTED = [generated("in", f"listed {n}") for n in range(5)]
CUSTOMER = generated("cus", "clients")
OTHERS: dict[str, tuple[Call, int, Answer]] = {
    "list": (
        {"kind": "list", "version": None}, 3,
        {"status": 200, "body": {"ids": LISTED}},
    ),
    "search": (
        {"kind": "search", "version": None, "query": "status:'paid'"}, 2,
        {"status": 200, "body": {"ids": LISTED[1:]}},
    ),
    "preview": ({"kind": "preview", "version": None, "customer": CUSTOMER}, 1, {"status": 200}),
    "write": (
        {"kind": "create", "version": None, "customer": CUSTOMER}, 1,
        {"status": 400, "code": "replay_call_refused"},
    ),
}  # fmt: skip
"""Other calls, how many requests each is, and what its answer says."""


def source() -> StandIn:
    """The live source: an invoice and a payment of private data, with what can be expanded."""
    made = StandIn()
    invoice_path, payment_path = f"/v1/invoices/{DRAFT}", f"/v1/invoice_payments/{PAYMENT}"
    plain_invoice, plain_payment = made.objects[invoice_path], made.objects[payment_path]

    def with_customer(version: str, expand: list[str]) -> Any:
        body = plain_invoice(version, expand)
        if "customer" in expand:
            body["customer"] = {
                "id": body["customer"], "object": "customer", "address": body["customer_address"],
                "created": body["created"], "description": None, "email": body["customer_email"],
                "livemode": False, "metadata": {}, "name": body["customer_name"],
            }  # fmt: skip
        return body

    def with_invoice(version: str, expand: list[str]) -> Any:
        nested = {"invoice": invoice(DRAFT, version)} if "invoice" in expand else {}
        return plain_payment(version, expand) | nested

    made.objects |= {invoice_path: with_customer, payment_path: with_invoice}
    paths = [f"/v1/invoices/{made.add_invoice(id)}" for id in LISTED]
    made.add_invoice(BROKEN)
    made.lists = {"/v1/invoices": paths, "/v1/invoices/search": paths[1:]}
    preview = invoice(generated("upcoming_in", "clients"), NEW, status="draft")
    made.add("/v1/invoices/create_preview", preview)
    return made


def record_by_command(library: Path, api: str) -> None:
    """Make a library as `replay record` makes it, and damage one file of it."""
    versions: dict[tuple[str, ...], list[str]] = {}
    for one in RECORDED + DAMAGED:
        versions.setdefault((one["kind"], one["id"], *one["expand"]), []).append(one["version"])
    for (kind, id, *expand), wanted in versions.items():
        options = [part for name in expand for part in ("--expand", name)]
        options += [part for version in wanted for part in ("--api-version", version)]
        done = subprocess.run(
            [sys.executable, "-m", "replay", "record", kind, id, *options, "--library", library],
            env={**os.environ, "STRIPE_API_KEY": KEY, "STRIPE_API_BASE": api}, cwd=library.parent,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != (id == GONE):  # 1: the answer that was recorded is an error
            raise RuntimeError(f"replay record ended with {done.returncode}: {done.stderr}")
    with (library / "invoices" / BROKEN / f"{NEW}.yaml").open("a") as cassette:
        cassette.write("# cut short")


def answers_in_process(library: Path) -> list[Answer]:
    """What replay answers to the recorded calls inside Python, without a server."""
    answers = []
    with replay.use_cassettes(str(library)):
        for one in RECORDED:
            query = "&".join(f"expand[]={name}" for name in one["expand"])
            url = f"https://api.stripe.com{PATHS[one['kind']].format(**one)}?{query}"
            request = urllib.request.Request(url, headers={"Stripe-Version": one["version"]})
            try:
                with urllib.request.urlopen(request) as response:
                    answers.append(read(response.status, response.read()))
            except urllib.error.HTTPError as error:
                answers.append(read(error.code, error.read()))
    return answers


class Checks(dict[str, str]):
    """What was checked of a client: the check's name, and what is wrong; empty where nothing is."""

    def that(self, name: str, holds: bool, problem: str) -> None:
        """Note a problem, the first of its check, where something does not hold."""
        if not self.setdefault(name, "") and not holds:
            self[name] = problem

    def same(self, name: str, calls: list[Call], expected: list[Answer], got: list[Answer]) -> None:
        """Each call's answer is what it should be, as is what typed objects say of it."""
        self.that(name, len(calls) == len(got), f"{len(calls)} calls, {len(got)} answers")
        self.that("private", "PRIVATE" not in repr(got), "the client has a private value")
        for one, right, answer in zip(calls, expected, got, strict=False):
            for part, value in right.items():
                told = answer.get(part)
                self.that(
                    name, value == told, f"{one}: {part} is {told!r:.300}, not {value!r:.300}"
                )
            if "amount" in answer:
                field = "amount_paid" if one["kind"] == "invoice_payment" else "total"
                amount = answer.get("body", {}).get(field)
                self.that(name, amount == answer["amount"], f"{one}: {answer['amount']} typed")

    def ended_well(self, name: str, served: Served, requests: int) -> None:
        """No call was tried twice, nothing private came back, and the server ended in peace."""
        count = served.relay.requests
        self.that(name, requests == count, f"{count} requests were sent, not {requests}")
        self.that(name, 0 == served.code, f"the server ended with {served.code}: {served.said}")
        private = any(b"PRIVATE" in received for received in served.relay.received)
        self.that("private", not private, "the client was sent a private value")
        self.that("private", "PRIVATE" not in served.said, f"the server said: {served.said}")


def check(client: Client, library: Path, expected: list[Answer], folder: Path) -> Checks:
    """Drive one client, which has been built: offline, recording, and offline from its recording.

    Args:
        client: the client.
        library: what `replay record` made of the retrieve calls.
        expected: what is right for each of them.
        folder: for the client's own recording; made.
    """
    made = Checks()
    offline(client, library, expected, made)
    documented(client, made)
    folder.mkdir()
    recording(client, folder / "cassettes", expected, made)
    scenario(client, folder / "writes", made)
    return made


def offline(client: Client, library: Path, expected: list[Answer], made: Checks) -> None:
    """The client gets what is recorded, and is told what is not."""
    with serving(library) as served:
        *got, damaged, refused = client.ask(served.relay.url, RECORDED + DAMAGED + REFUSED)
    for name, calls in PARTS.items():
        start = RECORDED.index(calls[0])
        part = slice(start, start + len(calls))
        made.same(name, calls, expected[part], got[part])
    for name, calls, status, code, words, answer in (
        ("refusal", REFUSED, 404, "replay_not_recorded", RECORD_IT, refused),
        ("damaged", DAMAGED, 500, "replay_cassette_damaged", f"{BROKEN}/{NEW}.yaml", damaged),
    ):
        made.same(name, calls, [{"status": status, "code": code}], [answer])
        made.that(name, words in answer.get("message", ""), f"the client says {answer}")
        made.ended_well(name, served, len(RECORDED + DAMAGED + REFUSED))


def documented(client: Client, made: Checks) -> None:
    """The calls of Stripe's API reference get the objects shown there from the shipped library."""
    with serving(SAMPLES) as served:
        for kind, text in reference.calls(client.name, served.relay.url).items():
            problem = reference.wrong(kind, json.loads(client.recipe(text)))
            made.that("reference", not problem, problem)
    made.ended_well("reference", served, len(reference.CALLS[client.name]))


def recording(client: Client, library: Path, expected: list[Answer], made: Checks) -> None:
    """What the client records is what `replay record` does, and replays without the source."""
    retrieved = RECORDED + UNPINNED
    calls = [*retrieved, *(one for one, _, _ in OTHERS.values())]
    requests = len(retrieved) + sum(pages for _, pages, _ in OTHERS.values())
    with source() as live, serving(library, "--mode", "once", "--api-base", live.url) as served:
        recorded = client.ask(served.relay.url, calls)
    made.same("recording", RECORDED, expected, recorded[: len(RECORDED)])
    made.ended_well("recording", served, requests)
    hits = live.hits.total()
    made.that("recording", requests - len(["write"]) == hits, f"the source was asked {hits} times")
    texts = [path.read_bytes() for path in library.rglob("*") if path.is_file()]
    made.that("recording", len(texts) > 0, "nothing was written")
    made.that("private", not any(b"PRIVATE" in text for text in texts), "a file holds a value")

    with serving(library) as served:
        replayed = client.ask(served.relay.url, calls)
        said = client.recipe(recipes(served.relay.port)[client.name])
    made.same("replay", calls, recorded, replayed)
    made.that("recipe", "draft" in said and "redacted+" in said, f"the recipe printed {said:.300}")
    made.ended_well("replay", served, requests + 1)
    for (name, (one, _, right)), *answers in zip(
        OTHERS.items(), recorded[len(retrieved) :], replayed[len(retrieved) :], strict=True
    ):
        made.same(name, [one, one], [right, right], answers)


def scenario(client: Client, library: Path, made: Checks) -> None:
    """What the client writes is recorded as a scenario, and answered without the source."""
    library.mkdir()
    create = [OTHERS["write"][0]]

    def run(served: Served) -> Answer:
        ends = [f"{served.relay.url}/_replay/scenarios/a/test/{end}" for end in ("begin", "end")]
        urllib.request.urlopen(urllib.request.Request(ends[0], method="POST")).close()
        (answer,) = client.ask(served.relay.url, create)
        urllib.request.urlopen(urllib.request.Request(ends[1], method="POST")).close()
        return answer

    with Ledger() as live, serving(library, "--mode", "once", "--api-base", live.url) as served:
        recorded = run(served)
    made.ended_well("scenario", served, 3)
    made.that("scenario", 1 == live.writes(), f"{live.writes()} writes arrived")
    with serving(library) as served:
        played = run(served)
    made.ended_well("scenario", served, 3)
    id = recorded.get("body", {}).get("id", "")
    made.that("scenario", id.startswith("in_"), f"recorded: {recorded}")
    made.that("scenario", id == played.get("body", {}).get("id"), f"played: {played}")
