"""Write replay/stripe_api/data/routes.json from the service classes of the installed stripe SDK.

Run it after an SDK upgrade: ``.venv/bin/python scripts/generate_routes.py``. Which paths are
retrieve calls is stated by the SDK's own services; no rule about path segments can tell
``/v1/invoices/{id}`` from ``/v1/credit_notes/preview``. The words of all paths, writes included,
are there too: no person has chosen them.
"""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from textwrap import fill, indent

import stripe

TARGET = Path(__file__).parents[1] / "replay" / "stripe_api" / "data" / "routes.json"
# Paths that the newest SDK has no method for: old spellings, lists that recorded bodies name, and
# reads that older API versions answer. From Stripe's OpenAPI file and older releases of the SDK.
FORMER_COLLECTIONS = [
    "/v1/accounts/{account}/people",
    "/v1/balance/history",
    "/v1/charges/{charge}/refunds",
    "/v1/customers/{customer}/bank_accounts",
    "/v1/customers/{customer}/cards",
    "/v1/customers/{customer}/subscriptions",
    "/v1/invoices/upcoming",
    "/v1/invoices/upcoming/lines",
    "/v1/linked_accounts",
    "/v1/linked_accounts/{account}/owners",
]
FORMER_RETRIEVES = {
    "/v1/accounts/{account}/bank_accounts/{id}": ["bank_account", "card"],
    "/v1/accounts/{account}/people/{person}": ["person"],
    "/v1/balance/history/{id}": ["balance_transaction"],
    "/v1/charges/{charge}/dispute": ["dispute"],
    "/v1/charges/{charge}/refunds/{refund}": ["refund"],
    "/v1/customers/{customer}/bank_accounts/{id}": ["bank_account"],
    "/v1/customers/{customer}/cards/{id}": ["card"],
    "/v1/customers/{customer}/discount": ["discount"],
    "/v1/customers/{customer}/subscriptions/{subscription}": ["subscription"],
    "/v1/customers/{customer}/subscriptions/{subscription}/discount": ["discount"],
    "/v1/issuing/settlements/{settlement}": ["issuing.settlement"],
    "/v1/link_account_sessions/{session}": ["financial_connections.session"],
    "/v1/linked_accounts/{account}": ["financial_connections.account"],
    "/v1/sources/{source}/mandate_notifications/{mandate_notification}": [
        "source_mandate_notification"
    ],
    "/v1/sources/{source}/source_transactions/{source_transaction}": ["source_transaction"],
}
FILES = ["/v1/files/{file}/contents", "/v1/quotes/{quote}/pdf"]
"""GET paths that answer with a file, from a host of its own."""

POST_READS = ["/v1/invoices/create_preview"]
"""POST paths that read: they make nothing, and the same body gives the same answer."""

EARLIER_WORDS = """
    3d_secure alipay_accounts amend attach_payment_intent bitcoin capital card_bundles card_designs
    financing_offers financing_summary financing_transactions gift_cards inferred_balances
    issuer_fraud_records mark_delivered mark_draft mark_stale order_returns orders pause preview
    preview_invoices preview_subscription_schedules receivers recipients reestimate reopen returns
    skus submit usage_record_summaries usage_records
"""
"""Words of paths that the newest SDK no longer has, or has in previews only."""

METHOD = re.compile(r'def (\w+)\(.*?\) -> "?([^"\n]+)"?:\n', re.DOTALL)
GET = re.compile(r'self\._request\(\s*"get",\s*"([^"]+)"')
PATH = re.compile(r'"(/v[12]/[^"\s]+)"')


def object_name(service: str, class_name: str) -> str:
    """Stripe's `object` value of a class that a service module imports."""
    found = re.search(rf"from (stripe[\w.]*) import \(?\s*{class_name}\b", service)
    if found is None:
        raise SystemExit(f"{class_name} is not imported where it is returned")
    declared: str = getattr(importlib.import_module(found[1]), class_name).OBJECT_NAME
    return declared


def routes(package: Path) -> list[dict[str, object]]:
    """All reads, ordered by path: retrieves with the `object` values that they answer with."""
    rows: dict[str, dict[str, object]] = {}
    for path in FORMER_COLLECTIONS:
        rows[path] = {"path": path, "kind": "collection", "former": True}
    for path, objects in FORMER_RETRIEVES.items():
        rows[path] = {"path": path, "kind": "retrieve", "objects": objects, "former": True}
    for path in FILES:
        rows[path] = {"path": path, "kind": "file"}
    for path in POST_READS:
        rows[path] = {"path": path, "kind": "collection", "method": "POST"}
    for module in sorted(package.rglob("*_service.py")):
        service = module.read_text("utf-8")
        for method in re.split(r"\n    (?=(?:async )?def )", service):
            found, get = METHOD.match(method), GET.search(method)
            if found is None or get is None:
                continue
            if found[1] in {"retrieve", "retrieve_current"}:
                classes = found[2].removeprefix("Union[").rstrip("]").split(", ")
                names = sorted({object_name(service, c) for c in classes})
                rows[get[1]] = {"path": get[1], "kind": "retrieve", "objects": names}
            else:
                rows[get[1]] = {"path": get[1], "kind": "collection"}
    return [rows[path] for path in sorted(rows)]


def words(package: Path) -> list[str]:
    """The literal segments of the paths of all operations, reads and writes."""
    services = [module.read_text("utf-8") for module in package.rglob("*_service.py")]
    paths = {path for service in services for path in PATH.findall(service)}
    segments = {part for path in paths for part in path.strip("/").split("/")}
    return sorted({part for part in segments if part[0] != "{"} | {*EARLIER_WORDS.split()})


def main() -> None:
    package = Path(stripe.__file__).parent
    rows = ",\n".join("  " + json.dumps(row) for row in routes(package))
    source = json.dumps(f"stripe-python {stripe.VERSION}")
    segments = fill(" ".join(map(json.dumps, words(package))).replace(" ", ", "), 96)
    TARGET.write_text(
        f'{{\n "source": {source},\n "routes": [\n{rows}\n ],\n'
        f' "words": [\n{indent(segments, "  ")}\n ]\n}}\n',
        "utf-8",
    )


if __name__ == "__main__":
    main()
