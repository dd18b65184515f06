#!/usr/bin/env node
// Buys what an L402 server sells with Alby's client, paying from an LNbits wallet.
//
//   l402_client.mjs URL [--method POST] [--header 'Name: value']... [--data BODY]
//                   [--client fetchWithL402|fetch402] [--max-sat N] [--credentials JSON]
//
// The wallet is LNBITS_URL and LNBITS_PAYER_ADMINKEY (see lnbits.sh env), or --wallet-url and
// --wallet-key. With --credentials, the `credentials` that an earlier call printed, nothing is paid.
// Prints one JSON object: {status, headers, body, paid, amountSat, preimage, credentials, payments,
// exchanges}, where `exchanges` tells what went over the wire; or {error, exchanges} and exit 1.

import { parseArgs } from "node:util";
import { fetch402, fetchWithL402 } from "@getalby/lightning-tools/402";

const CLIENTS = { fetch402, fetchWithL402 };

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    method: { type: "string", default: "GET" },
    header: { type: "string", multiple: true, default: [] },
    data: { type: "string" },
    client: { type: "string", default: "fetchWithL402" },
    "max-sat": { type: "string" },
    credentials: { type: "string" },
    "wallet-url": { type: "string", default: process.env.LNBITS_URL },
    "wallet-key": { type: "string", default: process.env.LNBITS_PAYER_ADMINKEY },
  },
});

const exchanges = [];
const payments = [];

// The client's own requests, as they went out and came back; the wallet's are not among them.
const plainFetch = globalThis.fetch;
async function watchedFetch(input, init) {
  const authorization = new Headers(init?.headers).get("authorization");
  const response = await plainFetch(input, init);
  exchanges.push({
    authorization,
    status: response.status,
    challenge: response.headers.get("www-authenticate"),
  });
  return response;
}

// LNbits answers 201 also where nothing moved (an expired invoice): only `success` is a payment.
async function payInvoice({ invoice }) {
  const response = await plainFetch(`${options["wallet-url"]}/api/v1/payments`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": options["wallet-key"] },
    body: JSON.stringify({ out: true, bolt11: invoice }),
  });
  const payment = await response.json();
  if (!response.ok || payment.status !== "success") {
    throw new Error(`wallet said ${response.status}: ${payment.detail ?? payment.status}`);
  }
  payments.push({ paymentHash: payment.payment_hash, amountMsat: -payment.amount });
  return { preimage: payment.preimage };
}

function requestHeaders() {
  const headers = new Headers();
  for (const line of options.header) {
    const colon = line.indexOf(":");
    if (colon < 1) throw new Error(`--header wants 'Name: value', not ${line}`);
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return headers;
}

async function buy(url) {
  const client = CLIENTS[options.client];
  if (!client) throw new Error(`no client named ${options.client}`);
  const request = { method: options.method, headers: requestHeaders(), body: options.data };
  const response = await client(url, request, {
    wallet: { payInvoice },
    ...(options["max-sat"] && { maxAmount: Number(options["max-sat"]) }),
    ...(options.credentials && { credentials: JSON.parse(options.credentials) }),
  });
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: await response.text(),
    paid: response.payment?.paid ?? false,
    amountSat: response.payment?.amountSat ?? 0,
    preimage: response.payment?.preimage ?? null,
    credentials: response.payment?.credentials ?? null,
    payments,
    exchanges,
  };
}

const causes = (error) =>
  error ? [String(error.message ?? error), ...causes(error.cause)] : [];

if (positionals.length !== 1) {
  console.error("usage: l402_client.mjs URL [options]; its first lines say more");
  process.exit(2);
}
globalThis.fetch = watchedFetch;
try {
  console.log(JSON.stringify(await buy(positionals[0])));
} catch (error) {
  const name = error?.name ?? "Error";
  console.log(JSON.stringify({ error: { name, causes: causes(error) }, payments, exchanges }));
  process.exitCode = 1;
}
