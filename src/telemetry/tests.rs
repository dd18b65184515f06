//! Each fact is counted once, under the names of the runbooks.

use piperoll_domain::{
    bytes::Bytes,
    event::{Actor, ActorKind, Envelope, Event, Recorded},
    id::{Kind, Stream, TenantId},
    money::{Amount, Money},
    payment::{Failed, Funding, OutcomeUnknown, Settled, Status, TransitionRefused, Truth},
    receipt::{HINT, Refused},
    roll::ReconciliationFinished,
    time::Time,
};

use super::{Facts, recorder};

fn recorded(version: u64, kind: Kind, at_ms: i64, event: impl Into<Event>) -> Recorded {
    let envelope = Envelope {
        position: version,
        stream: Stream::of_roll(kind, "one"),
        version,
        previous: 0,
        id: Bytes::ZERO,
        recorded_at: Time::from_micros(at_ms * 1_000),
        effective_at: None,
        tenant: TenantId::roll(),
        tenant_version: version,
        actor: Actor { kind: ActorKind::Reactor, id: "test".into(), credential: None },
        correlation: Bytes::ZERO,
        causation: None,
        idempotency: None,
    };
    Recorded { envelope, event: event.into() }
}

/// What stands in the metrics after these facts.
fn counted(facts: &[Recorded]) -> String {
    let recorder = recorder().unwrap();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        let seen = Facts::default();
        seen.connection(&"default".parse().unwrap(), "lnbits");
        seen.observe(facts);
    });
    handle.render()
}

#[track_caller]
fn has(text: &str, line: &str) {
    assert!(text.lines().any(|known| known == line), "{line}\n{text}");
}

fn settled(funding: Funding) -> Settled {
    let money = Money::msat(Amount::new(1_000).unwrap());
    Settled {
        instrument: 1,
        requested: money,
        received: money,
        fee: None,
        funding,
        truth: Truth::Webhook,
        connection: "default".parse().unwrap(),
        provider_id: "p".to_owned(),
        provider_time: None,
        receipt: None,
        challenged_at: Time::from_micros(1_000_000),
        rate: None,
    }
}

#[test]
fn f02_latency_is_counted_on_the_edge_from_pending_to_paid_alone() {
    let late = settled(Funding::Review { number: 1 });
    let text = counted(&[
        recorded(3, Kind::Payment, 3_500, settled(Funding::Received {})),
        recorded(4, Kind::Payment, 9_000, late),
    ]);
    has(&text, "challenge_to_paid_latency_ms_total 2500");
    has(&text, "challenge_to_paid_latency_samples_total 1");
    has(&text, "challenge_to_paid_latency_seconds_count 1");
    has(&text, r#"challenge_to_paid_latency_seconds_bucket{le="2.5"} 1"#);
}

#[test]
fn a_create_call_fails_once_whatever_becomes_of_it_later() {
    let failed = || Failed { reason: "refused".into(), detail: "auth".into() };
    let lost = OutcomeUnknown { class: "timeout".to_owned() };
    let unknown = r#"invoice_create_failure_total{provider="unknown","#;
    let text = counted(&[recorded(2, Kind::Payment, 0, failed())]);
    has(&text, &format!(r#"{unknown}reason="auth"}} 1"#));
    let text =
        counted(&[recorded(2, Kind::Payment, 0, lost), recorded(3, Kind::Payment, 0, failed())]);
    has(&text, &format!(r#"{unknown}reason="timeout"}} 1"#));
    assert!(!text.contains(&format!(r#"{unknown}reason="auth""#)), "{text}");
}

#[test]
fn refused_webhooks_count_as_often_as_they_came() {
    let refused = Refused {
        connection: "default".parse().unwrap(),
        reason: "bad_signature".to_owned(),
        count: 7,
        first: Time::EPOCH,
        last: Time::EPOCH,
        sample: None,
    };
    let text = counted(&[recorded(1, Kind::Receipt, 0, refused)]);
    has(&text, r#"webhook_verify_fail_total{provider="lnbits",reason="bad_signature"} 7"#);
    has(&text, r#"webhook_verify_fail_total{provider="lnbits",reason="stale"} 0"#);
}

#[test]
fn an_unsigned_hint_is_no_failed_verification() {
    let hint = Refused {
        connection: "default".parse().unwrap(),
        reason: HINT.to_owned(),
        count: 3,
        first: Time::EPOCH,
        last: Time::EPOCH,
        sample: None,
    };
    let text = counted(&[recorded(1, Kind::Receipt, 0, hint)]);
    has(&text, r#"webhook_events_total{provider="lnbits",type="any",status="hint"} 3"#);
    let fails = text.lines().filter(|line| line.starts_with("webhook_verify_fail_total{"));
    let all: Vec<_> = fails.collect();
    assert!(!all.is_empty() && all.iter().all(|line| line.ends_with(" 0")), "{text}");
}

#[test]
fn sweeps_and_violations_are_counted() {
    let run = ReconciliationFinished {
        started_at: Time::EPOCH,
        checked: 9,
        paid: 2,
        expired: 1,
        failed: 1,
        errors: 3,
    };
    let refused = TransitionRefused {
        from: Status::Paid,
        to: Status::Expired,
        truth: Truth::Webhook,
        receipt: None,
    };
    let text = counted(&[recorded(1, Kind::Roll, 0, run), recorded(4, Kind::Payment, 0, refused)]);
    has(&text, "reconciliation_corrections_total 4");
    has(&text, "reconciliation_fail_total 3");
    let violated = r#"{from="paid",to="expired",source="webhook"} 1"#;
    has(&text, &format!("payment_transition_violations_total{violated}"));
}

#[test]
fn a_providers_own_word_never_becomes_a_label() {
    let failed = Failed { reason: "alice@example.org".to_owned(), detail: String::new() };
    let text = counted(&[recorded(2, Kind::Payment, 0, failed)]);
    assert!(!text.contains("alice") && text.contains(r#"reason="other""#), "{text}");
}

mod credit;
