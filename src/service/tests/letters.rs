//! Duties that are refused, from the first refusal to the end of their letters.

use piperoll_domain::{
    account::{ORDER, Spent},
    bytes::Id16,
    duty::Kind,
    event::{Actor, ActorKind, Envelope, Event},
    id::{LetterId, Stream},
    letter::{self, Decision},
    operation::{AcknowledgeAnomaly, ResolveLetter, RetryLetter, SwitchWorkers, TakeLetter},
    payment::Status,
    worker::Worker,
};

use super::house::{House, acme, key, msat, random};
use crate::{
    roll::{BlockBuilder, Roll, event_id},
    service::Checkout,
};

const ALICE: &str = "account-acme-alice";

/// Something that an old release got wrong, so that the account is frozen from the next start on.
pub(crate) async fn broken(house: House, stream: &str, event: impl Into<Event>) -> (House, u64) {
    let (stream, event): (Stream, Event) = (stream.parse().unwrap(), event.into());
    let roll = Roll::Memory(house.roll.clone());
    let head = roll.head().await.unwrap();
    let slot = house.service.engine().look(&stream).await.unwrap();
    let (version, previous) = slot.map_or((0, 0), |slot| (slot.version, slot.last));
    let last = house.service.fact(head.position).await.unwrap().envelope;
    let operation: Id16 = random();
    let mut counts = 0;
    for position in 1..=head.position {
        let at = house.service.fact(position).await.unwrap().envelope;
        counts += u64::from(at.tenant == stream.tenant);
    }
    let envelope = Envelope {
        position: head.position + 1,
        version: version + 1,
        previous,
        id: event_id(operation, 0),
        recorded_at: last.recorded_at.plus_micros(1),
        effective_at: None,
        tenant: stream.tenant.clone(),
        tenant_version: counts + 1,
        actor: Actor { kind: ActorKind::Reactor, id: "old".into(), credential: None },
        correlation: operation,
        causation: None,
        idempotency: None,
        stream,
    };
    let mut bytes = vec![];
    piperoll_domain::wire::encode(&event, &mut bytes).unwrap();
    let mut builder = BlockBuilder::new(head.position);
    builder.push(&envelope, event.name(), &bytes).unwrap();
    roll.append(head, &builder.finish(head).unwrap()).await.unwrap();
    (house.killed().await, envelope.position)
}

pub(crate) fn spent_wrongly() -> Spent {
    Spent { total: msat(5), parts: vec![], order: ORDER.to_owned(), reference: None }
}

/// A top-up that is paid and cannot be given, because its account's stream is frozen.
async fn refused() -> (House, Checkout, u64) {
    let house = House::new().await;
    house.cli(piperoll_domain::testing::open_account("alice")).await;
    let ask = House::top_up("alice", 9_000);
    let checkout = house.service.checkout(&key("acme"), ask, None).await.unwrap();
    let paid = house.pay(&checkout).await;
    house.deliver(&paid.deliveries[0]).await;
    let (house, position) = broken(house, ALICE, spent_wrongly()).await;
    (house, checkout, position)
}

/// The only letter's name and state.
async fn letter(house: &House) -> (LetterId, letter::Letter) {
    let last = house.service.engine().head().position;
    for position in 1..=last {
        let at = house.service.fact(position).await.unwrap().envelope;
        if at.stream.kind == piperoll_domain::id::Kind::Letter {
            let slot = house.service.engine().look(&at.stream).await.unwrap().unwrap();
            let piperoll_domain::book::State::Letter(state) = slot.state else { panic!() };
            return (LetterId::from(&at.stream.id), *state);
        }
    }
    panic!("there is no letter")
}

async fn stage(house: &House) -> &'static str {
    letter(house).await.1.stage.as_str()
}

fn acknowledge(position: u64) -> AcknowledgeAnomaly {
    let reason = "a bug of 0.0.9".to_owned();
    AcknowledgeAnomaly { stream: ALICE.parse().unwrap(), position, reason }
}

fn retry(letter: LetterId) -> RetryLetter {
    RetryLetter { tenant: acme(), letter, reason: "the cause is gone".to_owned() }
}

/// Takes the turns of letters until none is taken any more.
async fn turns(house: &House) {
    house.react_to(Kind::Retry).await;
}

#[tokio::test]
async fn f15_a_paid_top_up_whose_account_is_frozen_is_tried_three_times_and_then_reviewed() {
    let (house, checkout, _) = refused().await;
    let t0 = house.clock.now();
    assert_eq!(house.react_to(Kind::Fulfil).await, 1);
    assert_eq!(stage(&house).await, "pending");
    let mut tried = vec![];
    while house.owes(Kind::ManualReview) == 0 {
        let before = house.count("letter.taken.v1").await;
        turns(&house).await;
        if house.count("letter.taken.v1").await > before {
            tried.push(house.clock.now().micros_since(t0) / 1_000_000);
        }
        assert_eq!(house.react_to(Kind::Fulfil).await, 0, "its reactor leaves it to the letter");
        house.pass(1);
    }
    assert!(
        matches!(tried[..], [60 | 61, 360..=362, 2_160..=2_163]),
        "after 60, then 300, then 1800 seconds: {tried:?}"
    );
    assert_eq!(stage(&house).await, "manual_review");
    assert_eq!(house.count("letter.opened.v1").await, 1);
    assert_eq!(house.payment(&checkout.payment).await.status, Status::Paid, "nothing is lost");
}

#[tokio::test]
async fn once_the_anomaly_is_acknowledged_a_person_has_it_retried_and_the_credit_is_given_once() {
    let (house, checkout, position) = refused().await;
    house.react().await;
    let (name, _) = letter(&house).await;
    house.cli(acknowledge(position)).await;
    house.cli(retry(name)).await;
    turns(&house).await;
    assert_eq!(stage(&house).await, "completed");
    assert_eq!(house.payment(&checkout.payment).await.status, Status::Consumed);
    assert_eq!(house.credit("alice").await, 9_000);
    house.pass(10_000);
    house.react().await;
    assert_eq!(house.credit("alice").await, 9_000);
    let left = [Kind::Fulfil, Kind::Retry, Kind::ManualReview].map(|kind| house.owes(kind));
    assert_eq!(left, [0, 0, 0]);
}

#[tokio::test]
async fn f15_a_process_that_dies_between_the_lease_and_the_result_loses_nothing() {
    let (house, _, position) = refused().await;
    house.react().await;
    let (name, _) = letter(&house).await;
    house.cli(acknowledge(position)).await;
    house.pass(61);
    let taken = house.cli(TakeLetter { tenant: acme(), letter: name }).await;
    assert_eq!(taken[0].name(), "letter.taken.v1");
    let house = house.killed().await;
    house.react().await;
    assert_eq!((stage(&house).await, house.credit("alice").await), ("processing", 0));
    house.pass(i64::from(letter::LEASE_SECONDS) + 1);
    turns(&house).await;
    assert_eq!(stage(&house).await, "pending");
    turns(&house).await;
    assert_eq!((stage(&house).await, house.credit("alice").await), ("completed", 9_000));
}

#[tokio::test]
async fn a_process_that_dies_between_the_deed_and_the_word_of_it_does_it_once() {
    let (house, checkout, position) = refused().await;
    house.react().await;
    let (name, _) = letter(&house).await;
    house.cli(acknowledge(position)).await;
    house.pass(61);
    house.cli(TakeLetter { tenant: acme(), letter: name }).await;
    house
        .cli(piperoll_domain::operation::Fulfil {
            tenant: acme(),
            payment: checkout.payment.clone(),
        })
        .await;
    let house = house.killed().await;
    house.pass(i64::from(letter::LEASE_SECONDS) + 1);
    for _ in 0..3 {
        turns(&house).await;
    }
    assert_eq!((stage(&house).await, house.credit("alice").await), ("completed", 9_000));
    assert_eq!(house.count("lot.minted.v1").await, 1);
}

#[tokio::test]
async fn a_letter_survives_a_restart_and_its_duty_stays_its_own() {
    let (house, ..) = refused().await;
    house.react().await;
    let house = house.killed().await;
    assert_eq!((house.owes(Kind::Retry), house.owes(Kind::Fulfil)), (1, 1));
    assert_eq!(house.react_to(Kind::Fulfil).await, 0);
    house.pass(61);
    turns(&house).await;
    assert_eq!(house.count("letter.refused.v1").await, 1);
}

#[tokio::test]
async fn what_is_done_by_other_means_completes_its_letter_at_once() {
    let (house, checkout, position) = refused().await;
    house.react().await;
    house.cli(acknowledge(position)).await;
    let payment = checkout.payment.clone();
    house.cli(piperoll_domain::operation::Fulfil { tenant: acme(), payment }).await;
    turns(&house).await;
    assert_eq!((stage(&house).await, house.owes(Kind::Retry)), ("completed", 0));
}

#[tokio::test]
async fn a_person_gives_a_duty_up_and_nobody_tries_it_any_more() {
    let (house, checkout, position) = refused().await;
    house.react().await;
    let (letter, _) = letter(&house).await;
    let reason = "paid back outside".to_owned();
    let wish = ResolveLetter { tenant: acme(), letter, outcome: Decision::Failed, reason };
    house.cli(wish).await;
    assert_eq!(stage(&house).await, "failed");
    house.cli(acknowledge(position)).await;
    house.pass(10_000);
    house.react().await;
    assert_eq!(house.payment(&checkout.payment).await.status, Status::Paid);
    assert_eq!(house.credit("alice").await, 0);
}

#[tokio::test]
async fn a_letter_that_was_written_by_a_clock_that_was_ahead_waits_no_longer_for_that() {
    let (house, ..) = refused().await;
    house.pass(36_000);
    house.react().await;
    let was = house.service.fact(house.service.engine().head().position).await.unwrap();
    house.pass(-36_000);
    let (was, now) = (was.envelope.recorded_at, house.clock.now());
    let reason = "the clock was ahead".to_owned();
    house.cli(piperoll_domain::operation::CorrectClock { was, now, reason }).await;
    house.pass(1);
    turns(&house).await;
    assert_eq!(house.count("letter.taken.v1").await, 1);
}

#[tokio::test]
async fn what_was_owed_at_once_by_a_clock_that_was_ahead_is_done_after_its_correction() {
    let house = House::new().await;
    house.pass(36_000);
    let ask = House::top_up("alice", 9_000);
    let checkout = house.service.checkout(&key("acme"), ask, None).await.unwrap();
    let paid = house.pay(&checkout).await;
    house.deliver(&paid.deliveries[0]).await;
    let was = house.service.fact(house.service.engine().head().position).await.unwrap();
    house.pass(-36_000);
    let (was, now) = (was.envelope.recorded_at, house.clock.now());
    let reason = "the clock was ahead".to_owned();
    house.cli(piperoll_domain::operation::CorrectClock { was, now, reason }).await;
    let house = house.killed().await;
    house.react().await;
    assert_eq!(house.credit("alice").await, 9_000);
}

fn switch(worker: Worker, paused: bool) -> SwitchWorkers {
    SwitchWorkers { workers: [worker].into(), paused, reason: "maintenance".to_owned() }
}

#[tokio::test]
async fn paused_workers_begin_nothing_and_leave_everything_owed_also_after_a_restart() {
    let house = House::new().await;
    let ask = House::top_up("alice", 9_000);
    let checkout = house.service.checkout(&key("acme"), ask, None).await.unwrap();
    let paid = house.pay(&checkout).await;
    house.cli(switch(Worker::Fulfiller, true)).await;
    house.deliver(&paid.deliveries[0]).await;
    house.react().await;
    assert_eq!((house.owes(Kind::Fulfil), house.credit("alice").await), (1, 0));
    let house = house.killed().await;
    house.react().await;
    assert_eq!((house.owes(Kind::Fulfil), house.credit("alice").await), (1, 0));
    assert!(house.cli(switch(Worker::Fulfiller, true)).await.is_empty(), "it rests already");
    house.cli(switch(Worker::Fulfiller, false)).await;
    house.react().await;
    assert_eq!((house.owes(Kind::Fulfil), house.credit("alice").await), (0, 9_000));
}

#[tokio::test]
async fn a_frozen_account_stops_its_tenants_billing_once_if_the_settings_say_so() {
    let (house, _, position) = refused().await;
    let on_lot_violation = piperoll_domain::settings::OnViolation::Stop;
    let settings = piperoll_domain::settings::Settings {
        on_lot_violation,
        ..house.service.engine().directory().settings()
    };
    house.cli(piperoll_domain::operation::ChangeSettings { settings }).await;
    house.react().await;
    let billing: Stream = "billing-acme-acme".parse().unwrap();
    let enabled = async |house: &House| {
        let slot = house.service.engine().look(&billing).await.unwrap().unwrap();
        let piperoll_domain::book::State::Billing(in_force) = slot.state else { panic!() };
        in_force.billing.enabled
    };
    assert!(!enabled(&house).await);
    assert_eq!(house.service.engine().directory().anomalies().count(), 1);
    let house = house.killed().await;
    house.react().await;
    assert_eq!(house.count("anomaly.found.v1").await, 1);
    house.cli(acknowledge(position)).await;
    assert_eq!(house.service.engine().directory().anomalies().count(), 0);
}

#[tokio::test]
async fn a_paused_worker_of_dead_letters_leaves_them_as_they_stand() {
    let (house, ..) = refused().await;
    house.react().await;
    house.cli(switch(Worker::Dlq, true)).await;
    house.pass(10_000);
    house.react().await;
    assert_eq!(house.count("letter.taken.v1").await, 0);
    house.cli(switch(Worker::Dlq, false)).await;
    house.react().await;
    assert_eq!(house.count("letter.taken.v1").await, 1);
}
