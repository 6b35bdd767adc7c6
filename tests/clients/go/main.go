// Makes the calls that it reads, one JSON object a line, and prints each answer as one.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"

	"github.com/stripe/stripe-go/v86"
)

type Call struct {
	Kind     string
	ID       string
	Version  string
	Expand   []string
	Query    string
	Customer string
}

type Answer struct {
	Status  int    `json:"status"`
	Body    any    `json:"body,omitempty"`
	Amount  *int64 `json:"amount,omitempty"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

func main() {
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		URL:               stripe.String(os.Args[1]),
		MaxNetworkRetries: stripe.Int64(2),
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
	})
	client := stripe.NewClient(os.Getenv("STRIPE_API_KEY"),
		stripe.WithBackends(&stripe.Backends{API: backend}))

	calls, answers := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var call Call
		if calls.Decode(&call) != nil {
			return
		}
		said, err := ask(client, call)
		var failure *stripe.Error
		if errors.As(err, &failure) {
			said = Answer{Status: failure.HTTPStatusCode, Code: string(failure.Code), Message: failure.Msg}
		} else if err != nil {
			said = Answer{Message: err.Error()}
		}
		answers.Encode(said)
	}
}

func ask(client *stripe.Client, call Call) (Answer, error) {
	ctx := context.Background()
	params := stripe.Params{Headers: http.Header{}}
	if call.Version != "" {
		params.Headers.Set("Stripe-Version", call.Version)
	}
	for _, name := range call.Expand {
		params.AddExpand(name)
	}
	switch call.Kind {
	case "invoice":
		found, err := client.V1Invoices.Retrieve(
			ctx, call.ID, &stripe.InvoiceRetrieveParams{Params: params})
		return told(found.LastResponse, found.Total, err)
	case "invoice_payment":
		found, err := client.V1InvoicePayments.Retrieve(
			ctx, call.ID, &stripe.InvoicePaymentRetrieveParams{Params: params})
		return told(found.LastResponse, found.AmountPaid, err)
	case "list":
		asked := stripe.InvoiceListParams{}
		asked.Limit = stripe.Int64(2)
		return ids(client.V1Invoices.List(ctx, &asked).All(ctx))
	case "search":
		asked := stripe.InvoiceSearchParams{}
		asked.Query, asked.Limit = call.Query, stripe.Int64(2)
		return ids(client.V1Invoices.Search(ctx, &asked).All(ctx))
	case "preview":
		found, err := client.V1Invoices.CreatePreview(
			ctx, &stripe.InvoiceCreatePreviewParams{Customer: &call.Customer})
		return told(found.LastResponse, found.Total, err)
	default:
		found, err := client.V1Invoices.Create(
			ctx, &stripe.InvoiceCreateParams{Customer: &call.Customer})
		return told(found.LastResponse, found.Total, err)
	}
}

func told(response *stripe.APIResponse, amount int64, err error) (Answer, error) {
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: response.StatusCode, Body: json.RawMessage(response.RawJSON), Amount: &amount}, nil
}

func ids(pages stripe.Seq2[*stripe.Invoice, error]) (Answer, error) {
	found := []string{}
	for invoice, err := range pages {
		if err != nil {
			return Answer{}, err
		}
		found = append(found, invoice.ID)
	}
	return Answer{Status: 200, Body: map[string]any{"ids": found}}, nil
}
