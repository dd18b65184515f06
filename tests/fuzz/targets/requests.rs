//! Requests: bodies, queries, cursors, positions, names.

use piperoll::{fuzzing, idempotency};
use piperoll_domain::id::{CampaignId, ConnectionId, PaymentId, Service, Stream, TenantId};
use serde_json::Value;

/// A JSON body, as every write reads it.
pub fn body(input: &[u8]) -> bool {
    let fields = match fuzzing::body(input, 32) {
        Ok(fields) => fields,
        Err(problem) => {
            must_be_a_refusal(&problem);
            return false;
        }
    };
    let lenient: Value = serde_json::from_slice(input).expect("what we take, everybody reads");
    assert_eq!(fields, lenient, "two readers read the same");
    assert!(fields.is_object());
    fuzzing::KINDS
        .iter()
        .filter_map(|kind| kind.wrong(&fields))
        .for_each(|it| must_be_a_refusal(&it));
    let print = idempotency::fingerprint(&fields).expect("what we take has a fingerprint");
    let again: Value = serde_json::from_str(&fields.to_string()).unwrap();
    assert_eq!(idempotency::fingerprint(&again).unwrap(), print);
    true
}

/// Many commands, in one object or a line each; taken if all of them are, as they stand or as grants.
pub fn batch(input: &[u8]) -> bool {
    let campaign = "welcome".parse().unwrap();
    let taken = [None, Some(&campaign)].map(|campaign| all_are_taken(input, campaign));
    taken.contains(&true)
}

fn all_are_taken(input: &[u8], campaign: Option<&CampaignId>) -> bool {
    match fuzzing::batch(input, "k1".parse().unwrap(), campaign, 32) {
        Ok(refused) => {
            assert!(refused.len() <= 1_000);
            refused.iter().for_each(must_be_a_refusal);
            refused.is_empty()
        }
        Err(problem) => {
            must_be_a_refusal(&problem);
            false
        }
    }
}

fn must_be_a_refusal(problem: &piperoll::problem::Problem) {
    let body = problem.body();
    let status = body["status"].as_u64().unwrap();
    assert!((400..500).contains(&status), "{body}");
    assert!(body["detail"].as_str().unwrap().len() < 4_096, "{body}");
}

/// What stands behind a question mark.
pub fn query(input: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(input) else { return false };
    match fuzzing::query(text) {
        Ok(pairs) => {
            let names: std::collections::BTreeSet<_> = pairs.keys().collect();
            assert_eq!(names.len(), pairs.len());
            true
        }
        Err(problem) => {
            must_be_a_refusal(&problem);
            false
        }
    }
}

/// A cursor that a caller hands back.
pub fn cursor(input: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(input) else { return false };
    let mut taken = false;
    for shape in [&[true][..], &[false], &[true, false], &[true, true, false]] {
        if let Some(again) = fuzzing::cursor(text, "payments", shape) {
            let third = fuzzing::cursor(&again, "payments", shape);
            assert_eq!(third.as_deref(), Some(again.as_str()), "{text:?}");
            taken = true;
        }
        assert!(fuzzing::cursor(text, "receipts", shape).is_none() || !taken, "{text:?}");
    }
    taken
}

/// A position that a caller hands back.
pub fn position(input: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(input) else { return false };
    let Some(again) = fuzzing::position(text) else { return false };
    assert_eq!(fuzzing::position(&again), Some(again.clone()), "{text:?}");
    true
}

/// Names, one a line: each is what it was read from.
pub fn names(input: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(input) else { return false };
    let mut taken = false;
    for line in text.lines() {
        let read = [
            line.parse::<TenantId>().ok().map(|name| name.to_string()),
            line.parse::<Service>().ok().map(|name| name.to_string()),
            line.parse::<PaymentId>().ok().map(|name| name.to_string()),
            line.parse::<ConnectionId>().ok().map(|name| name.to_string()),
            line.parse::<Stream>().ok().map(|name| name.to_string()),
            idempotency::Key::parse(line).ok().map(|key| key.to_string()),
        ];
        for name in read.into_iter().flatten() {
            assert_eq!(name, line);
            assert!(name.len() <= 255 && name.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            taken = true;
        }
    }
    taken
}
