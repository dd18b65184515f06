//! What strangers may send us, byte by byte: a function for each parser, and what must hold of it
//! whatever comes in.
//!
//! Each says whether the input was taken, so that a runner can tell a corpus that proves something
//! from one that everybody refuses. What must hold is asserted.

mod configuration;
mod invoices;
mod jwt;
mod requests;
mod rolls;
mod tokens;
mod webhooks;

/// One parser under garbage; says whether it took the input.
pub type Target = fn(&[u8]) -> bool;

/// All of them, by the names of their corpora.
pub const TARGETS: &[(&str, Target)] = &[
    ("credential", tokens::credential),
    ("macaroon", tokens::macaroon),
    ("identifier", tokens::identifier),
    ("caveats", tokens::caveats),
    ("path", tokens::path),
    ("jwt", jwt::jwt),
    ("webhook_sandbox", webhooks::sandbox),
    ("webhook_lnbits", webhooks::lnbits),
    ("callback", webhooks::callback),
    ("bolt11", invoices::bolt11),
    ("envelope", rolls::envelope),
    ("block", rolls::block),
    ("event", rolls::event),
    ("body", requests::body),
    ("batch", requests::batch),
    ("query", requests::query),
    ("cursor", requests::cursor),
    ("position", requests::position),
    ("names", requests::names),
    ("configuration", configuration::configuration),
];

/// Runs the target of this name.
pub fn run(name: &str, input: &[u8]) -> bool {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    target.unwrap_or_else(|| panic!("no target is called {name}")).1(input)
}

/// The lines of a text, without what makes them lines.
fn lines(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    input.split(|byte| *byte == b'\n')
}

/// What stands before and behind the first empty line.
fn halves(input: &[u8]) -> (&[u8], &[u8]) {
    let end = input.windows(2).position(|pair| pair == b"\n\n");
    end.map_or((input, &[]), |end| (&input[..end], &input[end + 2..]))
}
