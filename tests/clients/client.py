"""Makes the calls that it reads, one JSON object a line, and prints each answer as one."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
from typing import Any

import stripe

WAY, URL = sys.argv[1:]


async def ask(service: Any, method: str, *arguments: Any) -> Any:
    """Call a method of the SDK, or the asynchronous one beside it."""
    made = getattr(service, method + ("_async" if WAY == "async" else ""))(*arguments)
    return await made if inspect.isawaitable(made) else made


async def ids(pages: Any) -> dict[str, Any]:
    """The IDs in all pages."""
    if WAY == "async":
        found = [one.id async for one in pages.auto_paging_iter()]
    else:
        found = [one.id for one in pages.auto_paging_iter()]
    return {"status": 200, "body": {"ids": found}}


def told(found: Any, amount: int) -> dict[str, Any]:
    """An object, as the API sent it, and an amount that the SDK read in it."""
    response = found.last_response
    return {"status": response.code, "body": response.data, "amount": amount}


async def answer(v1: Any, call: dict[str, Any]) -> dict[str, Any]:
    version = {"stripe_version": call["version"]} if call["version"] else {}
    match call["kind"]:
        case "invoice":
            expand = {"expand": call["expand"]}
            found = await ask(v1.invoices, "retrieve", call["id"], expand, version)
            return told(found, found.total)
        case "invoice_payment":
            expand = {"expand": call["expand"]}
            found = await ask(v1.invoice_payments, "retrieve", call["id"], expand, version)
            return told(found, found.amount_paid)
        case "list":
            return await ids(await ask(v1.invoices, "list", {"limit": 2}))
        case "search":
            return await ids(await ask(v1.invoices, "search", {"query": call["query"], "limit": 2}))
        case "preview":
            found = await ask(v1.invoices, "create_preview", {"customer": call["customer"]})
            return told(found, found.total)
        case _:
            found = await ask(v1.invoices, "create", {"customer": call["customer"]})
            return told(found, found.total)


async def main() -> None:
    http = stripe.HTTPXClient() if WAY == "async" else stripe.RequestsClient()
    client = stripe.StripeClient(
        os.environ["STRIPE_API_KEY"],
        base_addresses={"api": URL},
        max_network_retries=2,
        http_client=http,
    )
    for line in sys.stdin:
        try:
            said = await answer(client.v1, json.loads(line))
        except stripe.StripeError as error:
            code = error.error.code if error.error else None  # its own `code` is None for a 500
            said = {"status": error.http_status, "code": code, "message": error.user_message}
        print(json.dumps(said))
    await http.close_async() if WAY == "async" else http.close()


asyncio.run(main())
