"""The calls of Stripe's API reference: "Retrieve an InvoicePayment" and "Retrieve an invoice".

Each stands as the page has it, but for the key, the base address, and a last line that prints the
answer as JSON. The Ruby, PHP and .NET calls of the page are sent as raw requests by
``tests/server/test_api_reference.py``: those libraries are on none of the registries that the
tests reach.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from support.sample_objects import INVOICE, INVOICE_PAYMENT, PREVIEW

KEY = "sk_test_123456789"

CURL = """\
curl {url}/v1/invoice_payments/inpay_1M3USa2eZvKYlo2CBjuwbq0N \\
  -u "{key}:"
"""
CURL_INVOICE = """\
curl {url}/v1/invoices/in_1MtHbELkdIwHu7ixl4OzzPMv \\
  -u "{key}:" \\
  -H "Stripe-Version: 2026-01-28.preview"
"""
CLI = """\
export STRIPE_API_KEY={key}
stripe invoice_payments retrieve inpay_1M3USa2eZvKYlo2CBjuwbq0N --api-base {url}
"""
PYTHON = """\
import json
from stripe import StripeClient

client = StripeClient("{key}", base_addresses={{"api": "{url}"}})

invoice_payment = client.v1.invoice_payments.retrieve(
  "inpay_1M3USa2eZvKYlo2CBjuwbq0N",
)
print(json.dumps(invoice_payment.to_dict()))
"""
PYTHON_ASYNC = """\
import asyncio
import json
from stripe import HTTPXClient, StripeClient

async def main():
    client = StripeClient(
        "{key}", base_addresses={{"api": "{url}"}}, http_client=HTTPXClient()
    )
    invoice_payment = await client.v1.invoice_payments.retrieve_async(
      "inpay_1M3USa2eZvKYlo2CBjuwbq0N",
    )
    print(json.dumps(invoice_payment.to_dict()))

asyncio.run(main())
"""
NODE = """\
import {{createRequire}} from 'node:module';
const require = createRequire(import.meta.url);

const stripe = require('stripe')('{key}', {{protocol: 'http', host: '{host}', port: {port}}});

const invoicePayment = await stripe.invoicePayments.retrieve(
  'inpay_1M3USa2eZvKYlo2CBjuwbq0N'
);
console.log(JSON.stringify(invoicePayment));
"""
GO = """\
package main

import (
	"context"
	"fmt"

	"github.com/stripe/stripe-go/v86"
)

func main() {{
	api := stripe.GetBackendWithConfig(
		stripe.APIBackend, &stripe.BackendConfig{{URL: stripe.String("{url}")}})
	sc := stripe.NewClient("{key}", stripe.WithBackends(&stripe.Backends{{API: api}}))
	params := &stripe.InvoicePaymentRetrieveParams{{}}
	result, err := sc.V1InvoicePayments.Retrieve(
		context.TODO(), "inpay_1M3USa2eZvKYlo2CBjuwbq0N", params)
	if err != nil {{
		panic(err)
	}}
	fmt.Println(string(result.LastResponse.RawJSON))
}}
"""
JAVA = """\
import com.stripe.StripeClient;
import com.stripe.model.InvoicePayment;
import com.stripe.param.InvoicePaymentRetrieveParams;

public class Recipe {{
  public static void main(String[] arguments) throws Exception {{
    StripeClient client =
        StripeClient.builder().setApiKey("{key}").setApiBase("{url}").build();

    InvoicePaymentRetrieveParams params = InvoicePaymentRetrieveParams.builder().build();

    InvoicePayment invoicePayment =
        client.v1().invoicePayments().retrieve("inpay_1M3USa2eZvKYlo2CBjuwbq0N", params);
    System.out.println(invoicePayment.getLastResponse().body());
  }}
}}
"""

CALLS: dict[str, dict[str, str]] = {
    "curl": {"payment": CURL, "invoice": CURL_INVOICE},
    "Stripe CLI": {"payment": CLI},
    "Node.js": {"payment": NODE},
    "Python": {"payment": PYTHON},
    "Python async": {"payment": PYTHON_ASYNC},
    "Go": {"payment": GO},
    "Java": {"payment": JAVA},
}
"""The calls of each client, by what they retrieve."""

PRIVATE = {"account_name", "customer_email", "customer_name"}
"""The fields of the invoice on the page that are private by policy."""


def calls(client: str, url: str) -> dict[str, str]:
    """The programs of one client, pointed at a server."""
    parts = urlsplit(url)
    filled = {"url": url, "host": parts.hostname, "port": parts.port, "key": KEY}
    return {kind: text.format(**filled) for kind, text in CALLS[client].items()}


def wrong(kind: str, body: dict[str, Any]) -> str:
    """What differs between an answer and the object on its page; empty where nothing does."""
    page = INVOICE if kind == "invoice" else INVOICE_PAYMENT
    redacted = PRIVATE if kind == "invoice" else set()
    named = {*page, *body}
    differ = {name for name in named if page.get(name, ...) != body.get(name, ...)}
    if differ != redacted:
        return f"{kind} at {PREVIEW}: these fields are not the page's: {sorted(differ ^ redacted)}"
    private = [name for name in redacted if str(page[name]) in json.dumps(body)]
    return f"{kind}: private values of the page are answered: {private}" if private else ""
