//! What nobody honest sends, and what it must be answered with.

use super::raw::Request;

/// One of these statuses, and the field that is named.
pub(super) type Must = (&'static [u16], &'static str);
/// A case, by name.
pub(super) type Case = (&'static str, Request, Must);

const BAD: Must = (&[400], "");
const TYPE: Must = (&[415], "");
const LONG: Must = (&[413], "");
const HEADERS: Must = (&[431], "");
const NOWHERE: Must = (&[400, 404, 422], "");

const fn wrong(field: &'static str) -> Must {
    (&[422], field)
}

pub(super) fn post(path: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::new("POST", path).header("content-type", "application/json").body(body)
}

pub(super) fn get(path: &str) -> Request {
    Request::new("GET", path)
}

fn accounts(body: impl Into<Vec<u8>>) -> Request {
    post("/v1/accounts", body)
}

fn account(text: &str) -> Request {
    accounts(format!("{{\"account\":{text}}}"))
}

fn topup(amount: &str, more: &str) -> Request {
    let amount = format!("{{\"commodity\":\"MSAT\",\"amount\":{amount}}}");
    post("/v1/topups", format!("{{\"account\":\"a\",\"amount\":{amount}{more}}}"))
}

/// All of them.
pub(super) fn all() -> Vec<Case> {
    [shapes(), names(), amounts(), encodings(), heads(), lengths(), paths(), places()].concat()
}

fn shapes() -> Vec<Case> {
    let nested = |open: &str| open.repeat(50_000);
    vec![
        ("arrays in arrays", accounts(nested("[")), BAD),
        ("objects in objects", accounts(nested("{\"a\":")), BAD),
        ("a webhook of depth", post("/webhooks/default", nested("[")), (&[401], "")),
        ("a cut body", accounts("{\"account\":\"a\""), BAD),
        ("a list in place of an object", accounts("[\"a\"]"), wrong("")),
        ("a field twice", account("\"a\",\"account\":\"b\""), wrong("account")),
        ("a field nobody knows", account("\"a\",\"\\u202e\":1"), wrong("\u{fffd}")),
        ("300,000 bytes", accounts(vec![b' '; 300_000]), LONG),
        ("300,000 bytes for a webhook", post("/webhooks/default", vec![b' '; 300_000]), LONG),
    ]
}

fn names() -> Vec<Case> {
    let release = "{\"entitlement\":\"e\",\"number\":1,\"reason\":\"\\u001b[2J\"}";
    let metadata = format!(",\"metadata\":{{\"a\":\"{}\"}}", "x".repeat(20_000));
    let buyer = "{\"offer\":\"o\",\"buyer\":\"a\\u0007\"}";
    let beside = |more: &str| topup("\"5000\"", more);
    vec![
        ("no UTF-8", accounts(b"{\"account\":\"\xff\"}".to_vec()), BAD),
        ("a zero byte", accounts(b"{\"account\":\"a\0\"}".to_vec()), BAD),
        ("half a surrogate", account("\"\\ud800\""), BAD),
        ("a name with NUL", account("\"a\\u0000\""), wrong("account")),
        ("a name that turns", account("\"a\\u202e\""), wrong("account")),
        ("80,000 letters", account(&format!("\"{}\"", "a".repeat(80_000))), wrong("account")),
        ("a name that is a path", account("\"../../etc/passwd\""), wrong("account")),
        ("a reference that turns", beside(",\"reference\":\"a\\u2066b\""), wrong("reference")),
        ("a text of lines", beside(",\"description\":\"a\\nb\""), wrong("description")),
        ("too much metadata", beside(&metadata), wrong("metadata")),
        ("a buyer that beeps", post("/v1/l402/challenge", buyer), wrong("buyer")),
        ("a reason that wipes", post("/v1/l402/release", release), wrong("reason")),
    ]
}

fn amounts() -> Vec<Case> {
    let amount = |text: &str| topup(text, "");
    vec![
        ("more than 64 bits", amount("9223372036854775808"), wrong("amount.amount")),
        ("more than any number", amount("1e999"), (&[400, 422], "")),
        ("a fraction", amount("0.1"), wrong("amount.amount")),
        ("less than nothing", amount("\"-5\""), wrong("")),
        ("40,000 digits", amount(&format!("\"{}\"", "9".repeat(40_000))), wrong("amount.amount")),
    ]
}

fn encodings() -> Vec<Case> {
    let encoded = |path, how| post(path, vec![31, 139, 8]).header("content-encoding", how);
    vec![
        ("another type", accounts("{}").header("content-type", "text/plain"), TYPE),
        ("a bomb in gzip", encoded("/v1/accounts", "gzip"), TYPE),
        ("a bomb in a bomb", encoded("/v1/accounts", "identity, br"), TYPE),
        ("a bomb for a webhook", encoded("/webhooks/default", "deflate"), TYPE),
        ("all of it packed", get("/v1/offers").header("transfer-encoding", "gzip"), BAD),
    ]
}

fn heads() -> Vec<Case> {
    let offers = |name: &str, value: &str| get("/v1/offers").header(name, value);
    let many = (0..150).fold(get("/v1/offers"), |ask, n| ask.header(&format!("x-{n}"), "1"));
    let twice = |name: &str, one: &str, other: &str| {
        accounts("{\"account\":\"a\"}").header(name, one).header(name, other)
    };
    vec![
        ("150 fields", many, HEADERS),
        ("20,000 bytes in a field", offers("x-long", &"a".repeat(20_000)), HEADERS),
        ("a megabyte in a field", offers("x-long", &"a".repeat(1 << 20)), HEADERS),
        ("a field with NUL", offers("x-nul", "a\0b"), BAD),
        ("a folded field", offers("x-folded", "a\r\n b"), BAD),
        ("two keys", twice("idempotency-key", "a", "b"), BAD),
        ("two credentials", twice("authorization", "Bearer a", "Bearer b"), (&[401], "")),
        ("a credential of garbage", get("/v1/offers").key("\u{1f600}"), (&[401], "")),
        ("a credential of length", get("/v1/offers").key(&"a".repeat(16_000)), (&[401, 431], "")),
    ]
}

fn lengths() -> Vec<Case> {
    let length = |value: &str| get("/v1/offers").header("content-length", value);
    vec![
        ("two lengths", length("5").header("content-length", "6"), BAD),
        ("a signed length", length("+5"), BAD),
        ("more than any length", length(&"9".repeat(23)), BAD),
    ]
}

fn paths() -> Vec<Case> {
    vec![
        ("a method nobody knows", Request::new("FROBNICATE", "/v1/offers"), (&[405], "")),
        ("a method in small letters", Request::new("get", "/v1/offers"), (&[405], "")),
        ("tracing", Request::new("TRACE", "/v1/offers"), (&[405], "")),
        ("a path of 10,000 bytes", get(&format!("/v1/{}", "a".repeat(10_000))), HEADERS),
        ("70,000 bytes", get(&format!("/v1/{}", "a".repeat(70_000))), (&[414, 431], "")),
        ("NUL in a path", get("/v1/payments/%00"), wrong("payment")),
        ("no UTF-8 in a path", get("/v1/payments/%ff"), wrong("payment")),
        ("up and out", get("/v1/payments/..%2f..%2fadmin%2ftenants"), wrong("payment")),
        ("dots", get("/v1/../v1/offers"), NOWHERE),
        ("encoded dots", get("/v1/%2e%2e/v1/offers"), NOWHERE),
        ("no name", get("/v1//offers"), NOWHERE),
        ("capitals", get("/V1/OFFERS"), NOWHERE),
        ("backslashes", get("/v1\\offers"), NOWHERE),
        ("half an encoding", get("/v1/payments/%2"), NOWHERE),
    ]
}

fn places() -> Vec<Case> {
    let never = "/v1/accounts/a/balance?as_of=999999999-01-01T00:00:00Z";
    let beyond = "/v1/ledger/trial-balance?as_of=18446744073709551615";
    vec![
        ("no position", get("/v1/events/18446744073709551616"), wrong("position")),
        ("a position nobody reaches", get("/v1/events/18446744073709551615"), (&[404], "")),
        ("behind everything", get("/v1/events?after=18446744073709551615"), wrong("after")),
        ("a name twice", get("/v1/events?limit=1&limit=2"), wrong("limit")),
        ("a cursor of garbage", get("/v1/payments?after=%F0%9F%98%80"), BAD),
        ("a year that never comes", get(never), (&[404, 422], "")),
        ("as of what nobody reaches", get(beyond), (&[200, 422], "")),
    ]
}
