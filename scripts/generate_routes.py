"""Write replay/stripe_api/data/routes.json from the service classes of the installed stripe SDK.

Run it after an SDK upgrade: ``.venv/bin/python scripts/generate_routes.py``. Which paths are
retrieve calls is stated by the SDK's own services; no rule about path segments can tell
``/v1/invoices/{id}`` from ``/v1/credit_notes/preview``.
"""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import stripe

TARGET = Path(__file__).parents[1] / "replay" / "stripe_api" / "data" / "routes.json"
LEGACY_COLLECTIONS = ["/v1/invoices/upcoming", "/v1/invoices/upcoming/lines"]
"""GET paths that the newest SDK no longer has but older API versions still answer."""

POST_READS = ["/v1/invoices/create_preview"]
"""POST paths that read: they make nothing, and the same body gives the same answer."""

METHOD = re.compile(r'def (\w+)\(.*?\) -> "?([^"\n]+)"?:\n', re.DOTALL)
# A stream is no JSON: the PDF of a quote, from a host of its own.
GET = re.compile(r'self\._request\(\s*"get",\s*"([^"]+)"')


def object_name(service: str, class_name: str) -> str:
    """Stripe's `object` value of a class that a service module imports."""
    found = re.search(rf"from (stripe[\w.]*) import \(?\s*{class_name}\b", service)
    if found is None:
        raise SystemExit(f"{class_name} is not imported where it is returned")
    declared: str = getattr(importlib.import_module(found[1]), class_name).OBJECT_NAME
    return declared


def routes(package: Path) -> list[dict[str, object]]:
    """All reads, ordered by path: retrieves with the `object` values that they answer with."""
    rows: dict[str, dict[str, object]] = {
        path: {"path": path, "kind": "collection"} for path in LEGACY_COLLECTIONS
    }
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
                objects = sorted({object_name(service, c) for c in classes})
                rows[get[1]] = {"path": get[1], "kind": "retrieve", "objects": objects}
            else:
                rows[get[1]] = {"path": get[1], "kind": "collection"}
    return [rows[path] for path in sorted(rows)]


def main() -> None:
    package = Path(stripe.__file__).parent
    rows = ",\n".join("  " + json.dumps(row) for row in routes(package))
    source = json.dumps(f"stripe-python {stripe.VERSION}")
    TARGET.write_text(f'{{\n "source": {source},\n "routes": [\n{rows}\n ]\n}}\n', "utf-8")


if __name__ == "__main__":
    main()
