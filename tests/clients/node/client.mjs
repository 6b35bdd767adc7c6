// Makes the calls that it reads, one JSON object a line, and prints each answer as one.
import readline from 'node:readline';
import Stripe from 'stripe';

const address = new URL(process.argv[2]);
const stripe = new Stripe(process.env.STRIPE_API_KEY, {
  protocol: 'http',
  host: address.hostname,
  port: address.port,
  maxNetworkRetries: 2,
});

const version = ({version}) => (version ? {apiVersion: version} : {});

const told = (body, amount) => ({status: body.lastResponse.statusCode, body, amount});

async function ids(pages) {
  const found = [];
  for await (const one of pages) found.push(one.id);
  return {status: 200, body: {ids: found}};
}

const calls = {
  async invoice(call) {
    const found = await stripe.invoices.retrieve(call.id, {expand: call.expand}, version(call));
    return told(found, found.total);
  },
  async invoice_payment(call) {
    const params = {expand: call.expand};
    const found = await stripe.invoicePayments.retrieve(call.id, params, version(call));
    return told(found, found.amount_paid);
  },
  list: () => ids(stripe.invoices.list({limit: 2})),
  search: ({query}) => ids(stripe.invoices.search({query, limit: 2})),
  async preview({customer}) {
    const found = await stripe.invoices.createPreview({customer});
    return told(found, found.total);
  },
  async create({customer}) {
    const found = await stripe.invoices.create({customer});
    return told(found, found.total);
  },
};

for await (const line of readline.createInterface({input: process.stdin})) {
  const call = JSON.parse(line);
  let said;
  try {
    said = await calls[call.kind](call);
  } catch (error) {
    said = {status: error.statusCode, code: error.code, message: error.message};
  }
  console.log(JSON.stringify(said));
}
