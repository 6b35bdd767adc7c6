import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParser;
import com.stripe.StripeClient;
import com.stripe.exception.StripeException;
import com.stripe.model.Invoice;
import com.stripe.model.InvoicePayment;
import com.stripe.net.RequestOptions;
import com.stripe.net.StripeResponse;
import com.stripe.param.InvoiceCreateParams;
import com.stripe.param.InvoiceCreatePreviewParams;
import com.stripe.param.InvoiceListParams;
import com.stripe.param.InvoicePaymentRetrieveParams;
import com.stripe.param.InvoiceRetrieveParams;
import com.stripe.param.InvoiceSearchParams;
import com.stripe.service.InvoiceService;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Makes the calls that it reads, one JSON object a line, and prints each answer as one. */
public class Client {
  record Call(
      String kind, String id, String version, List<String> expand, String query, String customer) {}

  record Answer(Integer status, Object body, Long amount, String code, String message) {}

  public static void main(String[] arguments) throws Exception {
    StripeClient client =
        StripeClient.builder()
            .setApiKey(System.getenv("STRIPE_API_KEY"))
            .setApiBase(arguments[0])
            .setMaxNetworkRetries(2)
            .build();
    Gson gson = new GsonBuilder().serializeNulls().create();
    BufferedReader calls = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = calls.readLine()) != null; ) {
      Answer said;
      try {
        said = ask(client, gson.fromJson(line, Call.class));
      } catch (StripeException error) {
        said =
            new Answer(error.getStatusCode(), null, null, error.getCode(), error.getUserMessage());
      }
      System.out.println(gson.toJson(said));
    }
  }

  static Answer ask(StripeClient client, Call call) throws StripeException {
    InvoiceService invoices = client.v1().invoices();
    RequestOptions version =
        RequestOptions.RequestOptionsBuilder.unsafeSetStripeVersionOverride(
                RequestOptions.builder(), call.version())
            .build();
    switch (call.kind()) {
      case "invoice": {
        InvoiceRetrieveParams params =
            InvoiceRetrieveParams.builder().addAllExpand(call.expand()).build();
        Invoice found = invoices.retrieve(call.id(), params, version);
        return told(found.getLastResponse(), found.getTotal());
      }
      case "invoice_payment": {
        InvoicePaymentRetrieveParams params =
            InvoicePaymentRetrieveParams.builder().addAllExpand(call.expand()).build();
        InvoicePayment found = client.v1().invoicePayments().retrieve(call.id(), params, version);
        return told(found.getLastResponse(), found.getAmountPaid());
      }
      case "list": {
        InvoiceListParams params = InvoiceListParams.builder().setLimit(2L).build();
        return ids(invoices.list(params).autoPagingIterable());
      }
      case "search": {
        InvoiceSearchParams params =
            InvoiceSearchParams.builder().setQuery(call.query()).setLimit(2L).build();
        return ids(invoices.search(params).autoPagingIterable());
      }
      case "preview": {
        Invoice found =
            invoices.createPreview(
                InvoiceCreatePreviewParams.builder().setCustomer(call.customer()).build());
        return told(found.getLastResponse(), found.getTotal());
      }
      default: {
        Invoice found =
            invoices.create(InvoiceCreateParams.builder().setCustomer(call.customer()).build());
        return told(found.getLastResponse(), found.getTotal());
      }
    }
  }

  static Answer told(StripeResponse response, Long amount) {
    Object body = JsonParser.parseString(response.body());
    return new Answer(response.code(), body, amount, null, null);
  }

  static Answer ids(Iterable<Invoice> pages) {
    List<String> found = new ArrayList<>();
    pages.forEach(invoice -> found.add(invoice.getId()));
    return new Answer(200, Map.of("ids", found), null, null, null);
  }
}
