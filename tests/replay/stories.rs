//! Histories that the rules themselves made, for fixtures: same clock, same identifiers, every time.

mod campaigns;
mod letters;
mod metered;

use std::collections::HashMap;

use piperoll::roll::event_id;
use piperoll_domain::{
    bytes::{Bytes, Id16},
    duty,
    event::{ActorKind, Recorded},
    id::{Kind, TenantId},
    offer::Gives,
    operation::{
        ChangeSettings, DeclareCommodity, FinishReconciliation, RefuseReceipts, RetireConnection,
        RevokeEntitlement, RevokeKey, StartWriter, WaiveDuty, WithdrawOffer,
    },
    payment::{ReviewAction, Says},
    receipt::{self, Refused},
    roll::ReconciliationFinished,
    settings::Settings,
    testing::*,
    time::Time,
};

/// Every story, by the name of its fixture.
pub(super) fn all() -> Vec<(&'static str, Vec<Recorded>)> {
    let stories = [
        ("a-day-of-business", a_day_of_business()),
        ("duplicate-webhooks", duplicate_webhooks()),
        ("late-and-under-payment", late_and_under_payment()),
        ("a-lots-life", a_lots_life()),
        ("illegal-edges", illegal_edges()),
        ("reservations", metered::reservations()),
        ("billing-modes", metered::billing_modes()),
        ("debts-and-corrections", metered::debts_and_corrections()),
        ("shares", metered::shares()),
        ("dead-letters", letters::dead_letters()),
        ("campaigns", campaigns::campaigns()),
    ];
    let mut all: Vec<_> =
        stories.into_iter().map(|(name, story)| (name, identified(story.history))).collect();
    all.push(("every-event", every_event()));
    all
}

/// Gives every event its id, as the engine does.
fn identified(mut history: Vec<Recorded>) -> Vec<Recorded> {
    let mut said: HashMap<Id16, u32> = HashMap::new();
    for recorded in &mut history {
        let index = said.entry(recorded.envelope.correlation).or_default();
        recorded.envelope.id = event_id(recorded.envelope.correlation, *index);
        *index += 1;
    }
    history
}

fn reason() -> String {
    "looked into it".to_owned()
}

fn begun() -> Story {
    let writer = StartWriter { release: "0.1.0".into(), host: Bytes([1; 8]), config: hash(2) };
    shop().and(writer).and(issue_key("key_1", 3))
}

fn a_day_of_business() -> Story {
    let access = Gives::Uses { count: 3 };
    let hour = Gives::Time { seconds: 3_600 };
    let credit = Gives::Credit {
        amount: money("USD", 5_000_000),
        pool: id("general"),
        expires_after_seconds: Some(86_400),
    };
    let run = ReconciliationFinished {
        started_at: after(4_000),
        checked: 2,
        paid: 0,
        expired: 1,
        failed: 0,
        errors: 0,
    };
    let morning = begun()
        .and(publish("report", 10_000, access))
        .and(publish("hour", 30_000, hour))
        .and(publish("credit", 50_000, credit))
        .keyed("order-1")
        .and(top_up("pay_1", "alice", 100_000))
        .and(invoice("pay_1", 100_000))
        .later(20)
        .and(settled_webhook("rcpt_1", "pay_1", "set_1", paid_msat(100_000)))
        .keyed("fulfil-1")
        .and(fulfil("pay_1"))
        .and(spend("alice", msat(30_000)))
        .later(40)
        .and(spend("alice", msat(1)));
    let noon = morning
        .and(buy("pay_2", "report", 1))
        .and(invoice("pay_2", 10_000))
        .and(status("pay_2", paid()))
        .and(fulfil("pay_2"))
        .and(use_once("pay_2", 1))
        .and(use_once("pay_2", 1))
        .and(use_once("pay_2", 2))
        .and(release("pay_2", 2))
        .and(buy("pay_3", "hour", 2))
        .and(invoice("pay_3", 60_000))
        .and(status("pay_3", pending(Some("confirming"))))
        .and(status("pay_3", paid()))
        .and(fulfil("pay_3"))
        .and(buy("pay_4", "credit", 2))
        .and(invoice("pay_4", 100_000))
        .and(settled_webhook("rcpt_2", "pay_4", "set_2", paid()))
        .and(fulfil("pay_4"));
    noon.and(plain("pay_5", 5_000))
        .and(invoice("pay_5", 5_000))
        .and(status("pay_5", paid()))
        .and(fulfil("pay_5"))
        .and(plain("pay_6", 5_000))
        .and(invoice("pay_6", 5_000))
        .later(4_000)
        .and(status("pay_6", expired()))
        .and(FinishReconciliation { run })
}

fn duplicate_webhooks() -> Story {
    begun()
        .and(top_up("pay_1", "alice", 100_000))
        .and(invoice("pay_1", 100_000))
        .and(settled_webhook("rcpt_1", "pay_1", "set_1", paid()))
        .when(settled_webhook("rcpt_1", "pay_1", "set_1", paid()))
        .rejected_as("event_received")
        .and(settled_webhook("rcpt_2", "pay_1", "set_1", paid()))
        .and(fulfil("pay_1"))
        .and(fulfil("pay_1"))
        .and(settled_webhook("rcpt_3", "pay_1", "set_1", paid()))
        .and(settled_webhook("rcpt_4", "pay_unknown", "set_9", paid()))
        .and(plain("pay_unknown", 7_000))
        .and(invoice("pay_unknown", 7_000))
        .and(match_parked("rcpt_4"))
}

fn late_and_under_payment() -> Story {
    let short = begun()
        .and(top_up("pay_1", "alice", 100_000))
        .and(invoice("pay_1", 100_000))
        .and(settled_webhook("rcpt_1", "pay_1", "set_1", paid_msat(60_000)))
        .and(settled_webhook("rcpt_2", "pay_1", "set_2", paid_msat(40_000)));
    let over = short
        .and(top_up("pay_2", "bob", 50_000))
        .and(invoice("pay_2", 50_000))
        .and(settled_webhook("rcpt_3", "pay_2", "set_3", paid_msat(70_000)))
        .and(fulfil("pay_2"))
        .and(resolve("pay_2", 1, ReviewAction::Apply))
        .and(settled_webhook("rcpt_4", "pay_2", "set_4", paid_msat(50_000)))
        .and(resolve("pay_2", 2, ReviewAction::Refund));
    let late = over
        .and(top_up("pay_3", "carol", 20_000))
        .and(invoice("pay_3", 20_000))
        .and(top_up("pay_4", "carol", 30_000))
        .and(invoice("pay_4", 30_000))
        .later(4_000)
        .and(status("pay_3", expired()))
        .and(settled_webhook("rcpt_5", "pay_3", "set_5", paid_msat(20_000)))
        .and(resolve("pay_3", 1, ReviewAction::Apply))
        .and(fulfil("pay_3"));
    let told = Says::Paid { received: Some(money("USD", 12)) };
    late.and(settled_webhook("rcpt_6", "pay_4", "set_6", told))
        .and(resolve("pay_4", 1, ReviewAction::Refund))
        .later(100_000)
        .and(note_silence("pay_4"))
        .and(resolve("pay_4", 2, ReviewAction::Dismiss))
}

fn a_lots_life() -> Story {
    begun()
        .and(DeclareCommodity { code: id("EUR"), scale: 2 })
        .and(open_account("alice"))
        .and(until(500, grant("alice", "lot_1", money("USD", 1_000))))
        .and(deposit("alice", "lot_2", money("USD", 3_000), money("EUR", 1_000)))
        .and(pooled("reports", grant("alice", "lot_3", money("USD", 10))))
        .and(spend("alice", money("USD", 400)))
        .keyed("use-17")
        .and(spend_from("alice", money("USD", 15), "reports"))
        .later(600)
        .and(expire_lot("alice", "lot_1"))
        .and(until(900, deposit("alice", "lot_4", money("USD", 7), money("EUR", 1_000))))
        .and(spend("alice", money("USD", 1_000)))
        .and(spend("alice", money("USD", 2)))
        .later(400)
        .and(spend("alice", money("USD", 2_005)))
        .when(spend("alice", money("USD", 2)))
        .rejected_as("credit_insufficient")
}

fn illegal_edges() -> Story {
    let refused = Refused {
        connection: id("default"),
        reason: "bad_signature".to_owned(),
        count: 3,
        first: after(1),
        last: after(2),
        sample: Some(sealed()),
    };
    let hint =
        receipt::Recorded { needs_confirmation: true, ..told(Some("evt_7"), "pay_3", paid()) };
    let backwards = begun()
        .and(plain("pay_1", 5_000))
        .and(invoice("pay_1", 5_000))
        .and(status("pay_1", paid()))
        .and(fulfil("pay_1"))
        .and(status("pay_1", failed()))
        .and(webhook("rcpt_1", told(Some("evt_1"), "pay_1", expired())))
        .and(plain("pay_2", 5_000))
        .and(create_unknown("pay_2"))
        .later(2_000)
        .and(abandon("pay_2"))
        .and(plain("pay_3", 5_000))
        .and(invoice("pay_3", 5_000))
        .and(webhook("rcpt_3", hint))
        .and(status("pay_3", failed()))
        .and(plain("pay_4", 5_000))
        .and(create_failed("pay_4"))
        .and(plain("pay_5", 5_000))
        .and(RefuseReceipts { refused })
        .and(webhook("rcpt_4", told(Some("evt_4"), "pay_nobody", paid())))
        .later(7_200)
        .and(match_parked("rcpt_4"));
    frozen(ended(waived(backwards)))
}

fn waived(story: Story) -> Story {
    let name =
        duty::Name { kind: duty::Kind::Create, stream: stream(Kind::Payment, "pay_5"), item: None };
    story.and(WaiveDuty { name, reason: reason() })
}

fn ended(story: Story) -> Story {
    let tenant = tenant("acme");
    let connection = id("default");
    story
        .and(publish("report", 10_000, Gives::Uses { count: 2 }))
        .and(buy("pay_6", "report", 1))
        .and(invoice("pay_6", 10_000))
        .and(status("pay_6", paid()))
        .and(fulfil("pay_6"))
        .and(RevokeEntitlement {
            tenant: tenant.clone(),
            entitlement: id("pay_6"),
            reason: reason(),
        })
        .and(WithdrawOffer { tenant: tenant.clone(), offer: id("report"), reason: reason() })
        .and(RevokeKey { tenant, key: id("key_1"), reason: reason() })
        .and(ChangeSettings { settings: Settings { idempotency_days: 30, ..Settings::default() } })
        .and(RetireConnection { connection, reason: reason() })
}

/// A fact that an older release got wrong: its stream stops, until somebody accepts it.
fn frozen(story: Story) -> Story {
    let alice = stream(Kind::Account, "alice");
    let spent = piperoll_domain::account::Spent {
        total: msat(5),
        parts: vec![],
        order: piperoll_domain::account::ORDER.to_owned(),
        reference: None,
    };
    let broken = story.and(open_account("alice")).fact(&alice, spent);
    let position = u64::try_from(broken.history.len()).unwrap();
    let acknowledge = piperoll_domain::operation::AcknowledgeAnomaly {
        stream: alice,
        position,
        reason: reason(),
    };
    broken.and(acknowledge).and(grant("alice", "lot_1", msat(5)))
}

/// One of each wire name, with every kind of envelope around them. They are samples, not a history
/// that the rules would write: streams freeze, and the replay goes on all the same.
fn every_event() -> Vec<Recorded> {
    let mut ends: HashMap<_, (u64, u64)> = HashMap::new();
    let mut counts: HashMap<TenantId, u64> = HashMap::new();
    let mut history = samples();
    for recorded in &mut history {
        let at = &mut recorded.envelope;
        let position = at.position;
        let (version, previous) = ends.get(&at.stream).copied().unwrap_or((0, 0));
        let count = counts.entry(at.tenant.clone()).or_default();
        *count += 1;
        (at.version, at.previous, at.tenant_version) = (version + 1, previous, *count);
        ends.insert(at.stream.clone(), (at.version, position));
        at.correlation = Id16::from_slice(&u128::from(position / 2).to_be_bytes()).unwrap();
        at.effective_at = position.is_multiple_of(3).then_some(Time::from_micros(-1));
        at.causation = position.is_multiple_of(4).then_some(at.correlation);
        at.actor.kind = KINDS[usize::try_from(position).unwrap() % KINDS.len()];
        at.actor.credential = position.is_multiple_of(5).then_some(Bytes([5; 8]));
    }
    identified(history)
}

const KINDS: [ActorKind; 6] = [
    ActorKind::Key,
    ActorKind::Token,
    ActorKind::Admin,
    ActorKind::Provider,
    ActorKind::Reactor,
    ActorKind::Cli,
];
