//! Wishes about dead letters, and a duty that is refused.

use crate::{
    account::{ORDER, Spent},
    duty::{Kind as Duty, Name},
    id::{Kind, Stream},
    letter::{Decision, Ended, Failure},
    operation::{
        AcknowledgeAnomaly, EndAttempt, OpenLetter, ResolveLetter, RetryLetter, TakeLetter,
    },
    testing::{
        build::{fulfil, id, invoice, msat, open_account, paid, status, stream, tenant, top_up},
        story::{Story, shop},
    },
};

/// The duty to fulfil a payment.
pub fn duty_to_fulfil(payment: &str) -> Name {
    Name { kind: Duty::Fulfil, stream: stream(Kind::Payment, payment), item: None }
}

/// A tenant `acme` whose payment `pay_1` is settled and cannot be fulfilled: the account `alice`
/// is frozen since the last fact.
#[track_caller]
pub fn refused_top_up() -> Story {
    shop()
        .and(open_account("alice"))
        .and(top_up("pay_1", "alice", 10_000))
        .and(invoice("pay_1", 10_000))
        .and(status("pay_1", paid()))
        .fact(&alice(), broken_spend())
        .when(fulfil("pay_1"))
        .rejected_as("stream_frozen")
}

/// The account of [`refused_top_up`].
pub fn alice() -> Stream {
    stream(Kind::Account, "alice")
}

/// A use of credit that no rule would say: its parts do not add up.
pub fn broken_spend() -> Spent {
    Spent { total: msat(5), parts: vec![], order: ORDER.to_owned(), reference: None }
}

/// Accepts what broke an account.
pub fn acknowledge(stream: Stream, position: u64) -> AcknowledgeAnomaly {
    AcknowledgeAnomaly { stream, position, reason: "a bug of 0.0.9".to_owned() }
}

/// Leaves the fulfilment of a payment to a letter.
pub fn open_letter(payment: &str) -> OpenLetter {
    OpenLetter { duty: duty_to_fulfil(payment), failure: refused_as_frozen() }
}

/// Why it is refused.
pub fn refused_as_frozen() -> Failure {
    Failure::new("stream_frozen", "`account-acme-alice` is frozen")
}

/// Takes a letter's turn.
pub fn take_letter(letter: &str) -> TakeLetter {
    TakeLetter { tenant: tenant("acme"), letter: id(letter) }
}

/// Ends an attempt.
pub fn end_attempt(letter: &str, attempt: u32, ended: Ended) -> EndAttempt {
    EndAttempt { tenant: tenant("acme"), letter: id(letter), attempt, ended }
}

/// Wants another attempt.
pub fn retry_letter(letter: &str) -> RetryLetter {
    RetryLetter { tenant: tenant("acme"), letter: id(letter), reason: "the cause is gone".into() }
}

/// Decides about a letter.
pub fn resolve_letter(letter: &str, outcome: Decision) -> ResolveLetter {
    let (tenant, letter, reason) = (tenant("acme"), id(letter), "paid back by hand".to_owned());
    ResolveLetter { tenant, letter, outcome, reason }
}
