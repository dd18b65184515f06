#!/usr/bin/env node
// Mints, narrows, reads and verifies macaroons with js-macaroon, a witness that we did not write.
//
// Reads one JSON array of tasks on stdin and prints the array of answers, in order:
//   {"do": "mint", "root_key": HEX, "identifier": HEX, "location": TEXT, "caveats": [TEXT]}
//   {"do": "attenuate", "macaroon": BASE64, "caveats": [TEXT]}         both: {"macaroon": BASE64}
//   {"do": "inspect", "macaroon": BASE64}    {"location", "identifier", "caveats", "signature"}
//   {"do": "verify", "macaroon": BASE64, "root_key": HEX, "accept": [TEXT]}   {"verified": true}
// `accept` names the caveats that hold; without it all do. What goes wrong is {"error": TEXT}.
// As in all macaroon libraries the key of the chain is HMAC("macaroons-key-generator", root_key).

import { readFileSync } from "node:fs";
import macaroons from "macaroon";

const bytes = (hex) => {
  if (!/^([0-9a-f]{2})*$/i.test(hex)) throw new Error("not hex");
  return new Uint8Array(Buffer.from(hex, "hex"));
};
const hex = (octets) => Buffer.from(octets).toString("hex");
const text = (octets) => Buffer.from(octets).toString("utf8");
const read = (base64) => macaroons.importMacaroon(new Uint8Array(Buffer.from(base64, "base64")));

// The library's own exportBinary doubles its buffer at every append, and fails on tokens as long as
// ours. So the fields are put together here; what stands in them is the library's.
const END = Buffer.from([0]);
const LOCATION = 1, IDENTIFIER = 2, SIGNATURE = 6;

function field(type, octets) {
  const length = [];
  let rest = octets.length;
  for (; rest >= 0x80; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([type, ...length, rest]), Buffer.from(octets)]);
}

function exported({ location, identifier, caveats, signature }) {
  return Buffer.concat([
    Buffer.from([2]),
    ...(location ? [field(LOCATION, Buffer.from(location))] : []),
    field(IDENTIFIER, identifier),
    END,
    ...caveats.flatMap((caveat) => [field(IDENTIFIER, caveat.identifier), END]),
    END,
    field(SIGNATURE, signature),
  ]);
}

function narrowed(macaroon, caveats = []) {
  for (const caveat of caveats) macaroon.addFirstPartyCaveat(caveat);
  return { macaroon: exported(macaroon).toString("base64") };
}

const TASKS = {
  mint({ root_key, identifier, location, caveats }) {
    const made = macaroons.newMacaroon({
      rootKey: bytes(root_key),
      identifier: bytes(identifier),
      location,
      version: 2,
    });
    return narrowed(made, caveats);
  },
  attenuate({ macaroon, caveats }) {
    return narrowed(read(macaroon), caveats);
  },
  inspect({ macaroon }) {
    const found = read(macaroon);
    return {
      location: found.location,
      identifier: hex(found.identifier),
      caveats: found.caveats.map((caveat) => text(caveat.identifier)),
      signature: hex(found.signature),
    };
  },
  verify({ macaroon, root_key, accept }) {
    const refused = (caveat) =>
      !accept || accept.includes(caveat) ? null : `caveat not met: ${caveat}`;
    read(macaroon).verify(bytes(root_key), refused);
    return { verified: true };
  },
};

function answer(task) {
  try {
    if (!Object.hasOwn(TASKS, task.do)) throw new Error(`nothing is called ${task.do}`);
    return TASKS[task.do](task);
  } catch (error) {
    return { error: String(error.message ?? error) };
  }
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(answer)));
